//! POP3 (RFC 1939): the greeting starts with `+OK`. Redis and others use that in replies.

use super::words::{contains, exchange, find_name, leading_version, lines, list, product_and_version};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Pop3;

/// Servers whose greeting contains their name.
const NAMES: &[&str] = &["Dovecot", "Cyrus POP3", "Courier", "Qpopper", "Microsoft Exchange", "Stalwart"];

impl Probe for Pop3 {
    fn protocol(&self) -> &'static str {
        "pop3"
    }

    fn ports(&self) -> &'static [u16] {
        &[110]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[995]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // As a greeting, `+OK` is unique to POP3.
        if received.reply_to.is_some() {
            return None;
        }
        let line = received.line()?;
        parse_greeting(line).or_else(|| is_refusal(line).then(refused))
    }

    fn refusal(&self, greeting: &[u8]) -> Option<Identity> {
        greeting.starts_with(b"-ERR").then(refused)
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let greeting = exchange(talk, b"", |bytes| bytes.contains(&b'\n')).await?;
            let Some(identity) = lines(&greeting).next().and_then(parse_greeting) else { return Ok(None) };

            // RFC 2449: the capabilities, and sometimes the name of the server.
            let capabilities =
                exchange(talk, b"CAPA\r\n", |bytes| bytes.ends_with(b"\r\n.\r\n") || bytes.starts_with(b"-ERR"))
                    .await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            Ok(Some(with_capabilities(identity, &capabilities)))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Pop3)
    }
}

/// `+OK Dovecot (Debian) ready.`
fn parse_greeting(line: &[u8]) -> Option<Identity> {
    let text = line.strip_prefix(b"+OK")?;
    if !matches!(text.first(), None | Some(b' ')) {
        return None;
    }

    // RFC 1939, 7: a timestamp in angle brackets offers APOP.
    let identity = Identity::of("pop3").fact("apop", text.contains(&b'<') && text.contains(&b'@'));
    let Some((name, rest)) = find_name(text, NAMES) else { return Some(identity) };
    Some(identity.product(name).version(leading_version(rest).unwrap_or_default()))
}

fn refused() -> Identity {
    Identity::of("pop3").fact("refused", true)
}

/// `-ERR too many connections`: an error in place of a greeting. Redis and NATS turn clients away like this too: the one with
/// a text of its own, the other with a text in quotes; and an error about a command or a protocol is the reply to one.
fn is_refusal(line: &[u8]) -> bool {
    let Some(text) = line.strip_prefix(b"-ERR") else { return false };
    let is_line = matches!(text.first(), None | Some(b' '));
    let is_other = ["max number of clients", "command", "protocol"].iter().any(|word| contains(text, word));
    is_line && !is_other && !text.starts_with(b" '")
}

fn with_capabilities(identity: Identity, reply: &[u8]) -> Identity {
    if !reply.starts_with(b"+OK") {
        return identity;
    }

    let mut capabilities = lines(reply).skip(1).take_while(|line| *line != b".");
    let identity = identity.fact_if("capabilities", list(capabilities.clone()));
    let Some(own) = capabilities.find_map(|line| line.strip_prefix(b"IMPLEMENTATION ")) else { return identity };
    match product_and_version(own) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity.product(Untrusted::from_bytes(own)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn greetings_and_capabilities_are_read() {
        let identity = recognise_tcp(&Pop3, b"+OK Dovecot (Debian) ready.\r\n", None).unwrap();
        assert_eq!((identity.product, &identity.facts["apop"]), (Some("Dovecot".into()), &false.into()));
        assert!(recognise_tcp(&Pop3, b"+OK Dovecot ready.\r\n", Some("redis")).is_none());
        assert!(recognise_tcp(&Pop3, b"+OKAY\r\n", None).is_none());
        assert!(recognise_tcp(&Pop3, b"-ERR [SYS/TEMP] Server too busy\r\n", None).is_some());
        for text in ["-ERR too many connections\r\n", "-ERR\r\n", "-ERR POP3 is off\r\n"] {
            assert!(recognise_tcp(&Pop3, text.as_bytes(), None).is_some(), "{text}");
            assert!(recognise_tcp(&Pop3, text.as_bytes(), Some("http")).is_none(), "{text}");
        }
        for text in [
            "-ERR max number of clients reached\r\n",
            "-ERR unknown command 'GET'\r\n",
            "-ERR 'Authorization Violation'\r\n",
            "-ERRATIC\r\n",
        ] {
            assert!(recognise_tcp(&Pop3, text.as_bytes(), None).is_none(), "{text}");
        }
        // RFC 2449, 5.
        let capabilities =
            b"+OK Capability list follows\r\nTOP\r\nUSER\r\nIMPLEMENTATION Shlemazle-Plotz-v302\r\n.\r\n";
        let identity = with_capabilities(Identity::of("pop3"), capabilities);
        assert_eq!(identity.product, Some("Shlemazle-Plotz-v302".into()));
    }

    proptest! {
        #[test]
        fn any_reply_is_accepted(answer: Vec<u8>) {
            let _ = with_capabilities(Identity::default(), &[b"+OK\r\n".as_slice(), &answer].concat());
            let _ = parse_greeting(&answer);
        }
    }
}
