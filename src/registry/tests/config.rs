//! Configurations with versions.

use std::sync::Arc;

use super::support::{World, instance, seconds};
use crate::registry::{
    ChangeKind, Command, CommandRejection, ConfigCommand, ConfigEntry, ConfigValue, DocumentSubject, MAX_CONFIG_BYTES,
    MAX_CONFIG_HISTORY_BYTES, MAX_CONFIG_VERSIONS, Outcome, Rules, State,
};

fn put(text: &str, expected: Option<u64>) -> Command {
    let value = ConfigValue::Text(text.into());
    Command::Config(ConfigCommand::Put { name: "web".into(), value, expected, author: Some("me".into()) })
}

fn rollback(to: u64) -> Command {
    Command::Config(ConfigCommand::Rollback { name: "web".into(), to, expected: None, author: None })
}

fn delete(expected: Option<u64>) -> Command {
    Command::Config(ConfigCommand::Delete { name: "web".into(), expected, author: None })
}

fn entry(world: &World) -> Arc<ConfigEntry> {
    Arc::clone(world.state.view().config("web").unwrap())
}

fn current(world: &World) -> (u64, String) {
    let entry = entry(world);
    let current = entry.current().unwrap();
    (current.version, current.value.as_ref().unwrap().as_str().to_owned())
}

/// I28: v1, v2, and a rollback to v1 is v3.
#[test]
fn a_rollback_is_a_version_of_its_own() {
    let mut world = World::new();
    let first = world.step(put("one", Some(0)));
    assert_eq!((first.documents[0].kind, first.documents[0].index), (ChangeKind::Added, 1));
    assert_eq!(first.documents[0].subject, DocumentSubject::Config("web".into()));
    world.step(put("two", Some(1)));
    let back = world.step(rollback(1));
    assert_eq!((back.documents[0].kind, back.documents[0].previous), (ChangeKind::Updated, 2));

    assert_eq!(current(&world), (3, "one".to_owned()));
    let third = entry(&world).version(3).cloned().unwrap();
    assert_eq!((third.rollback_of, third.index), (Some(1), 3));
    assert_eq!(entry(&world).version(2).unwrap().value, Some(ConfigValue::Text("two".into())));
}

#[test]
fn a_write_that_expects_another_version_changes_nothing() {
    let mut world = World::new();
    let none = world.try_step(put("one", Some(3)));
    assert_eq!(none, Err(CommandRejection::ConfigConflict { name: "web".into(), expected: 3, current: 0 }));
    world.step(put("one", None));
    for (command, expected) in [(put("two", Some(0)), 0), (put("two", Some(2)), 2), (delete(Some(9)), 9)] {
        let rejected = world.try_step(command);
        assert_eq!(rejected, Err(CommandRejection::ConfigConflict { name: "web".into(), expected, current: 1 }));
    }
    assert_eq!((world.state.index(), current(&world).0), (1, 1));
}

#[test]
fn the_same_value_makes_no_version() {
    let mut world = World::new();
    world.step(put("one", None));
    assert_eq!(world.step(put("one", Some(1))), Outcome::default());
    assert_eq!(world.state.index(), 1);
}

#[test]
fn a_deleted_configuration_can_come_back_and_its_numbers_go_on() {
    let mut world = World::new();
    world.step(put("one", None));
    let deleted = world.step(delete(Some(1)));
    assert_eq!(deleted.documents[0].kind, ChangeKind::Removed);
    assert!(entry(&world).current().is_none());
    assert_eq!(world.try_step(delete(None)), Err(CommandRejection::UnknownConfig { name: "web".into() }));
    let gone = CommandRejection::UnknownConfigVersion { name: "web".into(), version: 2, newest: 2 };
    assert_eq!(world.try_step(rollback(2)), Err(gone), "a deletion is nothing to go back to");

    world.step(rollback(1));
    assert_eq!(current(&world), (3, "one".to_owned()));
    world.step(delete(None));
    let again = world.step(put("new", Some(0)));
    assert_eq!((current(&world).0, again.documents[0].kind), (5, ChangeKind::Added));
}

#[test]
fn what_is_too_long_or_no_json_or_has_no_name_is_refused() {
    let mut world = World::new();
    let with = |name: &str, value| {
        Command::Config(ConfigCommand::Put { name: name.into(), value, expected: None, author: None })
    };
    for (command, field) in [
        (put(&"x".repeat(MAX_CONFIG_BYTES + 1), None), "value"),
        (with("web", ConfigValue::Json("{".into())), "value"),
        (with("a b", ConfigValue::Text("x".into())), "name"),
        (with("", ConfigValue::Text("x".into())), "name"),
    ] {
        let rejected = world.try_step(command).unwrap_err();
        assert_eq!(rejected.field(), Some(field), "{rejected}");
    }
    world.step(put(&"x".repeat(MAX_CONFIG_BYTES), None));

    world.step(with("json", ConfigValue::Json("{\"a\": [1, null]}".into())));
}

#[test]
fn only_so_many_versions_and_bytes_are_kept_and_the_rest_is_removed_from_the_store() {
    let mut world = World::new();
    let mut removed = 0;
    for number in 0..MAX_CONFIG_VERSIONS + 20 {
        let outcome = world.step(put(&number.to_string(), None));
        removed += outcome.documents[0].writes.iter().filter(|write| write.body.is_none()).count();
    }
    assert_eq!((entry(&world).versions().len(), removed), (MAX_CONFIG_VERSIONS, 20));
    assert!(matches!(world.try_step(rollback(20)), Err(CommandRejection::UnknownConfigVersion { newest: 120, .. })));

    for letter in ["a", "b", "c", "d", "e", "f"] {
        world.step(put(&letter.repeat(MAX_CONFIG_BYTES), None));
    }
    let kept: usize = entry(&world).versions().iter().map(|one| one.value.as_ref().unwrap().as_str().len()).sum();
    assert!(kept <= MAX_CONFIG_HISTORY_BYTES, "{kept}");
}

/// What the changes wrote is all that a restart needs.
#[test]
fn a_restart_finds_every_version() {
    let mut world = World::new();
    let mut stored = std::collections::BTreeMap::new();
    world.register(instance("web", 0));
    for command in [put("one", None), put("two", None), delete(None), rollback(1)] {
        for write in world.step(command).documents.into_iter().flat_map(|change| change.writes) {
            match write.body {
                Some(body) => stored.insert(write.key, body),
                None => stored.remove(&write.key),
            };
        }
    }
    world.elapsed += seconds(1);

    let record = world.state.view().record("web-0").map(|record| (**record).clone()).unwrap();
    let mut restored = State::restore(Rules::default(), world.state.index(), [record], world.now()).unwrap();
    for (key, body) in &stored {
        restored.load_document(key, Some(body.as_bytes()), world.now()).unwrap();
    }
    assert_eq!(restored.view().config("web"), world.state.view().config("web"));
    assert!(restored.load_document("\u{1}config/web/0000000001", Some(b"{}"), world.now()).is_err());
    assert!(restored.load_document("\u{1}nothing", None, world.now()).is_err());
}
