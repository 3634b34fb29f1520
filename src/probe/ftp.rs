//! FTP (RFC 959): greets with 220, as SMTP does.

use super::words::{answer, code, contains, is_reply, lines, list, version, which};
use super::{Probe, ServerBytes, Speaking};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Ftp;

/// Servers that do not have FTP in their name, or only in passing.
const NAMES: &[&str] = &["FileZilla Server", "Microsoft FTP Service", "Serv-U FTP Server", "WS_FTP Server"];

impl Probe for Ftp {
    fn word(&self) -> &'static str {
        "ftp"
    }

    fn ports(&self) -> &'static [u16] {
        &[21, 2121]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[990]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let whole = said.ended || is_reply(said.bytes);
        let known = whole && (contains(said.bytes, "ftp") || which(said.bytes, NAMES).is_some());
        (known && !contains(said.bytes, "smtp")).then(|| of_greeting(said.bytes)).flatten()
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> Speaking<'a> {
        Box::pin(async move {
            let greeting = answer(talk, b"", is_reply).await?;
            let Some(identity) = of_greeting(&greeting).filter(|_| !contains(&greeting, "smtp")) else {
                return Ok(None);
            };
            // RFC 2389: what it can do, which most tell before anybody logs in.
            let features = answer(talk, b"FEAT\r\n", is_reply).await?;
            let _ = talk.peer.write(b"QUIT\r\n").await;
            let told = code(&features) == Some(b"211");
            if !told && !contains(&greeting, "ftp") && which(&greeting, NAMES).is_none() {
                return Ok(None);
            }
            let words = lines(&features).filter(|line| line.starts_with(b" ")).map(<[u8]>::trim_ascii);
            Ok(Some(identity.fact_if("features", list(words).filter(|_| told))))
        })
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Ftp)
    }
}

/// `220 (vsFTPd 3.0.3)`, `220 ProFTPD Server (Debian) [127.0.0.1]`, `220-FileZilla Server 1.5.1`.
fn of_greeting(greeting: &[u8]) -> Option<Identity> {
    if code(greeting) != Some(b"220") || !matches!(greeting.get(3), Some(b' ' | b'-')) {
        return None;
    }
    let identity = Identity::of("ftp");
    if let Some(name) = which(greeting, NAMES) {
        let at = greeting.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))?;
        return Some(with_version(identity.product(name), greeting[at + name.len()..].trim_ascii_start()));
    }
    let is_name_end = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let mut words = greeting.split(is_name_end).filter(|word| !word.is_empty());
    let is_name = |word: &&[u8]| contains(word, "ftp") && word.len() > 3 && !word.contains(&b'.');
    let Some(name) = words.find(is_name) else { return Some(identity) };
    Some(with_version(identity.product(Untrusted::from_bytes(name)), words.next().unwrap_or_default()))
}

fn with_version(identity: Identity, text: &[u8]) -> Identity {
    if text.first().is_some_and(u8::is_ascii_digit) { identity.version(version(text)) } else { identity }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::told;

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
            let identity = told(&Ftp, greeting.as_bytes(), None).unwrap_or_else(|| panic!("{greeting}"));
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product, "{greeting}");
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version, "{greeting}");
        }
    }

    #[test]
    fn mail_servers_are_none() {
        assert_eq!(told(&Ftp, b"220 ftp.example.org ESMTP Postfix\r\n", None), None);
        assert_eq!(told(&Ftp, b"220 ready\r\n", None), None);
        assert_eq!(told(&Ftp, b"421 no FTP now\r\n", None), None);
    }
}
