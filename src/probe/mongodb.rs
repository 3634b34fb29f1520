//! MongoDB (its manual, "MongoDB Wire Protocol", and bsonspec.org): the commands `hello` and `buildInfo`, which need no login.

use super::bytes::Bytes;
use super::words::{contains, exchange};
use super::{PortTarget, Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Mongodb;

/// The opcode of OP_MSG.
const OP_MSG: u32 = 2013;
/// The request id, which the reply repeats.
const REQUEST: u32 = 0x706f_7274;
/// The longest reply that is read: `buildInfo` is about 2 KiB.
const MAX_BYTES: usize = 8 * 1024;
/// The most fields of a document that are read.
const MAX_FIELDS: usize = 256;

impl Probe for Mongodb {
    fn protocol(&self) -> &'static str {
        "mongodb"
    }

    fn ports(&self) -> &'static [u16] {
        &[27017, 27018, 27019]
    }

    fn likelihood(&self) -> u8 {
        // Servers behind a proxy, and compatible ones, are silent to HTTP.
        3
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(command("hello"))
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // The reply of every version since 2.0 to an HTTP request.
        if received.reply_to == Some("http")
            && contains(received.bytes, "It looks like you are trying to access MongoDB over HTTP")
        {
            return Some(Identity::of("mongodb").product("MongoDB"));
        }
        parse_hello(reply(received.bytes)?)
    }

    fn unavailable(&self, received: &[u8]) -> Option<String> {
        // A reply in HTTP says nothing of this.
        let document = reply(received)?;
        if !is_ok(document) {
            return Some(format!("refuses: {}", text(document, "errmsg")));
        }

        // A member of a replica set that is neither recovers, starts, or has no configuration (its manual, `hello`).
        let serves = ["isWritablePrimary", "secondary", "arbiterOnly"]
            .map(|name| value(document, name).map(|(kind, bytes)| kind == 0x08 && bytes == [1]));
        let is_member = serves[0] == Some(false) && string(document, "msg").is_none();
        (is_member && !serves.contains(&Some(true)))
            .then(|| format!("is neither primary nor secondary {}", text(document, "info")).trim_end().to_owned())
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let hello = exchange(talk, &command("hello"), |bytes| reply(bytes).is_some()).await?;
            let Some(identity) = reply(&hello).and_then(parse_hello) else { return Ok(None) };

            let build = exchange(talk, &command("buildInfo"), |bytes| reply(bytes).is_some()).await.unwrap_or_default();
            Ok(Some(match reply(&build).and_then(|document| string(document, "version")) {
                Some(version) => identity.version(version),
                None => identity,
            }))
        })
    }
}

/// OP_MSG with `{NAME: 1, $db: "admin"}`.
fn command(name: &str) -> Vec<u8> {
    let fields = [b"\x10", name.as_bytes(), b"\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"].concat();
    let document = [&length(fields.len() + 4)[..], &fields].concat();
    let header = [REQUEST.to_le_bytes(), [0; 4], OP_MSG.to_le_bytes(), [0; 4]].concat();
    [&length(4 + header.len() + 1 + document.len())[..], &header, b"\0", &document].concat()
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or_default().to_le_bytes()
}

/// The fields of the document in a complete reply to the request.
fn reply(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(Bytes(bytes).u32_le()?).ok()?;
    let mut message = Bytes(bytes.get(..length)?);
    message.take(8)?;

    if message.u32_le()? != REQUEST || message.u32_le()? != OP_MSG {
        return None;
    }

    // No flags, one section with one document.
    message.u32_le()?;
    if message.u8()? != 0 {
        return None;
    }

    let length = usize::try_from(message.u32_le()?).ok()?;
    message.take(length.checked_sub(5)?)
}

fn parse_hello(document: &[u8]) -> Option<Identity> {
    let wire = match value(document, "maxWireVersion")? {
        (0x10, bytes) => i32::from_le_bytes(*bytes.first_chunk()?),
        _ => return None,
    };

    let writable = match value(document, "isWritablePrimary") {
        Some((0x08, [flag, ..])) => Some(*flag == 1),
        _ => None,
    };

    // mongos, which only forwards requests, has this message.
    let router = string(document, "msg").is_some_and(|message| message.as_raw() == "isdbgrid");

    let identity = Identity::of("mongodb").product("MongoDB").fact("max_wire_version", wire).fact("router", router);
    Some(identity.fact_if("writable", writable).fact_if("replica_set", string(document, "setName")))
}

/// Whether a command succeeded: `ok` is 1, as a double or as a whole number.
fn is_ok(document: &[u8]) -> bool {
    match value(document, "ok") {
        Some((0x01, bytes)) => bytes == 1_f64.to_le_bytes(),
        Some((0x10, bytes)) => bytes == 1_i32.to_le_bytes(),
        // Compatible servers may leave it out.
        other => other.is_none(),
    }
}

/// A text for a person, or nothing.
fn text(document: &[u8], name: &str) -> String {
    string(document, name).map(|text| text.to_string()).unwrap_or_default()
}

fn string(document: &[u8], name: &str) -> Option<Untrusted> {
    match value(document, name)? {
        (0x02, bytes) => Some(Untrusted::from_bytes(bytes.strip_suffix(b"\0")?)),
        _ => None,
    }
}

/// The type and the bytes of a field.
fn value<'a>(document: &'a [u8], wanted: &str) -> Option<(u8, &'a [u8])> {
    let mut bytes = Bytes(document);
    for _ in 0..MAX_FIELDS {
        let kind = bytes.u8()?;
        let name = bytes.until(0)?;
        let value = match kind {
            // 8-byte numbers and dates, object id, boolean, null, 4-byte number, string.
            0x01 | 0x09 | 0x11 | 0x12 => bytes.take(8)?,
            0x07 => bytes.take(12)?,
            0x08 => bytes.take(1)?,
            0x0a => &[],
            0x10 => bytes.take(4)?,
            0x02 => {
                let length = bytes.u32_le()?;
                bytes.take(usize::try_from(length).ok()?)?
            }
            // The length of documents and arrays includes itself; binary has an extra subtype.
            0x03 | 0x04 => {
                let length = bytes.u32_le()?.checked_sub(4)?;
                bytes.take(usize::try_from(length).ok()?)?
            }
            0x05 => {
                let length = bytes.u32_le()?.checked_add(1)?;
                bytes.take(usize::try_from(length).ok()?)?
            }
            _ => return None,
        };

        if name == wanted.as_bytes() {
            return Some((kind, value));
        }
    }

    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    /// A reply whose document has these fields.
    fn message(fields: &[u8]) -> Vec<u8> {
        let header = [[9; 4], REQUEST.to_le_bytes(), OP_MSG.to_le_bytes(), [0; 4]].concat();
        let document = [&length(fields.len() + 5)[..], fields, b"\0"].concat();
        [&length(4 + header.len() + 1 + document.len())[..], &header, b"\0", &document].concat()
    }

    #[test]
    fn a_reply_to_hello_is_read() {
        // Fields of `hello` as the manual lists them, in the types that it gives them.
        let fields = b"\x08isWritablePrimary\0\x01\x03topologyVersion\0\x05\0\0\0\0\x09localTime\0\0\0\0\0\0\0\0\0\
\x10maxWireVersion\0\x15\0\0\0\x02setName\0\x04\0\0\0rs0\0";
        let identity = recognise_tcp(&Mongodb, &message(fields), Some("mongodb")).unwrap();
        assert_eq!(identity.facts["max_wire_version"], 21.into());
        assert_eq!((&identity.facts["writable"], &identity.facts["replica_set"]), (&true.into(), &"rs0".into()));

        let build = message(b"\x02version\0\x06\0\0\x007.0.5\0");
        assert_eq!(reply(&build).and_then(|document| string(document, "version")), Some("7.0.5".into()));
        assert_eq!(recognise_tcp(&Mongodb, &message(fields)[..60], Some("mongodb")), None);
    }

    /// Why a server does not serve whose reply has these fields besides its version.
    fn of(fields: &[u8]) -> Option<String> {
        Mongodb.unavailable(&message(&[b"\x10maxWireVersion\0\x15\0\0\0", fields].concat()))
    }

    #[test]
    fn a_member_that_serves_no_one_says_so() {
        assert_eq!(of(b"\x08isWritablePrimary\0\x01"), None);
        assert_eq!(of(b"\x08isWritablePrimary\0\0\x08secondary\0\x01"), None);
        assert_eq!(of(b"\x08isWritablePrimary\0\0\x08arbiterOnly\0\x01"), None);
        let starting = of(b"\x08isWritablePrimary\0\0\x08secondary\0\0\x02info\0\x05\0\0\0none\0");
        assert_eq!(starting.as_deref(), Some("is neither primary nor secondary none"));
        let refused = of(b"\x01ok\0\0\0\0\0\0\0\0\0\x02errmsg\0\x04\0\0\0end\0");
        assert_eq!(refused.as_deref(), Some("refuses: end"));
        assert_eq!(of(b"\x01ok\0\0\0\0\0\0\0\xf0\x3f\x08isWritablePrimary\0\x01"), None);
    }

    #[test]
    fn the_request_has_correct_lengths() {
        let request = command("hello");
        assert_eq!(usize::try_from(Bytes(&request).u32_le().unwrap()).unwrap(), request.len());
        assert_eq!(request[21], u8::try_from(request.len() - 21).unwrap());
    }

    proptest! {
        #[test]
        fn any_document_is_accepted(fields: Vec<u8>, name in "[a-z]{0,2}") {
            let _ = (value(&fields, &name), reply(&fields), parse_hello(&fields));
            let _ = recognise_tcp(&Mongodb, &message(&fields), Some("mongodb"));
        }
    }
}
