//! Reads the rules of nf_tables through netlink (`linux/netfilter/nfnetlink.h`, `linux/netfilter/nf_tables.h`).

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::io;

use foldhash::fast::FixedState;
use rustix::net::netlink;

use super::super::dump::{NetlinkDump, attributes, request};
use super::expression::{self, Expression, number, text};
use super::ruleset::{BaseChain, Chain, ChainName, Element, Ruleset, Set};
use super::translate::constant_translations;

/// `NFNL_SUBSYS_NFTABLES << 8`
const NFTABLES: u16 = 10 << 8;
/// The requests, and the messages that the kernel replies with.
const TABLES: (u16, u16) = (NFTABLES | 1, NFTABLES);
const CHAINS: (u16, u16) = (NFTABLES | 4, NFTABLES | 3);
const RULES: (u16, u16) = (NFTABLES | 7, NFTABLES | 6);
const SETS: (u16, u16) = (NFTABLES + 10, NFTABLES + 9);
const ELEMENTS: (u16, u16) = (NFTABLES + 13, NFTABLES + 12);

/// `struct nfgenmsg`: the family, a version, and a number that grows with each change of the rules.
const NFGENMSG: usize = 4;
const DORMANT: u32 = 1;
const SET_INTERVAL: u32 = 4;
const ELEMENT_INTERVAL_END: u32 = 1;
const ELEMENT_CATCH_ALL: u32 = 2;
/// Maximum number of rules, and of elements of one set. The largest rule sets of kube-proxy have about 100,000 rules.
const MAX_RULES: usize = 200_000;
const MAX_ELEMENTS: usize = 65_536;
/// Maximum number of sets whose elements are read.
const MAX_SETS: usize = 4096;
/// How often the rules are read again that changed meanwhile.
const TRIES: usize = 3;

/// A message about the rules: its family, its generation, and its attributes.
struct Message {
    family: u8,
    generation: [u8; 2],
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<NFGENMSG>()?;
        let attributes = attributes(rest).map(|(kind, value)| (kind, value.to_vec())).collect();
        Some(Self { family: header[0], generation: [header[2], header[3]], attributes })
    }

    fn get(&self, wanted: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| value.as_slice())
    }

    fn number(&self, wanted: u16) -> Option<u32> {
        number(self.get(wanted)?)
    }

    fn text(&self, wanted: u16) -> String {
        self.get(wanted).map(text).unwrap_or_default()
    }
}

/// The rules of the calling thread's network namespace.
///
/// # Errors
/// The kernel's: no permission, or no nf_tables at all.
pub(super) fn read() -> io::Result<Ruleset> {
    for _ in 0..TRIES {
        if let Some(ruleset) = read_once()? {
            return Ok(ruleset);
        }
    }
    Err(io::Error::other("the rules kept changing while they were read"))
}

/// Tells one state of the rules from another one, without reading them.
pub(in crate::source::local) struct Generation {
    /// `None` once the kernel has refused it.
    netlink: Option<NetlinkDump>,
}

impl Generation {
    pub(in crate::source::local) fn open() -> Self {
        Self { netlink: NetlinkDump::open(netlink::NETFILTER, MAX_RULES).ok() }
    }

    /// A number that stays the same as long as the rules do; `None` without the permission to read them.
    pub(in crate::source::local) fn now(&mut self) -> Option<u64> {
        let tables = dump(self.netlink.as_mut()?, TABLES, 0, &[]);
        let Ok(tables) = tables else {
            self.netlink = None;
            return None;
        };
        let prints = tables.iter().map(|table| {
            FixedState::default().hash_one((table.family, table.generation, table.text(1), table.number(2)))
        });
        Some(prints.fold(0, u64::wrapping_add))
    }
}

/// `None`: the rules changed meanwhile.
fn read_once() -> io::Result<Option<Ruleset>> {
    let mut netlink = NetlinkDump::open(netlink::NETFILTER, MAX_RULES)?;
    let tables = dump(&mut netlink, TABLES, 0, &[])?;
    if tables.is_empty() {
        return Ok(Some(Ruleset::default()));
    }

    let chains = dump(&mut netlink, CHAINS, 0, &[])?;
    let rules = dump(&mut netlink, RULES, 0, &[])?;
    let sets = dump(&mut netlink, SETS, 0, &[])?;
    let all = [&tables, &chains, &rules, &sets];
    let generations: HashSet<[u8; 2]> = all.iter().flat_map(|list| list.iter().map(|one| one.generation)).collect();
    if generations.len() > 1 {
        return Ok(None);
    }

    let mut ruleset = Ruleset::default();
    let dormant: HashSet<(u8, String)> = tables
        .iter()
        .filter(|table| table.number(2).is_some_and(|flags| flags & DORMANT != 0))
        .map(|table| (table.family, table.text(1)))
        .collect();
    for chain in chains.iter().filter(|chain| !dormant.contains(&(chain.family, chain.text(1)))) {
        ruleset.add_chain(chain);
    }
    for rule in &rules {
        ruleset.add_rule(rule);
    }

    let used = ruleset.used_sets();
    for set in sets.iter().filter(|set| used.contains(&(set.family, set.text(1), set.text(2)))).take(MAX_SETS) {
        let elements = read_elements(&mut netlink, set);
        if elements.is_err() {
            // The rest of the reply may still come.
            netlink = NetlinkDump::open(netlink::NETFILTER, MAX_RULES)?;
        }
        ruleset.add_set(set, elements.ok());
    }
    Ok(Some(ruleset))
}

fn dump(netlink: &mut NetlinkDump, kinds: (u16, u16), family: u8, body: &[u8]) -> io::Result<Vec<Message>> {
    let request = request(kinds.0, &[&[family, 0, 0, 0], body].concat());
    let mut messages = Vec::new();
    netlink.dump(&request, kinds.1, &mut messages, |message, out| out.extend(Message::parse(message)))?;
    Ok(messages)
}

fn read_elements(netlink: &mut NetlinkDump, set: &Message) -> io::Result<Vec<Element>> {
    let mut body = attribute(1, set.get(1).unwrap_or_default());
    body.extend(attribute(2, set.get(2).unwrap_or_default()));
    let request = request(ELEMENTS.0, &[&[set.family, 0, 0, 0], body.as_slice()].concat());

    let mut elements = Vec::new();
    netlink.dump(&request, ELEMENTS.1, &mut elements, take_elements)?;
    if elements.len() > MAX_ELEMENTS {
        return Err(io::Error::other("the set has more elements than portolan reads"));
    }
    Ok(elements)
}

/// A `struct nlattr` and its value.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn take_elements(message: &[u8], out: &mut Vec<Element>) {
    let list = message.get(NFGENMSG..).into_iter().flat_map(attributes).find(|(kind, _)| *kind == 3);
    out.extend(
        list.into_iter().flat_map(|(_, list)| attributes(list)).filter_map(|(_, element)| parse_element(element)),
    );
}

fn parse_element(bytes: &[u8]) -> Option<Element> {
    let mut element = Element::default();
    let mut flags = 0;
    for (kind, value) in attributes(bytes) {
        match kind {
            1 => element.key = constant(value)?,
            2 => element.data = Some(expression::data(value)?),
            3 => flags = number(value)?,
            10 => element.last = Some(constant(value)?),
            _ => {}
        }
    }
    element.is_end = flags & ELEMENT_INTERVAL_END != 0;

    // Without a key, it holds for every other key.
    (flags & ELEMENT_CATCH_ALL != 0 || !element.key.is_empty()).then_some(element)
}

fn constant(nested: &[u8]) -> Option<Vec<u8>> {
    attributes(nested).find(|(kind, _)| *kind == 1).map(|(_, value)| value.to_vec())
}

impl Ruleset {
    fn add_chain(&mut self, of: &Message) {
        let (table, name) = (of.text(1), of.text(3));
        let hook: Option<Vec<(u16, u32)>> = of.get(4).map(|hook| {
            let numbers = attributes(hook).filter_map(|(kind, value)| Some((kind, number(value)?)));
            numbers.collect()
        });
        let base = hook.map(|hook| {
            let part = |wanted: u16| hook.iter().find(|(kind, _)| *kind == wanted).map_or(0, |(_, value)| *value);
            BaseChain {
                hook: part(1),
                priority: part(2).cast_signed(),
                is_nat: of.text(7) == "nat",
                accepts: of.number(5) != Some(0),
            }
        });
        self.chain_index.insert((of.family, table.clone(), name), self.chains.len());

        self.chains.push(Chain { family: of.family, table, base, rules: Vec::new() });
    }

    fn add_rule(&mut self, of: &Message) {
        let index = self.chain_index.get(&(of.family, of.text(1), of.text(2)));
        let Some(chain) = index.and_then(|index| self.chains.get_mut(*index)) else { return };
        let list = of.get(4).into_iter().flat_map(attributes);
        let rule: Vec<Expression> = list.map(|(_, expression)| parse_expression(of.family, expression)).collect();

        for expression in &rule {
            match expression {
                Expression::Translate { .. }
                | Expression::TranslateTo { .. }
                | Expression::Redirect { .. }
                | Expression::Write
                | Expression::Unknown => self.redirects = true,
                Expression::Proxy => self.proxies = true,
                Expression::Untrack => self.untracks = true,
                _ => {}
            }
        }
        match constant_translations(&rule) {
            Some(targets) => self.constant_targets.extend(targets),
            None => self.has_other_targets = true,
        }
        chain.rules.push(rule);
    }

    fn add_set(&mut self, of: &Message, elements: Option<Vec<Element>>) {
        let (mut rest, mut listed) = (None, elements);
        if let Some(elements) = &mut listed {
            rest = elements.iter().find(|element| element.key.is_empty()).cloned();
            elements.retain(|element| !element.key.is_empty());
        }
        let is_interval = of.number(3).unwrap_or(0) & SET_INTERVAL != 0;
        let key_length = of.number(5).unwrap_or(0) as usize;
        let fields = of.get(9).map(field_lengths).unwrap_or_default();
        let set = Set::new((key_length, fields), is_interval, listed, rest);
        self.sets.insert((of.family, of.text(1), of.text(2)), set);
    }

    /// The sets that rules look into.
    fn used_sets(&self) -> HashSet<ChainName> {
        let mut used = HashSet::new();
        for chain in &self.chains {
            for expression in chain.rules.iter().flatten() {
                if let Expression::Lookup { set, .. } = expression {
                    used.insert((chain.family, chain.table.clone(), set.clone()));
                }
            }
        }
        used
    }
}

/// The lengths of the fields of a concatenated key, from the description of a set (`NFTA_SET_DESC_CONCAT`).
fn field_lengths(description: &[u8]) -> Vec<usize> {
    let list = attributes(description).find(|(kind, _)| *kind == 2).map(|(_, list)| list).unwrap_or_default();
    let fields = attributes(list).filter_map(|(_, field)| attributes(field).find(|(kind, _)| *kind == 1));
    fields.filter_map(|(_, length)| number(length)).map(|length| length as usize).collect()
}

fn parse_expression(family: u8, bytes: &[u8]) -> Expression {
    let (mut name, mut data): (&[u8], &[u8]) = (&[], &[]);
    for (kind, value) in attributes(bytes) {
        match kind {
            1 => name = value.split(|byte| *byte == 0).next().unwrap_or_default(),
            2 => data = value,
            _ => {}
        }
    }
    expression::parse(family, name, data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_message_makes_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut ruleset = Ruleset::default();
            if let Some(message) = Message::parse(&bytes) {
                ruleset.add_chain(&message);
                ruleset.add_rule(&message);
                ruleset.add_set(&message, None);
            }
            for name in [&b"match"[..], b"target", b"nat", b"lookup", b"payload", b"cmp", b"immediate"] {
                let _ = expression::parse(2, name, &bytes);
            }
            take_elements(&bytes, &mut Vec::new());
        }
    }
}
