//! Validation of many endpoints, once or again and again: how often to look, how long to wait, whom to leave alone, what to
//! remember, what to believe.

mod evidence;
mod judge;
mod lag;
mod monitor;
mod plan;
mod run;
mod runner;
mod threshold;
mod validator;
mod watched;

pub(crate) use evidence::Evidence;
pub(crate) use judge::{judge, weigh};
pub(crate) use monitor::{ChannelSink, Monitor, SourceMessage};
pub(crate) use threshold::Thresholds;
pub(crate) use validator::{CheckedEndpoint, Subject, Validator, ValidatorOptions};
pub(crate) use watched::ThresholdRules;
