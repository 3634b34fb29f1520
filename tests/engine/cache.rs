//! The cache against a model (a map with a clock), and its loading step by step.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use portolan::engine::{Cache, CacheOptions, Clock, Key, KeyRef, Load, LoadError, ManualClock, Shutdown};
use proptest::prelude::*;
use tokio::sync::Semaphore;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum Step {
    Insert { key: u8, ttl: u8, weight: u8 },
    Get(u8),
    GetStale(u8),
    Remove(u8),
    Advance(u8),
    Sweep(u8),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..24_u8, 0..9_u8, 0..12_u8).prop_map(|(key, ttl, weight)| Step::Insert { key, ttl, weight }),
        6 => (0..24_u8).prop_map(Step::Get),
        2 => (0..24_u8).prop_map(Step::GetStale),
        2 => (0..24_u8).prop_map(Step::Remove),
        3 => (0..4_u8).prop_map(Step::Advance),
        2 => any::<u8>().prop_map(Step::Sweep),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..200)
}

#[derive(Debug)]
struct Weighed {
    serial: usize,
    weight: u32,
}

/// The most the cache may hold: the last value of each key, and when it expires.
struct Model {
    held: HashMap<u8, (usize, u64, u32)>,
    now: u64,
    keep: u64,
    hits: u64,
    misses: u64,
}

impl Model {
    fn weight(&self) -> u64 {
        self.held.values().map(|(_, _, weight)| u64::from(*weight)).sum()
    }

    /// `None`: gone. Otherwise its serial number, and whether it is fresh.
    fn find(&self, key: u8) -> Option<(usize, bool)> {
        let (serial, until, _) = *self.held.get(&key)?;
        (self.now < until + self.keep).then_some((serial, self.now < until))
    }
}

/// `lossless`: the capacity can never be exceeded, so that what the model holds must be there too.
fn against_model(steps: Vec<Step>, capacity: u64, keep: u8, lossless: bool) {
    let hand = ManualClock::new();
    let options = CacheOptions { capacity, keep_stale: SECOND * u32::from(keep) };
    let cache: Cache<u8, Weighed> = Cache::new(options, hand.clock()).with_weight(|_, value| value.weight);
    let mut model = Model { held: HashMap::new(), now: 0, keep: u64::from(keep), hits: 0, misses: 0 };
    for (serial, step) in steps.into_iter().enumerate() {
        match step {
            Step::Insert { key, ttl, weight } => {
                let weight = u32::from(weight);
                let kept = cache.insert(&key, Arc::new(Weighed { serial, weight }), SECOND * u32::from(ttl));
                assert_eq!(kept, u64::from(weight) <= capacity);
                model.held.remove(&key);
                if kept {
                    model.held.insert(key, (serial, model.now + u64::from(ttl), weight));
                    let found = cache.get_even_stale(&key).map(|value| value.serial);
                    assert_eq!(found, model.find(key).map(|found| found.0), "a value that was just stored is there");
                }
            }
            Step::Get(key) => {
                let found = cache.get(&key).map(|value| value.serial);
                let expected = model.find(key).filter(|found| found.1).map(|found| found.0);
                assert!(found == expected || (found.is_none() && !lossless), "{found:?} is not {expected:?}");
                if found.is_some() { model.hits += 1 } else { model.misses += 1 }
            }
            Step::GetStale(key) => {
                let found = cache.get_even_stale(&key).map(|value| value.serial);
                let expected = model.find(key).map(|found| found.0);
                assert!(found == expected || (found.is_none() && !lossless), "{found:?} is not {expected:?}");
            }
            Step::Remove(key) => {
                let found = cache.remove(&key).map(|value| value.serial);
                let expected = model.find(key).filter(|found| found.1).map(|found| found.0);
                assert!(found == expected || (found.is_none() && !lossless), "{found:?} is not {expected:?}");
                model.held.remove(&key);
                assert!(cache.get_even_stale(&key).is_none());
            }
            Step::Advance(seconds) => {
                hand.advance(SECOND * u32::from(seconds));
                model.now += u64::from(seconds);
            }
            Step::Sweep(budget) => {
                let swept = cache.sweep(usize::from(budget));
                assert!(swept.scanned <= usize::from(budget) && swept.removed <= swept.scanned);
            }
            Step::Clear => {
                cache.clear();
                model.held.clear();
                assert_eq!(cache.stats().entries, 0);
            }
        }
        let stats = cache.stats();
        assert!(stats.weight <= capacity, "{stats:?}");
        assert!(stats.entries <= model.held.len());
        assert_eq!((stats.hits, stats.misses), (model.hits, model.misses));
    }
    // After a whole pass no expired entry is left, and the statistics add up.
    // The first sweep ends the passes that were under way, the second looks at everything.
    cache.sweep(usize::MAX);
    cache.sweep(usize::MAX);
    let alive: Vec<u8> = model.held.keys().copied().filter(|key| model.find(*key).is_some()).collect();
    let found: u64 =
        alive.iter().filter_map(|key| cache.get_even_stale(key)).map(|value| u64::from(value.weight)).sum();
    let stats = cache.stats();
    assert_eq!(stats.weight, found);
    if lossless {
        assert_eq!(stats.entries, alive.len());
        assert_eq!(stats.evictions, 0);
        model.held.retain(|key, _| alive.contains(key));
        assert_eq!(stats.weight, model.weight());
    }
}

proptest! {
    #[test]
    fn a_roomy_cache_is_a_map_with_a_clock(steps in steps(), keep in 0..5_u8) {
        against_model(steps, 1_000_000, keep, true);
    }

    #[test]
    fn a_full_cache_forgets_but_never_lies(steps in steps(), capacity in 0..60_u64, keep in 0..5_u8) {
        against_model(steps, capacity, keep, false);
    }

    #[test]
    fn borrowed_parts_find_just_their_own_key(
        keys in prop::collection::hash_set(("[ab]{0,20}", "[ab]{0,20}", 0..3_u64), 1..40),
    ) {
        let cache = Cache::<Key, _>::new(CacheOptions::new(1 << 20), ManualClock::new().clock());
        for parts @ (namespace, key, version) in &keys {
            let key = KeyRef { namespace, key, version: *version };
            prop_assert!(cache.get(&key).is_none(), "{key:?} was found as another");
            cache.insert(&key, Arc::new(parts.clone()), SECOND);
        }
        for parts @ (namespace, key, version) in &keys {
            let borrowed = KeyRef { namespace, key, version: *version };
            prop_assert_eq!(&*cache.get(&borrowed).unwrap(), parts);
            prop_assert_eq!(&*cache.get(&Key::from(borrowed)).unwrap(), parts);
            prop_assert_eq!(format!("{borrowed:?}"), format!("{:?}", Key::from(borrowed)));
        }
    }
}

#[test]
fn a_cleared_cache_keeps_to_its_capacity() {
    // Each cache places entries at random: one of them has it in the last bucket.
    for _ in 0..200 {
        let cache: Cache<u8, u32> =
            Cache::new(CacheOptions::new(10), ManualClock::new().clock()).with_weight(|_, weight| *weight);
        (0..60).for_each(|key| assert!(cache.insert(&key, Arc::new(1), SECOND)));
        cache.clear();
        (0..2).for_each(|key| assert!(cache.insert(&key, Arc::new(5), SECOND) && cache.get(&key).is_some()));
        cache.insert(&0, Arc::new(6), SECOND);
        assert!(cache.stats().weight <= 10, "{:?}", cache.stats());
    }
}

#[test]
fn what_is_read_survives_what_is_not() {
    // One shard, so that every entry competes with every other.
    let cache = Cache::<u32, ()>::new(CacheOptions::new(100), ManualClock::new().clock());
    (0..50).for_each(|key| assert!(cache.insert(&key, Arc::new(()), SECOND)));
    for key in 1000..3000 {
        (0..50).for_each(|hot| drop(cache.get(&hot)));
        cache.insert(&key, Arc::new(()), SECOND);
    }
    let survivors = (0..50).filter(|hot| cache.get(hot).is_some()).count();
    assert_eq!(survivors, 50, "a scan of 2,000 cold keys pushed out hot ones");
    assert_eq!(cache.stats().entries, 100);
}

#[test]
fn a_value_may_use_the_cache_when_it_is_dropped() {
    struct Echo(Weak<Cache<u8, Echo>>);
    impl Drop for Echo {
        fn drop(&mut self) {
            // Deadlocks if it happens under the lock: all keys share the one shard of so small a cache.
            if let Some(cache) = self.0.upgrade() {
                cache.stats();
            }
        }
    }
    let hand = ManualClock::new();
    let cache = Arc::new(Cache::new(CacheOptions::new(3), hand.clock()));
    let echo = || Arc::new(Echo(Arc::downgrade(&cache)));
    (0..10).for_each(|key| assert!(cache.insert(&key, echo(), SECOND)));
    cache.insert(&9, echo(), SECOND);
    cache.remove(&9);
    hand.advance(SECOND);
    assert_eq!(cache.sweep(usize::MAX).removed, 2);
    cache.insert(&1, echo(), SECOND);
    cache.clear();
    assert_eq!(cache.stats().entries, 0);
}

#[test]
fn bytes_grow_with_what_is_held() {
    let cache = Cache::<String, Vec<u8>>::new(CacheOptions::new(1000), ManualClock::new().clock())
        .with_bytes(|key, value| key.len() + value.capacity());
    let empty = cache.stats().bytes;
    (0..100).for_each(|n| assert!(cache.insert(&format!("key {n}"), Arc::new(vec![0; 1000]), SECOND)));
    let full = cache.stats().bytes;
    assert!((100_000..200_000).contains(&(full - empty)), "{empty} to {full}");
    cache.clear();
    assert_eq!(cache.stats().bytes, empty);
}

#[test]
fn the_hit_rate_is_known_after_the_first_look_up() {
    let cache = Cache::<u8, ()>::new(CacheOptions::new(10), ManualClock::new().clock());
    assert_eq!(cache.stats().hit_rate(), None);
    cache.insert(&1, Arc::new(()), SECOND);
    for key in [1, 1, 1, 2] {
        cache.get(&key);
    }
    assert_eq!(cache.stats().hit_rate(), Some(0.75));
    assert_eq!(cache.get_with(&1, |()| 5), Some(5));
}

const LOAD: Load = Load { ttl: SECOND, deadline: Duration::from_mins(1), stale_on_error: false };

fn loading_cache(keep_stale: Duration) -> Arc<Cache<u8, u32>> {
    Arc::new(Cache::new(CacheOptions { capacity: 100, keep_stale }, Clock::runtime()))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_askers_cause_one_load() {
    let (cache, loads, gate) = (loading_cache(SECOND), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let askers: Vec<_> = (0..1000)
        .map(|_| {
            let (cache, loads, gate) = (Arc::clone(&cache), Arc::clone(&loads), Arc::clone(&gate));
            tokio::spawn(async move {
                let load = || async move {
                    loads.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    Ok::<_, Infallible>(7)
                };
                *cache.get_or_load(&1, LOAD, load).await.unwrap().value
            })
        })
        .collect();
    tokio::task::yield_now().await;
    // Enough for every caller to load by itself.
    gate.add_permits(1000);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), 7);
    }
    assert_eq!((loads.load(Ordering::SeqCst), cache.stats().loads), (1, 1));
    assert_eq!(cache.get(&1).as_deref(), Some(&7));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_and_not_stored() {
    let cache = loading_cache(SECOND);
    let failing = || async {
        tokio::time::sleep(SECOND).await;
        Err::<u32, _>(io::Error::other("planted"))
    };
    let (one, other) = tokio::join!(cache.get_or_load(&1, LOAD, failing), cache.get_or_load(&1, LOAD, failing));
    let (Err(LoadError::Failed(one)), Err(LoadError::Failed(other))) = (one, other) else { panic!("no failure") };
    assert!(Arc::ptr_eq(&one, &other) && one.to_string() == "planted");
    assert_eq!(cache.stats().loads, 1);
    let again = cache.get_or_load(&1, LOAD, || async { Ok::<_, Infallible>(2) }).await.unwrap();
    assert_eq!((*again.value, again.stale), (2, false));
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_stands_in_only_where_asked_and_only_while_kept() {
    let cache = loading_cache(SECOND * 10);
    let failing = || async { Err::<u32, _>(io::Error::other("planted")) };
    let asked = Load { stale_on_error: true, ..LOAD };
    cache.insert(&1, Arc::new(5), SECOND);
    tokio::time::advance(SECOND * 2).await;
    assert!(cache.get_or_load(&1, LOAD, failing).await.is_err());
    let stale = cache.get_or_load(&1, asked, failing).await.unwrap();
    assert_eq!((*stale.value, stale.stale), (5, true));
    tokio::time::advance(SECOND * 9).await;
    assert!(cache.get_or_load(&1, asked, failing).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_asker_waits_no_longer_than_its_deadline() {
    let cache = loading_cache(SECOND);
    let begun = tokio::time::Instant::now();
    let load = Load { deadline: SECOND * 5, ..LOAD };
    let stuck = || std::future::pending::<Result<u32, Infallible>>();
    let outcome = cache.get_or_load(&1, load, stuck).await;
    assert!(matches!(outcome, Err(LoadError::TimedOut(after)) if after == SECOND * 5), "{outcome:?}");
    assert_eq!(begun.elapsed(), SECOND * 5);
    // The stuck load is forgotten: the next caller loads again.
    assert_eq!(*cache.get_or_load(&1, load, || async { Ok::<_, Infallible>(3) }).await.unwrap().value, 3);
}

#[tokio::test(start_paused = true)]
async fn when_the_loading_asker_leaves_another_takes_over() {
    let cache = loading_cache(SECOND);
    let leader = {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move {
            cache.get_or_load(&1, LOAD, std::future::pending::<Result<u32, Infallible>>).await.map(drop)
        })
    };
    tokio::task::yield_now().await;
    let follower = {
        let cache = Arc::clone(&cache);
        tokio::spawn(
            async move { *cache.get_or_load(&1, LOAD, || async { Ok::<_, Infallible>(9) }).await.unwrap().value },
        )
    };
    tokio::task::yield_now().await;
    assert!(!follower.is_finished(), "the follower did not wait for the leader");
    leader.abort();
    assert_eq!(follower.await.unwrap(), 9);
    assert_eq!(cache.stats().loads, 1);
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_panics_leaves_the_key_usable() {
    let cache = loading_cache(SECOND);
    let loader = Arc::clone(&cache);
    let crashed = tokio::spawn(async move {
        let load = || async { if loader.stats().hits == 0 { panic!("planted") } else { Ok::<u32, Infallible>(0) } };
        loader.get_or_load(&1, LOAD, load).await.map(drop)
    });
    assert!(crashed.await.unwrap_err().is_panic());
    assert_eq!(*cache.get_or_load(&1, LOAD, || async { Ok::<_, Infallible>(4) }).await.unwrap().value, 4);
}

#[tokio::test(start_paused = true)]
async fn what_happens_during_a_load_is_newer_than_what_it_brings() {
    for change in 0..3 {
        let cache = loading_cache(SECOND);
        let load = async {
            let slow = || async {
                tokio::time::sleep(SECOND).await;
                Ok::<_, Infallible>(1)
            };
            cache.get_or_load(&1, LOAD, slow).await.map(|loaded| *loaded.value)
        };
        let interfere = async {
            match change {
                0 => drop(cache.insert(&1, Arc::new(2), SECOND * 100)),
                1 => drop(cache.remove(&1)),
                _ => cache.clear(),
            }
        };
        let (loaded, ()) = tokio::join!(load, interfere);
        assert_eq!(loaded.unwrap(), 1, "earlier callers get the loaded value");
        assert_eq!(cache.get(&1).as_deref(), (change == 0).then_some(&2), "change {change}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_entries_are_swept_in_the_background_until_shutdown() {
    let cache = loading_cache(Duration::ZERO);
    (0..50).for_each(|key| assert!(cache.insert(&key, Arc::new(0), SECOND)));
    cache.insert(&50, Arc::new(0), SECOND * 1000);
    let root = Shutdown::new();
    let (swept, stop) = (Arc::clone(&cache), root.clone());
    root.spawn(async move { swept.keep_swept(SECOND, 8, &stop).await });
    tokio::time::sleep(SECOND * 2).await;
    let bounded = cache.stats();
    assert!(bounded.expirations <= 8 * 3, "{bounded:?}");
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!((cache.stats().entries, cache.stats().expirations), (1, 50));
    assert!(root.drain(SECOND).await.is_clean());
}

#[test]
fn threads_agree_on_the_last_value_of_their_own_keys() {
    let cache = Cache::<(u8, u16), u32>::new(CacheOptions::new(1 << 16), ManualClock::new().clock());
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for n in 0..20_000_u32 {
                    let key = (thread, u16::try_from(n % 500).unwrap());
                    cache.insert(&key, Arc::new(n), SECOND);
                    assert_eq!(cache.get(&key).as_deref(), Some(&n));
                    if let Some(foreign) = cache.get(&((thread + 1) % 4, key.1)) {
                        assert_eq!(*foreign % 500, n % 500);
                    }
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.weight, stats.evictions), (2000, 2000, 0));
    assert_eq!(stats.hits + stats.misses, 4 * 2 * 20_000);
}
