//! Validation of many endpoints: how often to look, how long to wait, whom to leave alone, what to remember.

mod evidence;
mod lateness;
mod plan;
mod validator;

pub(crate) use evidence::Evidence;
pub(crate) use validator::{Judged, Subject, Validator, ValidatorOptions};
