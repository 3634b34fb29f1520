//! A check of a registration, as the validator runs it.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Address, CheckDefinition, CheckKind, CheckLimits, CheckName, CheckSpec, Endpoint, Registration, Transport,
};
use crate::registry::Rules;

/// What a check is run against, and how.
#[derive(Clone, Debug)]
pub(super) struct RunnableCheck {
    pub(super) endpoint: Endpoint,
    pub(super) spec: Arc<CheckSpec>,
    pub(super) interval: Duration,
    /// The name of its kind: `http`.
    pub(super) kind: &'static str,
}

/// What a check takes that its registration does not set.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckDefaults {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

impl CheckDefaults {
    /// The interval and the timeout of a check. A run ends before the next one begins.
    pub(super) fn times(self, check: &CheckDefinition) -> (Duration, Duration) {
        let interval = check.interval.unwrap_or(self.interval);
        (interval, check.timeout.unwrap_or(self.timeout).min(interval))
    }
}

/// The check at a position of a registration as it is run: against the registered address and port, and nothing else. Only
/// Consul's API takes checks of another port, or with TLS of their own. `None` if the server does not run it: reports come by
/// themselves, and a program is never started on behalf of a client.
pub(super) fn runnable(registration: &Registration, at: usize, defaults: CheckDefaults) -> Option<RunnableCheck> {
    let check = registration.checks.get(at)?;
    let (interval, timeout) = defaults.times(check);
    let catalog = registration.catalog_check(at);
    let protocol = registration.protocol.as_deref();
    let is_tls = match catalog {
        Some(catalog) => catalog.tls,
        None => matches!(protocol, Some("https" | "h2" | "grpcs" | "tls" | "ssl")),
    };
    let spec = spec(protocol, is_tls, &check.kind)?;
    // The next interval is the retry.
    let limits = CheckLimits { timeout: Some(timeout), retries: Some(0), ..CheckLimits::default() };
    let spec = Arc::new(CheckSpec { limits, ..spec });

    // A zone only matters for a link-local address, which is refused.
    let text = registration.address.split('%').next().unwrap_or_default();
    let address = text.parse().map_or_else(|_| Address::Name(text.into()), Address::Ip);
    let port = catalog.and_then(|catalog| catalog.port).unwrap_or(registration.port);
    let endpoint = Endpoint::new(address, Some(port), Transport::Tcp);
    Some(RunnableCheck { endpoint, spec, interval, kind: check.kind.as_str() })
}

/// Why the server does not run a check of this kind, although it is stored.
pub(super) fn refusal(kind: &CheckKind, rules: &Rules) -> Option<String> {
    match kind {
        CheckKind::Script { .. } => Some("the server runs no program for a client".to_owned()),
        kind => rules.refused_method(kind),
    }
}

fn spec(protocol: Option<&str>, is_tls: bool, kind: &CheckKind) -> Option<CheckSpec> {
    let none = CheckSpec::default();

    match kind {
        CheckKind::Http { path, method, expected_status } => Some(CheckSpec {
            protocol: if protocol == Some("h2c") { Some("h2c".to_owned()) } else { word(is_tls, "http", "https") },
            path: path.parse().ok(),
            method: method.parse().ok(),
            expect_status: expected_status.clone(),
            ..none
        }),
        CheckKind::Tcp => Some(CheckSpec { protocol: Some("tcp".to_owned()), ..none }),
        CheckKind::Tls => Some(CheckSpec { protocol: Some("tls".to_owned()), ..none }),
        CheckKind::Grpc { service } => {
            Some(CheckSpec { protocol: word(is_tls, "grpc", "grpcs"), grpc_service: service.clone(), ..none })
        }
        CheckKind::Dns => Some(CheckSpec { check: vec![CheckName::Dns], ..none }),
        CheckKind::Protocol(name) => Some(CheckSpec { protocol: Some((*name).to_owned()), ..none }),
        CheckKind::Ttl | CheckKind::Script { .. } => None,
    }
}

/// The protocol with or without TLS.
fn word(is_tls: bool, plain: &str, tls: &str) -> Option<String> {
    Some(if is_tls { tls } else { plain }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CatalogEntry, HttpPath};

    const DEFAULTS: CheckDefaults =
        CheckDefaults { interval: Duration::from_secs(30), timeout: Duration::from_secs(5) };

    fn registration(protocol: Option<&str>, check: CheckDefinition) -> Registration {
        let mut registration = Registration::new("web", "10.0.0.5:8443".parse().unwrap());
        registration.protocol = protocol.map(str::to_owned);
        registration.checks.push(check);
        registration
    }

    #[test]
    fn a_check_is_run_against_the_registered_address_alone() {
        let check = CheckDefinition::http("/health?full=1");
        let run = runnable(&registration(Some("https"), check), 0, DEFAULTS).unwrap();
        assert_eq!(run.endpoint.to_string(), "10.0.0.5:8443");
        assert_eq!(run.spec.protocol.as_deref(), Some("https"));
        assert_eq!(run.spec.path.as_ref().map(HttpPath::as_str), Some("/health?full=1"));
        assert!(!run.spec.follow, "a redirect leads elsewhere");
        assert_eq!((run.interval, run.spec.limits.timeout), (DEFAULTS.interval, Some(DEFAULTS.timeout)));

        let often = CheckDefinition::tcp().every(Duration::from_secs(1));
        let run = runnable(&registration(None, often), 0, DEFAULTS).unwrap();
        assert_eq!(run.spec.limits.timeout, Some(Duration::from_secs(1)), "it ends before the next one begins");
        let named = Registration { address: "web.internal".to_owned(), ..registration(None, CheckDefinition::tcp()) };
        let run = runnable(&named, 0, DEFAULTS).unwrap();
        assert_eq!(run.endpoint.address, Address::Name("web.internal".into()));
    }

    /// Consul's clients give a check a URL of its own.
    #[test]
    fn a_check_of_consuls_api_has_its_own_port_and_tls() {
        let mut registration = registration(Some("https"), CheckDefinition::http("/ready"));
        let mut catalog = CatalogEntry::of(&registration);
        catalog.checks[0].port = Some(9_090);
        registration.catalog = Some(Box::new(catalog.clone()));
        let run = runnable(&registration, 0, DEFAULTS).unwrap();
        assert_eq!((run.endpoint.to_string().as_str(), run.spec.protocol.as_deref()), ("10.0.0.5:9090", Some("http")));

        catalog.checks[0].tls = true;
        registration.catalog = Some(Box::new(catalog));
        assert_eq!(runnable(&registration, 0, DEFAULTS).unwrap().spec.protocol.as_deref(), Some("https"));
    }

    #[test]
    fn a_stored_check_of_a_method_that_is_not_allowed_is_not_run() {
        let rules = Rules::default();
        for (method, is_allowed) in
            [("GET", true), ("HEAD", true), ("DELETE", false), ("POST", false), ("get", false), ("OPTIONS", false)]
        {
            let kind = CheckKind::Http { path: "/".to_owned(), method: method.to_owned(), expected_status: None };
            let why = format!("checks send GET and HEAD, not {method}");
            assert_eq!(refusal(&kind, &rules), (!is_allowed).then_some(why));
        }
        assert_eq!(refusal(&CheckKind::Tcp, &rules), None);
    }

    #[test]
    fn neither_reports_nor_programs_are_run() {
        let script = CheckDefinition::new(CheckKind::Script { command: vec!["rm".to_owned()] });
        for check in [CheckDefinition::ttl(), script] {
            assert!(runnable(&registration(None, check.clone()), 0, DEFAULTS).is_none(), "{check:?}");
        }
    }
}
