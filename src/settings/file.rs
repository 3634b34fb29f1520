//! Parses settings files: TOML with one section per command, whose keys are the long names of its options.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Command;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::sections_below;
use super::{Key, Kind, Origin, SettingValue};
use crate::clean::clean;
use crate::error::{Error, Result, line_and_column, nearest};

/// Reads `text`, which is the file at `path`, into `given`.
pub(super) fn read(
    command: &Command,
    path: &Path,
    text: &str,
    given: &mut BTreeMap<String, SettingValue>,
) -> Result<()> {
    let file = SettingsFile { path, text, root: command };
    let table = DeTable::parse(text).map_err(|error| {
        let why = error.message().lines().collect::<Vec<_>>().join(", ");
        let at = error.span().map_or(text.len(), |span| span.start);
        file.error(at, clean(&why), "fix that line, or name another file with --config")
    })?;
    file.section(table.get_ref(), (command, command), &mut Vec::new(), given)
}

/// The sections of a settings file, each as the words that lead to it; none if it is not TOML.
pub(super) fn sections(text: &str) -> Vec<Vec<String>> {
    let mut sections = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        collect_sections(table.get_ref(), &mut Vec::new(), &mut sections);
    }
    sections
}

fn collect_sections(table: &DeTable<'_>, section: &mut Vec<String>, sections: &mut Vec<Vec<String>>) {
    for (name, value) in table {
        let Some(below) = value.get_ref().as_table() else { continue };
        section.push(name.get_ref().to_string());
        sections.push(section.clone());
        collect_sections(below, section, sections);
        section.pop();
    }
}

struct SettingsFile<'t> {
    path: &'t Path,
    text: &'t str,
    root: &'t Command,
}

impl<'t> SettingsFile<'t> {
    /// Reads the keys of one section and of its subsections.
    fn section(
        &self,
        table: &DeTable<'_>,
        (parent, command): (&'t Command, &'t Command),
        section: &mut Vec<&'t str>,
        given: &mut BTreeMap<String, SettingValue>,
    ) -> Result<()> {
        let mut keys = Key::of_section(command, section);
        keys.extend(Key::of_source(parent, section));
        for (name, value) in table {
            if let Some(key) = keys.iter().find(|key| key.name() == name.get_ref()) {
                let values = self.values(key, value)?;
                let (line, column) = line_and_column(self.text, value.span().start);
                let origin = Origin::SettingsFile { path: self.path.to_owned(), line, column };
                given.insert(key.dotted(), SettingValue { values, origin });
            } else if let Some(sub) = sections_below(command, section).find(|sub| sub.get_name() == name.get_ref()) {
                section.push(sub.get_name());
                let Some(table) = value.get_ref().as_table() else {
                    let section = section.join(".");
                    let why = format!("{section} is a section, not a key");
                    return Err(self.error(name.span().start, why, format!("write [{section}] on a line of its own")));
                };
                self.section(table, (command, sub), section, given)?;
                section.pop();
            } else {
                return Err(self.unknown(name, &keys, command, section));
            }
        }
        Ok(())
    }

    /// A value in the syntax of the command line.
    fn values(&self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>> {
        match (key.kind(), value.get_ref()) {
            (Kind::Flag, DeValue::Boolean(truth)) => Ok(vec![truth.to_string()]),
            (Kind::Several, DeValue::Array(list)) => list.iter().map(|item| self.value(key, item)).collect(),
            (Kind::One | Kind::Several, _) => Ok(vec![self.value(key, value)?]),
            (Kind::Flag, _) => Err(self.wrong_type(key, value)),
        }
    }

    fn value(&self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            _ => Err(self.wrong_type(key, value)),
        }
    }

    fn wrong_type(&self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Error {
        let name = key.name();
        let (wanted, hint) = match key.kind() {
            Kind::Flag => ("true or false", format!("write {name} = true")),
            Kind::One => ("one string or number", format!("write {name} = \"…\"")),
            Kind::Several => ("a list of strings or numbers", format!("write {name} = [\"…\", \"…\"]")),
        };
        let is = value.get_ref().type_str();
        let article = if is.starts_with(['a', 'i']) { "an" } else { "a" };
        self.error(value.span().start, format!("{} takes {wanted}, not {article} {is}", key.dotted()), hint)
    }

    fn unknown(&self, name: &Spanned<impl AsRef<str>>, keys: &[Key<'_>], command: &Command, section: &[&str]) -> Error {
        let word = name.get_ref().as_ref();
        let (place, section) = (section, section.join("."));
        let sections = sections_below(command, place).filter(|sub| !Key::all(sub).is_empty()).map(Command::get_name);
        let known: Vec<_> = keys.iter().map(Key::name).chain(sections).collect();
        let on_line = command.get_arguments().any(|arg| arg.get_long() == Some(word));
        let sources = Key::of_source(command, &["discover", "local"]);
        let is_of_source = place == ["discover"] && sources.iter().any(|key| key.name() == word);
        let elsewhere = Key::all(self.root).into_iter().find(|key| key.name() == word);
        let hint = if is_of_source {
            format!("{word} belongs to each source, as in [discover.local]")
        } else if on_line {
            format!("--{word} is for the command line only; the keys here are {}", known.join(", "))
        } else if let Some(near) = nearest(word, &known) {
            format!("did you mean '{near}'?")
        } else if let Some(key) = elsewhere {
            match key.section().join(".") {
                at_top if at_top.is_empty() => format!("{word} belongs above the first section"),
                section => format!("{word} belongs to [{section}]"),
            }
        } else if known.is_empty() {
            "this command has no settings; `portolan config show` prints all that there are".to_owned()
        } else {
            format!("the keys here are {}; `portolan config show` prints all keys", known.join(", "))
        };
        let place = if section.is_empty() { "at the top".to_owned() } else { format!("in [{section}]") };
        self.error(name.span().start, format!("there is no key '{}' {place}", clean(word)), hint)
    }

    /// An error at byte `at`.
    fn error(&self, at: usize, why: impl Into<String>, hint: impl Into<String>) -> Error {
        let (line, column) = line_and_column(self.text, at);
        Error::Settings { place: format!("{}:{line}:{column}", show(self.path)), why: why.into(), hint: hint.into() }
    }
}

fn show(path: &Path) -> String {
    clean(&path.to_string_lossy())
}
