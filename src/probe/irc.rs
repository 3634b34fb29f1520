//! IRC (RFC 2812): most servers greet with a notice; all reply to what they do not know with a numeric of three digits.

use super::words::{contains, lines};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Irc;

impl Probe for Irc {
    fn protocol(&self) -> &'static str {
        "irc"
    }

    fn ports(&self) -> &'static [u16] {
        &[6667, 6660, 6665, 6666, 6668, 6669, 7000]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[6697]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        // A user that is not registered may ask for nothing: the reply is that, with the server's name.
        Some(b"VERSION\r\n".to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || received.bytes.ends_with(b"\n");
        if !complete {
            return None;
        }
        lines(received.bytes).take(8).find_map(parse_line)
    }

    fn refusal(&self, reply: &[u8]) -> Option<Identity> {
        lines(reply).next().filter(|line| line.starts_with(b"ERROR ")).map(|_| refused())
    }
}

/// Parses `:irc.example.org NOTICE * :*** Looking up your hostname...`, `:irc.example.org 451 * :You have not registered`,
/// and a notice without a prefix.
fn parse_line(line: &[u8]) -> Option<Identity> {
    let mut words = line.split(|byte| *byte == b' ').peekable();
    // IRCv3's "Message Tags": `@time=2026-11-30T12:00:00.000Z :irc.example.org NOTICE * :***`
    let _ = words.next_if(|word| word.first() == Some(&b'@') && word.contains(&b'='));
    let first = words.next()?;
    let Some(server) = first.strip_prefix(b":") else {
        // 3.7.4: the server turns the client away, as in `ERROR :Closing Link: 192.0.2.1 (Too many connections)`.
        if first == b"ERROR" && words.next().is_some_and(|text| text.starts_with(b":")) {
            return Some(refused());
        }
        let is_notice = first == b"NOTICE" && matches!(words.next(), Some(b"AUTH" | b"*")) && contains(line, ":***");
        return is_notice.then(|| Identity::of("irc"));
    };

    let command = words.next()?;
    let is_server =
        !server.is_empty() && server.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(byte));
    // ERR_UNKNOWNCOMMAND, ERR_NOTREGISTERED, ERR_NEEDMOREPARAMS, RPL_VERSION; and any other to a client that is not
    // registered, such as ERR_YOUREBANNEDCREEP.
    let is_reply = match command {
        b"421" | b"451" | b"461" | b"351" => true,
        b"NOTICE" => matches!(words.next(), Some(b"AUTH" | b"*" | b"Auth")),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => words.next() == Some(b"*"),
        _ => false,
    };
    if !is_server || !is_reply {
        return None;
    }

    let identity = Identity::of("irc").fact("hostname", Untrusted::from_bytes(server));
    // RPL_VERSION: `:server 351 * ngircd-26.1. irc.example.org :...`
    let version = (command == b"351").then(|| words.nth(1)).flatten();
    Some(match version.and_then(super::words::product_and_version) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity,
    })
}

fn refused() -> Identity {
    Identity::of("irc").fact("refused", true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn notices_and_numerics_are_known() {
        for (text, known) in [
            (":irc.example.org NOTICE * :*** Looking up your hostname...\r\n", true),
            ("NOTICE AUTH :*** Checking Ident\r\n", true),
            (":irc.example.org 451 * :Connection not registered\r\n", true),
            (":irc.example.org 421 * GET :Unknown command\r\n", true),
            ("ERROR :Closing Link: 127.0.0.1 (Too many host connections)\r\n", true),
            (":irc.example.net 020 * :Please wait while we process your connection.\r\n", true),
            (":irc.example.net 465 * :You are banned from this server\r\n", true),
            ("@time=2024-01-01T00:00:00.000Z :irc.example.net NOTICE * :*** Checking Ident\r\n", true),
            (":irc.example.net 020 me :Hello\r\n", false),
            ("@time :irc.example.net NOTICE * :***\r\n", false),
            ("ERROR Too many open connections\r\n", false),
            (":) 451 hello\r\n", false),
            ("NOTICE something\r\n", false),
            ("220 ready\r\n", false),
        ] {
            assert_eq!(recognise_tcp(&Irc, text.as_bytes(), None).is_some(), known, "{text}");
        }
    }
}
