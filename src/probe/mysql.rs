//! MySQL and MariaDB (MySQL's manual, "Client/Server Protocol", Protocol::HandshakeV10): the greeting contains the version.

use super::bytes::Bytes;
use super::words::version;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Mysql;

/// The capability flag of TLS.
const TLS: u16 = 0x0800;
/// MariaDB 10 puts this prefix before its version, because MySQL replicas would not accept a version 10.
const MARIADB_PREFIX: &[u8] = b"5.5.5-";

impl Probe for Mysql {
    fn protocol(&self) -> &'static str {
        "mysql"
    }

    fn ports(&self) -> &'static [u16] {
        &[3306]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(received.bytes);
        let length = bytes.take(3)?;
        // A greeting is shorter than 64 KiB and the first packet of the connection.
        if received.reply_to.is_some() || length[2] != 0 || bytes.u8()? > 1 {
            return None;
        }

        let packet = bytes.take(usize::from(u16::from_le_bytes([length[0], length[1]])))?;
        match packet.split_first()? {
            (10, rest) => greeting(rest),
            (0xff, rest) => refusal(rest),
            _ => None,
        }
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Mysql)
    }
}

fn greeting(rest: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(rest);
    let version_string = bytes.until(0)?;
    // The thread id, half of the challenge, and a zero.
    bytes.take(4 + 8 + 1)?;
    let capabilities = bytes.u16_le()?;

    if !version_string.first()?.is_ascii_digit() {
        return None;
    }

    let (product, own_version) = product(version_string);
    let identity = Identity::of("mysql")
        .product(product)
        .version(version(own_version))
        .fact("version_string", Untrusted::from_bytes(version_string))
        .fact("tls_offered", capabilities & TLS != 0)
        .fact_if("auth_plugin", auth_plugin(bytes));
    Some(identity)
}

/// Reads on after the lower capabilities: character set, status, upper capabilities, length of the challenge, ten reserved
/// bytes, the rest of the challenge (at least 13 bytes), and the name.
fn auth_plugin(mut bytes: Bytes<'_>) -> Option<Untrusted> {
    bytes.take(1 + 2 + 2)?;
    let challenge = bytes.u8()?;
    bytes.take(10 + usize::from(challenge.saturating_sub(8)).max(13))?;
    let name = bytes.until(0)?;
    (!name.is_empty()).then(|| Untrusted::from_bytes(name))
}

/// `5.5.5-10.11.14-MariaDB-0+deb12u2`, `8.0.36`, `8.0.11-TiDB-v7.5.0`.
fn product(version: &[u8]) -> (&'static str, &[u8]) {
    if let Some(at) = find(version, b"-MariaDB") {
        let own = &version[..at];
        return ("MariaDB", own.strip_prefix(MARIADB_PREFIX).unwrap_or(own));
    }
    if let Some(at) = find(version, b"-TiDB-v") {
        return ("TiDB", &version[at + b"-TiDB-v".len()..]);
    }
    ("MySQL", version)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// Parses an ERR packet before the handshake: this host may not connect, or there are too many connections.
fn refusal(rest: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(rest);
    let code = bytes.u16_le()?;
    let text = bytes.0;
    // Error codes of the server start at 1000, those of ProxySQL at 9001.
    if !(1000..10_000).contains(&code) || text.is_empty() || !text.iter().all(|byte| (b' '..0x7f).contains(byte)) {
        return None;
    }

    let identity = Identity::of("mysql").fact("error_code", code).fact("error", Untrusted::from_bytes(text));
    Some(if find(text, b"MariaDB").is_some() { identity.product("MariaDB") } else { identity })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&[u8::try_from(payload.len()).unwrap(), 0, 0, 0], payload].concat()
    }

    fn handshake(version: &str) -> Vec<u8> {
        let head = [b"\x0a", version.as_bytes(), b"\0\x0b\0\0\0dvH@I-CJ\0\xff\xf7\x08\x02\0\x7f\x80\x15"].concat();
        packet(&[&*head, &[0; 10], b"*4d|cZwk4^]:\0mysql_native_password\0"].concat())
    }

    #[test]
    fn the_greeting_contains_product_and_version() {
        // The greeting of the manual's "Protocol::HandshakeV10", with other versions.
        for (version_string, product, version) in [
            ("5.6.4-m7-log", "MySQL", "5.6.4-m7-log"),
            ("5.5.5-10.11.14-MariaDB-0+deb12u2", "MariaDB", "10.11.14"),
            ("11.4.2-MariaDB", "MariaDB", "11.4.2"),
            ("8.0.11-TiDB-v7.5.0", "TiDB", "7.5.0"),
        ] {
            let identity = recognise_tcp(&Mysql, &handshake(version_string), None).unwrap();
            assert_eq!(identity.product, Some(product.into()));
            assert_eq!(identity.version, Some(version.into()));
            assert_eq!(identity.facts["auth_plugin"], "mysql_native_password".into());
        }
    }

    #[test]
    fn a_refusal_is_recognised() {
        let refusal = packet(b"\xff\x6a\x04Host '10.77.0.1' is not allowed to connect to this MariaDB server");
        let identity = recognise_tcp(&Mysql, &refusal, None).unwrap();
        assert_eq!((identity.product, &identity.facts["error_code"]), (Some("MariaDB".into()), &1130.into()));
        let proxy = packet(b"\xff\x29\x23#HY000Max connect timeout reached while reaching hostgroup 0");
        assert_eq!(recognise_tcp(&Mysql, &proxy, None).unwrap().facts["error_code"], 9001.into());
        assert_eq!(recognise_tcp(&Mysql, &packet(b"\xff\x01\0x"), None), None);
        assert_eq!(recognise_tcp(&Mysql, &handshake("x"), None), None);
    }

    proptest! {
        #[test]
        fn any_packet_is_accepted(payload in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (greeting(&payload), refusal(&payload), auth_plugin(Bytes(&payload)));
            let _ = recognise_tcp(&Mysql, &packet(&payload), None);
        }
    }
}
