//! Validation of many services: [`Validator`] once, [`Monitor`] continuously.
//!
//! Validation of many endpoints, once or again and again: how often to look, how long to wait, whom to leave alone, what to
//! remember, what to believe.

mod columns;
mod continuous;
mod custom;
mod evidence;
mod evidence_files;
mod judge;
mod lag;
mod monitor;
mod plan;
mod run;
mod run_summary;
mod runner;
mod source;
mod summary;
mod threshold;
mod validate;
mod validator;
mod watched;

pub(crate) use columns::COLUMNS;
pub use continuous::Monitor;
pub(crate) use evidence::Evidence;
pub(crate) use evidence_files::{EvidenceFiles, ReadBack, read as read_evidence};
pub(crate) use judge::{judge, weigh};
pub(crate) use monitor::EndpointMonitor;
pub(crate) use run_summary::RunSummary;
pub(crate) use source::Validation;
pub use summary::Summary;
pub use threshold::Thresholds;
pub use validate::{ValidatedSource, Validator};
pub use validator::ValidatorOptions;
pub(crate) use validator::{CheckedEndpoint, EndpointValidator, Subject};
pub(crate) use watched::ThresholdRules;
