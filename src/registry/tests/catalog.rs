//! What Consul's API adds: checks with ids, maintenance with a reason, and nodes.

use std::sync::Arc;
use std::time::Duration;

use super::history::History;
use super::support::{Dice, World, instance, seconds};
use crate::model::{
    CatalogCheck, CatalogEntry, CheckDefinition, HealthState, NODES_NAMESPACE, OperatorStatus, Registration,
};
use crate::registry::{CatalogCommand, Command, CommandRejection, InstanceRecord, Outcome, Rules, State};

fn check(id: &str, initial: HealthState) -> CatalogCheck {
    CatalogCheck {
        id: id.to_owned(),
        initial,
        output: String::new(),
        notes: String::new(),
        port: None,
        tls: false,
        kind: "ttl".to_owned(),
        definition: None,
    }
}

fn ttl() -> CheckDefinition {
    CheckDefinition::ttl().every(seconds(30))
}

/// A registration as Consul's API makes it, with checks by report.
fn catalog(registration: Registration, checks: &[(&str, HealthState)]) -> Registration {
    let mut registration = registration.ttl(Duration::ZERO);
    let entry = CatalogEntry { id: registration.id.clone().unwrap(), ..CatalogEntry::default() };
    registration.checks = checks.iter().map(|_| ttl()).collect();
    let checks = checks.iter().map(|(id, initial)| check(id, *initial)).collect();
    registration.catalog = Some(Box::new(CatalogEntry { checks, ..entry }));
    registration
}

fn node(name: &str) -> Registration {
    let mut registration = instance(name, 0).id(format!("{NODES_NAMESPACE}/{name}")).namespace(NODES_NAMESPACE);
    registration.port = 0;
    catalog(registration, &[])
}

impl World {
    fn catalog(&mut self, command: CatalogCommand) -> Outcome {
        self.step(Command::Catalog(command))
    }

    fn put(&mut self, registration: Registration) -> Outcome {
        let registration = Arc::new(registration);
        self.catalog(CatalogCommand::Register { registration, replace_checks: false })
    }

    fn tell(&mut self, id: &str, check: &str, state: HealthState) -> Outcome {
        self.catalog(CatalogCommand::Report { id: id.into(), check: check.into(), state, note: Some("n".into()) })
    }

    fn check_ids(&self, id: &str) -> Vec<String> {
        let entry = self.get(id).registration.catalog.clone().unwrap();
        entry.checks.into_iter().map(|check| check.id).collect()
    }

    fn reason(&self, id: &str) -> Option<Arc<str>> {
        self.state.view().record(id).unwrap().reason.clone()
    }

    fn states(&self, id: &str) -> Vec<HealthState> {
        self.get(id).checks.iter().map(|check| check.state).collect()
    }
}

fn maintain(id: &str, reason: &str) -> CatalogCommand {
    CatalogCommand::Maintain { id: id.into(), reason: reason.into() }
}

use HealthState::{Degraded, Healthy, Unhealthy};

#[test]
fn a_check_has_the_state_that_it_was_registered_with_until_it_reports() {
    let mut world = World::new();
    let added = world.put(catalog(instance("web", 0), &[("a", Unhealthy), ("b", Healthy)]));
    assert_eq!(added.changes.len(), 1, "there is no moment without the states");
    assert_eq!((world.states("web-0"), world.health("web-0")), (vec![Unhealthy, Healthy], Unhealthy));

    world.tell("web-0", "a", Degraded);
    assert_eq!(world.health("web-0"), Degraded);
    assert_eq!(world.tell("web-0", "a", Degraded).changes, [], "the same again is no change");
    for (id, check) in [("web-0", "c"), ("nope", "a")] {
        let report = CatalogCommand::Report { id: id.into(), check: check.into(), state: Healthy, note: None };
        assert!(world.try_step(Command::Catalog(report)).is_err(), "{id} {check}");
    }
}

#[test]
fn a_report_lasts_as_long_as_it_says_or_for_ever() {
    let mut world = World::new();
    world.put(catalog(instance("web", 0), &[("a", Healthy)]));
    let mut forever = catalog(instance("db", 0), &[("b", Healthy)]);
    forever.checks = vec![CheckDefinition::ttl().every(Duration::ZERO)];
    world.put(forever);

    world.pass(seconds(29));
    assert_eq!(world.states("web-0"), [Healthy]);
    world.tell("web-0", "a", Healthy);
    world.pass(seconds(29));
    assert_eq!(world.states("web-0"), [Healthy], "a report begins a new time");
    let changes = world.pass(seconds(1));
    assert_eq!((changes.len(), world.states("web-0")), (1, vec![Unhealthy]), "there is no grace");
    assert_eq!(world.get("web-0").checks[0].note.as_deref(), Some("no report in time"));
    world.pass(seconds(3_600));
    assert_eq!(world.states("db-0"), [Healthy]);
}

#[test]
fn checks_come_and_go_by_their_ids_and_keep_their_states() {
    let mut world = World::new();
    world.put(catalog(instance("web", 0), &[("a", Unhealthy), ("b", Unhealthy)]));
    world.tell("web-0", "b", Healthy);
    let id: Arc<str> = "web-0".into();

    // Registered again with fewer checks: the others stay, unless they are to be replaced.
    world.put(catalog(instance("web", 0), &[("b", Unhealthy)]));
    assert_eq!(
        (world.check_ids("web-0"), world.states("web-0")),
        (vec!["b".to_owned(), "a".to_owned()], vec![Healthy, Unhealthy])
    );
    let registration = Arc::new(catalog(instance("web", 0), &[("b", Unhealthy)]));
    let replace = CatalogCommand::Register { registration, replace_checks: true };
    world.catalog(replace);
    assert_eq!((world.check_ids("web-0"), world.health("web-0")), (vec!["b".to_owned()], Healthy));

    let (definition, given) = (Box::new(ttl()), Box::new(check("b", Degraded)));
    world.catalog(CatalogCommand::AddCheck { id: Arc::clone(&id), definition, check: given });
    assert_eq!(world.states("web-0"), [Degraded], "a check that is registered itself takes the state that is given");

    world.catalog(CatalogCommand::RemoveCheck { id: Arc::clone(&id), check: "b".into() });
    assert_eq!(world.catalog(CatalogCommand::RemoveCheck { id, check: "b".into() }).changes, []);
    assert_eq!(world.states("web-0"), []);
}

#[test]
fn an_id_moves_to_another_service_as_a_whole_or_not_at_all() {
    let mut world = World::new();
    world.put(catalog(instance("web", 0), &[("a", Healthy)]));
    let other = catalog(instance("db", 0).id("web-0"), &[]);

    let mut invalid = other.clone();
    invalid.address = "0.0.0.0".to_owned();
    let registration = Arc::new(invalid);
    let command = CatalogCommand::Register { registration, replace_checks: false };
    assert!(matches!(world.try_step(Command::Catalog(command)), Err(CommandRejection::Invalid(_))));
    assert_eq!(world.get("web-0").name(), "web");

    let moved = world.put(other);
    assert_eq!(moved.changes.len(), 2);
    assert_eq!((world.get("web-0").name(), world.state.view().len()), ("db", 1));
}

#[test]
fn maintenance_keeps_its_first_reason_until_it_ends() {
    let mut world = World::new();
    let registration = catalog(instance("web", 0), &[("a", Healthy)]);
    world.put(registration.clone());

    world.catalog(maintain("web-0", "upgrade"));
    assert_eq!(world.catalog(maintain("web-0", "other")).changes, []);
    world.put(registration);
    assert_eq!((world.reason("web-0").as_deref(), world.health("web-0")), (Some("upgrade"), Unhealthy));
    world.set_status("web-0", OperatorStatus::Up);
    assert_eq!((world.reason("web-0"), world.health("web-0")), (None, Healthy));
}

#[test]
fn a_node_that_is_unhealthy_takes_its_instances_along() {
    let mut world = World::new();
    world.put(node("n1"));
    world.put(catalog(instance("web", 0).node("n1"), &[("a", Healthy)]));
    world.put(catalog(instance("web", 1).node("n2"), &[("b", Healthy)]));

    let id: Arc<str> = format!("{NODES_NAMESPACE}/n1").into();
    let begun = world.catalog(CatalogCommand::Maintain { id: Arc::clone(&id), reason: "r".into() });
    assert_eq!(begun.changes.len(), 2, "the node, and its instance");
    assert_eq!((world.health("web-0"), world.health("web-1")), (Unhealthy, Healthy));
    world.put(catalog(instance("web", 2).node("n1"), &[]));
    assert_eq!(world.health("web-2"), Unhealthy, "also one that comes later");

    // A restart knows it too, although no instance may be left that says so.
    world.deregister("web-0");
    world.deregister("web-2");
    let records: Vec<InstanceRecord> = world.state.view().records().map(|record| (**record).clone()).collect();
    let stored = serde_json::to_vec(&records).unwrap();
    let read: Vec<InstanceRecord> = serde_json::from_slice(&stored).unwrap();
    assert_eq!(read, records, "what is stored is read back");
    world.state = State::restore(Rules::default(), world.state.index(), read, world.now()).unwrap();
    world.put(catalog(instance("web", 0).node("n1"), &[]));
    assert_eq!(world.health("web-0"), Unhealthy);

    world.step(Command::Deregister { id, generation: None });
    assert_eq!(world.health("web-0"), HealthState::Unknown, "nothing judges it any more");
}

/// Random commands: the changes add up to the state, and a copy that goes the same way ends at the same place.
#[test]
fn random_histories_are_dense_and_can_be_repeated() {
    for seed in 0..20 {
        let (mut dice, mut world, mut twin) = (Dice(seed), World::new(), World::new());
        let (mut history, mut index) = (History::default(), 0);
        for _ in 0..500 {
            let at = usize::try_from(dice.roll(6)).unwrap();
            let (id, checked): (Arc<str>, Arc<str>) = (format!("web-{at}").into(), format!("c{}", dice.roll(3)).into());
            let state = *dice.pick(&[Healthy, Degraded, Unhealthy]);
            let command = match dice.roll(8) {
                0 => Command::Deregister { id, generation: None },
                1 => Command::Catalog(CatalogCommand::Report { id, check: checked, state, note: None }),
                2 => Command::Catalog(CatalogCommand::Maintain { id, reason: "r".into() }),
                3 => Command::Catalog(CatalogCommand::RemoveCheck { id, check: checked }),
                4 => {
                    let (definition, check) = (Box::new(ttl()), Box::new(check(&checked, state)));
                    Command::Catalog(CatalogCommand::AddCheck { id, definition, check })
                }
                5 => Command::SetStatus { id, generation: None, status: OperatorStatus::Up, reason: None },
                _ => {
                    let node = format!("n{}", dice.roll(2));
                    let name = if dice.chance(20) { "db" } else { "web" };
                    let mut registration =
                        if dice.chance(20) { self::node(&node) } else { instance("web", at).node(node) };
                    if !registration.is_node() {
                        name.clone_into(&mut registration.name);
                    }
                    let registration = Arc::new(catalog(registration, &[(&checked, state)]));
                    let replace_checks = dice.chance(50);
                    Command::Catalog(CatalogCommand::Register { registration, replace_checks })
                }
            };

            let outcome = world.try_step(command.clone());
            assert_eq!(outcome, twin.try_step(command));
            for change in outcome.into_iter().flat_map(|outcome| outcome.changes) {
                assert_eq!(change.index, index + 1, "seed {seed}");
                index += 1;
                history.follow(&change).unwrap();
            }
            let passed: Vec<_> = world.pass(seconds(1)).into_iter().collect();
            assert_eq!(passed, twin.pass(seconds(1)));
            for change in passed {
                index += 1;
                history.follow(&change).unwrap();
            }
        }
        history.compare(world.state.view()).unwrap();
    }
}
