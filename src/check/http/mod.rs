//! Whether an HTTP endpoint replies as expected, and how fast.

mod assertions;
mod body;
mod cookies;
mod error_page;
mod excerpt;
mod outcome;
mod redirect;
mod reply;
mod request;
mod stream;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scale::{self, Latency, LatencySubject};
use super::target::{CheckContext, CheckResult, CheckTarget, Layer};
use super::{BuiltInCheck, findings};
use crate::clean::is_secret_name;
use crate::model::{Figures, Finding, FindingKind, Group, HttpPath, StatusRanges};
use outcome::{HttpOutcome, HttpStatus};
#[cfg(fuzzing)]
pub(super) use request::read;

findings! { Group::App;
    INVALID = "http-invalid", cap 20, "The reply is not HTTP, breaks off, or has a longer head than clients accept.",
        "check that the port speaks HTTP, and whether it expects TLS";
    TIMEOUT = "http-timeout", cap 20, "No complete reply arrives in time.",
        "check what the service waits for, or allow more time (--timeout)";
    SERVER_ERROR = "http-5xx", cap 30, "The server reports an internal error.",
        "check the service's log";
    UNAVAILABLE = "http-unavailable", cap 40, "The server is temporarily unavailable (503 with Retry-After).",
        "wait as long as the server asks, or check for maintenance or overload";
    THROTTLED = "http-throttled", 15, cap 75, "The server limits the request rate (429).",
        "send fewer requests, or raise the limit for this client";
    NOT_FOUND = "http-not-found", 15, cap 60, "The configured path does not exist (404, 410).",
        "check the path, and what the service serves";
    NO_ROOT = "http-no-root", 2, "The default path / does not exist.",
        "configure a path that exists (--path)";
    AUTH_REQUIRED = "http-auth-required", 2, "The server requires credentials, and none are configured (401, 403).",
        "configure credentials (--header), or a path that needs none";
    UNEXPECTED_STATUS = "http-unexpected-status", 20, cap 60, "The status is not among the expected ones.",
        "check the cause, or change the expected status (--expect-status)";
    ASSERTION_FAILED = "http-assertion-failed", cap 40, "The body or a header does not match an assertion.",
        "check the reply and the assertions";
    REPORTS_FAILURE = "http-reports-failure", 0, "The status is a success, but the JSON body reports a failure.",
        "reply with 503 while the service fails, or check the body too (--expect-json /status=UP)";
    REDIRECT_UNSAFE = "http-redirect-unsafe", 10, cap 75, "The server redirects in a loop, or from https to http.",
        "fix the redirect";
    LATENCY_1X = "http-latency-1x", 3, "The response time exceeds the latency target.",
        "check what the service waits for, or set a suitable target (--goal)";
    LATENCY_2X = "http-latency-2x", 7, "The response time is more than twice the latency target.",
        "check what the service waits for, or set a suitable target (--goal)";
    LATENCY_4X = "http-latency-4x", 12, "The response time is more than four times the latency target.",
        "check what the service waits for, or set a suitable target (--goal)";
}

const REPLIES: LatencySubject = LatencySubject { done: "replied", noun: "replies" };
/// Limit for a body with assertions, also after expansion. `MAX_BYTES` of a connection is larger.
const MAX_BODY_BYTES: usize = 8 << 20;

/// Evidence of HTTP requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpObservation {
    /// Method and path: `GET /health`.
    #[serde(rename = "asked")]
    pub(crate) request: String,
    /// Whether the path is the default, not configured.
    #[serde(rename = "path_guessed")]
    pub(crate) default_path: bool,
    /// Whether the request carried credentials.
    pub(crate) credentials: bool,
    /// The expected statuses.
    pub(crate) expected: StatusRanges,
    /// The latency target of a response, in microseconds.
    #[serde(rename = "goal_us")]
    pub(crate) target_us: u64,
    /// The result of each request, in order.
    #[serde(rename = "answers")]
    pub(crate) outcomes: Vec<HttpOutcome>,
}

/// Whether the request carries credentials: a header or a parameter whose name says so, or a client certificate.
fn has_credentials(target: &CheckTarget) -> bool {
    let spec = &target.spec;
    let is_certified = target.layer != Layer::Plain && spec.cert.is_some();
    let has_header = spec.header.iter().any(|header| is_secret_name(&header.name) && !header.value.is_empty());
    let has_parameter = spec.path.as_ref().is_some_and(HttpPath::has_secret);

    is_certified || has_header || has_parameter
}

impl BuiltInCheck for HttpObservation {
    /// Sends one request.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let spec = &target.spec;
        let outcome = request::send(target, context).await?;
        let path = spec.path.as_ref().map_or("/", |path| path.shown());

        Ok(Self {
            request: format!("{} {path}", spec.method_name()),
            default_path: spec.path.is_none(),
            credentials: has_credentials(target),
            expected: spec.expect_status.clone().unwrap_or_default(),
            target_us: target.latency.answer_us,
            outcomes: vec![outcome],
        })
    }

    /// Emits a finding if at least half of the outcomes show it; rarer failures belong to `stability`.
    fn findings(&self) -> Vec<Finding> {
        let mut counts: BTreeMap<&str, (usize, Finding)> = BTreeMap::new();
        for finding in self.outcomes.iter().flat_map(|outcome| self.findings_of(outcome)) {
            counts
                .entry(finding.kind().map_or("", |kind| kind.code))
                .and_modify(|(count, _)| *count += 1)
                .or_insert((1, finding));
        }
        let frequent =
            counts.into_values().filter(|(count, _)| count * 2 >= self.outcomes.len()).map(|(_, finding)| finding);

        let latencies = self.latencies();
        let kinds = [&LATENCY_1X, &LATENCY_2X, &LATENCY_4X];
        let slow = scale::latency(kinds, REPLIES, latencies.iter().copied(), self.target_us);
        frequent.chain(slow).collect()
    }

    /// Whether the last request got no reply.
    fn is_silent(&self) -> bool {
        self.outcomes.last() == Some(&HttpOutcome::TimedOut)
    }

    fn merge(&mut self, later: Self) {
        self.outcomes.extend(later.outcomes);
    }

    fn latencies(&self) -> Vec<Latency> {
        let responses = self.outcomes.iter().filter_map(|outcome| match outcome {
            HttpOutcome::Status(status) => Some(status.latency),
            _ => None,
        });
        responses.collect()
    }

    fn latency_target(&self) -> u64 {
        self.target_us
    }

    fn add_figures(&self, figures: &mut Figures) {
        figures.http_status = self.statuses().last().map(|status| status.code);
        let latency = &mut figures.latency_us;
        latency.tls = scale::median(self.statuses().filter_map(|status| status.tls_us));
        latency.first_byte = scale::median(self.statuses().filter_map(|status| status.first_byte_us));
        if let Some(reply) = scale::median(self.latencies().into_iter().map(Latency::measured)) {
            latency.set_total(reply);
        }
    }

    fn set_lag(&mut self, lag_us: u64) {
        for outcome in &mut self.outcomes {
            if let HttpOutcome::Status(status) = outcome {
                status.latency.set_lag(lag_us);
            }
        }
    }
}

impl HttpObservation {
    fn statuses(&self) -> impl Iterator<Item = &HttpStatus> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            HttpOutcome::Status(status) => Some(status),
            _ => None,
        })
    }

    fn findings_of(&self, outcome: &HttpOutcome) -> Vec<Finding> {
        let request = &self.request;
        let status = match outcome {
            HttpOutcome::Invalid(cause) => return vec![Finding::new(&INVALID, format!("{request}: {cause}"))],
            HttpOutcome::TimedOut => {
                return vec![Finding::new(&TIMEOUT, format!("{request}: no complete reply in time"))];
            }
            HttpOutcome::Status(status) => status,
        };

        let mut findings = Vec::new();
        if let Some(cause) = &status.unsafe_redirect {
            findings.push(Finding::new(&REDIRECT_UNSAFE, format!("{request}: {cause}")));
        }

        match self.status_kind(status) {
            Some(kind) => {
                findings.push(Finding::new(kind, format!("{request} returns {}{}", status.code, status.said())));
            }
            None if !status.failed_assertions.is_empty() => {
                let failed = status.failed_assertions.join("; ");
                findings.push(Finding::new(&ASSERTION_FAILED, format!("{failed}{}", status.said())));
            }
            None => findings.extend(status.failed_status.as_ref().map(|failed| {
                let text = format!("{request} returns {} with the status '{failed}' in its body", status.code);
                Finding::new(&REPORTS_FAILURE, text)
            })),
        }
        findings
    }

    fn status_kind(&self, status: &HttpStatus) -> Option<&'static FindingKind> {
        match status.code {
            code if self.expected.contains(code) => None,
            // Where it is stated what the reply has to be, a reply that is not that is no small matter.
            401 | 403 if !self.credentials && status.failed_assertions.is_empty() => Some(&AUTH_REQUIRED),
            404 | 410 if self.default_path && status.failed_assertions.is_empty() => Some(&NO_ROOT),
            404 | 410 => Some(&NOT_FOUND),
            429 => Some(&THROTTLED),
            503 if status.retry_after => Some(&UNAVAILABLE),
            500..=599 => Some(&SERVER_ERROR),
            _ => Some(&UNEXPECTED_STATUS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn observation(outcomes: Vec<HttpOutcome>) -> HttpObservation {
        HttpObservation {
            request: "GET /".to_owned(),
            default_path: true,
            credentials: false,
            expected: StatusRanges::default(),
            target_us: 200_000,
            outcomes,
        }
    }

    fn status(code: u16) -> HttpOutcome {
        HttpOutcome::Status(HttpStatus { code, ..HttpStatus::default() })
    }

    fn with_failed_assertion(code: u16) -> HttpOutcome {
        let failed_assertions = vec!["the body does not match OK".to_owned()];
        HttpOutcome::Status(HttpStatus { code, failed_assertions, ..HttpStatus::default() })
    }

    /// Four outcomes. The first `failures` are server errors.
    fn mixed(failures: usize) -> HttpObservation {
        observation((0..4).map(|n| status(if n < failures { 500 } else { 200 })).collect())
    }

    #[test]
    fn statuses_map_to_findings() {
        for code in [200, 204, 301, 304, 399] {
            assert_eq!(codes(&observation(vec![status(code)])), [""; 0], "{code}");
        }
        for (code, expected) in [
            (401, "http-auth-required"),
            (404, "http-no-root"),
            (429, "http-throttled"),
            (418, "http-unexpected-status"),
            (199, "http-unexpected-status"),
            (999, "http-unexpected-status"),
            (500, "http-5xx"),
            (503, "http-5xx"),
        ] {
            assert_eq!(codes(&observation(vec![status(code)])), [expected], "{code}");
        }

        let retry_later = HttpStatus { code: 503, retry_after: true, ..HttpStatus::default() };
        assert_eq!(codes(&observation(vec![HttpOutcome::Status(retry_later)])), ["http-unavailable"]);

        let configured = HttpObservation { default_path: false, credentials: true, ..observation(vec![status(404)]) };
        assert_eq!(codes(&configured), ["http-not-found"]);
        let forbidden = HttpObservation { outcomes: vec![status(403)], ..configured };
        assert_eq!(codes(&forbidden), ["http-unexpected-status"]);
    }

    #[test]
    fn assertions_apply_to_expected_statuses_only() {
        assert_eq!(codes(&observation(vec![with_failed_assertion(200)])), ["http-assertion-failed"]);
        assert_eq!(codes(&observation(vec![with_failed_assertion(500)])), ["http-5xx"], "the text of an error page");
    }

    fn text(status: HttpStatus) -> String {
        observation(vec![HttpOutcome::Status(status)]).findings()[0].to_string()
    }

    #[test]
    fn a_body_is_quoted_where_it_explains_a_failure() {
        let excerpt = Some(r#"{"db":"refused"}"#.to_owned());
        let down = HttpStatus { code: 503, excerpt: excerpt.clone(), ..HttpStatus::default() };
        assert_eq!(text(down), r#"cap 30 http-5xx  GET / returns 503: {"db":"refused"}"#);
        let failed_assertions = vec!["the body does not match UP".to_owned()];
        let other = HttpStatus { code: 200, excerpt, failed_assertions, ..HttpStatus::default() };
        assert_eq!(text(other), r#"cap 40 http-assertion-failed  the body does not match UP: {"db":"refused"}"#);
    }

    #[test]
    fn a_success_that_reports_a_failure_is_a_note() {
        let status = HttpStatus { code: 200, failed_status: Some("DOWN".to_owned()), ..HttpStatus::default() };
        assert_eq!(text(status.clone()), "http-reports-failure  GET / returns 200 with the status 'DOWN' in its body");
        let findings = observation(vec![HttpOutcome::Status(status)]).findings();
        assert_eq!((findings[0].points(), findings[0].cap()), (0, None));
    }

    #[test]
    fn rare_failures_belong_to_stability() {
        assert_eq!(codes(&mixed(1)), [""; 0]);
        assert_eq!(codes(&mixed(2)), ["http-5xx"]);
        assert_eq!(codes(&observation(vec![HttpOutcome::TimedOut])), ["http-timeout"]);
        assert_eq!(codes(&observation(vec![HttpOutcome::Invalid("SSH-2.0".into())])), ["http-invalid"]);
    }
}
