//! `portolan discover SOURCE`: list what a source knows.

use clap::Args;

use super::Global;
use super::exit::Exit;
use crate::error::Result;
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
    pub(super) fn run(&self, _global: &Global) -> Result<Exit> {
        let _ = (self.fail_empty, self.strict, self.source.as_source().name());
        Ok(Exit::Done)
    }
}
