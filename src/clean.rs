//! Escaping of untrusted text: the only way for it to a terminal or a file.
//!
//! Process names, labels and banners come from others, who may want to move our cursor, set a window title, hide text
//! behind a right-to-left override, or run a formula in a spreadsheet. [`Untrusted`] keeps such text unchanged;
//! everything that displays it uses this module.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthChar;

mod redaction;

pub(crate) use self::redaction::{MASK, is_secret_name, redacted, redacted_query, redacted_url, without_tokens};

/// Maximum number of characters of one [`Untrusted`] that `Display` writes; a cut is marked by `…`.
pub const DISPLAY_CHARS: usize = 512;

/// Maximum number of zero-width marks (accents and the like) per character. Unicode's stream-safe format allows 30,
/// real languages need a handful; more only overprints neighbouring lines.
const MARKS_PER_CHAR: usize = 4;

/// Text from outside that may be hostile.
///
/// `Display` escapes control, bidirectional and zero-width characters visibly (`\n`, `\u{202e}`), and also the
/// backslash, so that different names never look the same, and limits the length. `Serialize` writes the text itself:
/// the formats in `output` escape the same characters in their own syntax.
///
/// ```
/// use portolan::model::Untrusted;
/// let name = Untrusted::from_bytes(b"ngi\x1b[2Jnx");
/// assert_eq!(name.to_string(), "ngi\\u{1b}[2Jnx");
/// assert!(Untrusted::from_bytes(b"caf\xe9").is_lossy());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untrusted {
    text: Box<str>,
    lossy: bool,
}

impl Untrusted {
    /// Stores bytes; invalid UTF-8 becomes U+FFFD and is recorded.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) => Self { text: text.into(), lossy: false },
            Cow::Owned(text) => Self { text: text.into(), lossy: true },
        }
    }

    /// The original text with its dangerous characters. For comparing, never for displaying.
    pub fn as_raw(&self) -> &str {
        &self.text
    }

    /// Whether the original was not UTF-8, so that the text differs from it.
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self { text: text.into(), lossy: false }
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self { text: text.into(), lossy: false }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_clean(f, &self.text)
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Untrusted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// Writes `text` so that it is safe on a terminal: one line, nothing invisible, at most [`DISPLAY_CHARS`] characters.
pub(crate) fn write_clean(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    // Most names are short plain ASCII, and a listing writes hundreds of thousands of them.
    if text.len() <= DISPLAY_CHARS && text.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'\\') {
        return out.write_str(text);
    }

    let mut marks = 0;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((count, c)) = chars.next() {
        if count == DISPLAY_CHARS {
            return out.write_char('…');
        }
        // A backslash is doubled only where it could be taken for the beginning of an escape: unit names have others.
        let next = chars.peek().map(|(_, next)| *next);
        let is_ambiguous = c == '\\' && next.is_some_and(|next| "\\nrtu".contains(next) || is_dangerous(next));
        if is_dangerous(c) || is_ambiguous {
            marks = 0;
            write!(out, "{}", c.escape_default())?;
        } else if c.width() == Some(0) {
            marks += 1;
            if marks <= MARKS_PER_CHAR {
                out.write_char(c)?;
            }
        } else {
            marks = 0;
            out.write_char(c)?;
        }
    }
    Ok(())
}

/// Escapes only the dangerous characters of a text that was composed here.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }

    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_dangerous(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

/// A token or a password. `Debug` and `Display` write `***`.
///
/// ```
/// use portolan::model::Secret;
/// let token = Secret::from("s3cret".to_owned());
/// assert_eq!(format!("{token} {token:?}"), "*** ***");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself: only for a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// [`write_clean`] into a new string, for error messages.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write_clean(&mut out, text);
    out
}

/// Whether a character must never reach a terminal or a file raw: C0, DEL and C1 controls, line and paragraph
/// separators, bidirectional controls, invisible characters, and the noncharacters that XML 1.0 forbids.
pub(crate) fn is_dangerous(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        Untrusted::from_bytes(bytes).to_string()
    }

    #[test]
    fn dangerous_characters_are_displayed_escaped() {
        assert_eq!(shown(b"a\nb\r\t\0"), "a\\nb\\r\\t\\u{0}");
        assert_eq!(shown("\u{9b}31m\u{202e}x\u{200b}\u{feff}".as_bytes()), "\\u{9b}31m\\u{202e}x\\u{200b}\\u{feff}");
        assert_eq!(shown("日本 é".as_bytes()), "日本 é");
        assert_ne!(shown(b"a\nb"), shown(b"a\\nb"));
        assert_eq!(shown(b"a\\x2db.service"), "a\\x2db.service", "systemctl accepts it like this");
        assert_eq!(shown(b"a\\\x1b"), "a\\\\\\u{1b}");
        assert_ne!(shown(b"\\\x1b"), shown(b"\\u{1b}"));
        assert_eq!(escaped("a\\b\u{7f}"), "a\\b\\u{7f}");
    }

    #[test]
    fn marks_and_length_are_capped() {
        let zalgo = format!("a{}b", "\u{301}".repeat(100));
        assert_eq!(shown(zalgo.as_bytes()), format!("a{}b", "\u{301}".repeat(MARKS_PER_CHAR)));
        let long = shown("x".repeat(100_000).as_bytes());
        assert_eq!(long.chars().count(), DISPLAY_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn invalid_utf8_is_recorded() {
        let name = Untrusted::from_bytes(b"caf\xe9");
        assert!(name.is_lossy());
        assert_eq!(name.to_string(), "caf\u{fffd}");
        assert!(!Untrusted::from("café").is_lossy());
    }
}
