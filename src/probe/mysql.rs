//! MySQL and MariaDB (MySQL's manual, "Client/Server Protocol", Protocol::HandshakeV10): greets with its version.

use super::bytes::Bytes;
use super::words::version;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Mysql;

/// The capability to go over to TLS.
const TLS: u16 = 0x0800;
/// MariaDB 10 puts this before its version, because replicas of MySQL would not understand a version 10.
const MARIADB_PREFIX: &[u8] = b"5.5.5-";

impl Probe for Mysql {
    fn word(&self) -> &'static str {
        "mysql"
    }

    fn ports(&self) -> &'static [u16] {
        &[3306]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(said.bytes);
        let length = bytes.take(3)?;
        // A greeting is shorter than 64 KiB, and the first packet of its connection.
        if said.to.is_some() || length[2] != 0 || bytes.u8()? > 1 {
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
    let told = bytes.until(0)?;
    // The thread, half of the challenge, and a zero.
    bytes.take(4 + 8 + 1)?;
    let capabilities = bytes.u16_le()?;
    if !told.first()?.is_ascii_digit() {
        return None;
    }
    let (product, own) = product(told);
    let identity = Identity::of("mysql").product(product).version(version(own));
    let identity =
        identity.fact("version_string", Untrusted::from_bytes(told)).fact("tls_offered", capabilities & TLS != 0);
    Some(identity.fact_if("auth_plugin", auth_plugin(bytes)))
}

/// After the lower capabilities: character set, status, upper capabilities, the challenge's length, ten octets, the rest
/// of the challenge (at least 13 octets), and the name.
fn auth_plugin(mut bytes: Bytes<'_>) -> Option<Untrusted> {
    bytes.take(1 + 2 + 2)?;
    let challenge = bytes.u8()?;
    bytes.take(10 + usize::from(challenge.saturating_sub(8)).max(13))?;
    let name = bytes.until(0)?;
    (!name.is_empty()).then(|| Untrusted::from_bytes(name))
}

/// `5.5.5-10.11.14-MariaDB-0+deb12u2`, `8.0.36`, `8.0.11-TiDB-v7.5.0`.
fn product(told: &[u8]) -> (&'static str, &[u8]) {
    let find = |word: &[u8]| told.windows(word.len()).position(|window| window == word);
    if let Some(at) = find(b"-MariaDB") {
        let own = &told[..at];
        return ("MariaDB", own.strip_prefix(MARIADB_PREFIX).unwrap_or(own));
    }
    if let Some(at) = find(b"-TiDB-v") {
        return ("TiDB", &told[at + b"-TiDB-v".len()..]);
    }
    ("MySQL", told)
}

/// An ERR packet before any handshake: this host may not connect, or too many do.
fn refusal(rest: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(rest);
    let code = bytes.u16_le()?;
    let text = bytes.0;
    // The server's errors have numbers from 1000 on.
    if !(1000..5000).contains(&code) || text.is_empty() || !text.iter().all(|byte| (b' '..0x7f).contains(byte)) {
        return None;
    }
    let identity = Identity::of("mysql").fact("error_code", code).fact("error", Untrusted::from_bytes(text));
    let maria = text.windows(7).any(|window| window == b"MariaDB");
    Some(if maria { identity.product("MariaDB") } else { identity })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::told;

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&[u8::try_from(payload.len()).unwrap(), 0, 0, 0], payload].concat()
    }

    fn handshake(version: &str) -> Vec<u8> {
        let head = [b"\x0a", version.as_bytes(), b"\0\x0b\0\0\0dvH@I-CJ\0\xff\xf7\x08\x02\0\x7f\x80\x15"].concat();
        packet(&[&*head, &[0; 10], b"*4d|cZwk4^]:\0mysql_native_password\0"].concat())
    }

    #[test]
    fn the_greeting_tells_product_and_version() {
        // The greeting of the manual's "Protocol::HandshakeV10", with other versions.
        for (told_version, product, version) in [
            ("5.6.4-m7-log", "MySQL", "5.6.4-m7-log"),
            ("5.5.5-10.11.14-MariaDB-0+deb12u2", "MariaDB", "10.11.14"),
            ("11.4.2-MariaDB", "MariaDB", "11.4.2"),
            ("8.0.11-TiDB-v7.5.0", "TiDB", "7.5.0"),
        ] {
            let identity = told(&Mysql, &handshake(told_version), None).unwrap();
            assert_eq!(identity.product, Some(product.into()));
            assert_eq!(identity.version, Some(version.into()));
            assert_eq!(identity.facts["auth_plugin"], "mysql_native_password".into());
        }
    }

    #[test]
    fn a_refusal_is_known_too() {
        let refusal = packet(b"\xff\x6a\x04Host '10.77.0.1' is not allowed to connect to this MariaDB server");
        let identity = told(&Mysql, &refusal, None).unwrap();
        assert_eq!((identity.product, &identity.facts["error_code"]), (Some("MariaDB".into()), &1130.into()));
        assert_eq!(told(&Mysql, &packet(b"\xff\x01\0x"), None), None);
        assert_eq!(told(&Mysql, &handshake("x"), None), None);
    }

    proptest! {
        #[test]
        fn any_packet_is_taken(payload in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (greeting(&payload), refusal(&payload), auth_plugin(Bytes(&payload)));
            let _ = told(&Mysql, &packet(&payload), None);
        }
    }
}
