//! Health as JUnit XML, for what shows the results of tests: an endpoint is a test, and fails where it is not healthy.

use std::io::{self, Write};

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Footer, Format, RenderOptions};
use crate::clean::{clean, escaped};
use crate::model::{Endpoint, Health, HealthState, Service};

pub(super) struct Junit<'w> {
    out: &'w mut (dyn Write + Send),
    generated: Timestamp,
    cases: Vec<Case>,
}

/// A test.
struct Case {
    class: String,
    name: String,
    outcome: CaseOutcome,
    /// Everything that was found, a line each.
    log: String,
}

enum CaseOutcome {
    Passed,
    /// Type and message.
    Failed(String, String),
    Skipped(String),
}

impl<'w> Junit<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, generated: page.generated, cases: Vec::new() })
    }

    fn write(&mut self) -> io::Result<()> {
        let failed =
            self.cases.iter().filter(|case| matches!(case.outcome, CaseOutcome::Failed(..))).count().to_string();
        let skipped =
            self.cases.iter().filter(|case| matches!(case.outcome, CaseOutcome::Skipped(_))).count().to_string();
        let (tests, at) = (self.cases.len().to_string(), self.generated.to_string());
        let counts =
            [("name", "portolan"), ("tests", &tests), ("failures", &failed), ("skipped", &skipped), ("errors", "0")];
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let cases = &self.cases;
        writer.create_element("testsuites").write_inner_content(|writer| {
            let suite =
                writer.create_element("testsuite").with_attributes(counts).with_attribute(("timestamp", at.as_str()));
            suite.write_inner_content(|writer| cases.iter().try_for_each(|case| case.write(writer)))?;
            Ok(())
        })?;
        self.out.write_all(&writer.into_inner())?;
        self.out.write_all(b"\n")
    }
}

impl Case {
    fn of(service: &Service, endpoint: &Endpoint) -> Self {
        let outcome = match endpoint.health.as_deref() {
            None => CaseOutcome::Skipped("not checked".to_owned()),
            Some(health) if health.state == HealthState::Healthy => CaseOutcome::Passed,
            Some(health) if health.state == HealthState::Unknown => CaseOutcome::Skipped(unknown(health)),
            Some(health) => {
                let first = health.findings.first();
                let kind = first.map_or_else(|| "score".to_owned(), |finding| clean(finding.code()));
                CaseOutcome::Failed(kind, first.map(ToString::to_string).unwrap_or_default())
            }
        };
        let findings = endpoint.health.iter().flat_map(|health| &health.findings);
        let lines: Vec<String> =
            findings.map(|finding| format!("{finding} (hint: {})", escaped(finding.hint()))).collect();
        let log = lines.join("\n");
        let class = match &service.name {
            Some(name) => format!("{}.{name}", clean(&service.source)),
            None => escaped(&service.id).into_owned(),
        };
        Self { class, name: endpoint.to_string(), outcome, log }
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let element = writer.create_element("testcase");
        let element = element.with_attributes([("classname", self.class.as_str()), ("name", self.name.as_str())]);
        if matches!(self.outcome, CaseOutcome::Passed) && self.log.is_empty() {
            element.write_empty()?;
            return Ok(());
        }
        element.write_inner_content(|writer| {
            match &self.outcome {
                CaseOutcome::Passed => {}
                CaseOutcome::Failed(kind, message) => {
                    let failure = writer.create_element("failure");
                    let failure = failure.with_attributes([("type", kind.as_str()), ("message", message.as_str())]);
                    failure.write_text_content(BytesText::new(&self.log))?;
                }
                CaseOutcome::Skipped(why) => {
                    writer.create_element("skipped").with_attribute(("message", why.as_str())).write_empty()?;
                }
            }
            if matches!(self.outcome, CaseOutcome::Passed) {
                writer.create_element("system-out").write_text_content(BytesText::new(&self.log))?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn unknown(health: &Health) -> String {
    health.hindered.first().map_or_else(|| "nothing could be looked at".to_owned(), |why| clean(why))
}

impl Format for Junit<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        self.cases.extend(service.endpoints.iter().map(|endpoint| Case::of(service, endpoint)));
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        self.write()
    }
}
