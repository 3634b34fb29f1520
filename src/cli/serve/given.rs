//! The settings that were given, and where: a file, the environment, the command line. Later ones replace earlier ones.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::keys::{self, KEYS, KeyKind, SettingKey};
use super::yaml_place;
use crate::clean::{MASK, clean, redacted};
use crate::cli::settings_file;
use crate::error::{Error, Result, nearest};
use crate::source::file::{DocumentNode, ExpandedText, Step, Syntax, expand};

/// Where a value was given. A greater one replaces a smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GivenBy {
    /// `FILE:LINE:COLUMN`.
    File(String),
    Variable(String),
    Flag(&'static str),
}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GivenValue {
    pub(super) texts: Vec<String>,
    /// The same without secrets.
    pub(super) shown: String,
    pub(super) by: GivenBy,
}

/// All values, by key.
#[derive(Debug, Default)]
pub(super) struct GivenValues(BTreeMap<&'static str, GivenValue>);

/// Reads a variable of the environment.
pub(super) type Variable = fn(&str) -> Option<OsString>;

impl GivenBy {
    /// How strong it is: a flag replaces a variable, which replaces a file.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::File(_) => 0,
            Self::Variable(_) => 1,
            Self::Flag(_) => 2,
        }
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::File(place) => place.clone(),
            Self::Variable(name) => clean(name),
            Self::Flag(name) => (*name).to_owned(),
        }
    }

    /// An error about a value that was given here.
    pub(super) fn error(&self, key: &str, shown: &str, why: impl std::fmt::Display, hint: impl Into<String>) -> Error {
        match self {
            Self::File(place) => Error::Settings {
                place: place.clone(),
                why: format!("{key} cannot be '{}': {why}", clean(shown)),
                hint: hint.into(),
            },
            Self::Variable(name) => Error::usage(format!("{}='{}'", clean(name), clean(shown)), why.to_string(), hint),
            Self::Flag(name) => Error::usage(format!("{name} '{}'", clean(shown)), why.to_string(), hint),
        }
    }
}

impl GivenValues {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&GivenValue> {
        self.0.get(key)
    }

    /// How strongly a key is set.
    pub(super) fn rank(&self, key: &str) -> Option<u8> {
        self.0.get(key).map(|value| value.by.rank())
    }

    /// The text of a key: what was given, or its default.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let given = self.0.get(key).and_then(|given| given.texts.first()).map(String::as_str);
        given.or_else(|| keys::find(key).and_then(|key| key.default))
    }

    /// Sets a value on behalf of an option of the command line.
    pub(super) fn set_flag(&mut self, name: &'static str, key: &'static str, texts: Vec<String>) {
        if let Some(known) = keys::find(key) {
            let shown = shown(known, &texts.join(", "));
            self.0.insert(known.name, GivenValue { texts, shown, by: GivenBy::Flag(name) });
        }
    }

    /// Reads the variables of the environment.
    ///
    /// # Errors
    /// A variable whose key is unknown, or whose value is not UTF-8.
    pub(super) fn read_environment(
        &mut self,
        all: impl Iterator<Item = (OsString, OsString)>,
        variable: Variable,
    ) -> Result<()> {
        // The general names first, so that the specific ones win.
        for (name, key) in GENERAL_VARIABLES {
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                self.set_variable(name, key, &value)?;
            }
        }

        let mut found: Vec<(usize, String, OsString)> = Vec::new();
        for (name, value) in all {
            let Some(name) = name.to_str() else { continue };
            let rank = PREFIXES.iter().position(|prefix| name.starts_with(prefix));
            if let Some(rank) = rank.filter(|_| !value.is_empty()) {
                found.push((rank, name.to_owned(), value));
            }
        }
        found.sort();
        for (rank, name, value) in found {
            let path = name[PREFIXES[rank].len()..].to_ascii_lowercase().replace("__", ".");
            let Some(key) = keys::find(&path) else {
                return Err(Error::usage(clean(&name), "there is no such setting", did_you_mean_variable(&path)));
            };
            self.set_variable(&name, key.name, &value)?;
        }
        Ok(())
    }

    fn set_variable(&mut self, name: &str, key: &'static str, value: &OsString) -> Result<()> {
        let by = GivenBy::Variable(name.to_owned());
        let Some(known) = keys::find(key) else { return Ok(()) };
        let Some(text) = value.to_str() else {
            return Err(by.error(key, &value.to_string_lossy(), "it is not UTF-8", "write it in UTF-8"));
        };

        let texts = match known.kind {
            KeyKind::List => text.split(',').map(|part| part.trim().to_owned()).collect(),
            _ => vec![text.to_owned()],
        };
        self.0.insert(known.name, GivenValue { shown: shown(known, text), texts, by });
        Ok(())
    }

    /// Reads a settings file: YAML if its name ends with yaml or yml, otherwise TOML.
    ///
    /// # Errors
    /// An unreadable file, or the first key or value that cannot be used, with its line and column.
    pub(super) fn read_file(&mut self, path: &Path, variable: Variable) -> Result<()> {
        let text = settings_file::read(path, Some("--config"))?.unwrap_or_default();
        self.read_text(path, &text, variable)
    }

    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// The first key or value that cannot be used, with its line and column.
    pub(super) fn read_text(&mut self, path: &Path, text: &str, variable: Variable) -> Result<()> {
        let syntax = Syntax::of_path(path);
        let place = clean(&path.to_string_lossy());
        let document = syntax.document(text).map_err(|(at, why)| Error::Settings {
            place: at.map_or_else(|| place.clone(), |(line, column)| format!("{place}:{line}:{column}")),
            why: clean(&why),
            hint: "fix that line, or name another file with --config".to_owned(),
        })?;

        let mut reader = FileReader { place, text, syntax, variable, path: Vec::new(), given: self };
        reader.section("", &document)
    }
}

/// The overlay of a file for an environment: `serve.yaml` has `serve.production.yaml`.
pub(super) fn overlay(path: &Path, environment: &str) -> PathBuf {
    let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
    match extension {
        Some(extension) => path.with_extension(format!("{environment}.{extension}")),
        None => path.with_extension(environment),
    }
}

/// Variables that other programs use too.
const GENERAL_VARIABLES: [(&str, &str); 4] = [
    ("DATABASE_URL", "database.postgres.url"),
    ("JWT_SECRET", "auth.jwt.secret"),
    ("RUST_LOG", "monitoring.logging.level"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "monitoring.tracing.endpoint"),
];
/// What the variables of keys begin with; the last wins.
const PREFIXES: [&str; 2] = ["SERVICE_DISCOVERY__", "PORTOLAN__"];

/// The text of a value as it may be shown.
fn shown(key: &SettingKey, text: &str) -> String {
    match key.kind {
        KeyKind::Secret => MASK.to_owned(),
        _ => redacted(text).into_owned(),
    }
}

fn did_you_mean_variable(path: &str) -> String {
    let dashed: Vec<String> = KEYS.iter().map(|key| key.name.replace('_', "-")).collect();
    let near = nearest(path, &dashed.iter().map(String::as_str).collect::<Vec<_>>());
    let near = near.and_then(|near| dashed.iter().position(|known| *known == near)).map(|at| KEYS[at].name);
    match near {
        Some(near) => {
            let variable = near.to_ascii_uppercase().replace('.', "__");
            format!("did you mean PORTOLAN__{variable}? docs/serve.md has all settings")
        }
        None => "docs/serve.md has all settings; unset the variable if it is not meant for portolan".to_owned(),
    }
}

/// Walks through a document.
struct FileReader<'r> {
    place: String,
    text: &'r str,
    syntax: Syntax,
    variable: Variable,
    path: Vec<Step>,
    given: &'r mut GivenValues,
}

impl FileReader<'_> {
    fn section(&mut self, section: &str, node: &DocumentNode) -> Result<()> {
        let entries = match node {
            DocumentNode::Table(entries) => entries,
            DocumentNode::Null => return Ok(()),
            other => {
                let what = if section.is_empty() { "the file" } else { section };
                let why = format!("{what} is a section with keys, not {}", other.kind());
                return Err(self.failure(why, "docs/serve.md has an example"));
            }
        };

        for (name, node) in entries {
            self.path.push(Step::Key(name.clone()));
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            if let Some(key) = keys::find(&path) {
                self.value(key, node)?;
            } else if keys::is_section(&path) {
                self.section(&path, node)?;
            } else {
                return Err(self.unknown(section, name));
            }
            self.path.pop();
        }
        Ok(())
    }

    fn value(&mut self, key: &'static SettingKey, node: &DocumentNode) -> Result<()> {
        let (texts, masked) = match (key.kind, node) {
            (KeyKind::List, DocumentNode::List(items)) => {
                let items: Result<Vec<ExpandedText>> = items.iter().map(|item| self.leaf(key, item)).collect();
                items?.into_iter().map(|item| (item.text, item.masked)).unzip()
            }
            _ => {
                let leaf = self.leaf(key, node)?;
                (vec![leaf.text], vec![leaf.masked])
            }
        };

        let masked: Vec<String> = masked;
        let by = GivenBy::File(self.here());
        self.given.0.insert(key.name, GivenValue { texts, shown: shown(key, &masked.join(", ")), by });
        Ok(())
    }

    /// A single value as text, with its variables replaced.
    fn leaf(&self, key: &SettingKey, node: &DocumentNode) -> Result<ExpandedText> {
        let is_flag = key.kind == KeyKind::Flag;
        let is_number = matches!(key.kind, KeyKind::Number(..) | KeyKind::Duration | KeyKind::DurationOrZero);

        match node {
            DocumentNode::Bool(truth) if is_flag => Ok(plain(truth.to_string())),
            DocumentNode::Number(number) if is_number || key.kind == KeyKind::Secret => Ok(plain(number.clone())),
            DocumentNode::Text(text) => expand(text, Some(self.variable))
                .map_err(|problem| self.failure(format!("{} cannot be used: {}", key.name, problem.why), problem.hint)),
            other => {
                let wanted = match key.kind {
                    KeyKind::Flag => "true or false",
                    KeyKind::Number(..) => "a number",
                    KeyKind::Duration | KeyKind::DurationOrZero => "a duration, as in 30s or 30",
                    KeyKind::List => "a list of texts",
                    _ => "a text",
                };
                let why = format!("{} takes {wanted}, not {}", key.name, other.kind());
                Err(self.failure(why, "write the value in that form, or leave the key out"))
            }
        }
    }

    fn unknown(&self, section: &str, name: &str) -> Error {
        let words = keys::words_below(section);
        let dashed: Vec<String> = words.iter().map(|word| word.replace('_', "-")).collect();
        let near = nearest(name, &dashed.iter().map(String::as_str).collect::<Vec<_>>());
        let near = near.and_then(|near| dashed.iter().position(|known| *known == near)).map(|at| words[at]);
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));

        let place = if section.is_empty() { "a settings file".to_owned() } else { format!("[{section}]") };
        let why = format!("there is no key '{}' in {place}", clean(name));
        self.failure(why, format!("{near}the keys there are {}", words.join(", ")))
    }

    fn failure(&self, why: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Settings { place: self.here(), why: why.into(), hint: hint.into() }
    }

    fn here(&self) -> String {
        let in_yaml = if self.syntax == Syntax::Yaml { yaml_place::find(self.text, &self.path) } else { None };
        match in_yaml.or_else(|| self.syntax.place(self.text, &self.path)) {
            Some((line, column)) => format!("{}:{line}:{column}", self.place),
            None => self.place.clone(),
        }
    }
}

fn plain(text: String) -> ExpandedText {
    ExpandedText { masked: text.clone(), text }
}
