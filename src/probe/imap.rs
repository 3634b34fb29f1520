//! IMAP (RFC 9051): greets with an untagged response.

use super::words::{answer, contains, lines, list, version, which};
use super::{Probe, ServerBytes, Speaking};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Imap;

/// Servers that name themselves in their greeting.
const NAMES: &[&str] =
    &["Dovecot", "Cyrus IMAP", "Courier-IMAP", "Microsoft Exchange", "Zimbra", "hMailServer", "Stalwart"];

impl Probe for Imap {
    fn word(&self) -> &'static str {
        "imap"
    }

    fn ports(&self) -> &'static [u16] {
        &[143]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[993]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        of_greeting(said.line()?)
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> Speaking<'a> {
        Box::pin(async move {
            let greeting = answer(talk, b"", |bytes| bytes.contains(&b'\n')).await?;
            let Some(mut identity) = lines(&greeting).next().and_then(of_greeting) else { return Ok(None) };
            let mut told = answer(talk, b"a CAPABILITY\r\n", |bytes| is_done(bytes, b"a ")).await?;
            if contains(&told, " ID") {
                // RFC 2971: who it is, to be asked in any state.
                let id = answer(talk, b"b ID NIL\r\n", |bytes| is_done(bytes, b"b ")).await?;
                identity = with_id(identity, &id);
                told.truncate(told.len().min(4096));
            }
            let _ = talk.peer.write(b"c LOGOUT\r\n").await;
            Ok(Some(with_capabilities(identity, &told)))
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
fn of_greeting(line: &[u8]) -> Option<Identity> {
    let kind = ["* OK ", "* PREAUTH ", "* BYE "].into_iter().find(|kind| line.starts_with(kind.as_bytes()))?;
    let identity = Identity::of("imap").fact_if("preauthenticated", (kind == "* PREAUTH ").then_some(true));
    let Some(name) = which(line, NAMES) else { return Some(identity) };
    let at = line.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))?;
    let after = line[at + name.len()..].trim_ascii_start();
    let identity = identity.product(name);
    Some(if after.first().is_some_and(u8::is_ascii_digit) { identity.version(version(after)) } else { identity })
}

/// `* ID ("name" "Cyrus" "version" "3.6.1")`.
fn with_id(identity: Identity, answer: &[u8]) -> Identity {
    let Some(line) = lines(answer).find(|line| line.starts_with(b"* ID (")) else { return identity };
    let texts: Vec<&[u8]> = line.split(|byte| *byte == b'"').skip(1).step_by(2).collect();
    let value = |name: &str| {
        let pair = texts.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(name.as_bytes()))?;
        Some(Untrusted::from_bytes(pair[1]))
    };
    let identity = match value("name") {
        Some(name) => identity.product(name),
        None => identity,
    };
    match value("version") {
        Some(version) => identity.version(version),
        None => identity,
    }
}

fn with_capabilities(identity: Identity, answer: &[u8]) -> Identity {
    let Some(line) = lines(answer).find_map(|line| line.strip_prefix(b"* CAPABILITY ")) else { return identity };
    identity.fact_if("capabilities", list(line.split(|byte| *byte == b' ')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::told;

    #[test]
    fn greetings_and_answers_are_read() {
        let identity = told(&Imap, b"* OK [CAPABILITY IMAP4rev1 ID] Dovecot (Debian) ready.\r\n", None).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Dovecot".into()), None));
        let identity = told(&Imap, b"* OK a.example Cyrus IMAP 3.6.1-Debian server ready\r\n", None).unwrap();
        assert_eq!(identity.version, Some("3.6.1-Debian".into()));
        assert_eq!(told(&Imap, b"* HELLO\r\n", None), None);
        // RFC 2971, 3.2.
        let id = b"* ID (\"name\" \"Cyrus\" \"version\" \"1.5\" \"os\" \"sunos\")\r\na023 OK ID completed\r\n";
        let identity = with_id(Identity::of("imap"), id);
        assert_eq!((identity.product, identity.version), (Some("Cyrus".into()), Some("1.5".into())));
        let identity = with_capabilities(Identity::of("imap"), b"* CAPABILITY IMAP4rev2 STARTTLS\r\na OK\r\n");
        assert_eq!(identity.facts["capabilities"], vec!["IMAP4rev2", "STARTTLS"].into());
    }

    proptest! {
        #[test]
        fn any_answer_is_taken(answer: Vec<u8>) {
            let _ = with_capabilities(with_id(Identity::default(), &answer), &answer);
            let _ = with_id(Identity::default(), &[b"* ID (".as_slice(), &answer].concat());
            let _ = is_done(&answer, b"a ");
        }
    }
}
