//! How much an address may ask for in a second before it is known who asks: queries of DNS, TLS handshakes.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of counters. Addresses share them by a secret hash: memory stays the same whatever is forged.
const COUNTERS: usize = 16_384;

/// A limit for each address, without locks: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub(super) struct AddressRate {
    /// For each counter, the time in nanoseconds at which what it let through would have been due at the steady rate.
    due: Box<[AtomicU64]>,
    hasher: RandomState,
    /// The time in nanoseconds in which one more may come.
    interval: u64,
    /// An address that was quiet may send what comes in this time at once.
    burst: u64,
}

impl AddressRate {
    /// A limit of `per_second`; `None` for 0, which means no limit. An address that was quiet may send those of the time
    /// `burst` at once.
    pub(super) fn new(per_second: u32, burst: Duration) -> Option<Self> {
        let interval = 1_000_000_000_u64.checked_div(u64::from(per_second))?.max(1);
        let due = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        let burst = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX).max(interval);
        Some(Self { due, hasher: RandomState::new(), interval, burst })
    }

    /// Counts one at `now`, in nanoseconds of a monotonic clock.
    ///
    /// # Errors
    /// The address has sent too many; how long it takes until it may send the next. This one is not counted.
    pub(super) fn check(&self, peer: IpAddr, now: u64) -> Result<(), Duration> {
        let hash = self.hasher.hash_one(counted_address(peer)) % COUNTERS as u64;
        let at = usize::try_from(hash).unwrap_or(0);
        let counted = self.due[at].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
            let next = due.max(now) + self.interval;
            (next - now <= self.burst).then_some(next)
        });
        counted.map(drop).map_err(|due| Duration::from_nanos((due + self.interval).saturating_sub(now + self.burst)))
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

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_address_has_a_burst_and_then_its_rate_and_others_are_not_concerned() {
        let limit = AddressRate::new(100, SECOND).unwrap();
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let start = 5_000_000_000;

        let burst = (0..1_000).filter(|_| limit.check(one, start).is_ok()).count();
        assert_eq!(burst, 100);
        assert_eq!(limit.check(one, start), Err(Duration::from_millis(10)));
        // Two addresses share a counter once in 16,384 runs.
        assert_eq!(limit.check(other, start), Ok(()));

        let later = start + 500_000_000;
        assert_eq!((0..1_000).filter(|_| limit.check(one, later).is_ok()).count(), 50);
        assert!(AddressRate::new(0, SECOND).is_none(), "no limit");
    }

    #[test]
    fn the_addresses_of_one_host_are_counted_together() {
        let limit = AddressRate::new(1, Duration::ZERO).unwrap();
        assert!(limit.check("2001:db8::1".parse().unwrap(), 9).is_ok());
        assert!(limit.check("2001:db8::ffff".parse().unwrap(), 9).is_err());
        assert!(limit.check("::ffff:10.0.0.1".parse().unwrap(), 9).is_ok());
        assert!(limit.check("10.0.0.1".parse().unwrap(), 9).is_err());
    }
}
