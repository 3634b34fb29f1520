//! NFS version 3 (RFC 1813, over the RPC of RFC 5531): its procedure NULL (3.3.0), which does nothing.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Nfs;

/// A call of program 100003 (NFS), version 3, procedure 0, without credentials.
const CALL: &[u8] = b"nfs3\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

impl Probe for Nfs {
    fn protocol(&self) -> &'static str {
        "nfs"
    }

    fn ports(&self) -> &'static [u16] {
        &[2049]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[2049]
    }

    /// A record of one fragment (RFC 5531, 11), of 40 bytes.
    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some([b"\x80\0\0\x28", CALL].concat())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(CALL)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(received.bytes);
        if received.transport == Transport::Tcp {
            bytes.u32()?;
        }
        parse_reply(bytes)
    }
}

/// Parses the reply to the call (RFC 5531, 9).
fn parse_reply(mut bytes: Bytes<'_>) -> Option<Identity> {
    const REPLY: u32 = 1;
    if bytes.take(4)? != b"nfs3" || bytes.u32()? != REPLY {
        return None;
    }

    match bytes.u32()? {
        // Accepted: a verifier, and how it went.
        0 => {
            bytes.take(8)?;
            match bytes.u32()? {
                0 => Some(Identity::of("nfs").version("3")),
                // Another program has this port.
                1 => Some(Identity::of("rpc")),
                // Another version: the lowest and the highest.
                2 => {
                    let (_lowest, highest) = (bytes.u32()?, bytes.u32()?);
                    Some(Identity::of("nfs").version(highest.to_string()))
                }
                _ => None,
            }
        }
        // Denied: this client has to authenticate itself.
        1 => Some(Identity::of("nfs").fact("auth_required", true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rest: &[u8]) -> Option<Identity> {
        parse_reply(Bytes(&[b"nfs3\0\0\0\x01", rest].concat()))
    }

    #[test]
    fn the_version_is_read() {
        assert_eq!(parse(&[0; 16]).unwrap().version, Some("3".into()));
        let mismatch = [&[0; 15][..], b"\x02\0\0\0\x04\0\0\0\x04"].concat();
        assert_eq!(parse(&mismatch).unwrap().version, Some("4".into()));
        let other = [&[0; 15][..], b"\x01"].concat();
        assert_eq!(parse(&other).unwrap().protocol(), "rpc");
        assert_eq!((parse(b""), parse_reply(Bytes(CALL))), (None, None));
    }
}
