//! `portolan local`, and `portolan` alone: what listens on this machine.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;

use super::discover::{self, Options};
use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::port_words::{parse_ports, parse_sockets, restrict};
use super::registry::RegistryOptions;
use super::validate::CheckTrust;
use super::{Global, announce, stderr};
use crate::error::Result;
use crate::model::{Column, Completeness, SocketPatterns};
use crate::source::{ItemSink, ListContext, ListFuture, ListItem, Local, Source};

const EXAMPLES: &str = "\
Examples:
  portolan local                      what listens here, and who owns it
  portolan local 8080                 what listens on port 8080
  portolan local --exposed -o wide    what another host could reach
  portolan local --tree               listeners below their processes
  portolan local --process 'nginx*'   the listeners of one program
  portolan local --watch              each change as it happens
  portolan local --columns address,process,user --sort user";

/// List what listens on this machine; short for `discover local`
///
/// PORT selects ports: `portolan local 8080` lists what listens on port 8080, and so does `portolan 8080`. If you type an
/// option of ss, netstat or lsof, the error names portolan's equivalent.
///
/// With --register, portolan registers listeners instead of listing them: each one that a rule matches, for as long as it
/// listens and portolan runs. The file has a [[service]] for each rule: its name, a match with one or more
/// of port, process, unit, container and name (* and ? are wildcards), and optionally tags, check, interval, version,
/// metadata, namespace, protocol, weight, zone, ttl and address. The first rule that matches counts.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [[service]] is a section of a file")]
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShortLocal {
    /// Show only these ports and sockets: numbers, ranges, names, and what ss, lsof and nmap print, as in 8080, 127.0.0.1:8080 or
    /// udp/53
    #[arg(value_name = "PORT", id = "port", value_parser = parse_sockets, conflicts_with_all = ["ports", "unix", "raw", "packet", "vsock"], help_heading = "Filters")]
    listed: Vec<SocketPatterns>,
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    trust: CheckTrust,
    #[command(flatten)]
    options: Options,
    /// Register what the rules of this TOML file match, for as long as it listens
    #[arg(long = "register", value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Registration")]
    rules: Option<PathBuf>,
    /// Use this registry for --register, as in consul://127.0.0.1:8500 [default: from the DISCOVERY_* variables, else
    /// portolan://127.0.0.1:7440]
    #[arg(long, visible_alias = "server", value_name = "URL", requires = "rules", help_heading = "Registration")]
    registry: Option<String>,
}

impl ShortLocal {
    pub(super) fn run(&mut self, global: &Global) -> Result<Exit> {
        if !self.listed.is_empty() {
            restrict(&mut self.local, &self.listed);
        }
        match &self.rules {
            Some(rules) => announce::run(rules, &RegistryOptions::of_url(self.registry.clone()), &self.local, global),
            None => discover::answer(&self.options, &self.trust, &self.local, global),
        }
    }
}

/// Whether the first word of a command line is a port, which makes it short for `portolan local`.
pub(super) fn is_port(word: &str) -> bool {
    let digits = word.strip_prefix(':').unwrap_or(word);
    digits.starts_with(|first: char| first.is_ascii_digit()) && parse_ports(word).is_ok()
}

/// The number of rows that `portolan` alone lists.
const FIRST_ROWS: usize = 20;

/// What a new user should know next.
const NEXT_STEPS: [&str; 3] = [
    "more about this machine: `portolan local`, `portolan who PORT`, `portolan local --watch`",
    "elsewhere: `portolan scan HOST`, `portolan discover k8s`, `portolan validate HOST:PORT`",
    "all commands: `portolan --help`",
];

/// Lists the first rows of this machine, and names the other commands.
pub(super) fn overview(global: &Global) -> Result<Exit> {
    let exit = ExitRules::default().list(&FirstRows(Local::default()), &IdentifyArgs::default(), global)?;
    if !global.quiet {
        for line in NEXT_STEPS {
            stderr::note(line);
        }
    }
    Ok(exit)
}

/// Lists only the first services of this machine.
struct FirstRows(Local);

impl Source for FirstRows {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn columns(&self) -> &'static [Column] {
        self.0.columns()
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(&self.0)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let mut first = FirstSink { out, listed: 0 };
            let completeness: Completeness = self.0.list(context, &mut first).await?;

            let FirstSink { out, listed } = first;
            let left_out = listed.saturating_sub(FIRST_ROWS);
            if left_out > 0 {
                out.note(format!("{left_out} more; `portolan local` lists all"));
            }
            Ok(completeness)
        })
    }
}

struct FirstSink<'a> {
    out: &'a mut dyn ItemSink,
    listed: usize,
}

impl ItemSink for FirstSink<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        if matches!(item, ListItem::Service(_)) {
            self.listed += 1;
            if self.listed > FIRST_ROWS {
                return ControlFlow::Continue(());
            }
        }
        self.out.accept(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_a_command() {
        for word in ["8080", ":8080", "8000-9000", "22,80", "0022"] {
            assert!(is_port(word), "{word}");
        }
        for word in ["local", "http", ":http", "", ":", "-p", "0", "65536", "80x", "10.0.0.5", "127.0.0.1:80"] {
            assert!(!is_port(word), "{word}");
        }
    }
}
