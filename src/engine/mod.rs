//! Generic concurrency for scans, probes, checks and watches.

mod breaker;
mod cache;
mod cancel;
mod clock;
mod load_plan;
mod park;
mod pool;
mod process_group;
mod retry;
mod shutdown;

pub use breaker::{Breaker, BreakerOptions, BreakerState, Breakers, CallOutcome, Permit, RejectedCall};
pub use cache::{Cache, CacheOptions, CacheStats, CachedValue, Key, KeyRef, Load, LoadError, Lookup, SweepReport};
pub(crate) use cancel::WaitOutcome;
pub use cancel::{Cancel, CancelOnDrop};
pub(crate) use clock::saturating_nanos;
pub use clock::{Clock, ManualClock};
pub use load_plan::LoadPlan;
pub(crate) use park::block_on;
pub use pool::{Job, JobError, JobHandle, Lane, Pool, PoolOptions, PoolStats, SubmitError, SubmitErrorKind};
pub(crate) use process_group::ProcessGroup;
pub use retry::{Retry, RetryDecision, RetryError};
pub use shutdown::{DrainReport, Shutdown, Signal, TrackedTask};
