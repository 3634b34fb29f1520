//! Mass failure.

use super::support::{World, http_check, instance, seconds};
use crate::model::{HealthState, Registration};
use crate::registry::{ChangeKind, Command, Notice};

fn short(registration: Registration) -> Registration {
    registration.deregister_after(seconds(60))
}

/// Renews all but the first `dead` of `count` instances, each ten seconds, for that time. Returns how many were removed,
/// and what was noticed.
fn live_on(world: &mut World, (dead, count): (usize, usize), time: u64) -> (usize, Vec<Notice>) {
    let (mut removed, mut notices) = (0, Vec::new());
    for second in 0..time {
        if second % 10 == 0 {
            for at in dead..count {
                world.renew(&format!("web-{at}"));
            }
        }
        world.elapsed += seconds(1);
        let outcome = world.step(Command::Tick);
        removed += outcome.changes.iter().filter(|change| change.kind == ChangeKind::Removed).count();
        notices.extend(outcome.notices);
    }
    (removed, notices)
}

#[test]
fn a_few_failures_are_removed_and_many_are_not() {
    // 3 of 20 are 15 %, and 4 are more.
    for (dead, removed, is_protected) in [(1, 1, false), (3, 3, false), (4, 0, true), (20, 0, true)] {
        let mut world = World::new();
        world.register_many("web", 20, short);
        let (gone, notices) = live_on(&mut world, (dead, 20), 200);

        assert_eq!((gone, !notices.is_empty()), (removed, is_protected), "{dead} of 20");
        assert_eq!(world.state.view().is_protected("default/web"), is_protected);
        let unhealthy = world.state.view().health().of(HealthState::Unhealthy);
        assert_eq!(unhealthy, dead - removed, "they are unhealthy all the same");
        if is_protected {
            assert!(world.get("web-0").protected, "the answer says so");
        }
    }
}

#[test]
fn it_ends_after_ten_minutes_at_the_latest() {
    let mut world = World::new();
    world.register_many("web", 20, short);
    let (removed, _) = live_on(&mut world, (10, 20), 644);
    assert_eq!(removed, 0);

    let (removed, notices) = live_on(&mut world, (10, 20), 2);
    assert_eq!(removed, 10);
    assert_eq!(
        notices.last().unwrap().to_string(),
        "removals of default/web are no longer suspended: the maximum time for it has passed"
    );
}

#[test]
fn it_ends_when_enough_recover() {
    let mut world = World::new();
    world.register_many("web", 20, short);
    let (removed, notices) = live_on(&mut world, (10, 20), 120);
    assert_eq!(removed, 0);
    assert_eq!(
        notices[0].to_string(),
        "10 of 20 instances of default/web failed within one ttl: removals are suspended"
    );

    let (removed, notices) = live_on(&mut world, (2, 20), 2);
    assert_eq!(removed, 2, "two stayed away, and their time had passed");
    assert!(matches!(&notices[0], Notice::GuardEnded { service, .. } if &**service == "default/web"));
    assert!(!world.get("web-5").protected);
}

#[test]
fn the_end_of_a_single_instance_is_no_mass_failure() {
    let mut world = World::new();
    world.register(short(instance("web", 0)));
    let (removed, notices) = live_on(&mut world, (1, 1), 120);
    assert_eq!((removed, notices.len()), (1, 0));
}

#[test]
fn slow_losses_are_no_mass_failure() {
    let mut world = World::new();
    world.register_many("web", 20, short);
    for dead in 1..=6 {
        let (_, notices) = live_on(&mut world, (dead, 20), 60);
        assert_eq!(notices, [], "one a minute");
    }
    assert!(world.state.view().len() < 20);
}

#[test]
fn half_of_everything_protects_all_services() {
    let mut world = World::new();
    // Twelve services of one instance each, none of which can fail in mass by itself.
    for at in 0..12 {
        world.register(short(instance(&format!("s{at}"), 0)));
    }
    world.register_many("web", 10, short);
    let (removed, notices) = live_on(&mut world, (0, 10), 200);

    assert_eq!(removed, 0);
    assert_eq!(
        notices[0].to_string(),
        "12 of 22 instances of the registry failed within one ttl: removals are suspended"
    );
    assert!(world.get("web-0").protected && world.state.view().is_all_protected());
}

#[test]
fn failures_by_checks_and_nodes_count_too() {
    let mut world = World::new();
    world.register_many("web", 10, |registration| short(registration).check(http_check()));
    for at in 0..10 {
        world.settle(&format!("web-{at}"), HealthState::Healthy);
    }
    for at in 0..5 {
        world.settle(&format!("web-{at}"), HealthState::Unhealthy);
    }

    let (removed, notices) = live_on(&mut world, (0, 10), 120);
    assert_eq!((removed, notices.len()), (0, 1));
    world.deregister("web-0");
    assert_eq!(world.state.view().len(), 9, "an instance may leave at any time");
}

#[test]
fn a_tick_in_parts_comes_to_the_same_as_a_whole_one() {
    let [whole, parts] = [usize::MAX, 3].map(|max| {
        let mut world = World::new();
        world.state.limit_tick(max);
        world.register_many("web", 20, short);
        world.register_many("api", 2, short);
        let (mut changes, mut notices) = (Vec::new(), Vec::new());
        for _ in 0..700 {
            world.elapsed += seconds(1);
            loop {
                let outcome = world.step(Command::Tick);
                assert!(outcome.changes.len() <= max);
                changes.extend(
                    outcome.changes.iter().map(|change| (change.index, change.kind, change.instance.id.clone())),
                );
                notices.extend(outcome.notices);
                if !world.state.is_behind() {
                    break;
                }
            }
        }
        (changes, notices)
    });

    assert_eq!(parts, whole);
    assert_eq!(
        (whole.0.len(), whole.1.is_empty()),
        (44, false),
        "all fail, and go when they are not protected any more"
    );
}
