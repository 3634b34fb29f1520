//! The states of Eureka, and those of the registry.

use std::sync::Arc;

use crate::model::{HealthState, OperatorStatus, RegisteredInstance};
use crate::server::instance_view::InstanceView;
use crate::server::scoped_view::ScopedView;

/// A state as Eureka knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InstanceStatus {
    Up,
    Down,
    Starting,
    OutOfService,
    Unknown,
}

impl InstanceStatus {
    const ALL: [Self; 5] = [Self::Up, Self::Down, Self::Starting, Self::OutOfService, Self::Unknown];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Starting => "STARTING",
            Self::OutOfService => "OUT_OF_SERVICE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The state of that name, in any case.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(name))
    }

    /// The report of an instance in this state. One that is up is healthy as long as it renews its lease.
    pub(super) fn report(self) -> Option<(HealthState, Option<Arc<str>>)> {
        (self != Self::Up).then(|| (HealthState::Unhealthy, Some(self.as_str().into())))
    }

    /// The state of an instance. `reason`: why its operator took it out of service.
    pub(super) fn of(instance: &RegisteredInstance, reason: Option<&str>) -> Self {
        if instance.status != OperatorStatus::Up {
            return reason.and_then(Self::of_name).unwrap_or(Self::OutOfService);
        }
        if instance.is_usable() {
            return Self::Up;
        }
        let message = instance.report.as_ref().and_then(|report| report.message.as_deref());
        message.and_then(Self::of_name).filter(|status| *status != Self::Up).unwrap_or(Self::Down)
    }
}

/// The state of an instance.
pub(super) fn status(one: &InstanceView, view: &ScopedView) -> InstanceStatus {
    let instance = &one.instance;
    let reason = if instance.status == OperatorStatus::Up { None } else { view.reason(instance) };
    InstanceStatus::of(instance, reason.as_deref())
}
