//! Watches, callbacks and channels.

use super::*;

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
