//! rpcbind, the portmapper (RFC 1833, over the RPC of RFC 5531): its procedure NULL, which does nothing.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Rpcbind;

/// A call of program 100000 (the portmapper), version 2, procedure 0, without credentials.
const CALL: &[u8] = b"port\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The same in a record of TCP (RFC 5531, 11): the last fragment, of 40 bytes.
const CALL_OVER_TCP: &[u8] =
    b"\x80\0\0\x28port\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

impl Probe for Rpcbind {
    fn protocol(&self) -> &'static str {
        "rpcbind"
    }

    fn ports(&self) -> &'static [u16] {
        &[111]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[111]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(CALL_OVER_TCP.to_vec())
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
    if bytes.take(4)? != b"port" || bytes.u32()? != REPLY {
        return None;
    }

    match bytes.u32()? {
        // Accepted: a verifier, and how it went.
        0 => {
            bytes.take(8)?;
            match bytes.u32()? {
                0 => Some(Identity::of("rpcbind").fact("auth_required", false)),
                // Another program, or another version of this one.
                1 => Some(Identity::of("rpc")),
                2 => Some(Identity::of("rpcbind").fact_if("version_max", version(bytes))),
                _ => None,
            }
        }
        // Denied.
        1 => Some(Identity::of("rpcbind").fact("auth_required", true)),
        _ => None,
    }
}

/// The highest version that it has.
fn version(mut bytes: Bytes<'_>) -> Option<u32> {
    bytes.u32()?;
    bytes.u32()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a reply with this behind its header.
    fn parse(rest: &[u8]) -> Option<Identity> {
        parse_reply(Bytes(&[b"port\0\0\0\x01", rest].concat()))
    }

    #[test]
    fn replies_are_told_apart() {
        assert_eq!(parse(&[0; 16]).unwrap().protocol(), "rpcbind");
        let other = [&[0; 15][..], b"\x01"].concat();
        assert_eq!(parse(&other).unwrap().protocol(), "rpc");
        assert_eq!(parse(b"\0\0\0\x01\0\0\0\x01").unwrap().facts["auth_required"], true.into());
        assert_eq!((parse(b""), parse_reply(Bytes(CALL))), (None, None));
    }
}
