//! `--check`: when the instance is ready, and what the registry checks later.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::port_listeners::PortListeners;
use crate::clean::clean;
use crate::cli::validate::Targets;
use crate::cli::{Global, stderr};
use crate::client::{Readiness, readiness};
use crate::error::Result;
use crate::health::Validator;
use crate::model::{
    CheckDefinition, CheckKind, Finding, Group, HealthState, HttpPath, Listing, ParseError, Registration,
};
use crate::source::collect;

/// A check that must pass before the instance is registered.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ReadyCheck {
    /// The scheme of the URL that `validate` checks; `None` for a plain TCP connection.
    scheme: Option<&'static str>,
    path: String,
    definition: CheckDefinition,
}

const HINT: &str = "write http:/PATH, https:/PATH, tcp, grpc or grpc:SERVICE";
/// The score from which on a normal client can use the service.
const USABLE: u8 = 50;
/// After this long, it is said what the check waits for: programs need a moment to start.
const QUIET_TIME: Duration = Duration::from_secs(2);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

impl ReadyCheck {
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, ParseError> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("http", path) => Self::http("http", path.unwrap_or("/")),
            ("https", path) => Self::http("https", path.unwrap_or("/")),
            ("tcp", None) => Ok(Self::new(None, "", CheckKind::Tcp)),
            ("grpc", service) => {
                let service = service.filter(|service| !service.is_empty()).map(str::to_owned);
                Ok(Self::new(Some("grpc"), "", CheckKind::Grpc { service }))
            }
            _ => Err(ParseError::new("there is no such check", HINT)),
        }
    }

    fn http(scheme: &'static str, path: &str) -> Result<Self, ParseError> {
        if path.starts_with("//") {
            let hint = "write the path alone, as in http:/health: the check goes to the registered address and port";
            return Err(ParseError::new("it is a URL", hint));
        }
        path.parse::<HttpPath>()?;
        let kind = CheckKind::Http { path: path.to_owned(), method: "GET".to_owned(), expected_status: None };
        Ok(Self::new(Some(scheme), path, kind))
    }

    fn new(scheme: Option<&'static str>, path: &str, kind: CheckKind) -> Self {
        let definition = CheckDefinition {
            name: None,
            kind,
            interval: None,
            timeout: None,
            failure_threshold: None,
            success_threshold: None,
        };
        Self { scheme, path: path.to_owned(), definition }
    }

    /// The check for the registry.
    pub(in crate::cli) fn definition(&self) -> CheckDefinition {
        self.definition.clone()
    }

    /// The protocol that the check implies.
    pub(in crate::cli) fn protocol(&self) -> Option<&'static str> {
        self.scheme
    }

    /// Waits until the check passes.
    ///
    /// # Errors
    /// If the place cannot be checked at all.
    pub(super) async fn wait(&self, registration: &Registration, global: &Global) -> Result<()> {
        let place = registration.place();
        let target = match self.scheme {
            Some(scheme) => format!("{scheme}://{place}{}", self.path),
            None => place.clone(),
        };
        let targets = std::sync::Arc::new(Targets::read(&[target], global)?);
        let validated = Validator::default().validated(targets);

        let (begun, mut said) = (Instant::now(), None);
        loop {
            let listing = collect(&validated).await?;
            let Some(cause) = obstacle(&listing) else { return Ok(()) };
            if begun.elapsed() >= QUIET_TIME && said.as_ref() != Some(&cause) && !global.quiet {
                stderr::note(&format!("{} is not registered yet: {cause}", clean(&place)));
                if said.is_none() {
                    PortListeners::of(registration).await.loopback_note().iter().for_each(|note| stderr::note(note));
                }
                said = Some(cause);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Why the check does not pass yet.
fn obstacle(listing: &Listing) -> Option<String> {
    let endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    let findings = endpoints.filter_map(|endpoint| endpoint.health.as_deref()).flat_map(|health| &health.findings);
    match readiness(listing, USABLE) {
        // A certificate that ends soon is usable; a reply that the health monitor would not call healthy is not.
        Readiness::Healthy => {
            findings.clone().find(|finding| spoils_reply(finding)).map(|finding| finding.text.to_string())
        }
        Readiness::ReportedReady => None,
        Readiness::Short(cause) => Some(cause),
    }
}

/// Whether a finding about the application's reply keeps the endpoint from being healthy, as a page that is not found does.
fn spoils_reply(finding: &Finding) -> bool {
    let kind = finding.kind().filter(|kind| kind.group == Group::App);
    kind.and_then(|kind| kind.cap).is_some_and(|cap| HealthState::of(Some(cap)) != HealthState::Healthy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_no_path() {
        for url in ["http://127.0.0.1:9080/health", "https://web/"] {
            let error = ReadyCheck::parse(url).unwrap_err();
            assert_eq!(error.to_string(), "it is a URL");
            assert!(error.hint().contains("http:/health"), "{}", error.hint());
        }
        assert_eq!(ReadyCheck::parse("http:/health").unwrap().path, "/health");
    }
}
