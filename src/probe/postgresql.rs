//! PostgreSQL (its manual, "Frontend/Backend Protocol"): the server rejects a start-up message of an invalid version with an
//! error, which requires no user, database or session.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::StartTls;

pub(super) struct Postgresql;

/// The length, and the protocol version 0.0.
const STARTUP: &[u8] = b"\0\0\0\x08\0\0\0\0";

impl Probe for Postgresql {
    fn protocol(&self) -> &'static str {
        "postgresql"
    }

    fn ports(&self) -> &'static [u16] {
        &[5432, 5433, 6432]
    }

    fn likelihood(&self) -> u8 {
        7
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(STARTUP.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(received.bytes);
        if bytes.u8()? != b'E' {
            return None;
        }
        if received.reply_to == Some("postgresql")
            && let Some(text) = old_error(received.bytes)
        {
            return Some(Identity::of("postgresql").fact("error", Untrusted::from_bytes(text)));
        }
        let length = usize::try_from(bytes.u32()?).ok()?.checked_sub(4)?;
        error(bytes.take(length)?)
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Postgresql)
    }
}

/// Parses ErrorResponse: fields of a letter and a text, up to an empty one.
fn error(fields: &[u8]) -> Option<Identity> {
    // "Error and Notice Message Fields": severity, SQLSTATE and message are always present.
    let (severity, code, message) = (field(fields, b'S')?, field(fields, b'C')?, field(fields, b'M')?);
    if severity.is_empty() || code.len() != 5 || !code.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }

    let identity = Identity::of("postgresql")
        .fact("sqlstate", Untrusted::from_bytes(code))
        .fact_if("protocol_versions", supported(message).map(Untrusted::from_bytes));

    // Only PostgreSQL itself names this place in its source; poolers and compatible databases name another, or none.
    let in_c_file = field(fields, b'F').is_some_and(|file| file.ends_with(b".c"));
    let genuine = in_c_file && field(fields, b'R') == Some(b"ProcessStartupPacket");
    Some(if genuine { identity.product("PostgreSQL") } else { identity })
}

/// The error of protocol 2, a text without a length: how a server of any version says that it could not start a process for
/// the connection (`report_fork_failure_to_client` in postmaster.c).
fn old_error(reply: &[u8]) -> Option<&[u8]> {
    let text = reply.strip_prefix(b"E")?.strip_suffix(b"\0")?.strip_suffix(b"\n")?;
    (!text.is_empty() && !text.iter().any(u8::is_ascii_control)).then_some(text)
}

/// The text of the field with this letter.
fn field(fields: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut bytes = Bytes(fields);
    loop {
        match bytes.u8()? {
            0 => return None,
            letter if letter == wanted => return bytes.until(0),
            _ => bytes.until(0)?,
        };
    }
}

/// The range in `unsupported frontend protocol 0.0: server supports 3.0 to 3.2`, in any language.
fn supported(message: &[u8]) -> Option<&[u8]> {
    let at =
        message.windows(3).position(|window| window[0].is_ascii_digit() && window[0] > b'0' && window[1] == b'.')?;
    let mut parts = message[at..].split(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b' ' | b't' | b'o'));
    parts.next().map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    fn response(fields: &[u8]) -> Vec<u8> {
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        [b"E", &length[..], fields].concat()
    }

    #[test]
    fn an_error_identifies_the_server() {
        let fields = b"SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 0.0: server supports 3.0 to 3.2\0\
Fpostmaster.c\0L2167\0RProcessStartupPacket\0\0";
        let identity = recognise_tcp(&Postgresql, &response(fields), Some("postgresql")).unwrap();
        assert_eq!(identity.product, Some("PostgreSQL".into()));
        assert_eq!(identity.facts["protocol_versions"], "3.0 to 3.2".into());

        let identity = recognise_tcp(&Postgresql, &response(b"SERROR\0C08P01\0Mbad packet\0\0"), None).unwrap();
        assert_eq!(identity.product, None);
        assert_eq!(recognise_tcp(&Postgresql, &response(b"SERROR\0Mno code\0\0"), None), None);
        assert_eq!(recognise_tcp(&Postgresql, b"ERROR\r\n", None), None);

        for old in ["could not fork new process for connection: Cannot allocate memory", "FATAL:  unsupported protocol"]
        {
            let reply = format!("E{old}\n\0");
            let identity = recognise_tcp(&Postgresql, reply.as_bytes(), Some("postgresql")).unwrap();
            assert_eq!(identity.facts["error"], old.into());
            assert_eq!(recognise_tcp(&Postgresql, reply.as_bytes(), Some("http")), None);
        }
        assert_eq!(recognise_tcp(&Postgresql, b"ERROR\n", Some("postgresql")), None);
    }

    proptest! {
        #[test]
        fn any_fields_are_accepted(fields: Vec<u8>) {
            let _ = (error(&fields), supported(&fields), recognise_tcp(&Postgresql, &response(&fields), None));
        }
    }
}
