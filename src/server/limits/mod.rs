//! How much one key and one address may ask for in a second.
//!
//! Heartbeats have buckets of their own: a flood of reads never lets leases expire.

mod buckets;
mod rate_headers;
#[cfg(feature = "redis")]
mod shared_counts;
mod token_bucket;

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

pub(super) use self::buckets::Buckets;
pub(super) use self::rate_headers::RateState;
#[cfg(feature = "redis")]
pub(super) use self::shared_counts::CallerCount;
#[cfg(feature = "redis")]
use self::shared_counts::SharedCounts;
pub(super) use self::token_bucket::Rate;
use super::access::Permission;
use super::address_rate::counted_address;
use crate::engine::Clock;

/// A caller that was quiet may send the requests of this time at once.
const BURST: Duration = Duration::from_secs(5);
/// The locks of the buckets: requests of different callers seldom wait for each other.
const SHARDS: usize = 16;
/// The callers that one shard remembers at least; twice as many at most. All shards take 3 MB at most.
const MAX_BUCKETS: usize = 2_048;

/// How many requests of a kind may come in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// The requests; 0 is no limit.
    pub per_second: u32,
    /// Whether callers on this machine are limited too. A program there can take the processor anyway, and a proxy there
    /// speaks for many clients.
    pub limits_loopback: bool,
}

/// Requests that a caller may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitSettings {
    /// Requests of one key, token or certificate.
    pub requests_per_key: RequestRate,
    /// Requests of one address.
    pub requests_per_address: RequestRate,
    /// Heartbeats of one key, token or certificate.
    pub heartbeats_per_key: RequestRate,
    /// Heartbeats of one address.
    pub heartbeats_per_address: RequestRate,
}

impl Default for RateLimitSettings {
    /// An instance sends a heartbeat in ten seconds, and a client that asks for every call a few thousand requests a second.
    fn default() -> Self {
        let rate = RequestRate { per_second: 10_000, limits_loopback: false };
        Self {
            requests_per_key: rate,
            requests_per_address: rate,
            heartbeats_per_key: rate,
            heartbeats_per_address: rate,
        }
    }
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RequestKind {
    Request,
    Heartbeat,
}

impl RequestKind {
    /// The kind of a request that needs this permission.
    pub(super) fn of(needed: Option<Permission>) -> Self {
        if needed == Some(Permission::Heartbeat) { Self::Heartbeat } else { Self::Request }
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LimitedCaller<'s> {
    Caller(&'s str),
    Address(IpAddr),
}

/// The limits of a server, with the buckets of its callers.
#[derive(Debug)]
pub(super) struct RateLimits {
    settings: RateLimitSettings,
    shards: [Mutex<Buckets>; SHARDS],
    hasher: RandomState,
    clock: Clock,
    /// What the other servers have to know; `None` if they count for themselves.
    #[cfg(feature = "redis")]
    shared: Option<SharedCounts>,
}

impl RateLimits {
    pub(super) fn new(settings: RateLimitSettings, clock: Clock) -> Self {
        let shards = std::array::from_fn(|_| Mutex::new(Buckets::new(MAX_BUCKETS)));
        Self {
            settings,
            shards,
            hasher: RandomState::new(),
            clock,
            #[cfg(feature = "redis")]
            shared: None,
        }
    }

    /// Counts requests of an address, before it is known who sends them.
    ///
    /// # Errors
    /// 429: the address sends too many.
    pub(super) fn count_address(
        &self,
        kind: RequestKind,
        peer: Option<IpAddr>,
        count: u32,
    ) -> Result<Option<RateState>, LimitExceeded> {
        let Some(peer) = peer else { return Ok(None) };
        self.count(kind, LimitedCaller::Address(counted_address(peer)), Some(peer), count)
    }

    /// Counts requests of a caller that proved who it is. They pass together if there is room for one: what they take beyond
    /// it is missing to the next ones.
    ///
    /// # Errors
    /// 429: the caller sends too many.
    pub(super) fn count_caller(
        &self,
        kind: RequestKind,
        caller: &str,
        peer: Option<IpAddr>,
        count: u32,
    ) -> Result<Option<RateState>, LimitExceeded> {
        self.count(kind, LimitedCaller::Caller(caller), peer, count)
    }

    fn count(
        &self,
        kind: RequestKind,
        subject: LimitedCaller<'_>,
        peer: Option<IpAddr>,
        count: u32,
    ) -> Result<Option<RateState>, LimitExceeded> {
        let (policy, RequestRate { per_second, limits_loopback }) = self.policy(kind, subject);
        let is_local = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        let rate = Rate::per_second(per_second, BURST).filter(|_| limits_loopback || !is_local);
        let Some(rate) = rate else { return Ok(None) };

        let hash = self.hasher.hash_one((kind, subject));
        let taken = self.shard(hash).lock().take(hash, rate, self.clock.now(), count);
        #[cfg(feature = "redis")]
        if let Some(shared) = self.shared.as_ref().filter(|_| taken.wait.is_none()) {
            shared.add(hash, rate, count, || subject.to_text(kind));
        }

        let state = RateState { policy, rate, taken };
        if taken.wait.is_none() { Ok(Some(state)) } else { Err(refusal(kind, subject, per_second, state)) }
    }

    fn shard(&self, hash: u64) -> &Mutex<Buckets> {
        &self.shards[usize::try_from(hash >> 32).unwrap_or_default() % SHARDS]
    }

    fn policy(&self, kind: RequestKind, subject: LimitedCaller<'_>) -> (&'static str, RequestRate) {
        let RateLimitSettings { requests_per_key, requests_per_address, .. } = self.settings;
        let RateLimitSettings { heartbeats_per_key, heartbeats_per_address, .. } = self.settings;

        match (kind, subject) {
            (RequestKind::Request, LimitedCaller::Caller(_)) => ("requests-per-key", requests_per_key),
            (RequestKind::Request, LimitedCaller::Address(_)) => ("requests-per-address", requests_per_address),
            (RequestKind::Heartbeat, LimitedCaller::Caller(_)) => ("heartbeats-per-key", heartbeats_per_key),
            (RequestKind::Heartbeat, LimitedCaller::Address(_)) => ("heartbeats-per-address", heartbeats_per_address),
        }
    }
}

/// What the servers of a registry tell each other.
#[cfg(feature = "redis")]
impl RateLimits {
    /// Keeps what callers take, for the other servers.
    pub(super) fn share(mut self) -> Self {
        self.shared = Some(SharedCounts::default());
        self
    }

    /// Waits until there is something to tell the others.
    pub(super) async fn wait_for_counts(&self) {
        match &self.shared {
            Some(shared) => shared.wait().await,
            None => std::future::pending().await,
        }
    }

    /// The requests of up to `max` callers since the last call.
    pub(super) fn take_counts(&self, max: usize) -> Vec<CallerCount> {
        self.shared.as_ref().map(|shared| shared.take(max)).unwrap_or_default()
    }

    /// Takes over what a caller took at all servers: its bucket fills in this time.
    pub(super) fn take_over(&self, count: &CallerCount, fills_in: Duration) {
        let fills_in = fills_in.min(count.window());
        self.shard(count.hash).lock().full_not_before(count.hash, self.clock.now() + fills_in);
    }
}

#[cfg(feature = "redis")]
impl LimitedCaller<'_> {
    /// The same on all servers.
    fn to_text(self, kind: RequestKind) -> String {
        let kind = if kind == RequestKind::Heartbeat { "heartbeats" } else { "requests" };
        match self {
            Self::Caller(name) => format!("{kind}:caller:{name}"),
            Self::Address(address) => format!("{kind}:address:{address}"),
        }
    }
}

/// A limit that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LimitExceeded {
    /// What was exceeded.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: String,
    /// When to try again.
    pub(super) state: Box<RateState>,
}

fn refusal(kind: RequestKind, subject: LimitedCaller<'_>, per_second: u32, state: RateState) -> LimitExceeded {
    let what = if kind == RequestKind::Heartbeat { "heartbeats" } else { "requests" };
    let (whose, key) = match subject {
        LimitedCaller::Caller(_) => ("this key", "key"),
        LimitedCaller::Address(_) => ("this address", "address"),
    };
    let message = format!("{whose} sends more than {per_second} {what} a second");
    let setting = format!("server.limits.{what}_per_second_per_{key}");

    LimitExceeded {
        message,
        hint: format!("wait for the time in Retry-After, or raise {setting} on the server"),
        state: Box::new(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ManualClock;

    fn limits(settings: RateLimitSettings) -> (RateLimits, ManualClock) {
        let clock = ManualClock::new();
        (RateLimits::new(settings, clock.clock()), clock)
    }

    fn small() -> RateLimitSettings {
        let rate = |per_second| RequestRate { per_second, limits_loopback: true };
        RateLimitSettings {
            requests_per_key: rate(1),
            requests_per_address: rate(2),
            heartbeats_per_key: rate(1),
            heartbeats_per_address: rate(2),
        }
    }

    /// How many of these requests pass.
    fn passing(limits: &RateLimits, kind: RequestKind, peer: &str, count: usize) -> usize {
        let peer = Some(peer.parse().unwrap());
        (0..count).filter(|_| limits.count_address(kind, peer, 1).is_ok()).count()
    }

    #[test]
    fn a_flood_of_reads_leaves_heartbeats_and_other_callers_alone() {
        let (limits, clock) = limits(small());
        assert_eq!(passing(&limits, RequestKind::Request, "10.0.0.1", 1_000), 10);
        assert_eq!(passing(&limits, RequestKind::Heartbeat, "10.0.0.1", 10), 10);
        assert_eq!(passing(&limits, RequestKind::Request, "10.0.0.2", 10), 10);
        assert_eq!(passing(&limits, RequestKind::Request, "::ffff:10.0.0.1", 10), 0, "another spelling");
        assert_eq!(passing(&limits, RequestKind::Request, "2001:db8::1", 5), 5);
        assert_eq!(passing(&limits, RequestKind::Request, "2001:db8::2", 10), 5, "a host has a whole /64");

        let of_key = |key: &str, kind| (0..100).filter(|_| limits.count_caller(kind, key, None, 1).is_ok()).count();
        assert_eq!(of_key("key 1", RequestKind::Request), 5);
        assert_eq!(of_key("key 1", RequestKind::Heartbeat), 5);
        assert_eq!(of_key("key 2", RequestKind::Request), 5);
        clock.advance(Duration::from_secs(1));
        assert_eq!(passing(&limits, RequestKind::Request, "10.0.0.1", 1_000), 2);
    }

    #[test]
    fn many_operations_at_once_are_paid_off_by_the_next_requests() {
        let (limits, clock) = limits(small());
        let count = |count| limits.count_caller(RequestKind::Request, "key 1", None, count);
        assert!(count(100).is_ok(), "there is room for one");
        let wait = count(1).unwrap_err().state.taken.wait;
        assert_eq!(wait, Some(Duration::from_secs(96)));
        clock.advance(Duration::from_secs(95));
        assert!(count(1).is_err());
        clock.advance(Duration::from_secs(1));
        assert!(count(1).is_ok() && count(1).is_err());
    }

    #[test]
    fn a_refusal_says_what_was_exceeded_and_when_to_try_again() {
        let (limits, _) = limits(small());
        passing(&limits, RequestKind::Heartbeat, "10.0.0.1", 10);
        let error = limits.count_address(RequestKind::Heartbeat, Some("10.0.0.1".parse().unwrap()), 1).unwrap_err();
        assert_eq!(error.message, "this address sends more than 2 heartbeats a second");
        assert!(error.hint.contains("server.limits.heartbeats_per_second_per_address"));
    }

    #[test]
    fn by_default_this_machine_is_not_limited_and_zero_is_no_limit() {
        let (by_default, _) = limits(RateLimitSettings::default());
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(passing(&by_default, RequestKind::Request, peer, 200_000), 200_000);
        }
        assert_eq!(passing(&by_default, RequestKind::Request, "10.0.0.1", 200_000), 50_000);
        assert!(by_default.count_address(RequestKind::Request, None, 1).is_ok());

        let (off, _) = limits(RateLimitSettings {
            requests_per_address: RequestRate { per_second: 0, limits_loopback: true },
            ..small()
        });
        assert_eq!(passing(&off, RequestKind::Request, "10.0.0.1", 100_000), 100_000);
    }
}
