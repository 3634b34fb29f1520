//! `portolan discover SOURCE`: list what a source knows.

use std::process::ExitCode;

use clap::Args;

use super::Global;
use crate::source::AnySource;

/// List services
#[derive(Args, Debug)]
pub(super) struct Discover {
    /// Exit with 1 if nothing is found
    #[arg(long, global = true, help_heading = "Output")]
    fail_empty: bool,
    /// Exit with 4 if rights are missing to see everything
    #[arg(long, global = true, help_heading = "Output")]
    strict: bool,
    #[command(subcommand)]
    source: AnySource,
}

impl Discover {
    pub(super) fn run(&self, _global: &Global) -> ExitCode {
        let _ = (self.fail_empty, self.strict, self.source.as_source().name());
        ExitCode::SUCCESS
    }
}
