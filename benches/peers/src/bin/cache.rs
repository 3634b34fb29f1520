//! The cache beside the libraries one would take instead: random keys over 10,000, values behind an `Arc`, with expiry.
//!
//! The peers get the best conditions: a ready-made joined key by reference, which a caller would have to join first,
//! the same fast hash, and, where they have no expiry of their own, a tick that another thread advances. Ours takes its
//! key in three borrowed parts, and reads its clock. The rows "key joined" and "key in parts" are what the libraries cost
//! behind that interface: papaya and scc look up by anything that compares with the key, dashmap needs the key joined.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use portolan::engine::{Cache, CacheOptions, Clock, Key, KeyRef, ManualClock};
use portolan_peers::{Counting, Random, Row, allocations, machine, peak_bytes, per_operation, print};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KEYS: usize = 10_000;
/// Room for all keys in every design, so that only hits are measured.
const CAPACITY: usize = 16_384;
const OPERATIONS: usize = 200_000;
const ROUNDS: usize = 15;
const HOUR: Duration = Duration::from_secs(3600);

type Value = Arc<String>;

static TICK: AtomicU64 = AtomicU64::new(1);

fn tick() -> u64 {
    TICK.load(Ordering::Relaxed)
}

struct Query {
    /// Namespace and key: what a caller of ours holds as two strings, and a caller of the peers as a ready-made key.
    joined: String,
    split: usize,
    value: Value,
}

impl Query {
    fn new(n: usize) -> Self {
        let namespace = format!("k8s/shop-{}", n % 7);
        let joined = format!("{namespace}10.0.{}.{}:8080", n / 250, n % 250);
        Self { joined, split: namespace.len(), value: Arc::new(format!("value {n}")) }
    }

    fn parts(&self) -> KeyRef<'_> {
        let (namespace, key) = self.joined.split_at(self.split);
        KeyRef { namespace, key, version: 3 }
    }
}

trait Peer: Sync {
    fn get(&self, query: &Query) -> Option<Value>;
    fn set(&self, query: &Query);
}

impl Peer for Cache<Key, String> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.get(&query.parts())
    }
    fn set(&self, query: &Query) {
        self.insert(&query.parts(), Arc::clone(&query.value), HOUR);
    }
}

fn hash() -> RandomState {
    RandomState::default()
}

type Stamped = (Value, u64);

fn stamped(query: &Query) -> Stamped {
    (Arc::clone(&query.value), tick() + 3600)
}

fn fresh(found: &Stamped) -> Option<Value> {
    (found.1 > tick()).then(|| Arc::clone(&found.0))
}

impl Peer for dashmap::DashMap<String, Stamped, RandomState> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.get(&*query.joined).and_then(|found| fresh(&found))
    }
    fn set(&self, query: &Query) {
        self.insert(query.joined.clone(), stamped(query));
    }
}

/// A library's map under our key, looked up by its borrowed parts.
struct InParts<M>(M);

impl Peer for InParts<papaya::HashMap<Key, Stamped, RandomState>> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.0.pin().get(&query.parts()).and_then(fresh)
    }
    fn set(&self, query: &Query) {
        self.0.pin().insert(Key::from(query.parts()), stamped(query));
    }
}

impl Peer for InParts<scc::HashMap<Key, Stamped, RandomState>> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.0.read_sync(&query.parts(), |_, found| fresh(found)).flatten()
    }
    fn set(&self, query: &Query) {
        self.0.upsert_sync(Key::from(query.parts()), stamped(query));
    }
}

/// scc's bounded cache: the least recently used of a bucket goes when the bucket is full.
impl Peer for InParts<scc::HashCache<Key, Stamped, RandomState>> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.0.get_sync(&query.parts()).and_then(|found| fresh(found.get()))
    }
    fn set(&self, query: &Query) {
        self.0.entry_sync(Key::from(query.parts())).put_entry(stamped(query));
    }
}

/// dashmap for a caller who holds the key in parts: it looks up by `Borrow`, so they must be joined first.
struct Joining(dashmap::DashMap<String, Stamped, RandomState>);

impl Joining {
    fn join(query: &Query) -> String {
        let KeyRef { namespace, key, .. } = query.parts();
        [namespace, key].concat()
    }
}

impl Peer for Joining {
    fn get(&self, query: &Query) -> Option<Value> {
        self.0.get(&Self::join(query)).and_then(|found| fresh(&found))
    }
    fn set(&self, query: &Query) {
        self.0.insert(Self::join(query), stamped(query));
    }
}

impl Peer for papaya::HashMap<String, Stamped, RandomState> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.pin().get(&*query.joined).and_then(fresh)
    }
    fn set(&self, query: &Query) {
        self.pin().insert(query.joined.clone(), stamped(query));
    }
}

impl Peer for scc::HashMap<String, Stamped, RandomState> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.read_sync(&*query.joined, |_, found| fresh(found)).flatten()
    }
    fn set(&self, query: &Query) {
        self.upsert_sync(query.joined.clone(), stamped(query));
    }
}

type Quick = quick_cache::sync::Cache<String, Stamped, quick_cache::UnitWeighter, RandomState>;

impl Peer for Quick {
    fn get(&self, query: &Query) -> Option<Value> {
        self.get(&*query.joined).and_then(|(value, until)| (until > tick()).then_some(value))
    }
    fn set(&self, query: &Query) {
        self.insert(query.joined.clone(), stamped(query));
    }
}

impl Peer for moka::sync::Cache<String, Value, RandomState> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.get(&*query.joined)
    }
    fn set(&self, query: &Query) {
        self.insert(query.joined.clone(), Arc::clone(&query.value));
    }
}

impl Peer for foyer_memory::Cache<String, Stamped, RandomState> {
    fn get(&self, query: &Query) -> Option<Value> {
        self.get(&*query.joined).and_then(|found| fresh(found.value()))
    }
    fn set(&self, query: &Query) {
        self.insert(query.joined.clone(), stamped(query));
    }
}

/// Gets by closure: not comparable with the others, it shows what the `Arc` costs.
struct ByClosure<'a>(&'a Cache<Key, String>);

impl ByClosure<'_> {
    fn get(&self, query: &Query) -> bool {
        self.0.get_with(&query.parts(), String::len).is_some()
    }
}

fn check(name: &str, peer: &dyn Peer, queries: &[Query]) {
    for query in queries {
        assert!(peer.get(query).is_none(), "{name} found what was never stored");
        peer.set(query);
    }
    for query in queries {
        let found = peer.get(query).unwrap_or_else(|| panic!("{name} lost a key"));
        assert!(Arc::ptr_eq(&found, &query.value), "{name} answered with another value");
    }
}

fn gets(peer: &dyn Peer, queries: &[Query], seed: usize) {
    let mut random = Random::new(seed as u64 + 1);
    for _ in 0..OPERATIONS {
        black_box(peer.get(&queries[random.below(queries.len())])).expect("a hit");
    }
}

fn sets(peer: &dyn Peer, queries: &[Query], seed: usize) {
    let mut random = Random::new(seed as u64 + 1);
    for _ in 0..OPERATIONS {
        peer.set(&queries[random.below(queries.len())]);
    }
}

/// The floor: the table without a lock, one thread.
fn floor(queries: &[Query]) -> f64 {
    let mut map = std::collections::HashMap::with_hasher(hash());
    queries.iter().for_each(|query| drop(map.insert(query.joined.clone(), stamped(query))));
    per_operation(1, OPERATIONS, |seed| {
        let mut random = Random::new(seed as u64 + 1);
        for _ in 0..OPERATIONS {
            black_box(map.get(&queries[random.below(queries.len())].joined).and_then(fresh));
        }
    })
}

fn allocations_of(work: impl FnOnce()) -> f64 {
    let before = allocations();
    work();
    (allocations() - before) as f64 / OPERATIONS as f64
}

/// Ten million keys that expire, through a cache of 10,000.
fn memory() {
    let hand = ManualClock::new();
    let cache: Cache<Key, [u8; 64]> =
        Cache::new(CacheOptions::new(KEYS as u64), hand.clock()).with_bytes(|key, _| key.heap_bytes());
    let (mut most, mut approximate) = (0, 0);
    let peak = peak_bytes(|| {
        for n in 0..10_000_000_u64 {
            let key = format!("10.{}.{}.{}:8080", n >> 16 & 255, n >> 8 & 255, n & 255);
            cache.insert(&KeyRef { namespace: "memory", key: &key, version: n }, Arc::new([0; 64]), HOUR / 12);
            if n % 1000 == 0 {
                hand.advance(Duration::from_secs(60));
                cache.sweep(1024);
            }
            if n % 100_000 == 0 {
                let stats = cache.stats();
                most = most.max(stats.entries);
                approximate = approximate.max(stats.bytes);
            }
        }
    });
    let stats = cache.stats();
    assert!(most <= KEYS && stats.weight <= KEYS as u64);
    println!("\nmemory: 10,000,000 expiring keys through a cache of 10,000 (64-byte values, keys of about 30 bytes)");
    println!(
        "peak {:.2} MB counted by the allocator; most entries {most}; the cache's own estimate {:.2} MB; evicted {}, expired {}",
        peak as f64 / 1e6,
        approximate as f64 / 1e6,
        stats.evictions,
        stats.expirations
    );
}

fn main() {
    machine();
    let queries: Vec<Query> = (0..KEYS).map(Query::new).collect();
    let ours = Cache::new(CacheOptions::new(CAPACITY as u64), Clock::coarse());
    let moka = moka::sync::Cache::builder().max_capacity(CAPACITY as u64).time_to_live(HOUR);
    let quick = Quick::with(CAPACITY, CAPACITY as u64, quick_cache::UnitWeighter, hash(), Default::default());
    let foyer = foyer_memory::CacheBuilder::new(CAPACITY).with_hash_builder(hash()).build();
    // Four times the room, since a bucket may be full before the cache is.
    let bounded = scc::HashCache::<Key, Stamped, _>::with_capacity_and_hasher(4 * CAPACITY, 4 * CAPACITY, hash());
    let mut peers: Vec<(&str, Box<dyn Peer>)> = vec![
        ("portolan", Box::new(ours)),
        ("dashmap + expiry", Box::new(dashmap::DashMap::<String, Stamped, _>::with_hasher(hash()))),
        ("dashmap + expiry, key joined", Box::new(Joining(dashmap::DashMap::with_hasher(hash())))),
        ("papaya + expiry", Box::new(papaya::HashMap::<String, Stamped, _>::with_hasher(hash()))),
        ("scc + expiry", Box::new(scc::HashMap::<String, Stamped, _>::with_hasher(hash()))),
        ("papaya + expiry, key in parts", Box::new(InParts(papaya::HashMap::<Key, Stamped, _>::with_hasher(hash())))),
        ("scc + expiry, key in parts", Box::new(InParts(scc::HashMap::<Key, Stamped, _>::with_hasher(hash())))),
        ("scc's HashCache + expiry, key in parts", Box::new(InParts(bounded))),
        ("quick_cache + expiry", Box::new(quick)),
        ("foyer-memory + expiry", Box::new(foyer)),
        ("moka sync, time to live", Box::new(moka.build_with_hasher(hash()))),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    peers.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())));
    let mut rows: Vec<Row> = peers.iter().map(|(name, _)| Row::new(name, 4)).collect();
    for ((name, peer), row) in peers.iter().zip(&mut rows) {
        check(name, &**peer, &queries);
        let get = allocations_of(|| gets(&**peer, &queries, 0));
        let set = allocations_of(|| sets(&**peer, &queries, 0));
        row.note = format!("{get:.2} / {set:.2}");
    }
    let mut floors = Vec::new();
    let closure = Cache::new(CacheOptions::new(CAPACITY as u64), Clock::coarse());
    check("closure", &closure, &queries);
    let mut closures = Vec::new();
    for _ in 0..ROUNDS {
        for ((_, peer), row) in peers.iter().zip(&mut rows) {
            row.columns[0].push(per_operation(1, OPERATIONS, |seed| gets(&**peer, &queries, seed)));
            row.columns[1].push(per_operation(2, OPERATIONS, |seed| gets(&**peer, &queries, seed)));
            row.columns[2].push(per_operation(1, OPERATIONS, |seed| sets(&**peer, &queries, seed)));
            row.columns[3].push(per_operation(2, OPERATIONS, |seed| sets(&**peer, &queries, seed)));
        }
        floors.push(floor(&queries));
        closures.push(per_operation(1, OPERATIONS, |seed| {
            let mut random = Random::new(seed as u64 + 1);
            for _ in 0..OPERATIONS {
                black_box(ByClosure(&closure).get(&queries[random.below(queries.len())]));
            }
        }));
    }
    let heads = ["get, 1 thread", "get, 2 threads", "set, 1 thread", "set, 2 threads"];
    print("ns per operation, median of rounds (ratio to the first); last: allocations per get / set", &heads, &rows);
    println!("floor: std HashMap, no lock, Arc clone, 1 thread: {:.1}", portolan_peers::median(&floors));
    println!("portolan by closure, no Arc clone, 1 thread: {:.1}", portolan_peers::median(&closures));
    if wanted.is_empty() {
        memory();
    }
}
