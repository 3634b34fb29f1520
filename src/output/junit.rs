//! Health as JUnit XML, for CI and other viewers of test results: each endpoint is a test case, which fails unless the
//! endpoint is healthy, or reaches the score that is required. A service that its source reports as unusable is a failed test
//! case of its own; so is one that only as a whole misses its score, and a finding of `portolan drift`. What the listing lacks
//! is an error.

use std::io::{self, Write};

use jiff::Timestamp;

use super::xml::XmlWriter;
use super::{Footer, Format, RenderOptions, place_with_path};
use crate::clean::{clean, escaped};
use crate::model::{DriftDetail, DriftState, Endpoint, Figures, Health, HealthState, PartialError, Service};

pub(super) struct Junit<'w> {
    out: &'w mut (dyn Write + Send),
    generated: Timestamp,
    cases: Vec<TestCase>,
}

struct TestCase {
    class: String,
    name: String,
    outcome: TestOutcome,
    /// All findings, one per line.
    log: String,
    /// Labels of the service and figures of the endpoint.
    properties: Vec<(String, String)>,
    /// How long the check took, in seconds.
    time: Option<String>,
}

enum TestOutcome {
    Passed,
    /// Type and message.
    Failed(String, String),
    /// A requested check could not run, and the rest does not prove that the endpoint is unusable.
    Incomplete(String),
    Skipped(String),
}

impl<'w> Junit<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, generated: page.generated, cases: Vec::new() })
    }

    fn count(&self, matches: fn(&TestOutcome) -> bool) -> String {
        self.cases.iter().filter(|case| matches(&case.outcome)).count().to_string()
    }
}

impl TestCase {
    fn of(service: &Service, endpoint: &Endpoint) -> Self {
        let min_score = service.health.as_deref().and_then(|health| health.min_score);
        let outcome = match endpoint.health.as_deref() {
            None => TestOutcome::Skipped("not checked".to_owned()),
            Some(health) if is_good(health, min_score) => TestOutcome::Passed,
            Some(health) if health.state == HealthState::Unknown => match health.hindered.first() {
                Some(cause) => TestOutcome::Incomplete(clean(cause)),
                None => TestOutcome::Skipped("no check could run".to_owned()),
            },
            Some(health) => {
                let first = health.findings.first();
                let kind = first.map_or_else(|| "score".to_owned(), |finding| clean(finding.code()));
                let finding = first.map(ToString::to_string).unwrap_or_default();
                TestOutcome::Failed(kind, [below(health.score, min_score), finding].concat())
            }
        };

        let findings = endpoint.health.iter().flat_map(|health| &health.findings);
        let lines: Vec<String> =
            findings.map(|finding| format!("{finding} (hint: {})", escaped(finding.hint()))).collect();

        let figures = endpoint.health.as_deref().map(|health| health.figures).unwrap_or_default();
        Self {
            class: class(service),
            name: place_with_path(service, endpoint),
            outcome,
            log: lines.join("\n"),
            properties: properties(service, &figures),
            time: figures.latency_us.total.or(figures.latency_us.connect).map(seconds),
        }
    }

    /// The case of an item that compares a registry with this machine.
    fn of_drift(service: &Service, detail: &DriftDetail) -> Self {
        let finding = service.findings.first();
        let outcome = match (detail.state, finding) {
            (_, Some(finding)) => TestOutcome::Failed(clean(finding.code()), finding.to_string()),
            (DriftState::Agrees, None) => TestOutcome::Passed,
            (_, None) => TestOutcome::Skipped(detail.reason.as_ref().map(ToString::to_string).unwrap_or_default()),
        };

        let command = detail.command.as_ref().map(|command| format!("command: {command}"));
        let hint = finding.map(|finding| format!("{finding} (hint: {})", escaped(finding.hint())));
        let log: Vec<String> = hint.into_iter().chain(command).collect();
        Self {
            class: class(service),
            name: service.endpoints.first().map_or_else(|| service.id.to_string(), ToString::to_string),
            outcome,
            log: log.join("\n"),
            properties: Vec::new(),
            time: None,
        }
    }

    /// The case of a part of the listing that could not be read.
    fn of_error(error: &PartialError) -> Self {
        Self {
            class: "portolan".to_owned(),
            name: clean(&error.operation),
            outcome: TestOutcome::Incomplete(clean(&error.cause)),
            log: format!("hint: {}", escaped(&error.hint)),
            properties: Vec::new(),
            time: None,
        }
    }

    /// The case of a service whose source proves that it is unusable, whatever its endpoints reply, or which misses its score
    /// although no endpoint does.
    fn of_service(service: &Service, endpoints: &[Self]) -> Option<Self> {
        let health = service.health.as_deref()?;
        let is_bad = health.min_score.map_or(health.state != HealthState::Healthy, |_| health.has_failed());
        let finding = service.limiting_finding().filter(|_| is_bad);
        let is_silent =
            endpoints.iter().all(|case| matches!(case.outcome, TestOutcome::Passed | TestOutcome::Skipped(_)));

        let (outcome, log) = match finding {
            Some(finding) => {
                let message = [below(health.score, health.min_score), finding.to_string()].concat();
                let log = format!("{finding} (hint: {})", escaped(finding.hint()));
                (TestOutcome::Failed(clean(finding.code()), message), log)
            }
            None if is_bad && is_silent && health.min_score.is_some() => {
                let message = below(health.score, health.min_score);
                (TestOutcome::Failed("min-score".to_owned(), message.trim_end_matches(": ").to_owned()), String::new())
            }
            None => return None,
        };
        let properties = properties(service, &Figures::default());
        Some(Self { class: class(service), name: "service".to_owned(), outcome, log, properties, time: None })
    }

    fn write(&self, xml: &mut XmlWriter<'_>) -> io::Result<()> {
        let mut attributes = vec![("classname", &*self.class), ("name", &*self.name)];
        attributes.extend(self.time.as_deref().map(|time| ("time", time)));
        if matches!(self.outcome, TestOutcome::Passed) && self.log.is_empty() && self.properties.is_empty() {
            return xml.empty("testcase", &attributes);
        }

        xml.open("testcase", &attributes)?;
        if !self.properties.is_empty() {
            xml.open("properties", &[])?;
            for (name, value) in &self.properties {
                xml.empty("property", &[("name", name), ("value", value)])?;
            }
            xml.close("properties")?;
        }

        match &self.outcome {
            TestOutcome::Passed if self.log.is_empty() => {}
            TestOutcome::Passed => {
                xml.open("system-out", &[])?;
                xml.text(&self.log)?;
                xml.close("system-out")?;
            }
            TestOutcome::Failed(kind, message) => {
                xml.open("failure", &[("type", kind), ("message", message)])?;
                xml.text(&self.log)?;
                xml.close("failure")?;
            }
            TestOutcome::Incomplete(cause) => {
                xml.open("error", &[("type", "not-checked"), ("message", cause)])?;
                xml.text(&self.log)?;
                xml.close("error")?;
            }
            TestOutcome::Skipped(why) => xml.empty("skipped", &[("message", why)])?,
        }

        xml.close("testcase")
    }
}

/// Whether an endpoint reaches the required score; without one, whether it is healthy.
fn is_good(health: &Health, min_score: Option<u8>) -> bool {
    match min_score {
        Some(min_score) => health.score.is_some_and(|score| score >= min_score),
        None => health.state == HealthState::Healthy,
    }
}

/// `scores 60, below 80: `; nothing if no score is required.
fn below(score: Option<u8>, min_score: Option<u8>) -> String {
    match (score, min_score) {
        (_, None) => String::new(),
        (Some(score), Some(min_score)) => format!("scores {score}, below {min_score}: "),
        (None, Some(min_score)) => format!("has no score, and must reach {min_score}: "),
    }
}

/// `k8s.shop.web`, `local.nginx`
fn class(service: &Service) -> String {
    let Some(name) = &service.name else { return service.id.to_string() };
    let namespace = service.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
    format!("{}.{namespace}{name}", clean(&service.source))
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// The labels of a service, and the figures of an endpoint.
fn properties(service: &Service, figures: &Figures) -> Vec<(String, String)> {
    let labels =
        service.detail.labels().into_iter().flatten().map(|(name, value)| (name.to_string(), value.to_string()));
    let phases = figures
        .latency_us
        .phases()
        .into_iter()
        .filter_map(|(phase, us)| Some((format!("latency_seconds.{phase}"), seconds(us?))));
    let status = figures.http_status.map(|status| ("http_status".to_owned(), status.to_string()));
    let days = figures.certificate_days.map(|days| ("certificate_days".to_owned(), days.to_string()));
    labels.chain(phases).chain(status).chain(days).collect()
}

impl Format for Junit<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        if let Some(detail) = service.detail.downcast_ref() {
            self.cases.push(TestCase::of_drift(service, detail));
            return Ok(());
        }
        let endpoints: Vec<TestCase> =
            service.endpoints.iter().map(|endpoint| TestCase::of(service, endpoint)).collect();
        self.cases.extend(TestCase::of_service(service, &endpoints));
        self.cases.extend(endpoints);
        Ok(())
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        // An endpoint that could not be checked is a case already.
        if !self.cases.iter().any(|case| matches!(case.outcome, TestOutcome::Incomplete(_))) {
            self.cases.extend(end.errors.iter().map(TestCase::of_error));
        }

        let failed = self.count(|outcome| matches!(outcome, TestOutcome::Failed(..)));
        let incomplete = self.count(|outcome| matches!(outcome, TestOutcome::Incomplete(_)));
        let skipped = self.count(|outcome| matches!(outcome, TestOutcome::Skipped(_)));
        let (tests, generated) = (self.cases.len().to_string(), self.generated.to_string());
        let suite = [
            ("name", "portolan"),
            ("tests", &*tests),
            ("failures", &*failed),
            ("skipped", &*skipped),
            ("errors", &*incomplete),
            ("timestamp", &*generated),
        ];

        let mut xml = XmlWriter::indented(self.out)?;
        xml.open("testsuites", &[])?;
        xml.open("testsuite", &suite)?;

        for case in &self.cases {
            case.write(&mut xml)?;
        }

        xml.close("testsuite")?;
        xml.close("testsuites")?;
        xml.end_line()
    }
}
