//! A simulated world: programs that register and renew over a slow network, a registry that stores, crashes, pauses and
//! restarts, and faults that come at random.
//!
//! What is dead is found dead, and what is alive is never removed, whatever the network does to the packets of its
//! predecessors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::history::History;
use super::support::{Dice, instance, seconds};
use crate::model::HealthState;
use crate::registry::{Cause, ChangeKind, Command, InstanceRecord, Now, Outcome, Rules, State};

/// How many worlds are simulated, and for how long each.
const WORLDS: u64 = 20;
const WORLD_SECONDS: u64 = 1_800;

/// How often a program renews.
const HEARTBEAT: Duration = seconds(10);
const TTL: Duration = seconds(30);
const DEREGISTER_AFTER: Duration = seconds(60);

/// A program with one instance.
struct Program {
    id: Arc<str>,
    service: &'static str,
    number: usize,
    /// What the registry answered with; `None` while it is not registered.
    generation: Option<u64>,
    is_running: bool,
    /// Cut off from the registry until then.
    cut_off_until: Duration,
    next_heartbeat: Duration,
}

/// A packet on its way to the registry.
struct Packet {
    arrives: Duration,
    command: Command,
    /// The program that waits for the answer; a copy of a packet has none.
    program: Option<usize>,
}

/// The last time that the registry heard of an instance, or gave it a new lease.
#[derive(Clone, Copy)]
struct Contact {
    at: Duration,
    generation: u64,
    /// Whether it was a word of the instance.
    is_word: bool,
}

struct World {
    dice: Dice,
    state: State,
    /// What is stored, and the only thing that a restart finds.
    stored: BTreeMap<String, Arc<InstanceRecord>>,
    stored_index: u64,
    history: History,
    elapsed: Duration,
    /// The clock of the day is wrong by this.
    wall_error: i64,
    programs: Vec<Program>,
    packets: Vec<Packet>,
    contacts: BTreeMap<String, Contact>,
    /// Instances that failed, and since when.
    failed: BTreeMap<String, Duration>,
    tally: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let services = ["web", "db", "cache"];
        let programs = (0..30).map(|at| Program {
            id: format!("{}-{at}", services[at % 3]).into(),
            service: services[at % 3],
            number: at,
            generation: None,
            is_running: true,
            cut_off_until: Duration::ZERO,
            next_heartbeat: Duration::from_millis(dice.roll(10_000)),
        });

        Self {
            programs: programs.collect(),
            dice,
            state: State::new(Rules::default()),
            stored: BTreeMap::new(),
            stored_index: 0,
            history: History::default(),
            elapsed: Duration::ZERO,
            wall_error: 0,
            packets: Vec::new(),
            contacts: BTreeMap::new(),
            failed: BTreeMap::new(),
            tally: BTreeMap::new(),
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_second(1_800_000_000 + self.wall_error).unwrap() + self.elapsed;
        Now { elapsed: self.elapsed, wall }
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// One second of the world.
    fn second(&mut self) {
        self.elapsed += seconds(1);
        self.stir();
        for at in 0..self.programs.len() {
            self.act(at);
        }

        let now = self.elapsed;
        let (due, later) = std::mem::take(&mut self.packets).into_iter().partition(|packet| packet.arrives <= now);
        self.packets = later;
        let due: Vec<Packet> = due;
        for packet in due {
            self.deliver(packet);
        }
        self.tick();
        self.check();
    }

    /// What goes wrong.
    fn stir(&mut self) {
        match self.dice.roll(2_000) {
            0..10 => self.stop_or_start(),
            10..14 => self.restart(),
            14..17 => self.pause(),
            17..20 => {
                self.wall_error = *self.dice.pick(&[-86_400, -3, 0, 5, 3_600]);
                self.count("clock jumps");
            }
            20..22 => self.cut_off_a_service(),
            22..26 => {
                let at = self.any_program();
                self.programs[at].cut_off_until = self.elapsed + seconds(self.dice.roll(120));
                self.count("short cuts");
            }
            _ => {}
        }
    }

    fn any_program(&mut self) -> usize {
        usize::try_from(self.dice.roll(self.programs.len() as u64)).unwrap()
    }

    fn stop_or_start(&mut self) {
        let at = self.any_program();
        let program = &mut self.programs[at];
        program.is_running = !program.is_running;
        program.next_heartbeat = self.elapsed;
        program.generation = None;
        self.count("stops and starts");
    }

    /// A mass failure: all programs of a service lose the registry, though they run.
    fn cut_off_a_service(&mut self) {
        let service = *self.dice.pick(&["web", "db", "cache"]);
        let until = self.elapsed + seconds(60 + self.dice.roll(300));
        for program in self.programs.iter_mut().filter(|program| program.service == service) {
            program.cut_off_until = until;
        }
        self.count("mass failures");
    }

    /// The process ends, and another one finds what was stored.
    fn restart(&mut self) {
        self.elapsed += seconds(self.dice.roll(60));
        let records: Vec<InstanceRecord> = self.stored.values().map(|record| (**record).clone()).collect();
        self.state = State::restore(Rules::default(), self.stored_index, records, self.now()).unwrap();
        self.history.restart();
        assert_eq!(self.history.compare(self.state.view()), Ok(()), "a restart loses and invents nothing");

        // Every lease has one full ttl, and no failure is older than the restart.
        let now = self.elapsed;
        self.contacts.values_mut().for_each(|contact| (contact.at, contact.is_word) = (now, false));
        self.failed.values_mut().for_each(|since| *since = now);
        self.count("restarts");
    }

    /// The process stands still, and so does everything that it should have received.
    fn pause(&mut self) {
        let pause = seconds(6 + self.dice.roll(600));
        self.elapsed += pause;
        let now = self.elapsed;
        self.contacts.values_mut().for_each(|contact| (contact.at, contact.is_word) = (now, false));
        self.failed.values_mut().for_each(|since| *since = (*since + pause).min(now));
        self.count("pauses");
    }

    /// A program registers or renews.
    fn act(&mut self, at: usize) {
        let program = &mut self.programs[at];
        if !program.is_running || self.elapsed < program.next_heartbeat {
            return;
        }
        program.next_heartbeat = self.elapsed + HEARTBEAT;
        let is_cut_off = self.elapsed < program.cut_off_until;

        let command = match program.generation {
            Some(_) if self.dice.chance(1) => {
                let generation = program.generation.take();
                Command::Deregister { id: Arc::clone(&program.id), generation }
            }
            Some(generation) => {
                Command::Renew { id: Arc::clone(&program.id), generation: Some(generation), report: None }
            }
            None => {
                let registration = instance(program.service, program.number).id(&*program.id);
                Command::Register(Arc::new(registration.ttl(TTL).deregister_after(DEREGISTER_AFTER)))
            }
        };
        if is_cut_off {
            return;
        }

        // Copies of packets arrive much later: after a removal, after a new registration.
        if self.dice.chance(5) && !matches!(command, Command::Register(_)) {
            let arrives = self.elapsed + seconds(self.dice.roll(200));
            self.packets.push(Packet { arrives, command: command.clone(), program: None });
        }
        let arrives = self.elapsed + Duration::from_millis(self.dice.roll(1_500));
        self.packets.push(Packet { arrives, command, program: Some(at) });
    }

    /// The registry takes a packet, and stores what it changes, unless the disk is full.
    fn deliver(&mut self, packet: Packet) {
        let before = self.state.clone();
        let id = match &packet.command {
            Command::Register(registration) => registration.id.clone().unwrap(),
            Command::Renew { id, .. } | Command::Deregister { id, .. } => id.as_ref().to_owned(),
            _ => String::new(),
        };
        let now = self.now();

        let Ok(outcome) = self.state.step(packet.command, now) else {
            self.count("refused");
            if let Some(program) = packet.program {
                self.programs[program].generation = None;
                self.programs[program].next_heartbeat = self.elapsed;
            }
            return;
        };
        if !outcome.changes.is_empty() && self.dice.chance(2) {
            self.state = before;
            self.count("not stored");
            return;
        }

        self.store(&outcome);
        if let Some(record) = self.state.view().record(&id) {
            let generation = record.generation;
            self.contacts.insert(id, Contact { at: self.elapsed, generation, is_word: true });
            if let Some(program) = packet.program {
                self.programs[program].generation = Some(generation);
            }
        }
    }

    fn tick(&mut self) {
        let before = self.state.clone();
        let now = self.now();
        let outcome = self.state.step(Command::Tick, now).unwrap();

        if !outcome.changes.is_empty() && self.dice.chance(2) {
            // It is done again at the next tick.
            self.state = before;
            self.count("not stored");
            return;
        }
        self.store(&outcome);
    }

    /// Follows the changes, and judges each of them.
    fn store(&mut self, outcome: &Outcome) {
        for change in &outcome.changes {
            self.history.follow(change).unwrap();
            let id = change.record.id().to_owned();
            match change.cause {
                Cause::LeaseExpired => self.judge_expiry(&id),
                Cause::UnhealthyTooLong => self.judge_removal(&id, change.instance.protected),
                _ => {}
            }

            if change.kind == ChangeKind::Removed {
                self.stored.remove(&id);
                self.contacts.remove(&id);
                self.failed.remove(&id);
            } else {
                self.stored.insert(id.clone(), Arc::clone(&change.record));
                match change.record.health {
                    HealthState::Unhealthy => drop(self.failed.entry(id).or_insert(self.elapsed)),
                    _ => drop(self.failed.remove(&id)),
                }
            }
        }
        self.stored_index = self.state.index();
    }

    /// A lease expires only after ttl and grace without a word.
    fn judge_expiry(&mut self, id: &str) {
        let silence = self.elapsed.checked_sub(self.contacts[id].at).unwrap();
        assert!(silence >= TTL + seconds(15), "{id} expired after {silence:?}");
        self.count("expired");
    }

    /// An instance is removed only after it failed for long enough, and never in a mass failure.
    fn judge_removal(&mut self, id: &str, protected: bool) {
        let failed_for = self.elapsed.checked_sub(self.failed[id]).unwrap();
        assert!(failed_for >= DEREGISTER_AFTER, "{id} was removed after {failed_for:?}");
        assert!(!protected, "{id} was removed in a mass failure");
        self.count("removed");
    }

    /// What holds in every second.
    fn check(&mut self) {
        let view = self.state.snapshot();
        let latest = TTL + seconds(15) + seconds(3);
        for (id, contact) in &self.contacts {
            let record = view.record(id).unwrap();
            assert_eq!(record.generation, contact.generation, "{id} is the one that was registered");

            // Three ticks may fail to be stored.
            let silence = self.elapsed.checked_sub(contact.at).unwrap();
            assert!(silence < latest || record.lease_expired, "{id} is dead for {silence:?}, and healthy");
            assert!(
                !contact.is_word || silence > HEARTBEAT || !record.lease_expired,
                "{id} was heard of, and is unhealthy"
            );
        }
        for program in &self.programs {
            // What an earlier generation sent late never removes its successor.
            if let Some(generation) = program.generation {
                let is_there = view.record(&program.id).is_some_and(|record| record.generation == generation);
                let was_silent = self.contacts.get(&*program.id).is_none_or(|contact| contact.generation != generation);
                assert!(is_there || was_silent, "{} is gone, though it renews", program.id);
            }
        }
        if self.elapsed.as_secs().is_multiple_of(16) {
            assert_eq!(self.history.compare(&view), Ok(()));
        }
    }
}

#[test]
fn the_world_may_do_what_it_wants() {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..WORLDS {
        let mut world = World::new(seed);
        for _ in 0..WORLD_SECONDS {
            world.second();
        }
        for (what, count) in world.tally {
            *tally.entry(what).or_default() += count;
        }
    }

    for what in [
        "restarts",
        "pauses",
        "clock jumps",
        "mass failures",
        "short cuts",
        "stops and starts",
        "refused",
        "not stored",
        "expired",
        "removed",
    ] {
        assert!(tally.get(what).is_some_and(|count| *count >= 20), "{what} hardly happened: {tally:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let ends: Vec<_> = [7, 7, 8]
        .map(|seed| {
            let mut world = World::new(seed);
            (0..600).for_each(|_| world.second());
            (world.state.index(), world.stored)
        })
        .into();
    assert!(ends[0] == ends[1] && ends[0] != ends[2]);
}
