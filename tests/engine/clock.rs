//! Clocks never go back, and a test's clock goes only where the test moves it.

use std::time::Duration;

use portolan::engine::{Clock, ManualClock};

#[test]
fn real_clocks_never_go_back() {
    for clock in [Clock::precise(), Clock::coarse(), Clock::runtime()] {
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last, "{clock:?} went from {last:?} to {now:?}");
            last = now;
        }
    }
}

#[test]
fn a_manual_clock_stands_still_until_it_is_advanced() {
    let hand = ManualClock::new();
    let (one, other) = (hand.clock(), hand.clock());
    assert_eq!(one.now(), Duration::ZERO);
    hand.advance(Duration::from_millis(7));
    hand.advance(Duration::from_nanos(1));
    assert_eq!(one.now(), Duration::from_nanos(7_000_001));
    assert_eq!(other.now(), one.now());
}

#[tokio::test(start_paused = true)]
async fn the_runtime_clock_moves_with_the_paused_runtime() {
    let clock = Clock::runtime();
    let before = clock.now();
    assert_eq!(clock.now(), before);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(clock.now(), before + Duration::from_hours(1));
}
