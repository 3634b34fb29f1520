//! The rules of nf_tables as the kernel has them: tables of chains of rules, and their sets.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::expression::Expression;
use super::translate::Translation;
use super::value::{Data, Holds, Value};

/// Where a chain stands: the family and the name of its table, and its own name.
pub(super) type ChainName = (u8, String, String);

/// Everything that decides about packets.
#[derive(Debug, Default)]
pub(in crate::source::local) struct Ruleset {
    pub(super) chains: Vec<Chain>,
    pub(super) chain_index: HashMap<ChainName, usize, FixedState>,
    /// By the family and the name of the table, and the set's own name.
    pub(super) sets: HashMap<ChainName, Set, FixedState>,
    /// Some rule gives packets another destination.
    pub(super) redirects: bool,
    /// The destinations that rules give by their constants alone,
    pub(super) constant_targets: BTreeSet<Translation>,
    /// and whether some depend on the packet.
    pub(super) has_other_targets: bool,
    /// Some rule gives packets to a socket of another address.
    pub(super) proxies: bool,
    /// Some rule exempts packets from connection tracking.
    pub(super) untracks: bool,
}

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) family: u8,
    pub(super) table: String,
    /// `None`: other chains jump to it.
    pub(super) base: Option<BaseChain>,
    pub(super) rules: Vec<Vec<Expression>>,
}

/// Where the kernel calls a chain.
#[derive(Clone, Debug)]
pub(super) struct BaseChain {
    pub(super) hook: u32,
    pub(super) priority: i32,
    pub(super) is_nat: bool,
    /// What happens at its end.
    pub(super) accepts: bool,
}

/// The elements of a set or a map.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) key_length: usize,
    pub(super) is_interval: bool,
    /// The lengths of the fields of a concatenated key. The kernel pads each field to four bytes.
    pub(super) fields: Vec<usize>,
    /// Sorted; `None`: unknown.
    pub(super) elements: Option<Vec<Element>>,
    /// What holds for every other key.
    pub(super) rest: Option<Element>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) key: Vec<u8>,
    /// The last key of a range of concatenated keys.
    pub(super) last: Option<Vec<u8>>,
    /// An interval ends before this key.
    pub(super) is_end: bool,
    pub(super) data: Option<Data>,
}

impl Ruleset {
    pub(super) fn chain(&self, family: u8, table: &str, name: &str) -> Option<&Chain> {
        let index = self.chain_index.get(&(family, table.to_owned(), name.to_owned()))?;
        self.chains.get(*index)
    }

    pub(super) fn set(&self, chain: &Chain, name: &str) -> Option<&Set> {
        self.sets.get(&(chain.family, chain.table.clone(), name.to_owned()))
    }

    /// The base chains of some families at a hook, in the order in which the kernel calls them.
    pub(super) fn at_hook(&self, families: &[u8], hook: u32) -> Vec<(&Chain, &BaseChain)> {
        let chains = self.chains.iter().filter(|chain| families.contains(&chain.family));
        let mut chains: Vec<_> = chains
            .filter_map(|chain| Some((chain, chain.base.as_ref()?)))
            .filter(|(_, base)| base.hook == hook)
            .collect();
        chains.sort_by_key(|(_, base)| base.priority);
        chains
    }
}

impl Set {
    /// Sorts the elements, which the kernel lists in no stable order.
    pub(super) fn new(
        (key_length, fields): (usize, Vec<usize>),
        is_interval: bool,
        elements: Option<Vec<Element>>,
        rest: Option<Element>,
    ) -> Self {
        // Without the lengths of its fields, a key of several cannot be told from the end of its range.
        let has_ranges = elements.iter().flatten().any(|element| element.last.is_some());
        let is_described = fields.iter().map(|bytes| bytes.next_multiple_of(4)).sum::<usize>() == key_length;
        let elements = elements.filter(|_| !has_ranges || is_described);
        let elements = elements.map(|mut elements| {
            // One interval may begin where another one ends.
            elements.sort_unstable_by(|a, b| a.key.cmp(&b.key).then(b.is_end.cmp(&a.is_end)));
            elements
        });
        Self { key_length, is_interval, fields, elements, rest }
    }

    /// The elements that a value may find, and for which of its alternatives there is one. `None`: unknown.
    pub(super) fn find(&self, value: &Value) -> Option<(Vec<&Element>, Holds)> {
        let elements = self.elements.as_ref()?;
        let Value::OneOf(keys) = value else {
            let found: Vec<_> = elements.iter().filter(|element| !element.is_end).chain(&self.rest).collect();
            let holds = match (found.is_empty(), &self.rest) {
                (true, _) => Holds::Never,
                (false, Some(_)) => Holds::Always,
                (false, None) => Holds::Sometimes,
            };
            return Some((found, holds));
        };

        let found: Vec<Option<&Element>> = keys.iter().map(|key| self.element(elements, key)).collect();
        let count = found.iter().flatten().count();
        let holds = match count {
            0 => Holds::Never,
            _ if count == keys.len() => Holds::Always,
            _ => Holds::Sometimes,
        };
        Some((found.into_iter().flatten().collect(), holds))
    }

    fn element<'s>(&'s self, elements: &'s [Element], key: &[u8]) -> Option<&'s Element> {
        let found = if elements.iter().any(|element| element.last.is_some()) {
            elements.iter().find(|element| element.spans(key, &self.fields))
        } else if self.is_interval {
            let after = elements.partition_point(|element| element.key.as_slice() <= key);
            after.checked_sub(1).and_then(|at| elements.get(at)).filter(|element| !element.is_end)
        } else {
            let at = elements.partition_point(|element| element.key.as_slice() < key);
            elements.get(at).filter(|element| element.key == key)
        };
        found.or(self.rest.as_ref())
    }
}

impl Element {
    /// Whether each field of a concatenated key is in its range.
    fn spans(&self, key: &[u8], fields: &[usize]) -> bool {
        let last = self.last.as_ref().unwrap_or(&self.key);
        let mut at = 0;
        fields.iter().all(|bytes| {
            let field = at..at + bytes;
            at += bytes.next_multiple_of(4);
            let [first, last, part] = [&self.key[..], last, key].map(|of| of.get(field.clone()));
            first.zip(last).zip(part).is_some_and(|((first, last), part)| first <= part && part <= last)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(port: u16, is_end: bool) -> Element {
        Element { key: port.to_be_bytes().to_vec(), is_end, ..Element::default() }
    }

    fn has(set: &Set, port: u16) -> bool {
        set.find(&Value::known(&port.to_be_bytes())).unwrap().1 == Holds::Always
    }

    #[test]
    fn intervals_include_their_beginning_and_not_their_end() {
        // 22, 80-90 and 91, as the kernel lists them.
        let elements = [(92, true), (91, false), (91, true), (80, false), (23, true), (22, false), (0, true)];
        let set =
            Set::new((2, Vec::new()), true, Some(elements.map(|(port, is_end)| element(port, is_end)).to_vec()), None);
        for (port, is_in) in
            [(0, false), (21, false), (22, true), (23, false), (80, true), (90, true), (91, true), (92, false)]
        {
            assert_eq!(has(&set, port), is_in, "{port}");
        }
    }

    #[test]
    fn what_is_unknown_may_be_in_a_set_that_is_not_empty() {
        let set = Set::new((2, Vec::new()), false, Some(vec![element(22, false)]), None);
        assert_eq!(set.find(&Value::Any).unwrap().1, Holds::Sometimes);
        assert_eq!(Set::new((2, Vec::new()), false, Some(Vec::new()), None).find(&Value::Any).unwrap().1, Holds::Never);
        assert!(Set::new((2, Vec::new()), false, None, None).find(&Value::known(&[0, 22])).is_none());
        assert!(has(&set, 22) && !has(&set, 23));
    }

    #[test]
    fn ranges_of_concatenated_keys_are_compared_part_by_part() {
        let range = Element {
            key: vec![10, 0, 0, 1, 0, 80, 0, 0],
            last: Some(vec![10, 0, 0, 9, 0, 90, 0, 0]),
            ..Element::default()
        };
        let set = Set::new((8, vec![4, 2]), true, Some(vec![range.clone()]), None);
        let holds = |key: &[u8]| set.find(&Value::known(key)).unwrap().1;
        assert_eq!(holds(&[10, 0, 0, 5, 0, 85, 0, 0]), Holds::Always);
        assert_eq!(holds(&[10, 0, 0, 5, 0, 91, 0, 0]), Holds::Never);
        let undescribed = Set::new((8, Vec::new()), true, Some(vec![range]), None);
        assert!(undescribed.find(&Value::known(&[10, 0, 0, 5, 0, 85, 0, 0])).is_none(), "it may hold or not");
    }

    /// From fd77::1 to fd78::, port 80: the last bytes of an address in between may be smaller or greater than those of both.
    #[test]
    fn a_field_of_a_concatenated_key_is_compared_as_a_whole() {
        let key = |address: &str, port: u16| {
            let address: std::net::Ipv6Addr = address.parse().unwrap();
            [&address.octets()[..], &port.to_be_bytes(), &[0, 0]].concat()
        };
        let range = Element { key: key("fd77::1", 80), last: Some(key("fd78::", 80)), ..Element::default() };
        let set = Set::new((20, vec![16, 2]), true, Some(vec![range]), None);

        for (address, port, is_in) in [
            ("fd77::5", 80, true),
            ("fd77:9::", 80, true),
            ("fd77::", 80, false),
            ("fd78::1", 80, false),
            ("fd77::5", 81, false),
        ] {
            assert_eq!(set.find(&Value::known(&key(address, port))).unwrap().1 == Holds::Always, is_in, "{address}");
        }
    }
}
