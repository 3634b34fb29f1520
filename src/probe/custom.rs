//! A user's own probes, from a TOML file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::{Asked, Probe, Probes, Said};
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result, line_and_column, nearest};
use crate::model::{Identity, Transport};

/// The keys of a probe.
const KEYS: &[&str] = &["protocol", "transport", "ports", "tls-ports", "send", "likelihood", "pattern", "product"];
/// The longest file, and the longest question: more than one segment would be a conversation.
const MOST_FILE: usize = 1 << 20;
const MOST_SEND: usize = 1400;
/// What a pattern may grow to when it is compiled, in bytes; one that repeats others many times does.
const MOST_PATTERN: usize = 256 * 1024;
/// How deep groups may stand in each other.
const MOST_NESTING: u32 = 50;

/// One probe of a file.
#[derive(Debug)]
struct Custom {
    word: &'static str,
    transport: Transport,
    ports: &'static [u16],
    tls_ports: &'static [u16],
    send: Option<&'static [u8]>,
    likelihood: u8,
    pattern: Regex,
    product: Option<String>,
}

impl Probes {
    /// The probes of a file, before those that are built in.
    ///
    /// # Errors
    /// A file that cannot be read; with line and column, what in it cannot be used.
    pub(crate) fn with_file(path: &Path) -> Result<Self> {
        let shown = clean(&path.to_string_lossy());
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MOST_FILE as u64 + 1).read_to_string(&mut text));
        read.map_err(|error| {
            Error::io(format!("read the probes in {shown}"), error, "name a TOML file with --probes")
        })?;
        if text.len() > MOST_FILE {
            return Err(Error::usage(
                format!("--probes '{shown}'"),
                "it is longer than 1 MiB",
                "name a file of probes",
            ));
        }
        let probes = Text { shown, text: &text }.probes()?;
        Ok(Self::and(probes.into_iter().map(|probe| Box::new(probe) as Box<dyn Probe>).collect()))
    }
}

/// A file that is being read, for what is said of it.
struct Text<'t> {
    shown: String,
    text: &'t str,
}

impl Text<'_> {
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
            for item in list {
                found.push(self.probe(item)?);
            }
        }
        if found.is_empty() {
            return Err(self.error(0, "it holds no probe", "each probe begins with the line [[probe]]"));
        }
        Ok(found)
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
        if send.as_ref().is_some_and(|bytes| bytes.is_empty() || bytes.len() > MOST_SEND) {
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
        builder.unicode(false).size_limit(MOST_PATTERN).dfa_size_limit(MOST_PATTERN).nest_limit(MOST_NESTING);
        builder.build().map(Some).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => self.wrong(
                table,
                "pattern",
                "grows too large",
                "repeat less: {1000} of something makes a thousand of it",
            ),
            error => {
                // The last line says what is wrong, those before draw it.
                let said = error.to_string();
                let why = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let hint = "look at the syntax of Rust's regex: no look-around, no back-references";
                self.wrong(table, "pattern", &format!("does not compile: {}", clean(why)), hint)
            }
        })
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

    fn unknown(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Error {
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

impl Probe for Custom {
    fn word(&self) -> &'static str {
        self.word
    }

    fn ports(&self) -> &'static [u16] {
        if self.transport == Transport::Tcp { self.ports } else { &[] }
    }

    fn tls_ports(&self) -> &'static [u16] {
        self.tls_ports
    }

    fn udp_ports(&self) -> &'static [u16] {
        if self.transport == Transport::Udp { self.ports } else { &[] }
    }

    fn likelihood(&self) -> u8 {
        self.likelihood
    }

    fn hello(&self, _asked: &Asked) -> Option<Vec<u8>> {
        self.send.filter(|_| self.transport == Transport::Tcp).map(<[u8]>::to_vec)
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        self.send.filter(|_| self.transport == Transport::Udp)
    }

    fn recognise(&self, said: &Said<'_>) -> Option<Identity> {
        if said.transport != self.transport {
            return None;
        }
        let groups = self.pattern.captures(said.bytes)?;
        let mut identity = Identity::of(self.word).product(self.product.clone().unwrap_or_default());
        for name in self.pattern.capture_names().flatten() {
            let Some(group) = groups.name(name) else { continue };
            let text = Untrusted::from_bytes(group.as_bytes());
            identity = match name {
                "product" => identity.product(text),
                "version" => identity.version(text),
                other => identity.fact(other.to_owned(), text),
            };
        }
        Some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Custom>> {
        Text { shown: "x.toml".into(), text }.probes()
    }

    fn refused(text: &str) -> String {
        let error = read(text).unwrap_err();
        format!("{error}; {}", error.hint())
    }

    #[test]
    fn named_groups_become_facts() {
        let probes = read(
            "[[probe]]\nprotocol = 'acme'\nports = [7000]\nsend = 'HI\\r\\n\\x00'\nproduct = 'Acme'\n\
             pattern = '^ACME (?<version>[\\d.]+) (?<region>\\w+)'\n",
        );
        let probe = &probes.unwrap()[0];
        assert_eq!(probe.send, Some(&b"HI\r\n\0"[..]));
        let bytes = b"ACME 1.2.3 eu \xff\xfe";
        let said = Said { bytes, transport: Transport::Tcp, to: None, ended: false };
        let identity = probe.recognise(&said).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Acme".into()), Some("1.2.3".into())));
        assert_eq!(identity.facts.get("region"), Some(&"eu".into()));
        assert!(probe.recognise(&Said { bytes: b"nothing", ..said }).is_none());
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
}
