//! A name to look up.

use super::DnsRecordType;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::net::RecordKind;

/// A name, and which records of it are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DnsName {
    /// As the user wrote it.
    given: String,
    /// With the domain.
    pub(super) full: String,
    /// The port of its addresses.
    pub(super) port: Option<u16>,
    pub(super) kinds: Vec<RecordKind>,
    pub(super) reads_texts: bool,
}

/// The longest name in text.
const MAX_LENGTH: usize = 255;
const HINT: &str = "write a name, as in _http._tcp.example.com or web.example.com:8080";

impl DnsName {
    /// # Errors
    /// It is not a name.
    pub(super) fn parse(text: &str, domain: Option<&str>, records: &[DnsRecordType]) -> Result<Self> {
        let (name, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((name, port)) => {
                let port = port.parse::<u16>().ok().filter(|port| *port > 0);
                (name, Some(port.ok_or_else(|| invalid(text, "its port is not a number from 1 to 65535"))?))
            }
        };
        let is_name = name.split('.').all(|label| label.len() <= 63)
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':' || byte >= 0x80);
        if name.trim_matches('.').is_empty() || name.len() > MAX_LENGTH || !is_name {
            return Err(invalid(text, "it is not the name of a service or a host"));
        }

        let full = match domain.map(|domain| domain.trim_matches('.')).filter(|domain| !domain.is_empty()) {
            Some(domain) if is_short(name) => format!("{name}.{domain}."),
            _ => name.to_owned(),
        };
        let kinds = kinds(name, port.is_some(), records);
        let reads_texts = records.is_empty() || records.contains(&DnsRecordType::Txt);
        Ok(Self { given: text.to_owned(), full, port, kinds, reads_texts })
    }

    /// `dns/_http._tcp.example.com`.
    pub(super) fn id(&self) -> String {
        format!("dns/{}", self.given)
    }

    /// The name of the service.
    pub(super) fn service(&self) -> &str {
        &self.given
    }
}

fn invalid(text: &str, why: &str) -> Error {
    Error::usage(format!("the name '{}'", clean(text)), why, HINT)
}

/// Whether the domain belongs behind it: `web`, `_http._tcp`.
fn is_short(name: &str) -> bool {
    !name.contains('.') || (name.starts_with('_') && name.split('.').count() == 2 && name.contains("._"))
}

fn kinds(name: &str, has_port: bool, records: &[DnsRecordType]) -> Vec<RecordKind> {
    let all = [
        (DnsRecordType::Srv, RecordKind::Srv),
        (DnsRecordType::A, RecordKind::A),
        (DnsRecordType::Aaaa, RecordKind::Aaaa),
    ];
    let is_only_text = records.iter().all(|record| *record == DnsRecordType::Txt);
    let wanted = all.into_iter().filter(|(word, kind)| match kind {
        _ if !is_only_text => records.contains(word),
        RecordKind::Srv => !has_port,
        _ => !name.starts_with('_'),
    });
    wanted.map(|(_, kind)| kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, domain: Option<&str>) -> String {
        match DnsName::parse(text, domain, &[]) {
            Ok(name) => {
                let kinds: Vec<_> = name.kinds.iter().map(|kind| kind.as_str()).collect();
                format!("{} {:?} {}", name.full, name.port, kinds.join(","))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_spelling_decides_what_is_looked_up() {
        for (text, domain, expected) in [
            ("web", None, "web None SRV,A,AAAA"),
            ("web", Some("service.consul"), "web.service.consul. None SRV,A,AAAA"),
            ("web.example", Some("service.consul"), "web.example None SRV,A,AAAA"),
            ("_http._tcp", Some(".example."), "_http._tcp.example. None SRV"),
            ("_http._tcp.example.com", Some("x"), "_http._tcp.example.com None SRV"),
            ("web:80", Some("x"), "web.x. Some(80) A,AAAA"),
        ] {
            assert_eq!(parsed(text, domain), expected, "{text}");
        }
        let long = "a".repeat(64);
        for text in ["", ".", "a b", "web:0", "web:x", "a/b", long.as_str()] {
            assert!(parsed(text, None).starts_with("cannot use the name"), "{text}");
        }
    }
}
