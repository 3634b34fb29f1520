//! What a port is asked, in which order.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Probe, Probes};

/// How much is asked of a port whose number hints at nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Intensity {
    /// What the port's number hints at, and HTTP: at most 3 connections to a port
    Light,
    /// Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port
    #[default]
    Normal,
    /// Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent
    All,
}

/// Ports of network printers that print whatever they are sent (HP JetDirect and its likes).
const PRINTERS: std::ops::RangeInclusive<u16> = 9100..=9107;

impl Intensity {
    /// The most connections to one port, beside one more to whoever is known by then, to see the certificate. What greets,
    /// speaks HTTP, or has its usual port is known after one or two, and most of the rest after five.
    pub(super) fn connections(self) -> usize {
        match self {
            Self::Light => 3,
            Self::Normal => 14,
            Self::All => 64,
        }
    }

    /// How long one port may take in all. A server that is asked for its greeting answers within milliseconds; the slow
    /// ones look the client's name up first, and DNS tries again after 5 s. Whoever is silent to everything takes most.
    pub(super) fn time(self) -> Duration {
        match self {
            Self::Light => Duration::from_secs(3),
            Self::Normal => Duration::from_secs(10),
            Self::All => Duration::from_secs(20),
        }
    }

    /// Whether a port is to be left alone.
    pub(super) fn spares(self, port: u16) -> bool {
        self != Self::All && PRINTERS.contains(&port)
    }
}

/// One thing to try, over a connection of its own.
#[derive(Clone, Copy)]
pub(super) enum PlanStep {
    /// Wait for a greeting, and if none comes, ask for HTTP: nearly everything has some answer to that.
    Listen,
    /// Shake hands, and find out what is inside.
    Tls,
    /// Speak a protocol.
    Speak(&'static dyn Probe),
}

/// What a port is asked. `inside` TLS the ports are others, and there is no TLS any more.
pub(super) fn steps(probes: Probes, port: u16, intensity: Intensity, inside: bool) -> Vec<PlanStep> {
    let hinted = |probe: &&'static dyn Probe| {
        if inside { probe.tls_ports().contains(&port) } else { probe.ports().contains(&port) }
    };
    let mut steps: Vec<PlanStep> = probes.iter().filter(hinted).map(PlanStep::Speak).collect();
    let secure = !inside && probes.iter().any(|probe| probe.tls_ports().contains(&port));
    if secure {
        steps.push(PlanStep::Tls);
    }
    steps.push(PlanStep::Listen);
    if intensity == Intensity::Light {
        return steps;
    }
    if !secure && !inside {
        steps.push(PlanStep::Tls);
    }
    let mut others: Vec<&'static dyn Probe> = probes.iter().filter(|probe| !hinted(probe)).collect();
    others.retain(|probe| probe.likelihood() > 0);
    others.sort_by_key(|probe| Reverse(probe.likelihood()));
    steps.extend(others.into_iter().map(PlanStep::Speak));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(port: u16, intensity: Intensity, inside: bool) -> Vec<&'static str> {
        let word = |step: &PlanStep| match step {
            PlanStep::Listen => "listen",
            PlanStep::Tls => "tls",
            PlanStep::Speak(probe) => probe.word(),
        };
        steps(Probes::built_in(), port, intensity, inside).iter().map(word).collect()
    }

    #[test]
    fn a_hint_comes_first_then_listening_then_tls() {
        assert_eq!(words(6379, Intensity::Light, false), ["redis", "listen"]);
        assert_eq!(words(1, Intensity::Light, false), ["listen"]);
        assert_eq!(words(1, Intensity::Normal, false)[..2], ["listen", "tls"]);
        assert!(!words(1, Intensity::All, true).contains(&"tls"));
    }

    #[test]
    fn nearly_all_that_is_asked_for_by_its_own_words_is_asked_by_default() {
        let all = words(1, Intensity::Normal, false);
        // One more connection is taken where a handshake has to be tried again without ALPN.
        let (asked, left) = all.split_at(Intensity::Normal.connections() - 1);
        assert_eq!(left, ["cassandra", "rtsp"], "after {asked:?}");
    }

    #[test]
    fn printers_are_spared_unless_everything_is_asked() {
        assert!(Intensity::Normal.spares(9100) && Intensity::Light.spares(9107));
        assert!(!Intensity::All.spares(9100) && !Intensity::Normal.spares(9108));
    }
}
