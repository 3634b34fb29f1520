//! Writes a reply, and knows what fits into it.
//!
//! docs/decisions/0009 says why it is our own. A name is compressed only if its place is known: there is no search.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::{DomainName, plain_length};
use super::protocol::{CLASS_IN, CODE_OK, HEADER_BYTES, MAX_UDP_REPLY, TYPE_A, TYPE_AAAA, TYPE_OPT, TYPE_SRV};
use super::request::{DnsRequest, Question, RequestHead};

/// The length of an OPT record without options.
const OPT_BYTES: usize = 11;
/// The last offset that a pointer can name.
const MAX_POINTER: usize = 0x3fff;

/// A section of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// The name that a record is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum RecordOwner<'n> {
    /// A name that stands uncompressed at this offset of the reply; [`HEADER_BYTES`] is the question.
    At(usize),
    Name(&'n DomainName),
}

/// The owner of most records: the name of the question.
pub(super) const QUESTION: RecordOwner<'static> = RecordOwner::At(HEADER_BYTES);

/// A reply that is being written.
pub(super) struct ReplyWriter<'b> {
    out: &'b mut Vec<u8>,
    head: RequestHead,
    /// The room for records: an OPT record has its own.
    limit: usize,
    has_edns: bool,
    has_question: bool,
    counts: [u16; 3],
    code: u16,
    is_authoritative: bool,
    is_truncated: bool,
    ttl: u32,
}

impl<'b> ReplyWriter<'b> {
    /// A reply to a request, of at most `limit` bytes.
    pub(super) fn new(out: &'b mut Vec<u8>, request: &DnsRequest<'_>, limit: usize, ttl: u32) -> Self {
        let has_edns = request.edns.is_some();
        let limit = if has_edns { limit - OPT_BYTES } else { limit };
        Self::begin(out, request.head, request.question, has_edns, limit, ttl)
    }

    /// A reply to a message that cannot be read beyond its head.
    pub(super) fn to_head(out: &'b mut Vec<u8>, head: RequestHead) -> Self {
        Self::begin(out, head, None, false, HEADER_BYTES, 0)
    }

    fn begin(
        out: &'b mut Vec<u8>,
        head: RequestHead,
        question: Option<Question<'_>>,
        has_edns: bool,
        limit: usize,
        ttl: u32,
    ) -> Self {
        out.clear();
        out.resize(HEADER_BYTES, 0);
        // A question has at most 259 bytes: it fits into every reply.
        out.extend_from_slice(question.map_or(&[], |question| question.bytes));

        Self {
            out,
            head,
            limit,
            has_edns,
            has_question: question.is_some(),
            counts: [0; 3],
            code: CODE_OK,
            is_authoritative: false,
            is_truncated: false,
            ttl,
        }
    }

    pub(super) fn set_code(&mut self, code: u16) {
        self.code = code;
    }

    /// The reply is about a name of this server's own domain.
    pub(super) fn set_authoritative(&mut self) {
        self.is_authoritative = true;
    }

    /// Something was left out that the client gets over TCP.
    pub(super) fn set_truncated(&mut self) {
        self.is_truncated = true;
    }

    pub(super) fn code(&self) -> u16 {
        self.code
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    pub(super) fn answers(&self) -> u16 {
        self.counts[Section::Answer as usize]
    }

    /// Adds a record. Returns whether it had room.
    pub(super) fn record(
        &mut self,
        section: Section,
        owner: RecordOwner<'_>,
        record_type: u16,
        write_data: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let start = self.out.len();
        match owner {
            RecordOwner::At(offset) if offset <= MAX_POINTER => self.push(0xc000 | narrow(offset)),
            // A pointer does not reach so far.
            RecordOwner::At(offset) => {
                let length = plain_length(&self.out[offset..]).unwrap_or(0);
                self.out.extend_from_within(offset..offset + length);
            }
            RecordOwner::Name(name) => self.out.extend_from_slice(name.as_wire()),
        }
        self.push(record_type);
        self.push(CLASS_IN);
        self.out.extend_from_slice(&self.ttl.to_be_bytes());
        let length_at = self.out.len();
        self.push(0);
        write_data(self.out);

        if self.out.len() > self.limit {
            self.out.truncate(start);
            return false;
        }
        let length = narrow(self.out.len() - length_at - 2);
        self.out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        self.counts[section as usize] += 1;
        true
    }

    /// Adds an A or an AAAA record.
    pub(super) fn address(&mut self, section: Section, owner: RecordOwner<'_>, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4(section, owner, ip),
            IpAddr::V6(ip) => self.v6(section, owner, ip),
        }
    }

    pub(super) fn v4(&mut self, section: Section, owner: RecordOwner<'_>, ip: Ipv4Addr) -> bool {
        self.record(section, owner, TYPE_A, |out| out.extend_from_slice(&ip.octets()))
    }

    pub(super) fn v6(&mut self, section: Section, owner: RecordOwner<'_>, ip: Ipv6Addr) -> bool {
        self.record(section, owner, TYPE_AAAA, |out| out.extend_from_slice(&ip.octets()))
    }

    /// Adds a SRV record to the answers. Returns where its target stands; `None` if it has no room.
    ///
    /// The target is not compressed (RFC 2782).
    pub(super) fn srv(&mut self, weight: u16, port: u16, target: &[&[u8]]) -> Option<usize> {
        const PRIORITY: u16 = 1;
        let has_room = self.record(Section::Answer, QUESTION, TYPE_SRV, |out| {
            for number in [PRIORITY, weight, port] {
                out.extend_from_slice(&number.to_be_bytes());
            }
            for part in target {
                out.extend_from_slice(part);
            }
        });
        let length: usize = target.iter().map(|part| part.len()).sum();
        has_room.then(|| self.out.len() - length)
    }

    fn push(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// Completes the reply.
    pub(super) fn finish(mut self) {
        if self.has_edns {
            // The root, the type, the size that this server takes, the upper bits of the code, version 0, no flags.
            self.out.push(0);
            self.push(TYPE_OPT);
            self.push(MAX_UDP_REPLY);
            self.push(self.code >> 4 << 8);
            self.push(0);
            self.push(0);
            self.counts[Section::Additional as usize] += 1;
        }

        let flags = 0x8000
            | u16::from(self.head.opcode) << 11
            | u16::from(self.is_authoritative) << 10
            | u16::from(self.is_truncated) << 9
            | u16::from(self.head.recursion_desired) << 8
            | u16::from(self.head.checking_disabled) << 4
            | self.code & 0xf;
        let [answers, authorities, additionals] = self.counts;
        let numbers = [self.head.id, flags, u16::from(self.has_question), answers, authorities, additionals];
        for (place, number) in self.out.chunks_exact_mut(2).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
    }
}

/// A length or an offset within a reply, which has at most 65,535 bytes.
fn narrow(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
