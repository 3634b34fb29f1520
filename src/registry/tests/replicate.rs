//! A second server takes over the changes of the first, and is the same after each of them.

use std::sync::Arc;
use std::time::Duration;

use super::support::{Dice, World, http_check, instance, seconds};
use crate::model::{CheckDefinition, CheckKind, HealthState, OperatorStatus, RegisteredInstance, Registration};
use crate::registry::{
    Change, Command, ConfigCommand, ConfigValue, LeaseKey, LeaseRemainder, Now, Outcome, Replica, ReplicateError,
    ReplicatedChange, Rules, Selector, ShiftPlan, State, TrafficCommand,
};

/// How many changes are replicated in all.
const COMMANDS: usize = 6_000;

fn registration(dice: &mut Dice) -> Registration {
    let number = usize::try_from(dice.roll(12)).unwrap();
    let mut registration = instance(["web", "db"][number % 2], number).ttl(seconds(20));
    registration.deregister_after = Some(seconds(60));
    if dice.chance(50) {
        registration.checks = vec![http_check()];
    }

    if dice.chance(30) {
        let ttl = CheckDefinition { kind: CheckKind::Ttl, ..http_check() };
        registration.checks.push(ttl);
    }
    registration.node = dice.chance(40).then(|| format!("node-{}", dice.roll(2)));
    registration.version = dice.chance(30).then(|| "1.2.0".to_owned());

    registration
}

fn command(dice: &mut Dice) -> Command {
    let number = dice.roll(12);
    let id: Arc<str> = format!("{}-{number}", ["web", "db"][usize::try_from(number % 2).unwrap()]).into();
    let state = *dice.pick(&HealthState::ALL);
    let note = dice.chance(50).then(|| Arc::from("a text"));

    match dice.roll(100) {
        0..25 => Command::Register(Arc::new(registration(dice))),
        25..45 => Command::Renew { id, generation: None, report: dice.chance(40).then_some((state, note)) },
        45..55 => Command::Deregister { id, generation: None },
        55..60 => {
            let status = *dice.pick(&[OperatorStatus::Up, OperatorStatus::Draining, OperatorStatus::Maintenance]);
            Command::SetStatus { id, generation: None, status, reason: None }
        }
        60..65 => Command::SetWeight { id, generation: None, weight: 7 },
        65..90 => {
            let check = usize::try_from(dice.roll(2)).unwrap();
            Command::CheckResult { id, generation: None, check, state, note }
        }
        90..93 => Command::SetMonitoring { id, generation: None, enabled: dice.chance(50) },
        93..96 => Command::NodeDown { node: format!("node-{}", dice.roll(2)).into() },
        _ => Command::NodeUp { node: format!("node-{}", dice.roll(2)).into() },
    }
}

/// What watchers see of an instance. Texts and times that are no changes reach the others with the next change; a mass failure
/// is found by each server itself.
fn visible(instances: impl Iterator<Item = RegisteredInstance>) -> Vec<RegisteredInstance> {
    let visible = instances.map(|mut instance| {
        instance.last_seen = instance.registered_at;
        instance.protected = false;
        if let Some(lease) = &mut instance.lease {
            lease.expires = instance.registered_at;
        }
        if let Some(report) = &mut instance.report {
            (report.message, report.timestamp) = (None, instance.registered_at);
        }
        for check in &mut instance.checks {
            (check.note, check.checked_at) = (None, None);
        }
        instance
    });

    visible.collect()
}

/// What a change is after it was stored and read.
fn travelled(change: &Change) -> ReplicatedChange {
    let bytes = serde_json::to_vec(&ReplicatedChange::from(change)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_second_server_is_the_same_after_each_change() {
    let mut dice = Dice(41);
    let mut first = World::new();
    let mut second = State::new(Rules::default());
    let mut replicated = 0;

    for _ in 0..COMMANDS {
        first.elapsed += Duration::from_millis(dice.roll(1_500));
        let command = if dice.chance(20) { Command::Tick } else { command(&mut dice) };
        let Ok(outcome) = first.try_step(command) else { continue };
        for change in outcome.changes {
            // Its clock is another one.
            let now = Now { elapsed: first.elapsed + seconds(1_000), ..first.now() };
            let taken = second.replicate(change.index, &travelled(&change), now).unwrap();
            assert_eq!(
                (taken.index, taken.kind, taken.cause, taken.at, &taken.changed, &*taken.instance.id),
                (change.index, change.kind, change.cause, change.at, &change.changed, &*change.instance.id)
            );
            replicated += 1;
        }

        assert_eq!(visible(second.view().instances()), visible(first.state.view().instances()));
        assert_eq!(second.view().health(), first.state.view().health());
        let services = |state: &State| -> Vec<_> {
            state.view().services().map(|service| (service.key, service.index, service.health)).collect()
        };
        assert_eq!(services(&second), services(&first.state));
    }
    assert!(replicated > 1_000, "{replicated}");
    assert_eq!(second.index(), first.state.index());
}

#[test]
fn a_server_that_takes_over_goes_on_as_the_first_would_have() {
    let mut first = World::new();
    let mut second = World::new();
    let replicate = |first: &World, second: &mut World, changes: &[Change]| {
        second.elapsed = first.elapsed;
        for change in changes {
            second.state.replicate(change.index, &travelled(change), second.now()).unwrap();
        }
    };
    let mut registration = instance("web", 0).ttl(seconds(20));
    registration.deregister_after = Some(seconds(60));
    let changes = first.register(registration).changes;
    replicate(&first, &mut second, &changes);
    let changes = first.pass(seconds(36));
    assert_eq!(changes.len(), 1, "its lease expired");
    replicate(&first, &mut second, &changes);

    assert_eq!(second.pass(seconds(58)), [], "it is not removed before its time");
    assert_eq!(second.pass(seconds(4)).len(), 1, "nor left for ever");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut first = World::new();
    let added = travelled(&first.register(instance("web", 0)).changes[0]);
    let removed = travelled(&first.deregister("web-0").changes[0]);
    let again = travelled(&first.register(instance("web", 0)).changes[0]);

    let mut second = World::new();
    let now = second.now();
    let gap = ReplicateError::Gap { given: 2, last: 0 };
    assert_eq!(second.state.replicate(2, &added, now), Err(gap));
    assert_eq!(
        second.state.replicate(1, &removed, now),
        Err(ReplicateError::Mismatch { index: 1, id: "web-0".into() }),
        "it is not there"
    );
    second.state.replicate(1, &added, now).unwrap();
    assert!(second.state.replicate(1, &added, now).is_err(), "twice");
    assert!(second.state.replicate(2, &again, now).is_err(), "it was not removed");
    assert_eq!((second.state.index(), second.state.view().len()), (1, 1));
    second.state.replicate(2, &removed, now).unwrap();
    second.state.replicate(3, &again, now).unwrap();
    assert_eq!(second.get("web-0").generation, 3);
}

#[test]
fn a_lease_that_was_renewed_elsewhere_does_not_expire_and_a_renewal_of_another_generation_counts_for_nothing() {
    let mut world = World::new();
    world.register(instance("web", 0).ttl(seconds(20)));
    let due = |world: &World, ahead| world.state.due_leases(world.elapsed, ahead, 10);
    let lease = LeaseKey { id: "web-0".into(), check: None, generation: 1 };
    world.elapsed = seconds(19);
    assert_eq!(due(&world, seconds(15)), []);
    world.elapsed = seconds(21);
    assert_eq!(due(&world, seconds(15)), std::slice::from_ref(&lease), "its ttl is over");
    assert_eq!(due(&world, seconds(0)), [], "its grace period is not");

    let confirm = |world: &mut World, generation, remaining| {
        let lease = LeaseKey { generation, ..lease.clone() };
        let now = world.now();
        world.state.confirm_lease(&LeaseRemainder { lease, remaining: seconds(remaining) }, now);
    };
    confirm(&mut world, 1, 30);
    assert_eq!(world.get("web-0").last_seen, world.now().wall - seconds(5), "it was renewed five seconds ago");
    confirm(&mut world, 1, 2);
    confirm(&mut world, 2, 500);
    assert_eq!(world.pass(seconds(29)), [], "neither shorter nor longer");
    assert_eq!(world.pass(seconds(2)).len(), 1);
    confirm(&mut world, 1, 30);
    world.state.hold_lease(&lease, seconds(500));
    assert!(world.get("web-0").lease.unwrap().expired, "what has expired is renewed by a renewal alone");
}

#[test]
fn after_a_time_without_the_store_every_lease_gets_one_full_ttl() {
    let mut world = World::new();
    world.register(instance("web", 0).ttl(seconds(20)));
    world.elapsed = seconds(120);
    let now = world.now();
    world.state.extend_leases(seconds(110), now);

    assert_eq!(world.pass(seconds(34)), []);
    assert_eq!(world.pass(seconds(2)).len(), 1);
    assert_eq!(world.state.leases_of("web-0", world.elapsed), []);
}

/// Takes over what came of a command, in the order of the indexes, as it was stored and read.
fn take_over(state: &mut State, outcome: &Outcome, now: Now) {
    let instances = outcome
        .changes
        .iter()
        .map(|change| (change.index, serde_json::to_vec(&ReplicatedChange::from(change)).unwrap()));
    let documents = outcome.documents.iter().map(|change| (change.index, serde_json::to_vec(change).unwrap()));
    let mut replicas: Vec<(u64, Vec<u8>)> = instances.chain(documents).collect();
    replicas.sort();

    for (index, bytes) in replicas {
        match Replica::from_json(&bytes).unwrap() {
            Replica::Instance(change) => drop(state.replicate(index, &change, now).unwrap()),
            Replica::Document(change) => state.replicate_document(index, &change, now).unwrap(),
        }
    }
}

/// Configurations, switches and shifts reach the others with the weights that follow from them.
#[test]
fn documents_are_taken_over_between_the_changes_of_instances() {
    let mut first = World::new();
    let mut second = State::new(Rules::default());
    let to: Selector = Selector::Version("1.3".parse().unwrap());
    let plan = ShiftPlan { to, steps: vec![10, 50], every: seconds(5), abort_below: None };
    let traffic = |command| Command::Traffic { service: "default/web".into(), command };
    let put = |text: &str| {
        let value = ConfigValue::Text(text.into());
        Command::Config(ConfigCommand::Put { name: "web".into(), value, expected: None, author: None })
    };
    let mut commands = vec![
        Command::Register(Arc::new(instance("web", 0).version("1.2").ttl(seconds(0)))),
        Command::Register(Arc::new(instance("web", 1).version("1.3").ttl(seconds(0)))),
        put("one"),
        traffic(TrafficCommand::Start(plan)),
        put("two"),
    ];
    commands.extend(std::iter::repeat_n(Command::Tick, 8));
    commands.push(traffic(TrafficCommand::Finish));
    commands.push(Command::Config(ConfigCommand::Delete { name: "web".into(), expected: Some(2), author: None }));

    for command in commands {
        first.elapsed += seconds(1);
        let outcome = first.step(command);
        take_over(&mut second, &outcome, first.now());
        assert_eq!(second.index(), first.state.index());
        assert_eq!(second.view().config("web"), first.state.view().config("web"));
        let split = |state: &State| state.view().traffic("default", "web").cloned();
        assert_eq!(split(&second), split(&first.state));
        assert_eq!(visible(second.view().instances()), visible(first.state.view().instances()));
    }
    assert_eq!(second.view().get("web-1").unwrap().weight, 10_000);

    let gap = first.step(put("three")).documents.remove(0);
    assert!(matches!(second.replicate_document(gap.index + 1, &gap, first.now()), Err(ReplicateError::Gap { .. })));
}
