//! Plants random drifts in listings that agree, and expects exactly these findings.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{input, instance, listener, registered, reply, view};
use super::{DriftInput, FailedCheck, RegistryHealth, compare, plan_removals};

/// A drift that a host can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlantedDrift {
    Nothing,
    NotListening,
    Unregistered,
    LoopbackOnly,
    WrongProcess,
    NoCheck,
    Duplicate,
    HealthDiffers,
    Stale,
    RegistriesDiffer,
    VersionDiffers,
    ForeignAddress,
}

impl PlantedDrift {
    const ALL: [Self; 12] = [
        Self::Nothing,
        Self::NotListening,
        Self::Unregistered,
        Self::LoopbackOnly,
        Self::WrongProcess,
        Self::NoCheck,
        Self::Duplicate,
        Self::HealthDiffers,
        Self::Stale,
        Self::RegistriesDiffer,
        Self::VersionDiffers,
        Self::ForeignAddress,
    ];

    fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Nothing => return None,
            Self::NotListening => "drift-not-listening",
            Self::Unregistered => "drift-unregistered",
            Self::LoopbackOnly => "drift-loopback-only",
            Self::WrongProcess => "drift-wrong-process",
            Self::NoCheck => "drift-no-check",
            Self::Duplicate => "drift-duplicate",
            Self::HealthDiffers => "drift-health-differs",
            Self::Stale => "drift-stale",
            Self::RegistriesDiffer => "drift-registries-differ",
            Self::VersionDiffers => "drift-version-differs",
            Self::ForeignAddress => "drift-foreign-address",
        })
    }
}

/// A machine with one listener and one registration in two registries for each port, and the planted drift of that port.
fn plant(drifts: &[PlantedDrift]) -> DriftInput {
    let mut input = input();
    input.registries.push(view("etcd"));

    for (at, drift) in drifts.iter().enumerate() {
        let (port, id) = (1000 + u16::try_from(at).unwrap(), format!("web-{at:03}"));
        let mut one = registered("web", &id, "10.0.0.5", port);
        one.declared.process = Some("web".into());
        instance(&mut one).version = Some("1.0".into());
        let mut other = one.clone();
        let bound = ["10.0.0.5", "0.0.0.0", "::"][at % 3];
        let mut socket = Some(listener(bound, port, "web"));

        match drift {
            PlantedDrift::Nothing
            | PlantedDrift::Unregistered
            | PlantedDrift::RegistriesDiffer
            | PlantedDrift::Duplicate => {}
            PlantedDrift::NotListening => socket = None,
            PlantedDrift::LoopbackOnly => socket = Some(listener("127.0.0.1", port, "web")),
            PlantedDrift::WrongProcess => socket = Some(listener(bound, port, "other")),
            PlantedDrift::NoCheck => one.judged = Some(false),
            PlantedDrift::HealthDiffers => one.health = RegistryHealth::Failing(FailedCheck::Connect("tcp".to_owned())),
            PlantedDrift::Stale => one.health = RegistryHealth::Failing(FailedCheck::Heartbeat),
            PlantedDrift::VersionDiffers => instance(&mut other).version = Some("1.1".into()),
            PlantedDrift::ForeignAddress => {
                (one, other) = (registered("web", &id, "10.9.9.9", port), registered("web", &id, "10.9.9.9", port));
                instance(&mut one).node = Some("here".into());
                instance(&mut other).node = Some("here".into());
                socket = None;
            }
        }

        input.listeners.extend(socket);
        if *drift == PlantedDrift::Unregistered {
            continue;
        }
        if *drift == PlantedDrift::Duplicate {
            let mut twin = one.clone();
            instance(&mut twin).id = format!("{id}-twin");
            input.registries[0].endpoints.push(twin);
        }
        input.registries[0].endpoints.push(one);
        if *drift != PlantedDrift::RegistriesDiffer {
            input.registries[1].endpoints.push(other);
        }
    }
    // Both registries have the service, whatever was planted.
    for view in &mut input.registries {
        view.endpoints.push(registered("web", "web-anchor", "10.0.0.5", 999));
    }
    input.listeners.push(listener("10.0.0.5", 999, "web"));
    reply(&mut input);
    input
}

/// Code and port of each finding.
fn found(input: &DriftInput) -> BTreeSet<(String, u16)> {
    let items = compare(input);
    let findings = items.iter().filter_map(|item| Some((item.code()?.to_owned(), item.endpoint.as_ref()?.port?)));
    findings.collect()
}

fn drifts() -> impl Strategy<Value = Vec<PlantedDrift>> {
    prop::collection::vec(prop::sample::select(&PlantedDrift::ALL[..]), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn exactly_the_planted_drifts_are_found(drifts in drifts()) {
        let planted: BTreeSet<(String, u16)> = drifts
            .iter()
            .zip(1000..)
            .filter_map(|(drift, port)| Some((drift.code()?.to_owned(), port)))
            .collect();
        prop_assert_eq!(found(&plant(&drifts)), planted);
    }

    #[test]
    fn a_registry_that_goes_down_adds_no_finding(drifts in drifts(), down in 0_usize..2) {
        let input = plant(&drifts);
        let mut without = input.clone();
        without.registries[down].endpoints.clear();
        without.registries[down].complete = false;
        let (before, after) = (found(&input), found(&without));
        prop_assert!(after.is_subset(&before), "{:?}", after.difference(&before).collect::<Vec<_>>());
    }

    #[test]
    fn removals_leave_four_fifths_of_a_service(drifts in drifts()) {
        let input = plant(&drifts);
        let plan = plan_removals(&input, &compare(&input));
        for (index, view) in input.registries.iter().enumerate() {
            let removed = plan.permitted.iter().filter(|removal| removal.registry == index).count();
            prop_assert!(removed * 5 <= view.endpoints.len());
            prop_assert!(removed < view.endpoints.len());
        }
    }
}
