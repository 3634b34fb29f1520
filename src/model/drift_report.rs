//! What the agent of a host reports to a registry: where the host and the registry disagree.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json_fields::{JsonFields, object_of, serialize_duration};
use super::{Problem, name_problem};
use crate::clean::is_dangerous;

/// The most findings of a report.
pub const MAX_REPORT_FINDINGS: usize = 500;
/// The longest text of a report, in bytes.
pub const MAX_REPORT_TEXT_BYTES: usize = 1_024;
/// All texts of a report, in bytes.
pub const MAX_REPORT_BYTES: usize = 256 * 1_024;
/// The most gaps that a report names.
pub const MAX_REPORT_GAPS: usize = 20;
/// The shortest time between two reports.
pub const MIN_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time between two reports.
pub const MAX_REPORT_INTERVAL: Duration = Duration::from_hours(1);

/// The report of an agent: all findings of its host at this moment. One that is no longer among them has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// The name of the host, as registrations have it as their node.
    pub host: String,
    /// The time until the next report.
    #[serde(serialize_with = "serialize_duration")]
    pub interval: Duration,
    /// What the agent could not look at, one line each.
    pub gaps: Vec<String>,
    /// The findings.
    pub findings: Vec<ReportedFinding>,
}

/// A finding as an agent reports it and a registry keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReportedFinding {
    /// Its id, the same in every report of the host: `drift-not-listening/portolan/web/web-1`.
    pub id: String,
    /// Its code: `drift-not-listening`.
    pub code: String,
    /// The problem, in one line.
    pub text: String,
    /// The name of the registered service; of a listener that no registry has, its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The namespace of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The id of the registered instance; without one, the finding is about a listener or a whole service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Address and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The registry, as the agent names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// What holds the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The command to type on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Since when, as far as the agent knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl DriftReport {
    /// Reads a report.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn from_json(document: &[u8]) -> Result<Self, Problem> {
        let mut fields = JsonFields::parse(document)?;
        let report = Self {
            host: required(fields.text(&["host"])?, "host")?,
            interval: required(fields.duration(&["interval"])?, "interval")?,
            gaps: fields.texts(&["gaps"])?,
            findings: fields
                .list(&["findings"], |value| object_of(value, ReportedFinding::read))?
                .ok_or_else(|| missing("findings"))?,
        };
        fields.finish()?;

        match report.problem() {
            Some(problem) => Err(problem),
            None => Ok(report),
        }
    }

    /// The first field that makes it invalid.
    pub fn problem(&self) -> Option<Problem> {
        name_problem("host", &self.host)
            .or_else(|| self.interval_problem())
            .or_else(|| self.count_problem())
            .or_else(|| self.gaps.iter().find_map(|gap| text_problem("gaps", gap)))
            .or_else(|| {
                let mut findings = self.findings.iter().enumerate();
                findings.find_map(|(at, finding)| Some(finding.problem()?.within(&at.to_string()).within("findings")))
            })
            .or_else(|| self.repeated_problem())
    }

    fn interval_problem(&self) -> Option<Problem> {
        let is_allowed = (MIN_REPORT_INTERVAL..=MAX_REPORT_INTERVAL).contains(&self.interval);
        (!is_allowed).then(|| Problem::new("interval", "it is not between 1 s and 1 h", "send a report every 10s"))
    }

    fn count_problem(&self) -> Option<Problem> {
        if self.gaps.len() > MAX_REPORT_GAPS {
            let message = format!("there are {}, at most {MAX_REPORT_GAPS} are allowed", self.gaps.len());
            return Some(Problem::new("gaps", message, "name the most important ones"));
        }
        if self.findings.len() > MAX_REPORT_FINDINGS {
            let message = format!("there are {}, at most {MAX_REPORT_FINDINGS} are allowed", self.findings.len());
            return Some(Problem::new("findings", message, "leave findings out, and name that among the gaps"));
        }

        let bytes: usize = self.findings.iter().map(ReportedFinding::bytes).sum();
        (bytes > MAX_REPORT_BYTES).then(|| {
            let message = format!("they have {bytes} bytes, at most {MAX_REPORT_BYTES} are allowed");
            Problem::new("findings", message, "leave findings out, and name that among the gaps")
        })
    }

    fn repeated_problem(&self) -> Option<Problem> {
        let mut ids = BTreeSet::new();
        let repeated = self.findings.iter().find(|finding| !ids.insert(finding.id.as_str()))?;
        Some(Problem::new("findings", format!("two have the id {}", repeated.id), "give each finding an id of its own"))
    }
}

impl ReportedFinding {
    /// Its texts, in bytes.
    pub fn bytes(&self) -> usize {
        self.texts().into_iter().map(|(_, text)| text.len()).sum()
    }

    fn texts(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("service", &self.service),
            ("namespace", &self.namespace),
            ("instance", &self.instance),
            ("address", &self.address),
            ("registry", &self.registry),
            ("holder", &self.holder),
            ("command", &self.command),
        ];
        let present = optional.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)));
        [("id", self.id.as_str()), ("code", &self.code), ("text", &self.text)].into_iter().chain(present).collect()
    }

    fn read(mut fields: JsonFields) -> Result<Self, Problem> {
        let finding = Self {
            id: required(fields.text(&["id"])?, "id")?,
            code: required(fields.text(&["code"])?, "code")?,
            text: required(fields.text(&["text"])?, "text")?,
            service: fields.text(&["service"])?,
            namespace: fields.text(&["namespace"])?,
            instance: fields.text(&["instance"])?,
            address: fields.text(&["address"])?,
            registry: fields.text(&["registry"])?,
            holder: fields.text(&["holder"])?,
            command: fields.text(&["command"])?,
            since: fields
                .text(&["since"])?
                .map(|text| text.parse())
                .transpose()
                .map_err(|_| Problem::new("since", "it is not a time", "write one as 2026-11-29T12:00:00Z"))?,
        };
        fields.finish()?;
        Ok(finding)
    }

    fn problem(&self) -> Option<Problem> {
        let is_code = self.code.len() <= 64
            && self.code.starts_with("drift-")
            && self.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_code {
            return Some(Problem::new("code", "it is not a code", "send one as drift-not-listening"));
        }
        self.texts().into_iter().find_map(|(name, text)| text_problem(name, text))
    }
}

fn missing(field: &'static str) -> Problem {
    let hint = "send {\"host\":…,\"interval\":\"10s\",\"gaps\":[],\"findings\":[{\"id\":…,\"code\":…,\"text\":…}]}";
    Problem::new(field, "it is missing", hint)
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Problem> {
    value.ok_or_else(|| missing(field))
}

fn text_problem(field: &str, text: &str) -> Option<Problem> {
    let is_unusable = text.is_empty() || text.len() > MAX_REPORT_TEXT_BYTES || text.contains(is_dangerous);
    is_unusable.then(|| {
        let message = format!("it is empty, longer than {MAX_REPORT_TEXT_BYTES} bytes or has control characters");
        Problem::new(field, message, "send a short text")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn finding(id: &str) -> Value {
        json!({ "id": id, "code": "drift-not-listening", "text": "nothing listens", "service": "web" })
    }

    fn report(findings: &[Value]) -> Value {
        json!({ "host": "web1", "interval": "10s", "gaps": [], "findings": findings })
    }

    fn read(value: &Value) -> Result<DriftReport, Problem> {
        DriftReport::from_json(value.to_string().as_bytes())
    }

    #[test]
    fn a_report_reads_back() {
        let read_once = read(&report(&[finding("a"), finding("b")])).unwrap();
        let again = DriftReport::from_json(&serde_json::to_vec(&read_once).unwrap()).unwrap();
        assert_eq!(again, read_once);
        assert_eq!(read_once.findings[1].service.as_deref(), Some("web"));
    }

    #[test]
    fn what_is_too_much_or_no_report_is_refused_with_its_field() {
        let mut long = finding("a");
        long["text"] = "x".repeat(MAX_REPORT_TEXT_BYTES + 1).into();
        let mut hostile = finding("a");
        hostile["holder"] = "\u{1b}[2J".into();
        let mut other = finding("a");
        other["code"] = "tcp-refused".into();
        let mut unknown = finding("a");
        unknown["points"] = 5.into();
        let many: Vec<Value> = (0..=MAX_REPORT_FINDINGS).map(|at| finding(&at.to_string())).collect();
        let wide: Vec<Value> = (0..300)
            .map(|at| {
                let mut one = finding(&at.to_string());
                one["text"] = "x".repeat(1_000).into();
                one
            })
            .collect();
        let mut quick = report(&[]);
        quick["interval"] = "10ms".into();
        let mut nameless = report(&[]);
        nameless["host"] = "a/b".into();
        let mut gaps = report(&[]);
        gaps["gaps"] = vec!["x"; MAX_REPORT_GAPS + 1].into();

        for (document, field) in [
            (json!({}), "host"),
            (json!([]), ""),
            (nameless, "host"),
            (quick, "interval"),
            (gaps, "gaps"),
            (json!({ "host": "web1", "interval": 10 }), "findings"),
            (report(&many), "findings"),
            (report(&wide), "findings"),
            (report(&[finding("a"), finding("a")]), "findings"),
            (report(&[finding("b"), long]), "findings.1.text"),
            (report(&[hostile]), "findings.0.holder"),
            (report(&[other]), "findings.0.code"),
            (report(&[unknown]), "findings.0.points"),
        ] {
            let problem = read(&document).unwrap_err();
            assert_eq!(problem.field, field, "{problem}");
        }
    }
}
