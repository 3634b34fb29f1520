//! Concurrency that knows nothing of services: what scanning, probing, checking and watching share.

mod breaker;
mod cache;
mod clock;
mod shutdown;

pub use breaker::{Breaker, BreakerOptions, BreakerState, Breakers, Outcome, Permit, Rejected};
pub use cache::{Cache, CacheOptions, CacheStats, Key, KeyRef, Load, LoadError, Loaded, Lookup, Swept};
pub use clock::{Clock, ManualClock};
#[cfg(unix)]
pub use shutdown::SignalWatch;
pub use shutdown::{Drained, Shutdown, Signal, Tracked};
