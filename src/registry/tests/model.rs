//! The registry against the naive model, over random histories.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::history::History;
use super::naive::{Naive, Visible};
use super::support::{Dice, http_check, seconds};
use crate::model::{CheckDefinition, HealthState, OperatorStatus, Registration};
use crate::registry::{CatalogCommand, ChangeKind, Command, CommandRejection, Now, Rules, State};

/// All steps of all histories.
const STEPS: u64 = 1_000_000;
/// The histories differ in how many ids there are and how fast time passes.
const HISTORIES: u64 = 20;

fn rules() -> Rules {
    Rules {
        flap_changes: 4,
        flap_window: seconds(60),
        max_instances_per_service: 12,
        max_instances: 30,
        ..Rules::default()
    }
}

/// One random history.
struct Run {
    dice: Dice,
    state: State,
    model: Naive,
    history: History,
    elapsed: Duration,
    last_tick: Duration,
    ids: Vec<Arc<str>>,
    /// Commands carry old generations too.
    generations: Vec<u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let count = *dice.pick(&[3, 12, 40]);

        Self {
            state: State::new(rules()),
            model: Naive::new(rules()),
            history: History::default(),
            elapsed: Duration::ZERO,
            last_tick: Duration::ZERO,
            ids: (0..count).map(|at| format!("id-{at}").into()).collect(),
            generations: vec![1],
            dice,
        }
    }

    fn steps(&mut self, count: u64) {
        let speed = *self.dice.pick(&[10, 100, 1000]);
        for step in 0..count {
            self.elapsed += Duration::from_millis(self.dice.roll(speed));
            // A longer gap between ticks would be a pause of the process, which the simulator has.
            let is_late = self.elapsed > self.last_tick + seconds(3);
            let command = if is_late { Command::Tick } else { self.command() };
            self.step(&command);

            if step % 512 == 0 {
                self.compare_all();
            }
        }
        self.compare_all();
    }

    fn step(&mut self, command: &Command) {
        if *command == Command::Tick {
            self.last_tick = self.elapsed;
        }
        let now = Now { elapsed: self.elapsed, wall: Timestamp::UNIX_EPOCH + self.elapsed };

        match self.state.step(command.clone(), now) {
            Ok(outcome) => {
                for change in &outcome.changes {
                    self.history.follow(change).unwrap();
                    self.generations.push(change.record.generation);
                }
                let added = outcome.changes.first().filter(|change| change.kind == ChangeKind::Added);
                self.model.step(command, self.elapsed, added.map(|change| change.index));
                for change in &outcome.changes {
                    self.compare(change.record.id());
                }
            }
            Err(refused) => self.explain_refusal(command, &refused),
        }
        assert_eq!(self.state.index(), self.history.index);
        assert_eq!(self.state.view().len(), self.model.instances.len(), "after {command:?}");
    }

    fn compare(&self, id: &str) {
        let kept = self.state.view().record(id).map(|record| Visible::from(&**record));
        let modelled = self.model.instances.get(id).map(|one| one.visible(self.state.rules()));
        assert_eq!(kept, modelled, "{id} at {:?}", self.elapsed);
    }

    fn compare_all(&self) {
        self.ids.iter().for_each(|id| self.compare(id));
        self.history.compare(self.state.view()).unwrap();
        for one in self.state.view().instances() {
            assert_eq!(one.protected, self.model.is_protected(&one), "{} at {:?}", one.id, self.elapsed);
        }
    }

    /// Nothing is refused without a reason that the model sees too.
    fn explain_refusal(&self, command: &Command, refused: &CommandRejection) {
        let known = &self.model.instances;
        let is_right = match refused {
            CommandRejection::UnknownInstance { id } => !known.contains_key(&**id),
            CommandRejection::StaleGeneration { id, given, current } => {
                let record = self.state.view().record(id).unwrap();
                record.generation == *current && given != current
            }
            CommandRejection::UnknownCheck { id, check, .. } => {
                self.state.view().record(id).unwrap().registration.checks.len() <= *check
            }
            CommandRejection::IdTaken { id, .. } => known.contains_key(&**id),
            CommandRejection::InstanceLimit { service, .. } => {
                self.state.view().records().filter(|record| record.service() == **service).count() == 12
            }
            CommandRejection::RegistryFull { .. } => known.len() == 30,
            // The histories have no others.
            _ => false,
        };

        assert!(is_right, "{command:?} was refused: {refused}");
    }

    fn command(&mut self) -> Command {
        let dice = &mut self.dice;
        let id = Arc::clone(dice.pick(&self.ids));
        let generation = match dice.roll(10) {
            0 => Some(*dice.pick(&self.generations)),
            1..=5 => self.state.view().record(&id).map(|record| record.generation),
            _ => None,
        };
        let state = *dice.pick(&HealthState::ALL);
        let node: Arc<str> = format!("n{}", dice.roll(3)).into();

        match dice.roll(100) {
            0..15 => Command::Register(Arc::new(self.registration(&id))),
            15..50 => Command::Renew { id, generation, report: dice.chance(10).then_some((state, None)) },
            50..53 => Command::Deregister { id, generation },
            53..57 => {
                let all =
                    [OperatorStatus::Up, OperatorStatus::Up, OperatorStatus::Draining, OperatorStatus::Maintenance];
                Command::SetStatus { id, generation, status: *dice.pick(&all), reason: None }
            }
            57..60 => Command::SetWeight { id, generation, weight: *dice.pick(&[1, 5]) },
            60..78 => {
                let check = usize::try_from(dice.roll(3)).unwrap();
                Command::CheckResult { id, generation, check, state, note: None }
            }
            78 => {
                let check = usize::try_from(dice.roll(3)).unwrap();
                Command::CheckUnavailable { id, generation, check, note: "no".into() }
            }
            79 => Command::SetMonitoring { id, generation, enabled: dice.chance(70) },
            80 => Command::NodeDown { node },
            81 => {
                let entries = ["color", "zone"].map(|key| (key.to_owned(), format!("{}", dice.roll(3))));
                Command::SetMetadata { id, generation, entries: Arc::new(entries.into()) }
            }
            82..84 => Command::NodeUp { node },
            84..85 => Command::Catalog(CatalogCommand::Maintain { id, reason: "because".into() }),
            _ => Command::Tick,
        }
    }

    fn registration(&mut self, id: &str) -> Registration {
        let dice = &mut self.dice;
        // Most ids stay with one service; some try to move.
        let number: u64 = id[3..].parse().unwrap();
        let service = if dice.chance(3) { dice.roll(3) } else { number % 3 };
        let place = format!("10.0.0.{}:{}", number + 1, dice.roll(2) + 80);
        let mut registration = Registration::new(format!("service-{service}"), place.parse().unwrap()).id(id);

        registration.ttl = *dice.pick(&[None, None, Some(Duration::ZERO), Some(seconds(5)), Some(seconds(60))]);
        registration.deregister_after = *dice.pick(&[None, Some(seconds(60)), Some(seconds(120))]);
        registration.node = dice.pick(&[None, Some("n0"), Some("n1")]).map(str::to_owned);
        registration.weight = *dice.pick(&[None, None, Some(7)]);
        registration.status = *dice.pick(&[OperatorStatus::Up, OperatorStatus::Up, OperatorStatus::Draining]);
        if dice.chance(50) {
            registration = registration.check(http_check());
        }
        if dice.chance(20) {
            registration = registration.check(CheckDefinition::tcp());
        }
        registration
    }
}

#[test]
fn a_million_random_steps_agree_with_the_model() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (0..HISTORIES).filter(|seed| seed % 2 == half) {
                    Run::new(seed).steps(STEPS / HISTORIES);
                }
            });
        }
    });
}
