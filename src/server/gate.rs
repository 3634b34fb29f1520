//! How many connections are open, as a whole and for each address, and which of them give way when there is no room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::activity::Activity;
use super::address_rate::counted_address;
use crate::engine::Clock;

/// An address with fewer connections than this finds room on a full server at the cost of the address with most.
const FAIR_CONNECTIONS: usize = 16;
/// The most connections that give way at once: looking for one means looking at all.
const MAX_EVICTED: usize = 64;
/// After a search without result there is no other of its kind for this time.
const SEARCH_PAUSE: Duration = Duration::from_millis(100);

/// Counts open connections and refuses those above the limits. When the server is full, connections of strangers give way:
/// otherwise a few addresses with idle connections would keep everyone out.
#[derive(Debug)]
pub(super) struct Gate {
    max: AtomicUsize,
    max_per_address: AtomicUsize,
    clock: Clock,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    by_address: HashMap<IpAddr, usize>,
    by_number: HashMap<u64, Arc<OpenConnection>>,
    /// The number of the last connection.
    last: u64,
    /// Before these times of the clock, strangers and idle connections are not searched for again.
    next_search: [u64; 2],
}

/// What is known of an open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    address: IpAddr,
    /// Whether a request on it came from a caller that the server knows.
    is_admitted: AtomicBool,
    pub(super) activity: Arc<Activity>,
    evicted: Notify,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The server has no room.
    Server,
    /// This address has too many connections.
    Address,
}

/// Room for one connection, until it is dropped or has to give way.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    gate: Arc<Gate>,
    number: u64,
    connection: Arc<OpenConnection>,
}

impl OpenConnection {
    fn new(address: IpAddr, clock: &Clock) -> Arc<Self> {
        let activity = Activity::new(clock.clone());
        Arc::new(Self { address, is_admitted: AtomicBool::new(false), activity, evicted: Notify::new() })
    }

    /// Notes that a request came from a caller that the server knows.
    pub(super) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
    }

    /// Whether no request came from a caller that the server knows.
    pub(super) fn is_stranger(&self) -> bool {
        !self.is_admitted.load(Ordering::Relaxed)
    }
}

impl ConnectionPermit {
    /// Waits until the connection has to give way.
    pub(super) async fn evicted(&self) {
        self.connection.evicted.notified().await;
    }

    /// What is known of the connection.
    pub(super) fn connection(&self) -> &Arc<OpenConnection> {
        &self.connection
    }
}

impl Gate {
    /// `clock` tells which connection is quiet for longest.
    pub(super) fn new(max: usize, max_per_address: usize, clock: Clock) -> Arc<Self> {
        let (max, max_per_address) = (AtomicUsize::new(max), AtomicUsize::new(max_per_address));
        Arc::new(Self { max, max_per_address, clock, open: Mutex::default() })
    }

    /// Room for a connection from `peer`, and how many others give way for it.
    ///
    /// # Errors
    /// One of the limits is reached.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<(ConnectionPermit, usize), Full> {
        let address = counted_address(peer);
        let mut open = self.open.lock();
        if open.of_address(address) >= self.max_per_address.load(Ordering::Relaxed) {
            return Err(Full::Address);
        }

        let max = self.max.load(Ordering::Relaxed);
        let evicted = if open.by_number.len() >= max { open.make_room(address, max, self.clock.nanos()) } else { 0 };
        if open.by_number.len() >= max {
            return Err(Full::Server);
        }

        let connection = OpenConnection::new(address, &self.clock);
        let number = open.add(Arc::clone(&connection));
        Ok((ConnectionPermit { gate: Arc::clone(self), number, connection }, evicted))
    }

    /// Changes the limits. Connections that are open stay.
    pub(super) fn set_limits(&self, max: usize, max_per_address: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.max_per_address.store(max_per_address, Ordering::Relaxed);
    }

    /// The number of open connections.
    pub(super) fn open(&self) -> usize {
        self.open.lock().by_number.len()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.gate.open.lock().remove(self.number);
    }
}

impl OpenConnections {
    fn of_address(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or(0)
    }

    fn add(&mut self, connection: Arc<OpenConnection>) -> u64 {
        *self.by_address.entry(connection.address).or_default() += 1;
        self.last += 1;
        self.by_number.insert(self.last, connection);
        self.last
    }

    fn remove(&mut self, number: u64) -> Option<Arc<OpenConnection>> {
        let removed = self.by_number.remove(&number)?;
        if let Some(of_address) = self.by_address.get_mut(&removed.address) {
            *of_address -= 1;
            if *of_address == 0 {
                self.by_address.remove(&removed.address);
            }
        }
        Some(removed)
    }

    /// Has connections give way to one of this address, and returns how many: those of strangers, or else idle ones of the
    /// address with most, if this one has few. The longest quiet ones go first.
    fn make_room(&mut self, address: IpAddr, max: usize, now: u64) -> usize {
        let count = (max / 128).clamp(1, MAX_EVICTED);
        let evicted = self.evict(0, count, now, OpenConnection::is_stranger);
        if evicted > 0 || self.of_address(address) >= FAIR_CONNECTIONS {
            return evicted;
        }

        let most = self.by_address.iter().max_by_key(|(_, count)| **count).map(|(address, count)| (*address, *count));
        match most.filter(|(_, count)| *count > FAIR_CONNECTIONS) {
            Some((crowded, _)) => {
                self.evict(1, count, now, |connection| connection.address == crowded && connection.activity.is_idle())
            }
            None => 0,
        }
    }

    /// Has up to `count` of the connections give way that `may_go`. `kind` is that of the search.
    fn evict(&mut self, kind: usize, count: usize, now: u64, may_go: impl Fn(&OpenConnection) -> bool) -> usize {
        if now < self.next_search[kind] {
            return 0;
        }

        let all = self.by_number.iter().filter(|(_, connection)| may_go(connection));
        let mut quiet: Vec<(u64, u64)> = all.map(|(number, known)| (known.activity.since(), *number)).collect();
        if quiet.is_empty() {
            self.next_search[kind] = now.saturating_add(u64::try_from(SEARCH_PAUSE.as_nanos()).unwrap_or(u64::MAX));
            return 0;
        }

        if quiet.len() > count {
            quiet.select_nth_unstable(count);
            quiet.truncate(count);
        }
        for (_, number) in &quiet {
            if let Some(connection) = self.remove(*number) {
                connection.evicted.notify_one();
            }
        }
        quiet.len()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::engine::ManualClock;

    fn gate(max: usize, max_per_address: usize) -> (Arc<Gate>, ManualClock) {
        let clock = ManualClock::new();
        (Gate::new(max, max_per_address, clock.clock()), clock)
    }

    /// A connection of a caller that the server knows.
    fn admitted(gate: &Arc<Gate>, peer: IpAddr) -> ConnectionPermit {
        let (permit, _) = gate.enter(peer).unwrap();
        permit.connection().admit();
        permit.connection().activity.begin_answer();
        permit
    }

    /// Whether a connection has to give way.
    fn is_evicted(permit: &ConnectionPermit) -> bool {
        permit.evicted().now_or_never().is_some()
    }

    #[test]
    fn both_limits_hold_and_a_closed_connection_makes_room() {
        let (gate, _) = gate(3, 2);
        let [here, there]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];

        let first = admitted(&gate, here);
        let _second = admitted(&gate, here);
        assert_eq!(gate.enter(here).err(), Some(Full::Address));
        let _third = admitted(&gate, there);
        assert_eq!(gate.enter(there).err(), Some(Full::Server));

        drop(first);
        assert_eq!(gate.open(), 2);
        assert!(gate.enter(here).is_ok());
        assert_eq!(gate.open.lock().by_address.len(), 2, "addresses without connections are forgotten");
    }

    #[test]
    fn a_host_has_one_count_for_its_ipv6_network() {
        let (gate, _) = gate(9, 1);
        let _one = gate.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(gate.enter("2001:db8::2".parse().unwrap()).err(), Some(Full::Address));
        assert!(gate.enter("2001:db8:0:1::2".parse().unwrap()).is_ok());
        let _four = gate.enter("10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(gate.enter("::ffff:10.0.0.1".parse().unwrap()).err(), Some(Full::Address));
    }

    #[test]
    fn on_a_full_server_the_stranger_that_is_quiet_for_longest_gives_way() {
        let (gate, clock) = gate(3, 3);
        let [here, there]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let known = admitted(&gate, here);
        clock.advance(Duration::from_secs(1));
        let [(first, _), (second, _)] = [(); 2].map(|()| gate.enter(there).unwrap());
        clock.advance(Duration::from_secs(1));
        first.connection().activity.begin_answer();

        let (third, evicted) = gate.enter(here).unwrap();
        assert_eq!([&known, &first, &second, &third].map(is_evicted), [false, false, true, false]);
        assert_eq!((evicted, gate.open()), (1, 3));

        drop(second);
        assert_eq!(gate.open(), 3, "its room was given away");

        // An address at its own limit costs no other its room.
        let _more = [(); 2].map(|()| gate.enter(there).unwrap());
        assert!(is_evicted(&first) && is_evicted(&third));
        assert_eq!(gate.open(), 3);
    }

    #[test]
    fn an_address_with_few_connections_finds_room_beside_one_with_many() {
        let max = FAIR_CONNECTIONS * 2;
        let (gate, clock) = gate(max, max);
        let [crowded, modest]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let all: Vec<ConnectionPermit> = (0..max).map(|_| admitted(&gate, crowded)).collect();
        assert_eq!(gate.enter(modest).err(), Some(Full::Server), "all are being answered");
        all[5].connection().activity.end_answer();
        assert_eq!(gate.enter(modest).err(), Some(Full::Server), "it was searched for a moment ago");

        clock.advance(SEARCH_PAUSE);
        let (found, evicted) = gate.enter(modest).unwrap();
        assert!(evicted == 1 && is_evicted(&all[5]));
        found.connection().admit();
        found.connection().activity.begin_answer();

        assert_eq!(gate.enter(modest).err(), Some(Full::Server));
        all[6].connection().activity.end_answer();
        assert_eq!(gate.enter(crowded).err(), Some(Full::Server), "it has many itself");
        clock.advance(SEARCH_PAUSE);
        assert!(gate.enter(modest).is_ok() && is_evicted(&all[6]));
    }
}
