//! JSON for commands whose answer is a list that portolan carries itself.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::clean::is_dangerous;

#[derive(Serialize)]
struct Document<'i, T> {
    schema: &'static str,
    items: &'i [T],
}

/// Writes the items in the envelope that every JSON answer has.
pub(super) fn write<T: Serialize>(out: &mut dyn Write, items: &[T]) -> io::Result<()> {
    let document = Document { schema: "portolan/v1", items };
    document.serialize(&mut Serializer::with_formatter(&mut *out, Escaped))?;
    writeln!(out)
}

/// One line, in which no character can move a cursor or hide: `serde_json` writes DEL, C1 and bidirectional
/// controls as they are.
struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_dangerous(c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_dangerous_is_written_raw() {
        let hostile = "a\u{7f}\u{9b}31m\u{202e}\u{e0041}\n\"b";
        let mut out = Vec::new();
        write(&mut out, &[hostile]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.trim_end().chars().any(is_dangerous), "{text:?}");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["items"][0], hostile);
    }
}
