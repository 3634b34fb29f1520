//! The rules of nf_tables as the kernel has them: tables of chains of rules, and their sets.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::expression::Expression;
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
        key_length: usize,
        is_interval: bool,
        elements: Option<Vec<Element>>,
        rest: Option<Element>,
    ) -> Self {
        let elements = elements.map(|mut elements| {
            // One interval may begin where another one ends.
            elements.sort_unstable_by(|a, b| a.key.cmp(&b.key).then(b.is_end.cmp(&a.is_end)));
            elements
        });
        Self { key_length, is_interval, elements, rest }
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
            elements.iter().find(|element| element.spans(key))
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
    /// Whether each part of a concatenated key is in its range. The kernel pads the parts to four bytes.
    fn spans(&self, key: &[u8]) -> bool {
        let last = self.last.as_ref().unwrap_or(&self.key);
        self.key.len() == key.len()
            && self
                .key
                .chunks(4)
                .zip(last.chunks(4))
                .zip(key.chunks(4))
                .all(|((first, last), part)| first <= part && part <= last)
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
        let set = Set::new(2, true, Some(elements.map(|(port, is_end)| element(port, is_end)).to_vec()), None);
        for (port, is_in) in
            [(0, false), (21, false), (22, true), (23, false), (80, true), (90, true), (91, true), (92, false)]
        {
            assert_eq!(has(&set, port), is_in, "{port}");
        }
    }

    #[test]
    fn what_is_unknown_may_be_in_a_set_that_is_not_empty() {
        let set = Set::new(2, false, Some(vec![element(22, false)]), None);
        assert_eq!(set.find(&Value::Any).unwrap().1, Holds::Sometimes);
        assert_eq!(Set::new(2, false, Some(Vec::new()), None).find(&Value::Any).unwrap().1, Holds::Never);
        assert!(Set::new(2, false, None, None).find(&Value::known(&[0, 22])).is_none());
        assert!(has(&set, 22) && !has(&set, 23));
    }

    #[test]
    fn ranges_of_concatenated_keys_are_compared_part_by_part() {
        let range = Element {
            key: vec![10, 0, 0, 1, 0, 80, 0, 0],
            last: Some(vec![10, 0, 0, 9, 0, 90, 0, 0]),
            ..Element::default()
        };
        let set = Set::new(8, true, Some(vec![range]), None);
        let holds = |key: &[u8]| set.find(&Value::known(key)).unwrap().1;
        assert_eq!(holds(&[10, 0, 0, 5, 0, 85, 0, 0]), Holds::Always);
        assert_eq!(holds(&[10, 0, 0, 5, 0, 91, 0, 0]), Holds::Never);
    }
}
