//! What every strategy promises, and what each one promises by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::key::hash;
use super::maglev::MaglevTable;
use super::*;
use crate::engine::{Clock, ManualClock};

fn backends(weights: &[u16]) -> Backends {
    let all = weights.iter().enumerate().map(|(number, weight)| Backend::new(format!("instance-{number}"), *weight));
    Backends::new(all.collect(), Clock::coarse())
}

/// What a strategy picks, by index, in `calls` calls without a key.
fn picks(strategy: &dyn Balancer, backends: &Backends, calls: usize) -> Vec<usize> {
    let picker = strategy.picker(backends);
    (0..calls).map(|_| picker.pick(PickKey::None).unwrap()).collect()
}

fn counts(picks: &[usize]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for pick in picks {
        *counts.entry(*pick).or_default() += 1;
    }
    counts
}

/// How far counts are from what they should be: the sum of squared differences, each divided by what was expected.
fn chi_square(counts: &BTreeMap<usize, usize>, expected: &[f64]) -> f64 {
    let differences = expected.iter().enumerate().map(|(index, expected)| {
        let count = counts.get(&index).copied().unwrap_or(0);
        (f64::from(u32::try_from(count).unwrap()) - expected).powi(2) / expected
    });
    differences.sum()
}

fn all() -> impl Iterator<Item = Arc<dyn Balancer>> {
    STRATEGIES.iter().map(|strategy| (strategy.new)())
}

/// H16, C26: the names of all documents, with every spelling of the words.
#[test]
fn every_name_and_alias_of_the_documents_is_accepted() {
    let names = [
        ("round_robin", "round_robin"),
        ("RoundRobin", "round_robin"),
        ("weighted_round_robin", "weighted_round_robin"),
        ("weighted", "weighted_round_robin"),
        ("least connections", "least_connections"),
        ("least-connections", "least_connections"),
        ("least_conn", "least_connections"),
        ("consistent hash", "consistent_hash"),
        ("consistent_hash", "consistent_hash"),
        ("IP hash", "ip_hash"),
        ("random", "random"),
        ("p2c", "p2c"),
        ("peak_ewma", "peak_ewma"),
    ];
    for (given, expected) in names {
        assert_eq!(strategy(given).unwrap().name(), expected, "{given}");
    }
}

#[test]
fn an_unknown_name_lists_the_strategies() {
    let error = strategy("randon\u{1b}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot use load balancing 'randon\\u{1b}': there is no such strategy (did you mean random?)"
    );
    for name in strategy_names() {
        assert!(error.hint().contains(name), "{name}: {}", error.hint());
    }
    assert!(strategy("").is_err());
}

#[test]
fn the_table_in_the_readme_is_that_of_the_code() {
    let readme = include_str!("README.md");
    for strategy in STRATEGIES {
        let aliases: Vec<String> = strategy.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let shown = format!("| `{}` | {}", strategy.name, aliases.join(", "));
        let in_table = readme.lines().any(|line| line.starts_with(shown.trim_end()));
        assert!(in_table, "README.md has no row that begins with {shown}");
    }
}

#[test]
fn an_empty_set_has_no_pick_and_one_backend_has_all() {
    for strategy in all() {
        let name = strategy.name().to_owned();
        assert_eq!(strategy.picker(&backends(&[])).pick(PickKey::None), None, "{name}");
        assert_eq!(strategy.picker(&backends(&[])).pick("key".into()), None, "{name}");
        for weight in [0, 1, u16::MAX] {
            assert_eq!(picks(&*strategy, &backends(&[weight]), 20), vec![0; 20], "{name}");
        }
    }
}

/// Weights of 0: that one gets no calls; all 0: all get calls.
#[test]
fn a_weight_of_zero_gets_no_calls_unless_all_are_zero() {
    for strategy in all() {
        let name = strategy.name().to_owned();
        for keys in [false, true] {
            for (weights, expected) in [(&[0, 3, 0, 1][..], vec![1, 3]), (&[0, 0, 0][..], vec![0, 1, 2])] {
                let picker = strategy.picker(&backends(weights));
                let calls = (0..500).map(|call| keys.then(|| call.to_string()));
                let picks: BTreeSet<usize> = calls.map(|key| picker.pick(key.as_ref().into()).unwrap()).collect();
                assert_eq!(picks.into_iter().collect::<Vec<_>>(), expected, "{name}");
            }
        }
    }
}

proptest! {
    // A table of Maglev takes milliseconds without optimisation.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// H10: of n backends, each run of n calls has each exactly once, wherever it starts.
    #[test]
    fn round_robin_is_an_exact_cycle(size in 1_usize..40, start: u64, rounds in 1_usize..5) {
        let set = backends(&vec![1; size]).starting_at(start >> 1);
        for round in picks(&RoundRobin, &set, size * rounds).chunks(size) {
            prop_assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), size);
        }
    }

    /// H12: in each period each backend is picked exactly as often as its weight says.
    #[test]
    fn weighted_round_robin_has_exact_shares(weights in prop::collection::vec(1_u16..60, 1..12)) {
        let divisor = weights.iter().copied().reduce(|a, b| {
            let (mut a, mut b) = (a, b);
            while b > 0 { (a, b) = (b, a % b); }
            a
        }).unwrap();
        let period: usize = weights.iter().map(|weight| usize::from(weight / divisor)).sum();
        let counts = counts(&picks(&WeightedRoundRobin, &backends(&weights), period));
        for (index, weight) in weights.iter().enumerate() {
            prop_assert_eq!(counts[&index], usize::from(weight / divisor));
        }
    }

    /// Every strategy picks members of the set, with and without a key, in flight or not.
    #[test]
    fn every_pick_is_of_the_set(weights in prop::collection::vec(0_u16..9, 1..20), key in ".{0,40}") {
        let set = backends(&weights);
        for (slot, calls) in set.slots().iter().zip(0_u32..) {
            for _ in 0..calls % 3 {
                slot.load.begin();
            }
        }
        let allowed: BTreeSet<usize> = set.slots().iter().map(|slot| slot.index).collect();
        for strategy in all() {
            let picker = strategy.picker(&set);
            for key in [PickKey::None, key.as_str().into()] {
                prop_assert!(allowed.contains(&picker.pick(key).unwrap()), "{}", strategy.name());
            }
        }
    }
}

/// H12: the sequence in nginx's own comment on its smooth weighted round robin.
#[test]
fn weighted_round_robin_is_as_smooth_as_that_of_nginx() {
    let sequence = picks(&WeightedRoundRobin, &backends(&[5, 1, 1]), 14);
    assert_eq!(sequence, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    let scaled = picks(&WeightedRoundRobin, &backends(&[5_000, 1_000, 1_000]), 7);
    assert_eq!(scaled, sequence[..7]);
}

/// Weights whose exact sequence would need gigabytes still have their shares, at every length.
#[test]
fn weights_without_a_short_period_have_their_shares() {
    let weights: Vec<u16> = (0..1_000).map(|number| 65_535 - number * 61).collect();
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let calls = 200_000_u32;
    let counts = counts(&picks(&WeightedRoundRobin, &backends(&weights), calls as usize));
    for (index, weight) in weights.iter().enumerate() {
        let share = f64::from(calls) * f64::from(*weight) / total;
        let count = f64::from(u32::try_from(counts[&index]).unwrap());
        assert!((count - share).abs() <= 4.0, "{index}: {count} calls, {share} expected");
    }
}

/// H11: chi-square with 9 degrees of freedom exceeds 60 once in a billion runs.
#[test]
fn random_is_uniform_for_equal_weights() {
    let counts = counts(&picks(&Random, &backends(&[1; 10]), 100_000));
    let chi_square = chi_square(&counts, &[10_000.0; 10]);
    assert!(chi_square < 60.0, "{chi_square}: {counts:?}");
}

/// K6: a canary with a tenth of the weight gets a tenth of the calls.
#[test]
fn shares_follow_the_weights_of_a_canary() {
    for strategy in ["random", "weighted_round_robin", "consistent_hash"] {
        let picker = super::strategy(strategy).unwrap().picker(&backends(&[90, 10]));
        let picks: Vec<usize> =
            (0..100_000).map(|user| picker.pick(format!("user-{user}").as_str().into()).unwrap()).collect();
        let counts = counts(&picks);
        let chi_square = chi_square(&counts, &[90_000.0, 10_000.0]);
        // Maglev's table is exact to 1 in 65,537; its keys are random.
        assert!(chi_square < 45.0, "{strategy} {chi_square}: {counts:?}");
    }
}

/// H13, C25: the next call goes to the one with the fewest calls in flight for its weight.
#[test]
fn least_connections_picks_an_idle_one() {
    let set = backends(&[1, 1, 4]);
    let slots = set.slots();
    let picker = LeastConnections.picker(&set);

    slots[0].load.begin();
    slots[2].load.begin();
    assert_eq!(picker.pick(PickKey::None), Some(1));
    slots[1].load.begin();
    assert_eq!(picker.pick(PickKey::None), Some(2), "a quarter of a call for its weight");
    slots[0].load.end();
    assert_eq!(picker.pick(PickKey::None), Some(0));
}

#[test]
fn equally_idle_ones_take_turns() {
    let counts = counts(&picks(&LeastConnections, &backends(&[1; 4]), 400));
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [100; 4]);
}

/// Two random ones: the busiest of all is never picked, and all others are.
#[test]
fn p2c_never_picks_the_busiest() {
    let set = backends(&[1; 5]);
    let busiest = &set.slots()[3];
    for _ in 0..7 {
        busiest.load.begin();
    }
    let counts = counts(&picks(&P2c, &set, 5_000));
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 4]);
}

#[test]
fn peak_ewma_avoids_a_slow_one_until_it_is_forgotten() {
    let hand = ManualClock::new();
    let all = ["slow", "fast", "new"].map(|id| Backend::new(id, 1)).to_vec();
    let set = Backends::new(all, hand.clock());
    let slots = set.slots();
    slots[0].load.record(Duration::from_millis(900), Duration::ZERO);
    slots[1].load.record(Duration::from_millis(2), Duration::ZERO);
    slots[2].load.begin();

    assert_eq!(counts(&picks(&PeakEwma, &set, 2_000)).get(&2), None, "an unknown one has one call until it replies");
    slots[2].load.record(Duration::from_millis(3), Duration::ZERO);
    slots[2].load.end();
    assert_eq!(counts(&picks(&PeakEwma, &set, 2_000)).get(&0), None, "the slowest of two is not picked");

    // After ten minutes nothing is known any more.
    hand.advance(Duration::from_mins(10));
    assert!(counts(&picks(&PeakEwma, &set, 2_000)).contains_key(&0));
}

/// A peak counts at once, and falls by half in seven seconds.
#[test]
fn the_latency_rises_at_once_and_falls_slowly() {
    let load = Load::default();
    let at = Duration::from_secs;
    assert_eq!(load.cost(at(0)), 0);
    load.record(Duration::from_millis(10), at(0));
    assert_eq!(load.cost(at(0)), 10_000);
    load.record(Duration::from_millis(80), at(0));
    assert_eq!(load.cost(at(0)), 80_000);
    load.record(Duration::from_millis(16), at(0));
    assert_eq!(load.cost(at(0)), 72_000, "an eighth of the way");
    load.begin();
    assert_eq!([0, 7, 14].map(|time| load.cost(at(time))), [144_000, 72_000, 36_000]);
    assert_eq!(load.cost(at(3_600)), 0);
}

/// H14: when one of n leaves, 1/n of the keys move, and at most 1 % more. So too when it comes back.
#[test]
fn few_keys_move_when_one_of_n_leaves() {
    for size in [2_u32, 3, 10, 47, 300] {
        let all: Vec<Slot> = backends(&vec![1; size as usize]).slots();
        let left = size as usize / 2;
        let fewer: Vec<Slot> = all.iter().filter(|slot| slot.index != left).cloned().collect();
        let (before, after) = (MaglevTable::new(all, 0), MaglevTable::new(fewer, 0));

        let keys = 65_537_u64;
        let moved = (0..keys).filter(|key| before.at(Some(*key)) != after.at(Some(*key))).count();
        let share = f64::from(u32::try_from(moved).unwrap()) / 65_537.0;
        assert!(share <= 1.0 / f64::from(size) + 0.01, "{size} backends: {share} of the keys moved");
        let stay = (0..keys).filter(|key| before.at(Some(*key)) == Some(left));
        assert!(stay.count() > 0, "nothing led to the one that left");
    }
}

/// The shares in the table follow the weights to within a percent.
#[test]
fn the_table_follows_the_weights() {
    let weights = [1_u16, 2, 3, 4];
    let table = MaglevTable::new(backends(&weights).slots(), 0);
    let picks: Vec<usize> = (0..65_537).map(|key| table.at(Some(key)).unwrap()).collect();
    for (index, count) in counts(&picks) {
        let (count, share) = (f64::from(u32::try_from(count).unwrap()), 6_553.7 * f64::from(weights[index]));
        assert!((count - share).abs() < share / 100.0, "{index}: {count} entries, {share} expected");
    }
}

/// The hash is part of the interface: a client of another release, or in another process, must agree. The numbers were
/// computed by an implementation in another language.
#[test]
fn every_process_agrees_on_the_hash_and_the_table() {
    let hashes = ["", "a", "user-42", "12345678", "the quick brown fox"].map(|text| hash(text.as_bytes(), 0));
    assert_eq!(hashes, GOLDEN_HASHES);

    let forward = backends(&[1, 1, 2]);
    let backward = Backends::new(
        [("instance-2", 2), ("instance-1", 1), ("instance-0", 1)].map(|(id, weight)| Backend::new(id, weight)).into(),
        Clock::coarse(),
    );
    let (forward, backward) = (ConsistentHash.picker(&forward), ConsistentHash.picker(&backward));
    let users: Vec<String> = (0..24).map(|user| format!("user-{user}")).collect();
    let places: Vec<usize> = users.iter().map(|user| forward.pick(user.into()).unwrap()).collect();
    assert_eq!(places, GOLDEN_PLACES);
    let same: Vec<usize> = users.iter().map(|user| 2 - backward.pick(user.into()).unwrap()).collect();
    assert_eq!(same, places, "the order in which a registry lists them does not matter");
}

const GOLDEN_HASHES: [u64; 5] =
    [0x5927_4094_e3a6_0762, 0xa10c_30b2_cf46_58d4, 0x9071_a358_eed9_cfb1, 0xe230_d4f4_e258_37b8, 0xfbc4_4995_8d45_865a];
const GOLDEN_PLACES: [usize; 24] = [2, 2, 2, 2, 0, 0, 2, 2, 2, 2, 2, 2, 1, 0, 0, 2, 2, 2, 1, 0, 2, 2, 2, 0];

/// H15: the port of a client does not matter, nor how its address is written.
#[test]
fn the_same_client_address_gets_the_same_endpoint() {
    let picker = IpHash.picker(&backends(&[1; 50]));
    let mut places = BTreeSet::new();
    for host in 0..100 {
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, host));
        let place = picker.pick(ip.into()).unwrap();
        let spellings = [
            ip.to_string(),
            SocketAddr::new(ip, 5_000).to_string(),
            SocketAddr::new(ip, 5_001).to_string(),
            format!("::ffff:{ip}"),
            format!("[::ffff:{ip}]:5000"),
        ];
        for spelling in &spellings {
            assert_eq!(picker.pick(spelling.into()), Some(place), "{spelling}");
        }
        places.insert(place);
    }
    assert!(places.len() > 30, "100 clients use {} of 50 endpoints", places.len());
}

/// Without a key, hashing strategies use all endpoints instead of one.
#[test]
fn hashing_without_a_key_takes_turns() {
    for strategy in [&ConsistentHash as &dyn Balancer, &IpHash] {
        let counts = counts(&picks(strategy, &backends(&[1; 5]), 50));
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [10; 5]);
    }
}
