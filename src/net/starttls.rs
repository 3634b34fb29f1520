//! STARTTLS: the switch from plain text to TLS, in each protocol that has one.

use super::{Connection, ConnectionError};
use crate::clean::Untrusted;

/// The protocols that begin in plain text and switch to TLS on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051, 6.2.1.
    Imap,
    /// RFC 2595.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4511, 4.14.
    Ldap,
    /// PostgreSQL's SSLRequest (its manual, "Message Flow", SSL session encryption).
    Postgresql,
    /// MySQL's protocol::SSLRequest (its manual, "Connection Phase").
    Mysql,
    /// RDP's negotiation request ([MS-RDPBCGR] 2.2.1.1).
    Rdp,
}

/// Maximum length of a greeting or reply.
const MAX_BYTES: usize = 8 * 1024;

/// ExtendedRequest 1.3.6.1.4.1.1466.20037 with message id 1.
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// Length 8 and code 80877103.
const POSTGRESQL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
/// TPKT (RFC 1006) around an X.224 connection request that asks for TLS and nothing else.
const RDP_REQUEST: &[u8] = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0";
/// The capability flags of MySQL: TLS, protocol 4.1, secure connection.
const MYSQL_SSL: u32 = 0x800;
const MYSQL_REQUESTED: u32 = MYSQL_SSL | 0x200 | 0x8000;

/// Brings a new connection to the start of the TLS handshake: reads the greeting if the protocol has one, requests
/// TLS, and reads the consent.
///
/// # Errors
/// `Declined` if the server has no TLS, `Garbled` if it does not speak the protocol or sends more bytes before the
/// handshake (which an attacker could have injected).
pub(crate) async fn start_tls(kind: StartTls, peer: &mut Connection) -> Result<(), ConnectionError> {
    match kind {
        StartTls::Smtp => {
            codes(peer, "220").await?;
            // A reserved name (RFC 2606).
            peer.write(b"EHLO portolan.invalid\r\n").await?;

            let offers = codes(peer, "250").await?;
            if !offers
                .lines()
                .any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS")))
            {
                return Err(ConnectionError::Declined("does not offer STARTTLS"));
            }

            peer.write(b"STARTTLS\r\n").await?;
            codes(peer, "220").await.map(drop)
        }
        StartTls::Ftp => {
            codes(peer, "220").await?;
            peer.write(b"AUTH TLS\r\n").await?;
            // 334 is the word of old servers, which clients take for 234 (RFC 2228, 4).
            codes(peer, "234 334").await.map(drop)
        }
        StartTls::Imap => {
            line(peer, "* OK").await?;
            peer.write(b"a STARTTLS\r\n").await?;
            line(peer, "a OK").await
        }
        StartTls::Pop3 => {
            line(peer, "+OK").await?;
            peer.write(b"STLS\r\n").await?;
            line(peer, "+OK").await
        }
        StartTls::Ldap => {
            peer.write(LDAP_REQUEST).await?;
            ldap_consent(&ber(peer).await?)
        }
        StartTls::Postgresql => {
            peer.write(POSTGRESQL_REQUEST).await?;
            let mut answer = Vec::new();
            peer.fill(&mut answer, 1).await?;
            match answer.as_slice() {
                b"S" => Ok(()),
                b"N" => Err(ConnectionError::Declined("does not offer TLS")),
                // An ErrorResponse: the server does not come as far as TLS.
                b"E" => Err(ConnectionError::Refuses(postgresql_refusal(peer, answer).await)),
                _ => Err(ConnectionError::Garbled("is not a PostgreSQL reply to SSLRequest")),
            }
        }
        StartTls::Mysql => mysql(peer).await,
        StartTls::Rdp => {
            peer.write(RDP_REQUEST).await?;
            let mut answer = Vec::new();
            peer.fill(&mut answer, RDP_REQUEST.len()).await?;
            match answer.as_slice() {
                // A confirm (0xd0) with a negotiation response (2) that chooses TLS (1), or a failure (3).
                [3, 0, 0, 19, 14, 0xd0, _, _, _, _, _, 2, _, 8, 0, 1, 0, 0, 0] => Ok(()),
                [3, 0, 0, 19, 14, 0xd0, _, _, _, _, _, 2 | 3, ..] => {
                    Err(ConnectionError::Declined("does not offer TLS"))
                }
                _ => Err(ConnectionError::Garbled("is not an RDP connection confirm")),
            }
        }
    }
}

/// Reads a reply of SMTP or FTP, which may have several lines (RFC 5321, 4.2.1) and must have one of these codes. One that
/// only announces another is skipped: `120` (RFC 959, 5.4).
async fn codes(peer: &mut Connection, codes: &str) -> Result<String, ConnectionError> {
    let mut answer = Vec::new();
    let done = peer.read_until(&mut answer, MAX_BYTES, |bytes| final_reply(bytes).is_some()).await?;
    let start = announced_length(&answer);
    answer.drain(..start);

    match reply_length(&answer) {
        _ if !done => Err(ConnectionError::Garbled("is not an SMTP or FTP reply")),
        Some(length) if length < answer.len() => Err(ConnectionError::Garbled("has bytes after its end")),
        _ if codes.split(' ').any(|code| answer.starts_with(code.as_bytes())) => {
            Ok(String::from_utf8_lossy(&answer).into_owned())
        }
        _ if answer.first().is_some_and(|digit| matches!(digit, b'4' | b'5')) => {
            Err(ConnectionError::Refuses(last_line(&answer)))
        }
        _ => Err(ConnectionError::Garbled("has an unexpected code")),
    }
}

/// The last line of a reply, which has its code and its reason.
fn last_line(reply: &[u8]) -> Untrusted {
    let mut lines = reply.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Untrusted::from_bytes(lines.rfind(|line| !line.is_empty()).unwrap_or_default())
}

/// The length of the replies that only announce another one.
fn announced_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while bytes[length..].starts_with(b"1")
        && let Some(more) = reply_length(&bytes[length..])
    {
        length += more;
    }
    length
}

/// The length of the first complete reply that does not announce another one.
fn final_reply(bytes: &[u8]) -> Option<usize> {
    reply_length(&bytes[announced_length(bytes)..])
}

/// The length of the first complete reply: its last line has a space, or nothing, after the code.
fn reply_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        length += line.len();
        let coded = line.get(..3).is_some_and(|code| code.iter().all(u8::is_ascii_digit));
        if coded && line.get(3).is_some_and(|after| *after != b'-') {
            return Some(length);
        }
    }
    None
}

/// Reads lines up to the first one that is not an untagged reply; it must begin with `expected`.
async fn line(peer: &mut Connection, expected: &str) -> Result<(), ConnectionError> {
    let mut answer = Vec::new();
    let skip_untagged = !expected.starts_with('*');
    peer.read_until(&mut answer, MAX_BYTES, |bytes| tagged_line(bytes, skip_untagged).is_some()).await?;

    match tagged_line(&answer, skip_untagged) {
        None => Err(ConnectionError::Garbled("is not a complete line")),
        Some((length, _)) if length < answer.len() => Err(ConnectionError::Garbled("has bytes after its end")),
        Some((_, line)) if line.starts_with(expected.as_bytes()) => Ok(()),
        Some((_, line)) if line.starts_with(b"-ERR") || line.starts_with(b"a ") || line.starts_with(b"* BYE") => {
            Err(ConnectionError::Refuses(last_line(line)))
        }
        Some(_) => Err(ConnectionError::Garbled("is not the expected one")),
    }
}

/// The first complete line that is not an untagged reply, and the end of that line. whose length fits into two octets.
fn tagged_line(bytes: &[u8], skip_untagged: bool) -> Option<(usize, &[u8])> {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        end += line.len();
        if !skip_untagged || !line.starts_with(b"* ") {
            return Some((end, line));
        }
    }
    None
}

/// Reads one BER element whose length fits into two octets.
async fn ber(peer: &mut Connection) -> Result<Vec<u8>, ConnectionError> {
    let mut answer = Vec::new();
    peer.fill(&mut answer, 2).await?;

    let (header, length) = match answer[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => {
            peer.fill(&mut answer, 3).await?;
            (3, usize::from(answer[2]))
        }
        0x82 => {
            peer.fill(&mut answer, 4).await?;
            (4, usize::from(u16::from_be_bytes([answer[2], answer[3]])))
        }
        // OpenLDAP and Active Directory sometimes write four octets.
        0x84 => {
            peer.fill(&mut answer, 6).await?;
            let length = u32::from_be_bytes([answer[2], answer[3], answer[4], answer[5]]);
            (6, usize::try_from(length).map_err(|_| ConnectionError::TooLong)?)
        }
        _ => return Err(ConnectionError::Garbled("is not BER")),
    };

    if length > MAX_BYTES {
        return Err(ConnectionError::TooLong);
    }

    peer.fill(&mut answer, header + length).await?;
    if answer.len() > header + length {
        return Err(ConnectionError::Garbled("has bytes after its end"));
    }

    Ok(answer.split_off(header))
}

/// Parses an LDAPMessage: its id, and an ExtendedResponse (application tag 24) whose first element is the enumerated
/// result code (RFC 4511, 4.1.1 and 4.12).
fn ldap_consent(message: &[u8]) -> Result<(), ConnectionError> {
    let response = match element(message) {
        // An unsolicited notification has id 0 and only announces that the server closes (4.4.1).
        Some((0x02, [1], rest)) => element(rest),
        _ => return Err(ConnectionError::Garbled("is for another request")),
    };

    let Some((0x78, response, _)) = response else {
        return Err(ConnectionError::Garbled("is not an ExtendedResponse"));
    };

    match element(response) {
        Some((0x0a, [0], _)) => Ok(()),
        // Protocol error: the operation is unknown.
        Some((0x0a, [2], _)) => Err(ConnectionError::Declined("does not offer STARTTLS")),
        Some((0x0a, [code], _)) => {
            Err(ConnectionError::Refuses(Untrusted::from_bytes(format!("result code {code}").as_bytes())))
        }
        _ => Err(ConnectionError::Garbled("has no result code")),
    }
}

/// The first BER element: its one-octet tag, its content, and the remaining bytes.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };

    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

async fn mysql(peer: &mut Connection) -> Result<(), ConnectionError> {
    let mut greeting = Vec::new();
    peer.fill(&mut greeting, 4).await?;
    let length = usize::from(greeting[0]) | usize::from(greeting[1]) << 8 | usize::from(greeting[2]) << 16;
    if length > MAX_BYTES {
        return Err(ConnectionError::TooLong);
    }

    peer.fill(&mut greeting, 4 + length).await?;
    if greeting.len() > 4 + length {
        return Err(ConnectionError::Garbled("has bytes after the greeting"));
    }

    // An error packet: its code, its text behind a state, or its text alone.
    if let [0xff, low, high, text @ ..] = &greeting[4..] {
        let text = if text.starts_with(b"#") { text.get(6..).unwrap_or_default() } else { text };
        let code = u16::from_le_bytes([*low, *high]).to_string();
        return Err(ConnectionError::Refuses(Untrusted::from_bytes(&[code.as_bytes(), text].join(&b' '))));
    }

    let capabilities = mysql_capabilities(&greeting[4..]).ok_or(ConnectionError::Garbled("is not a MySQL greeting"))?;
    if u32::from(capabilities) & MYSQL_SSL == 0 {
        return Err(ConnectionError::Declined("does not offer TLS"));
    }

    let mut request = vec![32, 0, 0, greeting[3].wrapping_add(1)];
    request.extend_from_slice(&MYSQL_REQUESTED.to_le_bytes());
    // Maximum packet length, character set utf8mb4, and 23 zero octets.
    request.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    request.push(45);
    request.extend_from_slice(&[0; 23]);
    peer.write(&request).await
}

/// The code and the text of an ErrorResponse that begins with these bytes; a server that has no process for the connection
/// sends a bare text.
async fn postgresql_refusal(peer: &mut Connection, mut reply: Vec<u8>) -> Untrusted {
    // Whatever arrives is better than nothing.
    let _ = peer.read_until(&mut reply, MAX_BYTES, |bytes| bytes.ends_with(b"\0")).await;
    let fields: Vec<&[u8]> = reply.split(|byte| *byte == 0).collect();
    let [code, message] =
        [b'C', b'M'].map(|kind| fields.iter().find_map(|field| field.strip_prefix(&[kind])).unwrap_or_default());

    match (code, message) {
        (b"", b"") => Untrusted::from_bytes(fields.first().and_then(|text| text.get(1..)).unwrap_or_default()),
        (code, message) => Untrusted::from_bytes(&[code, message].join(&b' ')),
    }
}

/// The lower half of the capability flags of a version 10 greeting.
fn mysql_capabilities(greeting: &[u8]) -> Option<u16> {
    let (10, rest) = greeting.split_first().map(|(version, rest)| (*version, rest))? else { return None };
    let version = rest.iter().position(|byte| *byte == 0)?;
    // The thread id, eight octets of the challenge, and a zero.
    let flags = rest.get(version + 1 + 4 + 8 + 1..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*flags))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::net::Deadline;

    #[test]
    fn a_reply_ends_with_its_last_line() {
        assert_eq!(reply_length(b"220 a\r\n"), Some(7));
        assert_eq!(reply_length(b"250-a\r\n250 b\r\nx"), Some(14));
        assert_eq!(reply_length(b"250-a\r\n250 b"), None);
        assert_eq!(reply_length(b"220-a\r\n free text\r\n220\r\n"), Some(24));
        assert_eq!(reply_length(b"nothing\r\n"), None);
        assert_eq!(final_reply(b"120 soon\r\n"), None);
        assert_eq!((announced_length(b"120 soon\r\n220 a\r\n"), final_reply(b"120 soon\r\n220 a\r\n")), (10, Some(7)));
    }

    #[test]
    fn the_consent_of_a_directory_is_its_result_code() {
        assert!(ldap_consent(b"\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00").is_ok());
        assert!(matches!(
            ldap_consent(b"\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"),
            Err(ConnectionError::Declined(_))
        ));
        assert!(matches!(
            ldap_consent(b"\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"),
            Err(ConnectionError::Refuses(_))
        ));
        let long = b"\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert!(ldap_consent(long).is_ok(), "lengths as Active Directory writes them");
        for garbled in [
            &b"\x02\x01\x01\x65\x07"[..],
            b"\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
            b"\x02\x01\x01\x78\x07\x0a\x01",
        ] {
            assert!(matches!(ldap_consent(garbled), Err(ConnectionError::Garbled(_))), "{garbled:?}");
        }
    }

    #[tokio::test]
    async fn all_four_octets_of_a_length_count() {
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(b"\x30\x84\x00\x01\x00\x02ab").await.unwrap();
        let mut peer = Connection::new(near, Deadline::after(Duration::from_mins(1)), 1024);
        assert!(matches!(ber(&mut peer).await, Err(ConnectionError::TooLong)));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            prop_assert!(reply_length(&bytes).is_none_or(|length| length <= bytes.len()));
            let _ = ldap_consent(&bytes);
            let _ = mysql_capabilities(&bytes);
        }
    }
}
