//! What a one-way copy changes, and that it never empties a target for a hiccup of the original.

use proptest::prelude::*;

use super::fake::{endpoint, service, unready, with};
use super::{SYNCED_FROM, SyncPlan};
use crate::model::{Completeness, Endpoint, Instance, Listing, Registration, Service};

fn listing(services: Vec<Service>) -> Listing {
    Listing { services, completeness: Completeness::Complete, ..Listing::default() }
}

/// The listing of a target that has these registrations.
fn target(registrations: &[Registration]) -> Listing {
    let services = registrations.iter().map(|registration| service(&registration.name, vec![registered(registration)]));
    listing(services.collect())
}

fn registered(registration: &Registration) -> Endpoint {
    let metadata = registration.metadata.iter();
    let instance = Instance {
        // As Consul lists it.
        id: format!("node/{}", registration.id.as_deref().unwrap()),
        metadata: metadata.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        ..Instance::default()
    };
    Endpoint { instance: Some(Box::new(instance)), ..endpoint(&registration.place()) }
}

fn plan(original: &Listing, target: &Listing) -> SyncPlan {
    SyncPlan::new("old", original, target)
}

#[test]
fn a_second_copy_changes_nothing() {
    let original = listing(vec![service("web", vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")])]);
    let first = plan(&original, &listing(Vec::new()));
    assert_eq!((first.add.len(), first.change.len(), first.remove.len()), (2, 0, 0));
    assert!(first.add.iter().all(|copy| {
        copy.metadata.get(SYNCED_FROM).unwrap() == "old" && copy.ttl == Some(std::time::Duration::ZERO)
    }));

    let second = plan(&original, &target(&first.add));
    assert!(second.is_empty());
    assert_eq!(second.unchanged, 2);
}

#[test]
fn a_difference_is_a_change_and_a_lost_instance_a_removal() {
    let before = listing(vec![service("web", vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")])]);
    let copies = plan(&before, &listing(Vec::new())).add;
    let tagged = with("10.0.0.1:80", |instance| instance.tags.push("blue".into()));
    let after = listing(vec![service("web", vec![tagged, unready("10.0.0.2:80")])]);

    let plan = plan(&after, &target(&copies));
    assert_eq!((plan.add.len(), plan.change.len(), plan.remove.len()), (0, 1, 1));
    assert_eq!(plan.change[0].tags, ["blue"]);
    assert_eq!(plan.remove[0].service().as_raw(), "web");
    assert_eq!(plan.changed_percent(), 100);
}

/// What an incomplete list lacks may still exist.
#[test]
fn an_incomplete_original_removes_nothing() {
    let original = listing(vec![service("web", vec![endpoint("10.0.0.1:80")])]);
    let copies = plan(&original, &listing(Vec::new())).add;
    let incomplete = Listing { completeness: Completeness::Incomplete, ..listing(Vec::new()) };

    let plan = plan(&incomplete, &target(&copies));
    assert!(plan.is_empty());
    assert_eq!(plan.unchanged, 1);
}

#[test]
fn what_others_registered_and_copied_stays() {
    let original = listing(vec![service("web", vec![endpoint("10.0.0.1:80")])]);
    let other = SyncPlan::new("other", &original, &listing(Vec::new())).add;
    let own = Registration::new("web", "10.0.0.9:80".parse().unwrap()).id("own");

    let present = target(&[other, vec![own]].concat());
    let plan = plan(&listing(Vec::new()), &present);
    assert!(plan.is_empty());
    assert_eq!((plan.unchanged, plan.changed_percent()), (0, 0));
}

#[test]
fn what_cannot_be_registered_is_said() {
    let socket = "/run/app.sock".parse::<crate::model::HostPort>().unwrap().endpoint();
    let plan = plan(&listing(vec![service("web", vec![socket])]), &listing(Vec::new()));
    assert!(plan.is_empty());
    assert_eq!(plan.skipped[0].reason, "it has no port");
}

proptest! {
    /// Whatever both have: after the plan, the target has a copy of each instance that takes calls, and no other copies.
    #[test]
    fn a_plan_makes_the_copies_equal(old in copies(), new in copies()) {
        let (old, new) = (listing(old), listing(new));
        let present = plan(&old, &listing(Vec::new())).add;
        let plan = plan(&new, &target(&present));

        let gone: Vec<&str> = plan.remove.iter().map(|stale| stale.id().rsplit('/').next().unwrap()).collect();
        let mut after: Vec<Registration> = present
            .into_iter()
            .filter(|copy| !gone.contains(&copy.id.as_deref().unwrap()))
            .filter(|copy| plan.change.iter().all(|changed| changed.id != copy.id))
            .chain(plan.add.iter().cloned())
            .chain(plan.change.iter().cloned())
            .collect();
        let mut wanted = super::sync_tests::plan(&new, &listing(Vec::new())).add;
        after.sort_by(|a, b| a.id.cmp(&b.id));
        wanted.sort_by(|a, b| a.id.cmp(&b.id));
        prop_assert_eq!(after, wanted);
    }
}

/// Services with a few instances: some do not take calls, some have a tag.
fn copies() -> impl Strategy<Value = Vec<Service>> {
    let endpoints = proptest::collection::btree_map(1_u8..9, (any::<bool>(), any::<bool>()), 0..6);

    proptest::collection::btree_map("[ab]", endpoints, 0..3).prop_map(|services| {
        let services = services.into_iter().map(|(name, endpoints)| {
            let endpoints = endpoints.into_iter().map(|(host, (is_ready, is_tagged))| {
                let place = format!("10.0.0.{host}:80");
                let tagged = with(&place, |instance| instance.tags.extend(is_tagged.then(|| "t".into())));
                Endpoint { ready: is_ready, ..tagged }
            });
            service(&name, endpoints.collect())
        });
        services.collect()
    })
}
