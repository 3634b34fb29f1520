//! VNC, whose protocol is RFB (RFC 6143): the greeting is the version.

use super::bytes::Bytes;
use super::words::exchange;
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Fact, Identity};

pub(super) struct Vnc;

/// The length of the greeting.
const GREETING: usize = 12;

impl Probe for Vnc {
    fn protocol(&self) -> &'static str {
        "vnc"
    }

    fn ports(&self) -> &'static [u16] {
        &[5900, 5901]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        parse_greeting(received.bytes)
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let mut greeting = exchange(talk, b"", |bytes| bytes.len() >= GREETING).await?;
            let Some(identity) = parse_greeting(&greeting) else { return Ok(None) };

            greeting.truncate(GREETING);
            if minor(&greeting) < 7 {
                return Ok(Some(identity));
            }

            // 3.8 is the latest version.
            let agreed: &[u8] = if minor(&greeting) == 7 { b"RFB 003.007\n" } else { b"RFB 003.008\n" };
            let types = exchange(talk, agreed, |bytes| security_types(bytes).is_some()).await?;
            Ok(Some(with_security(identity, &types)))
        })
    }
}

/// Parses `RFB 003.008\n`.
fn parse_greeting(bytes: &[u8]) -> Option<Identity> {
    let greeting = bytes.get(..GREETING)?;
    let major = number(greeting.strip_prefix(b"RFB ")?.get(..3)?)?;
    if greeting[7] != b'.' || greeting[11] != b'\n' {
        return None;
    }
    let version = format!("{major}.{}", number(&greeting[8..11])?);

    // Apple's servers use 3.889.
    let identity = Identity::of("vnc").fact("protocol_version", &*version);
    Some(if version == "3.889" { identity.product("Apple Remote Desktop") } else { identity })
}

/// The minor version of a valid greeting.
fn minor(greeting: &[u8]) -> u32 {
    greeting.get(8..11).and_then(number).unwrap_or(0)
}

fn number(digits: &[u8]) -> Option<u32> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// 7.1.2: a count and the types, or zero and a reason.
fn security_types(bytes: &[u8]) -> Option<Result<&[u8], &[u8]>> {
    let mut bytes = Bytes(bytes);
    match bytes.u8()? {
        0 => bytes.part().map(Err),
        count => bytes.take(count.into()).map(Ok),
    }
}

fn with_security(identity: Identity, answer: &[u8]) -> Identity {
    match security_types(answer) {
        Some(Ok(types)) => {
            let names: Vec<Fact> = types.iter().take(32).map(|kind| name(*kind)).collect();
            identity.fact("auth_required", !types.contains(&1)).fact("security_types", names)
        }
        Some(Err(reason)) => identity.fact("refusal", Untrusted::from_bytes(&reason[..reason.len().min(256)])),
        None => identity,
    }
}

/// IANA's registry of RFB security types.
fn name(kind: u8) -> Fact {
    match kind {
        1 => "none".into(),
        2 => "vnc".into(),
        5 => "ra2".into(),
        6 => "ra2ne".into(),
        16 => "tight".into(),
        18 => "tls".into(),
        19 => "vencrypt".into(),
        20 => "sasl".into(),
        30 => "apple-dh".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_greeting_and_the_security_types_are_read() {
        // RFC 6143, 7.1.1 and 7.1.2.
        let identity = recognise_tcp(&Vnc, b"RFB 003.008\n", None).unwrap();
        assert_eq!(identity.facts["protocol_version"], "3.8".into());

        let identity = with_security(identity, b"\x02\x02\x13");
        assert_eq!(identity.facts["security_types"], vec!["vnc", "vencrypt"].into());
        assert_eq!(identity.facts["auth_required"], true.into());
        assert_eq!(with_security(Identity::of("vnc"), b"\x01\x01").facts["auth_required"], false.into());
        assert_eq!(with_security(Identity::of("vnc"), b"\0\0\0\0\x04busy").facts["refusal"], "busy".into());
        assert_eq!(recognise_tcp(&Vnc, b"RFB 003.00x\n", None), None);
    }

    proptest! {
        #[test]
        fn any_reply_is_accepted(answer: Vec<u8>) {
            let _ = (with_security(Identity::default(), &answer), parse_greeting(&answer), minor(&answer));
        }
    }
}
