//! `portolan who PORT`: which process holds a port, in words.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::exit::Exit;
use super::identify::IdentifyArgs;
use super::listing::ExitRules;
use super::owner_source::{OwnerSource, is_hidden};
use super::port_words::{describe as describe_sockets, parse_sockets, restrict};
use super::{Global, stderr, stdout};
use crate::error::{Error, Result};
use crate::model::{
    Address, Container, Listing, LocalDetail, OwnerLookup, Process, Service, SocketPatterns, SocketState,
};
use crate::output::FormatName;
use crate::source::Local;

const EXAMPLES: &str = "\
Examples:
  portolan who 8080                 who holds port 8080
  portolan who 127.0.0.1:5432       as ss prints it; also udp/53 and 443/tcp
  portolan who 80,443 --json        the same as `portolan local 80,443 --json`
  kill $(portolan who --pid 8080)   end it; `portolan kill 8080` asks first";

/// Show who holds a port: process, command line, unit or container, and since when
///
/// A port that a firewall rule forwards elsewhere is shown as published, with the process at the other end if that is on
/// this machine. Exits with 1 if nothing listens on one of the ports, and with 3 if the process is hidden: run portolan as
/// root then.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Who {
    /// Ports and sockets: numbers, ranges, names, and what ss, lsof and nmap print, as in 8080, 127.0.0.1:8080 or udp/53
    ///
    /// An address selects the sockets that receive what is sent to it.
    #[arg(value_name = "PORT", required = true, value_delimiter = ',', value_parser = parse_sockets)]
    sockets: Vec<SocketPatterns>,
    /// Print only process ids, one per line
    #[arg(long)]
    pid: bool,
    /// Include every network namespace of this machine (needs root)
    #[arg(long)]
    all_netns: bool,
    /// Show the name and image of a container, from the sockets of docker, podman, containerd and CRI-O
    #[arg(long)]
    runtime: bool,
}

/// One owner, and everything it holds.
pub(super) type Holder<'s> = (&'s Service<LocalDetail>, Vec<String>);

impl Who {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let (all_netns, runtime) = (self.all_netns, self.runtime);
        // The processes that may be signalled are those that hold the port, not those that a rule of the firewall leads to.
        let state = if self.pid { vec![SocketState::Listen, SocketState::Unconnected] } else { Vec::new() };
        let mut local = Local { state, all_netns, runtime, ..Local::default() };
        restrict(&mut local, &self.sockets);
        let is_text = global.format == FormatName::Table || (self.pid && !global.has_format_on_line());
        if self.pid && !is_text {
            return Err(Error::usage("--pid", "it prints process ids only", "leave it or --output out"));
        }

        if !is_text {
            return ExitRules::failing_empty().list(&OwnerSource(&local), &IdentifyArgs::default(), global);
        }
        let listing = local.listing()?;
        let now = Timestamp::now();
        stdout::with_stdout(None, |out| {
            if self.pid { write_pids(out, &listing) } else { write_holders(out, &listing, now) }
        })?;
        Ok(report(&listing, &self.sockets, global.quiet))
    }
}

/// Says on standard error what is missing, and which of the `wanted` sockets nothing holds.
fn report(listing: &Listing<LocalDetail>, wanted: &[SocketPatterns], quiet: bool) -> Exit {
    let errors = listing.errors.iter().inspect(|error| stderr::fault(error)).count();
    let is_hidden = listing.services.iter().any(|service| is_hidden(&service.detail));
    if !quiet {
        for limit in &listing.limits {
            stderr::note(&format!("cannot {}: {}; {}", limit.operation, limit.cause, limit.hint));
        }
    }

    let missing: Vec<&SocketPatterns> = wanted.iter().filter(|sockets| !is_held(listing, sockets)).collect();
    if !quiet {
        for sockets in &missing {
            stderr::note(&format!("nothing listens on {}", describe_sockets(sockets)));
        }
    }

    if errors > 0 || is_hidden {
        return Exit::Incomplete;
    }
    if missing.is_empty() { Exit::Done } else { Exit::ConditionFailed }
}

/// Whether a listener is one of these.
fn is_held(listing: &Listing<LocalDetail>, sockets: &SocketPatterns) -> bool {
    let mut endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    endpoints.any(|endpoint| match (&endpoint.address, endpoint.port) {
        (Address::Ip(ip), Some(port)) => sockets.matches(endpoint.transport, *ip, port),
        _ => false,
    })
}

/// Whether a process that holds the socket is known. Others may hold it too.
pub(super) fn is_known(detail: &LocalDetail) -> bool {
    detail.owner == OwnerLookup::Known
}

fn write_pids(out: &mut (dyn Write + Send), listing: &Listing<LocalDetail>) -> io::Result<()> {
    let mut pids: Vec<u32> =
        listing.services.iter().flat_map(|service| &*service.detail.processes).map(|process| process.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.iter().try_for_each(|pid| writeln!(out, "{pid}"))
}

fn write_holders(out: &mut (dyn Write + Send), listing: &Listing<LocalDetail>, now: Timestamp) -> io::Result<()> {
    let mut is_first = true;
    for holder in holders(&listing.services) {
        if !is_first {
            writeln!(out)?;
        }
        is_first = false;
        out.write_all(describe(&holder, now).as_bytes())?;
    }
    Ok(())
}

/// Groups the listeners that the same processes hold, such as one for IPv4 and one for IPv6.
pub(super) fn holders(services: &[Service<LocalDetail>]) -> Vec<Holder<'_>> {
    let mut holders: Vec<Holder<'_>> = Vec::new();
    for service in services {
        let addresses = service.endpoints.iter().map(|endpoint| format!("{} {endpoint}", endpoint.transport.as_str()));
        let same = holders.iter_mut().find(|(other, _)| is_same_owner(&other.detail, &service.detail));
        match same {
            Some((_, known)) => known.extend(addresses),
            None => holders.push((service, addresses.collect())),
        }
    }
    holders
}

fn is_same_owner(one: &LocalDetail, other: &LocalDetail) -> bool {
    if one.is_published() || other.is_published() {
        return false;
    }
    let pids = |detail: &LocalDetail| detail.processes.iter().map(|process| process.pid).collect::<Vec<_>>();
    !one.processes.is_empty()
        && (&one.netns, one.processes_complete) == (&other.netns, other.processes_complete)
        && pids(one) == pids(other)
}

/// Several lines about one holder: what it is, and what it listens on; or where a rule of the firewall leads instead.
fn describe((service, addresses): &Holder<'_>, now: Timestamp) -> String {
    let detail = &service.detail;
    let held = addresses.join(" and ");
    let mut lines = Vec::new();

    let text = match detail.main_process() {
        _ if detail.is_published() => {
            lines.extend(detail.main_process().into_iter().flat_map(|process| process_lines(process, detail, now)));
            let ends: Vec<String> = detail.forwards_to.iter().map(ToString::to_string).collect();
            format!("{held} is published to {}\n", ends.join(" and "))
        }
        None => format!("{held}: {}\n", detail.owner.as_str()),
        Some(process) => {
            let name = service.name.as_ref().unwrap_or(&process.name);
            lines.extend(process_lines(process, detail, now));
            format!("{name} listens on {held}\n")
        }
    };

    // Usually the process itself opened the socket.
    let opened_by = detail
        .user
        .as_ref()
        .filter(|user| detail.main_process().and_then(|process| process.user.as_ref()) != Some(*user));
    lines.push(("opened by", opened_by.map(ToString::to_string).unwrap_or_default()));
    lines.push(("unit", detail.unit.as_ref().map(ToString::to_string).unwrap_or_default()));
    lines.push(("container", detail.container.as_ref().map(container).unwrap_or_default()));
    lines.push(("namespace", detail.netns.as_ref().map(ToString::to_string).unwrap_or_default()));
    lines.iter().filter(|(_, value)| !value.is_empty()).fold(text, |mut text, (label, value)| {
        // Writing to a String never fails.
        let _ = writeln!(text, "  {label:<10}  {value}");
        text
    })
}

/// `docker-3f4e8a1b2c3d (web, nginx:1.29)`
fn container(container: &Container) -> String {
    let known: Vec<String> =
        [&container.name, &container.image].into_iter().flatten().map(ToString::to_string).collect();
    match known.as_slice() {
        _ if container.name_unknown => format!("{container} (name unknown)"),
        [] => container.to_string(),
        known => format!("{container} ({})", known.join(", ")),
    }
}

fn process_lines(process: &Process, detail: &LocalDetail, now: Timestamp) -> Vec<(&'static str, String)> {
    let others = detail.processes.iter().filter(|other| other.pid != process.pid);
    let others: Vec<String> = others
        .map(|other| {
            if other.name == process.name {
                other.pid.to_string()
            } else {
                format!("{} (pid {})", other.name, other.pid)
            }
        })
        .collect();
    let mut who = format!("{} (pid {})", process.name, process.pid);
    if !others.is_empty() {
        let _ = write!(who, ", with {} more: {}", others.len(), others.join(", "));
    }
    if !detail.processes_complete {
        who.push_str("; hidden processes may hold it too");
    }

    let parents: Vec<String> =
        process.parents.iter().map(|parent| format!("{} (pid {})", parent.name, parent.pid)).collect();
    vec![
        ("process", who),
        ("command", process.command.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("executable", process.exe.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("directory", process.cwd.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("runs as", process.user.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("started", process.started.map(|at| since(at, now)).unwrap_or_default()),
        ("parents", parents.join(", ")),
    ]
}

/// `2026-11-29 08:44:02 UTC, 2 hours ago`
fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{}, {} ago", at.strftime("%Y-%m-%d %H:%M:%S UTC"), age(now.duration_since(at)))
}

/// A time in its largest unit.
fn age(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let ages = [0, 1, 59, 60, 3_599, 3_600, 86_399, 86_400, 400_000].map(|s| age(SignedDuration::from_secs(s)));
        let expected =
            ["0 seconds", "1 second", "59 seconds", "1 minute", "59 minutes", "1 hour", "23 hours", "1 day", "4 days"];
        assert_eq!(ages, expected);
        assert_eq!(age(SignedDuration::from_secs(-5)), "0 seconds", "a clock that was set back");
    }
}
