//! How the search for owners spends its time: a ration of processor time, and the order of processes. Pure functions.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

/// The search takes 1/N of one core on average,
const SHARE: u32 = 10;
/// except for this much processor time at once after a pause.
const MAX_SAVED: Duration = Duration::from_secs(1);

/// A budget of processor time that refills over time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ration {
    /// When all that was spent will be refilled.
    full_at: Instant,
}

impl Ration {
    /// A full budget.
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// How long to wait before the next work.
    pub(super) fn delay(self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now).saturating_sub(MAX_SAVED * SHARE)
    }

    pub(super) fn spend(&mut self, cost: Duration, now: Instant) {
        self.full_at = self.full_at.max(now) + cost * SHARE;
    }
}

/// Maximum number of processes that are looked at first.
const MAX_LIKELY: usize = 64;
/// How many of the youngest processes are among them.
const YOUNGEST: usize = 32;

/// The most likely holders of new sockets: the processes that the kernel named, those of the sockets' control groups, and the
/// youngest ones. `last` is the process id that was given last.
pub(super) fn likely(named: &[u32], members: &[u32], pids: &[u32], last: u32) -> Vec<u32> {
    let mut youngest = pids.to_vec();
    youngest.sort_unstable_by_key(|&pid| age(pid, last));
    youngest.truncate(YOUNGEST);
    let mut members = members.to_vec();
    members.sort_unstable_by_key(|&pid| age(pid, last));

    let mut chosen = HashSet::new();
    let mut likely: Vec<u32> = named.iter().chain(&members).copied().filter(|&pid| chosen.insert(pid)).collect();
    likely.truncate(MAX_LIKELY - YOUNGEST);
    let chosen: HashSet<u32> = likely.iter().copied().collect();
    likely.extend(youngest.into_iter().filter(|pid| !chosen.contains(pid)));
    likely
}

/// All processes, the most likely holders first: those of the sockets' users, and of each kind the youngest and the oldest in
/// turn. Programs that were just started listen, and so do those that were started with the machine; crowds stand between.
pub(super) fn in_order(mut pids: Vec<u32>, last: u32, is_of_user: impl Fn(u32) -> bool) -> Vec<u32> {
    pids.sort_by_cached_key(|&pid| (!is_of_user(pid), age(pid, last)));
    let of_user = pids.iter().take_while(|&&pid| is_of_user(pid)).count();
    let (of_user, others) = pids.split_at(of_user);
    [from_both_ends(of_user), from_both_ends(others)].concat()
}

fn from_both_ends(pids: &[u32]) -> Vec<u32> {
    let in_turn = pids.iter().zip(pids.iter().rev()).flat_map(|(&young, &old)| [young, old]);
    // Beyond the middle each one comes for the second time.
    in_turn.take(pids.len()).collect()
}

/// How long ago a process id was given: ids grow, and begin again at their end.
fn age(pid: u32, last: u32) -> u32 {
    last.wrapping_sub(pid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn named_processes_come_first_then_members_then_the_youngest() {
        let pids: Vec<u32> = (1..=100).chain(900..=1000).collect();
        // Ids have begun again: 100 is the youngest, 1000 is older than 1.
        let order = likely(&[950], &[20, 30, 950], &pids, 100);
        assert_eq!(order[..5], [950, 30, 20, 100, 99]);
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len());
        assert_eq!(in_order(vec![1, 5, 900, 7], 10, |pid| pid == 900), [900, 7, 1, 5]);
        assert_eq!(in_order(vec![1, 2, 3, 4], 10, |_| true), [4, 1, 3, 2]);
    }

    proptest! {
        /// Over any time, the search takes its share and what was saved, and the last piece of work.
        #[test]
        fn the_ration_is_kept_and_used(costs in prop::collection::vec((0_u64..400, 0_u64..2000), 1..100)) {
            let begin = Instant::now();
            let (mut now, mut spent, mut largest) = (begin, Duration::ZERO, Duration::ZERO);
            let mut ration = Ration::new(begin);
            for (cost, pause) in costs {
                now += Duration::from_millis(pause);
                now += ration.delay(now);
                prop_assert!(ration.delay(now).is_zero());
                let cost = Duration::from_millis(cost);
                ration.spend(cost, now);
                spent += cost;
                largest = largest.max(cost);
                prop_assert!(spent <= (now - begin) / SHARE + MAX_SAVED + largest);
            }
        }
    }
}
