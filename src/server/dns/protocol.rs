//! The numbers of the protocol (RFC 1035, 2782, 3596, 6891).

pub(super) const HEADER_BYTES: usize = 12;

pub(super) const TYPE_A: u16 = 1;
pub(super) const TYPE_NS: u16 = 2;
pub(super) const TYPE_CNAME: u16 = 5;
pub(super) const TYPE_SOA: u16 = 6;
pub(super) const TYPE_PTR: u16 = 12;
pub(super) const TYPE_AAAA: u16 = 28;
pub(super) const TYPE_SRV: u16 = 33;
pub(super) const TYPE_OPT: u16 = 41;
pub(super) const TYPE_IXFR: u16 = 251;
pub(super) const TYPE_AXFR: u16 = 252;
pub(super) const TYPE_ANY: u16 = 255;

pub(super) const CLASS_IN: u16 = 1;
pub(super) const CLASS_ANY: u16 = 255;

pub(super) const CODE_OK: u16 = 0;
pub(super) const CODE_FORMAT_ERROR: u16 = 1;
pub(super) const CODE_NO_NAME: u16 = 3;
pub(super) const CODE_NOT_IMPLEMENTED: u16 = 4;
pub(super) const CODE_REFUSED: u16 = 5;
/// An EDNS version that is not 0. Its upper bits stand in the OPT record.
pub(super) const CODE_BAD_VERSION: u16 = 16;

/// The longest reply over UDP for a client without EDNS.
pub(super) const MAX_PLAIN_REPLY: u16 = 512;
/// The longest reply over UDP to this machine, whatever a client takes. It holds the addresses of about 500 instances.
pub(super) const MAX_UDP_REPLY: u16 = 8_192;
/// The same to another machine: what fits one packet nearly everywhere (DNS Flag Day 2020). An address may be forged, and a
/// longer reply would be a flood for its owner.
pub(super) const MAX_REMOTE_UDP_REPLY: u16 = 1_232;
/// The longest request. A query with every option has a few hundred bytes.
pub(super) const MAX_REQUEST_BYTES: usize = 4_096;
