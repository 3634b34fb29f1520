//! Indexes, generations, and what is not a change.

use std::sync::Arc;

use super::support::{World, http_check, instance, seconds};
use crate::model::{HealthState, OperatorStatus};
use crate::registry::{Cause, ChangeKind, Command, CommandRejection};

#[test]
fn each_change_has_the_next_index_and_only_its_own_service_moves() {
    let mut world = World::new();
    world.register(instance("web", 0));
    world.register(instance("db", 0));
    let web = world.state.view().service_index("default", "web");

    world.set_status("db-0", OperatorStatus::Draining);
    world.deregister("db-0");

    assert_eq!(world.state.index(), 4);
    assert_eq!(world.state.view().service_index("default", "web"), web, "nothing else wakes a watcher of web");
    assert_eq!(world.state.view().service_index("default", "db"), 4, "the end of a service wakes its watchers");
    assert_eq!(world.state.view().service_index("default", "other"), 0);
}

#[test]
fn renewals_and_repetitions_change_nothing() {
    let mut world = World::new();
    let registration = instance("web", 0).check(http_check()).meta("region", "eu");
    world.register(registration.clone());
    world.result("web-0", 0, HealthState::Healthy);
    let (index, before) = (world.state.index(), world.get("web-0"));

    world.pass(seconds(3));
    for outcome in [
        world.renew("web-0"),
        world.register(registration.clone()),
        world.register(registration.namespace("default")),
        world.result("web-0", 0, HealthState::Healthy),
        world.set_status("web-0", OperatorStatus::Up),
        world.step(Command::SetWeight { id: "web-0".into(), generation: None, weight: 1 }),
        world.step(Command::NodeDown { node: "elsewhere".into() }),
        world.step(Command::Tick),
    ] {
        assert_eq!(outcome.changes, []);
    }

    let after = world.get("web-0");
    assert_eq!((world.state.index(), after.index), (index, before.index));
    assert!(after.last_seen > before.last_seen, "a renewal is seen all the same");
    assert_eq!(after.checks[0].note.as_deref(), Some("at 3s"), "and so is the text of a check");
}

#[test]
fn late_packets_of_an_earlier_generation_touch_nothing() {
    let mut world = World::new();
    let first = world.register(instance("web", 0)).changes[0].instance.generation;
    world.deregister("web-0");
    let second = world.register(instance("web", 0)).changes[0].instance.generation;
    assert!(second > first);
    let before = world.get("web-0");

    world.elapsed = seconds(10);
    let id: Arc<str> = "web-0".into();
    let generation = Some(first);
    for late in [
        Command::Renew { id: Arc::clone(&id), generation, report: Some((HealthState::Unhealthy, None)) },
        Command::Deregister { id: Arc::clone(&id), generation },
        Command::SetStatus { id: Arc::clone(&id), generation, status: OperatorStatus::Maintenance, reason: None },
        Command::SetWeight { id: Arc::clone(&id), generation, weight: 9 },
        Command::SetMetadata { id: Arc::clone(&id), generation, entries: Arc::default() },
        Command::CheckResult { id: Arc::clone(&id), generation, check: 0, state: HealthState::Unhealthy, note: None },
    ] {
        let refused = world.try_step(late).unwrap_err();
        assert_eq!(refused, CommandRejection::StaleGeneration { id: Arc::clone(&id), given: first, current: second });
    }

    assert_eq!(world.get("web-0"), before);
    world.step(Command::Renew { id, generation: Some(second), report: None });
}

#[test]
fn a_change_names_its_fields_and_its_cause() {
    let mut world = World::new();
    let added = world.register(instance("web", 0).check(http_check()));
    assert_eq!((added.changes[0].kind, added.changes[0].cause), (ChangeKind::Added, Cause::Registered));

    let updated = world.register(instance("web", 0).check(http_check()).version("2").tag("blue"));
    assert_eq!(updated.changes[0].changed, ["version", "tags"]);
    let checked = world.result("web-0", 0, HealthState::Healthy);
    assert_eq!(
        (checked.changes[0].cause, &*checked.changes[0].changed),
        (Cause::Check, &["health", "health_checks"][..])
    );
    let drained = world.set_status("web-0", OperatorStatus::Draining);
    assert_eq!((drained.changes[0].cause, &*drained.changes[0].changed), (Cause::Operator, &["status", "health"][..]));

    let removed = world.deregister("web-0");
    let change = &removed.changes[0];
    assert_eq!((change.kind, change.cause, change.index), (ChangeKind::Removed, Cause::Deregistered, 5));
    assert_eq!(change.instance.registration.version.as_deref(), Some("2"), "it says what is gone");
}

#[test]
fn entries_of_the_metadata_change_and_nothing_else_does() {
    let mut world = World::new();
    world.register(instance("web", 0).meta("region", "eu").zone("a").ttl(seconds(20)));
    let before = world.get("web-0");
    let set = |world: &mut World, entries: &[(&str, &str)]| {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        world.try_step(Command::SetMetadata { id: "web-0".into(), generation: None, entries: Arc::new(entries) })
    };

    world.pass(seconds(5));
    let changes = set(&mut world, &[("color", "blue"), ("zone", "b"), ("version", "not a version")]).unwrap().changes;
    assert_eq!((changes.len(), &*changes[0].changed), (1, &["metadata", "zone"][..]));
    let after = world.get("web-0");
    let entries: Vec<(&str, &str)> =
        after.registration.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(entries, [("color", "blue"), ("region", "eu"), ("version", "not a version"), ("zone", "b")]);
    assert_eq!((after.registration.zone.as_deref(), after.registration.version.as_deref()), (Some("b"), None));
    assert_eq!((after.lease, after.last_seen), (before.lease, before.last_seen), "it renews nothing");

    assert!(set(&mut world, &[("color", "blue")]).unwrap().changes.is_empty());
    assert_eq!(set(&mut world, &[("", "x")]).unwrap_err().code(), "invalid");
    world.deregister("web-0");
    assert_eq!(set(&mut world, &[("color", "red")]).unwrap_err().code(), "unknown_instance", "it does not come back");
}

#[test]
fn what_an_operator_set_survives_repetitions_until_the_registration_itself_changes_it() {
    let mut world = World::new();
    let registration = instance("web", 0).weight(100);
    world.register(registration.clone());
    world.set_status("web-0", OperatorStatus::Maintenance);
    world.step(Command::SetWeight { id: "web-0".into(), generation: None, weight: 50 });

    world.register(registration.clone());
    world.register(registration.clone().version("2"));
    let kept = world.get("web-0");
    assert_eq!((kept.status, kept.weight), (OperatorStatus::Maintenance, 50));

    world.register(registration.version("2").weight(10).status(OperatorStatus::Draining));
    let changed = world.get("web-0");
    assert_eq!((changed.status, changed.weight), (OperatorStatus::Draining, 10));
}

#[test]
fn another_id_at_the_same_address_is_allowed_with_a_warning() {
    let mut world = World::new();
    world.register(instance("web", 0));
    let twin = instance("web", 0).id("twin");

    let warned = world.register(twin.clone());
    assert_eq!(warned.warnings, ["10.3.0.1:80 is also registered as web-0 of default/web"]);
    assert_eq!(world.register(instance("web", 0).id("udp").protocol("udp")).warnings, [""; 0], "UDP has its own ports");
    world.deregister("web-0");
    assert_eq!(world.register(twin).warnings, [""; 0], "the other one is gone");
}

#[test]
fn an_id_stays_with_its_service() {
    let mut world = World::new();
    world.register(instance("web", 0));

    for other in [instance("db", 0).id("web-0"), instance("web", 0).namespace("shop")] {
        let refused = world.try_step(Command::Register(Arc::new(other))).unwrap_err();
        assert_eq!(refused, CommandRejection::IdTaken { id: "web-0".into(), service: "default/web".into() });
    }
}

#[test]
fn a_check_that_stays_keeps_its_results_when_others_change() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()));
    world.settle("web-0", HealthState::Unhealthy);

    let other = crate::model::CheckDefinition::tcp();
    world.register(instance("web", 0).check(other).check(http_check()));
    let states: Vec<_> = world.get("web-0").checks.iter().map(|check| check.state).collect();
    assert_eq!(states, [HealthState::Unknown, HealthState::Unhealthy]);
}
