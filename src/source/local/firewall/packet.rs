//! The first packets of new connections from other hosts, as the rules of a firewall look at them.

use std::net::IpAddr;

use super::value::{Holds, Value};
use crate::model::Transport;

pub(super) const NFPROTO_IPV4: u8 = 2;
pub(super) const NFPROTO_IPV6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
/// Of `ct state`, `NF_CT_STATE_BIT(IP_CT_NEW)`
const STATE_NEW: u32 = 8;
const STATE_UNTRACKED: u32 = 64;
/// Of `ct status`, the bit `IPS_DST_NAT`: the connection has another destination than its sender gave it.
const STATUS_DNAT: u32 = 0x20;
/// The bits that the first packet of a connection may have beside it: `IPS_SRC_NAT`, `IPS_SEQ_ADJUST`, `IPS_SRC_NAT_DONE`,
/// `IPS_DST_NAT_DONE`, `IPS_FIXED_TIMEOUT` and `IPS_HELPER`.
const STATUS_OTHER: [u32; 6] = [0x10, 0x40, 0x80, 0x100, 0x400, 0x2000];
/// The kernel's `RTN_LOCAL`.
const LOCAL_ADDRESS: u32 = 2;
/// The flag SYN; a sender that knows ECN adds two more.
const SYN: [u8; 2] = [0x02, 0xc2];
/// The kernel pads the names of interfaces.
const NAME_BYTES: usize = 16;

const META_PROTOCOL: u32 = 1;
const META_IIF: u32 = 4;
const META_OIF: u32 = 5;
const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// An interface by its number and its name.
pub(in crate::source::local) type NumberedInterface = (u32, String);

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketField {
    Meta(u32),
    Payload {
        base: u32,
        offset: u32,
        length: u32,
    },
    ConnectionState,
    ConnectionStatus,
    ConnectionDirection,
    /// The kind of the destination address.
    AddressType,
    /// Whether there is a route back to the sender.
    ReverseRoute,
    Other,
}

impl PacketField {
    /// The destination port.
    pub(super) const PORT: Self = Self::Payload { base: 2, offset: 2, length: 2 };
}

/// Packets that differ in what their senders choose, and in where they come in.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) is_ipv6: bool,
    pub(super) transport: Transport,
    /// Destination addresses.
    pub(super) destination: Value,
    /// The destination is an address of this host.
    pub(super) is_local: bool,
    pub(super) port: u16,
    /// Where they come in: numbers and names.
    pub(super) incoming: [Value; 2],
    /// Where they go out.
    pub(super) outgoing: [Value; 2],
    /// Some rule exempts packets from connection tracking.
    pub(super) may_be_untracked: bool,
    /// A rule has given them their destination.
    pub(super) translated: Holds,
}

impl Packet {
    /// Packets to one of `addresses`, all of one family; `incoming`: the interfaces that they may come in at.
    pub(super) fn new(
        transport: Transport,
        is_ipv6: bool,
        addresses: &[IpAddr],
        port: u16,
        incoming: &[NumberedInterface],
    ) -> Self {
        Self {
            is_ipv6,
            transport,
            destination: Value::one_of(addresses.iter().map(|ip| octets(*ip))),
            is_local: true,
            port,
            incoming: values(incoming),
            outgoing: [Value::Any, Value::Any],
            may_be_untracked: false,
            translated: Holds::Never,
        }
    }

    /// The same packets, coming in at one of these interfaces.
    pub(super) fn at(self, incoming: &[NumberedInterface]) -> Self {
        Self { incoming: values(incoming), ..self }
    }

    /// The same packets on their way to another host, through one of these interfaces.
    pub(super) fn forwarded(self, outgoing: &[NumberedInterface]) -> Self {
        Self { is_local: false, outgoing: values(outgoing), ..self }
    }

    /// The same packets with another destination address.
    pub(super) fn with_destination(self, to: IpAddr) -> Self {
        Self { destination: Value::known(&octets(to)), ..self }
    }

    pub(super) fn family(&self) -> u8 {
        if self.is_ipv6 { NFPROTO_IPV6 } else { NFPROTO_IPV4 }
    }

    /// The length of its addresses.
    pub(super) fn address_bytes(&self) -> usize {
        if self.is_ipv6 { 16 } else { 4 }
    }

    /// What a rule finds in a field.
    pub(super) fn value(&self, field: &PacketField) -> Value {
        match *field {
            PacketField::Meta(key) => self.meta(key),
            PacketField::Payload { base: NETWORK_HEADER, offset, length } => self.network_header(offset, length),
            PacketField::Payload { base: TRANSPORT_HEADER, offset, length } => self.transport_header(offset, length),
            PacketField::ConnectionState => {
                let untracked = self.may_be_untracked.then_some(STATE_UNTRACKED);
                Value::one_of([STATE_NEW].into_iter().chain(untracked).map(|state| state.to_ne_bytes().to_vec()))
            }
            PacketField::ConnectionStatus => self.connection_status(),
            PacketField::ConnectionDirection => Value::known(&[0]),
            PacketField::AddressType if self.is_local && self.transport == Transport::Tcp => {
                Value::known(&LOCAL_ADDRESS.to_ne_bytes())
            }
            // What a route back is missing for comes from nowhere.
            PacketField::ReverseRoute => Value::known(&[1]),
            PacketField::Payload { .. } | PacketField::AddressType | PacketField::Other => Value::Any,
        }
    }

    fn connection_status(&self) -> Value {
        if self.may_be_untracked {
            return Value::Any;
        }
        let mut statuses = match self.translated {
            Holds::Never => vec![0],
            Holds::Sometimes => vec![0, STATUS_DNAT],
            Holds::Always => vec![STATUS_DNAT],
        };
        for bit in STATUS_OTHER {
            statuses.extend(statuses.iter().map(|status| status | bit).collect::<Vec<u32>>());
        }

        Value::one_of(statuses.into_iter().map(|status| status.to_ne_bytes().to_vec()))
    }

    fn meta(&self, key: u32) -> Value {
        match key {
            META_PROTOCOL => Value::known(if self.is_ipv6 { &[0x86, 0xdd] } else { &[0x08, 0x00] }),
            META_IIF => self.incoming[0].clone(),
            META_IIFNAME => self.incoming[1].clone(),
            META_OIF => self.outgoing[0].clone(),
            META_OIFNAME => self.outgoing[1].clone(),
            META_NFPROTO => Value::known(&[self.family()]),
            META_L4PROTO => Value::known(&[self.protocol()]),
            _ => Value::Any,
        }
    }

    fn protocol(&self) -> u8 {
        if self.transport == Transport::Udp { IPPROTO_UDP } else { IPPROTO_TCP }
    }

    fn network_header(&self, offset: u32, length: u32) -> Value {
        let (destination, end) = if self.is_ipv6 { (24, 40) } else { (16, 20) };
        let (offset, length) = (offset as usize, length as usize);
        match (self.is_ipv6, offset, length) {
            (false, 9, 1) => Value::known(&[self.protocol()]),
            _ if offset >= destination && offset + length <= end => self.destination.part(offset - destination, length),
            _ => Value::Any,
        }
    }

    fn transport_header(&self, offset: u32, length: u32) -> Value {
        match (offset, length) {
            (2, 2) => Value::known(&self.port.to_be_bytes()),
            (13, 1) if self.transport == Transport::Tcp => Value::one_of(SYN.map(|flags| vec![flags])),
            _ => Value::Any,
        }
    }

    /// Whether the first segment of a TCP connection has these of the masked flags.
    pub(super) fn flags_match(&self, mask: u8, wanted: u8) -> Value {
        if self.transport != Transport::Tcp {
            return Value::Any;
        }
        Value::one_of(SYN.map(|flags| vec![u8::from(flags & mask == wanted)]))
    }
}

fn values(interfaces: &[NumberedInterface]) -> [Value; 2] {
    [
        Value::one_of(interfaces.iter().map(|(index, _)| index.to_ne_bytes().to_vec())),
        Value::one_of(interfaces.iter().map(|(_, name)| padded(name))),
    ]
}

fn padded(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(NAME_BYTES.max(bytes.len()), 0);
    bytes
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}
