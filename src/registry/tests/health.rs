//! The effective state, thresholds, flapping, nodes.

use std::time::Duration;

use super::support::{World, http_check, instance, seconds};
use crate::model::{CheckDefinition, HealthState, OperatorStatus, aggregate_health};
use crate::registry::{Cause, Command};
use HealthState::{Degraded, Healthy, Unhealthy, Unknown};

#[test]
fn all_four_states_are_reached_and_a_new_check_is_unknown() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()));
    let mut states = vec![world.health("web-0")];
    assert!(!world.get("web-0").is_healthy(), "its check did not run yet");

    for state in [Healthy, Degraded, Unhealthy] {
        world.settle("web-0", state);
        states.push(world.health("web-0"));
    }
    assert_eq!(states, [Unknown, Healthy, Degraded, Unhealthy]);
}

#[test]
fn thresholds_hold_in_both_directions() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()));
    let shown = [Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy, Healthy, Unhealthy, Healthy];
    let confirmed: Vec<_> = shown
        .map(|state| {
            world.result("web-0", 0, state);
            world.health("web-0")
        })
        .into();

    assert_eq!(confirmed, [Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Healthy, Healthy, Healthy]);
    world.result("web-0", 0, Unknown);
    assert_eq!(world.health("web-0"), Healthy, "a check that could not run counts neither way");
}

#[test]
fn a_check_that_cannot_run_any_more_is_unknown_until_its_next_result() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()));
    world.result("web-0", 0, Healthy);
    let lost =
        |note: &str| Command::CheckUnavailable { id: "web-0".into(), generation: None, check: 0, note: note.into() };

    let change = world.step(lost("the address is link-local")).changes.remove(0);
    assert_eq!((change.cause, change.instance.health), (Cause::Check, Unknown));
    assert_eq!(change.instance.checks[0].note.as_deref(), Some("the address is link-local"));
    assert_eq!(world.step(lost("again")).changes, [], "it is known already");
    world.result("web-0", 0, Unhealthy);
    assert_eq!(world.health("web-0"), Unhealthy, "nothing has to be confirmed");
}

#[test]
fn stopped_checks_are_unknown_and_a_single_look_does_not_change_that() {
    let mut world = World::new();
    world.register(instance("web", 0).ttl(Duration::ZERO).check(http_check()).check(CheckDefinition::ttl()));
    let set = |enabled| Command::SetMonitoring { id: "web-0".into(), generation: None, enabled };
    world.result("web-0", 0, Unhealthy);
    world.result("web-0", 1, Healthy);

    let change = world.step(set(false)).changes.remove(0);
    assert_eq!((change.cause, change.changed), (Cause::Operator, vec!["health", "health_checks", "monitoring"]));
    world.result("web-0", 0, Healthy);
    assert_eq!(world.get("web-0").checks.iter().map(|check| check.state).collect::<Vec<_>>(), [Unknown, Healthy]);
    world.result("web-0", 1, Unhealthy);
    assert_eq!(world.health("web-0"), Unhealthy, "reports go on");

    assert_eq!(world.step(set(false)).changes, [], "stopped already");
    assert!(!world.step(set(true)).changes[0].instance.monitoring_stopped);
    world.result("web-0", 0, Healthy);
    assert_eq!(world.get("web-0").checks[0].state, Healthy);
}

#[test]
fn a_draining_instance_gets_no_calls_and_keeps_the_states_of_its_checks() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()));
    world.result("web-0", 0, Healthy);
    world.set_status("web-0", OperatorStatus::Draining);
    let draining = world.get("web-0");
    assert_eq!((draining.is_usable(), draining.checks[0].state), (false, Healthy));

    world.settle("web-0", Unhealthy);
    assert_eq!(world.health("web-0"), Unhealthy, "its checks go on");
    world.settle("web-0", Healthy);
    world.set_status("web-0", OperatorStatus::Up);
    assert!(world.get("web-0").is_usable());
}

#[test]
fn a_check_may_have_thresholds_of_its_own() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check().thresholds(1, 1)));
    for state in [Healthy, Unhealthy, Healthy] {
        world.result("web-0", 0, state);
        assert_eq!(world.health("web-0"), state);
    }
}

#[test]
fn the_worst_of_operator_lease_node_report_and_checks_counts() {
    let mut world = World::new();
    world.register(instance("web", 0).check(http_check()).check(CheckDefinition::tcp()).node("n1"));
    world.result("web-0", 0, Healthy);
    assert_eq!(world.health("web-0"), Unknown, "one of two checks did not run yet");
    world.result("web-0", 1, Degraded);
    assert_eq!(world.health("web-0"), Degraded);

    world.report("web-0", Unhealthy);
    assert_eq!(world.health("web-0"), Unhealthy);
    let report = world.get("web-0").report.unwrap();
    assert_eq!((report.status, report.message.as_deref()), (Unhealthy, Some("because")));
    world.report("web-0", Healthy);
    assert_eq!(world.health("web-0"), Degraded);

    world.set_status("web-0", OperatorStatus::Maintenance);
    assert_eq!((world.health("web-0"), world.get("web-0").is_healthy()), (Unhealthy, false));
    world.set_status("web-0", OperatorStatus::Draining);
    assert_eq!((world.health("web-0"), world.get("web-0").is_healthy()), (Degraded, false));
    world.set_status("web-0", OperatorStatus::Up);

    world.step(Command::NodeDown { node: "n1".into() });
    assert_eq!(world.health("web-0"), Unhealthy);
    world.step(Command::NodeUp { node: "n1".into() });
    assert_eq!(world.health("web-0"), Degraded);
    world.pass(seconds(60));
    assert_eq!(world.health("web-0"), Unhealthy, "its lease expired");
}

#[test]
fn a_check_by_report_fails_when_no_report_comes() {
    let mut world = World::new();
    let check = CheckDefinition::ttl().every(seconds(20));
    world.register(instance("web", 0).ttl(Duration::ZERO).check(check));
    world.result("web-0", 0, Healthy);
    assert_eq!(world.health("web-0"), Healthy, "a report needs no confirmation");

    world.pass(seconds(34));
    world.result("web-0", 0, Healthy);
    assert_eq!(world.pass(seconds(34)), []);
    let changes = world.pass(seconds(1));
    assert_eq!((changes.len(), changes[0].cause, changes[0].instance.health), (1, Cause::Check, Unhealthy));
    world.result("web-0", 0, Degraded);
    assert_eq!(world.health("web-0"), Degraded);
}

#[test]
fn flapping_is_found_and_ends_when_it_settles() {
    let mut world = World::new();
    world.register(instance("web", 0).ttl(Duration::ZERO).check(http_check().thresholds(1, 1)));
    let mut flapped = Vec::new();
    for state in [Healthy, Unhealthy, Healthy, Unhealthy, Healthy, Unhealthy, Healthy] {
        world.result("web-0", 0, state);
        world.pass(seconds(10));
        flapped.push(world.get("web-0").flapping);
    }
    assert_eq!(flapped, [false, false, false, false, false, true, true], "from the fifth failure or recovery on");

    let calm = world.pass(seconds(300));
    assert_eq!((calm.len(), &*calm[0].changed), (1, &["flapping"][..]));

    // Slow changes are no flapping.
    for state in [Unhealthy, Healthy].repeat(5) {
        world.result("web-0", 0, state);
        world.pass(seconds(100));
        assert!(!world.get("web-0").flapping);
    }
}

#[test]
fn a_node_takes_all_its_instances_with_it_and_those_that_come_later() {
    let mut world = World::new();
    world.register_many("web", 3, |registration| registration.node("n1"));
    world.register(instance("db", 0).node("n2"));

    let down = world.step(Command::NodeDown { node: "n1".into() }).changes;
    assert_eq!(down.iter().map(|change| change.index).collect::<Vec<_>>(), [5, 6, 7]);
    assert!(down.iter().all(|change| change.cause == Cause::Node && change.instance.node_down));
    assert_eq!(world.health("db-0"), Healthy);
    world.register(instance("late", 0).node("n1"));
    assert_eq!(world.health("late-0"), Unhealthy);

    // One that moved to another node is back.
    world.register(instance("web", 0).node("n2"));
    assert_eq!(world.health("web-0"), Healthy);
    assert_eq!(world.step(Command::NodeUp { node: "n1".into() }).changes.len(), 3);
    assert_eq!(world.health("late-0"), Healthy);
}

#[test]
fn the_health_of_a_service_is_that_of_its_instances() {
    for (states, expected) in [
        (vec![], Unknown),
        (vec![Healthy, Healthy], Healthy),
        (vec![Healthy, Healthy, Unhealthy], Degraded),
        (vec![Healthy, Degraded], Degraded),
        (vec![Healthy, Unknown], Degraded),
        (vec![Unhealthy, Unhealthy], Unhealthy),
        (vec![Unhealthy, Unknown], Unhealthy),
        (vec![Unknown], Unknown),
    ] {
        assert_eq!(aggregate_health(states.clone()), expected, "{states:?}");
    }
}
