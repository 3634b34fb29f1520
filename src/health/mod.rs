//! Validation of many services: [`Validator`] once, [`Monitor`] continuously.
//!
//! This module decides when to check an endpoint, how long to wait, when to skip it, which results to cache, and when a
//! change is confirmed. The checks themselves are in [`check`](crate::check).

mod address_slots;
mod aggregate;
mod block_cause;
mod columns;
mod continuous;
mod custom;
mod evidence;
mod evidence_files;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod lag;
mod latest;
mod monitor;
mod plan;
mod result_ring;
mod run;
mod run_summary;
mod runner;
mod schedule;
mod source;
mod summary;
mod trusts;
mod validate;
mod validator;
mod watched;

pub use crate::model::Thresholds;
pub(crate) use aggregate::{aggregate, set_health};
pub(crate) use columns::COLUMNS;
#[cfg(feature = "cli")]
pub(crate) use columns::beside as columns_beside;
pub use continuous::Monitor;
pub(crate) use evidence::Evidence;
pub(crate) use evidence_files::{EvidenceFiles, ReadBack, read as read_evidence};
pub(crate) use latest::LatestHealth;
pub(crate) use monitor::EndpointMonitor;
pub(crate) use plan::{CHECKED_PROTOCOLS, is_checked_protocol};
pub(crate) use result_ring::{MAX_RESULTS, PastResult, ResultRing};
pub(crate) use run_summary::RunSummary;
#[cfg(feature = "serve")]
pub(crate) use run_summary::missed_expectation;
pub(crate) use schedule::{CheckNumber, CheckSchedule, ScheduleEvent, ScheduleLimits};
pub(crate) use source::Validation;
pub use summary::Summary;
pub use validate::{ValidatedSource, Validator};
pub use validator::ValidatorOptions;
pub(crate) use validator::{CheckedEndpoint, EndpointValidator, Subject};
pub(crate) use watched::ThresholdRules;
