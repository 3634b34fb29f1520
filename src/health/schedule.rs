//! When which check runs: a pure function of events and time.
//!
//! Every check has an interval. Checks are spread by jitter, first runs by a stagger, and what is overdue after a pause by a
//! pace. Two lanes bound how many run at once: those that only wait for a silent peer must not delay the others.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Identifies a check; never reused.
pub(crate) type CheckNumber = u64;

/// How many checks may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleLimits {
    /// Checks that reply soon, or did not run yet.
    pub(crate) normal: usize,
    /// Checks that take longer than [`SLOW_AFTER`].
    pub(crate) slow: usize,
}

/// A check that takes longer than this belongs to the slow lane.
pub(crate) const SLOW_AFTER: Duration = Duration::from_millis(200);
/// At most [`MAX_STARTS`] checks start within one slot of this length.
const SLOT: Duration = Duration::from_millis(10);
/// 50,000 a second: more than two processors carry out.
const MAX_STARTS: usize = 500;
/// The first runs of many checks whose state is not known, or not well, are this far apart on average...
const FIRST_SPACING: Duration = Duration::from_millis(1);
/// ...and at most this far in the future, or one interval if that is shorter. All others, as after a restart, are spread over
/// this time.
const MAX_STAGGER: Duration = Duration::from_secs(10);
/// Each run moves by up to this part of the interval.
const JITTER: u32 = 10;

/// What happens to the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduleEvent {
    /// A check runs at this interval from now on; without one, only on demand. `is_settled`: an earlier run found that all is
    /// well, so that the first run need not be soon.
    Set { check: CheckNumber, interval: Option<Duration>, is_settled: bool },
    /// A check is gone.
    Remove { check: CheckNumber },
    /// A check runs once, as soon as there is room. If it runs at present, it runs once more.
    Demand { check: CheckNumber },
    /// A run ended after this time.
    Finished { check: CheckNumber, took: Duration },
    /// Time passed.
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Normal,
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckPhase {
    /// Nothing is planned.
    Idle,
    /// It is due then.
    Planned(Duration),
    /// It was due then, and waits for room in the slow lane.
    Waiting(Duration),
    /// It runs since then.
    Running { lane: Lane, since: Duration, planned: Duration },
}

#[derive(Clone, Copy, Debug)]
struct ScheduledCheck {
    interval: Option<Duration>,
    phase: CheckPhase,
    /// Whether no run of it ended yet.
    is_new: bool,
    /// Whether its last run was slow.
    is_slow: bool,
    /// Whether it was demanded while it ran.
    again: bool,
    /// Whether it was removed while it ran.
    is_gone: bool,
}

/// The schedule of all checks.
#[derive(Debug)]
pub(crate) struct CheckSchedule {
    limits: ScheduleLimits,
    checks: HashMap<CheckNumber, ScheduledCheck>,
    planned: BTreeSet<(Duration, CheckNumber)>,
    waiting: BTreeSet<(Duration, CheckNumber)>,
    /// The running checks of the normal lane, by their start.
    normal: BTreeSet<(Duration, CheckNumber)>,
    slow: usize,
    /// Checks with an interval.
    scheduled: usize,
    /// Checks whose first run did not begin yet.
    new: u32,
    /// The current slot, and how many checks started in it.
    slot: (u128, usize),
    seed: u64,
}

impl CheckSchedule {
    /// An empty schedule. `seed` decides the jitter.
    pub(crate) fn new(limits: ScheduleLimits, seed: u64) -> Self {
        Self {
            limits,
            checks: HashMap::new(),
            planned: BTreeSet::new(),
            waiting: BTreeSet::new(),
            normal: BTreeSet::new(),
            slow: 0,
            scheduled: 0,
            new: 0,
            slot: (0, 0),
            seed,
        }
    }

    /// Takes an event, and returns the checks to start now.
    pub(crate) fn step(&mut self, event: ScheduleEvent, now: Duration) -> Vec<CheckNumber> {
        match event {
            ScheduleEvent::Set { check, interval, is_settled } => self.set(check, interval, is_settled, now),
            ScheduleEvent::Remove { check } => self.remove(check),
            ScheduleEvent::Demand { check } => self.demand(check),
            ScheduleEvent::Finished { check, took } => self.finish(check, took, now),
            ScheduleEvent::Tick => {}
        }
        self.start_due(now)
    }

    /// When [`ScheduleEvent::Tick`] may start a check next; `None` if only another event can.
    pub(crate) fn next_tick(&self, now: Duration) -> Option<Duration> {
        let due = self.planned.first().map(|(at, _)| *at)?;
        if due > now {
            return Some(due);
        }
        // Something is due and did not start: the lane is full, or the slot is.
        let is_full = self.normal.len() >= self.limits.normal;
        let moves = self.normal.first().filter(|_| self.slow < self.limits.slow).map(|(since, _)| *since + SLOW_AFTER);
        let next_slot = Duration::from_nanos_u128((slot_of(now) + 1).saturating_mul(SLOT.as_nanos()));
        if is_full { moves.map(|at| at.max(next_slot)) } else { Some(next_slot) }
    }

    /// How many checks run at an interval.
    pub(crate) fn scheduled(&self) -> usize {
        self.scheduled
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.normal.len() + self.slow
    }

    /// How many of them are in the slow lane.
    pub(crate) fn running_slow(&self) -> usize {
        self.slow
    }

    /// How many slow checks are due and wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long the next due check has been waiting.
    pub(crate) fn lateness(&self, now: Duration) -> Duration {
        // A demanded check is due since the beginning of time.
        let oldest = self.planned.first().map(|(at, _)| *at).filter(|at| !at.is_zero());
        oldest.map_or(Duration::ZERO, |at| now.saturating_sub(at))
    }

    fn set(&mut self, check: CheckNumber, interval: Option<Duration>, is_settled: bool, now: Duration) {
        let known = self.checks.get(&check).copied();
        if known.is_some_and(|known| known.interval == interval) {
            return;
        }

        let mut entry = known.unwrap_or(ScheduledCheck {
            interval,
            phase: CheckPhase::Idle,
            is_new: true,
            is_slow: false,
            again: false,
            is_gone: false,
        });
        let had_interval = known.is_some_and(|known| known.interval.is_some());
        self.scheduled = self.scheduled + usize::from(interval.is_some()) - usize::from(had_interval);
        entry.interval = interval;
        self.new += u32::from(known.is_none());
        if !matches!(entry.phase, CheckPhase::Running { .. }) {
            self.unplan(check, entry.phase);
            entry.phase = CheckPhase::Idle;
            if let Some(interval) = interval {
                let soonest = if is_settled { MAX_STAGGER } else { FIRST_SPACING * self.new };
                let window = interval.min(MAX_STAGGER).min(soonest);
                let at = now + self.random(window);
                self.planned.insert((at, check));
                entry.phase = CheckPhase::Planned(at);
            }
        }
        self.checks.insert(check, entry);
    }

    fn remove(&mut self, check: CheckNumber) {
        let Some(entry) = self.checks.get_mut(&check).filter(|entry| !entry.is_gone) else { return };
        self.scheduled -= usize::from(entry.interval.is_some());
        if matches!(entry.phase, CheckPhase::Running { .. }) {
            // Its run still takes room.
            entry.is_gone = true;
            return;
        }
        let entry = *entry;
        self.new -= u32::from(entry.is_new);
        self.unplan(check, entry.phase);
        self.checks.remove(&check);
    }

    fn demand(&mut self, check: CheckNumber) {
        let Some(entry) = self.checks.get_mut(&check) else { return };
        if matches!(entry.phase, CheckPhase::Running { .. }) {
            entry.again = true;
            return;
        }
        let before = entry.phase;
        entry.phase = CheckPhase::Planned(Duration::ZERO);
        self.unplan(check, before);
        self.planned.insert((Duration::ZERO, check));
    }

    fn finish(&mut self, check: CheckNumber, took: Duration, now: Duration) {
        let Some(entry) = self.checks.get(&check).copied() else { return };
        let CheckPhase::Running { lane, since, planned } = entry.phase else { return };
        match lane {
            Lane::Normal => drop(self.normal.remove(&(since, check))),
            Lane::Slow => self.slow -= 1,
        }
        if entry.is_gone {
            self.checks.remove(&check);
            return;
        }

        let next = match entry.interval {
            _ if entry.again => Some(Duration::ZERO),
            // First runs are close together, so that second ones are spread over the interval.
            Some(interval) if entry.is_new => Some(now + self.random(interval)),
            Some(interval) => Some(self.next_run(interval, planned, now)),
            None => None,
        };
        if let Some(at) = next {
            self.planned.insert((at, check));
        }
        let phase = next.map_or(CheckPhase::Idle, CheckPhase::Planned);
        let is_slow = took >= SLOW_AFTER;
        self.checks.insert(check, ScheduledCheck { phase, is_slow, is_new: false, again: false, ..entry });
    }

    /// When a check that was planned for then runs again: one interval later, give or take the jitter. If that is over
    /// already, the interval begins now; a demanded run was planned for the beginning of time.
    fn next_run(&mut self, interval: Duration, planned: Duration, now: Duration) -> Duration {
        let jitter = interval / JITTER;
        let wait = interval.saturating_sub(jitter) + self.random(jitter * 2);
        let at = planned + wait;
        if at < now { now + wait } else { at }
    }

    fn unplan(&mut self, check: CheckNumber, phase: CheckPhase) {
        match phase {
            CheckPhase::Planned(at) => drop(self.planned.remove(&(at, check))),
            CheckPhase::Waiting(at) => drop(self.waiting.remove(&(at, check))),
            CheckPhase::Idle | CheckPhase::Running { .. } => {}
        }
    }

    /// Starts what is due, as far as the slot and the lanes have room.
    fn start_due(&mut self, now: Duration) -> Vec<CheckNumber> {
        let slot = slot_of(now);
        if self.slot.0 != slot {
            self.slot = (slot, 0);
        }
        self.move_slow(now);

        let mut started = Vec::new();
        while self.slot.1 < MAX_STARTS {
            let Some(check) = self.next_check(now) else { break };
            self.slot.1 += 1;
            started.push(check);
        }
        started
    }

    /// Moves runs that turned out to be slow to the slow lane, which frees their place.
    fn move_slow(&mut self, now: Duration) {
        while self.slow < self.limits.slow
            && let Some(&(since, check)) = self.normal.first()
            && since + SLOW_AFTER <= now
        {
            self.normal.remove(&(since, check));
            self.slow += 1;
            if let Some(ScheduledCheck { phase: CheckPhase::Running { lane, .. }, .. }) = self.checks.get_mut(&check) {
                *lane = Lane::Slow;
            }
        }
    }

    /// Takes the next check that is due and has room, and marks it as running.
    fn next_check(&mut self, now: Duration) -> Option<CheckNumber> {
        if self.slow < self.limits.slow
            && let Some((planned, check)) = self.waiting.pop_first()
        {
            self.run(check, Lane::Slow, planned, now);
            return Some(check);
        }

        while self.normal.len() < self.limits.normal
            && let Some(&(planned, check)) = self.planned.first()
            && planned <= now
        {
            self.planned.remove(&(planned, check));
            let is_slow = self.checks.get(&check).is_some_and(|entry| entry.is_slow);
            if !is_slow {
                self.run(check, Lane::Normal, planned, now);
                return Some(check);
            }
            if self.slow < self.limits.slow {
                self.run(check, Lane::Slow, planned, now);
                return Some(check);
            }
            self.waiting.insert((planned, check));
            if let Some(entry) = self.checks.get_mut(&check) {
                entry.phase = CheckPhase::Waiting(planned);
            }
        }
        None
    }

    fn run(&mut self, check: CheckNumber, lane: Lane, planned: Duration, now: Duration) {
        let Some(entry) = self.checks.get_mut(&check) else { return };
        self.new -= u32::from(entry.is_new);
        entry.phase = CheckPhase::Running { lane, since: now, planned };
        match lane {
            Lane::Normal => drop(self.normal.insert((now, check))),
            Lane::Slow => self.slow += 1,
        }
    }

    /// A random time up to this one (splitmix64: Steele, Lea and Flood, 2014).
    fn random(&mut self, up_to: Duration) -> Duration {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = (mixed ^ (mixed >> 31)) >> 32;

        let nanos = up_to.as_nanos().saturating_mul(u128::from(part)) >> 32;
        Duration::from_nanos_u128(nanos)
    }
}

fn slot_of(now: Duration) -> u128 {
    now.as_nanos() / SLOT.as_nanos()
}

#[cfg(test)]
mod tests;
