//! Assigns established connections to listeners.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::FixedState;

use super::socket::Socket;
use crate::model::{Address, Transport};

/// The local end of an established connection; IPv4 in IPv6 counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalEnd {
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    /// The interface it is bound to, as its listener was; `None` where that is unknown.
    pub(super) device: Option<u32>,
}

/// The number of established connections of each listener.
#[derive(Default)]
pub(super) struct Connections {
    /// By the listener's address.
    counts: HashMap<LocalEnd, u32, FixedState>,
}

impl Connections {
    pub(super) fn count(established: &[LocalEnd], sockets: &[Socket]) -> Self {
        if established.is_empty() {
            return Self::default();
        }

        let mut listened = HashSet::<LocalEnd, FixedState>::default();
        let mut dual_stack = HashSet::<LocalEnd, FixedState>::default();
        for socket in sockets {
            if let Some(end) = listening_end(socket) {
                listened.insert(end);
                if end.ip == Ipv6Addr::UNSPECIFIED && socket.v6_only != Some(true) {
                    dual_stack.insert(end);
                }
            }
        }

        let mut counts = HashMap::default();
        for &end in established {
            let any = match end.ip {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            // The kernel takes the listener that fits most closely; a bound device before an address before none.
            let devices = if end.device == Some(0) { [end.device, None] } else { [end.device, Some(0)] };
            let listener = devices.into_iter().find_map(|device| {
                let exact = LocalEnd { device, ..end };
                let every = LocalEnd { ip: any, ..exact };
                let both = LocalEnd { ip: Ipv6Addr::UNSPECIFIED.into(), ..exact };
                [exact, every].into_iter().find(|end| listened.contains(end)).or(dual_stack.get(&both).copied())
            });
            if let Some(listener) = listener {
                *counts.entry(listener).or_default() += 1;
            }
        }

        Self { counts }
    }

    /// The number of established connections to a listening TCP socket's address.
    pub(super) fn to(&self, socket: &Socket) -> Option<u32> {
        listening_end(socket).map(|end| self.counts.get(&end).copied().unwrap_or(0))
    }
}

fn listening_end(socket: &Socket) -> Option<LocalEnd> {
    match (socket.transport, &socket.address) {
        (Transport::Tcp, Address::Ip(ip)) => {
            Some(LocalEnd { ip: ip.to_canonical(), port: socket.port, device: socket.device })
        }
        _ => None,
    }
}
