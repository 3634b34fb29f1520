//! Validation of many endpoints, once or again and again: how often to look, how long to wait, whom to leave alone, what to
//! remember, what to believe.

mod columns;
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
mod threshold;
mod validator;
mod watched;

pub(crate) use columns::COLUMNS;
pub(crate) use evidence::Evidence;
pub(crate) use evidence_files::{EvidenceFiles, ReadBack, read as read_evidence};
pub(crate) use judge::{judge, weigh};
pub(crate) use monitor::Monitor;
pub(crate) use run_summary::RunSummary;
pub(crate) use source::Validation;
pub(crate) use threshold::Thresholds;
pub(crate) use validator::{CheckedEndpoint, Subject, Validator, ValidatorOptions};
pub(crate) use watched::ThresholdRules;
