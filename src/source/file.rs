//! Services declared in a file, TOML or YAML.

mod entries;
mod expand;
mod node;
mod options;
mod unset;

use std::cell::Cell;
use std::fs::File as FileHandle;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
use serde::de::DeserializeSeed;
use tokio::time::sleep;

pub use self::expand::Variable;
pub(crate) use self::expand::{ExpandedText, expand};
pub(crate) use self::node::{DocumentNode, Step};
use self::node::{Locate, written};
use self::options::Context;
use self::unset::UnsetService;
use super::blocking::run_blocking;
use super::{ItemSink, ListContext, ListFuture, Source, TypedSource, WatchFuture};
use crate::clean::clean;
use crate::error::{Error, Result, line_and_column, plain};
use crate::model::{
    Column, Completeness, DeclaredDetail, Detail, Listing, PartialError, RawDetail, Service, Update, UpdateSink,
};

/// List the services that a file declares
///
/// A service has a name, endpoints (host:port or URLs), and options named like those of `portolan validate`. [defaults]
/// holds the options that all services share. portolan replaces ${VAR} and ${VAR:-default} with environment variables.
///
/// [defaults]
/// timeout = "2s"
/// labels = { team = "shop" }
///
/// [[service]]
/// name = "shop"
/// endpoints = ["https://10.0.0.5/health", { address = "shop.internal:443", weight = 9 }]
/// header = "Authorization: Bearer ${TOKEN}"
/// expect-status = 200
///
/// YAML has the same structure: a list `service` of maps. docs/services-file.md has all keys.
///
/// A FILE with the extension json or ndjson is a listing that an earlier run stored; --diff OLD.json compares it with another.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [[service]] is TOML")]
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(
    feature = "cli",
    command(
        verbatim_doc_comment,
        after_help = "Examples:
  portolan discover file services.toml
  portolan discover file day2.json --diff day1.json      what changed between two stored listings
  portolan validate services.toml
  portolan validate services.toml shop"
    )
)]
pub struct File {
    /// Read this file: TOML, YAML with the extension yaml or yml, or a stored listing with json or ndjson
    #[cfg_attr(feature = "cli", arg(value_name = "FILE", value_hint = ValueHint::FilePath))]
    pub file: PathBuf,
    /// Reads variables of the environment. Without it, no variable is set.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub variable: Option<Variable>,
}

/// Longer files are not lists of services.
const MAX_BYTES: u64 = 16 << 20;
const HINT: &str = "`portolan discover file --help` shows the format of a services file";

/// Why a part of a file cannot be used, and what to write instead.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) why: String,
    pub(crate) hint: String,
}

/// A problem and its place.
#[derive(Debug)]
struct Failure {
    problem: Problem,
    path: Vec<Step>,
    /// The name of the service.
    service: Option<String>,
}

impl Problem {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }

    fn at(self, path: &[Step]) -> Failure {
        Failure { problem: self, path: path.to_vec(), service: None }
    }

    fn at_key(self, key: &str) -> Failure {
        self.at(&[Step::Key(key.to_owned())])
    }
}

impl Failure {
    /// The same place, seen from further outside.
    fn within(mut self, outer: &[Step]) -> Self {
        self.path.splice(0..0, outer.iter().cloned());
        self
    }

    fn named(self, service: &str) -> Self {
        Self { service: self.service.or_else(|| Some(service.to_owned())), ..self }
    }

    fn subject(&self) -> String {
        subject(self.service.as_deref(), &self.path)
    }
}

/// The service and the key: `service 'shop': ask.path: `.
fn subject(service: Option<&str>, path: &[Step]) -> String {
    let Some(service) = service else {
        let path = written(path);
        return if path.is_empty() { path } else { format!("{path}: ") };
    };
    // The name says which service it is; its number does not help. With one service there is none.
    let inside = if matches!(path.get(1), Some(Step::Item(_))) { 2 } else { 1 };
    let path = written(path.get(inside..).unwrap_or_default());
    let key = if path.is_empty() { path } else { format!("{path}: ") };
    format!("service '{}': {key}", clean(service))
}

/// The services of a file.
#[derive(Debug)]
pub(crate) struct ServicesFile {
    pub(crate) services: Vec<Service<DeclaredDetail>>,
    unset: Vec<UnreadService>,
}

/// A service that cannot be read, because variables are not set.
#[derive(Debug)]
struct UnreadService {
    name: String,
    namespace: Option<String>,
    variables: Vec<MissingVariable>,
}

/// A variable that is not set.
#[derive(Debug)]
struct MissingVariable {
    name: String,
    /// The place in the file: `services.toml:4:1`.
    place: String,
    /// The service and the key: `service 'shop': header`.
    subject: String,
}

impl ServicesFile {
    /// All services.
    ///
    /// # Errors
    /// If a variable is not set.
    pub(crate) fn all(self) -> Result<Vec<Service<DeclaredDetail>>> {
        self.check_variables(|_, _| true)?;
        Ok(self.services)
    }

    /// Whether a service, with its name and its namespace, is one that cannot be read, because a variable is not set.
    pub(crate) fn has_unread(&self, is_meant: impl Fn(&str, Option<&str>) -> bool) -> bool {
        self.unset.iter().any(|service| is_meant(&service.name, service.namespace.as_deref()))
    }

    /// Names every variable that these services need and that is not set.
    ///
    /// # Errors
    /// If there is one.
    pub(crate) fn check_variables(&self, is_chosen: impl Fn(&str, Option<&str>) -> bool) -> Result<()> {
        let chosen = self.unset.iter().filter(|service| is_chosen(&service.name, service.namespace.as_deref()));
        let mut missing: Vec<&MissingVariable> = Vec::new();
        for variable in chosen.flat_map(|service| &service.variables) {
            if !missing.iter().any(|known| known.name == variable.name) {
                missing.push(variable);
            }
        }

        match missing.as_slice() {
            [] => Ok(()),
            [MissingVariable { name, place, subject }] => {
                let hint = format!("set it, or write ${{{name}:-default}}");
                Err(Error::usage(place.clone(), format!("{subject}: the variable {name} is not set"), hint))
            }
            [first, ..] => {
                let named = missing.iter().map(|missing| format!("{} ({})", missing.name, missing.subject));
                let why = format!("these variables are not set: {}", named.collect::<Vec<_>>().join(", "));
                let hint = format!("set them, or write defaults, as in ${{{}:-default}}", first.name);
                Err(Error::usage(first.place.clone(), why, hint))
            }
        }
    }
}

/// Reads the services that a file declares.
///
/// # Errors
/// An unreadable file, or invalid content, with its line and column.
pub(crate) fn read(path: &Path, variable: Option<Variable>) -> Result<ServicesFile> {
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

    let syntax = Syntax::of_path(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(text.trim_start_matches('\u{feff}'), syntax, &shown, Context { folder, variable })
}

/// Reads a text as `fuzz/` calls it: without variables, and without a folder for relative paths.
#[cfg(fuzzing)]
pub(crate) fn read_text(text: &str, syntax: Syntax) -> Result<Vec<Service<DeclaredDetail>>> {
    parse(text, syntax, "fuzz", Context { folder: Path::new("/nonexistent"), variable: None })?.all()
}

fn parse(text: &str, syntax: Syntax, shown: &str, context: Context<'_>) -> Result<ServicesFile> {
    let document =
        syntax.document(text).map_err(|(place, why)| Error::usage(at_place(shown, place), clean(&why), HINT))?;

    let read = entries::services(&document, shown, context).map_err(|failure| {
        let place = at_place(shown, syntax.place(text, &failure.path));
        Error::usage(place, format!("{}{}", failure.subject(), failure.problem.why), failure.problem.hint)
    })?;

    let unset = read.unset.into_iter().map(|service| unread(service, (text, syntax, shown)));
    Ok(ServicesFile { services: read.services, unset: unset.collect() })
}

fn unread(service: UnsetService, (text, syntax, shown): (&str, Syntax, &str)) -> UnreadService {
    let UnsetService { name, namespace, variables } = service;
    let missing = variables.into_iter().map(|variable| {
        let is_of_defaults = variable.path.first() == Some(&Step::Key("defaults".to_owned()));
        let place = at_place(shown, syntax.place(text, &variable.path));
        let subject = subject(Some(name.as_str()).filter(|_| !is_of_defaults), &variable.path);
        MissingVariable { name: variable.name, place, subject: subject.trim_end_matches(": ").to_owned() }
    });
    let variables = missing.collect();
    UnreadService { name, namespace, variables }
}

/// The error for a file that cannot be used.
fn unusable(shown: &str, why: String) -> Error {
    Error::usage(format!("'{shown}'"), why, HINT)
}

/// A line and a column, both counted from 1.
pub(crate) type Place = Option<(usize, usize)>;

fn at_place(shown: &str, place: Place) -> String {
    place.map_or_else(|| shown.to_owned(), |(line, column)| format!("{shown}:{line}:{column}"))
}

/// The language of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Toml,
    Yaml,
}

impl Syntax {
    /// YAML for the extensions yaml and yml, otherwise TOML.
    pub(crate) fn of_path(path: &Path) -> Self {
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml { Self::Yaml } else { Self::Toml }
    }

    /// Parses a text.
    ///
    /// # Errors
    /// Where the text is not valid, and why.
    pub(crate) fn document(self, text: &str) -> Result<DocumentNode, (Place, String)> {
        match self {
            Self::Toml => toml::from_str(text).map_err(|error| toml_failure(text, &error)),
            Self::Yaml => yaml_serde::from_str(text).map_err(|error| yaml_failure(&error)),
        }
    }

    /// The place of a part of the document, or of the nearest one around it.
    pub(crate) fn place(self, text: &str, path: &[Step]) -> Place {
        (0..=path.len()).rev().find_map(|length| self.exact_place(text, &path[..length]))
    }

    fn exact_place(self, text: &str, path: &[Step]) -> Place {
        let reached = Cell::new(false);
        let locate = Locate::new(path, &reached);
        let place = match self {
            Self::Toml => {
                let located = toml::Deserializer::parse(text).and_then(|document| locate.deserialize(document));
                located.err().and_then(|error| toml_failure(text, &error).0)
            }
            Self::Yaml => {
                let located = locate.deserialize(yaml_serde::Deserializer::from_str(text));
                located.err().and_then(|error| yaml_failure(&error).0)
            }
        };
        place.filter(|_| reached.get())
    }
}

fn toml_failure(text: &str, error: &toml::de::Error) -> (Place, String) {
    let place = error.span().map(|span| line_and_column(text, span.start));
    (place, error.message().lines().next().unwrap_or_default().to_owned())
}

fn yaml_failure(error: &yaml_serde::Error) -> (Place, String) {
    let place = error.location().map(|at| (at.line(), at.column()));
    let message = error.to_string();
    // The message repeats the position at its end.
    (place, message.split(" at line ").next().unwrap_or(&message).to_owned())
}

impl TypedSource for File {
    type Detail = DeclaredDetail;
}

impl File {
    /// The services of this file.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), variable: None }
    }

    /// Every service of the file, typed. Can be awaited in any tokio runtime, or without one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), portolan::Error> {
    /// let file = portolan::source::File::new("services.toml");
    /// for service in file.listing().await?.services {
    ///     println!("{} speaks {:?}", service.id, service.detail.protocol);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read, or is invalid.
    pub async fn listing(&self) -> Result<Listing<DeclaredDetail>> {
        self.typed_listing().await
    }

    async fn read(&self) -> Result<Vec<Service<DeclaredDetail>>> {
        let (path, variable) = (self.file.clone(), self.variable);
        run_blocking(move || read(&path, variable)?.all()).await
    }
}

impl Source for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<DeclaredDetail>()
    }

    fn read_environment(&mut self, variable: Variable) {
        self.variable = Some(variable);
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
mod tests;
