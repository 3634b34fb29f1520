//! FTP (RFC 959): the greeting starts with 220, like that of SMTP.

use super::words::{
    code, contains, exchange, find_name, has_enhanced_code, is_error, is_reply, leading_version, lines, list,
    refusal_code,
};
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Ftp;

/// Servers without FTP in their name, or with FTP as a separate word.
const NAMES: &[&str] = &["FileZilla Server", "Microsoft FTP Service", "Serv-U FTP Server", "WS_FTP Server"];

impl Probe for Ftp {
    fn protocol(&self) -> &'static str {
        "ftp"
    }

    fn ports(&self) -> &'static [u16] {
        &[21, 2121]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[990]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || is_reply(received.bytes);
        if complete && received.reply_to.is_none() && is_refusal(received.bytes) {
            return Some(refused(received.bytes));
        }
        (complete && is_ftp(received.bytes) && !contains(received.bytes, "smtp"))
            .then(|| parse_greeting(received.bytes))
            .flatten()
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
            let Some(identity) = parse_greeting(&greeting).filter(|_| !contains(&greeting, "smtp")) else {
                return Ok(None);
            };

            // RFC 2389: the features, which most servers list before the login.
            let features = exchange(talk, b"FEAT\r\n", is_reply).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            let listed = code(&features) == Some(b"211");
            if !listed && !is_ftp(&greeting) && !asks_for_login(&features) {
                return Ok(None);
            }

            let words = lines(&features).filter(|line| line.starts_with(b" ")).map(<[u8]>::trim_ascii);
            Ok(Some(identity.fact_if("features", list(words).filter(|_| listed))))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Ftp)
    }
}

/// `220 (vsFTPd 3.0.3)`, `220 ProFTPD Server (Debian) [127.0.0.1]`, `220-FileZilla Server 1.5.1`.
fn parse_greeting(greeting: &[u8]) -> Option<Identity> {
    if code(greeting) != Some(b"220") || !matches!(greeting.get(3), Some(b' ' | b'-')) {
        return None;
    }

    let identity = Identity::of("ftp");
    if let Some((name, rest)) = find_name(greeting, NAMES) {
        return Some(identity.product(name).version(leading_version(rest).unwrap_or_default()));
    }

    let mut words = words(greeting);
    let Some(name) = words.find(|word| is_name(word) && word.len() > 3) else { return Some(identity) };
    let version = leading_version(words.next().unwrap_or_default()).unwrap_or_default();
    Some(identity.product(Untrusted::from_bytes(name)).version(version))
}

/// A server that greets with an error.
fn refused(greeting: &[u8]) -> Identity {
    let identity = Identity::of("ftp").fact_if("refusal_code", code(greeting).map(refusal_code));
    if greeting.starts_with(OOPS) && contains(greeting, "vsftpd") { identity.product("vsFTPd") } else { identity }
}

/// How vsftpd writes that it cannot go on (`die` in its utility.c).
const OOPS: &[u8] = b"500 OOPS: ";

/// Whether a reply says that nothing is done before USER and PASS (4.2.1, 530). SMTP has that code too, with an enhanced one
/// (RFC 4954, 6).
fn asks_for_login(reply: &[u8]) -> bool {
    let is_login = ["user", "log in", "login", "logged in"].iter().any(|word| contains(reply, word));
    code(reply) == Some(b"530") && is_login && !has_enhanced_code(reply)
}

/// Whether a greeting turns the client away in the way of FTP: 120 and 530 are no greetings of other protocols (5.4), and 421 is
/// shared with SMTP, so that only what the common servers write is known.
fn is_refusal(greeting: &[u8]) -> bool {
    let is_line = matches!(greeting.get(3), Some(b' ' | b'-'));
    let words = [" users", "from your internet address"];
    match code(greeting) {
        Some(b"120" | b"530") => is_line,
        Some(b"421") => {
            let is_mail = contains(greeting, "smtp") || has_enhanced_code(greeting);
            is_line && !is_mail && (is_ftp(greeting) || words.iter().any(|word| contains(greeting, word)))
        }
        Some(b"500") => greeting.starts_with(OOPS),
        _ => false,
    }
}

/// Whether a greeting mentions FTP or a known FTP server. The name of a host is no mention.
pub(super) fn is_ftp(greeting: &[u8]) -> bool {
    words(greeting).any(is_name) || find_name(greeting, NAMES).is_some()
}

fn words(greeting: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = greeting.split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')));
    words.map(|word| word.strip_suffix(b".").unwrap_or(word)).filter(|word| !word.is_empty())
}

/// Whether a word is FTP or the name of a server of it: `FTP`, `Pure-FTPd`, `vsFTPd`, `ProFTPD`, `FTPServer`.
fn is_name(word: &[u8]) -> bool {
    !word.contains(&b'.') && word.split(|byte| matches!(byte, b'-' | b'_')).any(begins_or_ends_with_ftp)
}

fn begins_or_ends_with_ftp(part: &[u8]) -> bool {
    let part = part.to_ascii_lowercase();
    part.starts_with(b"ftp") || part.ends_with(b"ftp") || part.ends_with(b"ftpd")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn greetings_name_the_server() {
        for (greeting, product, version) in [
            ("220 (vsFTPd 3.0.3)\r\n", Some("vsFTPd"), Some("3.0.3")),
            ("220 ProFTPD Server (Debian) [::ffff:127.0.0.1]\r\n", Some("ProFTPD"), None),
            ("220 ProFTPD 1.3.8 Server (x) [127.0.0.1]\r\n", Some("ProFTPD"), Some("1.3.8")),
            ("220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220 x\r\n", Some("Pure-FTPd"), None),
            ("220-FileZilla Server 1.5.1\r\n220 Please visit\r\n", Some("FileZilla Server"), Some("1.5.1")),
            ("220 Microsoft FTP Service\r\n", Some("Microsoft FTP Service"), None),
            ("220 ftp.example.org FTP ready\r\n", None, None),
        ] {
            let identity = recognise_tcp(&Ftp, greeting.as_bytes(), None).unwrap_or_else(|| panic!("{greeting}"));
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product, "{greeting}");
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version, "{greeting}");
        }
    }

    #[test]
    fn mail_servers_are_not_recognised() {
        assert_eq!(recognise_tcp(&Ftp, b"220 ftp.example.org ESMTP Postfix\r\n", None), None);
        assert_eq!(recognise_tcp(&Ftp, b"220 ready\r\n", None), None);
        for host in ["swiftpost.example.org", "ftp.example.org", "swiftpost"] {
            assert_eq!(recognise_tcp(&Ftp, format!("220 {host} ready\r\n").as_bytes(), None), None, "{host}");
        }
        assert!(asks_for_login(b"530 Please login with USER and PASS.\r\n"));
        assert!(!asks_for_login(b"530 5.7.0 Must issue a STARTTLS command before you log in\r\n"));
        assert!(!asks_for_login(b"502 Command not implemented\r\n"));
    }

    #[test]
    fn refusals_are_recognised() {
        for (greeting, is_known) in [
            ("530 Sorry, the maximum number of clients (50) are already connected.\r\n", true),
            ("120 Service ready in 5 minutes\r\n", true),
            ("421 There are too many connected users, please try later.\r\n", true),
            ("421 There are too many connections from your internet address.\r\n", true),
            ("421 50 users (the maximum) are already logged in, sorry\r\n", true),
            ("421 no FTP now\r\n", true),
            ("421 mail.example.org busy\r\n", false),
            ("421 4.7.0 too many users\r\n", false),
            ("421 ftp.example.org ESMTP busy\r\n", false),
            ("421 swiftpost.example.org busy\r\n", false),
            ("500 OOPS: vsftpd: refusing to run with writable root inside chroot()\r\n", true),
            ("500 what\r\n", false),
        ] {
            assert_eq!(recognise_tcp(&Ftp, greeting.as_bytes(), None).is_some(), is_known, "{greeting}");
            assert_eq!(recognise_tcp(&Ftp, greeting.as_bytes(), Some("http")), None, "{greeting}");
        }

        let oops = recognise_tcp(&Ftp, b"500 OOPS: vsftpd: cannot read user list file\r\n", None).unwrap();
        assert_eq!(oops.product, Some("vsFTPd".into()));
        assert!(Ftp.refusal(b"421 Service not available\r\n").is_some());
    }
}
