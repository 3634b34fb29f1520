//! The confirmation of findings: two looks agree before one is reported, and before it is reported as ended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::DriftItem;

/// The findings of the looks so far.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    known: BTreeMap<String, KnownItem>,
}

#[derive(Clone, Debug)]
struct KnownItem {
    item: DriftItem,
    first_found: Timestamp,
    /// Whether the last look had it.
    in_last: bool,
    confirmed: bool,
}

impl Confirmation {
    /// Adds a look and returns the confirmed items, sorted by id. `unread` are the registries that it could not read: what
    /// depends on them stays as it was.
    pub fn add(&mut self, look: Vec<DriftItem>, unread: &BTreeSet<usize>, now: Timestamp) -> Vec<DriftItem> {
        let found: BTreeSet<String> = look.iter().map(|item| item.id.clone()).collect();
        self.known.retain(|id, known| found.contains(id) || known.is_still_known(unread));

        for item in look {
            match self.known.get_mut(&item.id) {
                Some(known) => {
                    known.confirmed |= known.in_last;
                    known.in_last = true;
                    known.item = item;
                }
                None => {
                    let known = KnownItem { item: item.clone(), first_found: now, in_last: true, confirmed: false };
                    self.known.insert(item.id, known);
                }
            }
        }
        self.known.values().filter(|known| known.confirmed).map(KnownItem::shown).collect()
    }
}

impl KnownItem {
    /// Records that a look did not have it. Returns whether it is kept.
    fn is_still_known(&mut self, unread: &BTreeSet<usize>) -> bool {
        let is_unread = self.item.registries.iter().any(|registry| unread.contains(registry));
        let was_in_last = self.in_last;
        self.in_last &= is_unread && self.confirmed;
        self.confirmed && (is_unread || was_in_last)
    }

    fn shown(&self) -> DriftItem {
        let mut item = self.item.clone();
        if item.finding.is_some() {
            item.detail.since.get_or_insert(self.first_found);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::kinds;
    use crate::drift::tests::{input, registered};

    fn item(id: &str) -> DriftItem {
        let input = input();
        let item = DriftItem::of_registered((0, &input.registries[0]), &registered("web", id, "10.0.0.5", 80));
        item.with(&kinds::NOT_LISTENING, "nothing listens")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_finding_begins_and_ends_with_two_looks() {
        let (mut confirmation, none) = (Confirmation::default(), BTreeSet::new());
        let looks = [true, false, true, true, false, true, false, false];
        let expected = [false, false, false, true, true, true, true, false];

        for (second, (has, confirmed)) in looks.into_iter().zip(expected).enumerate() {
            let look = if has { vec![item("a")] } else { Vec::new() };
            let shown = confirmation.add(look, &none, at(second.try_into().unwrap()));
            assert_eq!(shown.len(), usize::from(confirmed), "look {second}");
            assert!(shown.iter().all(|item| item.detail.since == Some(at(2))), "since it was found first");
        }
    }

    #[test]
    fn what_a_registry_said_stays_while_it_is_down() {
        let (mut confirmation, none, down) = (Confirmation::default(), BTreeSet::new(), BTreeSet::from([0]));
        confirmation.add(vec![item("a")], &none, at(0));
        confirmation.add(vec![item("a"), item("b")], &none, at(1));
        for second in 2..6 {
            let shown = confirmation.add(Vec::new(), &down, at(second));
            assert_eq!(shown.len(), 1, "the confirmed one stays, and the other one is not confirmed by silence");
        }
        assert_eq!(confirmation.add(Vec::new(), &none, at(6)).len(), 1);
        assert_eq!(confirmation.add(Vec::new(), &none, at(7)).len(), 0);
    }
}
