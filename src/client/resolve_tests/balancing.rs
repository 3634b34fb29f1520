//! Zones, latency and keys.

use super::*;

fn in_zone(host: u8, zone: &str, ready: bool) -> Endpoint {
    let endpoint = with(&format!("10.0.0.{host}:80"), |instance| instance.zone = Some(zone.into()));
    Endpoint { ready, ..endpoint }
}

/// Calls stay in the zone while most of it can take them, and overflow into the others before the rest is overloaded.
#[tokio::test(start_paused = true)]
async fn calls_stay_in_the_zone_until_it_is_short_of_endpoints() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).zone("a").start().unwrap();
    for (ready_near, expected) in [(4, vec![1, 2, 3, 4]), (3, vec![1, 2, 3]), (2, vec![1, 2, 5, 6]), (0, vec![5, 6])] {
        let near = (1..=4).map(|host| in_zone(host, "a", host <= ready_near));
        fake.set(CART, near.chain([in_zone(5, "b", true), in_zone(6, "b", true)]).collect());
        settled(&carts, |carts| carts.counts().usable == usize::from(ready_near) + 2).await;
        let found: Vec<u8> = picks(&carts, 60).into_keys().map(|at| at.as_bytes()[7] - b'0').collect();
        assert_eq!(found, expected, "{ready_near} of 4 are ready");
    }
}

/// What calls have shown survives a change of the set: calls in flight, latencies, failures.
#[tokio::test(start_paused = true)]
async fn a_new_set_forgets_nothing() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).balance(LeastConnections).start().unwrap();
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    let busy = carts.pick(()).await.unwrap();
    fake.set(CART, vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")]);
    settled(&carts, |carts| carts.counts().named == 2).await;
    for _ in 0..20 {
        assert_eq!(carts.try_pick(()).unwrap().endpoint().to_string(), "10.0.0.2:80");
    }
    busy.done(true);
    assert_eq!(picks(&carts, 20).len(), 2);
}

/// Latencies reach the strategy that uses them.
#[tokio::test(start_paused = true)]
async fn slow_endpoints_get_fewer_calls_by_latency() {
    let (fake, registry) = open();
    let hand = ManualClock::new();
    let carts = registry.resolve(CART).balance(PeakEwma).clock(hand.clock()).start().unwrap();
    fake.set(CART, (1..=3).map(|host| endpoint(&format!("10.0.0.{host}:80"))).collect());
    carts.ready().await.unwrap();
    let mut to_slow = 0;
    for _ in 0..300 {
        let call = carts.try_pick(()).unwrap();
        let is_slow = call.endpoint().to_string() == "10.0.0.3:80";
        to_slow += usize::from(is_slow);
        hand.advance(Duration::from_millis(if is_slow { 500 } else { 1 }));
        call.done(true);
    }
    assert!(to_slow <= 3, "{to_slow} of 300 calls went to the slow one");
}

/// The same key goes to the same endpoint, and another one once that is gone.
#[tokio::test(start_paused = true)]
async fn a_key_sticks_to_its_endpoint() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).balance(ConsistentHash).start().unwrap();
    let all: Vec<Endpoint> = (1..=9).map(|host| endpoint(&format!("10.0.0.{host}:80"))).collect();
    fake.set(CART, all.clone());
    let first = carts.pick("user-42").await.unwrap().endpoint().to_string();
    assert!((0..50).all(|_| carts.try_pick("user-42").unwrap().endpoint().to_string() == first));
    fake.set(CART, all.into_iter().filter(|at| at.to_string() != first).collect());
    settled(&carts, |carts| carts.counts().named == 8).await;
    assert_ne!(carts.try_pick("user-42").unwrap().endpoint().to_string(), first);
}
