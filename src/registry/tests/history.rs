//! A checker of histories: it follows the changes and compares what they add up to with the state. Planted faults prove that
//! it would notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::support::{World, http_check, instance, seconds};
use crate::model::{HealthState, OperatorStatus};
use crate::registry::{Change, ChangeKind, Command, InstanceRecord, Snapshot};

/// What the changes so far add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) index: u64,
    pub(super) records: BTreeMap<String, Arc<InstanceRecord>>,
    /// The index of the last change of each service that ever was.
    services: BTreeMap<String, u64>,
    /// The highest generation that each id ever had.
    generations: BTreeMap<String, u64>,
}

impl History {
    /// Follows a change.
    pub(super) fn follow(&mut self, change: &Change) -> Result<(), String> {
        let (record, id) = (&change.record, change.record.id().to_owned());
        if change.index != self.index + 1 {
            return Err(format!("index {} follows {}", change.index, self.index));
        }
        if change.instance.index != change.index || *change.instance.id != *id {
            return Err(format!("the change {} is about another instance than it says", change.index));
        }
        self.follow_instance(change, &id)?;

        self.index = change.index;
        self.services.insert(record.service(), change.index);
        Ok(())
    }

    /// A restart moves all services to the last index.
    pub(super) fn restart(&mut self) {
        let index = self.index;
        self.services.values_mut().for_each(|service| *service = index);
    }

    fn follow_instance(&mut self, change: &Change, id: &str) -> Result<(), String> {
        let record = &change.record;
        let before = self.records.get(id);

        match (change.kind, before) {
            (ChangeKind::Added, Some(_)) => return Err(format!("{id} was added twice")),
            (ChangeKind::Added, None) => {
                if record.generation != change.index || record.index != change.index {
                    return Err(format!("{id} was added with generation {}", record.generation));
                }
                if self.generations.insert(id.to_owned(), record.generation) >= Some(record.generation) {
                    return Err(format!("the generation of {id} went back"));
                }
                self.records.insert(id.to_owned(), Arc::clone(record));
            }
            (ChangeKind::Updated, Some(before)) => {
                if record.generation != before.generation {
                    return Err(format!("{id} changed its generation while it was there"));
                }
                if change.changed.is_empty() || change.changed != record.changed_fields(before) {
                    return Err(format!("{id} changed in other fields than {:?}", change.changed));
                }
                self.records.insert(id.to_owned(), Arc::clone(record));
            }
            (ChangeKind::Removed, Some(_)) => {
                self.records.remove(id);
            }
            (kind, None) => return Err(format!("{id} was {} without being there", kind.as_str())),
        }
        Ok(())
    }

    /// Compares what the changes add up to with the state.
    pub(super) fn compare(&self, view: &Snapshot) -> Result<(), String> {
        if view.index() != self.index {
            return Err(format!("the state is at {}, its changes at {}", view.index(), self.index));
        }
        let kept: BTreeMap<&str, &Arc<InstanceRecord>> = view.records().map(|record| (record.id(), record)).collect();
        let built: BTreeMap<&str, &Arc<InstanceRecord>> =
            self.records.iter().map(|(id, record)| (id.as_str(), record)).collect();
        if kept != built {
            return Err("the changes add up to other instances than the state has".to_owned());
        }
        if view.len() != built.len() {
            return Err("an instance belongs to no service".to_owned());
        }

        for (service, index) in &self.services {
            let (namespace, name) = service.split_once('/').unwrap();
            let (known, has_instances) = (view.service_index(namespace, name), view.summary(namespace, name).is_some());
            if has_instances && known != *index || known < *index {
                return Err(format!("{service} is at {known}, its last change at {index}"));
            }
        }
        self.compare_counts(view)
    }

    fn compare_counts(&self, view: &Snapshot) -> Result<(), String> {
        for state in HealthState::ALL {
            let built = self.records.values().filter(|record| record.health == state).count();
            let by_service: usize = view.services().map(|service| service.health.of(state)).sum();
            if view.health().of(state) != built || by_service != built {
                return Err(format!("{built} instances are {}, and the counts differ", state.as_str()));
            }
        }
        Ok(())
    }
}

/// A history with every kind of change, and the state at its end.
fn recorded() -> (Vec<Change>, World) {
    let mut world = World::new();
    let mut changes = Vec::new();
    for at in 0..4 {
        changes.extend(world.register(instance("web", at).check(http_check())).changes);
    }
    changes.extend(world.register(instance("db", 0)).changes);
    changes.extend(world.result("web-0", 0, HealthState::Healthy).changes);
    changes.extend(world.set_status("web-1", OperatorStatus::Draining).changes);
    changes.extend(world.deregister("web-2").changes);
    changes.extend(world.register(instance("web", 2)).changes);
    changes.extend(world.pass(seconds(50)));
    (changes, world)
}

/// What the checker says of a history after a fault was planted in it.
fn verdict(plant: impl FnOnce(&mut Vec<Change>, &mut World)) -> Result<(), String> {
    let (mut changes, mut world) = recorded();
    plant(&mut changes, &mut world);

    let mut history = History::default();
    changes.iter().try_for_each(|change| history.follow(change))?;
    history.compare(world.state.view())
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(verdict(|_, _| ()), Ok(()));
}

/// What plants a fault.
type Plant = fn(&mut Vec<Change>, &mut World);

fn of_kind(changes: &mut [Change], kind: ChangeKind) -> &mut Change {
    changes.iter_mut().rfind(|change| change.kind == kind).unwrap()
}

#[test]
fn each_planted_fault_is_noticed() {
    let faults: [(&str, Plant); 16] = [
        ("a change is lost", |changes, _| drop(changes.remove(3))),
        ("the last change is lost", |changes, _| drop(changes.pop())),
        ("a change comes twice", |changes, _| changes.insert(3, changes[3].clone())),
        ("two changes are swapped", |changes, _| changes.swap(2, 3)),
        ("an index is skipped", |changes, _| changes.last_mut().unwrap().index += 1),
        ("an instance is added twice", |changes, _| changes[5].kind = ChangeKind::Added),
        ("a removal is an update", |changes, _| of_kind(changes, ChangeKind::Removed).kind = ChangeKind::Updated),
        ("an update is a removal", |changes, _| of_kind(changes, ChangeKind::Updated).kind = ChangeKind::Removed),
        ("an update names other fields", |changes, _| of_kind(changes, ChangeKind::Updated).changed = vec!["tags"]),
        ("an update changes nothing", |changes, _| of_kind(changes, ChangeKind::Updated).changed.clear()),
        ("an old generation comes back", |changes, _| {
            let old = changes[2].record.generation;
            let change = changes.iter_mut().rfind(|change| change.kind == ChangeKind::Added).unwrap();
            Arc::make_mut(&mut change.record).generation = old;
        }),
        ("a change is about another instance", |changes, _| changes[5].instance.id = "web-1".into()),
        ("the state forgot an instance", |_, world| {
            world.state.view.instances.remove_mut("web-0");
        }),
        ("the state has one that was never added", |_, world| {
            let mut other = World::new();
            other.register(instance("ghost", 0));
            let entry = other.state.view.instances.get("ghost-0").unwrap().clone();
            let service = other.state.view.services.get("default/ghost").unwrap().clone();
            world.state.view.instances.insert_mut("ghost-0".into(), entry);
            world.state.view.services.insert_mut("default/ghost".into(), service);
        }),
        ("a service missed its last change", |_, world| {
            world.state.view.services.get_mut("default/web").unwrap().index -= 1;
        }),
        ("a count is wrong", |_, world| {
            world.state.view.services.get_mut("default/web").unwrap().health.add(HealthState::Healthy);
        }),
    ];

    for (fault, plant) in faults {
        assert!(verdict(plant).is_err(), "{fault}");
    }
}

#[test]
fn a_command_that_is_refused_is_not_in_the_history() {
    let (mut changes, mut world) = recorded();
    let id = "nope".into();
    assert!(world.try_step(Command::Deregister { id, generation: None }).is_err());
    changes.extend(world.renew("web-0").changes);

    let mut history = History::default();
    changes.iter().try_for_each(|change| history.follow(change)).unwrap();
    assert_eq!(history.compare(world.state.view()), Ok(()));
}
