//! The registry: whether it can be reached, is ready, keeps writes, and agrees about the time.

use std::time::Duration;

use jiff::Timestamp;

use super::diagnosis::{Diagnosis, counted};
use crate::client::{CertificateStatus, Registry, ServerStatus};
use crate::error::Error;
use crate::source::collect;

/// The name of the line on which the others depend.
pub(super) const REGISTRY: &str = "registry";
/// The provider that has a state.
const OWN: &str = "portolan";
/// Leases and tokens bear less than this; the figures of the server are whole seconds.
const MAX_SKEW: Duration = Duration::from_secs(3);
/// A certificate that expires sooner should have been renewed. The alert rules use the same time.
const MIN_CERTIFICATE_DAYS: i64 = 7;
/// In seconds.
const DAY: i64 = 86_400;

/// Looks at a registry. `is_named`: it was asked for, so that its absence is a failure.
pub(super) async fn diagnose(registry: &Registry, is_named: bool, limit: Duration) -> Vec<Diagnosis> {
    let place = registry.place().unwrap_or_else(|| registry.provider().to_owned());
    if registry.provider() != OWN {
        return vec![listed(registry, &place, limit).await];
    }

    let asked = Timestamp::now();
    let status = match tokio::time::timeout(limit, registry.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return vec![unreachable(&place, &error, is_named)],
        Err(_) => {
            let hint = "check its address and the network, or wait longer with --timeout";
            let text = format!("{place} did not reply within {} s", limit.as_secs_f64());
            return vec![Diagnosis::fail(REGISTRY, text, hint)];
        }
    };
    let reached = format!("portolan {} at {place}: {}", status.version, counted(status.instances, "instance"));
    let mut diagnoses = vec![
        Diagnosis::ok(REGISTRY, reached),
        readiness(&status),
        store(&status),
        clock(&status, asked, Timestamp::now()),
        monitor(&status),
        guard(&status),
    ];
    diagnoses.extend(status.certificate.as_ref().map(certificate));
    diagnoses
}

/// A registry of another kind: whether it lists its services.
async fn listed(registry: &Registry, place: &str, limit: Duration) -> Diagnosis {
    let source = match registry.source() {
        Ok(source) => source,
        Err(error) => return Diagnosis::unknown(REGISTRY, error.to_string(), error.hint()),
    };

    match tokio::time::timeout(limit, collect(&*source)).await {
        Ok(Ok(listing)) => {
            let services = counted(listing.services.len(), "service");
            let text = format!("{} at {place} lists {services}", registry.provider());
            Diagnosis::ok(REGISTRY, text)
        }
        Ok(Err(error)) => Diagnosis::fail(REGISTRY, error.to_string(), error.hint()),
        Err(_) => {
            let text = format!("{place} did not reply within {} s", limit.as_secs_f64());
            Diagnosis::fail(REGISTRY, text, "check its address and the network, or wait longer with --timeout")
        }
    }
}

/// Without a registry that was named, there need not be one. One that refuses is there.
fn unreachable(place: &str, error: &Error, is_named: bool) -> Diagnosis {
    if is_named {
        return Diagnosis::fail(REGISTRY, error.to_string(), error.hint());
    }
    if matches!(error, Error::Refused { .. }) {
        return Diagnosis::unknown(REGISTRY, error.to_string(), error.hint());
    }
    let hint = "start one with `portolan serve`, or name another with --registry";
    Diagnosis::unknown(REGISTRY, format!("no registry at {place}: {error}"), hint)
}

fn readiness(status: &ServerStatus) -> Diagnosis {
    if status.ready {
        return Diagnosis::ok("ready", format!("the server is {}", status.status));
    }
    let text = format!("the server is {}, and not ready", status.status);
    Diagnosis::fail("ready", text, "`curl SERVER/health?deep=true` shows which part fails; its log has the reason")
}

fn store(status: &ServerStatus) -> Diagnosis {
    let kind = &status.store.kind;
    if !status.store.healthy {
        let hint = "check the free space and the health of that disk; the log of the server has the reason";
        return Diagnosis::fail("store", format!("{kind} did not keep the last write"), hint);
    }
    if kind == "memory" {
        let hint = "start the server with --data FILE to keep registrations";
        return Diagnosis::warn(
            "store",
            "registrations are kept in memory only, and are lost when the server ends",
            hint,
        );
    }

    Diagnosis::ok("store", kind)
}

/// The server's time is that of its start and how long it runs.
fn clock(status: &ServerStatus, asked: Timestamp, answered: Timestamp) -> Diagnosis {
    let started = status.other.get("started_at").and_then(|text| text.as_str()?.parse::<Timestamp>().ok());
    let Some(started) = started else {
        return Diagnosis::unknown("clock", "the server does not say when it was started", "");
    };
    let there = started.as_second() + i64::try_from(status.uptime_seconds).unwrap_or(i64::MAX);
    let skew =
        if there < asked.as_second() { asked.as_second() - there } else { (there - answered.as_second()).max(0) };
    let skew = Duration::from_secs(skew.unsigned_abs());

    if skew <= MAX_SKEW {
        return Diagnosis::ok("clock", "the server's clock and that of this machine agree");
    }
    let text = format!("the server's clock and that of this machine differ by about {} s", skew.as_secs());
    let hint = "synchronize both clocks, for example with chrony: tokens and certificates depend on them";

    Diagnosis::warn("clock", text, hint)
}

fn certificate(certificate: &CertificateStatus) -> Diagnosis {
    let CertificateStatus { expires, expires_in_seconds, .. } = certificate;
    let hint = "renew it, and write the new one to the same file: the server reads the file again";
    if *expires_in_seconds < 0 {
        return Diagnosis::fail("certificate", format!("the server's certificate expired {expires}"), hint);
    }
    let days = expires_in_seconds / DAY;
    let text = format!("the server's certificate expires {expires}, in {}", counted(days, "day"));
    if days < MIN_CERTIFICATE_DAYS {
        return Diagnosis::warn("certificate", text, hint);
    }

    Diagnosis::ok("certificate", text)
}

fn monitor(status: &ServerStatus) -> Diagnosis {
    if status.off.iter().any(|off| off == "health_checks") {
        let hint = "set registry.health_checks.enabled, and restart the server";
        return Diagnosis::warn("health checks", "the server runs no health checks", hint);
    }
    let health = status.health;
    if health.unhealthy > 0 {
        let verb = if health.unhealthy == 1 { "is" } else { "are" };
        let all = counted(status.instances, "instance");
        let text = format!("{} of {all} {verb} unhealthy", health.unhealthy);
        return Diagnosis::warn(
            "health checks",
            text,
            "`portolan services list` shows them in HEALTH; `portolan doctor NAME` says why",
        );
    }

    Diagnosis::ok("health checks", format!("no instance is unhealthy; {} unknown", health.unknown))
}

fn guard(status: &ServerStatus) -> Diagnosis {
    let count = status.protected_services;
    if count == 0 {
        return Diagnosis::ok("guard", "no service is under the mass failure guard");
    }
    let hint = "check the network between the server and those instances: too many failed at the same time";
    let text = format!(
        "the mass failure guard keeps failed instances of {} registered; they get no calls",
        counted(count, "service")
    );
    Diagnosis::warn("guard", text, hint)
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::DiagnosisState::{Fail, Ok as Good, Unknown, Warn};
    use super::*;

    fn running_since(started: &str, uptime: u64) -> ServerStatus {
        let mut status = ServerStatus { uptime_seconds: uptime, ..ServerStatus::default() };
        status.other.insert("started_at".to_owned(), started.into());
        status
    }

    #[test]
    fn clocks_that_differ_are_a_warning() {
        let [asked, answered] = ["2026-11-29T12:00:00Z", "2026-11-29T12:00:01Z"].map(|time| time.parse().unwrap());
        let state = |status: &ServerStatus| clock(status, asked, answered).state;
        assert_eq!(state(&running_since("2026-11-29T11:59:30Z", 30)), Good);
        assert_eq!(state(&running_since("2026-11-29T11:59:30Z", 33)), Good, "rounded");
        assert_eq!(state(&running_since("2026-11-29T11:58:30Z", 30)), Warn, "a minute behind");
        assert_eq!(state(&running_since("2026-11-29T12:01:00Z", 30)), Warn, "a minute ahead");
        assert_eq!(state(&ServerStatus::default()), Unknown);
    }

    /// A server that refuses is there: its error has the hint.
    #[test]
    fn a_refusal_is_no_absence() {
        let refused = Error::Refused { what: "read".to_owned(), why: "401".to_owned(), hint: "a key".to_owned() };
        let line = unreachable("127.0.0.1:7440", &refused, false);
        assert_eq!((line.state, line.hint.as_str()), (Unknown, "a key"));
        assert!(!line.text.contains("no registry"), "{}", line.text);
        assert_eq!(unreachable("127.0.0.1:7440", &refused, true).state, Fail);
    }

    #[test]
    fn a_certificate_that_expires_soon_is_a_warning() {
        for (expires_in_seconds, state) in [(7 * DAY, Good), (7 * DAY - 1, Warn), (0, Warn), (-1, Fail)] {
            let status = CertificateStatus { expires_in_seconds, ..CertificateStatus::default() };
            assert_eq!(certificate(&status).state, state, "{expires_in_seconds}");
        }
    }

    #[test]
    fn a_server_that_is_not_ready_is_a_failure() {
        let mut status = ServerStatus { ready: true, ..ServerStatus::default() };
        assert_eq!(readiness(&status).state, Good);
        status.ready = false;
        assert_eq!((readiness(&status).state, store(&status).state), (Fail, Fail));
    }
}
