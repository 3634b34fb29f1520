//! The order in which `discover` names the instances of a service: a client takes the first, and the next one if that fails.
//!
//! The strategies are those of `balance/`, which clients use too: the same key leads to the same instance, whether a client
//! asks `discover` or balances by itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::strategy::Strategy;
use crate::balance::{Backend, Backends, Load, PickKey, Picker};
use crate::engine::Clock;
use crate::model::{RegisteredInstance, VersionRequirement};

/// The most prepared selections of a service: a client that asks for ever other versions must not fill the memory.
const MAX_PREPARED: usize = 16;
/// The most tables of hashing strategies that are kept, of 131 KB each, for all services together. Further ones are made for
/// each request, in about a millisecond.
const MAX_TABLES: usize = 512;
/// How many tables are kept.
static TABLES: AtomicUsize = AtomicUsize::new(0);
/// After this many picks the counts of least connections begin anew: long before they overflow.
const MAX_PICKS: u64 = 1 << 30;

/// What balancing remembers about an instance, from one set to the next.
#[derive(Debug, Default)]
pub(super) struct InstanceCounters {
    /// How often it was named first.
    pub(super) picks: AtomicU64,
}

/// What balancing remembers about a service.
#[derive(Debug, Default)]
pub(super) struct ServiceCounters {
    /// The picks of instances that are gone.
    pub(super) gone: AtomicU64,
    /// How often each strategy was applied: where one goes on when the set changes.
    turns: [AtomicU64; Strategy::ALL.len()],
}

/// Which instances a client wants, and how they are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PickSelection {
    pub(super) strategy: Strategy,
    pub(super) version: Option<VersionRequirement>,
    pub(super) with_unhealthy: bool,
}

/// What a strategy may choose by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClientKey<'r> {
    pub(super) key: Option<&'r str>,
    pub(super) address: Option<IpAddr>,
}

/// An instance to choose from, with what balancing remembers about it.
pub(super) type Candidate<'i> = (&'i RegisteredInstance, &'i Arc<InstanceCounters>);

impl PickSelection {
    fn accepts(&self, instance: &RegisteredInstance) -> bool {
        let version = instance.registration.version.as_deref();
        (self.with_unhealthy || instance.is_usable())
            && self.version.as_ref().is_none_or(|wanted| version.is_some_and(|version| wanted.accepts(version)))
    }

    /// Whether its picker is a large table.
    fn has_table(&self) -> bool {
        matches!(self.strategy, Strategy::ConsistentHash | Strategy::IpHash)
    }

    /// What the strategy hashes.
    fn pick_key<'r>(&self, client: ClientKey<'r>) -> PickKey<'r> {
        match (client.key, client.address) {
            (Some(key), _) => key.into(),
            (None, Some(address)) if self.strategy == Strategy::IpHash => address.into(),
            _ => PickKey::None,
        }
    }
}

/// An instance of a selection.
#[derive(Debug)]
struct SelectedInstance {
    /// Its position in the list of the service.
    at: usize,
    weight: u16,
    counters: Arc<InstanceCounters>,
    /// The picks of this selection.
    load: Arc<Load>,
}

/// The instances of one selection, with a picker for them. It lasts until the service changes.
#[derive(Debug)]
struct PreparedSelection {
    selection: PickSelection,
    instances: Vec<SelectedInstance>,
    picker: Box<dyn Picker>,
    picks: AtomicU64,
    /// Of a hashing strategy, if there was room.
    table: Option<KeptTable>,
}

/// A table that is kept.
#[derive(Debug)]
struct KeptTable;

impl KeptTable {
    /// Room for one; `None` if there is none.
    fn reserve() -> Option<Self> {
        let is_free = |kept: usize| (kept < MAX_TABLES).then_some(kept + 1);
        TABLES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free).ok().map(|_| Self)
    }
}

impl Drop for KeptTable {
    fn drop(&mut self) {
        TABLES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PreparedSelection {
    fn new<'i>(selection: &PickSelection, all: impl Iterator<Item = Candidate<'i>>, start: u64) -> Self {
        let mut instances = Vec::new();
        let mut backends = Vec::new();
        let mut is_split = false;
        for (at, (instance, counters)) in all.enumerate().filter(|(_, (instance, _))| selection.accepts(instance)) {
            // Clients know endpoints by their addresses, and hash those.
            let backend = Backend::new(instance.registration.place(), instance.weight);
            let load = Arc::clone(&backend.load);
            instances.push(SelectedInstance { at, weight: instance.weight, counters: Arc::clone(counters), load });
            backends.push(backend);
            is_split |= instance.own_weight.is_some();
        }

        let backends = Backends::new(backends, Clock::coarse()).starting_at(start).split(is_split);
        let picker = selection.strategy.balancer().picker(&backends);
        let table = selection.has_table().then(KeptTable::reserve).flatten();
        Self { selection: selection.clone(), instances, picker, picks: AtomicU64::new(0), table }
    }

    /// The instances in the order for one client, at most `limit`. The first is counted as picked.
    fn order(&self, key: PickKey<'_>, limit: usize) -> Vec<usize> {
        let mut order = match limit {
            1 => self.picker.pick(key).into_iter().collect(),
            _ => self.picker.order(key),
        };
        if let Some(first) = order.first().and_then(|first| self.instances.get(*first)) {
            // The end of a call is never seen, so these are the picks since the set changed.
            first.load.begin();
            first.counters.picks.fetch_add(1, Ordering::Relaxed);
        }
        if order.len() < limit.min(self.instances.len()) {
            self.complete(&mut order);
        }

        order.truncate(limit);
        order.into_iter().map(|at| self.instances[at].at).collect()
    }

    /// Adds the instances that an order leaves out: those of weight 0, which get no calls, last.
    fn complete(&self, order: &mut Vec<usize>) {
        let mut is_named = vec![false; self.instances.len()];
        for at in &*order {
            is_named[*at] = true;
        }
        let mut others: Vec<usize> = (0..is_named.len()).filter(|at| !is_named[*at]).collect();
        others.sort_by_key(|at| self.instances[*at].weight == 0);
        order.extend(others);
    }
}

/// The prepared selections of a service at one index.
#[derive(Debug, Default)]
pub(super) struct Balancing(RwLock<Vec<Arc<PreparedSelection>>>);

impl Balancing {
    /// The positions of the wanted instances in the order for a client, at most `limit`. The first is counted as picked.
    /// `all`: the instances of the service, which are only looked at if the selection is new.
    pub(super) fn order<'i, I: Iterator<Item = Candidate<'i>>>(
        &self,
        all: impl FnOnce() -> I,
        counters: &ServiceCounters,
        selection: &PickSelection,
        client: ClientKey<'_>,
        limit: usize,
    ) -> Vec<usize> {
        let turns = &counters.turns[selection.strategy as usize];
        let prepared =
            self.prepared(selection, || PreparedSelection::new(selection, all(), turns.load(Ordering::Relaxed)));
        let positions = prepared.order(selection.pick_key(client), limit);

        if !positions.is_empty() {
            turns.fetch_add(1, Ordering::Relaxed);
            if prepared.picks.fetch_add(1, Ordering::Relaxed) >= MAX_PICKS {
                self.0.write().retain(|known| known.selection != *selection);
            }
        }
        positions
    }

    fn prepared(
        &self,
        selection: &PickSelection,
        prepare: impl FnOnce() -> PreparedSelection,
    ) -> Arc<PreparedSelection> {
        if let Some(known) = self.0.read().iter().find(|known| known.selection == *selection) {
            return Arc::clone(known);
        }

        let mut kept = self.0.write();
        // Another request may have prepared it meanwhile.
        if let Some(known) = kept.iter().find(|known| known.selection == *selection) {
            return Arc::clone(known);
        }
        let prepared = Arc::new(prepare());
        if selection.has_table() && prepared.table.is_none() {
            return prepared;
        }
        if kept.len() == MAX_PREPARED {
            kept.remove(0);
        }
        kept.push(Arc::clone(&prepared));
        prepared
    }
}

#[cfg(test)]
mod tests;
