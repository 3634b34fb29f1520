//! The rules of the registry, as a pure state machine: commands in, changes out. No input, no output, no clock of its own.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use portolan::model::{Registration, Timestamp};
//! use portolan::registry::{Command, Now, Rules, State, step};
//!
//! let mut state = State::new(Rules::default());
//! let at = |seconds| Now { elapsed: Duration::from_secs(seconds), wall: Timestamp::UNIX_EPOCH };
//! let web = Registration::new("web", "10.0.0.5:80".parse()?).id("6f2d3b0e-0b0c-4c39-9d6c-7e1f6f5f7a11");
//!
//! let outcome = step(&mut state, Command::Register(Arc::new(web)), at(0))?;
//! assert_eq!(outcome.changes[0].index, 1);
//! // The default ttl is 30 s, and 15 s of grace come on top.
//! assert!(step(&mut state, Command::Tick, at(45))?.changes[0].instance.lease.unwrap().expired);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rules
//! - **Index**: each change has the next number. Every service keeps the index of its last change. A renewal, a repeated
//!   registration and a check result without another state change nothing.
//! - **Generation**: an id that is registered again after it was removed has a new generation. A command for an older one is
//!   refused.
//! - **Lease**: after ttl and grace without a renewal an instance is unhealthy; if it stays so for `deregister_after`, it is
//!   removed. After a restart, and after a pause of this process, each lease gets one full ttl.
//! - **Health**: the worst of operator, lease, node, own report and checks.
//! - **Mass failure**: if too many fail within one ttl, none is removed until they recover, or for ten minutes.
//! - **Limits**: every refusal has a code, a text and a hint.

mod catalog;
mod change;
mod checks;
mod command;
mod deadlines;
mod entry;
mod guard;
mod leases;
mod nodes;
mod record;
mod register;
mod rejected;
mod renew;
mod replicate;
mod restore;
mod rules;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod tick;

pub use catalog::CatalogCommand;
pub use change::{Cause, Change, ChangeKind, Notice, Outcome};
pub use command::{Command, Now};
pub use leases::{LeaseKey, LeaseRemainder};
pub use record::InstanceRecord;
pub use rejected::Rejected;
pub use replicate::{ReplicateError, ReplicatedChange};
pub use restore::RestoreError;
pub use rules::{GuardRules, Rules};
pub use snapshot::{HealthCounts, ServiceSummary, Snapshot};
pub use state::{State, step};
