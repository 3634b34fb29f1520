//! Whether packets of other hosts come through the rules.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::evaluate::{Evaluation, Fate, NFPROTO_INET};
use super::packet::{NumberedInterface, Packet};
use super::ruleset::Ruleset;
use super::translate::Translation;
use super::value::Holds;
use super::{Destination, Host};
use crate::model::FirewallVerdict;

const NFPROTO_NETDEV: u8 = 5;
const NFPROTO_BRIDGE: u8 = 7;
pub(super) const PREROUTING: u32 = 0;
const INPUT: u32 = 1;
const FORWARD: u32 = 2;
const POSTROUTING: u32 = 4;
const INGRESS: u32 = 5;
/// Chains that see only packets of some interfaces.
const DEVICE_HOOKS: [(u8, u32); 4] =
    [(NFPROTO_NETDEV, 0), (NFPROTO_BRIDGE, PREROUTING), (NFPROTO_BRIDGE, INPUT), (NFPROTO_INET, INGRESS)];
/// Maximum number of rules that are followed for the destinations that the packets of one port get.
const MAX_STEPS: usize = 500_000;

impl Host {
    /// Its addresses of one family that others may send to.
    pub(in crate::source::local) fn addresses(&self, is_ipv6: bool) -> Vec<IpAddr> {
        let addresses = self.networks.iter().map(|(_, ip, _)| *ip);
        let mut addresses: Vec<IpAddr> = addresses.filter(|ip| ip.is_ipv6() == is_ipv6 && !ip.is_loopback()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    pub(in crate::source::local) fn has(&self, wanted: IpAddr) -> bool {
        self.networks.iter().any(|(_, ip, _)| *ip == wanted)
    }

    /// The interfaces whose networks an address is in.
    fn leading_to(&self, to: IpAddr) -> Vec<NumberedInterface> {
        let mut interfaces: Vec<NumberedInterface> = self
            .networks
            .iter()
            .filter(|(_, ip, prefix)| is_in(to, *ip, *prefix))
            .map(|(interface, ..)| interface.clone())
            .collect();
        interfaces.sort_unstable();
        interfaces.dedup();
        interfaces
    }

    /// The interfaces that packets for a destination come in at.
    pub(super) fn incoming(&self, device: Option<u32>) -> Vec<NumberedInterface> {
        let device = device.filter(|index| *index != 0);
        self.incoming.iter().filter(|(index, _)| device.is_none_or(|device| *index == device)).cloned().collect()
    }
}

impl Ruleset {
    /// Whether new connections come through.
    pub(super) fn verdict(&self, host: &Host, to: &Destination) -> FirewallVerdict {
        if self.chains.iter().all(|chain| chain.base.is_none()) {
            return FirewallVerdict::Open;
        }

        let incoming = host.incoming(to.device);
        let (mut accepted, mut dropped) = (false, false);
        for (is_ipv6, takes) in [(false, to.takes_ipv4), (true, to.takes_ipv6)] {
            let addresses: Vec<IpAddr> = to.addresses.iter().filter(|ip| ip.is_ipv6() == is_ipv6).copied().collect();
            if !takes || (addresses.is_empty() && !to.addresses.is_empty()) {
                continue;
            }
            let mut packet = Packet::new(to.transport, is_ipv6, &addresses, to.port, &incoming);
            packet.may_be_untracked = self.untracks;
            let fate = self.fate(host, &packet, to, &incoming);
            accepted |= fate.accepted;
            dropped |= fate.dropped;
        }

        match (accepted, dropped) {
            (true, false) => FirewallVerdict::Open,
            (true, true) => FirewallVerdict::Partly,
            (false, _) => FirewallVerdict::Filtered,
        }
    }

    /// What may become of packets to this host: a socket gets them, or a rule leads them elsewhere.
    fn fate(&self, host: &Host, packet: &Packet, to: &Destination, incoming: &[NumberedInterface]) -> Fate {
        let is_proxied = self.proxies && to.may_be_transparent;
        let mut fate = Fate::default();
        for (family, hook) in DEVICE_HOOKS {
            fate.dropped |= Evaluation::new(self, packet).hook(&[family], hook).dropped;
        }

        // A later chain may see them after an earlier one has given them another destination.
        let arriving = Packet { translated: sometimes_if(self.redirects), ..packet.clone() };
        let mut evaluation = Evaluation::new(self, &arriving);
        let before = evaluation.ip_hook(PREROUTING);
        let may_be_anything = evaluation.is_exhausted() || evaluation.may_get_unknown;
        let mut steps = evaluation.steps();
        let mut translations = std::mem::take(&mut evaluation.translations);
        translations.sort_unstable();
        translations.dedup();
        fate.accepted |= may_be_anything;
        fate.dropped |= before.dropped || may_be_anything;

        // Packets for another port may become packets for this one.
        let is_led_here = self.may_lead_to(host, to.port);
        if to.has_socket && (is_led_here || self.leaves_some(host, packet, &translations, incoming)) {
            let packet = Packet { translated: sometimes_if(is_led_here), ..packet.clone() };
            let input = Evaluation::new(self, &packet).ip_hook(INPUT);
            fate.accepted |= (before.accepted || is_led_here) && input.accepted;
            fate.dropped |= input.dropped;
        }
        fate.accepted |= to.has_socket && is_proxied;
        for translation in &translations {
            if steps > MAX_STEPS {
                (fate.accepted, fate.dropped) = (true, true);
                break;
            }
            let (after, cost) = self.after(host, packet, translation, incoming);
            steps += cost;
            fate.accepted |= before.accepted && after.accepted;
            fate.dropped |= after.dropped;
        }
        fate
    }

    /// Whether a rule may give packets this port of the host as their destination.
    fn may_lead_to(&self, host: &Host, port: u16) -> bool {
        self.has_other_targets
            || self.constant_targets.iter().any(|to| {
                let is_own = to.address.is_none_or(|address| address.is_loopback() || host.has(address));
                is_own && to.port.is_none_or(|to| to == port)
            })
    }

    /// Whether some packets keep their destination, beside those from the networks that the others are led to: these do not
    /// need the published port of a host that is in them.
    fn leaves_some(
        &self,
        host: &Host,
        packet: &Packet,
        translations: &[Translation],
        incoming: &[NumberedInterface],
    ) -> bool {
        if translations.is_empty() || self.untracks {
            return true;
        }
        let elsewhere = translations.iter().filter_map(|to| to.address).filter(|address| !host.has(*address));
        let inside: BTreeSet<NumberedInterface> = elsewhere.flat_map(|address| host.leading_to(address)).collect();
        let outside: Vec<NumberedInterface> =
            incoming.iter().filter(|interface| !inside.contains(interface)).cloned().collect();

        if outside.is_empty() {
            return true;
        }
        let packet = packet.clone().at(&outside);
        Evaluation::new(self, &packet).may_keep_destination(PREROUTING)
    }

    /// What may become of packets with another destination, and how many rules were followed.
    fn after(&self, host: &Host, packet: &Packet, to: &Translation, incoming: &[NumberedInterface]) -> (Fate, usize) {
        let port = to.port.unwrap_or(packet.port);
        let Some(address) = to.address.filter(|address| !host.has(*address)) else {
            let translated = if port == packet.port { Holds::Sometimes } else { Holds::Always };
            let mut packet = Packet { port, translated, ..packet.clone() };
            if let Some(address) = to.address {
                packet = packet.with_destination(address);
            }
            let mut input = Evaluation::new(self, &packet);
            let through = input.ip_hook(INPUT);
            // The kernel drops what comes in for a loopback address.
            let is_loopback = to.address.is_some_and(|address| address.is_loopback());
            let may_pass = !is_loopback || (host.routes_localnet && !packet.is_ipv6);
            let (accepted, dropped) = (through.accepted && may_pass, through.dropped || is_loopback);
            return (Fate { accepted, dropped, ..Fate::default() }, input.steps());
        };

        let outgoing = host.leading_to(address);
        // A network does not need the published port of a host that is in it.
        let incoming: Vec<NumberedInterface> =
            incoming.iter().filter(|interface| !outgoing.contains(interface)).cloned().collect();
        let packet = Packet::new(packet.transport, packet.is_ipv6, &[address], port, &incoming);
        let may_be_untracked = self.untracks;
        let packet = Packet { may_be_untracked, translated: Holds::Always, ..packet.forwarded(&outgoing) };

        let (mut forward, mut last) = (Evaluation::new(self, &packet), Evaluation::new(self, &packet));
        let (through, out) = (forward.ip_hook(FORWARD), last.ip_hook(POSTROUTING));
        let (accepted, dropped) = (through.accepted && out.accepted, through.dropped || out.dropped);
        (Fate { accepted, dropped, ..Fate::default() }, forward.steps() + last.steps())
    }
}

fn sometimes_if(may_hold: bool) -> Holds {
    if may_hold { Holds::Sometimes } else { Holds::Never }
}

/// Whether an address is in the network of another one.
fn is_in(ip: IpAddr, of: IpAddr, prefix: u8) -> bool {
    let differing = match (ip, of) {
        (IpAddr::V4(ip), IpAddr::V4(of)) => (ip.to_bits() ^ of.to_bits()).leading_zeros(),
        (IpAddr::V6(ip), IpAddr::V6(of)) => (ip.to_bits() ^ of.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(prefix)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::expression::Expression;
    use super::super::iptables::IptablesMatch;
    use super::super::packet::NFPROTO_IPV4;
    use super::super::ruleset::{BaseChain, Chain};
    use super::*;
    use crate::model::Transport;

    /// Rules that lead each of these ports to a container, after a number of rules that do nothing.
    pub(in super::super) fn publishing(ports: impl Iterator<Item = u16>, others: usize) -> Ruleset {
        let to = Translation { address: Some([172, 17, 0, 2].into()), port: Some(80) };
        let mut rules: Vec<Vec<Expression>> = vec![Vec::new(); others];
        rules.extend(ports.map(|port| {
            let is_port = IptablesMatch::Ports { ranges: vec![(port, port)], is_negated: false, is_certain: true };
            vec![Expression::Match(is_port), Expression::TranslateTo { address: to.address, port: to.port }]
        }));
        let base = BaseChain { hook: PREROUTING, priority: -100, is_nat: true, accepts: true };
        let chain = Chain { family: NFPROTO_IPV4, table: "nat".to_owned(), base: Some(base), rules };
        Ruleset { chains: vec![chain], redirects: true, constant_targets: [to].into(), ..Ruleset::default() }
    }

    pub(in super::super) fn host() -> Host {
        let (eth0, docker0) = ((2, "eth0".to_owned()), (3, "docker0".to_owned()));
        Host {
            incoming: vec![eth0.clone(), docker0.clone()],
            networks: vec![(eth0, [10, 77, 0, 1].into(), 24), (docker0, [172, 17, 0, 1].into(), 16)],
            routes_localnet: false,
        }
    }

    fn verdict(rules: &Ruleset, port: u16, has_socket: bool) -> FirewallVerdict {
        let host = host();
        let to = Destination {
            transport: Transport::Tcp,
            addresses: host.addresses(false),
            takes_ipv4: true,
            takes_ipv6: false,
            port,
            device: Some(0),
            has_socket,
            may_be_transparent: false,
        };

        rules.verdict(&host, &to)
    }

    #[test]
    fn rules_that_are_too_many_to_follow_may_do_anything() {
        assert_eq!(verdict(&publishing([8_080].into_iter(), 0), 8_080, false), FirewallVerdict::Open);
        assert_eq!(verdict(&publishing([8_080].into_iter(), 300_000), 8_080, false), FirewallVerdict::Partly);
    }

    #[test]
    fn what_is_led_elsewhere_never_comes_to_the_rules_for_input() {
        let mut rules = publishing([8_080].into_iter(), 0);
        let base = BaseChain { hook: INPUT, priority: 0, is_nat: false, accepts: false };
        let input = Chain { family: NFPROTO_IPV4, table: "filter".to_owned(), base: Some(base), rules: Vec::new() };
        rules.chains.push(input);
        assert_eq!(verdict(&rules, 8_080, true), FirewallVerdict::Open);
        assert_eq!(verdict(&rules, 80, true), FirewallVerdict::Filtered);
        rules.untracks = true;
        assert_eq!(verdict(&rules, 8_080, true), FirewallVerdict::Partly, "some may be exempt from translation");
    }
}
