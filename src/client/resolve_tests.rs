//! Resolvers over a registry in memory. Time is paused: nothing waits for real.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;

use super::fake::{FakeRegistry, endpoint, service, unready, with};
use super::{AllUnhealthy, EjectionOptions, PickError, Registry, Resolver, ServiceEventKind, ServiceWatch};
use crate::balance::{ConsistentHash, LeastConnections, PeakEwma};
use crate::engine::{CallOutcome, ManualClock};
use crate::error::Error;
use crate::model::{Endpoint, Lifecycle};

const CART: &str = "cart";
/// Longer than any wait in these tests; passes at once, because time is paused.
const LONG: Duration = Duration::from_mins(10);

fn open() -> (FakeRegistry, Registry) {
    let fake = FakeRegistry::default();
    let registry = Registry::with_provider(fake.clone()).build();
    (fake, registry)
}

fn places(endpoints: &[Arc<Endpoint>]) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

/// What the next calls go to, each ended with a success.
fn picks(resolver: &Resolver, calls: usize) -> BTreeMap<String, usize> {
    let mut picks = BTreeMap::new();
    for _ in 0..calls {
        let call = resolver.try_pick(()).unwrap();
        *picks.entry(call.endpoint().to_string()).or_default() += 1;
        call.done(true);
    }
    picks
}

/// Waits until the resolver has seen what the registry says.
async fn settled(resolver: &Resolver, mut is_so: impl FnMut(&Resolver) -> bool) {
    let waiting = async {
        while !is_so(resolver) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, waiting).await.expect("the resolver follows the registry");
}

/// REGISTRY: `pick` waits for the first set, never for a change.
#[tokio::test(start_paused = true)]
async fn a_pick_waits_for_the_first_reply_only() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).start().unwrap();
    assert_eq!(carts.try_pick(()).unwrap_err(), PickError::NotReady { service: CART.into() });

    let waiting = tokio::spawn({
        let carts = carts.clone();
        async move { carts.pick(()).await.map(|call| call.endpoint().to_string()) }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    assert_eq!(waiting.await.unwrap().unwrap(), "10.0.0.1:80");

    fake.set(CART, vec![]);
    settled(&carts, |carts| carts.counts().named == 0).await;
    let error = timeout(LONG, carts.pick(())).await.expect("an empty set is a reply").unwrap_err();
    assert_eq!(error.to_string(), "no endpoint of cart: 0 named, 0 usable");
}

/// H2, H3: all healthy endpoints, and each gets its share.
#[tokio::test(start_paused = true)]
async fn healthy_endpoints_of_the_name_share_the_calls() {
    let (fake, registry) = open();
    let other = service("other", vec![endpoint("10.9.9.9:80")]);
    let mut shop = service(CART, vec![endpoint("10.0.0.3:80"), unready("10.0.0.4:80")]);
    shop.id = "fake/shop/cart".into();
    shop.namespace = Some("shop".into());
    fake.set_all(vec![service(CART, vec![endpoint("10.0.0.2:80"), endpoint("10.0.0.1:80")]), shop, other]);

    let all = registry.discover(CART).await.unwrap();
    assert_eq!(places(&all), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    let carts = registry.resolve(CART).start().unwrap();
    carts.ready().await.unwrap();
    assert_eq!(picks(&carts, 30).into_values().collect::<Vec<_>>(), [10, 10, 10]);
    let in_shop = registry.resolve("shop/cart").start().unwrap();
    in_shop.ready().await.unwrap();
    assert_eq!(picks(&in_shop, 2), BTreeMap::from([("10.0.0.3:80".to_owned(), 2)]));
}

/// An instance with a version, tags and a region.
fn instance(place: &str, version: &str, tags: &[&str], region: &str) -> Endpoint {
    with(place, |instance| {
        instance.version = Some(version.into());
        instance.tags = tags.iter().map(|tag| (*tag).into()).collect();
        instance.metadata.insert("region".into(), region.into());
    })
}

/// Version, tags and zone; the instances that are left, and how many each filter leaves.
type FilterCase<'a> = (&'a str, &'a [&'a str], Option<&'a str>, &'a [u8], [usize; 3]);

/// K1 to K4, K10: version exact or as a range, all tags, metadata: everything must match, and the counts say what dropped
/// the rest.
#[tokio::test(start_paused = true)]
async fn filters_are_a_chain_that_counts() {
    let (fake, registry) = open();
    fake.set(
        CART,
        vec![
            instance("10.0.0.1:80", "1.2.0", &["api", "blue"], "eu"),
            instance("10.0.0.2:80", "v1.4.0", &["api"], "eu"),
            instance("10.0.0.3:80", "2.0.0", &["api", "blue"], "us"),
            instance("10.0.0.4:80", "latest", &["api"], "us"),
            endpoint("10.0.0.5:80"),
        ],
    );

    let cases: [FilterCase<'_>; 8] = [
        ("", &[], None, &[1, 2, 3, 4, 5], [5, 5, 5]),
        ("1.2.0", &[], None, &[1], [1, 1, 1]),
        ("1.4.0", &[], None, &[2], [1, 1, 1]),
        ("^1.2", &[], None, &[1, 2], [2, 2, 2]),
        (">=1.3", &[], None, &[2, 3], [2, 2, 2]),
        ("", &["api", "blue"], None, &[1, 3], [5, 2, 2]),
        ("^1.2", &["api"], Some("eu"), &[1, 2], [2, 2, 2]),
        ("^2", &["blue"], Some("eu"), &[], [1, 1, 0]),
    ];
    for (version, tags, region, expected, counts) in cases {
        let mut builder = registry.resolve(CART);
        builder = if version.is_empty() { builder } else { builder.version(version) };
        builder = tags.iter().fold(builder, |builder, tag| builder.tag(*tag));
        builder = region.into_iter().fold(builder, |builder, region| builder.meta("region", region));
        let carts = builder.start().unwrap();
        carts.ready().await.unwrap();

        let found: Vec<u8> = carts.endpoints().iter().map(|at| at.to_string().as_bytes()[7] - b'0').collect();
        assert_eq!(found, expected, "{version} {tags:?} {region:?}");
        let left = carts.counts();
        assert_eq!([left.matching_version, left.matching_tags, left.matching_metadata], counts, "{version} {tags:?}");
        assert_eq!(left.unreadable_versions, usize::from(version.starts_with(['^', '>'])), "{version}: `latest`");
    }

    let none = registry.resolve(CART).version("^3").start().unwrap();
    let error = Error::from(none.pick(()).await.unwrap_err());
    let text = "cannot find an endpoint of cart: 5 named, 0 of that version (1 without a semantic version), 0 usable";
    assert_eq!((error.to_string().as_str(), error.hint()), (text, "ask for another version, as in ^1.2"));
    let error = registry.resolve(CART).version("^").start().unwrap_err();
    assert!(error.to_string().starts_with("cannot use version '^': "), "{error}");
}

/// What `on_all_unhealthy` does, and that a call shows it.
#[tokio::test(start_paused = true)]
async fn what_happens_if_all_are_unhealthy_is_a_choice() {
    for (policy, expected) in [
        (AllUnhealthy::None, None),
        (AllUnhealthy::All, Some(["10.0.0.1:80", "10.0.0.3:80"])),
        (AllUnhealthy::LastGood, Some(["10.0.0.1:80", "10.0.0.2:80"])),
    ] {
        let (fake, registry) = open();
        let carts = registry.resolve(CART).on_all_unhealthy(policy).start().unwrap();
        fake.set(CART, vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")]);
        assert!(!carts.pick(()).await.unwrap().is_fallback());

        let draining = with("10.0.0.3:80", |instance| instance.lifecycle = Lifecycle::Draining);
        fake.set(CART, vec![unready("10.0.0.1:80"), draining]);
        settled(&carts, |carts| carts.counts().usable == 0).await;
        match expected {
            None => {
                let error = carts.try_pick(()).unwrap_err();
                assert_eq!(error.to_string(), "no endpoint of cart: 2 named, 0 usable");
            }
            Some(places) => {
                assert!(carts.try_pick(()).unwrap().is_fallback(), "{policy:?}");
                assert_eq!(picks(&carts, 10).into_keys().collect::<Vec<_>>(), places, "{policy:?}");
            }
        }
    }
}

/// D13: a registry that fails later: its last reply is used, and marked as such, until it replies again.
#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_last_reply_and_marks_it() {
    let (fake, registry) = open();
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    let carts = registry.resolve(CART).start().unwrap();
    assert!(!carts.pick(()).await.unwrap().is_stale());

    fake.fail();
    settled(&carts, |carts| carts.stale().is_some()).await;
    let call = carts.try_pick(()).unwrap();
    assert!(call.is_stale());
    assert_eq!(call.endpoint().to_string(), "10.0.0.1:80");
    assert_eq!(carts.stale().unwrap().cause, "it is away");

    fake.set(CART, vec![endpoint("10.0.0.2:80")]);
    settled(&carts, |carts| carts.stale().is_none()).await;
    let call = carts.try_pick(()).unwrap();
    assert_eq!((call.endpoint().to_string().as_str(), call.is_stale()), ("10.0.0.2:80", false));
}

/// A registry that is away from the beginning fails at once, with its reason, and is tried again in the background.
#[tokio::test(start_paused = true)]
async fn a_registry_that_never_replied_is_an_error_and_then_is_not() {
    let (fake, registry) = open();
    fake.fail();
    let carts = registry.resolve(CART).start().unwrap();
    let error = timeout(LONG, carts.pick(())).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "cannot resolve cart: cannot ask the fake registry: it is away");

    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    settled(&carts, |carts| carts.try_pick(()).is_ok()).await;
}

/// One watch for all resolvers of a name, which ends with the last.
#[tokio::test(start_paused = true)]
async fn resolvers_of_a_name_share_one_watch() {
    let (fake, registry) = open();
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    let mut resolvers = Vec::new();
    for _ in 0..100 {
        let resolver = registry.resolve(CART).start().unwrap();
        resolver.ready().await.unwrap();
        resolvers.push(resolver);
    }
    assert_eq!((fake.started(), registry.watched_services()), (1, 1));
    let other = registry.resolve("other").start().unwrap();
    other.ready().await.unwrap();
    assert_eq!((fake.running(), registry.watched_services()), (2, 2));

    drop((resolvers, other));
    timeout(LONG, async {
        while fake.running() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the watches end with their last resolver");
    assert_eq!(registry.watched_services(), 0);
}

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

/// The kinds of the next events, until one is `synced`.
async fn kinds_until_synced(watch: &mut ServiceWatch) -> Vec<String> {
    let mut kinds = Vec::new();
    loop {
        let event = timeout(LONG, watch.next()).await.expect("an event").unwrap();
        assert_eq!(&*event.service, CART);
        kinds.push(match event.kind {
            ServiceEventKind::Reset(all) => format!("reset {}", all.len()),
            ServiceEventKind::Added(at) => format!("added {at}"),
            ServiceEventKind::Updated { endpoint, changed } => format!("updated {endpoint} {}", changed.join(" ")),
            ServiceEventKind::Removed(at) => format!("removed {at}"),
            ServiceEventKind::Stale(error) => format!("stale {}", error.cause),
            ServiceEventKind::Synced { endpoints } => {
                kinds.push(format!("synced {endpoints}"));
                return kinds;
            }
            ServiceEventKind::Lagged { missed } => format!("lagged {missed}"),
        });
    }
}

/// G3, G5, G6, G7, G11, C3, C22: added, updated and removed with index and time, of this service alone; a change of health
/// is an update.
#[tokio::test(start_paused = true)]
async fn a_watch_tells_each_change_once() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).start().unwrap();
    let mut early = carts.watch();
    fake.set_all(vec![service(CART, vec![endpoint("10.0.0.1:80")]), service("other", vec![endpoint("10.9.9.9:80")])]);
    assert_eq!(kinds_until_synced(&mut early).await, ["added 10.0.0.1:80", "synced 1"]);
    let mut late = carts.watch();
    assert_eq!(kinds_until_synced(&mut late).await, ["reset 1", "synced 1"]);
    assert_eq!(carts.watches(), 2);

    fake.set_all(vec![service(CART, vec![unready("10.0.0.1:80"), endpoint("10.0.0.2:80")])]);
    settled(&carts, |carts| carts.counts().named == 2).await;
    fake.fail();
    settled(&carts, |carts| carts.stale().is_some()).await;
    fake.set(CART, vec![endpoint("10.0.0.2:80")]);
    for watch in [&mut early, &mut late] {
        let expected =
            ["updated 10.0.0.1:80 ready", "added 10.0.0.2:80", "stale it is away", "removed 10.0.0.1:80", "synced 1"];
        assert_eq!(kinds_until_synced(watch).await, expected);
    }
    drop((early, late));
    assert_eq!(carts.watches(), 0, "G10: a dropped watch is forgotten");
}

/// G8, G9: 1,000 watches get every event; a watch that falls behind gets `lagged`, then the full list again.
#[tokio::test(start_paused = true)]
async fn a_thousand_watches_get_each_change_and_a_slow_one_is_resynced() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).start().unwrap();
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    carts.ready().await.unwrap();

    let mut slow = carts.watch();
    kinds_until_synced(&mut slow).await;
    let counted = Arc::new(AtomicUsize::new(0));
    for _ in 0..1_000 {
        let (mut watch, counted) = (carts.watch(), Arc::clone(&counted));
        tokio::spawn(async move {
            while let Some(event) = watch.next().await {
                let is_change = matches!(event.kind, ServiceEventKind::Added(_) | ServiceEventKind::Removed(_));
                counted.fetch_add(usize::from(is_change), Ordering::Relaxed);
            }
        });
    }
    let changes = 300;
    for change in 1..=changes {
        let second = (change % 2 == 1).then(|| endpoint("10.0.0.2:80"));
        fake.set(CART, std::iter::once(endpoint("10.0.0.1:80")).chain(second).collect());
        settled(&carts, |_| counted.load(Ordering::Relaxed) == change * 1_000).await;
    }

    let kinds = kinds_until_synced(&mut slow).await;
    assert_eq!(kinds, [format!("lagged {changes}"), "reset 1".to_owned(), "synced 1".to_owned()]);
    fake.set(CART, vec![]);
    let event = timeout(LONG, slow.next()).await.unwrap().unwrap();
    assert!(matches!(event.kind, ServiceEventKind::Removed(_)), "{event:?}");
}

/// G1: the callback gets the full list, at first and after each change, and none after its guard is gone.
#[tokio::test(start_paused = true)]
async fn a_callback_gets_all_endpoints() {
    let (fake, registry) = open();
    let carts = registry.resolve(CART).start().unwrap();
    let lists = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lists);
    let guard = carts.on_change(move |all| kept.lock().push(places(all))).unwrap();

    fake.set(CART, vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")]);
    settled(&carts, |_| lists.lock().len() == 1).await;
    fake.set(CART, vec![endpoint("10.0.0.2:80"), endpoint("10.0.0.3:80")]);
    settled(&carts, |_| lists.lock().len() == 2).await;
    assert_eq!(*lists.lock(), [["10.0.0.1:80", "10.0.0.2:80"], ["10.0.0.2:80", "10.0.0.3:80"]]);
    drop(guard);
    fake.set(CART, vec![]);
    settled(&carts, |carts| carts.counts().named == 0 && carts.watches() == 0).await;
    assert_eq!(lists.lock().len(), 2);
}

/// G3, G4: a channel for each service, which `unwatch` closes.
#[tokio::test(start_paused = true)]
async fn unwatch_closes_the_channels_of_a_service() {
    let (fake, registry) = open();
    fake.set(CART, vec![endpoint("10.0.0.1:80")]);
    let mut one = registry.channel(CART).unwrap();
    let mut other = registry.channel(CART).unwrap();
    for channel in [&mut one, &mut other] {
        let event = timeout(LONG, channel.recv()).await.unwrap().unwrap();
        assert!(matches!(event.kind, ServiceEventKind::Added(_) | ServiceEventKind::Reset(_)), "{event:?}");
    }
    assert_eq!(registry.unwatch(CART), 2);
    for channel in [&mut one, &mut other] {
        timeout(LONG, async { while channel.recv().await.is_some() {} }).await.expect("the channel is closed");
    }
    assert_eq!(registry.unwatch(CART), 0);
    settled(&registry.resolve("other").start().unwrap(), |_| fake.running() == 1).await;
}
