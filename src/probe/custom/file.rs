//! The TOML file that a user's own probes stand in.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder, RegexSetBuilder};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::Custom;
use crate::clean::clean;
use crate::error::{Error, Result, line_and_column, nearest};
use crate::model::Transport;
use crate::probe::{Probe, Probes};

/// The keys of a probe.
const KEYS: &[&str] = &["protocol", "transport", "ports", "tls-ports", "send", "likelihood", "pattern", "product"];
/// So many probes: what comes from a peer is shown to each of them.
const MAX_PROBES: usize = 128;
/// The longest question: more than one segment would be a conversation.
const MAX_SEND: usize = 1400;
/// What all patterns together may grow to when they are compiled, in bytes: one that repeats others many times grows. It
/// bounds what looking at an answer costs too, which is no more than the product of both lengths.
const MAX_PATTERNS: usize = 256 * 1024;
/// What one pattern may keep of its search, in bytes; less only makes it slower.
const MAX_CACHE: usize = 32 * 1024;
/// How deep groups may stand in each other.
const MAX_NESTING: u32 = 50;

impl Probes {
    /// The longest file of probes, in bytes.
    pub(crate) const LONGEST_FILE: usize = 1 << 20;

    /// The probes of a file, before those that are built in.
    ///
    /// # Errors
    /// With line and column, what in it cannot be used.
    pub(crate) fn with_file(shown: String, text: &[u8]) -> Result<Self> {
        let probes = ProbeFile::new(shown, text)?.probes()?;
        Ok(Self::and(probes.into_iter().map(|probe| Box::new(probe) as Box<dyn Probe>).collect()))
    }
}

const REPEAT_LESS: &str = "repeat less: {1000} of something makes a thousand of it";

/// A file that is being read, for what is said of it.
struct ProbeFile<'t> {
    shown: String,
    text: &'t str,
}

impl<'t> ProbeFile<'t> {
    fn new(shown: String, text: &'t [u8]) -> Result<Self> {
        match str::from_utf8(text) {
            Ok(text) => Ok(Self { shown, text }),
            Err(error) => {
                let (read, _) = text.split_at(error.valid_up_to());
                let read = ProbeFile { shown, text: str::from_utf8(read).unwrap_or_default() };
                Err(read.error(read.text.len(), "what begins here is no UTF-8", "save the file as UTF-8"))
            }
        }
    }

    fn probes(&self) -> Result<Vec<Custom>> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let why = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(error.span().map_or(self.text.len(), |span| span.start), clean(&why), "mend that line")
        })?;
        let mut found = Vec::new();
        for (name, value) in table.get_ref() {
            if name.get_ref() != "probe" {
                let why = format!("there is no key '{}'", clean(name.get_ref()));
                return Err(self.error(name.span().start, why, "each probe begins with the line [[probe]]"));
            }
            let DeValue::Array(list) = value.get_ref() else {
                return Err(self.error(
                    value.span().start,
                    "probe is one of several",
                    "write [[probe]], in two brackets",
                ));
            };
            if let Some(item) = list.get(MAX_PROBES) {
                let hint = "leave those out that are not needed";
                return Err(self.error(item.span().start, format!("it holds more than {MAX_PROBES} probes"), hint));
            }
            for item in list {
                found.push(self.probe(item)?);
            }
            self.check_together(list, &found)?;
        }
        if found.is_empty() {
            return Err(self.error(0, "it holds no probe", "each probe begins with the line [[probe]]"));
        }
        Ok(found)
    }

    /// Looks whether the patterns can be afforded together.
    fn check_together(&self, list: &DeArray<'_>, probes: &[Custom]) -> Result<()> {
        let fit = |count: usize| {
            let patterns = probes[..count].iter().map(|probe| probe.pattern.as_str());
            let mut builder = RegexSetBuilder::new(patterns);
            builder.unicode(false).size_limit(MAX_PATTERNS).nest_limit(MAX_NESTING).build().is_ok()
        };
        if fit(probes.len()) {
            return Ok(());
        }
        let counts: Vec<usize> = (1..=probes.len()).collect();
        let first = list.get(counts.partition_point(|&count| fit(count)));
        let at = first.map_or(0, |item| item.span().start);
        let why = format!("the patterns up to here grow beyond {} KiB", MAX_PATTERNS / 1024);
        Err(self.error(at, why, REPEAT_LESS))
    }

    fn probe(&self, item: &Spanned<DeValue<'_>>) -> Result<Custom> {
        let start = item.span().start;
        let Some(table) = item.get_ref().as_table() else {
            return Err(self.error(start, "probe is a table", "write [[probe]] on a line of its own"));
        };
        if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(&&**key.get_ref())) {
            return Err(self.unknown(key));
        }
        let transport = match self.text_of(table, "transport")?.as_deref() {
            None | Some("tcp") => Transport::Tcp,
            Some("udp") => Transport::Udp,
            Some(_) => {
                return Err(self.wrong(table, "transport", "is neither tcp nor udp", "write \"tcp\" or \"udp\""));
            }
        };
        let missing = |key: &str, hint: &str| self.error(start, format!("{key} is missing"), hint);
        let word =
            self.text_of(table, "protocol")?.ok_or_else(|| missing("protocol", "write protocol = \"its-name\""))?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if word.is_empty() || word.len() > 64 || !word.chars().all(plain) {
            let hint = "use lower-case letters, digits, - _ and ., at most 64 of them";
            return Err(self.wrong(table, "protocol", "is no name for a protocol", hint));
        }
        let send = self.text_of(table, "send")?.map(|text| unescaped(&text)).transpose();
        let send = send.map_err(|why| self.wrong(table, "send", why, "write \\r \\n \\t \\0 \\\\ or \\xHH"))?;
        if send.as_ref().is_some_and(|bytes| bytes.is_empty() || bytes.len() > MAX_SEND) {
            return Err(self.wrong(
                table,
                "send",
                "is empty, or longer than 1,400 bytes",
                "leave it out to wait for a greeting",
            ));
        }
        if transport == Transport::Udp && send.is_none() {
            return Err(missing("send", "nobody greets over UDP: say what to send"));
        }
        let pattern = self.pattern(table)?.ok_or_else(|| missing("pattern", "write what an answer is known by"))?;
        Ok(Custom {
            word: word.leak(),
            transport,
            ports: self.ports(table, "ports")?.leak(),
            tls_ports: self.ports(table, "tls-ports")?.leak(),
            send: send.map(|bytes| &*bytes.leak()),
            likelihood: self.likelihood(table)?,
            pattern,
            product: self.text_of(table, "product")?,
        })
    }

    fn pattern(&self, table: &DeTable<'_>) -> Result<Option<Regex>> {
        let Some(text) = self.text_of(table, "pattern")? else { return Ok(None) };
        // Bytes, not characters: what a peer sends need not be UTF-8.
        let mut builder = RegexBuilder::new(&text);
        builder.unicode(false).size_limit(MAX_PATTERNS).dfa_size_limit(MAX_CACHE).nest_limit(MAX_NESTING);
        let pattern = builder.build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => self.wrong(table, "pattern", "grows too large", REPEAT_LESS),
            error => {
                // The last line says what is wrong, those before draw it.
                let said = error.to_string();
                let why = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let hint = "look at the syntax of Rust's regex: no look-around, no back-references";
                self.wrong(table, "pattern", &format!("does not compile: {}", clean(why)), hint)
            }
        })?;
        if pattern.is_match(b"") {
            let hint = "whatever anybody says would be that; + instead of * asks for something";
            return Err(self.wrong(table, "pattern", "matches the empty text", hint));
        }
        Ok(Some(pattern))
    }

    fn ports(&self, table: &DeTable<'_>, key: &'static str) -> Result<Vec<u16>> {
        let Some(value) = value(table, key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong(table, key, "is no list of ports", &format!("write {key} = [7000, 7001]"));
        let DeValue::Array(list) = value.get_ref() else { return Err(wrong()) };
        numbers(list).filter(|ports| ports.iter().all(|port| *port > 0)).ok_or_else(wrong)
    }

    fn likelihood(&self, table: &DeTable<'_>) -> Result<u8> {
        let Some(value) = value(table, "likelihood") else { return Ok(0) };
        let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse::<u8>().ok());
        let wrong = || self.wrong(table, "likelihood", "is no number from 0 to 9", "0: asked only on its own ports");
        number.filter(|number| *number <= 9).ok_or_else(wrong)
    }

    fn text_of(&self, table: &DeTable<'_>, key: &'static str) -> Result<Option<String>> {
        match value(table, key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(table, key, "is no text", &format!("write {key} = '…'"))),
        }
    }

    fn unknown(&self, key: &Spanned<Cow<'_, str>>) -> Error {
        let hint = match nearest(key.get_ref(), KEYS) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("a probe has {}", KEYS.join(", ")),
        };
        self.error(key.span().start, format!("a probe has no key '{}'", clean(key.get_ref())), hint)
    }

    fn wrong(&self, table: &DeTable<'_>, key: &'static str, why: &str, hint: &str) -> Error {
        let at = value(table, key).map_or(0, |value| value.span().start);
        self.error(at, format!("{key} {why}"), hint)
    }

    fn error(&self, at: usize, why: impl Into<String>, hint: impl Into<String>) -> Error {
        let (line, column) = line_and_column(self.text, at);
        Error::usage(format!("--probes {}:{line}:{column}", self.shown), why, hint)
    }
}

fn value<'v, 't>(table: &'v DeTable<'t>, key: &str) -> Option<&'v Spanned<DeValue<'t>>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn numbers(list: &DeArray<'_>) -> Option<Vec<u16>> {
    list.iter().map(|item| item.get_ref().as_integer()?.as_str().parse().ok()).collect()
}

/// Bytes from a text with `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH`.
fn unescaped(text: &str) -> std::result::Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                match (digit(), digit()) {
                    (Some(high), Some(low)) => high << 4 | low,
                    _ => return Err("has a \\x without two hexadecimal digits"),
                }
            }
            _ => return Err("has a backslash before what needs none"),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Custom>> {
        ProbeFile::new("x.toml".into(), text.as_bytes())?.probes()
    }

    fn refused(text: &str) -> String {
        let error = read(text).unwrap_err();
        format!("{error}; {}", error.hint())
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_place() {
        const HEAD: &str = "[[probe]]\nprotocol = 'acme'\n";
        let cases = [
            (String::new(), "x.toml:1:1: it holds no probe"),
            (format!("{HEAD}patern = 'x'"), "x.toml:3:1: a probe has no key 'patern'; did you mean 'pattern'?"),
            (format!("{HEAD}pattern = '('"), "x.toml:3:11: pattern does not compile"),
            (format!("{HEAD}pattern = '(?<=a)b'"), "no look-around"),
            (format!("{HEAD}pattern = '((((a{{100}}){{100}}){{100}}){{100}})'"), "pattern grows too large"),
            (format!("{HEAD}pattern = 'x*'"), "x.toml:3:11: pattern matches the empty text"),
            (HEAD.to_owned(), "pattern is missing"),
            (format!("{HEAD}pattern = 'x'\nports = [70000]"), "x.toml:4:9: ports is no list of ports"),
            (format!("{HEAD}pattern = 'x'\nsend = 'a\\q'"), "x.toml:4:8: send has a backslash"),
            (format!("{HEAD}pattern = 'x'\ntransport = 'sctp'"), "neither tcp nor udp"),
            (format!("{HEAD}pattern = 'x'\ntransport = 'udp'"), "send is missing"),
            (format!("{HEAD}pattern = 'x'\nlikelihood = 10"), "0 to 9"),
            ("[[probe]\n".to_owned(), "x.toml:1:"),
            ("[probe]\n".to_owned(), "two brackets"),
            ("probes = 1\n".to_owned(), "no key 'probes'"),
        ];
        for (text, said) in cases {
            let all = refused(&text);
            assert!(all.contains(said), "{text}: {all}");
        }
    }

    #[test]
    fn escapes_stand_for_bytes() {
        let probes = read("[[probe]]\nprotocol = 'x'\nsend = 'HI\\r\\n\\x00'\npattern = 'x'\n").unwrap();
        assert_eq!(probes[0].send, Some(&b"HI\r\n\0"[..]));
    }

    #[test]
    fn a_file_asks_for_no_more_than_can_be_afforded() {
        let probe = |pattern: &str| format!("[[probe]]\nprotocol = 'x'\npattern = '{pattern}'\n");
        assert_eq!(read(&probe("x+").repeat(MAX_PROBES)).unwrap().len(), MAX_PROBES);
        let said = refused(&probe("x+").repeat(MAX_PROBES + 1));
        assert!(said.contains("x.toml:385:1: it holds more than 128 probes"), "{said}");
        // Each is small enough by itself.
        let said = refused(&probe("[a-z]{2000}").repeat(MAX_PROBES));
        assert!(said.contains("the patterns up to here grow beyond 256 KiB") && !said.contains(":1:1:"), "{said}");
        let error = ProbeFile::new("x.toml".into(), b"# \xc3\xa9\n# \xff\n").err().map(|error| error.to_string());
        assert!(error.is_some_and(|said| said.contains("x.toml:2:3: what begins here is no UTF-8")));
    }
}
