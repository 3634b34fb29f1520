//! The schedule in a simulated world: checks come, go, hang and are demanded, and the process pauses.

use super::*;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Pseudo-random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A check of the world.
#[derive(Clone, Debug)]
struct SimulatedCheck {
    interval: Duration,
    takes: Duration,
    starts: Vec<Duration>,
    /// When its present run ends.
    ends: Option<Duration>,
    /// A demand that no run has answered yet: it began after that.
    demanded: Option<Duration>,
    demands: usize,
}

struct SimulatedMonitor {
    dice: Dice,
    limits: ScheduleLimits,
    schedule: CheckSchedule,
    now: Duration,
    checks: HashMap<CheckNumber, SimulatedCheck>,
    /// The ends of runs, also of checks that are gone.
    ends: BTreeSet<(Duration, CheckNumber)>,
    began: HashMap<CheckNumber, Duration>,
    starts: Vec<Duration>,
    last_number: CheckNumber,
}

impl SimulatedMonitor {
    fn new(seed: u64, limits: ScheduleLimits) -> Self {
        Self {
            dice: Dice(seed),
            limits,
            schedule: CheckSchedule::new(limits, seed),
            now: millis(1_000),
            checks: HashMap::new(),
            ends: BTreeSet::new(),
            began: HashMap::new(),
            starts: Vec::new(),
            last_number: 0,
        }
    }

    fn add(&mut self, interval: Duration, takes: Duration) -> CheckNumber {
        self.add_check(interval, takes, false)
    }

    fn add_check(&mut self, interval: Duration, takes: Duration, is_settled: bool) -> CheckNumber {
        self.last_number += 1;
        let (starts, check) = (Vec::new(), self.last_number);
        let simulated = SimulatedCheck { interval, takes, starts, ends: None, demanded: None, demands: 0 };
        self.checks.insert(check, simulated);
        self.step(ScheduleEvent::Set { check, interval: Some(interval), is_settled });
        check
    }

    fn demand(&mut self, check: CheckNumber) {
        let now = self.now;
        self.checks.entry(check).and_modify(|one| (one.demanded, one.demands) = (Some(now), one.demands + 1));
        self.step(ScheduleEvent::Demand { check });
    }

    fn step(&mut self, event: ScheduleEvent) {
        for check in self.schedule.step(event, self.now) {
            let simulated = self.checks.get_mut(&check).expect("a check that is gone does not start");
            assert_eq!(simulated.ends, None, "{check} runs twice at once");
            let end = self.now + simulated.takes;
            simulated.ends = Some(end);
            simulated.starts.push(self.now);
            simulated.demanded = None;
            self.ends.insert((end, check));
            self.began.insert(check, self.now);
            self.starts.push(self.now);
        }
        assert!(self.schedule.running() <= self.limits.normal + self.limits.slow);
        assert!(self.schedule.running_slow() <= self.limits.slow);
        assert_eq!(self.schedule.running(), self.ends.len());
    }

    /// Lets time pass, as the process sees it: it wakes for what is due or ends.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let end = self.ends.first().map(|(at, _)| *at);
            let wake = self.schedule.next_tick(self.now).into_iter().chain(end).min();
            let Some(wake) = wake.filter(|wake| *wake <= until) else { break };
            assert!(wake >= self.now || end == Some(wake), "a wake-up in the past");
            self.now = self.now.max(wake);
            self.finish_all();
            self.step(ScheduleEvent::Tick);
        }
        self.now = until;
    }

    fn finish_all(&mut self) {
        while let Some(&(end, check)) = self.ends.first()
            && end <= self.now
        {
            self.ends.remove(&(end, check));
            let took = self.now.saturating_sub(self.began[&check]);
            if let Some(one) = self.checks.get_mut(&check) {
                one.ends = None;
            }
            self.step(ScheduleEvent::Finished { check, took });
        }
    }

    fn most_starts_within(&self, window: Duration) -> usize {
        let mut from = 0;
        let mut most = 0;
        for (at, start) in self.starts.iter().enumerate() {
            while self.starts[from] + window <= *start {
                from += 1;
            }
            most = most.max(at + 1 - from);
        }
        most
    }
}

const ROOMY: ScheduleLimits = ScheduleLimits { normal: 1_024, slow: 3_072 };

#[test]
fn ten_thousand_checks_a_second_are_spread() {
    let mut world = SimulatedMonitor::new(7, ROOMY);
    let checks: Vec<CheckNumber> = (0..10_000).map(|_| world.add(millis(1_000), millis(1))).collect();
    world.pass(millis(10_000));

    // A second has a hundred slots: a hundred in each on average, and never two thousand.
    assert!(world.most_starts_within(millis(10)) <= 2 * MAX_STARTS, "{}", world.most_starts_within(millis(10)));
    for check in checks {
        let starts = &world.checks[&check].starts;
        assert!((9..=12).contains(&starts.len()), "{starts:?}");
        let gaps = starts.windows(2).skip(1).map(|pair| pair[1].saturating_sub(pair[0]));
        assert!(gaps.clone().all(|gap| (millis(790)..=millis(1_210)).contains(&gap)), "{starts:?}");
    }
}

#[test]
fn the_first_runs_of_a_few_are_soon_and_of_many_within_the_cap() {
    let mut world = SimulatedMonitor::new(3, ROOMY);
    let one = world.add(Duration::from_hours(24), millis(1));
    world.pass(millis(20));
    assert_eq!(world.checks[&one].starts.len(), 1);

    let many: Vec<CheckNumber> = (0..50_000).map(|_| world.add(Duration::from_hours(24), millis(1))).collect();
    world.pass(MAX_STAGGER);
    assert!(many.iter().all(|check| !world.checks[check].starts.is_empty()));
    assert!(world.most_starts_within(SLOT) < 2_000);
}

/// After a restart: what was well is looked at within one interval, as ever, and not all at once.
#[test]
fn checks_that_were_well_are_spread_and_the_others_are_soon() {
    let mut world = SimulatedMonitor::new(17, ROOMY);
    let well: Vec<CheckNumber> = (0..60).map(|_| world.add_check(millis(30_000), millis(1), true)).collect();
    let often = world.add_check(millis(1_000), millis(1), true);
    let unknown: Vec<CheckNumber> = (0..60).map(|_| world.add(millis(30_000), millis(1))).collect();
    let has_run = |world: &SimulatedMonitor, check: &CheckNumber| !world.checks[check].starts.is_empty();

    world.pass(millis(200));
    assert!(unknown.iter().all(|check| has_run(&world, check)));
    assert!(well.iter().filter(|check| has_run(&world, check)).count() < 10);
    world.pass(millis(800));
    assert!(has_run(&world, &often));
    world.pass(MAX_STAGGER);
    assert!(well.iter().all(|check| has_run(&world, check)));
}

#[test]
fn silent_peers_do_not_delay_the_others() {
    let mut world = SimulatedMonitor::new(5, ScheduleLimits { normal: 64, slow: 128 });
    let healthy: Vec<CheckNumber> = (0..700).map(|_| world.add(millis(1_000), millis(2))).collect();
    // Each takes longer than its interval: three hundred of them would need far more room than there is.
    let silent: Vec<CheckNumber> = (0..300).map(|_| world.add(millis(1_000), millis(5_000))).collect();
    world.pass(millis(20_000));
    let before: HashMap<CheckNumber, usize> =
        healthy.iter().map(|check| (*check, world.checks[check].starts.len())).collect();
    world.pass(millis(10_000));

    for check in &healthy {
        let runs = world.checks[check].starts.len() - before[check];
        assert!((9..=11).contains(&runs), "{runs} runs in ten seconds");
    }
    assert!(silent.iter().all(|check| !world.checks[check].starts.is_empty()), "they run when there is room");
}

#[test]
fn a_thousand_slow_checks_run_at_once() {
    let mut world = SimulatedMonitor::new(9, ROOMY);
    for _ in 0..1_000 {
        world.add(millis(30_000), millis(20_000));
    }
    world.pass(millis(10_000));
    assert_eq!(world.schedule.running(), 1_000);
}

#[test]
fn a_pause_makes_nothing_run_twice() {
    let mut world = SimulatedMonitor::new(11, ROOMY);
    for _ in 0..5_000 {
        world.add(millis(1_000), millis(1));
    }
    world.pass(millis(5_000));
    let paused = world.now;
    world.now += millis(30_000);
    world.finish_all();
    world.step(ScheduleEvent::Tick);
    world.pass(millis(700));

    for check in world.checks.values() {
        let later = check.starts.iter().filter(|start| **start > paused).count();
        // One that was running when the pause began ended after it, and its interval began then.
        let was_running = check.starts.iter().any(|start| *start < paused && *start + check.takes >= paused);
        assert!(later == 1 || later == 0 && was_running, "{:?}", check.starts);
    }
    assert!(world.most_starts_within(millis(10)) <= 2 * MAX_STARTS);
}

#[test]
fn a_demanded_run_begins_after_the_demand() {
    let mut world = SimulatedMonitor::new(13, ROOMY);
    let check = world.add(millis(60_000), millis(100));
    world.pass(millis(50));
    let during = world.now;
    assert_eq!(world.schedule.running(), 1);
    world.demand(check);
    world.pass(millis(500));
    assert!(world.checks[&check].starts.last().unwrap() > &during, "the run of before does not count");
    assert_eq!(world.checks[&check].starts.len(), 2);

    // Without an interval it runs only so.
    world.step(ScheduleEvent::Set { check, interval: None, is_settled: false });
    world.pass(millis(200_000));
    assert_eq!(world.checks[&check].starts.len(), 2);
    world.demand(check);
    world.pass(millis(200_000));
    assert_eq!(world.checks[&check].starts.len(), 3);
}

#[test]
fn in_random_worlds_every_check_runs_at_its_interval_and_never_twice_at_once() {
    for seed in 0..20 {
        let mut world = SimulatedMonitor::new(seed, ScheduleLimits { normal: 20, slow: 30 });
        for _ in 0..3_000 {
            match world.dice.roll(100) {
                0..20 if world.checks.len() < 60 => {
                    let interval = millis(1_000 * (1 + world.dice.roll(10)));
                    let takes = [millis(1), millis(50), interval / 2][usize::try_from(world.dice.roll(3)).unwrap()];
                    world.add(interval, takes);
                }
                20..25 => {
                    let gone = world.checks.keys().min().copied();
                    if let Some(check) = gone {
                        world.checks.remove(&check);
                        world.step(ScheduleEvent::Remove { check });
                    }
                }
                25..30 => {
                    let all: Vec<CheckNumber> = world.checks.keys().copied().collect();
                    if !all.is_empty() {
                        let at = usize::try_from(world.dice.roll(all.len() as u64)).unwrap();
                        world.demand(all[at]);
                    }
                }
                30 => {
                    // The process does not run.
                    world.now += millis(world.dice.roll(20_000));
                    world.finish_all();
                    world.step(ScheduleEvent::Tick);
                }
                _ => {
                    let time = millis(world.dice.roll(2_000));
                    world.pass(time);
                }
            }
        }
        world.pass(millis(120_000));
        assert_eq!(world.schedule.checks.len(), world.checks.len());
        for check in world.checks.values() {
            assert_eq!(check.demanded, None, "a demand was forgotten");
            let (first, last) = (check.starts[0], *check.starts.last().unwrap());
            assert!(world.now.saturating_sub(last) <= check.interval * 2, "it runs no more: {check:?}");
            let most = last.saturating_sub(first).as_nanos() / (check.interval * 9 / 10).as_nanos() + 4;
            assert!(check.starts.len() as u128 <= most + check.demands as u128, "{check:?}");
        }
    }
}
