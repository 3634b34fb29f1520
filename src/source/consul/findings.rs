//! The findings of Consul's services: what its own checks say.

use crate::model::{Endpoint, Finding, FindingKind, Lifecycle, RegistryCheck, RegistryState};

/// Every kind, for `portolan explain`.
pub(super) static KINDS: &[&FindingKind] = &[&NONE_READY, &CRITICAL, &WARNING, &MAINTENANCE];

static NONE_READY: FindingKind = FindingKind::of_unusable(
    "consul-none-ready",
    "No instance of the service is ready: each has a critical check or is in maintenance, so Consul hands out none",
    "`portolan discover consul NAME -o wide` shows the checks; `consul monitor` on the node shows why they fail",
);

static CRITICAL: FindingKind = FindingKind::of_source(
    "consul-critical",
    "A check of Consul is critical: Consul hands the instance out to no client",
    "`portolan discover consul NAME --json` has the output of the check",
);

static WARNING: FindingKind = FindingKind::of_source(
    "consul-warning",
    "A check of Consul warns: the instance still gets calls, with the weight that it has for warnings",
    "`portolan discover consul NAME --json` has the output of the check",
);

static MAINTENANCE: FindingKind = FindingKind::of_source(
    "consul-maintenance",
    "An instance or its node is in maintenance: Consul hands it out to no client",
    "`consul maint -disable -service=ID` ends it, on the instance's node",
);

/// Names in one finding.
const MAX_NAMED: usize = 3;

pub(super) fn findings(endpoints: &[Endpoint], checks: &[RegistryCheck]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !endpoints.is_empty() && endpoints.iter().all(|endpoint| !endpoint.ready) {
        findings.push(Finding::new(&NONE_READY, format!("0 of {} instances are ready", endpoints.len())));
    }

    for (kind, state) in [(&CRITICAL, RegistryState::Critical), (&WARNING, RegistryState::Warning)] {
        let failing = checks.iter().filter(|check| check.state == state && !is_maintenance(check));
        findings.extend(finding(kind, failing.map(check_text).collect()));
    }
    let instances = endpoints.iter().filter_map(|endpoint| endpoint.instance.as_deref());
    let resting = instances.filter(|instance| instance.lifecycle == Lifecycle::Maintenance);
    findings.extend(finding(&MAINTENANCE, resting.map(|instance| instance.id.clone()).collect()));
    findings
}

/// Whether this is the check by which Consul marks maintenance.
pub(super) fn is_maintenance(check: &RegistryCheck) -> bool {
    check.id.as_raw() == "_node_maintenance" || check.id.as_raw().starts_with("_service_maintenance:")
}

fn check_text(check: &RegistryCheck) -> String {
    let place = check.instance.as_ref().or(check.node.as_ref()).map(|place| format!(" of {}", place.as_raw()));
    format!("{}{}", check.name.as_raw(), place.unwrap_or_default())
}

fn finding(kind: &'static FindingKind, names: Vec<String>) -> Option<Finding> {
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(MAX_NAMED);
    let named = names.into_iter().take(MAX_NAMED).collect::<Vec<_>>().join(", ");
    Some(Finding::new(kind, if more == 0 { named } else { format!("{named} and {more} more") }))
}
