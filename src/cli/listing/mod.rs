//! Lists a source into every output and determines the exit code.

mod exit_rules;
mod printer;

pub(super) use self::exit_rules::ExitRules;
