//! The breaker's state word: no outcome is lost, none counts in another epoch, and no excess trial is admitted.

use loom::sync::Arc;
use loom::thread;

use crate::state::{AtomicState, BreakerLimits, BreakerWord, CallOutcome};

const NOW: u64 = 100;
const LIMITS: BreakerLimits = BreakerLimits { window: 8, failures: 2, recovery: 10, trials: 1 };

/// A state that was open until just now.
fn opened(limits: BreakerLimits) -> AtomicState {
    let word = AtomicState::new();
    for _ in 0..limits.failures {
        let epoch = word.admit(limits, || 0).unwrap();
        word.record(limits, epoch, CallOutcome::Failure, || NOW - limits.recovery);
    }
    assert_eq!(word.state(), BreakerWord::Open { until: NOW });
    word
}

fn spawn<T: 'static>(word: &Arc<AtomicState>, work: impl FnOnce(&AtomicState) -> T + 'static) -> thread::JoinHandle<T> {
    let word = Arc::clone(word);
    thread::spawn(move || work(&word))
}

#[test]
fn two_failures_at_once_both_count() {
    loom::model(|| {
        let word = Arc::new(AtomicState::new());
        let fail = |word: &AtomicState| {
            if let Ok(epoch) = word.admit(LIMITS, || NOW) {
                word.record(LIMITS, epoch, CallOutcome::Failure, || NOW);
            }
        };
        let other = spawn(&word, fail);
        fail(&word);
        other.join().unwrap();
        assert_eq!(word.state(), BreakerWord::Open { until: NOW + LIMITS.recovery });
    });
}

#[test]
fn one_place_admits_one_trial() {
    loom::model(|| {
        let word = Arc::new(opened(LIMITS));
        let ask = |word: &AtomicState| usize::from(word.admit(LIMITS, || NOW).is_ok());
        let others = [spawn(&word, ask), spawn(&word, ask)];
        let admitted: usize = others.into_iter().map(|other| other.join().unwrap()).sum();
        assert_eq!(admitted, 1);
        assert_eq!(word.state(), BreakerWord::HalfOpen { running: 1, succeeded: 0 });
    });
}

#[test]
fn a_trial_that_leaves_gives_its_place_back() {
    loom::model(|| {
        let word = Arc::new(opened(LIMITS));
        let visit = |word: &AtomicState| match word.admit(LIMITS, || NOW) {
            Ok(epoch) => {
                word.record(LIMITS, epoch, CallOutcome::Local, || NOW);
                1
            }
            Err(_) => 0,
        };
        let other = spawn(&word, visit);
        assert!(visit(&word) + other.join().unwrap() >= 1);
        assert_eq!(word.state(), BreakerWord::HalfOpen { running: 0, succeeded: 0 });
    });
}

#[test]
fn trials_that_succeed_at_once_close_it_together() {
    loom::model(|| {
        let limits = BreakerLimits { trials: 2, ..LIMITS };
        let word = Arc::new(opened(limits));
        let succeed = move |word: &AtomicState| {
            let epoch = word.admit(limits, || NOW).expect("two places for two");
            word.record(limits, epoch, CallOutcome::Success, || NOW);
        };
        let other = spawn(&word, succeed);
        succeed(&word);
        other.join().unwrap();
        assert_eq!(word.state(), BreakerWord::Closed { window: 0 });
    });
}

#[test]
fn a_late_outcome_says_nothing_about_the_next_epoch() {
    loom::model(|| {
        let word = Arc::new(AtomicState::new());
        let late = word.admit(LIMITS, || NOW).unwrap();
        let other = spawn(&word, move |word| word.record(LIMITS, late, CallOutcome::Failure, || NOW));
        // Meanwhile the breaker opens, is tried and closes again, unless the late failure came before.
        for _ in 0..2 {
            if let Ok(epoch) = word.admit(LIMITS, || NOW) {
                word.record(LIMITS, epoch, CallOutcome::Failure, || NOW);
            }
        }
        let later = NOW + LIMITS.recovery;
        let trial = word.admit(LIMITS, || later).expect("the recovery time has passed");
        word.record(LIMITS, trial, CallOutcome::Success, || later);
        other.join().unwrap();
        assert_eq!(word.state(), BreakerWord::Closed { window: 0 });
    });
}
