//! Whether a connection can be made, and how fast.

use serde::{Deserialize, Serialize};

use tokio::time::Instant;

use super::findings;
use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, CheckTarget, LocalFailure};
use crate::model::{Finding, Group};
use crate::net::{ConnectError, Deadline, dial};

findings! { Group::Tcp;
    REFUSED = "tcp-refused", cap 0, "The connection is refused: nothing listens on that port, or a firewall rejects.",
        "start the service, or look at the port and at what rejects";
    TIMEOUT = "tcp-timeout", cap 0, "No answer comes to the connection: the host is down, or a firewall drops.",
        "look whether the host is up and what drops packets on the way";
    UNREACHABLE = "tcp-unreachable", cap 0, "No way leads to the address.",
        "look at the routes, and whether the host is up";
    FLAKY = "tcp-flaky", 10, cap 75, "Some of at least 3 connections failed, fewer than half.",
        "look for lost packets, a full backlog, or one bad backend of several";
    MOSTLY_FAILING = "tcp-mostly-failing", 30, cap 55, "At least half of the connections failed.",
        "look for an overloaded service or a full backlog";
    LATENCY_1X = "tcp-latency-1x", 2, "Connecting takes longer than its goal.",
        "look at the way there, or give a goal that fits it (--goal)";
    LATENCY_2X = "tcp-latency-2x", 5, "Connecting takes more than twice its goal.",
        "look at the way there, or give a goal that fits it (--goal)";
    LATENCY_4X = "tcp-latency-4x", 10, "Connecting takes more than four times its goal.",
        "look at the way there and at the accept queue, or give a goal that fits it (--goal)";
}

/// What connecting showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// The longest that it should take, in microseconds.
    pub(crate) goal_us: u64,
    /// Each connection that was tried, in order.
    pub(crate) connects: Vec<Connect>,
}

/// What became of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Connect {
    /// It was made, after that time.
    Made(Latency),
    /// It was refused.
    Refused,
    /// No answer came.
    TimedOut,
    /// There is no way there.
    Unreachable,
}

/// Connects once.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let begun = Instant::now();
    let connect = match dial(aim.address, aim.interface.as_deref(), Deadline::after(kit.timeout)).await {
        Ok(_) => Connect::Made(Latency::since(begun)),
        // It was taken, whatever became of it at once.
        Err(ConnectError::Reset) => Connect::Made(Latency::since(begun)),
        Err(ConnectError::Refused) => Connect::Refused,
        Err(ConnectError::TimedOut) => Connect::TimedOut,
        Err(ConnectError::Unreachable) => Connect::Unreachable,
        Err(ConnectError::Local(error)) => return Err(LocalFailure(error.to_string())),
    };
    Ok(Observation { goal_us: aim.goals.connect_us, connects: vec![connect] })
}

impl Observation {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let total = self.connects.len();
        let failed: Vec<Connect> =
            self.connects.iter().copied().filter(|connect| !matches!(connect, Connect::Made(_))).collect();
        if failed.len() == total {
            return failed.last().map(|connect| dead(*connect, total)).into_iter().collect();
        }
        let text = || format!("{} of {total} connections failed", failed.len());
        let flaky = match failed.len() {
            0 => None,
            some if some * 2 >= total => Some(Finding::new(&MOSTLY_FAILING, text())),
            _ => Some(Finding::new(&FLAKY, text())),
        };
        let slow = scale::latency([&LATENCY_1X, &LATENCY_2X, &LATENCY_4X], "connect", self.times(), self.goal_us);
        flaky.into_iter().chain(slow).collect()
    }

    /// Whether the last try got no answer at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.connects.last() == Some(&Connect::TimedOut)
    }

    /// How long each connection took that was made.
    pub(super) fn times(&self) -> impl Iterator<Item = Latency> + Clone {
        self.connects.iter().filter_map(|connect| match connect {
            Connect::Made(took) => Some(*took),
            _ => None,
        })
    }

    /// Takes word of what this side was late by during the look.
    pub(super) fn set_late(&mut self, late_us: u64) {
        for connect in &mut self.connects {
            if let Connect::Made(took) = connect {
                took.set_late(late_us);
            }
        }
    }

    /// Takes in what was seen at a later look.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.connects.extend(later.connects);
    }
}

fn dead(connect: Connect, tried: usize) -> Finding {
    let times = if tried > 1 { format!(" ({tried} times)") } else { String::new() };
    match connect {
        Connect::Refused => Finding::new(&REFUSED, format!("connection refused{times}")),
        Connect::Unreachable => Finding::new(&UNREACHABLE, format!("no route leads there{times}")),
        Connect::TimedOut | Connect::Made(_) => Finding::new(&TIMEOUT, format!("no answer to connect{times}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn judged(connects: &[Connect]) -> Vec<&'static str> {
        codes(&Observation { goal_us: 5_000, connects: connects.to_vec() }.judge())
    }

    fn made(us: u64) -> Connect {
        Connect::Made(Latency::of(us))
    }

    #[test]
    fn failures_by_their_share() {
        use Connect::{Refused, TimedOut, Unreachable};
        assert_eq!(judged(&[made(4_999)]), [""; 0]);
        assert_eq!(judged(&[Refused]), ["tcp-refused"]);
        assert_eq!(judged(&[Refused, TimedOut]), ["tcp-timeout"]);
        assert_eq!(judged(&[Unreachable]), ["tcp-unreachable"]);
        assert_eq!(judged(&[made(1), made(1), Refused]), ["tcp-flaky"]);
        assert_eq!(judged(&[made(1), TimedOut]), ["tcp-mostly-failing"]);
        assert_eq!(judged(&[made(1), Refused, Refused]), ["tcp-mostly-failing"]);
    }

    #[test]
    fn latency_by_its_multiple_of_the_goal() {
        assert_eq!(judged(&[made(5_000)]), [""; 0]);
        assert_eq!(judged(&[made(5_001)]), ["tcp-latency-1x"]);
        assert_eq!(judged(&[made(10_001)]), ["tcp-latency-2x"]);
        assert_eq!(judged(&[made(20_001), made(1)]), ["tcp-latency-4x"]);
    }
}
