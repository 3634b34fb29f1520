//! The breaker against its table, written out as a plain state machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portolan::engine::{Breaker, BreakerOptions, BreakerState, Breakers, CallOutcome, ManualClock, Permit};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
enum Step {
    CheckSpec,
    /// The outcome of the n-th call in flight, modulo their number.
    Record(usize, CallOutcome),
    Leave(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        4 => Just(CallOutcome::Success),
        4 => Just(CallOutcome::Failure),
        1 => Just(CallOutcome::Local),
    ];
    let step = prop_oneof![
        6 => Just(Step::CheckSpec),
        6 => (any::<usize>(), outcome).prop_map(|(place, outcome)| Step::Record(place, outcome)),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (1..4_u64).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..200)
}

/// The specification as a model: a queue of outcomes and plain counters.
struct Model {
    options: BreakerOptions,
    state: Table,
    /// Counts transitions; a call remembers when it was admitted.
    epoch: u32,
    now: u64,
}

enum Table {
    Closed(VecDeque<bool>),
    Open { until: u64 },
    HalfOpen { running: u16, succeeded: u16 },
}

impl Model {
    fn ask(&mut self) -> Result<u32, Option<u64>> {
        if let Table::Open { until } = self.state
            && until <= self.now
        {
            self.enter(Table::HalfOpen { running: 0, succeeded: 0 });
        }
        match &mut self.state {
            Table::Closed(_) => Ok(self.epoch),
            Table::Open { until } => Err(Some(*until - self.now)),
            Table::HalfOpen { running, succeeded } if *running + *succeeded >= self.options.trials => Err(None),
            Table::HalfOpen { running, .. } => {
                *running += 1;
                Ok(self.epoch)
            }
        }
    }

    fn record(&mut self, admitted: u32, outcome: CallOutcome) {
        if admitted != self.epoch {
            return;
        }
        let opened = Table::Open { until: self.now + self.options.recovery.as_secs() };
        match (&mut self.state, outcome) {
            (Table::Open { .. }, _) | (Table::Closed(_), CallOutcome::Local) => {}
            (Table::Closed(last), outcome) => {
                last.push_back(outcome == CallOutcome::Failure);
                if last.len() > self.options.window as usize {
                    last.pop_front();
                }
                let failed = last.iter().filter(|failed| **failed).count();
                if failed >= self.options.failures as usize {
                    self.enter(opened);
                }
            }
            (Table::HalfOpen { .. }, CallOutcome::Failure) => self.enter(opened),
            (Table::HalfOpen { running, .. }, CallOutcome::Local) => *running -= 1,
            (Table::HalfOpen { running, succeeded }, CallOutcome::Success) => {
                *running -= 1;
                *succeeded += 1;
                if *succeeded == self.options.trials {
                    self.enter(Table::Closed(VecDeque::new()));
                }
            }
        }
    }

    fn enter(&mut self, state: Table) {
        self.state = state;
        self.epoch += 1;
    }

    fn state(&self) -> BreakerState {
        match self.state {
            Table::Closed(_) => BreakerState::Closed,
            Table::Open { .. } => BreakerState::Open,
            Table::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

fn options() -> impl Strategy<Value = BreakerOptions> {
    (1..=40_u32, 1..=6_u64, 1..=4_u16).prop_flat_map(|(window, recovery, trials)| {
        (1..=window.min(8)).prop_map(move |failures| BreakerOptions {
            window,
            failures,
            recovery: SECOND * u32::try_from(recovery).unwrap(),
            trials,
        })
    })
}

proptest! {
    #[test]
    fn the_breaker_follows_its_table(options in options(), steps in steps()) {
        let hand = ManualClock::new();
        let breaker = Breaker::new(options, hand.clock());
        let state = Table::Closed(VecDeque::new());
        let mut model = Model { options, state, epoch: 0, now: 0 };
        let mut calls: Vec<(Permit<'_>, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::CheckSpec => match (breaker.permit(), model.ask()) {
                    (Ok(permit), Ok(epoch)) => calls.push((permit, epoch)),
                    (Err(rejected), Err(wait)) => {
                        prop_assert_eq!(rejected.retry_in.map(|wait| wait.as_secs()), wait);
                    }
                    (found, expected) => prop_assert!(false, "{found:?} is not {expected:?}"),
                },
                Step::Record(place, outcome) if !calls.is_empty() => {
                    let (permit, epoch) = calls.swap_remove(place % calls.len());
                    permit.record(outcome);
                    model.record(epoch, outcome);
                }
                Step::Leave(place) if !calls.is_empty() => {
                    let (permit, epoch) = calls.swap_remove(place % calls.len());
                    drop(permit);
                    model.record(epoch, CallOutcome::Local);
                }
                Step::Record(..) | Step::Leave(_) => {}
                Step::Advance(seconds) => {
                    hand.advance(Duration::from_secs(seconds));
                    model.now += seconds;
                }
            }
            prop_assert_eq!(breaker.state(), model.state());
        }
    }
}

fn breaker(hand: &ManualClock) -> Breaker {
    Breaker::new(BreakerOptions { window: 4, failures: 2, recovery: SECOND, trials: 2 }, hand.clock())
}

#[test]
fn local_faults_never_trip_it() {
    let breaker = breaker(&ManualClock::new());
    for _ in 0..1000 {
        breaker.permit().unwrap().record(CallOutcome::Local);
        drop(breaker.permit().unwrap());
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn old_failures_leave_the_window() {
    let breaker = breaker(&ManualClock::new());
    for _ in 0..50 {
        breaker.permit().unwrap().record(CallOutcome::Failure);
        (0..3).for_each(|_| breaker.permit().unwrap().record(CallOutcome::Success));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test]
async fn an_open_breaker_answers_without_calling() {
    let breaker = breaker(&ManualClock::new());
    let (mut called, mut fallen) = (0, 0);
    for _ in 0..10 {
        let call = || {
            called += 1;
            async { Err::<(), _>("refused") }
        };
        let fallback = |rejected: portolan::engine::RejectedCall| {
            fallen += 1;
            assert_eq!(rejected.retry_in, Some(SECOND));
            Ok(())
        };
        let _ = breaker
            .call(call, |result| if result.is_ok() { CallOutcome::Success } else { CallOutcome::Failure }, fallback)
            .await;
    }
    assert_eq!((called, fallen), (2, 8));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_trial_gives_its_place_back() {
    let hand = ManualClock::new();
    let breaker = breaker(&hand);
    (0..2).for_each(|_| breaker.permit().unwrap().record(CallOutcome::Failure));
    hand.advance(SECOND);
    for _ in 0..5 {
        let stuck =
            breaker.call(std::future::pending::<Result<(), ()>>, |_| CallOutcome::Failure, |_| panic!("refused"));
        assert!(tokio::time::timeout(SECOND, stuck).await.is_err());
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    (0..2).for_each(|_| breaker.permit().unwrap().record(CallOutcome::Success));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn numbers_out_of_range_are_brought_within() {
    let wild = BreakerOptions { window: 4000, failures: 9000, recovery: Duration::MAX, trials: 0 };
    let hand = ManualClock::new();
    let breaker = Breaker::new(wild, hand.clock());
    for _ in 0..39 {
        breaker.permit().unwrap().record(CallOutcome::Failure);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    breaker.permit().unwrap().record(CallOutcome::Failure);
    hand.advance(SECOND * 1_000_000);
    assert_eq!(breaker.permit().map(drop).map_err(drop), Err(()));
}

#[test]
fn each_key_has_a_breaker_of_its_own_and_their_number_is_bounded() {
    let hand = ManualClock::new();
    let options = BreakerOptions { window: 1, failures: 1, ..BreakerOptions::default() };
    let breakers = Breakers::<String>::new(options, 1000, hand.clock());
    breakers.of("bad").permit().unwrap().record(CallOutcome::Failure);
    assert!(breakers.of("bad").permit().is_err());
    assert!(breakers.of("good").permit().is_ok());
    assert!(Arc::ptr_eq(&breakers.of("good"), &breakers.of(&"good".to_owned())));
    assert_eq!(breakers.len(), 2);
    (0..10_000).for_each(|n| drop(breakers.of(&format!("key {n}"))));
    assert!(breakers.len() <= 1000 && !breakers.is_empty());
}
