//! SMTP (RFC 5321): greets with 220, as FTP does.

use super::words::{answer, code, contains, is_reply, lines, list, version};
use super::{Probe, ServerBytes, Speaking};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Smtp;

/// Introduces us by a name that nobody has (RFC 2606).
const EHLO: &[u8] = b"EHLO portolan.invalid\r\n";

impl Probe for Smtp {
    fn word(&self) -> &'static str {
        "smtp"
    }

    fn ports(&self) -> &'static [u16] {
        &[25, 587, 2525]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[465]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let known = (said.ended || is_reply(said.bytes)) && contains(said.bytes, "smtp");
        known.then(|| of_greeting(said.bytes)).flatten()
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> Speaking<'a> {
        Box::pin(async move {
            let greeting = answer(talk, b"", is_reply).await?;
            let Some(identity) = of_greeting(&greeting).filter(|_| !contains(&greeting, "ftp")) else {
                return Ok(None);
            };
            let offers = answer(talk, EHLO, is_reply).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            let told = code(&offers) == Some(b"250");
            if !told && !contains(&greeting, "smtp") {
                return Ok(None);
            }
            Ok(Some(if told { with_offers(identity, &offers) } else { identity }))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Smtp)
    }
}

/// `220 mail.example.org ESMTP Postfix 3.7.11`: the host, and what it runs after the protocol's name.
fn of_greeting(greeting: &[u8]) -> Option<Identity> {
    let line = lines(greeting).next()?;
    if code(line) != Some(b"220") || !matches!(line.get(3), Some(b' ' | b'-')) {
        return None;
    }
    let is_space = |byte: &u8| *byte == b' ' || *byte == b',';
    let mut words = line[4..].split(is_space).filter(|word| !word.is_empty());
    let host = words.clone().next().filter(|word| word.contains(&b'.')).map(Untrusted::from_bytes);
    let identity = Identity::of("smtp").fact_if("hostname", host);
    // Exchange stands before: `Microsoft ESMTP MAIL Service ready at ...`.
    if contains(line, "Microsoft ESMTP MAIL Service") {
        return Some(identity.product("Microsoft Exchange"));
    }
    let Some(_) = words.find(|word| contains(word, "smtp")) else { return Some(identity) };
    let is_name =
        |word: &&[u8]| word.first().is_some_and(u8::is_ascii_alphabetic) && word.len() > 2 && *word != b"ready";
    let Some(name) = words.next().filter(is_name) else { return Some(identity) };
    let identity = identity.product(Untrusted::from_bytes(name));
    let number = words.next().filter(|word| word.first().is_some_and(u8::is_ascii_digit));
    // Sendmail writes the version of its settings behind its own: `8.17.1/8.17.1`.
    let number = number.and_then(|number| number.split(|byte| *byte == b'/').next());
    Some(match number {
        Some(number) => identity.version(version(number)),
        None => identity,
    })
}

/// The extensions that it offers, and what they say.
fn with_offers(identity: Identity, offers: &[u8]) -> Identity {
    let offered = || lines(offers).skip(1).filter_map(|line| line.get(4..));
    let words = |line: &'static str| {
        let found = offered()
            .find(|offer| offer.get(..line.len()).is_some_and(|word| word.eq_ignore_ascii_case(line.as_bytes())))?;
        Some(found[line.len()..].trim_ascii())
    };
    let size = words("SIZE ").and_then(|size| std::str::from_utf8(size).ok()?.parse::<i64>().ok());
    let identity =
        identity.fact_if("extensions", list(offered().filter_map(|offer| offer.split(|byte| *byte == b' ').next())));
    let auth = words("AUTH ").and_then(|words| list(words.split(|byte| *byte == b' ')));
    identity.fact_if("size_bytes", size).fact_if("auth", auth)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Fact;
    use crate::probe::told;

    #[test]
    fn greetings_name_the_server() {
        for (greeting, product, version) in [
            ("220 mail.test.local ESMTP Postfix 3.7.11\r\n", Some("Postfix"), Some("3.7.11")),
            ("220 mail.test.local ESMTP Postfix (Debian/GNU)\r\n", Some("Postfix"), None),
            ("220 a.example ESMTP Exim 4.96 Fri, 21 Nov 2025 02:00:00 +0000\r\n", Some("Exim"), Some("4.96")),
            ("220 a.example ESMTP Sendmail 8.17.1/8.17.1; Fri, 21 Nov\r\n", Some("Sendmail"), Some("8.17.1")),
            ("220 mx.example.com ESMTP 5b1f17b1804b1-477a - gsmtp\r\n", None, None),
            ("220 a.example Microsoft ESMTP MAIL Service ready at x\r\n", Some("Microsoft Exchange"), None),
        ] {
            let identity = told(&Smtp, greeting.as_bytes(), None).unwrap_or_else(|| panic!("{greeting}"));
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product, "{greeting}");
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version, "{greeting}");
        }
        assert_eq!(told(&Smtp, b"220 (vsFTPd 3.0.3)\r\n", None), None);
    }

    #[test]
    fn what_it_offers_is_told() {
        // RFC 5321, D.1, with a size.
        let offers =
            b"250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE 10240000\r\n250-AUTH PLAIN LOGIN\r\n250 HELP\r\n";
        let identity = with_offers(Identity::of("smtp"), offers);
        assert_eq!(identity.facts["size_bytes"], Fact::Number(10_240_000));
        assert_eq!(identity.facts["auth"], vec!["PLAIN", "LOGIN"].into());
        assert_eq!(identity.facts["extensions"], vec!["8BITMIME", "SIZE", "AUTH", "HELP"].into());
    }

    proptest! {
        #[test]
        fn any_offers_are_taken(offers: Vec<u8>) {
            let _ = with_offers(Identity::default(), &offers);
            let _ = of_greeting(&offers);
        }
    }
}
