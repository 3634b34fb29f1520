//! Every limit has a clear refusal, and a refusal changes nothing.

use std::sync::Arc;

use super::support::{World, http_check, instance};
use crate::model::{HealthState, Registration};
use crate::registry::{Command, CommandRejection, Rules};

fn register(registration: Registration) -> Command {
    Command::Register(Arc::new(registration))
}

fn renew(id: &str, generation: Option<u64>) -> Command {
    Command::Renew { id: id.into(), generation, report: None }
}

fn check(check: usize) -> Command {
    Command::CheckResult { id: "web-0".into(), generation: None, check, state: HealthState::Healthy, note: None }
}

#[test]
fn refusals_have_a_code_a_text_and_a_hint_and_change_nothing() {
    let mut world = World::with(Rules { max_instances_per_service: 2, max_instances: 3, ..Rules::default() });
    world.register(instance("web", 0).check(http_check()));
    world.register(instance("web", 1));
    let full = world.state.clone();
    world.register(instance("db", 0));

    let mut nameless = instance("web", 9);
    nameless.id = None;
    let cases = [
        (register(instance("web", 9).version("")), "invalid", "version: '' is not a version"),
        (register(nameless), "invalid", "id: it is missing"),
        (register(instance("db", 9)), "registry_full", "the registry has 3 instances, which is the limit"),
        (renew("nope", None), "unknown_instance", "no instance has the id nope"),
        (
            renew("web-0", Some(7)),
            "stale_generation",
            "the instance web-0 was removed and registered again: generation 7 is over, 1 is current",
        ),
        (register(instance("db", 9).id("web-0")), "id_taken", "the id web-0 belongs to an instance of default/web"),
        (check(1), "unknown_check", "the instance web-0 has 1 checks, none of them at position 1"),
    ];
    for (command, code, text) in cases {
        let before = (world.state.index(), world.state.deadline_count(), world.state.view().len());
        let refused = world.try_step(command).unwrap_err();
        assert_eq!((refused.code(), refused.to_string().as_str()), (code, text));
        assert!(!refused.hint().is_empty(), "{code}");
        assert_eq!((world.state.index(), world.state.deadline_count(), world.state.view().len()), before, "{code}");
    }

    world.state = full;
    let refused = world.try_step(register(instance("web", 9))).unwrap_err();
    assert_eq!(refused, CommandRejection::InstanceLimit { service: "default/web".into(), limit: 2 });
    assert_eq!((refused.code(), refused.field()), ("instance_limit", Some("name")));
    world.register(instance("web", 1).version("2"));
}
