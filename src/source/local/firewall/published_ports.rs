//! The ports of this host that rules lead elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Host;
use super::evaluate::{Evaluation, NFPROTO_INET};
use super::named_ports::named_ports;
use super::packet::{NFPROTO_IPV4, NFPROTO_IPV6, Packet};
use super::reach::PREROUTING;
use super::ruleset::Ruleset;
use super::translate::Translation;
use crate::model::Transport;

/// Maximum number of ports that are looked for in the rules, and of rules that are followed for that.
const MAX_PORTS: usize = 4096;
const MAX_STEPS: usize = 200_000;

/// A port of this host that rules lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::local) struct PublishedPort {
    pub(in crate::source::local) transport: Transport,
    /// Unspecified: every address of the host.
    pub(in crate::source::local) address: IpAddr,
    pub(in crate::source::local) port: u16,
    pub(in crate::source::local) translations: Vec<Translation>,
}

impl Ruleset {
    /// The ports that rules lead elsewhere, for packets of other hosts; and whether these are all.
    pub(super) fn published(&self, host: &Host) -> (Vec<PublishedPort>, bool) {
        let ports = self.translated_ports();
        let kinds = [Transport::Tcp, Transport::Udp];
        let mut search = PublishedSearch { ruleset: self, host, published: Vec::new(), steps: 0 };
        for addresses in [host.addresses(false), host.addresses(true)].iter().filter(|addresses| !addresses.is_empty())
        {
            for (transport, port) in kinds.into_iter().flat_map(|kind| ports.iter().map(move |port| (kind, *port))) {
                if !search.look_at(transport, port, addresses) {
                    return (search.published, false);
                }
            }
        }

        (search.published, ports.len() <= MAX_PORTS)
    }

    /// The ports that the tables name which translate destinations; more than the maximum if some are left out.
    fn translated_ports(&self) -> BTreeSet<u16> {
        let mut ports = BTreeSet::new();
        let bases = self.at_hook(&[NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET], PREROUTING);
        let tables: BTreeSet<(u8, &str)> = bases
            .iter()
            .filter(|(_, base)| base.is_nat)
            .map(|(chain, _)| (chain.family, chain.table.as_str()))
            .collect();
        for chain in self.chains.iter().filter(|chain| tables.contains(&(chain.family, chain.table.as_str()))) {
            named_ports(self, chain, MAX_PORTS + 1, &mut ports);
        }
        ports
    }
}

/// Looks for the ports that rules lead elsewhere, as long as there are not too many rules to follow.
struct PublishedSearch<'r> {
    ruleset: &'r Ruleset,
    host: &'r Host,
    published: Vec<PublishedPort>,
    steps: usize,
}

impl PublishedSearch<'_> {
    /// Looks at a port of these addresses; `false`: the rules are too many to be sure of it.
    fn look_at(&mut self, transport: Transport, port: u16, addresses: &[IpAddr]) -> bool {
        let Some(all) = self.translations(transport, addresses, port) else { return false };
        if all.is_empty() {
            return true;
        }
        let mut each = BTreeMap::new();
        for ip in addresses {
            let Some(translations) = self.translations(transport, &[*ip], port) else { return false };
            each.insert(*ip, translations);
        }

        let is_ipv6 = addresses.iter().any(IpAddr::is_ipv6);
        let ports = by_address(each, is_ipv6).into_iter();
        self.published.extend(ports.map(|(address, translations)| PublishedPort {
            transport,
            address,
            port,
            translations,
        }));

        true
    }

    /// The destinations that packets to a port may get; `None`: the rules are too many.
    fn translations(&mut self, transport: Transport, to: &[IpAddr], port: u16) -> Option<Vec<Translation>> {
        if self.steps > MAX_STEPS {
            return None;
        }
        let is_ipv6 = to.iter().any(IpAddr::is_ipv6);
        let mut packet = Packet::new(transport, is_ipv6, to, port, &self.host.incoming(None));
        packet.may_be_untracked = self.ruleset.untracks;
        let mut evaluation = Evaluation::new(self.ruleset, &packet);
        evaluation.translate(PREROUTING);
        self.steps += evaluation.steps();
        if evaluation.is_exhausted() {
            return None;
        }

        let mut translations = evaluation.translations;
        // Some rules only say where packets go anyway.
        translations
            .retain(|to| to.port.is_some_and(|to| to != port) || to.address.is_some_and(|to| !self.host.has(to)));
        translations.sort_unstable();
        translations.dedup();
        Some(translations)
    }
}

/// One entry for every address if all of them lead to the same destinations.
fn by_address(each: BTreeMap<IpAddr, Vec<Translation>>, is_ipv6: bool) -> BTreeMap<IpAddr, Vec<Translation>> {
    let mut destinations = each.values();
    let first = destinations.next().cloned().unwrap_or_default();
    if !first.is_empty() && destinations.all(|other| *other == first) {
        let any = if is_ipv6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        return BTreeMap::from([(any, first)]);
    }
    each.into_iter().filter(|(_, destinations)| !destinations.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reach::tests::{host, publishing};
    use super::*;

    #[test]
    fn ports_that_no_time_is_left_for_are_missing_and_that_is_said() {
        let (ports, are_all) = publishing(8_000..8_010, 0).published(&host());
        assert_eq!((ports.len(), are_all), (20, true), "of both transports");
        assert_eq!((ports[0].port, ports[0].address), (8_000, IpAddr::from([0, 0, 0, 0])));

        let (ports, are_all) = publishing(8_000..8_010, 40_000).published(&host());
        assert!(!ports.is_empty() && ports.len() < 20 && !are_all, "{}", ports.len());
        let (ports, are_all) = publishing(1..u16::MAX, 0).published(&host());
        assert!(!ports.is_empty() && !are_all);
    }
}
