//! The order of probes for a port.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Probe, Probes};

/// How many probes a port receives beyond those that its number suggests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Intensity {
    /// Probes that the port number suggests, and HTTP: at most 5 connections per port
    Light,
    /// Also TLS and most other probes: at most 18 connections per port
    #[default]
    Normal,
    /// Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine
    /// controllers, which may stop; waits longer for a greeting before it sends anything
    All,
}

/// Ports of network printers that print whatever they receive (HP JetDirect and compatible).
const PRINTERS: std::ops::RangeInclusive<u16> = 9100..=9107;

/// Ports of controllers of machines (S7, Modbus, IEC 60870-5-104, SRTP, ProConOS, EtherNet/IP, BACnet/IP), which may stop at what they do
/// not understand. They receive the request that the port number suggests, and nothing else.
const CONTROLLERS: [u16; 7] = [102, 502, 2404, 18_245, 20_547, 44_818, 47_808];

impl Intensity {
    /// Connection limit per port, besides the silent one that waits for a late greeting. A recognised server gets one more, to read its certificate. Servers that greet, speak
    /// HTTP or use their usual port take one or two connections, and most others five.
    pub(super) fn connections(self) -> usize {
        match self {
            Self::Light => 3,
            Self::Normal => 16,
            Self::All => 64,
        }
    }

    /// Default time limit per port. Most servers reply within milliseconds; slow ones resolve the client's name first, and DNS
    /// retries after 5 s. A server that is silent to all probes takes longest.
    pub(super) fn time_limit(self) -> Duration {
        match self {
            Self::Light => Duration::from_secs(3),
            Self::Normal => Duration::from_secs(10),
            Self::All => Duration::from_secs(20),
        }
    }

    /// Whether a port receives no probes.
    pub(super) fn spares(self, port: u16) -> bool {
        self != Self::All && PRINTERS.contains(&port)
    }

    /// Whether a port receives no probes but those that its number suggests.
    pub(super) fn is_careful_with(self, port: u16) -> bool {
        self != Self::All && CONTROLLERS.contains(&port)
    }
}

/// What the identification of one port may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortBudget {
    pub(super) intensity: Intensity,
    pub(super) time_limit: Duration,
}

impl PortBudget {
    /// The budget of an intensity; `time_limit` replaces its default.
    pub(crate) fn new(intensity: Intensity, time_limit: Option<Duration>) -> Self {
        Self { intensity, time_limit: time_limit.unwrap_or_else(|| intensity.time_limit()) }
    }

    /// How long to wait for a greeting before anything is sent, where that pays. Sendmail's `greet_pause` is 5 s and
    /// Postfix's `postscreen_greet_wait` 6 s by default, and both turn away clients that send something earlier.
    pub(super) fn patience(self) -> Duration {
        match self.intensity {
            Intensity::All => self.time_limit * 35 / 100,
            Intensity::Light | Intensity::Normal => self.time_limit * 7 / 10,
        }
    }
}

/// One attempt, over a connection of its own.
#[derive(Clone, Copy)]
pub(super) enum PlanStep {
    /// Wait for a greeting; if none comes, send an HTTP request, because most servers reply to that somehow.
    Listen,
    /// Perform a TLS handshake and identify the protocol inside.
    Tls,
    /// Run a probe.
    Speak(&'static dyn Probe),
}

/// The steps for a port. Inside TLS, the probes' TLS ports apply and there is no TLS step.
pub(super) fn steps(probes: Probes, port: u16, intensity: Intensity, inside_tls: bool) -> Vec<PlanStep> {
    let (suggested, mut others): (Vec<_>, Vec<_>) =
        probes.iter().partition(|probe| is_suggested(*probe, port, inside_tls));
    let mut steps: Vec<PlanStep> = suggested.into_iter().map(PlanStep::Speak).collect();

    let tls_suggested = !inside_tls && probes.iter().any(|probe| probe.tls_ports().contains(&port));
    if tls_suggested {
        steps.push(PlanStep::Tls);
    }
    if intensity.is_careful_with(port) {
        return steps;
    }
    steps.push(PlanStep::Listen);
    if intensity == Intensity::Light {
        return steps;
    }

    if !tls_suggested && !inside_tls {
        steps.push(PlanStep::Tls);
    }
    others.retain(|probe| probe.likelihood() > 0);
    others.sort_by_key(|probe| Reverse(probe.likelihood()));
    steps.extend(others.into_iter().map(PlanStep::Speak));
    steps
}

/// Whether the port number suggests the protocol.
pub(super) fn is_suggested(probe: &dyn Probe, port: u16, inside_tls: bool) -> bool {
    if inside_tls { probe.tls_ports().contains(&port) } else { probe.ports().contains(&port) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_names(port: u16, intensity: Intensity, inside_tls: bool) -> Vec<&'static str> {
        let steps = steps(Probes::built_in(), port, intensity, inside_tls);
        let names = steps.iter().map(|step| match step {
            PlanStep::Listen => "listen",
            PlanStep::Tls => "tls",
            PlanStep::Speak(probe) => probe.protocol(),
        });
        names.collect()
    }

    #[test]
    fn suggested_probes_come_first_then_listening_then_tls() {
        assert_eq!(step_names(6379, Intensity::Light, false), ["redis", "listen"]);
        assert_eq!(step_names(1, Intensity::Light, false), ["listen"]);
        assert_eq!(step_names(1, Intensity::Normal, false)[..2], ["listen", "tls"]);
        assert!(!step_names(1, Intensity::All, true).contains(&"tls"));
    }

    #[test]
    fn normal_intensity_leaves_out_only_the_rarest_probes() {
        let all = step_names(1, Intensity::Normal, false);
        // One connection is reserved for a TLS handshake that has to be retried without ALPN.
        let (sent, left_out) = all.split_at(Intensity::Normal.connections() - 1);
        assert_eq!(left_out, ["cassandra", "rtsp"], "after {sent:?}");
    }

    #[test]
    fn printers_are_spared_below_intensity_all() {
        assert!(Intensity::Normal.spares(9100) && Intensity::Light.spares(9107));
        assert!(!Intensity::All.spares(9100) && !Intensity::Normal.spares(9108));
    }

    #[test]
    fn controllers_receive_only_what_their_port_suggests() {
        assert_eq!(step_names(502, Intensity::Normal, false), ["modbus"]);
        assert_eq!(step_names(102, Intensity::Normal, false), Vec::<&str>::new());
        assert!(step_names(502, Intensity::All, false).len() > 10);
    }
}
