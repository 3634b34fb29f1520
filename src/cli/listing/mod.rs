//! One listing of a source: written into every output, and its exit code.

mod exit_rules;
mod printer;

pub(super) use self::exit_rules::ExitRules;
