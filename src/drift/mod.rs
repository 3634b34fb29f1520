//! Compares what registries say with what listens here and with what replies: [`compare()`] is a pure function of one look,
//! [`Confirmation`] waits until two looks agree, and [`Drift`] is the source that looks.
//!
//! What cannot be seen is never a drift: the sockets of other hosts, hidden owners, networks that are unreachable, and what a
//! registry that is down would have said.

mod across;
mod allow;
mod columns;
mod command;
mod compare;
mod confirm;
mod dns;
mod host;
mod identified;
mod identify;
mod input;
mod item;
mod listeners;
mod location;
mod look;
mod owner;
#[cfg(test)]
mod planted;
mod registered;
mod registry_list;
mod removal;
mod reply;
mod report;
mod source;
mod subject;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_across;
mod unregistered;
mod verdict;

pub use crate::model::DRIFT_KINDS as KINDS;
use crate::model::drift_kinds as kinds;
pub use allow::AllowList;
#[cfg(feature = "cli")]
pub(crate) use columns::COLUMNS;
pub use compare::compare;
pub use confirm::Confirmation;
pub use host::HostView;
pub use input::{DriftInput, HostFilter, RegistryFinding, RegistryView};
pub use item::{DriftItem, Removal};
pub use look::DriftLook;
pub use registered::{Declaration, FailedCheck, RegisteredEndpoint, RegistryHealth};
pub use registry_list::{HostLookup, RegistrySource, ServiceLookup};
pub use removal::{MAX_REMOVED_PERCENT, RemovalPlan, plan_removals};
pub use reply::{AddressReply, ConnectionEnd};
pub use report::report_of;
pub use source::{Drift, DriftCounts};
pub use verdict::{DriftVerdict, verdict};
