//! What the health monitor does, for people and dashboards.

use serde::Serialize;
use serde_json::Value;

/// What the health monitor does. Counts begin with the start of the server.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::server) struct MonitorStats {
    /// Whether checks run.
    pub(in crate::server) enabled: bool,
    /// Why not.
    pub(in crate::server) reason: Option<String>,
    /// Checks of all registrations, also those by report.
    pub(in crate::server) registered_checks: usize,
    /// Checks that run at an interval.
    pub(in crate::server) scheduled_checks: u64,
    /// Checks that run at this moment.
    pub(in crate::server) in_flight: u64,
    /// Those of them that take longer than 200 ms. They have room of their own, so that they delay no others.
    pub(in crate::server) slow_in_flight: u64,
    /// The most that may run at once.
    pub(in crate::server) max_in_flight: u64,
    /// Slow checks that are due and wait for room.
    pub(in crate::server) waiting: u64,
    /// How long the next due check has been waiting, in milliseconds.
    pub(in crate::server) late_ms: u64,
    /// Finished checks.
    pub(in crate::server) checks: u64,
    /// Finished checks by result: healthy, degraded, unhealthy; unknown could not run.
    #[schema(value_type = Object)]
    pub(in crate::server) results: Value,
    /// Checks whose address the server does not contact.
    pub(in crate::server) refused: u64,
    /// Failed checks that do not count, because the server itself did not run meanwhile.
    pub(in crate::server) excused: u64,
    /// Checks that clients asked for.
    pub(in crate::server) demanded: u64,
    /// Results that went to the registry: news, and each result once in 30 s.
    pub(in crate::server) written: u64,
    /// Times at which the monitor did not run for a second or more.
    pub(in crate::server) stalls: u64,
    /// The mean time of a check, in milliseconds.
    pub(in crate::server) mean_duration_ms: Option<f64>,
    /// Seconds, for checks that set none.
    pub(in crate::server) default_interval: f64,
    /// Seconds, for checks that set none.
    pub(in crate::server) timeout: f64,
    pub(in crate::server) failure_threshold: u32,
    pub(in crate::server) success_threshold: u32,
    /// Whether checks may contact addresses of the server's own machine.
    pub(in crate::server) allow_own_addresses: bool,
}
