//! Matches of iptables inside rules of nf_tables, as the kernel's own structures (`linux/netfilter/xt_*.h`).

use super::packet::Packet;
use super::value::Holds;
use crate::model::Transport;

/// A condition of iptables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IptablesMatch {
    /// Destination ports.
    Ports {
        ranges: Vec<(u16, u16)>,
        is_negated: bool,
        is_certain: bool,
    },
    /// Some of the flags of a TCP segment.
    Flags {
        mask: u8,
        wanted: u8,
        is_negated: bool,
        ports: Box<IptablesMatch>,
    },
    /// States of a connection, as bits.
    States {
        mask: u32,
        is_negated: bool,
    },
    /// The destination is an address of this host.
    ToLocal {
        is_negated: bool,
    },
    Always,
    Sometimes,
}

const STATE_NEW: u32 = 8;
/// States that say who has rewritten an address (`XT_CONNTRACK_STATE_SNAT` and `XT_CONNTRACK_STATE_DNAT`).
const STATE_SNAT: u32 = 64;
const STATE_DNAT: u32 = 128;
/// Of an `xt_addrtype_info_v1`: `1 << RTN_LOCAL`.
const TYPE_LOCAL: u16 = 4;
/// Of an `xt_conntrack_mtinfo`: only the state matters.
const CONNTRACK_STATE: u16 = 1;
/// It was written as `-m state`.
const CONNTRACK_STATE_ALIAS: u16 = 1 << 13;
/// Where it has its flags.
const CONNTRACK_FLAGS: usize = 146;

impl IptablesMatch {
    /// One that cannot be read may hold or not.
    pub(super) fn parse(name: &str, revision: u32, info: &[u8]) -> Self {
        let parsed = match name {
            "comment" => Some(Self::Always),
            "tcp" => tcp(info),
            "udp" => udp(info),
            "multiport" => multiport(info),
            "state" => {
                info.first_chunk().map(|mask| Self::States { mask: u32::from_ne_bytes(*mask), is_negated: false })
            }
            "conntrack" => conntrack(revision, info),
            "addrtype" => address_type(revision, info),
            _ => None,
        };

        parsed.unwrap_or(Self::Sometimes)
    }

    pub(super) fn holds(&self, packet: &Packet) -> Holds {
        match self {
            Self::Ports { ranges, is_negated, is_certain } => {
                let is_in = ranges.iter().any(|(first, last)| (first..=last).contains(&&packet.port));
                let holds = Holds::from(is_in != *is_negated);
                if *is_certain { holds } else { holds.and(Holds::Sometimes) }
            }
            Self::Flags { mask, wanted, is_negated, ports } => {
                let holds = packet.flags_match(*mask, *wanted).test(|held| held == [1]);
                holds.negated_if(*is_negated).and(ports.holds(packet))
            }
            Self::States { mask, is_negated } => {
                let holds = match mask {
                    // What is exempt from tracking has another state.
                    _ if packet.may_be_untracked => Holds::Sometimes,
                    mask if mask & STATE_NEW != 0 => Holds::Always,
                    mask if mask & STATE_DNAT != 0 && packet.translated != Holds::Never => packet.translated,
                    mask if mask & STATE_SNAT != 0 => Holds::Sometimes,
                    _ => Holds::Never,
                };
                holds.negated_if(*is_negated)
            }
            Self::ToLocal { is_negated } if packet.is_local && packet.transport == Transport::Tcp => {
                Holds::Always.negated_if(*is_negated)
            }
            Self::Always => Holds::Always,
            Self::ToLocal { .. } | Self::Sometimes => Holds::Sometimes,
        }
    }

    /// The destination ports that it names.
    pub(super) fn ports(&self) -> &[(u16, u16)] {
        match self {
            Self::Ports { ranges, .. } => ranges,
            Self::Flags { ports, .. } => ports.ports(),
            _ => &[],
        }
    }
}

/// `struct xt_tcp`
fn tcp(info: &[u8]) -> Option<IptablesMatch> {
    let (option, mask, wanted, inverted) = (*info.get(8)?, *info.get(9)?, *info.get(10)?, *info.get(11)?);
    let ports = ports(info, inverted, option == 0)?;
    if mask == 0 {
        return Some(ports);
    }
    Some(IptablesMatch::Flags { mask, wanted, is_negated: inverted & 4 != 0, ports: Box::new(ports) })
}

/// `struct xt_udp`
fn udp(info: &[u8]) -> Option<IptablesMatch> {
    ports(info, *info.get(8)?, true)
}

/// Both begin with the ranges of source and destination ports.
fn ports(info: &[u8], inverted: u8, is_certain: bool) -> Option<IptablesMatch> {
    let any_source = (u16_at(info, 0)?, u16_at(info, 2)?) == (0, u16::MAX) && inverted & 1 == 0;
    let range = (u16_at(info, 4)?, u16_at(info, 6)?);
    Some(IptablesMatch::Ports {
        ranges: vec![range],
        is_negated: inverted & 2 != 0,
        is_certain: is_certain && any_source,
    })
}

/// `struct xt_multiport_v1`: 1 and 2 are destination ports and ports of either end.
fn multiport(info: &[u8]) -> Option<IptablesMatch> {
    let (kind, count) = (*info.first()?, usize::from(*info.get(1)?));
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    let mut is_range = false;

    for index in 0..count.min(15) {
        let port = u16_at(info, 2 + 2 * index)?;
        match ranges.last_mut().filter(|_| is_range) {
            Some(range) => range.1 = port,
            None => ranges.push((port, port)),
        }
        is_range = *info.get(32 + index)? != 0;
    }
    let is_negated = *info.get(47)? != 0;

    (kind == 1).then_some(IptablesMatch::Ports { ranges, is_negated, is_certain: true })
}

/// `struct xt_conntrack_mtinfo2` and `mtinfo3`
fn conntrack(revision: u32, info: &[u8]) -> Option<IptablesMatch> {
    let (flags, inverted) = (u16_at(info, CONNTRACK_FLAGS)?, u16_at(info, CONNTRACK_FLAGS + 2)?);
    let mask = u16_at(info, CONNTRACK_FLAGS + 4)?;
    (revision >= 2 && flags & !CONNTRACK_STATE_ALIAS == CONNTRACK_STATE)
        .then_some(IptablesMatch::States { mask: mask.into(), is_negated: inverted & CONNTRACK_STATE != 0 })
}

/// `struct xt_addrtype_info_v1`
fn address_type(revision: u32, info: &[u8]) -> Option<IptablesMatch> {
    let (source, destination) = (u16_at(info, 0)?, u16_at(info, 2)?);
    let flags = info.get(4..8)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))?;
    let is_plain = revision == 1 && source == 0 && destination == TYPE_LOCAL && flags & !2 == 0;
    is_plain.then_some(IptablesMatch::ToLocal { is_negated: flags & 2 != 0 })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
