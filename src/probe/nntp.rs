//! NNTP (RFC 3977): the greeting is 200 or 201, and CAPABILITIES lists what the server is.

use super::words::{code, contains, exchange, is_error, lines, list, refusal_code};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Nntp;

/// Words of the greetings of news servers.
const WORDS: [&str; 7] = ["NNTP", "NNRP", "InterNetNews", "Leafnode", "posting", "permission to talk", "news."];

impl Probe for Nntp {
    fn protocol(&self) -> &'static str {
        "nntp"
    }

    fn ports(&self) -> &'static [u16] {
        &[119, 433]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[563]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
        // 5.1.1: posting allowed, posting prohibited, temporarily and permanently unavailable.
        let is_greeting = matches!(code(line), Some(b"200" | b"201" | b"400" | b"502")) && line.get(3) == Some(&b' ');
        let is_known = is_greeting && WORDS.iter().any(|word| contains(line, word));
        is_known.then(|| if is_error(line) { refused(line) } else { greeted(line) })
    }

    fn refusal(&self, greeting: &[u8]) -> Option<Identity> {
        is_error(greeting).then(|| refused(greeting))
    }

    fn may_greet(&self, greeting: &[u8]) -> bool {
        matches!(code(greeting), Some(b"200" | b"201"))
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let greeting = exchange(talk, b"", |bytes| bytes.contains(&b'\n')).await?;
            let line = lines(&greeting).next().unwrap_or_default();
            if !matches!(code(line), Some(b"200" | b"201")) {
                return Ok(None);
            }

            let listed = exchange(talk, b"CAPABILITIES\r\n", is_listed).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            let is_known = WORDS.iter().any(|word| contains(line, word));
            Ok(match code(&listed) {
                Some(b"101") => Some(with_capabilities(greeted(line), &listed)),
                _ => is_known.then(|| greeted(line)),
            })
        })
    }
}

fn greeted(line: &[u8]) -> Identity {
    Identity::of("nntp").fact("posting", code(line) == Some(b"200"))
}

fn refused(line: &[u8]) -> Identity {
    Identity::of("nntp").fact_if("refusal_code", code(line).map(refusal_code))
}

/// Whether the list is complete, or there is none.
fn is_listed(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n.\r\n") || (bytes.contains(&b'\n') && !bytes.starts_with(b"101"))
}

/// Adds the capabilities (5.2): `IMPLEMENTATION INN 2.7.0`.
fn with_capabilities(identity: Identity, listed: &[u8]) -> Identity {
    let capabilities = lines(listed).skip(1).take_while(|line| *line != b".");
    let names = capabilities.clone().filter_map(|line| line.split(|byte| *byte == b' ').next());
    let identity = identity.fact_if("capabilities", list(names));
    let mut capabilities = capabilities;
    let software = capabilities.find_map(|line| line.strip_prefix(b"IMPLEMENTATION "));

    match software.map(|software| (software, super::words::product_and_version(software))) {
        Some((_, Some((product, version)))) => identity.product(product).version(version),
        Some((software, None)) => identity.product(Untrusted::from_bytes(software)),
        None => identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn greetings_and_capabilities_are_read() {
        let greeting = b"200 news.example.com InterNetNews NNRP server INN 2.7.0 ready (posting ok)\r\n";
        assert!(recognise_tcp(&Nntp, greeting, None).is_some());
        assert!(recognise_tcp(&Nntp, b"200 OK\r\n", None).is_none());
        for refusal in
            ["502 You have no permission to talk. Goodbye.\r\n", "400 news.example.org load at 17.6, try later\r\n"]
        {
            let identity = recognise_tcp(&Nntp, refusal.as_bytes(), None).unwrap_or_else(|| panic!("{refusal}"));
            assert!(identity.facts.contains_key("refusal_code"), "{refusal}");
        }
        // RFC 3977, 5.2.3.
        let listed =
            b"101 Capability list:\r\nVERSION 2\r\nREADER\r\nIMPLEMENTATION INN 4.2 2004-12-25\r\nOVER MSGID\r\n.\r\n";
        assert!(is_listed(listed));
        let identity = with_capabilities(greeted(greeting), listed);
        assert_eq!((identity.product, identity.version), (Some("INN".into()), Some("4.2".into())));
        assert_eq!(identity.facts["capabilities"], vec!["VERSION", "READER", "IMPLEMENTATION", "OVER"].into());
    }
}
