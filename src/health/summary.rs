//! The number of services in each state of health.

use crate::model::{HealthState, Service};

/// The number of services in each state of health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// All services.
    pub total: usize,
    /// Services that score 80 or more.
    pub healthy: usize,
    /// Services that score 50 to 79.
    pub degraded: usize,
    /// Services that score less.
    pub unhealthy: usize,
    /// Services without a score.
    pub unknown: usize,
}

impl Summary {
    /// Counts services.
    pub fn of<'s>(services: impl IntoIterator<Item = &'s Service>) -> Self {
        let mut summary = Self::default();
        for service in services {
            let state = service.health.as_deref().map_or(HealthState::Unknown, |health| health.state);

            summary.total += 1;
            *match state {
                HealthState::Healthy => &mut summary.healthy,
                HealthState::Degraded => &mut summary.degraded,
                HealthState::Unhealthy => &mut summary.unhealthy,
                HealthState::Unknown => &mut summary.unknown,
            } += 1;
        }
        summary
    }

    /// Healthy services.
    pub fn valid(&self) -> usize {
        self.healthy
    }

    /// All other services, including those without a score.
    pub fn invalid(&self) -> usize {
        self.total - self.healthy
    }
}
