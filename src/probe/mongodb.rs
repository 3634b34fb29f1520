//! MongoDB (its manual, "MongoDB Wire Protocol", and bsonspec.org): `hello` and `buildInfo`, which need no login.

use super::bytes::Bytes;
use super::words::{answer, contains};
use super::{PortTarget, Probe, ServerBytes, Speaking};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Mongodb;

/// The opcode of OP_MSG.
const OP_MSG: u32 = 2013;
/// Our request id, which the answer names.
const REQUEST: u32 = 0x706f_7274;
/// The longest answer that is read: `buildInfo` is about 2 KiB.
const MAX_BYTES: usize = 8 * 1024;
/// So many fields of a document are looked at.
const MAX_FIELDS: usize = 256;

impl Probe for Mongodb {
    fn word(&self) -> &'static str {
        "mongodb"
    }

    fn ports(&self) -> &'static [u16] {
        &[27017, 27018, 27019]
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(command("hello"))
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        // What every version since 2.0 says to somebody who asks for a web page.
        if said.to == Some("http") && contains(said.bytes, "It looks like you are trying to access MongoDB over HTTP") {
            return Some(Identity::of("mongodb").product("MongoDB"));
        }
        of_hello(reply(said.bytes)?)
    }

    fn longest(&self) -> usize {
        MAX_BYTES
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> Speaking<'a> {
        Box::pin(async move {
            let hello = answer(talk, &command("hello"), |bytes| reply(bytes).is_some()).await?;
            let Some(identity) = reply(&hello).and_then(of_hello) else { return Ok(None) };
            let build = answer(talk, &command("buildInfo"), |bytes| reply(bytes).is_some()).await.unwrap_or_default();
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
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or_default().to_le_bytes();
    let document = [&length(fields.len() + 4)[..], &fields].concat();
    let header = [REQUEST.to_le_bytes(), [0; 4], OP_MSG.to_le_bytes(), [0; 4]].concat();
    [&length(4 + header.len() + 1 + document.len())[..], &header, b"\0", &document].concat()
}

/// The fields of the document in a whole answer to our request.
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

fn of_hello(document: &[u8]) -> Option<Identity> {
    let wire = match value(document, "maxWireVersion")? {
        (0x10, bytes) => i32::from_le_bytes(*bytes.first_chunk()?),
        _ => return None,
    };
    let writable = match value(document, "isWritablePrimary") {
        Some((0x08, [flag, ..])) => Some(*flag == 1),
        _ => None,
    };
    // mongos, which only passes questions on, says so.
    let router = string(document, "msg").is_some_and(|message| message.as_raw() == "isdbgrid");
    let identity = Identity::of("mongodb").product("MongoDB").fact("max_wire_version", wire).fact("router", router);
    Some(identity.fact_if("writable", writable).fact_if("replica_set", string(document, "setName")))
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
            // Numbers and dates, an object id, a flag, nothing, and a number of four octets.
            0x01 | 0x09 | 0x11 | 0x12 => bytes.take(8)?,
            0x07 => bytes.take(12)?,
            0x08 => bytes.take(1)?,
            0x0a => &[],
            0x10 => bytes.take(4)?,
            0x02 => {
                let length = bytes.u32_le()?;
                bytes.take(usize::try_from(length).ok()?)?
            }
            // Documents and arrays count their own length, binary has a subtype beside it.
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
    use crate::probe::told;

    /// An answer whose document has these fields.
    fn message(fields: &[u8]) -> Vec<u8> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
        let header = [[9; 4], REQUEST.to_le_bytes(), OP_MSG.to_le_bytes(), [0; 4]].concat();
        let document = [&length(fields.len() + 5)[..], fields, b"\0"].concat();
        [&length(4 + header.len() + 1 + document.len())[..], &header, b"\0", &document].concat()
    }

    #[test]
    fn an_answer_to_hello_is_read() {
        // Fields of `hello` as the manual lists them, in the types that it gives them.
        let fields = b"\x08isWritablePrimary\0\x01\x03topologyVersion\0\x05\0\0\0\0\x09localTime\0\0\0\0\0\0\0\0\0\
\x10maxWireVersion\0\x15\0\0\0\x02setName\0\x04\0\0\0rs0\0";
        let identity = told(&Mongodb, &message(fields), Some("mongodb")).unwrap();
        assert_eq!(identity.facts["max_wire_version"], 21.into());
        assert_eq!((&identity.facts["writable"], &identity.facts["replica_set"]), (&true.into(), &"rs0".into()));
        let build = message(b"\x02version\0\x06\0\0\x007.0.5\0");
        assert_eq!(reply(&build).and_then(|document| string(document, "version")), Some("7.0.5".into()));
        assert_eq!(told(&Mongodb, &message(fields)[..60], Some("mongodb")), None);
    }

    #[test]
    fn the_question_is_whole() {
        let question = command("hello");
        assert_eq!(usize::try_from(Bytes(&question).u32_le().unwrap()).unwrap(), question.len());
        assert_eq!(question[21], u8::try_from(question.len() - 21).unwrap());
    }

    proptest! {
        #[test]
        fn any_document_is_taken(fields: Vec<u8>, name in "[a-z]{0,2}") {
            let _ = (value(&fields, &name), reply(&fields), of_hello(&fields));
            let _ = told(&Mongodb, &message(&fields), Some("mongodb"));
        }
    }
}
