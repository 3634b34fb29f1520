//! Microsoft SQL Server ([MS-TDS]): PRELOGIN, which precedes every login; and its browser ([MC-SQLR]), which lists instances.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Mssql;

/// PRELOGIN (2.2.6.5): the options VERSION and ENCRYPTION, and the end.
const PRELOGIN: &[u8] = b"\x12\x01\0\x1a\0\0\x01\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\0\0\0\0\0\0\0";
const RESPONSE: u8 = 4;
/// CLNT_UCAST_EX ([MC-SQLR] 2.2.2).
const BROWSE: &[u8] = b"\x03";
const BROWSED: u8 = 5;
const MAX_OPTIONS: usize = 16;

impl Probe for Mssql {
    fn protocol(&self) -> &'static str {
        "mssql"
    }

    fn ports(&self) -> &'static [u16] {
        &[1433]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[1434]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(PRELOGIN.to_vec())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(BROWSE)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        match received.transport {
            Transport::Udp => instances(received.bytes),
            _ => prelogin(received.bytes),
        }
    }
}

/// Parses the response to PRELOGIN.
fn prelogin(packet: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(packet);
    let (kind, status, length) = (bytes.u8()?, bytes.u8()?, bytes.u16()?);
    bytes.take(4)?;
    if (kind, status) != (RESPONSE, 1) || usize::from(length) != packet.len() {
        return None;
    }

    let payload = bytes.0;
    let (mut version, mut encryption) = (None, None);
    for _ in 0..MAX_OPTIONS {
        match bytes.u8()? {
            0xff => break,
            token => {
                let (offset, length) = (usize::from(bytes.u16()?), usize::from(bytes.u16()?));
                let value = payload.get(offset..offset + length)?;
                match token {
                    0 => version = version_of(value),
                    1 => encryption = value.first().copied(),
                    _ => {}
                }
            }
        }
    }

    let encryption = encryption.map(|encryption| match encryption {
        0 => "off",
        1 => "on",
        2 => "not-supported",
        3 => "required",
        _ => "unknown",
    });
    let version = version?;
    Some(Identity::of("mssql").product("Microsoft SQL Server").version(version).fact_if("encryption", encryption))
}

/// Major, minor and build number, and a sub-build that is always 0.
fn version_of(value: &[u8]) -> Option<String> {
    let mut bytes = Bytes(value);
    let (major, minor, build) = (bytes.u8()?, bytes.u8()?, bytes.u16()?);
    bytes.u16()?;
    Some(format!("{major}.{minor}.{build}"))
}

/// Parses the browser's response: `ServerName;X;InstanceName;Y;IsClustered;No;Version;15.0.2000.5;tcp;1433;;`.
fn instances(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    if bytes.u8()? != BROWSED || usize::from(bytes.u16_le()?) != bytes.0.len() || !bytes.0.starts_with(b"ServerName;") {
        return None;
    }

    let words: Vec<&[u8]> = bytes.0.split(|byte| *byte == b';').take(64).collect();
    let identity = Identity::of("mssql")
        .product("Microsoft SQL Server")
        .fact_if("hostname", value(&words, "ServerName"))
        .fact_if("instance", value(&words, "InstanceName"))
        .fact_if("tcp_port", value(&words, "tcp"));

    Some(match value(&words, "Version") {
        Some(version) => identity.version(version),
        None => identity,
    })
}

/// The word that follows a name.
fn value(words: &[&[u8]], name: &str) -> Option<Untrusted> {
    let at = words.iter().position(|word| *word == name.as_bytes())?;
    words.get(at + 1).map(|word| Untrusted::from_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        assert_eq!(PRELOGIN.len(), usize::from(PRELOGIN[3]));
        // The layout of [MS-TDS] 4.2, "Pre-Login Response".
        let reply = b"\x04\x01\0\x1a\0\0\x01\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x0f\0\x07\xd0\0\0\x01";
        let identity = prelogin(reply).unwrap();
        assert_eq!((identity.version, &identity.facts["encryption"]), (Some("15.0.2000".into()), &"on".into()));
        assert_eq!((prelogin(PRELOGIN), prelogin(&reply[..20])), (None, None));
    }

    #[test]
    fn the_browser_names_its_instance() {
        let text = b"ServerName;ILSUNG1;InstanceName;YUKONSTD;IsClustered;No;Version;9.00.1399.06;tcp;57137;;";
        let reply = [&[BROWSED, u8::try_from(text.len()).unwrap(), 0][..], text].concat();
        let identity = instances(&reply).unwrap();
        assert_eq!((identity.version, &identity.facts["tcp_port"]), (Some("9.00.1399.06".into()), &"57137".into()));
        assert_eq!((instances(BROWSE), instances(&reply[..20])), (None, None));
    }
}
