//! Whether the endpoint accepts connections, and how fast.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::race::Race;
use super::scale::{self, Latency, LatencySubject};
use super::target::{CheckContext, CheckResult, CheckTarget, LocalFailure};
use super::{BuiltInCheck, Observation, findings};
use crate::model::{Figures, Finding, Group};
use crate::net::{ConnectError, Deadline, dial};

findings! { Group::Tcp;
    REFUSED = "tcp-refused", cap 0, "The connection is refused: no process listens on the port, or a firewall rejects it.",
        "start the service, or check the port and the firewall";
    TIMEOUT = "tcp-timeout", cap 0, "The connection attempt gets no reply: the host is down, or a firewall drops it.",
        "check that the host is up and that no firewall drops the packets";
    UNREACHABLE = "tcp-unreachable", cap 0, "No route to the address.",
        "check the routes, and that the host is up";
    FLAKY = "tcp-flaky", 10, cap 75, "Some of at least 3 connections failed, but fewer than half.",
        "check for packet loss, a full backlog, or one bad backend";
    MOSTLY_FAILING = "tcp-mostly-failing", 30, cap 55, "At least half of the connections failed.",
        "check for an overloaded service or a full backlog";
    LATENCY_1X = "tcp-latency-1x", 2, "Connecting exceeds the latency target.",
        "check the network path, or set a suitable target (--goal)";
    LATENCY_2X = "tcp-latency-2x", 5, "Connecting takes more than twice the latency target.",
        "check the network path, or set a suitable target (--goal)";
    LATENCY_4X = "tcp-latency-4x", 10, "Connecting takes more than four times the latency target.",
        "check the network path and the accept queue, or set a suitable target (--goal)";
}

const CONNECTIONS: LatencySubject = LatencySubject { done: "connected", noun: "connections" };

/// Evidence of connection attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TcpObservation {
    /// The latency target of a connection, in microseconds.
    #[serde(rename = "goal_us")]
    pub(crate) target_us: u64,
    /// Each attempt, in order.
    pub(crate) connects: Vec<Connect>,
}

/// The result of one connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Connect {
    Made(Latency),
    Refused,
    TimedOut,
    Unreachable,
}

/// The observation of a race that no address won.
///
/// # Errors
/// If a local failure may be the reason.
pub(crate) fn failed_race(race: &Race, target_us: u64) -> CheckResult<Observation> {
    let connects =
        race.failures().iter().map(|(_, error)| connect_outcome(error).ok_or_else(|| LocalFailure(error.to_string())));
    Ok(Observation::Tcp(TcpObservation { target_us, connects: connects.collect::<CheckResult<Vec<Connect>>>()? }))
}

/// The result of a connection for the TCP check; `None` for a local failure.
fn connect_outcome(error: &ConnectError) -> Option<Connect> {
    match error {
        ConnectError::Refused | ConnectError::Reset => Some(Connect::Refused),
        ConnectError::TimedOut => Some(Connect::TimedOut),
        ConnectError::Unreachable => Some(Connect::Unreachable),
        ConnectError::Local(_) => None,
    }
}

impl BuiltInCheck for TcpObservation {
    /// Connects once.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let start = Instant::now();
        let connect = match dial(target.address, target.interface.as_deref(), Deadline::after(context.timeout)).await {
            // A reset means that the connection was accepted first.
            Ok(_) | Err(ConnectError::Reset) => Connect::Made(Latency::since(start)),
            Err(ConnectError::Refused) => Connect::Refused,
            Err(ConnectError::TimedOut) => Connect::TimedOut,
            Err(ConnectError::Unreachable) => Connect::Unreachable,
            Err(ConnectError::Local(error)) => return Err(LocalFailure(error.to_string())),
        };

        Ok(Self { target_us: target.latency.connect_us, connects: vec![connect] })
    }

    fn findings(&self) -> Vec<Finding> {
        let total = self.connects.len();
        let failed: Vec<Connect> =
            self.connects.iter().copied().filter(|connect| !matches!(connect, Connect::Made(_))).collect();
        if failed.len() == total {
            return failed.last().map(|connect| all_failed(*connect, total)).into_iter().collect();
        }

        let kind = match failed.len() {
            0 => None,
            count if count * 2 >= total => Some(&MOSTLY_FAILING),
            _ => Some(&FLAKY),
        };
        let flaky = kind.map(|kind| Finding::new(kind, format!("{} of {total} connections failed", failed.len())));

        let latencies = self.latencies();
        let kinds = [&LATENCY_1X, &LATENCY_2X, &LATENCY_4X];
        let slow = scale::latency(kinds, CONNECTIONS, latencies.iter().copied(), self.target_us);
        flaky.into_iter().chain(slow).collect()
    }

    /// Whether the last attempt got no reply.
    fn is_silent(&self) -> bool {
        self.connects.last() == Some(&Connect::TimedOut)
    }

    fn merge(&mut self, later: Self) {
        self.connects.extend(later.connects);
    }

    /// The latencies of the successful attempts.
    fn latencies(&self) -> Vec<Latency> {
        let made = self.connects.iter().filter_map(|connect| match connect {
            Connect::Made(latency) => Some(*latency),
            _ => None,
        });
        made.collect()
    }

    fn latency_target(&self) -> u64 {
        self.target_us
    }

    fn set_lag(&mut self, lag_us: u64) {
        for connect in &mut self.connects {
            if let Connect::Made(latency) = connect {
                latency.set_lag(lag_us);
            }
        }
    }

    fn add_figures(&self, figures: &mut Figures) {
        figures.latency_us.connect = scale::median(self.latencies().into_iter().map(Latency::measured));
    }
}

fn all_failed(last: Connect, attempts: usize) -> Finding {
    let times = if attempts > 1 { format!(" ({attempts} times)") } else { String::new() };
    match last {
        Connect::Refused => Finding::new(&REFUSED, format!("connection refused{times}")),
        Connect::Unreachable => Finding::new(&UNREACHABLE, format!("no route to the address{times}")),
        Connect::TimedOut | Connect::Made(_) => Finding::new(&TIMEOUT, format!("no reply to connect{times}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(connects: &[Connect]) -> Vec<&'static str> {
        crate::check::codes(&TcpObservation { target_us: 5_000, connects: connects.to_vec() })
    }

    fn made(us: u64) -> Connect {
        Connect::Made(Latency::from_micros(us))
    }

    #[test]
    fn failures_are_weighed_by_their_share() {
        use Connect::{Refused, TimedOut, Unreachable};
        assert_eq!(codes(&[made(4_999)]), [""; 0]);
        assert_eq!(codes(&[Refused]), ["tcp-refused"]);
        assert_eq!(codes(&[Refused, TimedOut]), ["tcp-timeout"]);
        assert_eq!(codes(&[Unreachable]), ["tcp-unreachable"]);
        assert_eq!(codes(&[made(1), made(1), Refused]), ["tcp-flaky"]);
        assert_eq!(codes(&[made(1), TimedOut]), ["tcp-mostly-failing"]);
        assert_eq!(codes(&[made(1), Refused, Refused]), ["tcp-mostly-failing"]);
    }

    #[test]
    fn latency_is_rated_in_multiples_of_the_target() {
        assert_eq!(codes(&[made(5_000)]), [""; 0]);
        assert_eq!(codes(&[made(5_001)]), ["tcp-latency-1x"]);
        assert_eq!(codes(&[made(10_001)]), ["tcp-latency-2x"]);
        assert_eq!(codes(&[made(20_001), made(1)]), ["tcp-latency-4x"]);
    }
}
