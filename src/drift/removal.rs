//! Which instances may be deregistered without asking.

use std::collections::{BTreeMap, BTreeSet};

use super::{DriftInput, DriftItem, Removal};

/// At most this share of the instances of a service is removed, in percent: more at once looks like a failure of the look itself.
pub const MAX_REMOVED_PERCENT: usize = 20;

/// The instances that may be deregistered, and the number of those that exceed the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovalPlan {
    /// What is carried out.
    pub permitted: Vec<Removal>,
    /// What is not: it would be more than 20 % of its service, or its last instance.
    pub withheld: Vec<Removal>,
}

/// Plans the deregistration of what does not listen and of duplicates: at most 20 % of the instances of a service in a registry,
/// rounded down, and never the last one.
pub fn plan_removals(input: &DriftInput, items: &[DriftItem]) -> RemovalPlan {
    let mut by_service: BTreeMap<(usize, &(String, String)), BTreeSet<&Removal>> = BTreeMap::new();
    let removals = items.iter().filter(|item| item.finding.is_some()).filter_map(|item| item.removal.as_ref());
    for removal in removals.filter(|removal| removal.automatic) {
        by_service.entry((removal.registry, &removal.service)).or_default().insert(removal);
    }

    let mut plan = RemovalPlan::default();
    for ((registry, service), removals) in by_service {
        let view = input.registries.get(registry);
        let endpoints = view.into_iter().flat_map(|view| &view.endpoints);
        let ids: BTreeSet<String> = endpoints
            .filter(|registered| registered.service_key() == *service)
            .map(super::RegisteredEndpoint::id)
            .collect();
        let count = ids.len();
        let most = (count * MAX_REMOVED_PERCENT / 100).min(count.saturating_sub(1));

        for (at, removal) in removals.into_iter().enumerate() {
            let list = if at < most { &mut plan.permitted } else { &mut plan.withheld };
            list.push(removal.clone());
        }
    }
    plan
}
