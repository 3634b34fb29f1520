//! What readers see.

use std::sync::Arc;

use super::support::{World, http_check, instance, seconds};
use crate::model::{HealthState, Query, RegisteredInstance};
use crate::registry::{Command, RestoreError, Rules, State};

#[test]
fn a_snapshot_stays_as_it_is() {
    let mut world = World::new();
    world.register_many("web", 5, |registration| registration);
    let snapshot = world.state.snapshot();
    let before: Vec<RegisteredInstance> = snapshot.instances().collect();

    world.pass(seconds(20));
    world.renew("web-0");
    world.deregister("web-1");
    world.register(instance("web", 7));
    world.pass(seconds(60));

    assert_eq!(snapshot.instances().collect::<Vec<_>>(), before);
    assert_eq!((snapshot.index(), snapshot.len()), (5, 5));
}

#[test]
fn a_copy_of_the_state_takes_back_everything_since() {
    let mut world = World::new();
    world.register_many("web", 5, |registration| registration.check(http_check()).node("n"));
    let (before, saved) = (world.state.clone(), world.elapsed);

    world.settle("web-0", HealthState::Unhealthy);
    world.deregister("web-1");
    world.step(Command::NodeDown { node: "n".into() });
    world.pass(seconds(50));
    (world.state, world.elapsed) = (before, saved);

    assert_eq!((world.state.index(), world.state.deadline_count()), (5, 5));
    let changes = world.pass(seconds(45));
    assert_eq!(changes.len(), 5, "their leases expire as if nothing had happened");
}

#[test]
fn lookups_by_id_and_by_service_agree() {
    let mut world = World::new();
    world.register_many("web", 3, |registration| registration);
    world.register(instance("web", 9).namespace("shop"));
    let view = world.state.view();

    let ids = |namespace, name| view.service(namespace, name).map(|one| one.id.as_ref().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids("default", "web"), ["web-0", "web-1", "web-2"]);
    assert_eq!(ids("shop", "web"), ["web-9"]);
    assert_eq!(ids("shop", "db"), [""; 0]);
    assert_eq!(view.instances().count(), 4);
    assert_eq!(view.get("web-9").unwrap().namespace(), "shop");

    let services: Vec<_> = view.services().collect();
    assert_eq!((services.len(), services[0].namespace(), services[1].namespace()), (2, "default", "shop"));
    assert_eq!((services[0].name(), services[0].health.total(), services[0].index), ("web", 3, 3));
    assert_eq!(view.summary("shop", "web").as_ref(), Some(&services[1]));
    assert_eq!(Query::named("web").explain(&view.instances().collect::<Vec<_>>()).steps[0].left, 4);
}

#[test]
fn the_end_of_a_service_is_remembered_for_as_long_as_that_is_bounded() {
    let mut world = World::new();
    for at in 0..1100 {
        world.register(instance(&format!("s{at}"), 0));
        world.deregister(&format!("s{at}-0"));
    }
    let view = world.state.view();

    assert_eq!(view.service_index("default", "s1099"), 2200);
    assert_eq!(view.service_index("default", "s1098"), 2198);
    assert_eq!(view.service_index("default", "s0"), 2 * 76, "forgotten: at least its own, never later than the others");
    assert!(view.ended_services.size() <= 1024);
}

#[test]
fn records_that_cannot_belong_together_are_refused() {
    let mut world = World::new();
    world.register_many("web", 2, |registration| registration);
    let records: Vec<_> = world.state.view().records().map(|record| (**record).clone()).collect();
    let restored = |index, records: Vec<_>| State::restore(Rules::default(), index, records, world.now()).err();

    assert_eq!(restored(2, records.clone()), None);
    let older = RestoreError::TooNew { id: "web-1".to_owned(), index: 2, last: 1 };
    assert_eq!(restored(1, records.clone()), Some(older));
    let twice = restored(2, vec![records[0].clone(), records[0].clone()]);
    assert!(matches!(twice, Some(RestoreError::Twice { what: "id", .. })));

    let mut nameless = records[0].clone();
    let mut registration = (*nameless.registration).clone();
    registration.id = None;
    nameless.registration = Arc::new(registration);
    assert!(matches!(restored(2, vec![nameless]), Some(RestoreError::NoId { .. })));
    let mut same_index = records;
    same_index[1].index = 1;
    assert!(matches!(restored(2, same_index), Some(RestoreError::Twice { what: "index", .. })));
}
