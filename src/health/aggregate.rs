//! Computes the health of a service from the evidence of its endpoints.

use super::Evidence;
use crate::model::{Finding, Service, ServiceHealth};

/// Sets the health of a service and its endpoints. `evidence` has the order of the endpoints; findings of the `ignored`
/// codes do not count.
pub(crate) fn set_health<'e>(
    service: &mut Service,
    evidence: impl IntoIterator<Item = Option<&'e Evidence>>,
    ignored: &[String],
) {
    for (endpoint, evidence) in service.endpoints.iter_mut().zip(evidence) {
        endpoint.health = evidence.map(|evidence| Box::new(evidence.health(ignored)));
    }

    service.findings.retain(|finding| !ignored.iter().any(|code| code == finding.code()));
    aggregate(service);
}

/// Sets the health of a service to the weighted health of its endpoints, limited by the findings of its source.
pub(crate) fn aggregate(service: &mut Service) {
    let weighed = service.endpoints.iter().filter_map(|at| Some((at.weight.unwrap_or(1), at.health.as_deref()?)));
    let health = ServiceHealth::of(weighed);
    let cap = service.limiting_finding().and_then(Finding::cap);
    service.health = Some(Box::new(cap.map_or(health, |cap| health.limited(cap))));
}
