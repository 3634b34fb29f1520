//! Which address of a name a client uses: Happy Eyeballs (RFC 8305). One dead address among several costs a client little.

use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::dns::DeadAddress;
use crate::net::{ConnectError, Deadline, dial};

/// The addresses of a name to try. A name with more has live ones among them.
pub(crate) const MAX_ADDRESSES: usize = 32;
/// How long to wait for an address before the next one is tried too (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to all addresses of a name, one after another; the first that accepts wins.
pub(crate) struct Race {
    port: u16,
    deadline: Deadline,
    delay: Duration,
    /// The addresses that were not tried yet.
    waiting: VecDeque<IpAddr>,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Attempt> + Send>>>,
    /// The addresses being tried.
    pending: Vec<IpAddr>,
    failed: Vec<(IpAddr, ConnectError)>,
    has_won: bool,
}

/// An address, and how the attempt ended.
type Attempt = (IpAddr, Result<(), ConnectError>);

impl Race {
    /// A race that ends at `deadline`.
    pub(crate) fn new(addresses: &[IpAddr], port: u16, deadline: Deadline) -> Self {
        let waiting: VecDeque<IpAddr> = client_order(addresses).into_iter().take(MAX_ADDRESSES).collect();
        // Every address gets at least half of the time.
        let share = deadline.left() / 2 / u32::try_from(waiting.len().max(1)).unwrap_or(u32::MAX);

        Self {
            port,
            deadline,
            delay: ATTEMPT_DELAY.min(share),
            waiting,
            running: FuturesUnordered::new(),
            pending: Vec::new(),
            failed: Vec::new(),
            has_won: false,
        }
    }

    /// The address that a client would use; `None` if none accepts a connection.
    pub(crate) async fn winner(&mut self) -> Option<IpAddr> {
        self.start_next();
        while !self.pending.is_empty() {
            tokio::select! {
                biased;
                Some((ip, result)) = self.running.next() => {
                    if self.record(ip, result) {
                        self.has_won = true;
                        return Some(ip);
                    }
                    self.start_next();
                }
                () = sleep(self.delay), if !self.waiting.is_empty() => self.start_next(),
            }
        }
        None
    }

    /// How the attempts failed. After a race without a winner these are all.
    pub(crate) fn failures(&self) -> &[(IpAddr, ConnectError)] {
        &self.failed
    }

    /// The addresses that do not accept a connection, after a race with a winner. Silent ones get `patience`.
    pub(crate) async fn dead(mut self, patience: Duration) -> Vec<DeadAddress> {
        if !self.has_won {
            return Vec::new();
        }

        while !self.waiting.is_empty() {
            self.start_next();
        }
        // Those that are silent until then stay pending.
        let _ = timeout(patience, self.finish()).await;

        let failed = self.failed.iter().filter(|(ip, error)| is_dead(*ip, error));
        let mut dead: Vec<DeadAddress> =
            failed.map(|(address, error)| DeadAddress { address: *address, error: error.to_string() }).collect();
        let silent = format!("no reply in {} ms", patience.as_millis());
        dead.extend(self.pending.iter().map(|address| DeadAddress { address: *address, error: silent.clone() }));
        dead.sort_by_key(|dead| dead.address);
        dead
    }

    async fn finish(&mut self) {
        while let Some((ip, result)) = self.running.next().await {
            self.record(ip, result);
        }
    }

    fn start_next(&mut self) {
        if let Some(ip) = self.waiting.pop_front() {
            self.pending.push(ip);
            self.running.push(Box::pin(attempt(ip, self.port, self.deadline)));
        }
    }

    /// Records the end of an attempt; whether the address accepted.
    fn record(&mut self, ip: IpAddr, result: Result<(), ConnectError>) -> bool {
        self.pending.retain(|other| *other != ip);
        match result {
            Ok(()) => true,
            Err(error) => {
                self.failed.push((ip, error));
                false
            }
        }
    }
}

async fn attempt(ip: IpAddr, port: u16, deadline: Deadline) -> Attempt {
    let result = match dial(SocketAddr::new(ip, port), None, deadline).await {
        // A reset means that the connection was accepted first.
        Ok(_) | Err(ConnectError::Reset) => Ok(()),
        Err(error) => Err(error),
    };
    (ip, result)
}

/// Whether the failure is the address's. This machine may have no IPv6 connectivity.
fn is_dead(ip: IpAddr, error: &ConnectError) -> bool {
    match error {
        ConnectError::Local(_) => false,
        ConnectError::Unreachable => ip.is_ipv4(),
        _ => true,
    }
}

/// The order of a client: IPv6 and IPv4 in turn, IPv6 first (RFC 8305, section 4). A name leads to no link-local address,
/// which needs an interface.
fn client_order(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let reachable = addresses.iter().filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = reachable.partition(|ip| ip.is_ipv6());
    let longest = v6.len().max(v4.len());
    (0..longest).flat_map(|n| [v6.get(n), v4.get(n)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let ordered = client_order(&ips(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fe80::1"]));
        assert_eq!(ordered, ips(&["fd00::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"]));
        assert!(client_order(&[]).is_empty());
    }

    /// H5: the order of the addresses decides nothing.
    #[tokio::test]
    async fn one_live_address_is_enough() {
        let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sets: [&[&str]; 5] = [
            &["127.0.0.9"],
            &["127.0.0.9", "127.0.0.2"],
            &["127.0.0.8", "127.0.0.9"],
            &["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.9"],
            &["::1", "127.0.0.9"],
        ];
        for set in sets {
            let mut race = Race::new(&ips(set), port, Deadline::after(Duration::from_mins(1)));
            assert_eq!(race.winner().await, Some(listener.local_addr().unwrap().ip()), "{set:?}");

            let dead: Vec<IpAddr> = race.dead(Duration::from_mins(1)).await.iter().map(|dead| dead.address).collect();
            let mut others = ips(set);
            others.retain(|ip| *ip != listener.local_addr().unwrap().ip());
            assert_eq!(dead, others, "{set:?}");
        }

        drop(listener);
        let mut race = Race::new(&ips(&["127.0.0.8", "127.0.0.9"]), port, Deadline::after(Duration::from_mins(1)));
        assert_eq!(race.winner().await, None);
        assert_eq!(race.failures().len(), 2);
        assert!(race.dead(Duration::ZERO).await.is_empty());
    }
}
