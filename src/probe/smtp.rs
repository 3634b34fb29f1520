//! SMTP (RFC 5321): the greeting starts with 220, like that of FTP.

use super::ftp::is_ftp;
use super::words::{
    code, contains, exchange, has_enhanced_code, is_error, is_reply, leading_version, lines, list, refusal_code,
};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Fact, Identity};
use crate::net::StartTls;

pub(super) struct Smtp;

/// Introduces portolan by a reserved name (RFC 2606).
const EHLO: &[u8] = b"EHLO portolan.invalid\r\n";

impl Probe for Smtp {
    fn protocol(&self) -> &'static str {
        "smtp"
    }

    fn ports(&self) -> &'static [u16] {
        &[25, 587, 2525]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[465]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || is_reply(received.bytes);
        // Of the protocols that greet with codes, only this one refuses clients with these two.
        let is_refusal = received.reply_to.is_none() && matches!(code(received.bytes), Some(b"554" | b"521"));
        let is_own = is_refusal || contains(received.bytes, "smtp");
        let is_own = is_own || (has_enhanced_code(received.bytes) && !contains(received.bytes, "lmtp"));
        (complete && is_own).then(|| parse_greeting(received.bytes)).flatten()
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
            let Some(identity) = parse_greeting(&greeting).filter(|_| !is_ftp(&greeting)) else {
                return Ok(None);
            };

            let offers = exchange(talk, EHLO, is_reply).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            let accepted = code(&offers) == Some(b"250");
            if !accepted && !contains(&greeting, "smtp") {
                return Ok(None);
            }
            Ok(Some(if accepted { with_offers(identity, &offers) } else { identity }))
        })
    }

    fn greets_late(&self) -> bool {
        true
    }

    fn may_upgrade(&self, identity: &Identity) -> bool {
        let Some(Fact::List(extensions)) = identity.facts.get("extensions") else { return false };
        extensions
            .iter()
            .any(|extension| matches!(extension, Fact::Text(name) if name.as_raw().eq_ignore_ascii_case("STARTTLS")))
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Smtp)
    }
}

/// Parses `220 mail.example.org ESMTP Postfix 3.7.11`: the host name, and the product after the protocol.
fn parse_greeting(greeting: &[u8]) -> Option<Identity> {
    let line = lines(greeting).next()?;
    if !matches!(line.get(3), None | Some(b' ' | b'-')) {
        return None;
    }
    match code(line)? {
        b"220" => {}
        // 3.1: a server that takes no mail greets with 554 or 521 (RFC 7504), and one that is busy with 421. The others say
        // in another way that they are of mail.
        b"421" | b"521" | b"554" => return Some(refused(line)),
        _ if is_error(line) && (has_enhanced_code(line) || contains(line, "smtp")) => return Some(refused(line)),
        _ => return None,
    }

    let text = line.get(4..).unwrap_or_default();
    let mut words = text.split(|byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty());
    let host = words.clone().next().filter(|word| word.contains(&b'.')).map(Untrusted::from_bytes);
    let identity = Identity::of("smtp").fact_if("hostname", host);

    // Exchange names itself before the protocol: `Microsoft ESMTP MAIL Service ready at ...`.
    if contains(line, "Microsoft ESMTP MAIL Service") {
        return Some(identity.product("Microsoft Exchange"));
    }

    let Some(_) = words.find(|word| contains(word, "smtp")) else { return Some(identity) };
    let Some(name) = words.next().filter(|word| is_name(word)) else { return Some(identity) };
    // Sendmail appends the version of its settings: `8.17.1/8.17.1`.
    let version = words.next().and_then(|word| word.split(|byte| *byte == b'/').next()).and_then(leading_version);
    Some(identity.product(Untrusted::from_bytes(name)).version(version.unwrap_or_default()))
}

/// A server that greets with an error.
fn refused(line: &[u8]) -> Identity {
    let identity = Identity::of("smtp").fact_if("refusal_code", code(line).map(refusal_code));
    // An enhanced code (RFC 3463) has dots too.
    let word = line.get(4..).unwrap_or_default().split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next();
    let host = word.map(|word| word.strip_suffix(b":").unwrap_or(word));
    let host = host.filter(|word| word.contains(&b'.') && word.iter().any(u8::is_ascii_alphabetic));
    identity.fact_if("hostname", host.map(Untrusted::from_bytes))
}

fn is_name(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphabetic) && word.len() > 2 && word != b"ready"
}

/// Adds the offered extensions and their parameters.
fn with_offers(identity: Identity, offers: &[u8]) -> Identity {
    let names = extensions(offers).filter_map(|extension| extension.split(|byte| *byte == b' ').next());
    let size = parameters(offers, "SIZE ").and_then(|size| std::str::from_utf8(size).ok()?.parse::<i64>().ok());
    let auth = parameters(offers, "AUTH ").and_then(|mechanisms| list(mechanisms.split(|byte| *byte == b' ')));
    identity.fact_if("extensions", list(names)).fact_if("size_bytes", size).fact_if("auth", auth)
}

/// The lines of the reply to EHLO after the first, without the code.
fn extensions(offers: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(offers).skip(1).filter_map(|line| line.get(4..))
}

/// The parameters of an extension; the name includes the space.
fn parameters<'a>(offers: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut extensions = extensions(offers);
    extensions.find_map(|extension| {
        let (found, parameters) = extension.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| parameters.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

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
            let identity = recognise_tcp(&Smtp, greeting.as_bytes(), None).unwrap_or_else(|| panic!("{greeting}"));
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product, "{greeting}");
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version, "{greeting}");
        }

        assert_eq!(recognise_tcp(&Smtp, b"220 (vsFTPd 3.0.3)\r\n", None), None);
    }

    #[test]
    fn refusals_are_recognised() {
        for (greeting, code) in [
            ("421 4.7.0 mail.example.org Too many connections, try again later\r\n", Some(421)),
            ("421-4.7.0 [192.0.2.1] unusual rate\r\n421 4.7.0 of mail\r\n", Some(421)),
            ("554 5.7.1 You are not allowed to connect.\r\n", Some(554)),
            ("554 No service here\r\n", Some(554)),
            ("521 mail.example.org does not accept mail\r\n", Some(521)),
            ("421 mail.example.org ESMTP busy\r\n", Some(421)),
            ("421 Too many users\r\n", None),
            ("421 4.3.2 LMTP is busy\r\n", None),
            ("421 5.7.0 another class\r\n", None),
            ("421 4.7 two parts\r\n", None),
            ("550 5.7.1 Client host blocked using zen\r\n", Some(550)),
            ("450 4.3.2 too many connections\r\n", Some(450)),
            ("451 4.7.1 Service unavailable - try again later\r\n", Some(451)),
            ("452 4.3.1 Out of memory\r\n", Some(452)),
            ("553 5.3.0 refused by RBL\r\n", Some(553)),
            ("571 5.7.1 blocked\r\n", Some(571)),
            ("550 SMTP connection refused\r\n", Some(550)),
            ("421 unable to read controls (#4.3.0)\r\n", Some(421)),
            ("421 out of memory (#5.3.0)\r\n", None),
            ("550 Go away\r\n", None),
        ] {
            let identity = recognise_tcp(&Smtp, greeting.as_bytes(), None);
            assert_eq!(
                identity.map(|identity| identity.facts["refusal_code"].clone()),
                code.map(Fact::from),
                "{greeting}"
            );
        }
        assert_eq!(recognise_tcp(&Smtp, b"554 what\r\n", Some("http")), None);

        // On its own port.
        assert_eq!(Smtp.refusal(b"550 Go away\r\n").unwrap().facts["refusal_code"], 550.into());
        assert_eq!(Smtp.refusal(b"220 ready\r\n"), None);
        let named = recognise_tcp(&Smtp, b"421 mail.example.org: Too many SMTP connections\r\n", None).unwrap();
        assert_eq!(named.facts["hostname"], "mail.example.org".into());
    }

    #[test]
    fn the_extensions_are_read() {
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
        fn any_offers_are_accepted(offers: Vec<u8>) {
            let _ = with_offers(Identity::default(), &offers);
            let _ = parse_greeting(&offers);
        }
    }
}
