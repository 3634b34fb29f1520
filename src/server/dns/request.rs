//! The requests that are understood: one question, and perhaps EDNS.

use super::name::{plain_length, skipped_length};
use super::protocol::{CODE_FORMAT_ERROR, HEADER_BYTES, TYPE_OPT};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DnsRequest<'r> {
    pub(super) head: RequestHead,
    pub(super) question: Option<Question<'r>>,
    pub(super) edns: Option<Edns>,
}

/// What a reply repeats of the head of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) id: u16,
    /// 0 is a query.
    pub(super) opcode: u8,
    pub(super) recursion_desired: bool,
    pub(super) checking_disabled: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question<'r> {
    /// As it was sent: a reply repeats it byte by byte, because a client may have mixed the case on purpose.
    pub(super) bytes: &'r [u8],
    /// The name within these bytes.
    pub(super) name: &'r [u8],
    pub(super) record_type: u16,
    pub(super) class: u16,
}

/// The extension of RFC 6891.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edns {
    /// The longest reply that the client takes over UDP.
    pub(super) payload: u16,
    pub(super) version: u8,
}

/// Why a message cannot be answered as a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotARequest {
    /// It is shorter than a head, or is a reply: an answer to that could go in circles.
    Ignored,
    /// It is to be answered with this code, and without a question.
    Rejected(RequestHead, u16),
}

/// Reads a message.
///
/// # Errors
/// It is not a request that can be answered.
pub(super) fn read(message: &[u8]) -> Result<DnsRequest<'_>, NotARequest> {
    let (head, counts, is_reply) = read_head(message).ok_or(NotARequest::Ignored)?;
    if is_reply {
        return Err(NotARequest::Ignored);
    }
    // What follows the head is different for other operations.
    if head.opcode != 0 {
        return Ok(DnsRequest { head, question: None, edns: None });
    }
    read_body(message, counts)
        .map(|(question, edns)| DnsRequest { head, question: Some(question), edns })
        .ok_or(NotARequest::Rejected(head, CODE_FORMAT_ERROR))
}

/// The head, the numbers of records in the four sections, and whether it is a reply.
fn read_head(message: &[u8]) -> Option<(RequestHead, [u16; 4], bool)> {
    let id = number(message, 0)?;
    let flags = number(message, 2)?;
    let counts = [number(message, 4)?, number(message, 6)?, number(message, 8)?, number(message, 10)?];
    let head = RequestHead {
        id,
        opcode: (flags >> 11 & 0xf) as u8,
        recursion_desired: flags & 0x100 != 0,
        checking_disabled: flags & 0x10 != 0,
    };
    Some((head, counts, flags & 0x8000 != 0))
}

fn read_body(message: &[u8], counts: [u16; 4]) -> Option<(Question<'_>, Option<Edns>)> {
    let [1, 0, 0, additional] = counts else { return None };
    let rest = message.get(HEADER_BYTES..)?;
    let length = plain_length(rest)?;
    let (bytes, mut rest) = rest.split_at_checked(length + 4)?;
    let question = Question {
        bytes,
        name: bytes.get(..length)?,
        record_type: number(bytes, length)?,
        class: number(bytes, length + 2)?,
    };

    let mut edns = None;
    // Each record takes bytes of the message, so the loop is as short as the message.
    for _ in 0..additional {
        let (record, after) = read_record(rest)?;
        if let Some(found) = record
            && edns.replace(found).is_some()
        {
            return None;
        }
        rest = after;
    }
    Some((question, edns))
}

/// The EDNS of a record, if it is that, and what follows the record.
fn read_record(bytes: &[u8]) -> Option<(Option<Edns>, &[u8])> {
    let fixed = bytes.get(skipped_length(bytes)?..)?;
    let length = usize::from(number(fixed, 8)?);
    let after = fixed.get(10 + length..)?;
    if number(fixed, 0)? != TYPE_OPT {
        return Some((None, after));
    }
    // The name of this record is always the root.
    let edns = Edns { payload: number(fixed, 2)?, version: *fixed.get(5)? };
    (bytes.first() == Some(&0)).then_some((Some(edns), after))
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    pair.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `web. A IN` with the flags and counts of a head, and what follows.
    fn message(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd];
        message.extend(flags.to_be_bytes());
        message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        message.extend(rest);
        message
    }

    const QUESTION: &[u8] = b"\x03wEb\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x02ab";

    #[test]
    fn a_query_is_read_with_its_edns() {
        let bytes = message(0x0110, [1, 0, 0, 1], &[QUESTION, OPT].concat());
        let request = read(&bytes).unwrap();
        assert_eq!(request.head.id, 0xabcd);
        assert!(request.head.recursion_desired && request.head.checking_disabled);
        let question = request.question.unwrap();
        assert_eq!((question.name, question.record_type, question.class), (&b"\x03wEb\x00"[..], 1, 1));
        assert_eq!(question.bytes, QUESTION);
        assert_eq!(request.edns, Some(Edns { payload: 1232, version: 0 }));
    }

    fn is_rejected(rest: &[u8], counts: [u16; 4]) -> bool {
        match read(&message(0, counts, rest)) {
            Err(NotARequest::Rejected(head, code)) => (head.id, code) == (0xabcd, CODE_FORMAT_ERROR),
            _ => false,
        }
    }

    #[test]
    fn anything_else_is_rejected_or_ignored() {
        assert!(is_rejected(QUESTION, [0, 0, 0, 0]), "no question");
        assert!(is_rejected(&[QUESTION, QUESTION].concat(), [2, 0, 0, 0]), "two questions");
        assert!(is_rejected(&QUESTION[..8], [1, 0, 0, 0]), "cut off");
        assert!(is_rejected(QUESTION, [1, 1, 0, 0]), "an answer");
        assert!(is_rejected(QUESTION, [1, 0, 0, 1]), "a record that is not there");
        assert!(is_rejected(QUESTION, [1, 0, 0, 0xffff]), "65535 records that are not there");
        assert!(is_rejected(&[QUESTION, OPT, OPT].concat(), [1, 0, 0, 2]), "EDNS twice");
        assert!(is_rejected(&[QUESTION, &OPT[..12]].concat(), [1, 0, 0, 1]), "EDNS cut off");
        assert!(is_rejected(b"\xc0\x0c\x00\x01\x00\x01", [1, 0, 0, 0]), "a name that points to itself");

        for bytes in [&b""[..], b"\xab\xcd", &message(0x8000, [1, 0, 0, 0], QUESTION)] {
            assert_eq!(read(bytes), Err(NotARequest::Ignored));
        }
        let update = message(0x2800, [1, 0, 0, 0], b"");
        assert_eq!(read(&update).unwrap().head.opcode, 5);
        assert_eq!(read(&update).unwrap().question, None);
    }
}
