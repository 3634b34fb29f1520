//! Services declared in a file, TOML or YAML.

use std::collections::HashSet;
use std::fmt;
use std::fs::File as FileHandle;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use tokio::time::sleep;

use super::blocking::run_blocking;
use super::{ItemSink, ListContext, ListFuture, Source, WatchFuture};
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::model::{
    CheckSpec, Column, Completeness, DeclaredDetail, Endpoint, HostPort, PartialError, Service, Update, UpdateSink,
};

/// List the services that a file declares
///
/// A service has a name, endpoints and check options, with the names of the options of `portolan validate`:
///
/// [[service]]
/// name = "shop"
/// endpoints = ["10.0.0.5:443", { address = "shop.internal:443", weight = 9 }]
/// ask = { protocol = "https", path = "/health", expect-status = "200" }
///
/// YAML has the same structure: a list `service` of maps.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [[service]] is TOML")]
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(
    feature = "cli",
    command(
        verbatim_doc_comment,
        after_help = "Examples:
  portolan discover file services.toml
  portolan validate services.toml"
    )
)]
pub struct File {
    /// Read this file: TOML, or YAML with the extension yaml or yml
    #[cfg_attr(feature = "cli", arg(value_name = "FILE", value_hint = ValueHint::FilePath))]
    pub file: PathBuf,
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Services {
    service: Vec<ServiceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceEntry {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    endpoints: Vec<EndpointEntry>,
    #[serde(default)]
    ask: CheckSpec,
}

/// `"host:port"`, or a table with this as `address`.
struct EndpointEntry {
    place: HostPort,
    weight: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointTable {
    address: String,
    #[serde(default)]
    weight: Option<u16>,
}

/// Longer files are not lists of services.
const MAX_BYTES: u64 = 16 << 20;
const HINT: &str = "`portolan discover file --help` shows the format of a services file";

/// Reads the services that a file declares.
///
/// # Errors
/// An unreadable file, or invalid content, with its line and column.
pub(crate) fn read(path: &Path) -> Result<Vec<Service<DeclaredDetail>>> {
    let shown = clean(&path.to_string_lossy());
    let is_file = std::fs::metadata(path).map(|meta| meta.is_file());
    if !is_file.map_err(|error| unusable(&shown, plain(&error)))? {
        return Err(unusable(&shown, "it is not a file".to_owned()));
    }

    let mut text = String::new();
    let file = FileHandle::open(path).map_err(|error| unusable(&shown, plain(&error)))?;
    let length = file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unusable(&shown, plain(&error)))?;
    if length as u64 == MAX_BYTES {
        return Err(unusable(&shown, "it is too large to be a list of services".to_owned()));
    }

    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let text = text.trim_start_matches('\u{feff}');
    let Services { service } = if is_yaml { yaml(text, &shown)? } else { toml(text, &shown)? };
    declared(service, &shown).map_err(|why| unusable(&shown, why))
}

/// The error for a file that cannot be used.
fn unusable(shown: &str, why: String) -> Error {
    Error::usage(format!("'{shown}'"), why, HINT)
}

/// The operating system's message without its number.
fn plain(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

fn toml(text: &str, shown: &str) -> Result<Services> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        invalid(&format!("{shown}:{line}:{column}"), error.message())
    })
}

fn yaml(text: &str, shown: &str) -> Result<Services> {
    yaml_serde::from_str(text).map_err(|error| {
        let position =
            error.location().map_or_else(|| shown.to_owned(), |at| format!("{shown}:{}:{}", at.line(), at.column()));
        let message = error.to_string();
        // The message repeats the position at its end.
        invalid(&position, message.split(" at line ").next().unwrap_or(&message))
    })
}

/// The parser's error; for an unknown key the hint is a similar one.
fn invalid(position: &str, message: &str) -> Error {
    let line = message.lines().next().unwrap_or_default();
    let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();

    let hint = match quoted.split_first().filter(|_| line.contains("unknown field")) {
        Some((word, known)) => match nearest(word, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the keys are {}", known.join(", ")),
        },
        None => HINT.to_owned(),
    };

    Error::usage(position, clean(line), hint)
}

fn declared(entries: Vec<ServiceEntry>, shown: &str) -> Result<Vec<Service<DeclaredDetail>>, String> {
    let mut seen = HashSet::new();
    let mut services = Vec::with_capacity(entries.len());
    for ServiceEntry { name, namespace, endpoints, ask } in entries {
        let id = match &namespace {
            Some(namespace) => format!("file/{namespace}/{name}"),
            None => format!("file/{name}"),
        };

        if name.is_empty() || !seen.insert(id.clone()) {
            return Err(format!("the name '{}' is empty or duplicate", clean(&name)));
        }
        if let Some(check) = ask.check.iter().find(|check| ask.no_check.contains(check)) {
            return Err(format!("{} has the check {} in both check and no-check", clean(&name), check.as_str()));
        }

        if let Some(option) = ask.useless_for_grpc() {
            return Err(format!("{} has {option}, which a gRPC check does not use", clean(&name)));
        }

        let endpoints = endpoints.into_iter().map(Endpoint::from).collect();
        let detail = DeclaredDetail { from: shown.into(), protocol: ask.protocol.clone(), ask: Arc::new(ask) };
        let (name, namespace) = (Some(name.into()), namespace.map(Into::into));
        services.push(Service { name, namespace, ..Service::new(id, "file", endpoints, detail) });
    }

    Ok(services)
}

impl From<EndpointEntry> for Endpoint {
    fn from(EndpointEntry { place, weight }: EndpointEntry) -> Self {
        Self { weight, ..place.endpoint() }
    }
}

impl<'de> Deserialize<'de> for EndpointEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrTable;
        impl<'de> Visitor<'de> for StringOrTable {
            type Value = EndpointEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"host:port\", or { address = \"host:port\", weight = 1 }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EndpointEntry, E> {
                parse_endpoint(text, None).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EndpointEntry, A::Error> {
                let EndpointTable { address, weight } = EndpointTable::deserialize(MapAccessDeserializer::new(map))?;
                parse_endpoint(&address, weight).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(StringOrTable)
    }
}

fn parse_endpoint(text: &str, weight: Option<u16>) -> Result<EndpointEntry, String> {
    let place = text.parse::<HostPort>().map_err(|error| format!("'{}' is not host:port: {error}", clean(text)))?;
    if place.port.is_none() {
        return Err(format!("'{}' is a Unix-domain socket, which cannot be checked", clean(text)));
    }
    Ok(EndpointEntry { place, weight })
}

impl File {
    async fn read(&self) -> Result<Vec<Service<DeclaredDetail>>> {
        let path = self.file.clone();
        run_blocking(move || read(&path)).await
    }
}

impl Source for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for service in self.read().await? {
                if context.cancel.is_set() || out.service(service.erase()).is_break() {
                    return Ok(Completeness::Incomplete);
                }
            }
            Ok(Completeness::Complete)
        })
    }

    /// Short, because the author of a file waits for the effect of a change.
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Reads the file once per interval, even while it is invalid: reading is cheap, and its author is fixing it.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let mut has_listed = false;
            loop {
                match self.read().await {
                    Ok(services) => feed.apply(vec![Update::Reset(services.into_iter().map(Service::erase).collect())]),
                    Err(error) if !has_listed => return Err(error),
                    Err(error) => feed.mark_stale(PartialError::from(&error)),
                }
                has_listed = true;
                sleep(interval.unwrap_or_else(|| self.interval())).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> (String, String) {
        let error = toml(text, "s.toml")
            .and_then(|file| declared(file.service, "s.toml").map_err(|why| Error::usage("s.toml", why, HINT)));
        let error = error.unwrap_err();
        (error.to_string(), error.hint().to_owned())
    }

    #[test]
    fn both_formats_are_equivalent() {
        let from_toml = toml(
            "[[service]]\nname = 'a'\nendpoints = ['10.0.0.1:80', { address = 'web.test:81', weight = 9 }]\n\
             ask = { path = '/x', expect-status = '2xx', goal = ['10ms'] }\n",
            "s",
        );
        let from_yaml = yaml(
            "service:\n- name: a\n  endpoints: ['10.0.0.1:80', {address: 'web.test:81', weight: 9}]\n  \
             ask: {path: /x, expect-status: 2xx, goal: [10ms]}\n",
            "s",
        );
        for file in [from_toml.unwrap(), from_yaml.unwrap()] {
            let services = declared(file.service, "s").unwrap();
            let endpoints: Vec<_> = services[0].endpoints.iter().map(|at| (at.to_string(), at.weight)).collect();
            assert_eq!(endpoints, [("10.0.0.1:80".to_owned(), None), ("web.test:81".to_owned(), Some(9))]);
            assert_eq!(services[0].id, "file/a");
            assert_eq!(services[0].detail.ask.path.as_ref().unwrap().as_str(), "/x");
        }
    }

    #[test]
    fn an_error_has_its_position() {
        let (error, hint) = failure("[[service]]\nname = 'a'\nendpoint = []\n");
        assert_eq!(
            error,
            "cannot use s.toml:3:1: unknown field `endpoint`, expected one of `name`, `namespace`, `endpoints`, `ask`"
        );
        assert_eq!(hint, "did you mean endpoints?");
        let (error, hint) = failure("[[service]]\nname = 'a'\nendpoints = []\nask = { expect-sttus = '200' }\n");
        assert!(error.starts_with("cannot use s.toml:4:"), "{error}");
        assert_eq!(hint, "did you mean expect-status?");
        let (error, _) = failure("[[service]]\nname = 'a'\nendpoints = ['a']\n");
        assert!(error.contains("'a' is not host:port"), "{error}");
        let (error, _) = failure("[[service]]\nname = 'a'\nendpoints = []\nask.expect-body = '('\n");
        assert!(error.contains("unclosed group"), "{error}");
        let (error, _) = failure("[[service]]\nname = 'a'\nendpoints = []\n[[service]]\nname = 'a'\nendpoints = []\n");
        assert!(error.contains("is empty or duplicate"), "{error}");
    }
}
