//! The expressions of a rule (`linux/netfilter/nf_tables.h`), as far as they matter to whether a packet comes through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::dump::attributes;
use super::iptables::IptablesMatch;
use super::packet::{NFPROTO_IPV6, PacketField};
use super::value::{Data, RuleVerdict};

/// One step of a rule. A step that does not hold ends the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Loads a field of the packet.
    Load {
        register: u32,
        field: PacketField,
    },
    /// Puts constants into a register; register 0 is the verdict.
    Immediate {
        register: u32,
        data: Data,
    },
    Compare {
        register: u32,
        operator: u32,
        data: Vec<u8>,
    },
    Range {
        register: u32,
        is_negated: bool,
        first: Vec<u8>,
        last: Vec<u8>,
    },
    Lookup {
        set: String,
        register: u32,
        target: Option<u32>,
        is_negated: bool,
    },
    Mask {
        from: u32,
        to: u32,
        mask: Vec<u8>,
        flip: Vec<u8>,
    },
    /// A match of iptables.
    Match(IptablesMatch),
    /// Gives the packet another destination, from these registers.
    Translate {
        address: Option<u32>,
        port: Option<u32>,
    },
    /// The same by iptables: address and port; without an address, this host.
    TranslateTo {
        address: Option<IpAddr>,
        port: Option<u16>,
    },
    /// To another port of this host, from this register.
    Redirect {
        port: Option<u32>,
    },
    /// Rewrites the source, which is the end of a chain that translates.
    Accept,
    Reject,
    /// Holds for some packets, such as a limit.
    Sometimes,
    /// Gives the packet to a socket of another address.
    Proxy,
    /// Exempts the packet from connection tracking.
    Untrack,
    /// Writes into the packet.
    Write,
    /// Changes nothing that matters here, such as a counter.
    Pass,
    /// Anything may happen.
    Unknown,
}

const FIB_RESULT_ADDRESS_TYPE: u32 = 3;
const FIB_SOURCE: u32 = 1;
const FIB_DESTINATION: u32 = 2;
const FIB_PRESENT: u32 = 32;
const CT_STATE: u32 = 0;
const CT_DIRECTION: u32 = 1;
const CT_STATUS: u32 = 2;
const DESTINATION_NAT: u32 = 1;

/// The attributes of an expression, each read by its number.
struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    fn get(&self, wanted: u16) -> Option<&'a [u8]> {
        attributes(self.0).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }

    fn number(&self, wanted: u16) -> Option<u32> {
        number(self.get(wanted)?)
    }

    fn bytes(&self, wanted: u16) -> Option<Vec<u8>> {
        match data(self.get(wanted)?)? {
            Data::Bytes(bytes) => Some(bytes),
            Data::Verdict(_) => None,
        }
    }
}

/// An expression by its name; one that cannot be read may do anything.
pub(super) fn parse(family: u8, name: &[u8], attributes: &[u8]) -> Expression {
    known(family, name, &Attributes(attributes)).unwrap_or(Expression::Unknown)
}

fn known(family: u8, name: &[u8], of: &Attributes<'_>) -> Option<Expression> {
    Some(match name {
        b"meta" => load(of, of.number(2).map(PacketField::Meta), 3),
        b"payload" => {
            if of.number(5).is_some() {
                return Some(Expression::Write);
            }
            let field = PacketField::Payload { base: of.number(2)?, offset: of.number(3)?, length: of.number(4)? };
            Expression::Load { register: of.number(1)?, field }
        }
        b"ct" => {
            let field = match of.number(2)? {
                CT_STATE => PacketField::ConnectionState,
                CT_STATUS => PacketField::ConnectionStatus,
                CT_DIRECTION => PacketField::ConnectionDirection,
                _ => PacketField::Other,
            };
            load(of, Some(field), 4)
        }
        b"fib" => Expression::Load { register: of.number(1)?, field: fib(of)? },
        b"immediate" => Expression::Immediate { register: of.number(1)?, data: data(of.get(2)?)? },
        b"cmp" => Expression::Compare { register: of.number(1)?, operator: of.number(2)?, data: of.bytes(3)? },
        b"range" => Expression::Range {
            register: of.number(1)?,
            is_negated: of.number(2)? != 0,
            first: of.bytes(3)?,
            last: of.bytes(4)?,
        },
        b"lookup" => Expression::Lookup {
            set: text(of.get(1)?),
            register: of.number(2)?,
            target: of.number(3),
            is_negated: of.number(5).unwrap_or(0) & 1 != 0,
        },
        b"bitwise" => bitwise(of)?,
        b"nat" if of.number(1)? == DESTINATION_NAT => {
            Expression::Translate { address: of.number(3), port: of.number(5) }
        }
        b"nat" | b"masq" => Expression::Accept,
        b"redir" => Expression::Redirect { port: of.number(1) },
        b"reject" => Expression::Reject,
        b"counter" | b"log" | b"last" | b"dup" | b"flow_offload" => Expression::Pass,
        b"limit" | b"quota" | b"connlimit" | b"dynset" | b"objref" => Expression::Sometimes,
        b"notrack" => Expression::Untrack,
        b"tproxy" => Expression::Proxy,
        b"match" => Expression::Match(IptablesMatch::parse(&text(of.get(1)?), of.number(2).unwrap_or(0), of.get(3)?)),
        b"target" => target(family, &text(of.get(1)?), of.number(2).unwrap_or(0), of.get(3)?),
        // They only load what is not known here.
        b"numgen" | b"hash" | b"socket" | b"rt" | b"exthdr" | b"osf" | b"xfrm" | b"byteorder" => unknown_load(name, of),
        _ => Expression::Unknown,
    })
}

/// Loads a field; the same expression also sets it, from the register in another attribute.
fn load(of: &Attributes<'_>, field: Option<PacketField>, source: u16) -> Expression {
    match (of.number(1), field) {
        (Some(register), Some(field)) => Expression::Load { register, field },
        _ if of.number(source).is_some() => Expression::Pass,
        _ => Expression::Unknown,
    }
}

fn unknown_load(name: &[u8], of: &Attributes<'_>) -> Expression {
    let register = if matches!(name, b"byteorder" | b"hash" | b"socket") { 2 } else { 1 };
    match of.number(register) {
        Some(register) => Expression::Load { register, field: PacketField::Other },
        None => Expression::Sometimes,
    }
}

fn fib(of: &Attributes<'_>) -> Option<PacketField> {
    let (result, flags) = (of.number(2)?, of.number(3)?);
    Some(match (result, flags) {
        (FIB_RESULT_ADDRESS_TYPE, FIB_DESTINATION) => PacketField::AddressType,
        (_, flags) if flags & FIB_PRESENT != 0 && flags & FIB_SOURCE != 0 => PacketField::ReverseRoute,
        _ => PacketField::Other,
    })
}

/// Only masks and inversions of bits by constants are followed.
fn bitwise(of: &Attributes<'_>) -> Option<Expression> {
    let (from, to) = (of.number(1)?, of.number(2)?);
    match (of.number(6).unwrap_or(0), of.bytes(4), of.bytes(5)) {
        (0, Some(mask), Some(flip)) => Some(Expression::Mask { from, to, mask, flip }),
        _ => Some(Expression::Load { register: to, field: PacketField::Other }),
    }
}

/// A constant or a verdict.
pub(super) fn data(nested: &[u8]) -> Option<Data> {
    let (kind, value) = attributes(nested).next()?;
    if kind == 1 {
        return Some(Data::Bytes(value.to_vec()));
    }

    let of = Attributes(value);
    let chain = of.get(2).map(text);
    Some(Data::Verdict(match of.number(1)?.cast_signed() {
        0 => RuleVerdict::Drop,
        1 => RuleVerdict::Accept,
        -1 | -2 => RuleVerdict::Continue,
        -3 => RuleVerdict::Jump(chain?),
        -4 => RuleVerdict::Goto(chain?),
        -5 => RuleVerdict::Return,
        _ => RuleVerdict::Unknown,
    }))
}

/// A number in network order.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A text up to its NUL.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// What a target of iptables does.
fn target(family: u8, name: &str, revision: u32, info: &[u8]) -> Expression {
    match name {
        "REJECT" => Expression::Reject,
        "DNAT" | "REDIRECT" => translation(family, name, revision, info).unwrap_or(Expression::Unknown),
        "SNAT" | "MASQUERADE" | "NETMAP" => Expression::Accept,
        "TPROXY" => Expression::Proxy,
        "CT" | "NOTRACK" => Expression::Untrack,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TCPMSS" | "CHECKSUM" | "CLASSIFY" | "DSCP" | "TOS" | "TTL" | "HL"
        | "SET" | "TRACE" | "AUDIT" | "SECMARK" | "CONNSECMARK" | "LED" | "RATEEST" | "TEE" => Expression::Pass,
        _ => Expression::Unknown,
    }
}

/// The older `struct nf_nat_ipv4_multi_range_compat`, or a `struct nf_nat_range`: flags, two addresses, two ports.
fn translation(family: u8, name: &str, revision: u32, info: &[u8]) -> Option<Expression> {
    let is_old = revision == 0 && family != NFPROTO_IPV6;
    let (flags, address, port) = if is_old { (4, 8, 16) } else { (0, 4, 36) };
    let flags = u32::from_ne_bytes(*info.get(flags..)?.first_chunk()?);
    let port = u16::from_be_bytes(*info.get(port..)?.first_chunk()?);
    let bytes = info.get(address..)?;
    let ip: IpAddr = if family == NFPROTO_IPV6 {
        Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()
    } else {
        Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()
    };

    let address = (name == "DNAT" && flags & 1 != 0).then_some(ip);
    Some(Expression::TranslateTo { address, port: (flags & 2 != 0).then_some(port) })
}
