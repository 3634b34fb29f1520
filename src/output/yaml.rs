//! The JSON document as block-style YAML 1.2.
//!
//! Text that a reader could take for another type is double-quoted; characters that a terminal would obey or a YAML
//! reader reject are escaped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::json::write_json;
use super::{Footer, Format, RenderOptions};
use crate::clean::is_dangerous;
use crate::model::{Completeness, SCHEMA, Service};

pub(super) struct Yaml<'w> {
    out: &'w mut (dyn Write + Send),
    first: bool,
    scratch: Vec<u8>,
}

impl<'w> Yaml<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        write!(out, "schema: {SCHEMA}\ngenerated: \"{}\"\n", page.generated)?;
        Ok(Self { out, first: true, scratch: Vec::new() })
    }

    fn field(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write!(self.out, "{name}:")?;
        self.value(&serde_json::to_value(value)?, 0)
    }

    /// Writes the value after `key:` or `-`, with the end of its last line.
    fn value(&mut self, value: &Value, depth: usize) -> io::Result<()> {
        match value {
            Value::Array(items) if !items.is_empty() => {
                self.out.write_all(b"\n")?;
                items.iter().try_for_each(|item| self.item(item, depth))
            }
            Value::Object(fields) if !fields.is_empty() => {
                self.out.write_all(b"\n")?;
                fields.iter().try_for_each(|(name, value)| {
                    self.indent(depth + 1)?;
                    self.key(name)?;
                    self.value(value, depth + 1)
                })
            }
            scalar => {
                self.out.write_all(b" ")?;
                self.scalar(scalar)?;
                self.out.write_all(b"\n")
            }
        }
    }

    /// Writes `- value`; the first field of an object follows the dash.
    fn item(&mut self, item: &Value, depth: usize) -> io::Result<()> {
        self.indent(depth)?;
        self.out.write_all(b"-")?;
        let Value::Object(fields) = item else { return self.value(item, depth + 1) };

        for (i, (name, value)) in fields.iter().enumerate() {
            if i == 0 {
                self.out.write_all(b" ")?;
            } else {
                self.indent(depth + 1)?;
            }
            self.key(name)?;
            self.value(value, depth + 1)?;
        }

        if fields.is_empty() { self.out.write_all(b" {}\n") } else { Ok(()) }
    }

    fn indent(&mut self, depth: usize) -> io::Result<()> {
        write!(self.out, "{:1$}", "", depth * 2)
    }

    fn key(&mut self, name: &str) -> io::Result<()> {
        self.text(name)?;
        self.out.write_all(b":")
    }

    fn scalar(&mut self, value: &Value) -> io::Result<()> {
        match value {
            Value::String(text) => self.text(text),
            other => write_json(self.out, &mut self.scratch, other, false),
        }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if is_plain(text) { self.out.write_all(text.as_bytes()) } else { self.quoted(text) }
    }

    /// A double-quoted scalar (YAML 1.2.2, 7.3.1).
    fn quoted(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(b"\"")?;
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(self.out, "\\{c}")?,
                c if is_dangerous(c) || c > '\u{ffff}' => {
                    write!(self.out, "\\U{:08X}", u32::from(c))?;
                }
                c => write!(self.out, "{c}")?,
            }
        }
        self.out.write_all(b"\"")
    }
}

impl Format for Yaml<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        if self.first {
            self.out.write_all(b"items:\n")?;
            self.first = false;
        }

        let item = serde_json::to_value(service)?;
        self.item(&item, 0)
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        if self.first {
            self.out.write_all(b"items: []\n")?;
        }

        self.field("complete", &(end.completeness == Completeness::Complete))?;
        self.field("errors", &end.errors)?;
        self.field("limits", &end.limits)?;
        if let Some(hosts) = end.hosts {
            self.field("hosts", &hosts)?;
        }
        if let Some(host) = end.host {
            self.field("host", &host)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether a text needs no quotes: plain characters, begins with a letter, and is not a word that some YAML reader
/// takes for a boolean, a null or a number.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./@".contains(&byte))
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
