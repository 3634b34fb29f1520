//! Retries under a paused clock: how often, how long, and which errors are not retried.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use portolan::engine::{Retry, RetryDecision, RetryError};
use proptest::prelude::*;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Runs an operation that always fails after `each`, and yields the waits between its tries.
async fn waits(
    retry: Retry,
    seed: u64,
    each: Duration,
    again: RetryDecision,
) -> (Vec<Duration>, RetryError<&'static str>) {
    let (ended, waits) = (Cell::new(None::<Instant>), RefCell::new(Vec::new()));
    let operation = async |_| {
        waits.borrow_mut().extend(ended.get().map(|ended| ended.elapsed()));
        tokio::time::sleep(each).await;
        ended.set(Some(Instant::now()));
        Err::<(), _>("busy")
    };
    let gave_up = retry.run(seed, operation, |_| again).await.unwrap_err();
    (waits.into_inner(), gave_up)
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn waits_tries_and_time_stay_within_their_caps(
        attempts in 0..12_u32, base in 0..2000_u64, cap in 0..5000_u64, total in 0..60_000_u64, each in 0..3000_u64,
        seed in any::<u64>(),
    ) {
        let millis = Duration::from_millis;
        let retry = Retry { attempts, base: millis(base), cap: millis(cap), total: millis(total) };
        let (waits, gave_up, took) = paused(async {
            let begun = Instant::now();
            let (waits, gave_up) = waits(retry, seed, millis(each), RetryDecision::Yes).await;
            (waits, gave_up, begun.elapsed())
        });
        prop_assert!(took <= retry.total + millis(1), "{took:?}");
        for (n, wait) in (1..).zip(&waits) {
            // tokio's timer counts whole milliseconds, rounded up.
            prop_assert!(*wait <= retry.longest_wait(n) + millis(1), "wait {n} was {wait:?}");
            prop_assert!(retry.longest_wait(n) <= retry.cap);
        }
        match gave_up {
            RetryError::Attempts { attempts, .. } => {
                prop_assert_eq!(attempts, retry.attempts.max(1));
                prop_assert_eq!(waits.len() + 1, attempts as usize);
            }
            RetryError::TimedOut { attempts, .. } => prop_assert!(attempts <= retry.attempts.max(1)),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn jitter_is_full_and_comes_from_the_seed() {
    let retry = Retry { attempts: 2, base: SECOND * 100, cap: SECOND * 100, total: SECOND * 1000 };
    let first = |seed| paused(waits(retry, seed, Duration::ZERO, RetryDecision::Yes)).0[0];
    assert_eq!(first(7), first(7));
    let firsts: Vec<Duration> = (0..1000).map(first).collect();
    let tenths = |n: u32| firsts.iter().filter(|wait| (SECOND * 10 * n..SECOND * 10 * (n + 1)).contains(*wait)).count();
    // Of a thousand, a hundred each are expected; 50 is more than five standard deviations away.
    (0..10).for_each(|n| assert!((50..150).contains(&tenths(n)), "{} in tenth {n}", tenths(n)));
    assert_ne!(Retry::random_seed(), Retry::random_seed());
}

#[tokio::test(start_paused = true)]
async fn back_off_doubles_up_to_the_cap() {
    let retry = Retry { attempts: 99, base: SECOND, cap: SECOND * 5, total: Duration::MAX };
    let longest: Vec<u64> = (1..6).map(|n| retry.longest_wait(n).as_secs()).collect();
    assert_eq!(longest, [1, 2, 4, 5, 5]);
    assert_eq!(retry.longest_wait(u32::MAX), SECOND * 5);
    assert_eq!(waits(retry, 1, SECOND, RetryDecision::Yes).await.0.len(), 98, "an endless total is no overflow");
}

#[tokio::test(start_paused = true)]
async fn a_final_error_is_not_tried_again() {
    let (waits, gave_up) = waits(Retry::default(), 1, SECOND, RetryDecision::No).await;
    assert!(waits.is_empty() && matches!(gave_up, RetryError::Final { error: "busy" }), "{gave_up:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_beyond_the_cap_but_not_beyond_the_total() {
    let retry = Retry { attempts: 3, base: SECOND, cap: SECOND, total: SECOND * 60 };
    let (exact, gave_up) = waits(retry, 1, Duration::ZERO, RetryDecision::After(SECOND * 20)).await;
    assert_eq!(exact, [SECOND * 20, SECOND * 20]);
    assert_eq!(gave_up.to_string(), "gave up after 3 attempts");
    assert_eq!(gave_up.into_error(), Some("busy"));
    let begun = Instant::now();
    let (none, gave_up) = waits(retry, 1, Duration::ZERO, RetryDecision::After(SECOND * 61)).await;
    assert!(none.is_empty() && matches!(gave_up, RetryError::TimedOut { error: Some("busy"), attempts: 1, .. }));
    assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait for a retry beyond the limit");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_is_dropped_when_the_total_ends() {
    let retry = Retry { total: SECOND * 7, ..Retry::default() };
    let begun = Instant::now();
    let gave_up =
        retry.run(1, |_| std::future::pending::<Result<(), &str>>(), |_| RetryDecision::Yes).await.unwrap_err();
    assert!(matches!(gave_up, RetryError::TimedOut { error: None, attempts: 1, .. }), "{gave_up:?}");
    assert_eq!(begun.elapsed(), SECOND * 7);
    assert_eq!(gave_up.to_string(), "gave up after 7s, at attempt 1");
}
