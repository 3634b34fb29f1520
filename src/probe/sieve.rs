//! ManageSieve (RFC 5804): the server greets with its capabilities and OK.

use super::words::{lines, list, product_and_version};
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Sieve;

impl Probe for Sieve {
    fn protocol(&self) -> &'static str {
        "sieve"
    }

    fn ports(&self) -> &'static [u16] {
        &[4190, 2000]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let text = received.bytes;
        if received.reply_to.is_none() && received.line().is_some_and(is_goodbye) {
            return Some(Identity::of("sieve").fact("refused", true));
        }
        if !text.starts_with(b"\"") || !(received.ended || lines(text).any(is_status)) {
            return None;
        }

        // 1.7: `"IMPLEMENTATION" "Example1 ManageSieved v001"`, `"SIEVE" "fileinto vacation"`, `"STARTTLS"`
        let software = value(text, "IMPLEMENTATION")?;
        let identity = Identity::of("sieve")
            .fact_if("extensions", value(text, "SIEVE").and_then(|words| list(words.split(|byte| *byte == b' '))))
            .fact_if("sasl_mechanisms", value(text, "SASL").and_then(|words| list(words.split(|byte| *byte == b' '))))
            .fact("starttls_offered", lines(text).any(|line| line.starts_with(b"\"STARTTLS\"")));
        Some(match product_and_version(software) {
            Some((product, version)) => identity.product(product).version(version),
            None => identity.product(Untrusted::from_bytes(software)),
        })
    }
}

/// Whether a line is the response that ends the greeting.
fn is_status(line: &[u8]) -> bool {
    line.starts_with(b"OK") || line.starts_with(b"NO") || line.starts_with(b"BYE")
}

/// `BYE "Too many connections"`, or with a code in parentheses (1.2): the server turns the client away.
fn is_goodbye(line: &[u8]) -> bool {
    let Some(text) = line.strip_prefix(b"BYE ") else { return false };
    matches!(text, [b'"' | b'(', .., b'"' | b')'])
}

/// The value of a capability: a text in quotes, or a literal (4): `{7}`, a line end and 7 bytes.
fn value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let start = format!("\"{name}\" ");
    let value = lines(text).find_map(|line| line.strip_prefix(start.as_bytes()))?;
    if let Some(quoted) = value.strip_prefix(b"\"") {
        return quoted.strip_suffix(b"\"");
    }

    let length = value.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let length: usize = std::str::from_utf8(length.strip_suffix(b"+").unwrap_or(length)).ok()?.parse().ok()?;
    let literal = [start.as_bytes(), value, b"\r\n"].concat();
    let at = text.windows(literal.len()).position(|window| window == literal)?;
    text.get(at + literal.len()..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_capabilities_are_read() {
        // RFC 5804, 1.7.
        let greeting = b"\"IMPLEMENTATION\" \"Example1 ManageSieved v001\"\r\n\"VERSION\" \"1.0\"\r\n\
            \"SASL\" \"PLAIN SCRAM-SHA-1 GSSAPI\"\r\n\"SIEVE\" \"fileinto vacation\"\r\n\"STARTTLS\"\r\nOK\r\n";
        let identity = recognise_tcp(&Sieve, greeting, None).unwrap();
        assert_eq!(identity.facts["extensions"], vec!["fileinto", "vacation"].into());
        assert_eq!(identity.facts["starttls_offered"], true.into());
        let dovecot = b"\"IMPLEMENTATION\" \"Dovecot (Debian) Pigeonhole\"\r\nOK \"ready\"\r\n";
        assert_eq!(recognise_tcp(&Sieve, dovecot, None).unwrap().product, Some("Dovecot (Debian) Pigeonhole".into()));
        assert!(recognise_tcp(&Sieve, b"\"x\"\r\nOK\r\n", None).is_none());
        let literal = b"\"IMPLEMENTATION\" {7}\r\nDovecot\r\n\"SIEVE\" \"fileinto\"\r\nOK\r\n";
        assert_eq!(recognise_tcp(&Sieve, literal, None).unwrap().product, Some("Dovecot".into()));
        assert!(recognise_tcp(&Sieve, b"\"IMPLEMENTATION\" {99}\r\nDovecot\r\nOK\r\n", None).is_none());
        let busy = b"BYE \"Too many connections\"\r\n";
        assert_eq!(recognise_tcp(&Sieve, busy, None).unwrap().facts["refused"], true.into());
        assert!(recognise_tcp(&Sieve, b"BYE bye\r\n", None).is_none());
    }
}
