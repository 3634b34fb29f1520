//! MySQL's X Protocol (its internals manual, "X Protocol"): the server greets with a notice, or refuses what it does not know
//! with an error.

use super::bytes::Bytes;
use super::words::contains;
use super::{Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Mysqlx;

/// Mysqlx.Notice.Frame of the type `SERVER_HELLO`, with an empty payload.
const HELLO: &[u8] = b"\x05\0\0\0\x0b\x08\x05\x1a\0";
/// The type of Mysqlx.Error.
const ERROR: u8 = 1;

impl Probe for Mysqlx {
    fn protocol(&self) -> &'static str {
        "mysqlx"
    }

    fn ports(&self) -> &'static [u16] {
        &[33060]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        (received.bytes.starts_with(HELLO) || is_error(received.bytes)).then(|| Identity::of("mysqlx").product("MySQL"))
    }
}

/// An error that names a state of SQL: field 4, five letters, and a message in field 3.
fn is_error(message: &[u8]) -> bool {
    let mut bytes = Bytes(message);
    let Some(length) = bytes.u32_le() else { return false };
    let is_short = (8..=512).contains(&length) && usize::try_from(length).is_ok_and(|length| bytes.0.len() >= length);
    is_short && bytes.u8() == Some(ERROR) && bytes.u8() == Some(8) && contains(bytes.0, "\"\u{5}HY000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_notice_and_an_error_are_known() {
        assert!(recognise_tcp(&Mysqlx, HELLO, None).is_some());
        let text = b"\x01\x08\x01\x10\x88\x27\"\x05HY000\x1a\x0fInvalid message";
        let error = [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text].concat();
        assert!(recognise_tcp(&Mysqlx, &error, Some("http")).is_some());
        assert!(recognise_tcp(&Mysqlx, &error[..8], None).is_none());
    }
}
