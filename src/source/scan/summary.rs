//! What a scan says of itself: how much it asked, and what it could not.

use std::fmt::Write;

use rustix::io::Errno;

use super::scan_counts::{ScanCounts, StopReason};
use crate::error::plain;
use crate::model::{PartialError, PortState};

/// What was to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) hosts: u64,
    /// Of each host.
    pub(super) ports: u64,
    pub(super) probes: u64,
    /// Of these, what an earlier run has asked.
    pub(super) before: u64,
}

impl Summary {
    /// How many ports are in which state, for people.
    pub(super) fn sentence(&self, tally: &ScanCounts) -> String {
        let mut text = format!("{} of {}:", ports(self.ports), hosts(self.hosts));
        for state in PortState::ALL {
            let count = tally.of(state);
            // Open and closed ones always: that there is none is worth knowing.
            if count > 0 || matches!(state, PortState::Open | PortState::Closed) {
                // Writing to a String cannot fail.
                let _ = write!(text, " {count} {},", state.as_str());
            }
        }
        text.pop();
        if self.before > 0 {
            let _ = write!(text, "; {} asked before", self.before);
        }
        if tally.absent_hosts > 0 {
            let _ = write!(
                text,
                "; {} not seen, {} not tried (--no-ping tries them)",
                hosts(tally.absent_hosts),
                ports(tally.absent)
            );
        }
        let untried = self.probes.saturating_sub(self.before + tally.known() + tally.absent);
        if untried > 0 {
            let _ = write!(text, "; {untried} not tried");
        }
        text
    }

    /// What could not be asked, and why.
    pub(super) fn faults(&self, tally: &ScanCounts) -> Vec<PartialError> {
        let what = |count: u64| format!("ask {count} of {}", ports(self.probes));
        let fault = |count: u64, why: &str, hint: &str| PartialError {
            operation: what(count),
            cause: why.into(),
            hint: hint.into(),
        };
        let mut faults = Vec::new();
        if tally.prohibited > 0 {
            let hint = "look for a sandbox, a security module or a `prohibit` route";
            faults.push(fault(tally.prohibited, "this machine does not permit it", hint));
        }
        if tally.short > 0 {
            let why = tally.shortage.map_or_else(|| "every attempt met itself".to_owned(), shortage);
            faults.push(fault(tally.short, &why, "scan fewer targets at a time, or raise the limit"));
        }
        let told = tally.known() + tally.absent + tally.prohibited + tally.short + tally.unbegun;
        let untried = self.probes.saturating_sub(self.before + told);
        match tally.cut {
            _ if untried == 0 => {}
            Some(StopReason::Deadline) => faults.push(fault(untried, TIME_OVER.0, TIME_OVER.1)),
            Some(StopReason::Broken(errno)) => {
                faults.push(fault(untried, &shortage(errno), "this is a fault of portolan's: please report it"));
            }
            Some(StopReason::Stopped) | None => faults.push(fault(untried, STOPPED.0, STOPPED.1)),
        }
        faults
    }
}

/// Why an answer is not whole, and what to try.
const TIME_OVER: (&str, &str) = ("the time given by --deadline is over", "give it more, or ask for less");
const STOPPED: (&str, &str) = ("the scan was stopped", "let it come to its end");

/// That the end came before all targets were known.
pub(super) fn unread(cut: StopReason) -> PartialError {
    let (why, hint) = if cut == StopReason::Deadline { TIME_OVER } else { STOPPED };
    PartialError { operation: "read all targets".into(), cause: why.into(), hint: hint.into() }
}

/// That so many other network namespaces are not asked: a file of `--resume` holds addresses, and theirs may be the same.
pub(super) fn left_out(namespaces: usize) -> PartialError {
    let what = format!("scan {} of this machine", counted(namespaces as u128, "other network namespace"));
    let why = "a file of --resume holds addresses of one namespace".into();
    PartialError {
        operation: what,
        cause: why,
        hint: "leave --resume out, or run portolan in each of them (nsenter --net)".into(),
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

fn counted(count: u128, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The kernel's words for an error, without its number.
fn shortage(errno: Errno) -> String {
    plain(&errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_told_of() {
        let summary = Summary { hosts: 2, ports: 10, probes: 20, before: 0 };
        let mut tally = ScanCounts::default();
        (0..20).for_each(|_| tally.count(PortState::Closed));
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 0 open, 20 closed");
        assert!(summary.faults(&tally).is_empty());
        let one = Summary { hosts: 1, ports: 1, probes: 1, before: 0 };
        assert_eq!(one.sentence(&ScanCounts::default()), "1 port of 1 host: 0 open, 0 closed; 1 not tried");

        let mut tally = ScanCounts::default();
        (0..10).for_each(|_| tally.count(PortState::Closed));
        (tally.absent_hosts, tally.absent) = (1, 10);
        let expected =
            "10 ports of 2 hosts: 0 open, 10 closed; 1 host not seen, 10 ports not tried (--no-ping tries them)";
        assert_eq!(summary.sentence(&tally), expected);
        assert!(summary.faults(&tally).is_empty());

        let mut tally = ScanCounts::default();
        (tally.prohibited, tally.short, tally.shortage) = (2, 1, Some(Errno::NOBUFS));
        tally.count(PortState::Open);
        tally.count(PortState::Filtered);
        tally.cut = Some(StopReason::Deadline);
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 1 open, 0 closed, 1 filtered; 18 not tried");
        let whats: Vec<String> = summary.faults(&tally).into_iter().map(|fault| fault.operation).collect();
        assert_eq!(whats, ["ask 2 of 20 ports", "ask 1 of 20 ports", "ask 15 of 20 ports"]);

        // Ten are of a namespace that went away, which was told when it was to be entered.
        let mut tally = ScanCounts::default();
        tally.unbegun = 10;
        (0..10).for_each(|_| tally.count(PortState::Closed));
        assert_eq!(summary.sentence(&tally), "10 ports of 2 hosts: 0 open, 10 closed; 10 not tried");
        assert!(summary.faults(&tally).is_empty());
    }
}
