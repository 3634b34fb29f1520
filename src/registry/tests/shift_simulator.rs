//! A simulated service whose traffic is shifted: random scores, instances that come, fail and go, operators who interfere,
//! restarts, pauses of the process, and a clock of the day that jumps.
//!
//! The shares always sum up, a restart changes no weight, and an abort gives back exactly the weights of a world in which the
//! shift never was.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::support::{Dice, instance, seconds};
use super::traffic::version;
use crate::model::{HealthState, OperatorStatus};
use crate::registry::{
    Command, InstanceRecord, Now, Outcome, Rules, ServiceTraffic, ShiftPhase, ShiftPlan, State, TrafficCommand,
};

const WORLDS: u64 = 30;
const WORLD_SECONDS: u64 = 1_500;
const UNITS: u32 = 10_000;

struct ShiftWorld {
    dice: Dice,
    state: State,
    elapsed: std::time::Duration,
    wall_error: i64,
    /// What is stored, and the only thing that a restart finds.
    records: BTreeMap<String, InstanceRecord>,
    documents: BTreeMap<Arc<str>, String>,
    stored_index: u64,
    score: Option<u8>,
    seen: BTreeMap<&'static str, u64>,
}

impl ShiftWorld {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            state: State::new(Rules::default()),
            elapsed: seconds(0),
            wall_error: 0,
            records: BTreeMap::new(),
            documents: BTreeMap::new(),
            stored_index: 0,
            score: Some(100),
            seen: BTreeMap::new(),
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_second(1_800_000_000 + self.wall_error).unwrap() + self.elapsed;
        Now { elapsed: self.elapsed, wall }
    }

    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Carries out a command and stores what it changed, in the order of the indexes.
    fn step(&mut self, command: Command) -> bool {
        let now = self.now();
        let Ok(outcome) = self.state.step(command, now) else { return false };
        self.store(&outcome);
        self.check();
        true
    }

    fn store(&mut self, outcome: &Outcome) {
        let instances = outcome.changes.iter().map(|change| change.index);
        let mut indexes: Vec<u64> = instances.chain(outcome.documents.iter().map(|change| change.index)).collect();
        indexes.sort_unstable();
        let expected: Vec<u64> = (self.stored_index + 1..).take(indexes.len()).collect();
        assert_eq!(indexes, expected, "each change has the next number");
        self.stored_index += indexes.len() as u64;

        for change in &outcome.changes {
            let id = change.instance.id.to_string();
            if change.kind == crate::registry::ChangeKind::Removed {
                self.records.remove(&id);
            } else {
                self.records.insert(id, (*change.record).clone());
            }
        }
        for write in outcome.documents.iter().flat_map(|change| &change.writes) {
            match &write.body {
                Some(body) => self.documents.insert(Arc::clone(&write.key), body.clone()),
                None => self.documents.remove(&write.key),
            };
        }
    }

    fn traffic(&self) -> Option<Arc<ServiceTraffic>> {
        self.state.view().traffic("default", "web").cloned()
    }

    fn command(&mut self, command: TrafficCommand) -> bool {
        self.step(Command::Traffic { service: "default/web".into(), command })
    }

    /// The shares sum up, whichever instances there are.
    fn check(&self) {
        let members: Vec<Arc<InstanceRecord>> = self.state.view().records().cloned().collect();
        let Some(traffic) = self.traffic().filter(|traffic| traffic.is_split()) else {
            assert!(members.iter().all(|record| record.share.is_none()), "without a split each has its own weight");
            return;
        };
        let usable: Vec<_> = members.iter().filter(|record| record.is_usable()).collect();
        let sum: u32 = members.iter().map(|record| u32::from(record.share.unwrap())).sum();
        assert_eq!(sum, if usable.is_empty() { 0 } else { UNITS });

        let shift = traffic.active_shift();
        let target = shift.map_or_else(|| traffic.switched_to.clone().unwrap(), |shift| shift.plan.to.clone());
        let percent = shift.map_or(100, |shift| shift.percent().unwrap());
        let (of_target, others): (Vec<_>, Vec<_>) =
            usable.into_iter().partition(|record| target.accepts(&record.registration));
        let moved: u32 = of_target.iter().map(|record| u32::from(record.share.unwrap())).sum();
        let expected = match (of_target.is_empty(), others.is_empty()) {
            (true, _) => 0,
            (false, true) => UNITS,
            (false, false) => UNITS / 100 * u32::from(percent),
        };
        assert_eq!(moved, expected, "{percent} % are moved");
    }

    fn weights(&self) -> BTreeMap<String, u16> {
        self.state.view().records().map(|record| (record.id().to_owned(), record.weight_in_force())).collect()
    }

    /// The weights of a world with the same instances in which no shift runs.
    fn weights_without_shift(&self) -> BTreeMap<String, u16> {
        let mut other = State::new(Rules::default());
        let now = Now { elapsed: seconds(0), wall: Timestamp::UNIX_EPOCH };
        for record in self.state.view().records() {
            let id: Arc<str> = record.id().into();
            other.step(Command::Register(Arc::clone(&record.registration)), now).unwrap();
            let status = record.status;
            other
                .step(Command::SetStatus { id: Arc::clone(&id), generation: None, status, reason: None }, now)
                .unwrap();
            let weight = record.weight;
            other.step(Command::SetWeight { id: Arc::clone(&id), generation: None, weight }, now).unwrap();
            if record.health == HealthState::Unhealthy {
                let report = Some((HealthState::Unhealthy, None));
                other.step(Command::Renew { id, generation: None, report }, now).unwrap();
            }
        }
        if let Some(to) = self.traffic().and_then(|traffic| traffic.switched_to.clone()) {
            let targets = self.state.view().records().any(|record| to.accepts(&record.registration));
            // A switch to what is no longer there leaves all of the rest its proportions, and so would none.
            let to = if targets { to } else { version("*") };
            let command = Command::Traffic { service: "default/web".into(), command: TrafficCommand::Switch(to) };
            if self.state.view().records().next().is_some() {
                other.step(command, now).unwrap();
            }
        }

        other.view().records().map(|record| (record.id().to_owned(), record.weight_in_force())).collect()
    }

    /// A restart, which finds nothing but what is stored.
    fn restart(&mut self) {
        let before = (self.weights(), self.traffic());
        let records: Vec<InstanceRecord> = self.records.values().cloned().collect();
        let now = self.now();
        let mut state = State::restore(Rules::default(), self.stored_index, records, now).unwrap();
        for (key, body) in &self.documents {
            state.load_document(key, Some(body.as_bytes()), now).unwrap();
        }
        self.state = state;
        assert_eq!((self.weights(), self.traffic()), before, "a restart changes no weight and no step");
        self.count("restarts");
    }

    fn second(&mut self) {
        self.elapsed += seconds(1);
        match self.dice.roll(400) {
            0..12 => self.change_instances(),
            12..16 => self.operate(),
            16 => self.restart(),
            17 => {
                self.elapsed += seconds(self.dice.roll(900));
                self.count("pauses");
            }
            18 => self.wall_error = *self.dice.pick(&[-86_400, 0, 3_600]),
            19..22 => self.score = *self.dice.pick(&[None, Some(0), Some(79), Some(80), Some(100), Some(100)]),
            _ => {}
        }

        let before = self.traffic();
        let score = self.score;
        self.command(TrafficCommand::Score(score));
        self.step(Command::Tick);
        self.follow(before.as_deref());
    }

    /// What a second made of the shift.
    fn follow(&mut self, before: Option<&ServiceTraffic>) {
        let (Some(old), Some(after)) = (before.and_then(ServiceTraffic::active_shift), self.traffic()) else { return };
        let Some(new) = &after.shift else { return };

        match new.phase {
            ShiftPhase::Aborted => {
                assert_eq!(self.weights(), self.weights_without_shift(), "an abort restores the weights");
                self.count("aborted by the server");
            }
            ShiftPhase::Finished => self.count("finished by the server"),
            _ => {
                assert!(new.step == old.step || new.step == old.step + 1, "one step after the other");
                if new.step > old.step {
                    assert!(new.plan.abort_below.is_none() || self.score.is_some_and(|score| score >= 80));
                    self.count("steps");
                }
            }
        }
    }

    fn change_instances(&mut self) {
        let number = usize::try_from(self.dice.roll(8)).unwrap();
        let id: Arc<str> = format!("web-{number}").into();

        match self.dice.roll(6) {
            0..3 => {
                let version = *self.dice.pick(&["1.2", "1.3", "1.3", "1.4"]);
                let weight = u16::try_from(self.dice.roll(5)).unwrap();
                let registration = instance("web", number).version(version).weight(weight).ttl(seconds(0));
                self.step(Command::Register(Arc::new(registration)));
            }
            3 => _ = self.step(Command::Deregister { id, generation: None }),
            4 => {
                let status = *self.dice.pick(&[OperatorStatus::Up, OperatorStatus::Up, OperatorStatus::Draining]);
                self.step(Command::SetStatus { id, generation: None, status, reason: None });
            }
            _ => {
                let state = *self.dice.pick(&[HealthState::Healthy, HealthState::Unhealthy]);
                self.step(Command::Renew { id, generation: None, report: Some((state, None)) });
            }
        }
    }

    fn operate(&mut self) {
        let to = self.dice.pick(&["1.3", "1.4", "^1.2", "1.2"]);
        let to = version(to);
        let abort_below = *self.dice.pick(&[None, Some(80), Some(80)]);

        let steps = self.dice.pick(&[vec![10, 50, 100], vec![1, 99], vec![100], vec![33]]).clone();
        let plan = ShiftPlan { to: to.clone(), steps, every: seconds(20), abort_below };
        match self.dice.roll(8) {
            0..4 => _ = self.command(TrafficCommand::Start(plan)),
            4 => {
                let command = if self.dice.chance(50) { TrafficCommand::Pause } else { TrafficCommand::Resume };
                self.command(command);
            }
            5 => {
                if self.command(TrafficCommand::Abort("an operator".to_owned())) {
                    assert_eq!(self.weights(), self.weights_without_shift(), "an abort restores the weights");
                    self.count("aborted by hand");
                }
            }
            6 => _ = self.command(TrafficCommand::Finish),
            _ => {
                let command = if self.dice.chance(50) { TrafficCommand::Switch(to) } else { TrafficCommand::Reset };
                self.command(command);
            }
        }
    }
}

#[test]
fn shares_sum_up_and_an_abort_restores_whatever_happens() {
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..WORLDS {
        let mut world = ShiftWorld::new(seed);
        for _ in 0..WORLD_SECONDS {
            world.second();
        }
        for (what, count) in world.seen {
            *seen.entry(what).or_default() += count;
        }
    }

    for what in ["restarts", "pauses", "steps", "aborted by hand", "aborted by the server", "finished by the server"] {
        assert!(seen.get(what).is_some_and(|count| *count > 5), "the worlds were too quiet: {seen:?}");
    }
}

/// The weights before a shift are the weights after its abort, if nothing else changed meanwhile.
#[test]
fn an_abort_restores_the_weights_from_before() {
    for seed in 0..200 {
        let mut world = ShiftWorld::new(seed);
        for _ in 0..30 {
            world.change_instances();
        }
        if world.dice.chance(50) {
            world.command(TrafficCommand::Switch(version("1.2")));
        }
        let before = world.weights();
        let plan = ShiftPlan { to: version("1.3"), steps: vec![5, 60, 90], every: seconds(5), abort_below: None };
        if !world.command(TrafficCommand::Start(plan)) {
            continue;
        }
        for _ in 0..world.dice.roll(30) {
            world.elapsed += seconds(1);
            world.step(Command::Tick);
        }
        if world.dice.chance(30) {
            world.restart();
        }
        world.command(TrafficCommand::Abort("test".to_owned()));
        assert_eq!(world.weights(), before, "seed {seed}");
    }
}
