//! How well a service is, by what was seen of its endpoints.

use super::Evidence;
use crate::model::{Service, ServiceHealth};

/// Gives a service and its endpoints their health by what was seen of each endpoint, in their order. Findings of the codes
/// that are ignored are left out.
pub(crate) fn judge<'e>(
    service: &mut Service,
    evidence: impl IntoIterator<Item = Option<&'e Evidence>>,
    ignored: &[String],
) {
    for (endpoint, evidence) in service.endpoints.iter_mut().zip(evidence) {
        endpoint.health = evidence.map(|evidence| Box::new(evidence.health(ignored)));
    }
    service.findings.retain(|finding| !ignored.iter().any(|code| code == finding.code()));
    weigh(service);
}

/// Gives a service the health that its endpoints have together.
pub(crate) fn weigh(service: &mut Service) {
    let weighed = service.endpoints.iter().filter_map(|at| Some((at.weight.unwrap_or(1), at.health.as_deref()?)));
    service.health = Some(Box::new(ServiceHealth::of(weighed)));
}
