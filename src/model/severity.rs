//! How much a finding matters, as its cap means it.

use super::{Finding, HealthState};

/// How much a finding matters to clients of the service, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Severity {
    /// Advice: the service works
    Advice,
    /// The service works, but needs attention soon: the finding limits the score below 80
    Degraded,
    /// A normal client cannot use the service now: the finding limits the score below 50
    Unhealthy,
}

impl Finding {
    /// How much it matters: what its cap means.
    pub fn severity(&self) -> Severity {
        match HealthState::of(self.cap().or(Some(100))) {
            HealthState::Unhealthy => Severity::Unhealthy,
            HealthState::Degraded => Severity::Degraded,
            HealthState::Healthy | HealthState::Unknown => Severity::Advice,
        }
    }
}
