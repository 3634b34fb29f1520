//! The summary of a scan: its size and its failures.

use std::fmt::Write;

use rustix::io::Errno;

use super::scan_counts::{ScanCounts, StopReason};
use crate::error::plain;
use crate::model::{PartialError, PortState, ScannedHost, Transport};

/// A scan of more probes needs a confirmation.
pub(super) const MANY: u128 = 1 << 20;

/// The size of a scan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) hosts: u64,
    /// Per host.
    pub(super) ports: u64,
    pub(super) probes: u64,
    /// Probes of earlier runs, which `probes` includes.
    pub(super) before: u64,
    /// Only hosts are looked for; each counts as a probe.
    pub(super) hosts_only: bool,
}

impl Summary {
    /// Whether sorting a document of all its ports would take too much memory.
    pub(super) fn is_large(&self) -> bool {
        u128::from(self.probes) > MANY
    }

    /// The number of ports in each state, those of earlier runs included, in one sentence.
    pub(super) fn sentence(&self, tally: &ScanCounts) -> String {
        if self.hosts_only {
            return self.sentence_of_hosts(tally);
        }
        let mut text = format!("{} of {}:", ports(self.ports), hosts(self.hosts));
        for state in PortState::ALL {
            let count = tally.of(state);
            // Always show open and closed: zero is information too.
            if count > 0 || matches!(state, PortState::Open | PortState::Closed) {
                // Writing to a String cannot fail.
                let _ = write!(text, " {count} {},", state.as_str());
            }
        }
        text.pop();

        if self.before > 0 {
            let _ = write!(text, "; {} of them scanned before", self.before);
        }
        if tally.absent_hosts > 0 {
            let _ = write!(
                text,
                "; {} absent, {} not scanned (use --no-ping to scan them)",
                hosts(tally.absent_hosts),
                ports(tally.absent)
            );
        }

        let unscanned = self.probes.saturating_sub(tally.known() + tally.absent);
        if unscanned > 0 {
            let _ = write!(text, "; {unscanned} not scanned");
        }

        text
    }

    fn sentence_of_hosts(&self, tally: &ScanCounts) -> String {
        let up = tally.of(PortState::Up);
        let mut text = format!("{}: {} up, {} absent", addresses(self.hosts), hosts(up), tally.absent_hosts);
        let unknown = self.probes.saturating_sub(up + tally.absent);
        if unknown > 0 {
            let _ = write!(text, "; {unknown} not probed");
        }
        text
    }

    /// The failures, with the number of ports that each affects.
    pub(super) fn faults(&self, tally: &ScanCounts) -> Vec<PartialError> {
        let mut faults = Vec::new();
        if tally.prohibited > 0 {
            let hint = "check for a sandbox, a security module or a `prohibit` route";
            faults.push(self.fault(tally.prohibited, "this machine does not permit it", hint));
        }
        if tally.short > 0 {
            let why = tally.shortage.map_or_else(|| "every attempt connected to itself".to_owned(), shortage);
            faults.push(self.fault(tally.short, &why, shortage_hint(tally.shortage)));
        }

        let explained = tally.known() + tally.absent + tally.prohibited + tally.short + tally.unbegun;
        let unscanned = self.probes.saturating_sub(explained);
        match tally.stop {
            _ if unscanned == 0 => {}
            Some(StopReason::Deadline) => faults.push(self.fault(unscanned, TIME_OVER.0, TIME_OVER.1)),
            Some(StopReason::Broken(errno)) => {
                let hint = "this is a bug in portolan; please report it";
                faults.push(self.fault(unscanned, &shortage(errno), hint));
            }
            Some(StopReason::Stopped) | None => faults.push(self.fault(unscanned, STOPPED.0, STOPPED.1)),
        }

        faults
    }

    fn fault(&self, count: u64, why: &str, hint: &str) -> PartialError {
        PartialError {
            operation: if self.hosts_only {
                format!("look for hosts at {count} of {}", addresses(self.probes))
            } else {
                format!("scan {count} of {}", ports(self.probes))
            },
            cause: why.to_owned(),
            hint: hint.to_owned(),
        }
    }
}

/// With fewer ports, all of them may well be open.
const MIN_UNIFORM_PORTS: u64 = 50;
/// Hosts that are named; further ones are counted.
const MAX_NAMED_HOSTS: usize = 3;

/// Notes on hosts of which nearly every port is open: no server listens at 95% of so many ports.
pub(super) fn notes_on_uniform_hosts(scanned: &[ScannedHost]) -> Vec<String> {
    let uniform: Vec<&ScannedHost> = scanned.iter().filter(|host| is_uniform(host)).collect();

    let mut notes: Vec<String> = uniform
        .iter()
        .take(MAX_NAMED_HOSTS)
        .map(|host| {
            let ScannedHost { address, open, ports, .. } = host;
            format!(
                "{open} of {ports} ports of {address} are open: a SYN proxy, a firewall or a tarpit may reply for them; \
                 what --identify recognizes does speak"
            )
        })
        .collect();
    if let Some(more @ 1..) = uniform.len().checked_sub(MAX_NAMED_HOSTS) {
        notes.push(format!("{} more with nearly every port open", hosts(more as u64)));
    }
    notes
}

fn is_uniform(host: &ScannedHost) -> bool {
    let known = host.open + host.closed + host.filtered + host.unreachable;
    host.transport == Transport::Tcp && known >= MIN_UNIFORM_PORTS && host.open * 20 >= known * 19
}

/// Why a result is incomplete, and the hint.
const TIME_OVER: (&str, &str) = ("the --deadline has passed", "raise --deadline, or scan fewer ports");
const STOPPED: (&str, &str) = ("the scan was stopped", "run it to the end");

/// The error of a scan that ended before all targets were read.
pub(super) fn unread(stop: StopReason) -> PartialError {
    let (why, hint) = if stop == StopReason::Deadline { TIME_OVER } else { STOPPED };
    PartialError { operation: "read all targets".into(), cause: why.into(), hint: hint.into() }
}

/// The error for other network namespaces in a scan with `--resume`: the file holds addresses, which two namespaces may share.
pub(super) fn skipped_namespaces(count: usize) -> PartialError {
    let what = format!("scan {} of this machine", counted(count as u128, "other network namespace"));
    let why = "a --resume file holds the addresses of one namespace".into();
    PartialError {
        operation: what,
        cause: why,
        hint: "leave --resume out, or run portolan in each namespace (nsenter --net)".into(),
    }
}

/// `1 host`, `2 hosts`
pub(super) fn hosts(count: impl Into<u128>) -> String {
    counted(count.into(), "host")
}

/// `1 port`, `2 ports`
pub(super) fn ports(count: impl Into<u128>) -> String {
    counted(count.into(), "port")
}

/// `1 address`, `2 addresses`
pub(super) fn addresses(count: impl Into<u128>) -> String {
    let count = count.into();
    format!("{count} address{}", if count == 1 { "" } else { "es" })
}

fn counted(count: u128, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The kernel's text for an error, without its number.
fn shortage(errno: Errno) -> String {
    plain(&errno.into())
}

fn shortage_hint(errno: Option<Errno>) -> &'static str {
    match errno {
        Some(Errno::MFILE | Errno::NFILE) => {
            "raise the limit of open files (`ulimit -n`), or scan fewer targets at a time"
        }
        _ => "scan fewer targets at a time, or raise the limit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_covers_every_port() {
        let summary = Summary { hosts: 2, ports: 10, probes: 20, ..Summary::default() };
        let mut tally = ScanCounts::default();
        (0..20).for_each(|_| tally.count(PortState::Closed));
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 0 open, 20 closed");
        assert!(summary.faults(&tally).is_empty());

        let one = Summary { hosts: 1, ports: 1, probes: 1, ..Summary::default() };
        assert_eq!(one.sentence(&ScanCounts::default()), "1 port of 1 host: 0 open, 0 closed; 1 not scanned");

        let mut tally = ScanCounts::default();
        (0..10).for_each(|_| tally.count(PortState::Closed));
        (tally.absent_hosts, tally.absent) = (1, 10);
        let expected =
            "10 ports of 2 hosts: 0 open, 10 closed; 1 host absent, 10 ports not scanned (use --no-ping to scan them)";
        assert_eq!(summary.sentence(&tally), expected);
        assert!(summary.faults(&tally).is_empty());

        let mut tally = ScanCounts::default();
        (tally.prohibited, tally.short, tally.shortage) = (2, 1, Some(Errno::NOBUFS));
        tally.count(PortState::Open);
        tally.count(PortState::Filtered);
        tally.stop = Some(StopReason::Deadline);
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 1 open, 0 closed, 1 filtered; 18 not scanned");
        let operations: Vec<String> = summary.faults(&tally).into_iter().map(|fault| fault.operation).collect();
        assert_eq!(operations, ["scan 2 of 20 ports", "scan 1 of 20 ports", "scan 15 of 20 ports"]);

        // Ten ports are of a namespace that went away, which has its own error.
        let mut tally = ScanCounts::default();
        tally.unbegun = 10;
        (0..10).for_each(|_| tally.count(PortState::Closed));
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 0 open, 10 closed; 10 not scanned");
        assert!(summary.faults(&tally).is_empty());
    }
}
