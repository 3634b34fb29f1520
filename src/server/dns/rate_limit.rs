//! How many queries an address may send in a second.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of counters. Addresses share them by a secret hash: memory stays the same whatever is forged.
const COUNTERS: usize = 16_384;
/// An address that was quiet may send the queries of this time at once.
const BURST: Duration = Duration::from_secs(1);

/// A limit for each address, without locks: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub(super) struct RateLimit {
    /// For each counter, the time in nanoseconds at which what it let through would have been due at the steady rate.
    due: Box<[AtomicU64]>,
    hasher: RandomState,
    interval: u64,
}

impl RateLimit {
    /// A limit of so many queries a second; `None` for 0, which is no limit.
    pub(super) fn new(per_second: u32) -> Option<Self> {
        let interval = 1_000_000_000_u64.checked_div(u64::from(per_second))?.max(1);
        let due = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Some(Self { due, hasher: RandomState::new(), interval })
    }

    /// Counts a query at `now`, in nanoseconds of a monotonic clock.
    ///
    /// # Errors
    /// The address has sent too many; how long it takes until it may send the next. The query is not counted.
    pub(super) fn check(&self, peer: IpAddr, now: u64) -> Result<(), Duration> {
        let hash = self.hasher.hash_one(counted_address(peer)) % COUNTERS as u64;
        let at = usize::try_from(hash).unwrap_or(0);
        let burst = u64::try_from(BURST.as_nanos()).unwrap_or(u64::MAX);
        let counted = self.due[at].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
            let next = due.max(now) + self.interval;
            (next - now <= burst.max(self.interval)).then_some(next)
        });
        counted.map(drop).map_err(|due| Duration::from_nanos((due + self.interval).saturating_sub(now + burst)))
    }
}

/// A host has a whole /64 of IPv6 addresses.
fn counted_address(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_burst_and_then_its_rate_and_others_are_not_concerned() {
        let limit = RateLimit::new(100).unwrap();
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let start = 5_000_000_000;

        let burst = (0..1_000).filter(|_| limit.check(one, start).is_ok()).count();
        assert_eq!(burst, 100);
        assert_eq!(limit.check(one, start), Err(Duration::from_millis(10)));
        // Two addresses share a counter once in 16,384 runs.
        assert_eq!(limit.check(other, start), Ok(()));

        let later = start + 500_000_000;
        assert_eq!((0..1_000).filter(|_| limit.check(one, later).is_ok()).count(), 50);
        assert!(RateLimit::new(0).is_none(), "no limit");
    }

    #[test]
    fn the_addresses_of_one_host_are_counted_together() {
        let limit = RateLimit::new(1).unwrap();
        assert!(limit.check("2001:db8::1".parse().unwrap(), 9).is_ok());
        assert!(limit.check("2001:db8::ffff".parse().unwrap(), 9).is_err());
        assert!(limit.check("::ffff:10.0.0.1".parse().unwrap(), 9).is_ok());
        assert!(limit.check("10.0.0.1".parse().unwrap(), 9).is_err());
    }
}
