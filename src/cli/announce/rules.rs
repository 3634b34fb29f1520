//! The rules of `local --register`: which listeners are announced, and as what.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use glob::Pattern;
use serde::{Deserialize, Deserializer};

use crate::clean::clean;
use crate::cli::register::ReadyCheck;
use crate::cli::settings_file;
use crate::error::{Error, Result};
use crate::model::{
    CheckDefinition, Endpoint, HostPort, LocalDetail, Ports, Registration, Service, Untrusted, parse_duration,
};

/// A rule: the listeners that it matches are registered under its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Rule {
    pub(super) name: String,
    /// The address that clients connect to, in place of the listener's.
    #[serde(default)]
    pub(super) address: Option<String>,
    #[serde(rename = "match")]
    conditions: Conditions,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    weight: Option<u16>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    ttl: Option<Duration>,
    #[serde(default, deserialize_with = "check")]
    check: Option<ReadyCheck>,
    #[serde(default, deserialize_with = "duration")]
    interval: Option<Duration>,
}

/// What a listener must be: all that is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Conditions {
    #[serde(deserialize_with = "ports")]
    port: Option<Ports>,
    #[serde(deserialize_with = "pattern")]
    process: Option<Pattern>,
    #[serde(deserialize_with = "pattern")]
    unit: Option<Pattern>,
    #[serde(deserialize_with = "pattern")]
    container: Option<Pattern>,
    #[serde(deserialize_with = "pattern")]
    name: Option<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    service: Vec<Rule>,
}

const HINT: &str = "`portolan local --help` shows an example";

/// Reads a file of rules.
///
/// # Errors
/// The file cannot be read, or the first rule that cannot be used.
pub(in crate::cli) fn read(path: &Path, option: &str) -> Result<Vec<Rule>> {
    let text = settings_file::read(path, Some(option))?.unwrap_or_default();
    let shown = clean(&path.to_string_lossy());
    let file: RuleFile = toml::from_str(&text).map_err(|error| {
        let place =
            error.span().map_or_else(|| shown.clone(), |span| format!("{shown}:{}", line_of(&text, span.start)));
        Error::Settings { place, why: clean(error.message()), hint: HINT.to_owned() }
    })?;

    if file.service.is_empty() {
        let why = "it has no [[service]]".to_owned();
        return Err(Error::Settings { place: shown, why, hint: HINT.to_owned() });
    }
    for (at, rule) in file.service.iter().enumerate() {
        let place = format!("{shown}: [[service]] {}", at + 1);
        if rule.conditions.is_empty() {
            let why = "its match is empty, which would register everything that listens".to_owned();
            let hint = "give it a port, a process, a unit, a container or a name".to_owned();
            return Err(Error::Settings { place, why, hint });
        }
        let sample =
            "192.0.2.1:80".parse::<HostPort>().ok().map(|sample| rule.registration("sample".to_owned(), sample));
        if let Some(problem) = sample.and_then(|sample| sample.problem()) {
            return Err(Error::Settings { place, why: problem.to_string(), hint: problem.hint });
        }
    }
    Ok(file.service)
}

/// The number of the line that a byte is in.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

impl Rule {
    /// Whether it is a rule for this listener.
    pub(super) fn matches(&self, service: &Service, endpoint: &Endpoint, detail: &LocalDetail) -> bool {
        let Conditions { port, process, unit, container, name } = &self.conditions;
        port.as_ref().is_none_or(|ports| endpoint.port.is_some_and(|port| ports.contains(port)))
            && process
                .as_ref()
                .is_none_or(|pattern| detail.processes.iter().any(|process| fits(pattern, &process.name)))
            && unit.as_ref().is_none_or(|pattern| detail.unit.iter().any(|unit| fits(pattern, unit)))
            && container.as_ref().is_none_or(|pattern| {
                let container = detail.container.as_ref();
                container
                    .is_some_and(|container| fits(pattern, &container.id) || pattern.matches(&container.to_string()))
            })
            && name.as_ref().is_none_or(|pattern| service.name.iter().any(|name| fits(pattern, name)))
    }

    /// The registration of a listener that it matches.
    pub(super) fn registration(&self, id: String, place: HostPort) -> Registration {
        let check = self.check.as_ref().map(ReadyCheck::definition);
        let check = check.map(|check| CheckDefinition { interval: self.interval, ..check });
        Registration {
            id: Some(id),
            namespace: self.namespace.clone(),
            version: self.version.clone(),
            protocol: self.protocol.clone().or_else(|| self.check.as_ref()?.protocol().map(str::to_owned)),
            weight: self.weight,
            ttl: self.ttl,
            tags: self.tags.clone(),
            metadata: self.metadata.clone().into(),
            zone: self.zone.clone(),
            checks: check.into_iter().collect(),
            ..Registration::new(self.name.clone(), place)
        }
    }
}

fn fits(pattern: &Pattern, text: &Untrusted) -> bool {
    pattern.matches(text.as_raw())
}

impl Conditions {
    fn is_empty(&self) -> bool {
        let Self { port, process, unit, container, name } = self;
        port.is_none() && [process, unit, container, name].iter().all(|pattern| pattern.is_none())
    }
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pattern>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Pattern::new(&text)
        .map(Some)
        .map_err(|error| serde::de::Error::custom(format!("'{text}' is not a pattern: {}", error.msg)))
}

/// A number, or a text such as `8080,9000-9010`.
fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ports>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum PortsText {
        Number(u16),
        Text(String),
    }
    let text = match PortsText::deserialize(deserializer)? {
        PortsText::Number(number) => number.to_string(),
        PortsText::Text(text) => text,
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(|error| serde::de::Error::custom(format!("'{text}': {error}")))
}

fn check<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReadyCheck>, D::Error> {
    let text = String::deserialize(deserializer)?;
    ReadyCheck::parse(&text)
        .map(Some)
        .map_err(|error| serde::de::Error::custom(format!("check '{text}': {error}; {}", error.hint())))
}
