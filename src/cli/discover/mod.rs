//! `portolan discover SOURCE`: list what a source knows.

mod checked_source;

use std::path::Path;

use clap::Args;

use self::checked_source::CheckedSource;
pub(super) use self::checked_source::source_definition;
use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::stored::{StoredListing, is_stored_listing};
use super::validate::CheckTrust;
use super::watch::Watching;
use super::{Global, validate};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::identify::Identification;
use crate::source::scan::Scan;
use crate::source::{AnySource, File, Source};

/// List the services of this machine, other hosts, a cluster, a registry or a file
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan discover local --exposed        what another host could reach here
  portolan discover k8s -A                 the services of a whole cluster
  portolan discover consul 'shop-*'        those of a registry")]
pub(super) struct Discover {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    source: CheckedSource,
}

// The options of every source.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    judge: ExitRules,
    #[command(flatten)]
    identify: IdentifyArgs,
    #[command(flatten)]
    watching: Watching,
    /// Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown
    #[arg(long, global = true, help_heading = "Output")]
    validate: bool,
    /// With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]
    #[arg(long, value_name = "N", value_parser = validate::parse_score, global = true, help_heading = "Output", conflicts_with = "watch")]
    min_score: Option<u8>,
}

impl Discover {
    pub(super) fn run(&mut self, global: &Global) -> Result<Exit> {
        let CheckedSource { source, trust } = &mut self.source;
        if let AnySource::File(File { file, .. }) = source
            && is_stored_listing(file)
        {
            return self.options.list_stored(file, global);
        }

        source.read_environment(|name| std::env::var_os(name));
        let source = source.as_source();
        if source.proxy().is_some() && !self.options.validate {
            return Err(Error::usage("--via", "it applies only to checks", "add --validate, or leave it out"));
        }
        answer(&self.options, trust, source, global)
    }
}

impl Options {
    /// Lists what an earlier run stored.
    fn list_stored(&mut self, file: &Path, global: &Global) -> Result<Exit> {
        let others = [
            ("--watch", self.watching.is_asked()?),
            ("--identify", self.identify.asked),
            ("--validate", self.validate),
            ("--min-score", self.min_score.is_some()),
        ];
        if let Some((option, _)) = others.iter().find(|(_, asked)| *asked) {
            let hint = "leave it out, or pipe the file to `portolan validate -`";
            return Err(Error::usage(*option, "the file is a stored listing, which says what was there", hint));
        }

        let stored = StoredListing::read(file, "", &Cancel::new(), None)?;
        self.judge.set_stored(stored.generated(), stored.certain_coverage());
        self.judge.list(&stored, &self.identify, global)
    }
}

/// Find the open ports of hosts; short for `discover scan`
///
/// A target is an address, a network (10.0.0.0/24), a range (10.0.0.1-50), a host name, HOST:PORT, @FILE for a file of
/// targets, - for standard input, or `local` for the addresses of this machine (as root, also of its other network
/// namespaces).
///
/// portolan connects to each TCP port and closes the connection at once; it sends no data. With --udp, it sends each port a
/// probe in the protocol of that port. With several hosts, it first finds out which are up: by TCP, by ICMP echo where
/// permitted, and by ARP and neighbor discovery on the links of this machine. It skips and counts the others (--no-ping
/// scans them too). It lists open ports, and counts the rest on standard error. Only --syn needs a permission. If you type
/// an option of nmap, the error names portolan's equivalent.
#[derive(Args, Debug)]
pub(super) struct ShortScan {
    #[command(flatten)]
    scan: Scan,
    #[command(flatten)]
    trust: CheckTrust,
    #[command(flatten)]
    options: Options,
}

impl ShortScan {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        answer(&self.options, &self.trust, &self.scan, global)
    }
}

/// Lists or watches, as the options say.
pub(super) fn answer(options: &Options, trust: &CheckTrust, source: &dyn Source, global: &Global) -> Result<Exit> {
    let Options { judge, identify, watching, validate, min_score } = options;
    let watches = watching.is_asked()?;
    if min_score.is_some() && !validate {
        return Err(Error::usage("--min-score", "it requires checks", "add --validate, or leave it out"));
    }
    if !validate {
        trust.check_unused()?;
    }
    let contacts = [("--identify", identify.asked), ("--validate", *validate)].into_iter().find(|(_, asked)| *asked);
    if let Some((option, _)) = contacts {
        if source.is_proxied() {
            let why = "it would contact the targets from here, past the proxy";
            return Err(Error::usage(option, why, "leave it or --proxy out"));
        }
        if let Some(noun) = source.noun() {
            let why = format!("a {noun} is not a service");
            return Err(Error::usage(option, why, format!("leave it or --{noun}s out")));
        }
    }

    let identified = Identification { source, options: identify.options(), checked: *validate };
    let watched: &dyn Source = if identify.asked { &identified } else { source };
    match (watches, *validate) {
        (false, false) => judge.list(source, identify, global),
        (false, true) => validate::all(source, (*min_score, trust), identify, judge, global),
        (true, false) => watching.without_checks()?.run(watched, global),
        (true, true) => validate::watch(watched, trust, watching, global),
    }
}
