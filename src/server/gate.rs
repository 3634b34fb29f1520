//! How many connections are open, as a whole and for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Counts open connections and refuses those above the limits.
#[derive(Debug)]
pub(super) struct Gate {
    max: AtomicUsize,
    max_per_address: AtomicUsize,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The server has no room.
    Server,
    /// This address has too many connections.
    Address,
}

/// Room for one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Gate {
    pub(super) fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        let (max, max_per_address) = (AtomicUsize::new(max), AtomicUsize::new(max_per_address));
        Arc::new(Self { max, max_per_address, open: Mutex::default() })
    }

    /// Room for a connection from `peer`.
    ///
    /// # Errors
    /// One of the limits is reached.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<ConnectionPermit, Full> {
        let address = counted_address(peer);
        let mut open = self.open.lock();
        if open.all >= self.max.load(Ordering::Relaxed) {
            return Err(Full::Server);
        }

        let of_address = open.by_address.entry(address).or_default();
        if *of_address >= self.max_per_address.load(Ordering::Relaxed) {
            return Err(Full::Address);
        }
        *of_address += 1;
        open.all += 1;
        Ok(ConnectionPermit { gate: Arc::clone(self), address })
    }

    /// Changes the limits. Connections that are open stay.
    pub(super) fn set_limits(&self, max: usize, max_per_address: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.max_per_address.store(max_per_address, Ordering::Relaxed);
    }

    /// The number of open connections.
    pub(super) fn open(&self) -> usize {
        self.open.lock().all
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
        open.all -= 1;
        if let Some(of_address) = open.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// The address that a limit counts: a host has a whole /64 of IPv6 addresses.
pub(super) fn counted_address(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_a_closed_connection_makes_room() {
        let gate = Gate::new(3, 2);
        let [here, there]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];

        let first = gate.enter(here).unwrap();
        let _second = gate.enter(here).unwrap();
        assert_eq!(gate.enter(here).err(), Some(Full::Address));
        let _third = gate.enter(there).unwrap();
        assert_eq!(gate.enter(there).err(), Some(Full::Server));

        drop(first);
        assert_eq!(gate.open(), 2);
        assert!(gate.enter(here).is_ok());
        assert_eq!(gate.open.lock().by_address.len(), 2, "addresses without connections are forgotten");
    }

    #[test]
    fn a_host_has_one_count_for_its_ipv6_network() {
        let gate = Gate::new(9, 1);
        let _one = gate.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(gate.enter("2001:db8::2".parse().unwrap()).err(), Some(Full::Address));
        assert!(gate.enter("2001:db8:0:1::2".parse().unwrap()).is_ok());
        let _four = gate.enter("10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(gate.enter("::ffff:10.0.0.1".parse().unwrap()).err(), Some(Full::Address));
    }
}
