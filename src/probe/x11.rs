//! X11 (X Window System Protocol, 8 "Connection Setup"): the setup of a connection, which the server accepts or refuses.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct X11;

/// Least significant byte first, protocol 11.0, no authorization.
const SETUP: &[u8] = b"l\0\x0b\0\0\0\0\0\0\0\0\0";
/// The longest reply that is read: a server's screens and formats.
const MAX_BYTES: usize = 16 * 1024;

impl Probe for X11 {
    fn protocol(&self) -> &'static str {
        "x11"
    }

    fn ports(&self) -> &'static [u16] {
        &[6000, 6001, 6002, 6003, 6004, 6005]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(SETUP.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        parse_reply(received.bytes)
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }
}

/// Parses the reply: a refusal with a reason, the wish for another authorization, or the server's facts.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (status, reason_length) = (bytes.u8()?, usize::from(bytes.u8()?));
    let (major, minor, length) = (bytes.u16_le()?, bytes.u16_le()?, usize::from(bytes.u16_le()?) * 4);
    let identity = Identity::of("x11");

    match status {
        0 if (major, minor) == (11, 0) && reason_length <= length => {
            let reason = bytes.take(reason_length)?;
            Some(identity.fact("auth_required", true).fact("refusal", text(reason)))
        }
        // The version fields are unused here; a message of some length must follow.
        2 if (1..=1024).contains(&length) && message.len() == 8 + length => {
            Some(identity.fact("auth_required", true).fact("refusal", text(bytes.take(length)?)))
        }
        1 if (major, minor) == (11, 0) => {
            let release = bytes.u32_le()?;
            bytes.take(12)?;
            let vendor_length = usize::from(bytes.u16_le()?);
            bytes.take(14)?;
            let vendor = bytes.take(vendor_length)?;
            Some(identity.product(text(vendor)).version(version(release)).fact("auth_required", false))
        }
        _ => None,
    }
}

/// Text without the blanks that fill it up.
fn text(bytes: &[u8]) -> Untrusted {
    Untrusted::from_bytes(bytes.trim_ascii_end())
}

/// X.Org counts `12101007` for 21.1.7 (since 1.0 without the leading 1).
fn version(release: u32) -> String {
    let (major, minor, patch) = (release / 10_000_000, release / 100_000 % 100, release / 1000 % 100);
    match major {
        1 if minor >= 21 => format!("{minor}.{patch}.{}", release % 1000),
        _ => format!("{major}.{minor}.{patch}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        let refusal = b"\0\x16\x0b\0\0\0\x06\0No protocol specified\n\0\0";
        let identity = parse_reply(refusal).unwrap();
        assert_eq!(
            (&identity.facts["refusal"], &identity.facts["auth_required"]),
            (&"No protocol specified".into(), &true.into())
        );

        let head = [&b"\x01\0\x0b\0\0\0\x20\0"[..], &12_101_007_u32.to_le_bytes(), &[0; 12], b"\x14\0"].concat();
        let success = [&head[..], &[0; 14], b"The X.Org Foundation"].concat();
        let identity = parse_reply(&success).unwrap();
        assert_eq!((identity.product, identity.version), (Some("The X.Org Foundation".into()), Some("21.1.7".into())));
        assert_eq!((parse_reply(SETUP), parse_reply(&success[..40])), (None, None));
    }
}
