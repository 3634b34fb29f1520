//! What Consul's API knows of a registration.

use std::time::Duration;

use super::catalog_entry::{CatalogCheck, CatalogEntry, NODES_NAMESPACE, default_check_id};
use super::{CheckKind, HealthState, Registration};

impl CatalogEntry {
    /// The entry of a registration that has none: it came by another way.
    pub fn of(registration: &Registration) -> Self {
        let id = registration.id.clone().unwrap_or_default();
        let checks = registration.checks.iter().enumerate();
        let checks = checks.map(|(at, check)| CatalogCheck {
            id: default_check_id(&id, at, registration.checks.len()),
            initial: HealthState::Unknown,
            output: String::new(),
            notes: String::new(),
            port: None,
            tls: false,
            kind: check.kind.as_str().to_owned(),
            definition: None,
        });

        Self {
            checks: checks.collect(),
            address: registration.address.clone(),
            warning_weight: registration.weight.unwrap_or(1),
            id,
            ..Self::default()
        }
    }
}

impl Registration {
    /// What Consul's API knows of a check.
    pub fn catalog_check(&self, at: usize) -> Option<&CatalogCheck> {
        self.catalog.as_ref()?.checks.get(at)
    }

    /// The position of the check with this id in the catalog.
    pub fn catalog_check_position(&self, id: &str) -> Option<usize> {
        self.catalog.as_ref()?.checks.iter().position(|check| check.id == id)
    }

    /// The state of a check until its first result.
    pub(crate) fn initial_state(&self, at: usize) -> HealthState {
        self.catalog_check(at).map_or(HealthState::Unknown, |check| check.initial)
    }

    /// How long a report of a check remains valid. `None`: the check does not take reports, or a report is valid until the
    /// next one. Consul has no grace period.
    pub(crate) fn report_lasts(&self, at: usize, default: Duration, grace: Duration) -> Option<Duration> {
        let check = self.checks.get(at).filter(|check| check.kind == CheckKind::Ttl)?;
        let interval = Some(check.interval.unwrap_or(default)).filter(|interval| !interval.is_zero())?;
        Some(if self.catalog.is_some() { interval } else { interval + grace })
    }

    /// Whether it is the record of a node.
    pub fn is_node(&self) -> bool {
        self.namespace.as_deref() == Some(NODES_NAMESPACE)
    }
}
