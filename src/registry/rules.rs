//! The settings of the registry's rules.

use std::time::Duration;

use crate::clean::clean;
use crate::model::{CheckKind, Problem, Registration, Thresholds};

/// What helps if the method of a check is not allowed.
pub(super) const METHOD_HINT: &str = "use GET, or allow the method on the server with registry.health_checks.methods";

/// The settings of a [`State`](super::State).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The ttl of a registration that gives none. Zero: it needs no renewal.
    pub default_ttl: Duration,
    /// How long after its ttl a lease may still be renewed until its instance is unhealthy.
    pub grace: Duration,
    /// How long an instance may be unhealthy until it is removed, if its registration does not say. Zero: for ever.
    pub deregister_after: Duration,
    /// The interval of a check that gives none. It matters here only for checks by report.
    pub check_interval: Duration,
    /// How many results in a row change the state of a check that does not say.
    pub thresholds: Thresholds,
    /// The methods of HTTP that a check may have. The others may change something where they are sent.
    pub check_methods: Vec<String>,
    /// An instance flaps when it fails or recovers this often within [`flap_window`](Self::flap_window).
    pub flap_changes: usize,
    /// How long a failure or a recovery counts.
    pub flap_window: Duration,
    /// When mass failure suspends removals.
    pub guard: GuardRules,
    /// The most instances of one service.
    pub max_instances_per_service: usize,
    /// The most instances.
    pub max_instances: usize,
    /// The longest time between two ticks. After a longer one the process did not run, so that it could not take renewals:
    /// every lease gets one full ttl again.
    pub max_tick_gap: Duration,
}

/// When mass failure suspends removals.
///
/// Many instances that fail together more likely mean that the registry is cut off than that all of them ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRules {
    /// More than this percentage of a service.
    pub service_percent: usize,
    /// More than this percentage of all instances.
    pub total_percent: usize,
    /// At least this many. The end of a single instance is no mass failure.
    pub min_instances: usize,
    /// All of them within this time.
    pub window: Duration,
    /// When it ends at the latest.
    pub max_duration: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            default_ttl: Duration::from_secs(30),
            grace: Duration::from_secs(15),
            deregister_after: Duration::ZERO,
            check_interval: Duration::from_secs(30),
            thresholds: Thresholds::default(),
            check_methods: ["GET", "HEAD"].map(str::to_owned).to_vec(),
            flap_changes: 5,
            flap_window: Duration::from_mins(5),
            guard: GuardRules::default(),
            max_instances_per_service: 100_000,
            max_instances: 1_000_000,
            max_tick_gap: Duration::from_secs(5),
        }
    }
}

impl Default for GuardRules {
    fn default() -> Self {
        Self {
            service_percent: 15,
            total_percent: 50,
            min_instances: 2,
            window: Duration::from_secs(30),
            max_duration: Duration::from_mins(10),
        }
    }
}

impl Rules {
    /// Why a check of this kind is not run.
    pub(crate) fn refused_method(&self, kind: &CheckKind) -> Option<String> {
        let CheckKind::Http { method, .. } = kind else { return None };
        let is_allowed = self.check_methods.contains(method);

        (!is_allowed).then(|| format!("checks send {}, not {}", self.check_methods.join(" and "), clean(method)))
    }

    /// The first check of a registration whose method is not allowed.
    pub(crate) fn method_problem(&self, registration: &Registration) -> Option<Problem> {
        let mut checks = registration.checks.iter().enumerate();
        let (at, message) = checks.find_map(|(at, check)| Some((at, self.refused_method(&check.kind)?)))?;
        let place = registration.check_field(at);

        Some(Problem::new(format!("{place}.config.method"), message, METHOD_HINT))
    }
}

impl GuardRules {
    /// Whether so many failed instances of a service, or of everything, are a mass failure.
    pub(super) fn applies(&self, failed: usize, total: usize, percent: usize) -> bool {
        failed >= self.min_instances && failed * 100 > total * percent
    }
}
