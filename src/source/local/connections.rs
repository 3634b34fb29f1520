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

/// The listening TCP sockets of a namespace.
#[derive(Default)]
pub(super) struct Listeners {
    ends: HashSet<LocalEnd, FixedState>,
    dual_stack: HashSet<LocalEnd, FixedState>,
}

impl Listeners {
    pub(super) fn of(sockets: &[Socket]) -> Self {
        let mut listeners = Self::default();
        for socket in sockets {
            if let Some(end) = listening_end(socket) {
                listeners.ends.insert(end);
                if end.ip == Ipv6Addr::UNSPECIFIED && socket.v6_only != Some(true) {
                    listeners.dual_stack.insert(end);
                }
            }
        }
        listeners
    }

    /// The listener that accepted a connection with this end, if it still listens.
    pub(super) fn accepting(&self, end: LocalEnd) -> Option<LocalEnd> {
        let any = match end.ip {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        // The kernel takes the listener that fits most closely; a bound device before an address before none.
        let devices = if end.device == Some(0) { [end.device, None] } else { [end.device, Some(0)] };
        devices.into_iter().find_map(|device| {
            let exact = LocalEnd { device, ..end };
            let every = LocalEnd { ip: any, ..exact };
            let both = LocalEnd { ip: Ipv6Addr::UNSPECIFIED.into(), ..exact };
            [exact, every].into_iter().find(|end| self.ends.contains(end)).or(self.dual_stack.get(&both).copied())
        })
    }
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

        let listeners = Listeners::of(sockets);
        let mut counts = HashMap::default();
        for listener in established.iter().filter_map(|&end| listeners.accepting(end)) {
            *counts.entry(listener).or_default() += 1;
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
