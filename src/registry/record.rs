//! An instance as the registry keeps and stores it: only what changes with an index.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::model::{HealthState, OperatorStatus, Registration};

/// An instance. Two records are equal if they differ in nothing that a watcher would see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// What was registered, with its id.
    pub registration: Arc<Registration>,
    /// The index of the change that added it.
    pub generation: u64,
    /// The index of its last change.
    pub index: u64,
    /// The status in force.
    pub status: OperatorStatus,
    /// The weight that was registered, or that its operator set.
    pub weight: u16,
    /// The weight while its service splits its traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u16>,
    /// The effective state.
    pub health: HealthState,
    /// Whether its lease expired.
    #[serde(default)]
    pub lease_expired: bool,
    /// Whether its node is down.
    #[serde(default)]
    pub node_down: bool,
    /// The health that it reported itself.
    #[serde(default)]
    pub report: Option<HealthState>,
    /// The confirmed states of its checks.
    #[serde(default)]
    pub checks: Vec<HealthState>,
    /// Whether it keeps failing and recovering.
    #[serde(default)]
    pub flapping: bool,
    /// Whether its operator stopped the checks that the registry runs.
    #[serde(default)]
    pub monitoring_stopped: bool,
    /// Why its operator set the status, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// The fields that a change can name.
const FIELDS: [&str; 21] = [
    "version",
    "address",
    "port",
    "protocol",
    "ttl",
    "deregister_after",
    "tags",
    "capabilities",
    "metadata",
    "node",
    "zone",
    "weight",
    "status",
    "health",
    "health_checks",
    "lease",
    "report",
    "node_down",
    "flapping",
    "monitoring",
    "catalog",
];

/// The name of a field as a change has it; `None` if there is no such field.
pub(super) fn field_name(name: &str) -> Option<&'static str> {
    FIELDS.into_iter().find(|known| *known == name)
}

/// The order of states for the worst of them: what is unhealthy is worse than what is not known.
const fn badness(state: HealthState) -> u8 {
    match state {
        HealthState::Healthy => 0,
        HealthState::Degraded => 1,
        HealthState::Unknown => 2,
        HealthState::Unhealthy => 3,
    }
}

/// The worse of two states.
pub(super) const fn worse(a: HealthState, b: HealthState) -> HealthState {
    if badness(a) >= badness(b) { a } else { b }
}

impl InstanceRecord {
    /// A record of a registration that was not there before.
    pub(super) fn new(registration: Arc<Registration>, rules: &Rules, node_down: bool, wall: Timestamp) -> Self {
        let checks = (0..registration.checks.len()).map(|at| registration.initial_state(at)).collect();
        let record = Self {
            generation: 0,
            index: 0,
            status: registration.status,
            weight: registration.weight.unwrap_or(1),
            share: None,
            health: HealthState::Unknown,
            lease_expired: false,
            node_down,
            report: None,
            checks,
            flapping: false,
            monitoring_stopped: false,
            reason: None,
            registered_at: wall,
            registration,
        };

        Self { health: record.effective(rules), ..record }
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.registration.id.as_deref().unwrap_or_default()
    }

    /// `NAMESPACE/NAME` of its service.
    pub fn service(&self) -> String {
        format!("{}/{}", self.registration.namespace_or_default(), self.registration.name)
    }

    /// Its share of the calls: that of a split, or its own weight.
    pub fn weight_in_force(&self) -> u16 {
        self.share.unwrap_or(self.weight)
    }

    /// Whether it may be given calls.
    pub fn is_usable(&self) -> bool {
        self.status == OperatorStatus::Up && self.health != HealthState::Unhealthy
    }

    /// The ttl of its lease; `None` if it needs no renewal.
    pub fn ttl(&self, rules: &Rules) -> Option<Duration> {
        Some(self.registration.ttl.unwrap_or(rules.default_ttl)).filter(|ttl| !ttl.is_zero())
    }

    /// How long it may be unhealthy; `None` is for ever.
    pub(super) fn deregister_after(&self, rules: &Rules) -> Option<Duration> {
        let time = self.registration.deregister_after.unwrap_or(rules.deregister_after);
        Some(time).filter(|time| !time.is_zero())
    }

    /// The worst of lease, node, report and checks: what can get it removed.
    fn own_health(&self, rules: &Rules) -> HealthState {
        if self.lease_expired || self.node_down {
            return HealthState::Unhealthy;
        }
        let is_judged = self.ttl(rules).is_some() || self.report.is_some() || !self.checks.is_empty();
        if !is_judged {
            return HealthState::Unknown;
        }

        let states = self.report.iter().chain(&self.checks);
        states.fold(HealthState::Healthy, |worst, state| worse(worst, *state))
    }

    /// The effective state: the worst of its own and of what its operator says.
    pub(super) fn effective(&self, rules: &Rules) -> HealthState {
        worse(self.own_health(rules), self.status.health())
    }

    /// Whether it failed, whatever its operator says.
    pub(super) fn has_failed(&self, rules: &Rules) -> bool {
        self.own_health(rules) == HealthState::Unhealthy
    }

    /// The fields that differ from an earlier record, by the names of their JSON.
    pub(super) fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        let (old, new) = (&*before.registration, &*self.registration);
        let differences: [(&'static str, bool); FIELDS.len()] = [
            ("version", old.version != new.version),
            ("address", old.address != new.address),
            ("port", old.port != new.port),
            ("protocol", old.protocol != new.protocol),
            ("ttl", old.ttl != new.ttl),
            ("deregister_after", old.deregister_after != new.deregister_after),
            ("tags", old.tags != new.tags),
            ("capabilities", old.capabilities != new.capabilities),
            ("metadata", old.metadata != new.metadata),
            ("node", old.node != new.node),
            ("zone", old.zone != new.zone),
            ("weight", before.weight != self.weight || before.share != self.share || old.weight != new.weight),
            ("status", before.status != self.status || old.status != new.status || before.reason != self.reason),
            ("health", before.health != self.health),
            ("health_checks", old.checks != new.checks || before.checks != self.checks),
            ("lease", before.lease_expired != self.lease_expired),
            ("report", before.report != self.report),
            ("node_down", before.node_down != self.node_down),
            ("flapping", before.flapping != self.flapping),
            ("monitoring", before.monitoring_stopped != self.monitoring_stopped),
            ("catalog", old.catalog != new.catalog),
        ];

        differences.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}
