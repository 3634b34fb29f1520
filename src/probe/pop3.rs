//! POP3 (RFC 1939): greets with `+OK`, as Redis and others answer.

use super::words::{answer, lines, list, product_and_version, version, which};
use super::{Probe, ServerBytes, Speaking};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Pop3;

/// Servers that name themselves in their greeting.
const NAMES: &[&str] = &["Dovecot", "Cyrus POP3", "Courier", "Qpopper", "Microsoft Exchange", "Stalwart"];

impl Probe for Pop3 {
    fn word(&self) -> &'static str {
        "pop3"
    }

    fn ports(&self) -> &'static [u16] {
        &[110]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[995]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        // Nobody else greets like that.
        if said.to.is_some() { None } else { of_greeting(said.line()?) }
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> Speaking<'a> {
        Box::pin(async move {
            let greeting = answer(talk, b"", |bytes| bytes.contains(&b'\n')).await?;
            let Some(identity) = lines(&greeting).next().and_then(of_greeting) else { return Ok(None) };
            // RFC 2449: what it can do, and at times who it is.
            let told =
                answer(talk, b"CAPA\r\n", |bytes| bytes.ends_with(b"\r\n.\r\n") || bytes.starts_with(b"-ERR")).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            Ok(Some(with_capabilities(identity, &told)))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Pop3)
    }
}

/// `+OK Dovecot (Debian) ready.`
fn of_greeting(line: &[u8]) -> Option<Identity> {
    let text = line.strip_prefix(b"+OK")?;
    if !matches!(text.first(), None | Some(b' ')) {
        return None;
    }
    // RFC 1939, 7: a time stamp in angle brackets is an offer of APOP.
    let identity = Identity::of("pop3").fact("apop", text.contains(&b'<') && text.contains(&b'@'));
    let Some(name) = which(text, NAMES) else { return Some(identity) };
    let at = text.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))?;
    let after = text[at + name.len()..].trim_ascii_start();
    let identity = identity.product(name);
    Some(if after.first().is_some_and(u8::is_ascii_digit) { identity.version(version(after)) } else { identity })
}

fn with_capabilities(identity: Identity, told: &[u8]) -> Identity {
    if !told.starts_with(b"+OK") {
        return identity;
    }
    let offered = || lines(told).skip(1).take_while(|line| *line != b".");
    let identity = identity.fact_if("capabilities", list(offered()));
    let Some(own) = offered().find_map(|line| line.strip_prefix(b"IMPLEMENTATION ")) else { return identity };
    match product_and_version(own) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity.product(Untrusted::from_bytes(own)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::told;

    #[test]
    fn greetings_and_capabilities_are_read() {
        let identity = told(&Pop3, b"+OK Dovecot (Debian) ready.\r\n", None).unwrap();
        assert_eq!((identity.product, &identity.facts["apop"]), (Some("Dovecot".into()), &false.into()));
        assert!(told(&Pop3, b"+OK Dovecot ready.\r\n", Some("redis")).is_none());
        assert!(told(&Pop3, b"+OKAY\r\n", None).is_none());
        // RFC 2449, 5.
        let capabilities =
            b"+OK Capability list follows\r\nTOP\r\nUSER\r\nIMPLEMENTATION Shlemazle-Plotz-v302\r\n.\r\n";
        let identity = with_capabilities(Identity::of("pop3"), capabilities);
        assert_eq!(identity.product, Some("Shlemazle-Plotz-v302".into()));
    }

    proptest! {
        #[test]
        fn any_answer_is_taken(answer: Vec<u8>) {
            let _ = with_capabilities(Identity::default(), &[b"+OK\r\n".as_slice(), &answer].concat());
            let _ = of_greeting(&answer);
        }
    }
}
