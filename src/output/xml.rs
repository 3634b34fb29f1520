//! XML for the formats that need it: nothing else writes with `quick_xml`, so that every text in a document is escaped.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::clean::escaped;

/// An attribute: its name and its text.
pub(crate) type Attribute<'a> = (&'a str, &'a str);

/// Writes a document piece by piece.
///
/// Names and attribute names are ours. Attribute values and text can come from peers: characters that XML 1.0 forbids
/// (U+FFFE, U+FFFF, controls) or that a terminal would obey are written as `\u{fffe}`.
pub(crate) struct XmlWriter<'w> {
    writer: Writer<&'w mut (dyn Write + Send)>,
}

impl<'w> XmlWriter<'w> {
    /// Begins a document; the caller decides where lines end.
    pub(crate) fn new(out: &'w mut (dyn Write + Send)) -> io::Result<Self> {
        Self::begin(Writer::new(out))
    }

    /// Begins a document with one element per line, indented by two spaces per level.
    pub(crate) fn indented(out: &'w mut (dyn Write + Send)) -> io::Result<Self> {
        Self::begin(Writer::new_with_indent(out, b' ', 2))
    }

    fn begin(mut writer: Writer<&'w mut (dyn Write + Send)>) -> io::Result<Self> {
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(Self { writer })
    }

    pub(crate) fn open(&mut self, name: &str, attributes: &[Attribute<'_>]) -> io::Result<()> {
        self.writer.write_event(Event::Start(element(name, attributes)))
    }

    pub(crate) fn empty(&mut self, name: &str, attributes: &[Attribute<'_>]) -> io::Result<()> {
        self.writer.write_event(Event::Empty(element(name, attributes)))
    }

    pub(crate) fn close(&mut self, name: &str) -> io::Result<()> {
        self.writer.write_event(Event::End(BytesEnd::new(name)))
    }

    /// Writes text, which keeps its line breaks.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        let lines: Vec<_> = text.split('\n').map(escaped).collect();
        self.writer.write_event(Event::Text(BytesText::new(&lines.join("\n"))))
    }

    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        self.writer.get_mut().write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

fn element<'a>(name: &'a str, attributes: &[Attribute<'_>]) -> BytesStart<'a> {
    let mut element = BytesStart::new(name);
    for (name, value) in attributes {
        element.push_attribute((*name, &*escaped(value)));
    }
    element
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;

    use super::*;
    use crate::clean::is_dangerous;

    #[test]
    fn characters_that_xml_forbids_are_escaped() {
        // XML 1.0, 2.2: `Char`.
        let mut characters = '\0'..=char::MAX;
        assert!(
            characters.all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..) || is_dangerous(c))
        );

        let hostile = "<a>&\"'\u{1b}]0;x\u{7}\u{fffe}\u{ffff}\u{202e}";
        let mut out = Vec::new();
        let mut xml = XmlWriter::new(&mut out).unwrap();
        xml.open("a", &[("b", hostile)]).unwrap();
        xml.text(&format!("{hostile}\n{hostile}")).unwrap();
        xml.close("a").unwrap();

        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(|c| c != '\n' && is_dangerous(c)), "{text}");
        assert_eq!(text.matches(r"\u{1b}]0;x\u{7}\u{fffe}\u{ffff}\u{202e}").count(), 3);
        let mut reader = Reader::from_str(&text);
        while !matches!(reader.read_event().unwrap(), Event::Eof) {}
    }
}
