//! Switches and shifts of traffic, one by one.

use std::sync::Arc;
use std::time::Duration;

use super::support::{World, instance, seconds};
use crate::model::{HealthState, OperatorStatus};
use crate::registry::{
    Cause, Change, Command, CommandRejection, Outcome, Selector, ServiceTraffic, ShiftPhase, ShiftPlan, TrafficCommand,
};

const SERVICE: &str = "default/web";

pub(super) fn version(text: &str) -> Selector {
    Selector::Version(text.parse().unwrap())
}

fn command(command: TrafficCommand) -> Command {
    Command::Traffic { service: SERVICE.into(), command }
}

fn plan(steps: &[u8], abort_below: Option<u8>) -> ShiftPlan {
    ShiftPlan { to: version("1.3"), steps: steps.to_vec(), every: seconds(60), abort_below }
}

/// `web-0` and `web-1` have version 1.2 and the weights 1 and 3, `web-2` has version 1.3 and the tag green.
fn world() -> World {
    let mut world = World::new();
    world.register(instance("web", 0).version("1.2").weight(1));
    world.register(instance("web", 1).version("1.2").weight(3));
    world.register(instance("web", 2).version("1.3").weight(5).tag("green"));
    world
}

fn weights(world: &World) -> Vec<u16> {
    world.state.view().service("default", "web").map(|instance| instance.weight).collect()
}

fn traffic(world: &World) -> Arc<ServiceTraffic> {
    Arc::clone(world.state.view().traffic("default", "web").unwrap())
}

fn phase(world: &World) -> ShiftPhase {
    traffic(world).shift.as_ref().unwrap().phase
}

/// Lets time pass, with the same score each second.
fn pass(world: &mut World, time: Duration, score: Option<u8>) {
    for _ in 0..time.as_secs() {
        world.renew_all();
        world.pass(seconds(1));
        world.step(command(TrafficCommand::Score(score)));
    }
}

impl World {
    /// Every program lives.
    fn renew_all(&mut self) {
        let ids: Vec<Arc<str>> = self.state.view().instances().map(|instance| instance.id).collect();
        for id in ids {
            self.renew(&id);
        }
    }
}

/// K5: blue and green, as one change: all weights have one command, those that rise first.
#[test]
fn a_switch_moves_all_calls_at_once_and_back() {
    let mut world = world();
    let outcome = world.step(command(TrafficCommand::Switch(version("1.3"))));
    assert_eq!(weights(&world), [0, 0, 10_000]);
    assert_eq!((outcome.documents.len(), outcome.changes.len()), (1, 3));
    let rising = |change: &Change| (&*change.instance.id == "web-2", change.cause, change.changed.clone());
    assert_eq!(rising(&outcome.changes[0]), (true, Cause::Traffic, vec!["weight"]), "never a moment without calls");

    world.step(command(TrafficCommand::Switch(version("<1.3"))));
    assert_eq!(weights(&world), [2_500, 7_500, 0]);
    world.step(command(TrafficCommand::Switch(Selector::Tag("green".to_owned()))));
    assert_eq!(weights(&world), [0, 0, 10_000]);
    world.step(command(TrafficCommand::Reset));
    assert_eq!(weights(&world), [1, 3, 5]);
    assert!(world.state.view().traffic("default", "web").is_none());
}

#[test]
fn instances_that_come_go_fail_or_change_keep_the_split() {
    let mut world = world();
    world.step(command(TrafficCommand::Switch(version("1.2"))));
    world.register(instance("web", 3).version("1.2").weight(4));
    assert_eq!(weights(&world), [1_250, 3_750, 0, 5_000]);
    world.set_status("web-3", OperatorStatus::Draining);
    assert_eq!(weights(&world), [2_500, 7_500, 0, 0]);
    world.set_status("web-3", OperatorStatus::Up);
    world.step(Command::SetWeight { id: "web-0".into(), generation: None, weight: 13 });

    assert_eq!(weights(&world), [6_500, 1_500, 0, 2_000]);
    world.deregister("web-3");
    world.register(instance("web", 1).version("1.4").weight(3));
    assert_eq!(weights(&world), [10_000, 0, 0]);
    world.report("web-0", HealthState::Unhealthy);
    assert_eq!(weights(&world), [0, 3_750, 6_250], "the others take over before no instance answers");
    world.step(command(TrafficCommand::Reset));

    assert_eq!(weights(&world), [13, 3, 5], "what was set meanwhile holds");
}

/// K6: the steps of a canary, by time alone.
#[test]
fn a_shift_goes_step_by_step_and_finishes() {
    let mut world = world();
    world.step(command(TrafficCommand::Start(plan(&[10, 50, 100], None))));
    assert_eq!(weights(&world), [2_250, 6_750, 1_000]);
    pass(&mut world, seconds(59), None);
    assert_eq!(weights(&world)[2], 1_000);
    pass(&mut world, seconds(1), None);

    assert_eq!(weights(&world), [1_250, 3_750, 5_000]);
    pass(&mut world, seconds(60), None);
    assert_eq!((weights(&world), phase(&world)), (vec![0, 0, 10_000], ShiftPhase::Running));
    pass(&mut world, seconds(60), None);
    assert_eq!((weights(&world), phase(&world)), (vec![0, 0, 10_000], ShiftPhase::Finished));

    assert_eq!(traffic(&world).switched_to, Some(version("1.3")));
}

#[test]
fn a_score_that_falls_brings_the_weights_from_before_back() {
    let mut world = world();
    world.step(command(TrafficCommand::Start(plan(&[10, 100], Some(80)))));
    pass(&mut world, seconds(30), Some(80));
    assert_eq!(phase(&world), ShiftPhase::Running, "80 is not below 80");
    let outcome = world.step(command(TrafficCommand::Score(Some(79))));
    assert_eq!((weights(&world), phase(&world)), (vec![1, 3, 5], ShiftPhase::Aborted));
    assert_eq!(outcome.documents.len(), 1);
    let reason = traffic(&world).shift.as_ref().unwrap().reason.clone().unwrap();
    assert_eq!(reason, "the score of version 1.3 is 79, below 80");
}

/// What is not known moves nothing: neither forward nor back.
#[test]
fn without_a_score_a_step_does_not_count() {
    let mut world = world();
    world.step(command(TrafficCommand::Start(plan(&[10, 100], Some(80)))));
    pass(&mut world, seconds(300), None);
    assert_eq!((weights(&world)[2], phase(&world)), (1_000, ShiftPhase::Running));
    pass(&mut world, seconds(59), Some(100));
    assert_eq!(weights(&world)[2], 1_000);
    pass(&mut world, seconds(2), None);
    pass(&mut world, seconds(59), Some(100));
    assert_eq!(weights(&world)[2], 1_000, "it lasts its whole time again");
    pass(&mut world, seconds(3), Some(100));
    assert_eq!(weights(&world)[2], 10_000);

    // The server stopped telling: an old score is none.
    world.step(command(TrafficCommand::Abort("test".to_owned())));
    world.step(command(TrafficCommand::Start(plan(&[10, 100], Some(80)))));
    world.step(command(TrafficCommand::Score(Some(100))));
    for _ in 0..120 {
        world.renew_all();
        world.pass(seconds(1));
    }
    assert_eq!(weights(&world)[2], 1_000);
}

#[test]
fn targets_that_take_no_calls_abort_a_judged_shift_and_hold_another() {
    for (abort_below, expected) in [(Some(80), ShiftPhase::Aborted), (None, ShiftPhase::Running)] {
        let mut world = world();
        world.step(command(TrafficCommand::Start(plan(&[10, 100], abort_below))));
        world.report("web-2", HealthState::Unhealthy);
        for _ in 0..200 {
            world.renew("web-0");
            world.renew("web-1");
            world.report("web-2", HealthState::Unhealthy);
            world.pass(seconds(1));
        }
        assert_eq!(phase(&world), expected);
        let weights = weights(&world);
        assert_eq!(weights[1], weights[0] * 3, "the others have all calls: {weights:?}");
    }
}

#[test]
fn operators_pause_resume_abort_and_finish() {
    let mut world = world();
    world.step(command(TrafficCommand::Start(plan(&[10, 50], None))));
    world.step(command(TrafficCommand::Pause));
    pass(&mut world, seconds(200), None);
    assert_eq!((weights(&world)[2], phase(&world)), (1_000, ShiftPhase::Paused));
    world.step(command(TrafficCommand::Resume));
    pass(&mut world, seconds(59), None);
    assert_eq!(weights(&world)[2], 1_000);
    pass(&mut world, seconds(300), None);
    assert_eq!((weights(&world)[2], phase(&world)), (5_000, ShiftPhase::Running), "it stays below 100");

    world.step(command(TrafficCommand::Finish));
    assert_eq!((weights(&world), phase(&world)), (vec![0, 0, 10_000], ShiftPhase::Finished));
    for ended in [TrafficCommand::Pause, TrafficCommand::Resume, TrafficCommand::Abort(String::new())] {
        assert_eq!(world.try_step(command(ended)), Err(CommandRejection::NoShift { service: SERVICE.into() }));
    }

    // A shift on top of a switch goes back to the switch.
    let back = ShiftPlan { to: version("1.2"), ..plan(&[25], None) };
    world.step(command(TrafficCommand::Start(back)));
    assert_eq!(weights(&world), [625, 1_875, 7_500]);
    world.step(command(TrafficCommand::Abort("enough".to_owned())));
    assert_eq!(weights(&world), [0, 0, 10_000]);
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let mut world = world();
    let index = world.state.index();
    let none = "`portolan services get NAME` shows the versions and tags of its instances";
    let no_target =
        |to: &str| CommandRejection::NoTarget { service: SERVICE.into(), to: to.to_owned(), hint: none.to_owned() };
    for (refused, rejected) in [
        (TrafficCommand::Switch(version("2.0")), no_target("version 2.0")),
        (TrafficCommand::Switch(Selector::Tag("red".to_owned())), no_target("tag red")),
        (TrafficCommand::Start(ShiftPlan { to: version("^2"), ..plan(&[10], None) }), no_target("version ^2")),
        (TrafficCommand::Finish, CommandRejection::NoShift { service: SERVICE.into() }),
    ] {
        assert_eq!(world.try_step(command(refused)), Err(rejected));
    }
    let incomplete = world.try_step(command(TrafficCommand::Switch(version("1")))).unwrap_err();
    assert_eq!(incomplete.hint(), "write 1.* for 1.2 and all other versions that begin so, or 1.2");
    for steps in [&[] as &[u8], &[0], &[10, 10], &[50, 20], &[101]] {
        let rejected = world.try_step(command(TrafficCommand::Start(plan(steps, None)))).unwrap_err();
        assert_eq!(rejected.field(), Some("steps"), "{steps:?}");
    }
    let other = Command::Traffic { service: "default/db".into(), command: TrafficCommand::Switch(version("1")) };
    assert_eq!(world.try_step(other), Err(CommandRejection::UnknownService { service: "default/db".into() }));
    assert_eq!(world.state.index(), index);

    world.step(command(TrafficCommand::Start(plan(&[10], None))));
    for refused in
        [TrafficCommand::Switch(version("1.2")), TrafficCommand::Reset, TrafficCommand::Start(plan(&[1], None))]
    {
        assert_eq!(world.try_step(command(refused)), Err(CommandRejection::ShiftActive { service: SERVICE.into() }));
    }
}

#[test]
fn a_pause_of_the_process_does_not_count_as_time_of_a_step() {
    let mut world = world();
    world.step(command(TrafficCommand::Start(plan(&[10, 50], None))));
    pass(&mut world, seconds(59), None);
    world.elapsed += seconds(600);
    world.renew_all();
    world.step(Command::Tick);
    assert_eq!(weights(&world)[2], 1_000);
}

#[test]
fn a_strategy_of_a_service_is_kept_and_changes_no_weight() {
    let mut world = world();
    let set = |strategy: Option<&str>| command(TrafficCommand::SetStrategy(strategy.map(Arc::from)));
    let outcome = world.step(set(Some("random")));
    assert_eq!((outcome.changes.len(), outcome.documents.len()), (0, 1));
    assert_eq!(traffic(&world).strategy.as_deref(), Some("random"));
    assert_eq!(world.step(set(Some("random"))), Outcome::default());
    world.step(set(None));
    assert!(world.state.view().traffic("default", "web").is_none());
}
