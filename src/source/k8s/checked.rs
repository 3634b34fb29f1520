//! The effect of checks on the findings and the health of a service.

use super::finding_kinds::REFUSED;
use super::in_cluster::is_pod;
use crate::model::{Endpoint, EndpointsFrom, Figures, Finding, Health, HealthState, K8sDetail, Service};

/// The number of endpoints that a finding names.
const MAX_NAMED: usize = 5;

const OUT_OF_REACH: &str = "tcp: unreachable from here: the address is internal to the cluster";

/// Adds findings from checks. Returns a note about endpoints that are unreachable from here.
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

    // Inside the cluster every endpoint is reachable.
    if is_pod() { None } else { unreached(service) }
}

/// If no endpoint replies although the cluster reports some as ready, this host has no route to them.
fn unreached(service: &mut Service) -> Option<&'static str> {
    let of_cluster = service.endpoints.iter().filter(|at| at.instance.is_some());
    let replied = of_cluster.clone().any(|at| was_checked(at) && !is_silent(at));
    if replied || !of_cluster.clone().any(|at| at.ready && is_silent(at)) {
        return None;
    }

    for at in service.endpoints.iter_mut().filter(|at| at.instance.is_some() && is_silent(at)) {
        let before = at.health.take();
        at.health = Some(Box::new(Health {
            figures: Figures::default(),
            tls: None,
            state: HealthState::Unknown,
            score: None,
            uncapped: None,
            grade: None,
            complete: false,
            coverage: Vec::new(),
            not_covered: before.map(|health| [health.coverage, health.not_covered].concat()).unwrap_or_default(),
            findings: Vec::new(),
            hindered: vec![OUT_OF_REACH.to_owned()],
            out_of_reach: true,
            age_ms: None,
        }));
    }

    Some(
        "cannot be reached from here; --via api-proxy sends HTTP through the API server, and a pod reaches every endpoint",
    )
}

fn is_silent(endpoint: &Endpoint) -> bool {
    has(endpoint, &["tcp-timeout", "tcp-unreachable"])
}

fn was_checked(endpoint: &Endpoint) -> bool {
    endpoint.health.as_deref().is_some_and(|health| health.coverage.iter().any(|check| check == "tcp"))
}

fn has(endpoint: &Endpoint, codes: &[&str]) -> bool {
    let findings = endpoint.health.iter().flat_map(|health| &health.findings);
    findings.into_iter().any(|finding| codes.contains(&finding.code()))
}
