//! From the words of the command line to what is asked.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use super::{Cli, usage};
use crate::error::Result;

/// What the command line asks for.
pub(super) enum Parsed {
    /// A text of clap's: `--help` or `--version`.
    Text(StyledStr),
    /// A command.
    Run(Box<Cli>),
}

/// Parses the command line.
///
/// # Errors
/// What cannot be used, the first of it.
pub(super) fn parse(args: &[OsString]) -> Result<Parsed> {
    let mut command = Cli::command();
    let matches = match command.try_get_matches_from_mut(args) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.render()));
        }
        Err(error) => return Err(usage::error(&error, &command, args)),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => Ok(Parsed::Run(Box::new(cli))),
        Err(error) => Err(usage::error(&error, &command, args)),
    }
}
