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

/// The value of a capability.
fn value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let start = format!("\"{name}\" \"");
    let rest = lines(text).find_map(|line| line.strip_prefix(start.as_bytes()))?;
    rest.strip_suffix(b"\"")
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
    }
}
