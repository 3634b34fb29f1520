//! The order in which `discover` names the instances: a client takes the first.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use crate::error::nearest;
use crate::model::ParseError;

/// A load balancing strategy that a server can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Each answer begins with the next instance.
    RoundRobin,
    /// As round robin, in proportion to the weights (smooth).
    WeightedRoundRobin,
    /// Any order.
    Random,
    /// The instances that were named first the fewest times come first: a server does not see connections.
    LeastConnections,
    /// The same order for the same key, as long as the set stays.
    ConsistentHash,
    /// Consistent hash of the client's address.
    IpHash,
}

/// The names, each with the names that are accepted beside it.
const NAMES: [(&str, Strategy, &[&str]); 6] = [
    ("round_robin", Strategy::RoundRobin, &["rr"]),
    ("weighted_round_robin", Strategy::WeightedRoundRobin, &["weighted", "weighted_rr", "wrr"]),
    ("random", Strategy::Random, &[]),
    ("least_connections", Strategy::LeastConnections, &["least_conn", "least_connection"]),
    ("consistent_hash", Strategy::ConsistentHash, &["maglev"]),
    ("ip_hash", Strategy::IpHash, &["source_ip"]),
];

impl Strategy {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(_, strategy, _)| *strategy == self).map_or("round_robin", |(name, ..)| name)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strategy {
    type Err = ParseError;

    /// Case does not matter, and neither does what stands between the words.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wanted = letters(text);
        let known = NAMES
            .iter()
            .find(|(name, _, aliases)| [name].into_iter().chain(*aliases).any(|name| letters(name) == wanted));

        known.map(|(_, strategy, _)| *strategy).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
            let dashed: Vec<String> = names.iter().map(|name| name.replace('_', "-")).collect();
            let near = nearest(text, &dashed.iter().map(String::as_str).collect::<Vec<_>>());
            let near = near.map_or_else(String::new, |near| format!("did you mean {}? ", near.replace('-', "_")));
            ParseError::new("there is no such strategy", format!("{near}the strategies are {}", names.join(", ")))
        })
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// What balancing remembers about an instance, from one set to the next.
#[derive(Debug, Default)]
pub(super) struct InstanceCounters {
    /// How often it was named first.
    pub(super) picks: AtomicU64,
    /// Its credit in the smooth weighted round robin.
    credit: AtomicI64,
}

/// What balancing remembers about a service.
#[derive(Debug, Default)]
pub(super) struct ServiceCounters {
    /// Answers that named an instance.
    pub(super) requests: AtomicU64,
    next: AtomicU64,
    /// Held while credits change.
    credits: Mutex<()>,
}

/// An instance to choose from.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// Its position in the service's list.
    pub(super) at: usize,
    pub(super) id: u128,
    pub(super) weight: u16,
    pub(super) counters: Arc<InstanceCounters>,
}

/// What the order may depend on, beside the instances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chooser<'r> {
    pub(super) strategy: Strategy,
    pub(super) key: Option<&'r str>,
    pub(super) peer: Option<IpAddr>,
}

impl Chooser<'_> {
    /// Orders the candidates.
    pub(super) fn order(&self, service: &ServiceCounters, candidates: &mut [Choice]) {
        if candidates.is_empty() {
            return;
        }
        match self.strategy {
            Strategy::RoundRobin => rotate(service, candidates),
            Strategy::WeightedRoundRobin => take_credits(service, candidates),
            Strategy::Random => shuffle(service.next.fetch_add(1, Ordering::Relaxed), candidates),
            Strategy::LeastConnections => {
                rotate(service, candidates);
                candidates.sort_by_cached_key(|candidate| candidate.counters.picks.load(Ordering::Relaxed));
            }
            Strategy::ConsistentHash => by_hash(self.key.unwrap_or_default().as_bytes(), candidates),
            Strategy::IpHash => match (self.key, self.peer) {
                (Some(key), _) => by_hash(key.as_bytes(), candidates),
                (None, Some(peer)) => by_hash(peer.to_canonical().to_string().as_bytes(), candidates),
                (None, None) => by_hash(b"", candidates),
            },
        }
    }
}

/// The position at which the next answer begins.
pub(super) fn next_start(service: &ServiceCounters, count: usize) -> usize {
    let turn = service.next.fetch_add(1, Ordering::Relaxed);
    usize::try_from(turn % (count.max(1) as u64)).unwrap_or(0)
}

fn rotate(service: &ServiceCounters, candidates: &mut [Choice]) {
    let start = next_start(service, candidates.len());
    candidates.rotate_left(start);
}

/// The smooth weighted round robin of nginx: each turn adds the weights to the credits, and the first pays for all. An
/// instance of weight 0 comes last.
fn take_credits(service: &ServiceCounters, candidates: &mut [Choice]) {
    let all: i64 = candidates.iter().map(|candidate| i64::from(candidate.weight)).sum();
    if all == 0 {
        return rotate(service, candidates);
    }

    let guard = service.credits.lock();
    let mut credits: Vec<i64> = Vec::with_capacity(candidates.len());
    for candidate in candidates.iter() {
        let weight = i64::from(candidate.weight);
        credits.push(candidate.counters.credit.fetch_add(weight, Ordering::Relaxed) + weight);
    }
    let best = (0..candidates.len())
        .filter(|at| candidates[*at].weight > 0)
        .max_by_key(|at| (credits[*at], std::cmp::Reverse(*at)))
        .unwrap_or(0);
    candidates[best].counters.credit.fetch_sub(all, Ordering::Relaxed);
    drop(guard);

    // The others follow in the order in which their turn would come.
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|at| (*at != best, candidates[*at].weight == 0, std::cmp::Reverse(credits[*at])));
    let ordered: Vec<Choice> = order.into_iter().map(|at| candidates[at].clone()).collect();
    candidates.clone_from_slice(&ordered);
}

fn shuffle(turn: u64, candidates: &mut [Choice]) {
    let mut state = mixed(turn ^ candidates.first().map_or(0, |first| low_bits(first.id)));
    for at in (1..candidates.len()).rev() {
        state = mixed(state);
        let other = usize::try_from(state % (at as u64 + 1)).unwrap_or(0);
        candidates.swap(at, other);
    }
}

/// Weighted rendezvous hashing: each instance draws a number from the key, and the greatest wins. If an instance leaves,
/// only its own keys move.
fn by_hash(key: &[u8], candidates: &mut [Choice]) {
    let key = hash_of(key);
    candidates.sort_by_cached_key(|candidate| {
        let drawn = mixed(key ^ mixed(low_bits(candidate.id) ^ mixed(low_bits(candidate.id >> 64))));
        // From 0 to 1, never either: 53 bits fit a float exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let drawn = ((drawn >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let score = f64::from(candidate.weight) / -drawn.ln();
        // Positive floats sort like their bits.
        std::cmp::Reverse(score.to_bits())
    });
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn low_bits(id: u128) -> u64 {
    id as u64
}

/// FNV-1a, which is the same in each version and on each machine.
fn hash_of(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mixed(hash)
}

/// `SplitMix64`: every bit of the input changes every bit of the output with an even chance.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(weights: &[u16]) -> Vec<Choice> {
        weights
            .iter()
            .enumerate()
            .map(|(at, weight)| Choice {
                at,
                id: u128::from(mixed(at as u64)) << 64 | at as u128,
                weight: *weight,
                counters: Arc::default(),
            })
            .collect()
    }

    fn firsts(strategy: Strategy, weights: &[u16], turns: usize) -> Vec<usize> {
        let service = ServiceCounters::default();
        let set = choices(weights);
        (0..turns).map(|_| first_of(Chooser { strategy, key: None, peer: None }, &service, &set)).collect()
    }

    fn first_of(chooser: Chooser<'_>, service: &ServiceCounters, set: &[Choice]) -> usize {
        let mut turn = set.to_vec();
        chooser.order(service, &mut turn);
        turn[0].counters.picks.fetch_add(1, Ordering::Relaxed);
        turn[0].at
    }

    #[test]
    fn round_robin_takes_turns() {
        assert_eq!(firsts(Strategy::RoundRobin, &[1, 1, 1], 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    /// The sequence that nginx publishes for 5, 1, 1.
    #[test]
    fn weighted_round_robin_is_smooth() {
        assert_eq!(firsts(Strategy::WeightedRoundRobin, &[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(firsts(Strategy::WeightedRoundRobin, &[0, 1, 0], 3), [1, 1, 1], "weight 0 is never first");
        assert_eq!(firsts(Strategy::WeightedRoundRobin, &[0, 0], 4), [0, 1, 0, 1], "all of weight 0 take turns");
    }

    #[test]
    fn random_is_even_and_least_connections_evens_out() {
        let mut counts = [0_u32; 4];
        for first in firsts(Strategy::Random, &[1; 4], 40_000) {
            counts[first] += 1;
        }
        // The 99.99 % quantile of chi-square with 3 degrees of freedom is 21.1.
        let chi: f64 = counts.iter().map(|count| (f64::from(*count) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 21.1, "{counts:?}");

        let mut counts = [0_u32; 3];
        for first in firsts(Strategy::LeastConnections, &[1; 3], 300) {
            counts[first] += 1;
        }
        assert_eq!(counts, [100; 3]);
    }

    fn by(key: &str) -> Chooser<'_> {
        Chooser { strategy: Strategy::ConsistentHash, key: Some(key), peer: None }
    }

    #[test]
    fn a_key_keeps_its_instance_while_the_set_stays() {
        let service = ServiceCounters::default();
        let set = choices(&[1; 10]);
        let keys: Vec<String> = (0..2_000).map(|key| format!("user-{key}")).collect();
        let before: Vec<usize> = keys.iter().map(|key| first_of(by(key), &service, &set)).collect();
        let without: Vec<Choice> = set.iter().filter(|candidate| candidate.at != 3).cloned().collect();
        let moved = keys.iter().zip(&before).filter(|(key, before)| first_of(by(key), &service, &without) != **before);
        assert_eq!(moved.count(), before.iter().filter(|at| **at == 3).count(), "only the keys of the one that left");
        let share = before.iter().filter(|at| **at == 3).count();
        assert!((120..=280).contains(&share), "a tenth of the keys: {share}");
    }

    #[test]
    fn names_and_aliases_are_read_and_others_are_listed() {
        for (text, strategy) in [
            ("round_robin", Strategy::RoundRobin),
            ("Round-Robin", Strategy::RoundRobin),
            ("least connections", Strategy::LeastConnections),
            ("weighted", Strategy::WeightedRoundRobin),
            ("consistent hash", Strategy::ConsistentHash),
            ("IP hash", Strategy::IpHash),
            ("random", Strategy::Random),
        ] {
            assert_eq!(text.parse(), Ok(strategy), "{text}");
            assert_eq!(strategy.as_str().parse(), Ok(strategy));
        }
        let error = "round_robbin".parse::<Strategy>().unwrap_err();
        assert!(error.hint().starts_with("did you mean round_robin? the strategies are"), "{}", error.hint());
    }
}
