//! Leases, removals, restarts and pauses.

use std::time::Duration;

use super::support::{World, instance, seconds};
use crate::model::{HealthState, OperatorStatus};
use crate::registry::{Cause, ChangeKind, Command, Notice, Rules, State};

#[test]
fn a_lease_lasts_for_ttl_and_grace_and_a_renewal_moves_it() {
    let mut world = World::new();
    world.register(instance("web", 0).ttl(seconds(30)));
    world.pass(seconds(40));
    world.renew("web-0");

    assert_eq!(world.pass(seconds(44)), []);
    let expired = world.pass(seconds(1));
    assert_eq!((expired.len(), expired[0].cause), (1, Cause::LeaseExpired));
    assert_eq!(expired[0].changed, ["health", "lease"]);
    assert!(!world.get("web-0").is_healthy());

    let renewed = world.renew("web-0");
    assert_eq!((renewed.changes[0].cause, world.health("web-0")), (Cause::Renewed, HealthState::Healthy));
}

#[test]
fn the_default_ttl_is_the_servers_and_zero_needs_no_renewal() {
    let mut world = World::with(Rules { default_ttl: seconds(5), grace: seconds(1), ..Rules::default() });
    world.register(instance("web", 0));
    world.register(instance("db", 0).ttl(Duration::ZERO));

    let changes = world.pass(seconds(3600));
    assert_eq!((changes.len(), &*changes[0].instance.id), (1, "web-0"));
    assert_eq!(world.get("db-0").lease, None);
    assert_eq!(world.health("db-0"), HealthState::Unknown, "nothing looks at it");
    assert!(world.get("db-0").is_healthy(), "it is taken at its word");
}

#[test]
fn what_was_unhealthy_for_too_long_is_removed_and_nothing_else() {
    let mut world = World::new();
    world.register(instance("web", 0).deregister_after(seconds(60)));
    world.register(instance("db", 0));
    world.register_many("cache", 5, |registration| registration.deregister_after(seconds(60)).ttl(Duration::ZERO));
    world.set_status("cache-0", OperatorStatus::Maintenance);

    let changes = world.pass(seconds(104));
    assert!(changes.iter().all(|change| change.kind == ChangeKind::Updated));
    let removed = world.pass(seconds(1));
    assert_eq!((removed.len(), removed[0].cause), (1, Cause::UnhealthyTooLong));
    assert_eq!((removed[0].kind, &*removed[0].instance.id), (ChangeKind::Removed, "web-0"));

    assert_eq!(world.pass(seconds(3600)), [], "by default nothing is removed, and maintenance is not a failure");
}

#[test]
fn one_that_recovers_in_time_is_not_removed() {
    let mut world = World::new();
    world.register(instance("web", 0).deregister_after(seconds(60)));
    for _ in 0..10 {
        world.pass(seconds(100));
        world.renew("web-0");
    }

    assert!(world.state.view().get("web-0").is_some());
}

#[test]
fn a_restart_gives_each_lease_one_full_ttl_and_forgets_no_failure() {
    let mut world = World::new();
    world.register_many("web", 3, |registration| registration.deregister_after(seconds(60)));
    world.pass(seconds(44));
    world.renew("web-0");
    world.renew("web-1");
    world.pass(seconds(1));
    assert_eq!(world.health("web-2"), HealthState::Unhealthy);

    let records: Vec<_> = world.state.view().records().map(|record| (**record).clone()).collect();
    world.elapsed = seconds(1000);
    world.state = State::restore(Rules::default(), world.state.index(), records.clone(), world.now()).unwrap();
    let restored: Vec<_> = world.state.view().records().map(|record| (**record).clone()).collect();
    assert_eq!(restored, records);

    assert_eq!(world.pass(seconds(44)), []);
    let changes = world.pass(seconds(1));
    let expired: Vec<&str> = changes.iter().map(|change| &*change.instance.id).collect();
    assert_eq!(expired, ["web-0", "web-1"], "web-2 had failed before, and its time counts from the restart");
}

#[test]
fn a_pause_of_the_process_expires_nothing() {
    let mut world = World::new();
    world.register(instance("web", 0).deregister_after(seconds(60)));
    world.register(instance("db", 0).deregister_after(seconds(60)));
    world.pass(seconds(30));
    world.renew("web-0");
    world.pass(seconds(30));
    assert_eq!(world.health("db-0"), HealthState::Unhealthy);

    world.elapsed += seconds(3600);
    let outcome = world.step(Command::Tick);
    assert_eq!((outcome.changes.len(), outcome.notices), (0, vec![Notice::ClockGap { seconds: 3600 }]));
    assert_eq!(world.pass(seconds(44)), [], "web has a full ttl, and db was not unhealthy while nothing ran");
    let kinds: Vec<_> = world.pass(seconds(1)).into_iter().map(|change| (change.cause, change.instance.id)).collect();
    assert_eq!(kinds, [(Cause::LeaseExpired, "web-0".into()), (Cause::UnhealthyTooLong, "db-0".into())]);
}

#[test]
fn a_clock_that_goes_back_expires_nothing() {
    let mut world = World::new();
    world.pass(seconds(100));
    world.register(instance("web", 0));
    world.elapsed = seconds(10);
    assert_eq!(world.step(Command::Tick).changes, []);
    world.renew("web-0");

    world.elapsed = seconds(144);
    assert_eq!(world.step(Command::Tick).changes, []);
}

#[test]
fn no_timer_outlives_its_instance() {
    let mut world = World::new();
    let check = crate::model::CheckDefinition::ttl();
    world.register_many("web", 50, |registration| registration.deregister_after(seconds(60)).check(check.clone()));
    world.pass(seconds(50));
    for at in 0..50 {
        world.deregister(&format!("web-{at}"));
    }

    assert_eq!(world.state.deadline_count(), 0);
    assert_eq!(world.pass(seconds(700)), []);
}
