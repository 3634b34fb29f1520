//! What the page shows of an endpoint.

use std::fmt::{self, Write as _};

use crate::clean::clean;
use crate::model::{Column, DriftDetail, DriftState, Endpoint, HealthState, Service};
use crate::output::{RenderOptions, place_with_path};

/// The columns of every source.
pub(super) const COMMON: [&str; 5] = ["proto", "address", "service", "name", "namespace"];

/// An endpoint, or a service without one. All texts are clean.
pub(super) struct Row {
    /// One cell per column, the common ones first.
    pub(super) cells: Vec<String>,
    pub(super) state: Option<HealthState>,
    /// The result of `portolan drift`.
    pub(super) drift: Option<DriftState>,
    pub(super) score: Option<u8>,
    /// Its host and port, for the map.
    pub(super) place: Option<Place>,
    /// The days that its certificate is still valid; negative if it has expired.
    pub(super) certificate_days: Option<i64>,
    /// What takes points or is said by the source, each with what to do about it.
    pub(super) findings: Vec<(String, String)>,
    /// The codes of these findings.
    pub(super) codes: Vec<String>,
}

pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: String,
}

impl Row {
    pub(super) fn of(
        service: &Service,
        endpoint: Option<&Endpoint>,
        page: RenderOptions,
        columns: &[&'static Column],
    ) -> Result<Self, fmt::Error> {
        let protocol = endpoint.map(|endpoint| clean(page.service(endpoint))).unwrap_or_default();
        let mut cells = vec![
            endpoint.map(|endpoint| endpoint.transport.as_str().to_owned()).unwrap_or_default(),
            endpoint.map(|endpoint| place_with_path(service, endpoint)).unwrap_or_default(),
            protocol.clone(),
            service.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            service.namespace.as_ref().map(ToString::to_string).unwrap_or_default(),
        ];
        for column in columns {
            let mut cell = String::new();
            (column.cell)(service, endpoint, &mut cell)?;
            cells.push(clean(&cell));
        }

        let health = endpoint.and_then(|endpoint| endpoint.health.as_deref());
        let own = health.into_iter().flat_map(|health| &health.findings);
        let all = own.chain(&service.findings);
        let codes = all.clone().map(|finding| clean(finding.code())).collect();
        let findings = all.map(|finding| (finding.to_string(), clean(finding.hint())));
        let hindered = health.into_iter().flat_map(|health| &health.hindered);
        let hindered = hindered.map(|cause| (format!("not checked: {}", clean(cause)), String::new()));

        Ok(Self {
            cells,
            state: health.map(|health| health.state),
            drift: service.detail.downcast_ref::<DriftDetail>().map(|detail| detail.state),
            score: health.and_then(|health| health.score),
            place: endpoint.and_then(|endpoint| Place::of(endpoint, protocol)),
            certificate_days: health.and_then(|health| health.figures.certificate_days),
            findings: findings.chain(hindered).collect(),
            codes,
        })
    }

    /// Its state as a word.
    pub(super) fn word(&self) -> Option<&'static str> {
        self.state.map(HealthState::as_str).or(self.drift.map(drift_word))
    }

    /// The class of its state, which has a colour.
    pub(super) fn class(&self) -> Option<&'static str> {
        self.state.or(self.drift.map(drift_colour)).map(HealthState::as_str)
    }
}

/// A result of `portolan drift` as a word.
pub(super) const fn drift_word(state: DriftState) -> &'static str {
    match state {
        DriftState::Differs => "differs",
        DriftState::Agrees => "agrees",
        DriftState::CannotTell => "cannot tell",
    }
}

/// The state of health that has the same colour.
pub(super) const fn drift_colour(state: DriftState) -> HealthState {
    match state {
        DriftState::Differs => HealthState::Unhealthy,
        DriftState::Agrees => HealthState::Healthy,
        DriftState::CannotTell => HealthState::Unknown,
    }
}

impl Place {
    fn of(endpoint: &Endpoint, protocol: String) -> Option<Self> {
        let port = endpoint.port?;
        let mut host = clean(&endpoint.address.to_string());
        if let Some(interface) = &endpoint.interface {
            let _ = write!(host, "%{interface}");
        }

        Some(Self { host, port, protocol })
    }
}
