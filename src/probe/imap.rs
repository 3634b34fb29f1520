//! IMAP (RFC 9051): the greeting is an untagged response.

use super::words::{contains, exchange, find_name, leading_version, lines, list};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Imap;

/// Servers whose greeting contains their name.
const NAMES: &[&str] =
    &["Dovecot", "Cyrus IMAP", "Courier-IMAP", "Microsoft Exchange", "Zimbra", "hMailServer", "Stalwart"];

impl Probe for Imap {
    fn protocol(&self) -> &'static str {
        "imap"
    }

    fn ports(&self) -> &'static [u16] {
        &[143]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[993]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
        let is_refusal = received.reply_to.is_none() && is_refusal(line);
        parse_greeting(line).or_else(|| is_refusal.then(refused))
    }

    fn refusal(&self, greeting: &[u8]) -> Option<Identity> {
        is_refusal(greeting).then(refused)
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let greeting = exchange(talk, b"", |bytes| bytes.contains(&b'\n')).await?;
            let Some(mut identity) = lines(&greeting).next().and_then(parse_greeting) else { return Ok(None) };

            let mut capabilities = exchange(talk, b"a CAPABILITY\r\n", |bytes| is_done(bytes, b"a ")).await?;
            if contains(&capabilities, " ID") {
                // RFC 2971: the name and version of the server, available in any state.
                let id = exchange(talk, b"b ID NIL\r\n", |bytes| is_done(bytes, b"b ")).await?;
                identity = with_id(identity, &id);
                capabilities.truncate(4096);
            }

            let _ = talk.peer.write(b"c LOGOUT\r\n").await;
            Ok(Some(with_capabilities(identity, &capabilities)))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Imap)
    }
}

fn is_done(bytes: &[u8], tag: &[u8]) -> bool {
    bytes.ends_with(b"\n") && lines(bytes).any(|line| line.starts_with(tag))
}

/// `* OK [CAPABILITY IMAP4rev1 ...] Dovecot (Debian) ready.`
fn parse_greeting(line: &[u8]) -> Option<Identity> {
    let kind = ["* OK ", "* PREAUTH ", "* BYE "].into_iter().find(|kind| starts_with(line, kind))?;
    let identity = Identity::of("imap").fact_if("preauthenticated", (kind == "* PREAUTH ").then_some(true));
    let Some((name, rest)) = find_name(line, NAMES) else { return Some(identity) };
    Some(identity.product(name).version(leading_version(rest).unwrap_or_default()))
}

/// Whether a line starts with this, in any case (9): `* ok`.
fn starts_with(line: &[u8], start: &str) -> bool {
    line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
}

/// `* BAD internal server error`: a status (7.1) that is no greeting, from a server that cannot go on.
fn is_refusal(line: &[u8]) -> bool {
    starts_with(line, "* NO ") || starts_with(line, "* BAD ")
}

fn refused() -> Identity {
    Identity::of("imap").fact("refused", true)
}

/// `* ID ("name" "Cyrus" "version" "3.6.1")`.
fn with_id(identity: Identity, answer: &[u8]) -> Identity {
    let Some(line) = lines(answer).find(|line| line.starts_with(b"* ID (")) else { return identity };
    let texts: Vec<&[u8]> = line.split(|byte| *byte == b'"').skip(1).step_by(2).collect();

    let identity = match id_field(&texts, "name") {
        Some(name) => identity.product(name),
        None => identity,
    };
    match id_field(&texts, "version") {
        Some(version) => identity.version(version),
        None => identity,
    }
}

/// The value of a field in alternating names and values.
fn id_field(texts: &[&[u8]], name: &str) -> Option<Untrusted> {
    let pair = texts.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(name.as_bytes()))?;
    Some(Untrusted::from_bytes(pair[1]))
}

fn with_capabilities(identity: Identity, answer: &[u8]) -> Identity {
    let Some(line) = lines(answer).find_map(|line| line.strip_prefix(b"* CAPABILITY ")) else { return identity };
    identity.fact_if("capabilities", list(line.split(|byte| *byte == b' ')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn greetings_and_replies_are_read() {
        let identity =
            recognise_tcp(&Imap, b"* OK [CAPABILITY IMAP4rev1 ID] Dovecot (Debian) ready.\r\n", None).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Dovecot".into()), None));
        let identity = recognise_tcp(&Imap, b"* OK a.example Cyrus IMAP 3.6.1-Debian server ready\r\n", None).unwrap();
        assert_eq!(identity.version, Some("3.6.1-Debian".into()));
        assert_eq!(recognise_tcp(&Imap, b"* HELLO\r\n", None), None);
        for greeting in ["* ok imap4rev1 ready\r\n", "* NO try later\r\n", "* BAD internal server error\r\n"] {
            assert!(recognise_tcp(&Imap, greeting.as_bytes(), None).is_some(), "{greeting}");
        }
        assert_eq!(recognise_tcp(&Imap, b"* BAD what\r\n", Some("http")), None);

        // RFC 2971, 3.2.
        let id = b"* ID (\"name\" \"Cyrus\" \"version\" \"1.5\" \"os\" \"sunos\")\r\na023 OK ID completed\r\n";
        let identity = with_id(Identity::of("imap"), id);
        assert_eq!((identity.product, identity.version), (Some("Cyrus".into()), Some("1.5".into())));
        let identity = with_capabilities(Identity::of("imap"), b"* CAPABILITY IMAP4rev2 STARTTLS\r\na OK\r\n");
        assert_eq!(identity.facts["capabilities"], vec!["IMAP4rev2", "STARTTLS"].into());
    }

    proptest! {
        #[test]
        fn any_reply_is_accepted(answer: Vec<u8>) {
            let _ = with_capabilities(with_id(Identity::default(), &answer), &answer);
            let _ = with_id(Identity::default(), &[b"* ID (".as_slice(), &answer].concat());
            let _ = is_done(&answer, b"a ");
        }
    }
}
