//! PostgreSQL (its manual, "Frontend/Backend Protocol"): a start-up message of a version that never was is answered with an
//! error, which needs no user, no database and no session.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Postgresql;

/// Its length, and the protocol version 0.0.
const STARTUP: &[u8] = b"\0\0\0\x08\0\0\0\0";

impl Probe for Postgresql {
    fn word(&self) -> &'static str {
        "postgresql"
    }

    fn ports(&self) -> &'static [u16] {
        &[5432, 5433, 6432]
    }

    fn likelihood(&self) -> u8 {
        7
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(STARTUP.to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(said.bytes);
        if bytes.u8()? != b'E' {
            return None;
        }
        let length = usize::try_from(bytes.u32()?).ok()?.checked_sub(4)?;
        error(bytes.take(length)?)
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Postgresql)
    }
}

/// ErrorResponse: fields of a letter and a text, up to an empty one.
fn error(fields: &[u8]) -> Option<Identity> {
    let field = |wanted: u8| {
        let mut bytes = Bytes(fields);
        loop {
            match bytes.u8()? {
                0 => return None,
                letter if letter == wanted => return bytes.until(0),
                _ => bytes.until(0)?,
            };
        }
    };
    // "Error and Notice Message Fields": severity, SQLSTATE and message are always there.
    let (severity, code, message) = (field(b'S')?, field(b'C')?, field(b'M')?);
    if severity.is_empty() || code.len() != 5 || !code.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let identity = Identity::of("postgresql")
        .fact("sqlstate", Untrusted::from_bytes(code))
        .fact_if("protocol_versions", supported(message).map(Untrusted::from_bytes));
    // Only the server itself names the place in its source; poolers and compatible databases have another, or none.
    let own = field(b'F').is_some_and(|file| file.ends_with(b".c")) && field(b'R') == Some(b"ProcessStartupPacket");
    Some(if own { identity.product("PostgreSQL") } else { identity })
}

/// `unsupported frontend protocol 0.0: server supports 3.0 to 3.2`, in whatever language.
fn supported(message: &[u8]) -> Option<&[u8]> {
    let at =
        message.windows(3).position(|window| window[0].is_ascii_digit() && window[0] > b'0' && window[1] == b'.')?;
    let is_range = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b' ' | b't' | b'o');
    let end = message[at..].iter().position(|byte| !is_range(byte)).map_or(message.len(), |length| at + length);
    Some(message[at..end].trim_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::told;

    fn response(fields: &[u8]) -> Vec<u8> {
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        [b"E", &length[..], fields].concat()
    }

    #[test]
    fn an_error_tells_who_it_is() {
        let fields = b"SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 0.0: server supports 3.0 to 3.2\0\
Fpostmaster.c\0L2167\0RProcessStartupPacket\0\0";
        let identity = told(&Postgresql, &response(fields), Some("postgresql")).unwrap();
        assert_eq!(identity.product, Some("PostgreSQL".into()));
        assert_eq!(identity.facts["protocol_versions"], "3.0 to 3.2".into());
        let identity = told(&Postgresql, &response(b"SERROR\0C08P01\0Mbad packet\0\0"), None).unwrap();
        assert_eq!(identity.product, None);
        assert_eq!(told(&Postgresql, &response(b"SERROR\0Mno code\0\0"), None), None);
        assert_eq!(told(&Postgresql, b"ERROR\r\n", None), None);
    }

    proptest! {
        #[test]
        fn any_fields_are_taken(fields: Vec<u8>) {
            let _ = (error(&fields), supported(&fields), told(&Postgresql, &response(&fields), None));
        }
    }
}
