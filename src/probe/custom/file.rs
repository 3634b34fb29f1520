//! The TOML file of a user's own probes.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder, RegexSetBuilder};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::CustomProbe;
use crate::clean::clean;
use crate::error::{Error, Result, line_and_column, nearest};
use crate::model::Transport;
use crate::probe::{Probe, Probes};

/// The keys of a probe.
const KEYS: &[&str] = &["protocol", "transport", "ports", "tls-ports", "send", "likelihood", "pattern", "product"];
/// Limit, because every probe examines every reply.
const MAX_PROBES: usize = 128;
/// The longest protocol name.
const MAX_NAME: usize = 64;
/// The longest request: it must fit into one segment.
const MAX_SEND: usize = 1400;
/// Limit for all compiled patterns together, in bytes: a pattern grows with its repetitions. It also bounds the cost of a
/// search, which is at most the product of both lengths.
const MAX_PATTERNS: usize = 256 * 1024;
/// Search cache per pattern, in bytes. A smaller cache only slows the search down.
const MAX_CACHE: usize = 32 * 1024;
/// The deepest nesting of groups.
const MAX_NESTING: u32 = 50;

const HINT_START: &str = "start each probe with the line [[probe]]";
const HINT_REPETITIONS: &str = "reduce repetitions: x{1000} compiles to a thousand copies of x";

impl Probes {
    /// The longest probe file, in bytes.
    pub(crate) const LONGEST_FILE: usize = 1 << 20;

    /// The probes of a file, followed by the built-in ones.
    ///
    /// # Errors
    /// If the file is invalid; the error names the line and column.
    pub(crate) fn with_file(shown: String, text: &[u8]) -> Result<Self> {
        let probes = ProbeFile::new(shown, text)?.probes()?;
        Ok(Self::and(probes.into_iter().map(|probe| Box::new(probe) as Box<dyn Probe>).collect()))
    }
}

/// The file and its name, for error messages.
struct ProbeFile<'t> {
    name: String,
    text: &'t str,
}

impl<'t> ProbeFile<'t> {
    fn new(name: String, text: &'t [u8]) -> Result<Self> {
        match str::from_utf8(text) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => {
                let (valid, _) = text.split_at(error.valid_up_to());
                let valid = ProbeFile { name, text: str::from_utf8(valid).unwrap_or_default() };
                Err(valid.error(valid.text.len(), "this is not UTF-8", "save the file as UTF-8"))
            }
        }
    }

    fn probes(&self) -> Result<Vec<CustomProbe>> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let cause = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(error.span().map_or(self.text.len(), |span| span.start), clean(&cause), "fix that line")
        })?;

        let mut probes = Vec::new();
        for (name, value) in table.get_ref() {
            if name.get_ref() != "probe" {
                let cause = format!("unknown key '{}'", clean(name.get_ref()));
                return Err(self.error(name.span().start, cause, HINT_START));
            }
            let DeValue::Array(list) = value.get_ref() else {
                return Err(self.error(value.span().start, "probe is not an array", "write [[probe]] in two brackets"));
            };
            if let Some(item) = list.get(MAX_PROBES) {
                let cause = format!("more than {MAX_PROBES} probes");
                return Err(self.error(item.span().start, cause, "remove probes that you do not need"));
            }

            for item in list {
                probes.push(self.probe(item)?);
            }
            self.check_total_size(list, &probes)?;
        }

        if probes.is_empty() {
            return Err(self.error(0, "the file has no probe", HINT_START));
        }
        Ok(probes)
    }

    /// Checks the size of all patterns together.
    fn check_total_size(&self, list: &DeArray<'_>, probes: &[CustomProbe]) -> Result<()> {
        if fits(probes) {
            return Ok(());
        }

        let counts: Vec<usize> = (1..=probes.len()).collect();
        let first = list.get(counts.partition_point(|&count| fits(&probes[..count])));
        let at = first.map_or(0, |item| item.span().start);
        let cause = format!("the patterns up to here exceed {} KiB when compiled", MAX_PATTERNS / 1024);
        Err(self.error(at, cause, HINT_REPETITIONS))
    }

    fn probe(&self, item: &Spanned<DeValue<'_>>) -> Result<CustomProbe> {
        let start = item.span().start;
        let Some(table) = item.get_ref().as_table() else {
            return Err(self.error(start, "probe is not a table", "write [[probe]] on a line of its own"));
        };
        if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(&&**key.get_ref())) {
            return Err(self.unknown(key));
        }

        let transport = self.transport(table)?;
        let protocol = self.protocol(table, start)?;
        let send = self.send(table)?;

        if transport == Transport::Udp && send.is_none() {
            return Err(self.missing(start, "send", "UDP services do not greet: add the request to send"));
        }

        let Some(pattern) = self.pattern(table)? else {
            return Err(self.missing(start, "pattern", "add a regular expression that matches the reply"));
        };

        Ok(CustomProbe {
            protocol: protocol.leak(),
            transport,
            ports: self.ports(table, "ports")?.leak(),
            tls_ports: self.ports(table, "tls-ports")?.leak(),
            send: send.map(|bytes| &*bytes.leak()),
            likelihood: self.likelihood(table)?,
            pattern,
            product: self.string(table, "product")?,
        })
    }

    fn transport(&self, table: &DeTable<'_>) -> Result<Transport> {
        match self.string(table, "transport")?.as_deref() {
            None | Some("tcp") => Ok(Transport::Tcp),
            Some("udp") => Ok(Transport::Udp),
            Some(_) => Err(self.invalid(table, "transport", "is neither tcp nor udp", "write \"tcp\" or \"udp\"")),
        }
    }

    fn protocol(&self, table: &DeTable<'_>, start: usize) -> Result<String> {
        let Some(protocol) = self.string(table, "protocol")? else {
            return Err(self.missing(start, "protocol", "write protocol = \"its-name\""));
        };
        if protocol.is_empty() || protocol.len() > MAX_NAME || !protocol.chars().all(is_name_character) {
            let hint = "use lower-case letters, digits, - _ and ., at most 64 characters";
            return Err(self.invalid(table, "protocol", "is not a valid name", hint));
        }
        Ok(protocol)
    }

    fn send(&self, table: &DeTable<'_>) -> Result<Option<Vec<u8>>> {
        let send = self.string(table, "send")?.map(|text| unescape(&text)).transpose();
        let send = send.map_err(|cause| self.invalid(table, "send", cause, "write \\r \\n \\t \\0 \\\\ or \\xHH"))?;
        if send.as_ref().is_some_and(|bytes| bytes.is_empty() || bytes.len() > MAX_SEND) {
            let hint = "leave it out to wait for a greeting";
            return Err(self.invalid(table, "send", "is empty or longer than 1,400 bytes", hint));
        }
        Ok(send)
    }

    fn pattern(&self, table: &DeTable<'_>) -> Result<Option<Regex>> {
        let Some(text) = self.string(table, "pattern")? else { return Ok(None) };
        // Matches bytes, because a server may send text that is not UTF-8.
        let mut builder = RegexBuilder::new(&text);
        builder.unicode(false).size_limit(MAX_PATTERNS).dfa_size_limit(MAX_CACHE).nest_limit(MAX_NESTING);
        let pattern = builder.build().map_err(|error| self.invalid_pattern(table, &error))?;

        if pattern.is_match(b"") {
            let hint = "it would match every reply; use + instead of *";
            return Err(self.invalid(table, "pattern", "matches the empty text", hint));
        }
        Ok(Some(pattern))
    }

    fn invalid_pattern(&self, table: &DeTable<'_>, error: &regex::Error) -> Error {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            return self.invalid(table, "pattern", "is too large when compiled", HINT_REPETITIONS);
        }

        // The last line names the problem; those before it point at the place.
        let message = error.to_string();
        let cause = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let hint = "see the syntax of Rust's regex: no look-around, no back-references";
        self.invalid(table, "pattern", &format!("does not compile: {}", clean(cause)), hint)
    }

    fn ports(&self, table: &DeTable<'_>, key: &'static str) -> Result<Vec<u16>> {
        let Some(value) = value(table, key) else { return Ok(Vec::new()) };
        let ports = value.get_ref().as_array().and_then(numbers);
        ports
            .filter(|ports| ports.iter().all(|port| *port > 0))
            .ok_or_else(|| self.invalid(table, key, "is not a list of ports", &format!("write {key} = [7000, 7001]")))
    }

    fn likelihood(&self, table: &DeTable<'_>) -> Result<u8> {
        let Some(value) = value(table, "likelihood") else { return Ok(0) };
        let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse::<u8>().ok());
        number.filter(|number| *number <= 9).ok_or_else(|| {
            self.invalid(table, "likelihood", "is not a number from 0 to 9", "0 probes only the listed ports")
        })
    }

    fn string(&self, table: &DeTable<'_>, key: &'static str) -> Result<Option<String>> {
        match value(table, key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.invalid(table, key, "is not a string", &format!("write {key} = '…'"))),
        }
    }

    fn unknown(&self, key: &Spanned<Cow<'_, str>>) -> Error {
        let hint = match nearest(key.get_ref(), KEYS) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("the keys of a probe are {}", KEYS.join(", ")),
        };
        self.error(key.span().start, format!("a probe has no key '{}'", clean(key.get_ref())), hint)
    }

    fn missing(&self, start: usize, key: &str, hint: &str) -> Error {
        self.error(start, format!("{key} is missing"), hint)
    }

    fn invalid(&self, table: &DeTable<'_>, key: &'static str, cause: &str, hint: &str) -> Error {
        let at = value(table, key).map_or(0, |value| value.span().start);
        self.error(at, format!("{key} {cause}"), hint)
    }

    fn error(&self, at: usize, cause: impl Into<String>, hint: impl Into<String>) -> Error {
        let (line, column) = line_and_column(self.text, at);
        Error::usage(format!("--probes {}:{line}:{column}", self.name), cause, hint)
    }
}

/// Whether the patterns of these probes compile within the limit.
fn fits(probes: &[CustomProbe]) -> bool {
    let mut builder = RegexSetBuilder::new(probes.iter().map(|probe| probe.pattern.as_str()));
    builder.unicode(false).size_limit(MAX_PATTERNS).nest_limit(MAX_NESTING).build().is_ok()
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
}

fn value<'v, 't>(table: &'v DeTable<'t>, key: &str) -> Option<&'v Spanned<DeValue<'t>>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn numbers(list: &DeArray<'_>) -> Option<Vec<u16>> {
    list.iter().map(|item| item.get_ref().as_integer()?.as_str().parse().ok()).collect()
}

/// Replaces `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` by their bytes.
fn unescape(text: &str) -> std::result::Result<Vec<u8>, &'static str> {
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
            Some(b'x') => match (hex_digit(rest.next()), hex_digit(rest.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err("has a \\x without two hexadecimal digits"),
            },
            _ => return Err("has an unknown escape sequence"),
        });
    }

    Ok(bytes)
}

fn hex_digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<CustomProbe>> {
        ProbeFile::new("x.toml".into(), text.as_bytes())?.probes()
    }

    fn probe(pattern: &str) -> String {
        format!("[[probe]]\nprotocol = 'x'\npattern = '{pattern}'\n")
    }

    fn error_of(text: &str) -> String {
        let error = read(text).unwrap_err();
        format!("{error}; {}", error.hint())
    }

    #[test]
    fn errors_name_the_place() {
        const HEAD: &str = "[[probe]]\nprotocol = 'acme'\n";
        let cases = [
            (String::new(), "x.toml:1:1: the file has no probe"),
            (format!("{HEAD}patern = 'x'"), "x.toml:3:1: a probe has no key 'patern'; did you mean 'pattern'?"),
            (format!("{HEAD}pattern = '('"), "x.toml:3:11: pattern does not compile"),
            (format!("{HEAD}pattern = '(?<=a)b'"), "no look-around"),
            (format!("{HEAD}pattern = '((((a{{100}}){{100}}){{100}}){{100}})'"), "pattern is too large when compiled"),
            (format!("{HEAD}pattern = 'x*'"), "x.toml:3:11: pattern matches the empty text"),
            (HEAD.to_owned(), "pattern is missing"),
            (format!("{HEAD}pattern = 'x'\nports = [70000]"), "x.toml:4:9: ports is not a list of ports"),
            (format!("{HEAD}pattern = 'x'\nsend = 'a\\q'"), "x.toml:4:8: send has an unknown escape"),
            (format!("{HEAD}pattern = 'x'\ntransport = 'sctp'"), "neither tcp nor udp"),
            (format!("{HEAD}pattern = 'x'\ntransport = 'udp'"), "send is missing"),
            (format!("{HEAD}pattern = 'x'\nlikelihood = 10"), "0 to 9"),
            ("[[probe]\n".to_owned(), "x.toml:1:"),
            ("[probe]\n".to_owned(), "two brackets"),
            ("probes = 1\n".to_owned(), "unknown key 'probes'"),
        ];

        for (text, expected) in cases {
            let error = error_of(&text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn escapes_stand_for_bytes() {
        let probes = read("[[probe]]\nprotocol = 'x'\nsend = 'HI\\r\\n\\x00'\npattern = 'x'\n").unwrap();
        assert_eq!(probes[0].send, Some(&b"HI\r\n\0"[..]));
    }

    #[test]
    fn the_size_of_a_file_is_limited() {
        assert_eq!(read(&probe("x+").repeat(MAX_PROBES)).unwrap().len(), MAX_PROBES);
        let error = error_of(&probe("x+").repeat(MAX_PROBES + 1));
        assert!(error.contains("x.toml:385:1: more than 128 probes"), "{error}");

        // Each pattern alone is small enough.
        let error = error_of(&probe("[a-z]{2000}").repeat(MAX_PROBES));
        assert!(error.contains("the patterns up to here exceed 256 KiB") && !error.contains(":1:1:"), "{error}");

        let error = ProbeFile::new("x.toml".into(), b"# \xc3\xa9\n# \xff\n").err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("x.toml:2:3: this is not UTF-8")));
    }
}
