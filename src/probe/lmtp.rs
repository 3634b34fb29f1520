//! LMTP (RFC 2033): SMTP's greeting with another name, and LHLO in place of EHLO.

use super::words::{code, contains, exchange, is_error, is_reply, lines, list, refusal_code};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Lmtp;

/// Introduces portolan by a reserved name (RFC 2606).
const LHLO: &[u8] = b"LHLO portolan.invalid\r\n";
/// Servers that name themselves.
const NAMES: [&str; 4] = ["Dovecot", "Cyrus", "Zimbra", "Postfix"];

impl Probe for Lmtp {
    fn protocol(&self) -> &'static str {
        "lmtp"
    }

    fn ports(&self) -> &'static [u16] {
        &[24]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || is_reply(received.bytes);
        if !complete {
            return None;
        }
        let is_refusal = received.reply_to.is_none() && is_error(received.bytes) && contains(received.bytes, "lmtp");
        greeted(received.bytes).or_else(|| is_refusal.then(|| refused(received.bytes)))
    }

    fn refusal(&self, greeting: &[u8]) -> Option<Identity> {
        is_error(greeting).then(|| refused(greeting))
    }

    fn may_greet(&self, greeting: &[u8]) -> bool {
        code(greeting) == Some(b"220")
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let greeting = exchange(talk, b"", is_reply).await?;
            if code(&greeting) != Some(b"220") {
                return Ok(None);
            }

            let offers = exchange(talk, LHLO, is_reply).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            // A server of SMTP does not know the command.
            let accepted = code(&offers) == Some(b"250");
            let names = lines(&offers).skip(1).filter_map(|line| line.get(4..));
            let extensions = list(names.filter_map(|line| line.split(|byte| *byte == b' ').next()));
            let identity = if accepted { Some(identity(&greeting)) } else { greeted(&greeting) };
            Ok(identity.map(|identity| identity.fact_if("extensions", extensions.filter(|_| accepted))))
        })
    }
}

fn greeted(greeting: &[u8]) -> Option<Identity> {
    let line = lines(greeting).next()?;
    (code(line) == Some(b"220") && contains(line, "lmtp")).then(|| identity(greeting))
}

fn refused(greeting: &[u8]) -> Identity {
    Identity::of("lmtp").fact_if("refusal_code", code(greeting).map(refusal_code))
}

fn identity(greeting: &[u8]) -> Identity {
    let line = lines(greeting).next().unwrap_or_default();
    let host = line.split(|byte| *byte == b' ').nth(1).filter(|word| word.contains(&b'.'));
    let identity = Identity::of("lmtp").fact_if("hostname", host.map(Untrusted::from_bytes));
    match NAMES.into_iter().find(|name| contains(line, name)) {
        Some(name) => identity.product(name),
        None => identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_greeting_names_the_protocol() {
        // RFC 2033, 4.2, and Dovecot's.
        assert!(recognise_tcp(&Lmtp, b"220 foo.edu LMTP server ready\r\n", None).is_some());
        let identity = recognise_tcp(&Lmtp, b"220 mail.test.local Dovecot (Debian) LMTP ready.\r\n", None).unwrap();
        assert_eq!(
            (identity.product, &identity.facts["hostname"]),
            (Some("Dovecot".into()), &"mail.test.local".into())
        );
        assert!(recognise_tcp(&Lmtp, b"220 foo.edu ESMTP\r\n", None).is_none());
        let busy = b"421 4.3.2 foo LMTP Too many connections\r\n";
        assert_eq!(recognise_tcp(&Lmtp, busy, None).unwrap().facts["refusal_code"], 421.into());
        assert!(recognise_tcp(&crate::probe::smtp::Smtp, busy, None).is_none());
        assert!(recognise_tcp(&Lmtp, busy, Some("http")).is_none());
    }
}
