//! Validation of many endpoints, once or again and again: how often to look, how long to wait, whom to leave alone, what to
//! remember, what to believe.

mod asking;
mod evidence;
mod judge;
mod lateness;
mod look;
mod monitor;
mod plan;
mod threshold;
mod validator;
mod watched;

pub(crate) use evidence::Evidence;
pub(crate) use judge::{judge, weigh};
pub(crate) use monitor::{Monitor, Relay, Said};
pub(crate) use threshold::Thresholds;
pub(crate) use validator::{Judged, Subject, Validator, ValidatorOptions};
pub(crate) use watched::Rules;
