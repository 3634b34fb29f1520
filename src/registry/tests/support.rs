//! What the tests of the rules share: a registry with a clock, and dice.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CheckDefinition, HealthState, OperatorStatus, RegisteredInstance, Registration};
use crate::registry::{Change, Command, CommandRejection, Now, Outcome, Rules, State};

/// Pseudo-random numbers from a seed (splitmix64).
#[derive(Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// True in so many of 100 cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    pub(super) fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        let at = self.roll(items.len() as u64);
        &items[usize::try_from(at).unwrap()]
    }
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A registry and the time.
pub(super) struct World {
    pub(super) state: State,
    pub(super) elapsed: Duration,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Rules::default())
    }

    pub(super) fn with(rules: Rules) -> Self {
        Self { state: State::new(rules), elapsed: Duration::ZERO }
    }

    pub(super) fn now(&self) -> Now {
        let wall = Timestamp::from_second(1_800_000_000).unwrap() + self.elapsed;
        Now { elapsed: self.elapsed, wall }
    }

    pub(super) fn try_step(&mut self, command: Command) -> Result<Outcome, CommandRejection> {
        let now = self.now();
        self.state.step(command, now)
    }

    pub(super) fn step(&mut self, command: Command) -> Outcome {
        self.try_step(command).unwrap()
    }

    pub(super) fn register(&mut self, registration: Registration) -> Outcome {
        self.step(Command::Register(Arc::new(registration)))
    }

    /// Registers `count` instances of a service: `web-0`, `web-1`.
    pub(super) fn register_many(&mut self, name: &str, count: usize, with: impl Fn(Registration) -> Registration) {
        for at in 0..count {
            self.register(with(instance(name, at)));
        }
    }

    /// Lets time pass with a tick each second, and returns what changed.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<Change> {
        let end = self.elapsed + time;
        let mut changes = Vec::new();
        while self.elapsed < end {
            self.elapsed = (self.elapsed + seconds(1)).min(end);
            changes.extend(self.step(Command::Tick).changes);
        }
        changes
    }

    pub(super) fn renew(&mut self, id: &str) -> Outcome {
        self.step(Command::Renew { id: id.into(), generation: None, report: None })
    }

    pub(super) fn report(&mut self, id: &str, state: HealthState) -> Outcome {
        let report = Some((state, Some("because".into())));
        self.step(Command::Renew { id: id.into(), generation: None, report })
    }

    pub(super) fn result(&mut self, id: &str, check: usize, state: HealthState) -> Outcome {
        let note = Some(format!("at {:?}", self.elapsed).into());
        self.step(Command::CheckResult { id: id.into(), generation: None, check, state, note })
    }

    pub(super) fn set_status(&mut self, id: &str, status: OperatorStatus) -> Outcome {
        self.step(Command::SetStatus { id: id.into(), generation: None, status, reason: None })
    }

    pub(super) fn deregister(&mut self, id: &str) -> Outcome {
        self.step(Command::Deregister { id: id.into(), generation: None })
    }

    pub(super) fn get(&self, id: &str) -> RegisteredInstance {
        self.state.view().get(id).unwrap()
    }

    pub(super) fn health(&self, id: &str) -> HealthState {
        self.get(id).health
    }

    /// Fails or passes the first check as often as its threshold wants.
    pub(super) fn settle(&mut self, id: &str, state: HealthState) {
        for _ in 0..3 {
            self.result(id, 0, state);
        }
    }
}

/// The registration of an instance: its id is the name with a number, and its address differs from all others.
pub(super) fn instance(name: &str, number: usize) -> Registration {
    let place = format!("10.{}.{}.{}:80", name.len(), number / 250, number % 250 + 1);
    Registration::new(name, place.parse().unwrap()).id(format!("{name}-{number}"))
}

pub(super) fn http_check() -> CheckDefinition {
    CheckDefinition::http("/health")
}
