//! What a resolver picks from: the first reply, filters, outages, and one watch for all.

use super::*;

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
    assert_eq!(error.to_string(), "no endpoint of cart: 0 registered, 0 usable");
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
    let text =
        "cannot find an endpoint of cart: 5 registered, 0 of that version (1 without a semantic version), 0 usable";
    assert_eq!((error.to_string().as_str(), error.hint()), (text, "request another version, as in ^1.2"));
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
                assert_eq!(error.to_string(), "no endpoint of cart: 2 registered, 0 usable");
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
