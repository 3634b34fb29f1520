//! What the registry knows of an instance: its registration, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{DEFAULT_NAMESPACE, HealthState, OperatorStatus, Registration};

/// An instance as the registry answers with it. Its JSON has the fields of the registration beside those of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredInstance {
    /// What was registered.
    pub registration: Arc<Registration>,
    /// Its id.
    pub id: Arc<str>,
    /// The index of the change that added it. An id that is removed and registered again has another generation.
    pub generation: u64,
    /// The index of its last change.
    pub index: u64,
    /// Whether it takes calls, according to its operator: what was registered, or what was set since.
    pub status: OperatorStatus,
    /// Why its operator gave it that status.
    pub status_reason: Option<Arc<str>>,
    /// Its share of the calls: what was registered, or what was set since; while its service splits its traffic, what follows
    /// from that.
    pub weight: u16,
    /// Its weight without the split, while its service splits its traffic.
    pub own_weight: Option<u16>,
    /// The worst of its status, its lease, its checks, its own report, and its node.
    pub health: HealthState,
    /// Its lease; `None` if it needs no renewal.
    pub lease: Option<RegisteredLease>,
    /// The health that it reported itself with its last renewal.
    pub report: Option<HealthReport>,
    /// The results of its checks, in the order of the registration's checks.
    pub checks: Vec<CheckState>,
    /// Whether its node is down.
    pub node_down: bool,
    /// Whether its health changes more often than can be relied on.
    pub flapping: bool,
    /// Whether its operator stopped the checks that the registry runs, so that their states are unknown.
    pub monitoring_stopped: bool,
    /// Whether too many instances failed at once, so that none of its service is removed at present.
    pub protected: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was registered or renewed last.
    pub last_seen: Timestamp,
}

/// The lease of a registered instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RegisteredLease {
    /// How long it lasts from one renewal to the next.
    #[serde(serialize_with = "super::json_fields::serialize_duration")]
    pub ttl: Duration,
    /// When it ends unless it is renewed before.
    pub expires: Timestamp,
    /// Whether it was not renewed in time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    /// The confirmed state; `Unknown` until the first result.
    pub state: HealthState,
    /// The text of the last result.
    pub note: Option<Arc<str>>,
    /// When it ran last.
    pub checked_at: Option<Timestamp>,
}

impl CheckState {
    /// The state of a check that did not run yet.
    pub const UNKNOWN: Self = Self { state: HealthState::Unknown, note: None, checked_at: None };
}

/// The health that an instance reports itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// The state.
    pub status: HealthState,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// When it was reported.
    pub timestamp: Timestamp,
}

impl RegisteredInstance {
    /// The namespace of its service.
    pub fn namespace(&self) -> &str {
        self.registration.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// The name of its service.
    pub fn name(&self) -> &str {
        &self.registration.name
    }

    /// When one of its checks ran last.
    pub fn last_health_check(&self) -> Option<Timestamp> {
        self.checks.iter().filter_map(|check| check.checked_at).max()
    }

    /// Whether it may be given calls: it is up, and not known to be unhealthy. A check that did not run yet says nothing.
    pub fn is_usable(&self) -> bool {
        self.status == OperatorStatus::Up && self.health != HealthState::Unhealthy
    }

    /// Whether it is up, and known to be healthy or degraded. An instance that nothing judges, neither lease nor check, is taken
    /// at its word.
    pub fn is_healthy(&self) -> bool {
        let is_unjudged = self.health == HealthState::Unknown && self.checks.is_empty();
        let is_well = matches!(self.health, HealthState::Healthy | HealthState::Degraded);

        self.status == OperatorStatus::Up && (is_well || is_unjudged)
    }
}
