//! RDP ([MS-RDPBCGR]): the connection request, which precedes all security.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Rdp;

/// TPKT (RFC 1006) around an X.224 connection request with a negotiation request (2.2.1.1) for TLS, CredSSP and
/// CredSSP with early authorization.
const REQUEST: &[u8] = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0";

impl Probe for Rdp {
    fn protocol(&self) -> &'static str {
        "rdp"
    }

    fn ports(&self) -> &'static [u16] {
        &[3389]
    }

    fn likelihood(&self) -> u8 {
        4
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(REQUEST.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        confirmed(received.bytes)
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Rdp)
    }
}

/// Parses the X.224 connection confirm of 2.2.1.2, with the selected protocol or the reason of refusal.
fn confirmed(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (version, _, length) = (bytes.u8()?, bytes.u8()?, bytes.u16()?);
    let mut bytes = Bytes(bytes.take(usize::from(length).checked_sub(4)?)?);
    let (rest, kind) = (bytes.u8()?, bytes.u8()?);
    // 0xd0 is a confirm, here for the reference 0 of the request.
    if version != 3 || kind != 0xd0 || usize::from(rest) != usize::from(length) - 5 || bytes.u16()? != 0 {
        return None;
    }

    bytes.take(3)?;
    let identity = Identity::of("rdp");
    let Some(kind) = bytes.u8() else {
        // Servers before 2003 do not negotiate.
        return Some(identity.fact("security", "rdp"));
    };

    bytes.take(3)?;
    let value = bytes.u32_le()?;
    match kind {
        2 => Some(identity.fact("security", protocol(value)).fact("nla", matches!(value, 2 | 8))),
        3 => Some(identity.fact("security", "rdp").fact("refusal_code", value)),
        _ => None,
    }
}

fn protocol(selected: u32) -> String {
    match selected {
        0 => "rdp".to_owned(),
        1 => "tls".to_owned(),
        2 => "credssp".to_owned(),
        4 => "rdstls".to_owned(),
        8 => "credssp-ex".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_selected_protocol_is_read() {
        // [MS-RDPBCGR] 4.1.2, Server X.224 Connection Confirm PDU, which chooses nothing above RDP's own security.
        let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\0\0\0\0";
        assert_eq!(confirmed(confirm).unwrap().facts["security"], "rdp".into());
        let mut tls = *confirm;
        tls[15] = 2;
        assert_eq!(confirmed(&tls).unwrap().facts["nla"], true.into());
        tls[11] = 3;
        assert_eq!(confirmed(&tls).unwrap().facts["refusal_code"], 2.into());
        assert_eq!((confirmed(&tls[..18]), confirmed(REQUEST)), (None, None));
    }

    proptest! {
        #[test]
        fn any_message_is_accepted(message: Vec<u8>, length: u8) {
            let _ = confirmed(&message);
            let _ = confirmed(&[&[3, 0, 0, length][..], &message].concat());
        }
    }
}
