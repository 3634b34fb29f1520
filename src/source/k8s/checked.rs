//! What checking endpoints from here says of a service, and what it does not.

use super::finding_kinds::REFUSED;
use super::in_cluster::is_pod;
use crate::model::{Endpoint, EndpointsFrom, Finding, Health, HealthState, K8sDetail, Service};

/// So many endpoints are named.
const MAX_NAMED: usize = 5;

const OUT_OF_REACH: &str = "tcp: it cannot be reached from here: its address is one of the cluster's own";

/// Takes in what was seen of a service's endpoints. Returns what is to be said of it, for people.
pub(crate) fn checked(service: &mut Service) -> Option<&'static str> {
    if let Some(detail) = service.detail.downcast_ref::<K8sDetail>()
        && detail.selector.is_empty()
        && detail.endpoints_from != EndpointsFrom::Unknown
    {
        let refused: Vec<String> =
            service.endpoints.iter().filter(|at| has(at, &["tcp-refused"])).map(ToString::to_string).collect();
        if !refused.is_empty() {
            let named = refused[..refused.len().min(MAX_NAMED)].join(", ");
            let more = refused.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            service.findings.push(Finding::new(&REFUSED, format!("{named}{more}: connection refused")));
        }
    }
    // From within the cluster there is a way.
    if is_pod() { None } else { unreached(service) }
}

/// Where nobody answers at all though the cluster finds them well, it is this host that has no way there.
fn unreached(service: &mut Service) -> Option<&'static str> {
    let is_silent = |at: &Endpoint| has(at, &["tcp-timeout", "tcp-unreachable"]);
    let looked =
        |at: &Endpoint| at.health.as_deref().is_some_and(|health| health.coverage.iter().any(|check| check == "tcp"));
    let of_cluster = service.endpoints.iter().filter(|at| at.instance.is_some());
    let answered = of_cluster.clone().any(|at| looked(at) && !is_silent(at));
    if answered || !of_cluster.clone().any(|at| at.ready && is_silent(at)) {
        return None;
    }
    for at in service.endpoints.iter_mut().filter(|at| at.instance.is_some() && is_silent(at)) {
        let before = at.health.take();
        at.health = Some(Box::new(Health {
            state: HealthState::Unknown,
            score: None,
            uncapped: None,
            grade: None,
            complete: false,
            coverage: Vec::new(),
            not_covered: before.map(|health| [health.coverage, health.not_covered].concat()).unwrap_or_default(),
            findings: Vec::new(),
            hindered: vec![OUT_OF_REACH.to_owned()],
            age_ms: None,
        }));
    }
    Some("cannot be reached from here; --via api-proxy asks HTTP through the API server, a pod reaches everything")
}

fn has(endpoint: &Endpoint, codes: &[&str]) -> bool {
    let findings = endpoint.health.iter().flat_map(|health| &health.findings);
    findings.into_iter().any(|finding| codes.contains(&finding.code()))
}
