//! SMB 2 and 3 ([MS-SMB2]): the dialect negotiation, which precedes all sessions.

use jiff::Timestamp;

use super::bytes::{Bytes, hex};
use super::words::exchange;
use super::{PortTarget, Probe, ProbeFuture, ServerBytes, Talk};
use crate::model::Identity;
use crate::net::ConnectionError;

pub(super) struct Smb;

/// The offered dialects: 2.0.2, 2.1, 3.0, 3.0.2.
const DIALECTS: [u16; 4] = [0x0202, 0x0210, 0x0300, 0x0302];
/// Seconds from the Windows epoch (1601) to the Unix epoch. Windows counts units of 100 ns ([MS-DTYP] 2.3.3).
const UNIX_EPOCH_S: i64 = 11_644_473_600;

impl Probe for Smb {
    fn protocol(&self) -> &'static str {
        "smb"
    }

    fn ports(&self) -> &'static [u16] {
        &[445, 139]
    }

    fn likelihood(&self) -> u8 {
        5
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        // The header of 2.2.1.2 with the command NEGOTIATE and message id 0.
        let mut message = [&b"\xfeSMB\x40\0"[..], &[0; 58]].concat();
        // 2.2.3: size 36, four dialects, signing enabled, no capabilities; then the client GUID.
        message.extend_from_slice(&[36, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(b"portolan-scanner");
        message.extend_from_slice(&[0; 8]);
        message.extend(DIALECTS.iter().flat_map(|dialect| dialect.to_le_bytes()));

        let length = u8::try_from(message.len()).unwrap_or_default();
        Some([vec![0, 0, 0, length], message].concat())
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(speak(talk))
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        negotiated(Bytes(received.bytes).part()?)
    }
}

/// The negotiation of SMB 1 ([MS-CIFS] 2.2.4.52): the header, no parameters, and the dialect of Windows NT.
const SMB1: &[u8] = b"\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\x01\x28\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0\
\0\x0c\0\x02NT LM 0.12\0";

/// Negotiates SMB 2, and SMB 1 on its usual port with a server that ends the connection on that.
async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let target = talk.target();
    let request = Smb.hello(target).unwrap_or_default();
    let reply = exchange(talk, &request, is_whole).await;

    match reply {
        Ok(reply) if !reply.is_empty() => Ok(Bytes(&reply).part().and_then(negotiated)),
        Ok(_) | Err(ConnectionError::Reset | ConnectionError::Closed)
            if Smb.ports().contains(&target.address.port()) =>
        {
            let mut again = talk.again().await?;
            let reply = exchange(&mut again, SMB1, is_whole).await?;
            Ok(Bytes(&reply).part().and_then(negotiated))
        }
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the first message has arrived in full.
fn is_whole(bytes: &[u8]) -> bool {
    Bytes(bytes).part().is_some()
}

/// Parses the negotiate response of 2.2.4.
fn negotiated(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    // The reply flag tells a server's message from a client's.
    if message.starts_with(b"\xffSMB") && message.get(9).is_some_and(|flags| flags & 0x80 != 0) {
        // A server that only supports SMB 1 replies in SMB 1.
        return Some(Identity::of("smb").fact("dialect", "1.0"));
    }
    if bytes.take(4)? != b"\xfeSMB" || bytes.u16_le()? != 64 {
        return None;
    }

    bytes.take(2)?;
    let (status, command) = (bytes.u32_le()?, bytes.u16_le()?);
    bytes.take(64 - 14)?;
    if command != 0 {
        return None;
    }
    if status != 0 {
        return Some(Identity::of("smb").fact("status", format!("0x{status:08x}")));
    }

    let (size, security, dialect) = (bytes.u16_le()?, bytes.u16_le()?, bytes.u16_le()?);
    if size != 65 {
        return None;
    }
    bytes.take(2)?;
    let guid = bytes.take(16)?;
    bytes.take(16)?;
    let (now, started) = (bytes.u64_le()?, bytes.u64_le()?);

    let signing = if security & 2 != 0 { "required" } else { "enabled" };
    let identity =
        Identity::of("smb").fact("dialect", name(dialect)).fact("signing", signing).fact("server_guid", hex(guid));
    Some(identity.fact_if("time", time(now)).fact_if("started", time(started)))
}

fn name(dialect: u16) -> String {
    let (major, minor, patch) = (dialect >> 8, dialect >> 4 & 15, dialect & 15);
    if patch == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{patch}") }
}

/// The time in seconds; `None` for 0.
fn time(hundreds_of_ns: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(hundreds_of_ns / 10_000_000).ok().filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(seconds - UNIX_EPOCH_S).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(dialect: u16, security: u8, time: u64) -> Vec<u8> {
        let mut message = [&b"\xfeSMB\x40\0"[..], &[0; 58]].concat();
        message.extend_from_slice(&[65, 0, security, 0]);
        message.extend_from_slice(&dialect.to_le_bytes());
        message.extend_from_slice(&[0; 34]);
        message.extend_from_slice(&time.to_le_bytes());
        message.extend_from_slice(&[0; 16]);
        message
    }

    #[test]
    fn the_dialect_and_signing_are_read() {
        // The layout of [MS-SMB2] 2.2.4; the time is the one of [MS-DTYP]'s epoch difference.
        let identity = negotiated(&response(0x0302, 3, 116_444_736_000_000_000)).unwrap();
        assert_eq!((&identity.facts["dialect"], &identity.facts["signing"]), (&"3.0.2".into(), &"required".into()));
        assert_eq!(identity.facts["time"], Timestamp::UNIX_EPOCH.into());

        let identity = negotiated(&response(0x0210, 1, 0)).unwrap();
        assert_eq!((&identity.facts["dialect"], &identity.facts["signing"]), (&"2.1".into(), &"enabled".into()));
        assert!(!identity.facts.contains_key("time"));
        assert_eq!(negotiated(b"\xfeSMB\x40\0"), None);
    }

    #[test]
    fn the_request_has_correct_lengths() {
        let request = Smb.hello(&PortTarget::new(([127, 0, 0, 1], 445).into(), crate::model::Transport::Tcp)).unwrap();
        assert_eq!(request.len(), 4 + 64 + 36 + 2 * DIALECTS.len());
        assert_eq!(usize::from(request[3]) + 4, request.len());
    }

    proptest! {
        #[test]
        fn any_message_is_accepted(rest: Vec<u8>, dialect: u16, security: u8, time: u64) {
            let _ = negotiated(&[&b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0"[..], &rest].concat());
            let _ = negotiated(&response(dialect, security, time));
        }
    }
}
