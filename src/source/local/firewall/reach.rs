//! Whether packets of other hosts come through the rules, and which ports the rules lead elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::evaluate::{Evaluation, Fate, NFPROTO_INET};
use super::named_ports::named_ports;
use super::packet::{NFPROTO_IPV4, NFPROTO_IPV6, NumberedInterface, Packet};
use super::ruleset::Ruleset;
use super::translate::Translation;
use super::{Destination, Host};
use crate::model::{FirewallVerdict, Transport};

const NFPROTO_NETDEV: u8 = 5;
const NFPROTO_BRIDGE: u8 = 7;
const PREROUTING: u32 = 0;
const INPUT: u32 = 1;
const FORWARD: u32 = 2;
const POSTROUTING: u32 = 4;
const INGRESS: u32 = 5;
/// Chains that see only packets of some interfaces.
const DEVICE_HOOKS: [(u8, u32); 4] =
    [(NFPROTO_NETDEV, 0), (NFPROTO_BRIDGE, PREROUTING), (NFPROTO_BRIDGE, INPUT), (NFPROTO_INET, INGRESS)];
/// Maximum number of ports that are looked for in the rules, and of rules that are followed for that.
const MAX_PORTS: usize = 4096;
const MAX_STEPS: usize = 500_000;

/// A port of this host that rules lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::local) struct PublishedPort {
    pub(in crate::source::local) transport: Transport,
    /// Unspecified: every address of the host.
    pub(in crate::source::local) address: IpAddr,
    pub(in crate::source::local) port: u16,
    pub(in crate::source::local) translations: Vec<Translation>,
}

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
    fn incoming(&self, device: Option<u32>) -> Vec<NumberedInterface> {
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
        for is_ipv6 in [false, true] {
            let addresses: Vec<IpAddr> = to.addresses.iter().filter(|ip| ip.is_ipv6() == is_ipv6).copied().collect();
            if addresses.is_empty() && !to.addresses.is_empty() {
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

        let mut evaluation = Evaluation::new(self, packet);
        let before = evaluation.ip_hook(PREROUTING);
        let translations = std::mem::take(&mut evaluation.translations);
        fate.dropped |= before.dropped;

        if to.has_socket {
            let input = Evaluation::new(self, packet).ip_hook(INPUT);
            // Packets for another port may become packets for this one.
            let arrives = before.accepted || self.redirects;
            fate.accepted |= (arrives && input.accepted) || is_proxied;
            fate.dropped |= input.dropped;
        }
        for translation in translations {
            let after = self.after(host, packet, &translation, incoming);
            fate.accepted |= before.accepted && after.accepted;
            fate.dropped |= after.dropped;
        }
        fate
    }

    /// What may become of packets with another destination.
    fn after(&self, host: &Host, packet: &Packet, to: &Translation, incoming: &[NumberedInterface]) -> Fate {
        let port = to.port.unwrap_or(packet.port);
        let Some(address) = to.address.filter(|address| !host.has(*address)) else {
            let mut packet = Packet { port, ..packet.clone() };
            if let Some(address) = to.address {
                packet = packet.with_destination(address);
            }
            let input = Evaluation::new(self, &packet).ip_hook(INPUT);
            // The kernel drops what comes in for a loopback address.
            let is_loopback = to.address.is_some_and(|address| address.is_loopback());
            let may_pass = !is_loopback || (host.routes_localnet && !packet.is_ipv6);
            return Fate {
                accepted: input.accepted && may_pass,
                dropped: input.dropped || is_loopback,
                ..Fate::default()
            };
        };

        let outgoing = host.leading_to(address);
        // A network does not need the published port of a host that is in it.
        let incoming: Vec<NumberedInterface> =
            incoming.iter().filter(|interface| !outgoing.contains(interface)).cloned().collect();
        let packet = Packet::new(packet.transport, packet.is_ipv6, &[address], port, &incoming);
        let packet = Packet { may_be_untracked: self.untracks, ..packet.forwarded(&outgoing) };

        let forward = Evaluation::new(self, &packet).ip_hook(FORWARD);
        let last = Evaluation::new(self, &packet).ip_hook(POSTROUTING);
        Fate {
            accepted: forward.accepted && last.accepted,
            dropped: forward.dropped || last.dropped,
            ..Fate::default()
        }
    }

    /// The ports that rules lead elsewhere, for packets of other hosts.
    pub(super) fn published(&self, host: &Host) -> Vec<PublishedPort> {
        let ports = self.translated_ports();
        let mut published = Vec::new();
        let mut steps = 0;
        for is_ipv6 in [false, true] {
            let addresses = host.addresses(is_ipv6);
            for (transport, port) in [Transport::Tcp, Transport::Udp]
                .into_iter()
                .flat_map(|kind| ports.iter().map(move |port| (kind, *port)))
            {
                if addresses.is_empty() || steps > MAX_STEPS {
                    break;
                }
                let translate = |addresses: &[IpAddr]| self.translations(host, transport, addresses, port);
                let (all, cost) = translate(&addresses);
                steps += cost;
                if !all.is_empty() {
                    let each = addresses.iter().map(|ip| (*ip, translate(&[*ip]).0));
                    published.extend(
                        by_address(each, is_ipv6).into_iter().map(|(address, translations)| PublishedPort {
                            transport,
                            address,
                            port,
                            translations,
                        }),
                    );
                }
            }
        }
        published
    }

    /// The destinations that packets to a port may get, and how many rules were followed.
    fn translations(&self, host: &Host, transport: Transport, to: &[IpAddr], port: u16) -> (Vec<Translation>, usize) {
        let is_ipv6 = to.iter().any(IpAddr::is_ipv6);
        let mut packet = Packet::new(transport, is_ipv6, to, port, &host.incoming(None));
        packet.may_be_untracked = self.untracks;
        let mut evaluation = Evaluation::new(self, &packet);
        evaluation.translate(PREROUTING);

        let steps = evaluation.steps();
        let mut translations = evaluation.translations;
        // Some rules only say where packets go anyway.
        translations.retain(|to| to.port.is_some_and(|to| to != port) || to.address.is_some_and(|to| !host.has(to)));
        translations.sort_unstable();
        translations.dedup();
        (translations, steps)
    }

    /// The ports that the tables name which translate destinations.
    fn translated_ports(&self) -> BTreeSet<u16> {
        let mut ports = BTreeSet::new();
        let bases = self.at_hook(&[NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET], PREROUTING);
        let tables: BTreeSet<(u8, &str)> = bases
            .iter()
            .filter(|(_, base)| base.is_nat)
            .map(|(chain, _)| (chain.family, chain.table.as_str()))
            .collect();
        for chain in self.chains.iter().filter(|chain| tables.contains(&(chain.family, chain.table.as_str()))) {
            named_ports(self, chain, MAX_PORTS, &mut ports);
        }
        ports
    }
}

/// One entry for every address if all of them lead to the same destinations.
fn by_address(
    each: impl Iterator<Item = (IpAddr, Vec<Translation>)>,
    is_ipv6: bool,
) -> BTreeMap<IpAddr, Vec<Translation>> {
    let each: BTreeMap<IpAddr, Vec<Translation>> = each.collect();
    let mut destinations = each.values();
    let first = destinations.next().cloned().unwrap_or_default();
    if !first.is_empty() && destinations.all(|other| *other == first) {
        let any = if is_ipv6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        return BTreeMap::from([(any, first)]);
    }
    each.into_iter().filter(|(_, destinations)| !destinations.is_empty()).collect()
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
