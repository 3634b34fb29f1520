//! What a strategy chooses among.

use std::sync::Arc;

use super::Load;
use crate::engine::Clock;

/// An endpoint that may get calls.
#[derive(Clone, Debug)]
pub struct Backend {
    /// The same endpoint has the same id in every process: hashing strategies depend on it.
    pub id: Arc<str>,
    /// Its share of the calls, relative to the others; 0 for none.
    pub weight: u16,
    /// Its calls. It outlives the set, so that a change of the set forgets nothing.
    pub load: Arc<Load>,
}

impl Backend {
    /// A backend without calls.
    pub fn new(id: impl Into<Arc<str>>, weight: u16) -> Self {
        Self { id: id.into(), weight, load: Arc::default() }
    }
}

/// The backends of a set, and what strategies need beside them.
#[derive(Clone, Debug)]
pub struct Backends {
    all: Vec<Backend>,
    clock: Clock,
    start: u64,
    is_split: bool,
}

/// A backend that gets calls, with its place in the set.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What a picker returns for it.
    pub index: usize,
    /// Its id.
    pub id: Arc<str>,
    /// Its weight, at least 1.
    pub weight: u32,
    /// Its calls.
    pub load: Arc<Load>,
}

impl Backends {
    /// A set. `clock` is the one that the latencies of its [`Load`]s are recorded with.
    pub fn new(all: Vec<Backend>, clock: Clock) -> Self {
        Self { all, clock, start: 0, is_split: false }
    }

    /// The same set, with another place to start for strategies that go in turns. Clients that start at different places do
    /// not all call the first backend first.
    #[must_use]
    pub fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// The same set, of a service whose traffic is split by weights: then they hold for every strategy.
    #[must_use]
    pub fn split(self, is_split: bool) -> Self {
        Self { is_split, ..self }
    }

    /// Whether the weights hold for every strategy.
    pub fn is_split(&self) -> bool {
        self.is_split
    }

    /// Those that get calls, in the order of the set. A weight of 0 means none, unless all weights are 0: then all count
    /// equally.
    pub fn slots(&self) -> Vec<Slot> {
        let are_all_zero = self.all.iter().all(|backend| backend.weight == 0);
        let getting_calls = self.all.iter().enumerate().filter(|(_, backend)| are_all_zero || backend.weight > 0);

        getting_calls
            .map(|(index, Backend { id, weight, load })| Slot {
                index,
                id: Arc::clone(id),
                weight: u32::from(*weight).max(1),
                load: Arc::clone(load),
            })
            .collect()
    }

    /// The clock of the latencies.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where strategies that go in turns start.
    pub fn start(&self) -> u64 {
        self.start
    }
}
