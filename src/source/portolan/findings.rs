//! The findings of registered services: what the registry says of their instances.

use crate::model::{Endpoint, Finding, FindingKind, Instance, Lifecycle};

/// Every kind, for `portolan explain`.
pub(super) static KINDS: &[&FindingKind] = &[&NONE_READY, &UNHEALTHY, &DRAINING, &MAINTENANCE];

static NONE_READY: FindingKind = FindingKind::of_unusable(
    "portolan-none-ready",
    "No instance of the service is ready: each is unhealthy, draining or in maintenance, so the registry hands out none",
    "`portolan services get NAME` shows the instances, and `portolan health show ID` why one is unhealthy",
);

static UNHEALTHY: FindingKind = FindingKind::of_source(
    "portolan-unhealthy",
    "An instance is unhealthy, according to the registry's checks, its lease or its own report: no client gets it",
    "`portolan health show ID` shows why",
);

static DRAINING: FindingKind = FindingKind::of_source(
    "portolan-draining",
    "An instance is draining: it finishes its calls, and no client gets it",
    "`portolan services update ID --status up` ends it",
);

static MAINTENANCE: FindingKind = FindingKind::of_source(
    "portolan-maintenance",
    "An instance is in maintenance: no client gets it",
    "`portolan services update ID --status up` ends it",
);

/// Names in one finding.
const MAX_NAMED: usize = 3;

/// The findings of one service.
pub(super) fn findings(endpoints: &[Endpoint]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !endpoints.is_empty() && !endpoints.iter().any(Endpoint::is_usable) {
        findings.push(Finding::new(&NONE_READY, format!("0 of {} instances are ready", endpoints.len())));
    }

    findings.extend(finding(&UNHEALTHY, endpoints, |instance| !instance.serving));
    findings.extend(finding(&DRAINING, endpoints, |instance| instance.lifecycle == Lifecycle::Draining));
    findings.extend(finding(&MAINTENANCE, endpoints, |instance| instance.lifecycle == Lifecycle::Maintenance));
    findings
}

fn finding(kind: &'static FindingKind, endpoints: &[Endpoint], is_one: fn(&Instance) -> bool) -> Option<Finding> {
    let found = endpoints.iter().filter(|endpoint| endpoint.instance.as_deref().is_some_and(is_one));
    let found: Vec<String> = found.map(ToString::to_string).collect();
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(MAX_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let named = found.get(..MAX_NAMED).unwrap_or(&found).join(", ");
    Some(Finding::new(kind, format!("{} of {}: {named}{more}", found.len(), endpoints.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Transport};

    fn at(port: u16, lifecycle: Lifecycle, serving: bool) -> Endpoint {
        let instance = Instance { serving, lifecycle, ..Instance::default() };
        let ready = serving && lifecycle.takes_calls();
        let endpoint = Endpoint::new(Address::Ip([10, 0, 0, 1].into()), Some(port), Transport::Tcp);
        Endpoint { ready, instance: Some(Box::new(instance)), ..endpoint }
    }

    fn codes(endpoints: &[Endpoint]) -> Vec<(String, String)> {
        findings(endpoints).iter().map(|finding| (finding.code().to_owned(), finding.text.to_string())).collect()
    }

    #[test]
    fn what_the_registry_says_is_a_finding_and_without_a_ready_instance_the_service_scores_0() {
        let up = at(1, Lifecycle::Up, true);
        assert_eq!(codes(std::slice::from_ref(&up)), []);

        let failed = at(2, Lifecycle::Up, false);
        let one = ("portolan-unhealthy".to_owned(), "1 of 2: 10.0.0.1:2".to_owned());
        assert_eq!(codes(&[up, failed.clone()]), [one]);

        let all = [failed, at(3, Lifecycle::Draining, true), at(4, Lifecycle::Maintenance, true)];
        let found: Vec<String> = codes(&all).into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, ["portolan-none-ready", "portolan-unhealthy", "portolan-draining", "portolan-maintenance"]);
        assert_eq!(findings(&all).iter().filter_map(Finding::cap).min(), Some(0));
    }
}
