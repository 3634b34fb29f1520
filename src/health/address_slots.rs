//! Limits how many endpoints of one address and port are checked at once.
//!
//! A development server with a short queue, as Python's with 5, makes a burst of connections wait for a second. That wait would
//! count against a service that no other client keeps waiting.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many endpoints of one address and port of this machine are checked at once.
const MAX_PER_OWN_ADDRESS: usize = 3;
/// How many of another machine's. What is reached from afar is rarely a server with so short a queue, and often the entrance to
/// hundreds of services.
const MAX_PER_ADDRESS: usize = 16;

/// The checks that run, by address and port.
#[derive(Debug)]
pub(super) struct AddressSlots {
    /// The addresses of this machine besides those of loopback.
    own: Vec<IpAddr>,
    running: Arc<Mutex<HashMap<SocketAddr, Weak<Semaphore>, RandomState>>>,
}

/// The right to check the endpoints of an address and port, until this is dropped.
#[derive(Debug)]
pub(super) struct AddressSlot {
    address: SocketAddr,
    permit: Option<OwnedSemaphorePermit>,
    running: Arc<Mutex<HashMap<SocketAddr, Weak<Semaphore>, RandomState>>>,
}

impl AddressSlots {
    pub(super) fn new(own: Vec<IpAddr>) -> Self {
        Self { own, running: Arc::default() }
    }

    /// Waits for a slot of each address with this port. The order of the addresses does not matter.
    pub(super) async fn take(&self, addresses: &[IpAddr], port: u16) -> Vec<AddressSlot> {
        let mut addresses: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        // Always in the same order, so that two names with the same addresses do not wait for each other.
        addresses.sort_unstable();
        addresses.dedup();

        let mut slots = Vec::with_capacity(addresses.len());
        for address in addresses {
            // It fails only if it is closed, which nothing does.
            let permit = self.of(address).acquire_owned().await.ok();
            slots.push(AddressSlot { address, permit, running: Arc::clone(&self.running) });
        }
        slots
    }

    fn of(&self, address: SocketAddr) -> Arc<Semaphore> {
        let mut running = self.running.lock();
        if let Some(semaphore) = running.get(&address).and_then(Weak::upgrade) {
            return semaphore;
        }
        let ip = address.ip().to_canonical();
        let is_own = ip.is_loopback() || self.own.contains(&ip);
        let semaphore = Arc::new(Semaphore::new(if is_own { MAX_PER_OWN_ADDRESS } else { MAX_PER_ADDRESS }));
        running.insert(address, Arc::downgrade(&semaphore));
        semaphore
    }
}

impl Drop for AddressSlot {
    /// Forgets an address that is checked no longer, and that no check waits for.
    fn drop(&mut self) {
        self.permit = None;
        let mut running = self.running.lock();
        if running.get(&self.address).is_some_and(|semaphore| semaphore.strong_count() == 0) {
            running.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures_util::FutureExt;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn an_address_has_three_slots_on_each_port() {
        let slots = AddressSlots::new(ips(&["198.51.100.1"]));
        let take = |addresses: &[&str], port| slots.take(&ips(addresses), port).now_or_never();
        let mut taken: Vec<_> = (0..3).map(|_| take(&["127.0.0.1"], 80).unwrap()).collect();
        assert!(take(&["127.0.0.1"], 80).is_none(), "the fourth waits");
        assert!(take(&["127.0.0.1"], 81).is_some() && take(&["127.0.0.2"], 80).is_some(), "others do not");
        assert!(take(&["::1", "127.0.0.1"], 80).is_none(), "a name waits for each of its addresses");

        drop(taken.pop());
        let two = take(&["::1", "127.0.0.1", "::1"], 80).unwrap();
        assert_eq!(two.len(), 2, "an address that is named twice counts once");
        assert!(take(&["127.0.0.1"], 80).is_none() && take(&["::1"], 80).is_some());
    }

    #[test]
    fn other_machines_have_more() {
        let slots = AddressSlots::new(ips(&["198.51.100.1"]));
        for (address, expected) in
            [("127.0.0.1", 3), ("198.51.100.1", 3), ("::ffff:198.51.100.1", 3), ("198.51.100.2", 16)]
        {
            let taken: Vec<_> = (0..20).map_while(|_| slots.take(&ips(&[address]), 80).now_or_never()).collect();
            assert_eq!(taken.len(), expected, "{address}");
        }
    }

    #[test]
    fn an_address_without_checks_is_forgotten() {
        let slots = AddressSlots::new(Vec::new());
        let taken = slots.take(&ips(&["127.0.0.1"]), 80).now_or_never();
        assert_eq!(slots.running.lock().len(), 1);
        drop(taken);
        assert_eq!(slots.running.lock().len(), 0);
    }
}
