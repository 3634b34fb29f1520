//! One JSON document: `{"schema":"portolan/v1","generated":…,"items":[…],"complete":true,"errors":[],"limits":[]}`.
//!
//! In a pipe each item is one line, so that two runs can be compared by line; on a terminal, items are indented.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{Footer, Format, RenderOptions};
use crate::clean::is_dangerous;
use crate::model::{Completeness, Listing, SCHEMA, Service};

/// What was scanned is left out if its addresses are more ranges than this.
const MAX_RANGES: usize = 65_536;

pub(super) struct Json<'w> {
    out: &'w mut (dyn Write + Send),
    pretty: bool,
    first: bool,
    scratch: Vec<u8>,
}

impl<'w> Json<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        write!(out, r#"{{"schema":"{SCHEMA}","generated":"{}","items":["#, page.generated)?;
        Ok(Self { out, pretty: page.width.is_some(), first: true, scratch: Vec::new() })
    }
}

impl Format for Json<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        write_json(self.out, &mut self.scratch, service, self.pretty)
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        let complete = end.completeness == Completeness::Complete;
        write!(self.out, "{}],\"complete\":{complete},\"errors\":", if self.first { "" } else { "\n" })?;

        write_json(self.out, &mut self.scratch, &end.errors, false)?;

        self.out.write_all(b",\"limits\":")?;
        write_json(self.out, &mut self.scratch, &end.limits, false)?;

        if let Some(hosts) = end.hosts {
            self.out.write_all(b",\"hosts\":")?;
            write_json(self.out, &mut self.scratch, &hosts, false)?;
        }
        if !end.coverage.is_empty()
            && end.coverage.iter().all(|coverage| coverage.addresses.number_of_ranges() <= MAX_RANGES)
        {
            self.out.write_all(b",\"coverage\":")?;
            write_json(self.out, &mut self.scratch, &end.coverage, false)?;
        }
        if let Some(host) = end.host {
            self.out.write_all(b",\"host\":")?;
            write_json(self.out, &mut self.scratch, &host, false)?;
        }
        if !end.filters.is_empty() {
            self.out.write_all(b",\"filters\":")?;
            write_json(self.out, &mut self.scratch, &end.filters, false)?;
        }
        self.out.write_all(b"}\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Listing {
    /// The listing as the document that `--json` writes, of this moment.
    ///
    /// # Errors
    /// A detail that cannot be serialised.
    pub fn to_json(&self) -> io::Result<String> {
        let mut text = Vec::new();
        let now = Timestamp::now();
        let options =
            RenderOptions { columns: &[], identified: false, generated: now, width: None, color: false, links: false };
        let mut json = Json::new(&mut text, options)?;
        for service in &self.services {
            json.service(service)?;
        }
        let Self { completeness, errors, limits, filters, .. } = self;
        json.end(&Footer { errors, limits, ..Footer::new(now, *completeness, filters) })?;

        String::from_utf8(text).map_err(io::Error::other)
    }
}

/// Writes a complete list in the envelope of every document.
pub(crate) fn write_document<T: Serialize>(out: &mut (dyn Write + Send), items: &[T]) -> io::Result<()> {
    write!(out, r#"{{"schema":"{SCHEMA}","items":"#)?;
    write_json(out, &mut Vec::new(), &items, false)?;
    out.write_all(b",\"complete\":true,\"errors\":[]}\n")
}

/// Writes one value as a line of JSON.
pub(crate) fn write_value(out: &mut (dyn Write + Send), value: &impl Serialize) -> io::Result<()> {
    write_json(out, &mut Vec::new(), value, false)?;
    out.write_all(b"\n")
}

/// Writes one value as JSON with a field on each line.
pub(crate) fn write_pretty_value(out: &mut (dyn Write + Send), value: &impl Serialize) -> io::Result<()> {
    write_json(out, &mut Vec::new(), value, true)?;
    out.write_all(b"\n")
}

/// Writes a value as JSON without raw control, bidirectional or zero-width characters: JSON libraries need not escape
/// DEL, C1 and the others, but a terminal would obey them.
pub(super) fn write_json(
    out: &mut (dyn Write + Send),
    scratch: &mut Vec<u8>,
    value: &impl Serialize,
    pretty: bool,
) -> io::Result<()> {
    scratch.clear();
    if pretty {
        serde_json::to_writer_pretty(&mut *scratch, value)
    } else {
        serde_json::to_writer(&mut *scratch, value)
    }?;
    // The library has escaped everything below a space in strings; newlines stand only between lines.
    if scratch.iter().all(|byte| *byte < 0x7f) {
        return out.write_all(scratch);
    }

    let text = std::str::from_utf8(scratch).map_err(io::Error::other)?;

    let mut done = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| *c >= '\x7f' && is_dangerous(*c)) {
        out.write_all(&text.as_bytes()[done..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        done = at + c.len_utf8();
    }

    out.write_all(&text.as_bytes()[done..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_characters_are_escaped_and_read_back() {
        let nasty = "a\x1b\x7f\u{9b}31m\u{202e}é\u{200b}\u{e0041}\"\\";
        let mut out = Vec::new();
        write_json(&mut out, &mut Vec::new(), &nasty, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#""a\u001b\u007f\u009b31m\u202eé\u200b\udb40\udc41\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), nasty);
    }
}
