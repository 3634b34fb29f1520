//! Endpoints whose calls fail.

use super::*;

/// The endpoint whose calls fail.
const BAD: &str = "10.0.0.2:80";

/// Makes 400 calls, and returns how many went to the bad endpoint.
fn call_all(carts: &Resolver) -> usize {
    let mut to_bad = 0;
    for _ in 0..400 {
        let call = carts.try_pick(()).unwrap();
        let is_bad = call.endpoint().to_string() == BAD;
        to_bad += usize::from(is_bad);
        call.done(!is_bad);
    }
    to_bad
}

/// A passive breaker, driven by a clock of the test: open after failures in a row, tried by one call, closed by a success.
#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_calls_fail_is_left_out_and_tried_again() {
    let (fake, registry) = open();
    let hand = ManualClock::new();
    let options = EjectionOptions { failures: 3, recovery: Duration::from_secs(5), ..EjectionOptions::default() };
    let carts = registry.resolve(CART).ejection(options).clock(hand.clock()).start().unwrap();
    fake.set(CART, (1..=4).map(|host| endpoint(&format!("10.0.0.{host}:80"))).collect());
    carts.ready().await.unwrap();

    assert_eq!(call_all(&carts), 3, "none after the third failure");
    assert_eq!(carts.counts().breaker_open, 1);
    hand.advance(Duration::from_secs(5));
    assert_eq!(call_all(&carts), 1, "one call tries it, and fails");
    hand.advance(Duration::from_secs(9));
    assert_eq!(call_all(&carts), 0, "now twice as long");
    hand.advance(Duration::from_secs(1));

    let trial = carts.try_pick(()).unwrap();
    assert!(trial.is_trial() && trial.endpoint().to_string() == BAD);
    assert!((0..100).all(|_| !carts.try_pick(()).unwrap().is_trial()), "no second call while one tries it");
    drop(trial);
    let trial = carts.try_pick(()).unwrap();
    assert!(trial.is_trial(), "an abandoned trial is repeated");
    trial.end(CallOutcome::Success);
    assert_eq!(picks(&carts, 400).get(BAD), Some(&100), "a success gives it its share back");
    assert_eq!(carts.counts().breaker_open, 0);
}

/// Never more than the cap are left out, whatever fails: then it is more likely this side.
#[tokio::test(start_paused = true)]
async fn at_most_half_of_the_endpoints_are_left_out() {
    for (size, most) in [(1_u8, 0), (2, 1), (5, 2), (10, 5)] {
        let (fake, registry) = open();
        let carts = registry.resolve(CART).start().unwrap();
        fake.set(CART, (1..=size).map(|host| endpoint(&format!("10.0.0.{host}:80"))).collect());
        carts.ready().await.unwrap();
        for _ in 0..1_000 {
            carts.try_pick(()).unwrap().done(false);
            assert!(carts.counts().breaker_open <= most);
        }
        assert_eq!(carts.counts().breaker_open, most, "of {size}");
    }
}

/// What is our own fault, and calls without an outcome, say nothing about the endpoint.
#[tokio::test(start_paused = true)]
async fn local_failures_do_not_count() {
    let (fake, registry) = open();
    fake.set(CART, vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")]);
    let carts = registry.resolve(CART).start().unwrap();
    carts.ready().await.unwrap();
    for _ in 0..100 {
        carts.try_pick(()).unwrap().end(CallOutcome::Local);
        drop(carts.try_pick(()).unwrap());
    }
    assert_eq!(carts.counts().breaker_open, 0);
}
