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
//! - **Traffic**: while a service splits its traffic, the weights in force follow from its instances that take calls; without
//!   a split each has its own weight again. A shift goes on only while what it moves to is known to be good.
//! - **Configurations** have versions; a rollback makes a new one.
//! - **Drift**: a finding lasts as long as the reports of its host have it. An agent that sends no report for three
//!   intervals is silent: its findings stay, and are unknown.
//! - **Imported instances** of other registries are read-only for clients.
//! - **Limits**: every refusal has a code, a text and a hint.

mod catalog;
mod change;
mod checks;
mod command;
mod config;
mod config_rules;
mod deadlines;
mod document;
mod drift;
mod drift_rules;
mod entry;
mod guard;
mod imported;
mod leases;
mod nodes;
mod record;
mod register;
mod rejected;
mod renew;
mod replicate;
mod restore;
mod rules;
mod selector;
mod shares;
mod shift;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod tick;
mod traffic;
mod traffic_rules;

pub use catalog::CatalogCommand;
pub use change::{Cause, Change, ChangeKind, Notice, Outcome};
pub use command::{Command, Now};
pub use config::{
    ConfigCommand, ConfigEntry, ConfigValue, ConfigVersion, MAX_ALL_CONFIG_BYTES, MAX_CONFIG_BYTES,
    MAX_CONFIG_HISTORY_BYTES, MAX_CONFIG_VERSIONS, MAX_CONFIGS,
};
pub use document::{DocumentChange, DocumentSubject, DocumentWrite};
pub use drift::{
    AgentState, DriftCommand, HostDrift, HostEntry, HostFinding, MAX_ALL_DRIFT_BYTES, MAX_DRIFT_HOSTS, MISSED_REPORTS,
};
pub use leases::{LeaseKey, LeaseRemainder};
pub use record::InstanceRecord;
pub use rejected::CommandRejection;
pub use replicate::{Replica, ReplicateError, ReplicatedChange};
pub use restore::RestoreError;
pub use rules::{GuardRules, Rules};
pub use selector::Selector;
pub use shift::{MAX_SHIFT_STEPS, MAX_STEP_TIME, MIN_STEP_TIME, Shift, ShiftPhase, ShiftPlan};
pub use snapshot::{HealthCounts, ServiceSummary, Snapshot};
pub use state::{State, step};
pub use traffic::{MAX_TRAFFIC_RULES, ServiceTraffic, TrafficCommand};
