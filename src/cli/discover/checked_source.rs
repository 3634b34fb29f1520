//! The sources of `portolan discover`: those whose services are reached like any server's have the check options for TLS too.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::cli::validate::CheckTrust;
use crate::source::AnySource;

/// A source, and what its checks trust.
#[derive(Debug)]
pub(super) struct CheckedSource {
    pub(super) source: AnySource,
    pub(super) trust: CheckTrust,
}

/// The sources that have these options. The others connect with options of the same names themselves.
const WITH_TRUST: [&str; 2] = ["local", "scan"];

/// The definition of the source with that word.
pub(in crate::cli) fn source_definition(word: &str) -> Option<Command> {
    let command = crate::source::source_definition(word)?;
    Some(if WITH_TRUST.contains(&word) { CheckTrust::augment_args(command) } else { command })
}

impl FromArgMatches for CheckedSource {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let own = matches.subcommand().filter(|(word, _)| WITH_TRUST.contains(word));
        let trust = own.map(|(_, matches)| CheckTrust::from_arg_matches(matches)).transpose()?.unwrap_or_default();
        Ok(Self { source: AnySource::from_arg_matches(matches)?, trust })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for CheckedSource {
    fn augment_subcommands(command: Command) -> Command {
        AnySource::augment_subcommands(command).mut_subcommands(|source| {
            if WITH_TRUST.contains(&source.get_name()) { CheckTrust::augment_args(source) } else { source }
        })
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        AnySource::has_subcommand(name)
    }
}
