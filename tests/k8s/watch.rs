//! A watched cluster: whatever happens to it and to the connection, the set equals a fresh list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portolan::Service;
use portolan::catalog::Writer;
use portolan::engine::{Clock, Retry};
use portolan::model::{DetailLevel, PartialError as Said, Update, UpdateSink};
use portolan::source::{K8s, keep_watching};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::double::{Double, Fault, Resource, StopReason, WatchEvent};
use crate::history::History;
use crate::objects::{namespace, pod, service, slice};
use crate::support::{HANG, TempDir};

/// The result of a watch: the current set, and the removed services.
#[derive(Default)]
struct WatchedSet {
    services: BTreeMap<String, Value>,
    removed: Vec<String>,
    resets: usize,
    failures: usize,
}

#[derive(Clone, Default)]
struct Listener {
    told: Arc<Mutex<WatchedSet>>,
    changed: Arc<Notify>,
}

fn plain(service: &Service) -> Value {
    serde_json::to_value(service).unwrap()
}

impl UpdateSink for Listener {
    fn detail_level(&self) -> DetailLevel {
        DetailLevel::Full
    }

    fn apply(&mut self, updates: Vec<Update>) {
        let mut told = self.told.lock().unwrap();
        for update in updates {
            match update {
                Update::Reset(all) => {
                    told.resets += 1;
                    let now: BTreeMap<_, _> =
                        all.iter().map(|service| (service.id.to_string(), plain(service))).collect();
                    let gone: Vec<_> = told.services.keys().filter(|id| !now.contains_key(*id)).cloned().collect();
                    told.removed.extend(gone);
                    told.services = now;
                }
                Update::Upsert(service) => drop(told.services.insert(service.id.to_string(), plain(&service))),
                Update::Remove(id) => {
                    told.services.remove(id.as_raw());
                    told.removed.push(id.to_string());
                }
                Update::PartialError(_) | Update::Recovered(_) => {}
            }
        }
        self.changed.notify_one();
    }

    fn mark_stale(&mut self, _fault: Said) {
        self.told.lock().unwrap().failures += 1;
        self.changed.notify_one();
    }
}

/// A double, a watch of all of it, and the result of the watch.
struct Scene {
    double: Double,
    source: Arc<K8s>,
    listener: Listener,
    runtime: Runtime,
    watching: JoinHandle<()>,
    _home: TempDir,
}

impl Scene {
    fn new(double: Double) -> Self {
        let home = TempDir::new();
        let config = home.path().join("config");
        fs::write(&config, double.kubeconfig().text()).unwrap();
        let source = Arc::new(K8s { all_namespaces: true, kubeconfig: vec![config], ..K8s::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = Listener::default();
        let (watched, mut feed) = (Arc::clone(&source), listener.clone());
        let watching = runtime.spawn(async move {
            let soon = Retry { base: Duration::from_millis(10), cap: Duration::from_millis(50), ..Retry::default() };
            keep_watching(&*watched, None, soon, 1, &mut feed).await;
        });
        Self { double, source, listener, runtime, watching, _home: home }
    }

    /// The set of a fresh list.
    fn fresh(&self) -> BTreeMap<String, Value> {
        let listing = self.runtime.block_on(self.source.listing()).unwrap();
        listing
            .services
            .into_iter()
            .map(Service::erase)
            .map(|service| (service.id.to_string(), plain(&service)))
            .collect()
    }

    /// Waits until the watched set is the expected one.
    #[track_caller]
    fn until(&self, what: &str, expected: impl Fn(&WatchedSet) -> bool) {
        let wait = async {
            while !expected(&self.listener.told.lock().unwrap()) {
                self.listener.changed.notified().await;
            }
        };
        let came = self.runtime.block_on(async { tokio::time::timeout(HANG, wait).await });
        let told = self.listener.told.lock().unwrap();
        assert!(came.is_ok(), "{what} did not come; told were {:#?}", told.services.keys());
    }

    #[track_caller]
    fn until_fresh(&self) {
        let fresh = self.fresh();
        self.until("what a fresh list says", |told| told.services == fresh);
    }

    fn removed(&self) -> Vec<String> {
        self.listener.told.lock().unwrap().removed.clone()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put_all(Resource::NAMESPACES, ["shop", "bank"].map(namespace));
    for (at, name) in (1..).zip(["web", "cart", "mail"]) {
        store.put(Resource::SERVICES, service("shop", name));
        store.put(Resource::SLICES, slice("shop", name, "a", at, 2));
    }
    drop(store);
    double
}

#[test]
fn the_full_set_comes_first_and_then_what_happens() {
    let scene = Scene::new(cluster());
    scene.until("the full set", |told| told.services.len() == 3 && told.resets > 0);
    let mut store = scene.double.store();
    store.delete(Resource::SLICES, "shop", "cart-a");
    store.put(Resource::SLICES, slice("shop", "web", "b", 9, 3));
    store.put(Resource::SERVICES, service("bank", "vault"));
    store.delete(Resource::SERVICES, "shop", "mail");
    drop(store);
    scene.until_fresh();
    assert_eq!(scene.removed(), ["k8s/shop/mail"]);
    let told = scene.listener.told.lock().unwrap();
    assert_eq!(told.services["k8s/shop/web"]["endpoints"].as_array().unwrap().len(), 5);
    assert_eq!(told.services["k8s/shop/cart"]["findings"][0]["code"], "k8s-no-pod");
}

#[test]
fn changes_during_a_disconnect_are_reported_as_the_difference() {
    let scene = Scene::new(cluster());
    scene.until("the full set", |told| told.services.len() == 3);
    // The streams are cut, and the history they would resume from is dropped.
    scene.double.faults().add("watch=", 2, Fault::CutAfter(0, StopReason::Reset));
    scene.double.store().compact();
    scene.double.say_goodbye();
    let mut store = scene.double.store();
    store.delete(Resource::SERVICES, "shop", "cart");
    store.put(Resource::SERVICES, service("bank", "vault"));
    store.compact();
    drop(store);
    scene.until_fresh();
    assert_eq!(scene.removed(), ["k8s/shop/cart"], "no other removal was reported");
}

#[test]
fn contradictory_events_do_no_harm() {
    let scene = Scene::new(cluster());
    scene.until("the full set", |told| told.services.len() == 3);
    let mut store = scene.double.store();
    store.pretend(Resource::SERVICES, WatchEvent::Deleted, service("shop", "never-was"));
    store.pretend(Resource::SLICES, WatchEvent::Deleted, slice("shop", "never-was", "a", 7, 1));
    let mut again = service("shop", "web");
    // An older event than the last one, twice.
    again["metadata"]["resourceVersion"] = json!("3");
    store.pretend(Resource::SERVICES, WatchEvent::Added, again.clone());
    store.pretend(Resource::SERVICES, WatchEvent::Added, again);
    store.say_bookmark();
    store.put(Resource::SERVICES, service("bank", "vault"));
    drop(store);
    scene.until_fresh();
}

#[test]
fn a_server_that_fails_for_long_leaves_what_was_known() {
    let scene = Scene::new(cluster());
    scene.until("the full set", |told| told.services.len() == 3);
    scene.double.faults().add("watch=", 1, Fault::CutAfter(0, StopReason::Fin));
    scene.double.access().rotate_tokens();
    // An open watch is cut off with the next event.
    scene.double.faults().add("/services", usize::MAX, Fault::Status(401, "Unauthorized", "Unauthorized"));
    scene.double.faults().add("/endpointslices", usize::MAX, Fault::Status(401, "Unauthorized", "Unauthorized"));
    scene.double.end_watches();
    scene.until("word of the failure", |told| told.failures > 0);
    assert_eq!(scene.listener.told.lock().unwrap().services.len(), 3);
    assert_eq!(scene.removed(), Vec::<String>::new());
}

/// This many clusters share the cut positions of a watch: after each cut kube waits for most of a second.
const CLUSTERS: usize = 16;

/// An event has fewer bytes, and around its object it has at most this many.
const BYTES: usize = 240;
const AROUND: usize = r#"{"type":"MODIFIED","object":,"kind":"Service","apiVersion":"v1"}"#.len();

/// Wherever a watch's stream is cut: in order, nothing twice, nothing left out, and the right set at the end.
#[test]
fn cut_at_every_byte_a_history_makes_sense() {
    let longest = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..CLUSTERS).map(|first| scope.spawn(move || cut_at_bytes(first))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).max()
    });
    assert!(longest.is_some_and(|longest| longest < BYTES), "events have {longest:?} bytes");
}

/// Cuts at every n-th byte, from `first` on; returns the length of the longest event.
fn cut_at_bytes(first: usize) -> usize {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    let home = TempDir::new();
    let config = home.path().join("config");
    fs::write(&config, double.kubeconfig().text()).unwrap();
    let source = K8s { all_namespaces: true, kubeconfig: vec![config], ..K8s::default() };
    let mut writer = Writer::new("k8s", DetailLevel::Full, Clock::coarse());
    let reader = writer.reader();
    let (_, mut watch) = reader.watch();
    let mut history = History::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut longest = 0;
    let cutting = async {
        for (round, cut) in (first..BYTES).step_by(CLUSTERS).enumerate() {
            let how = if round % 2 == 0 { StopReason::Fin } else { StopReason::Reset };
            let watches = || double.seen().iter().filter(|seen| seen.query.contains("watch=")).count();
            let before = watches();
            double.faults().add("watch=", 3, Fault::CutAfter(cut, how));
            double.end_watches();
            // Of services, slices and pods.
            let again = async {
                while watches() < before + 3 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(HANG, again).await.expect("it watches on");
            let name = format!("s{}", round / 2);
            let id = format!("k8s/shop/{name}");
            let there = round % 2 == 0;
            let plain = json!({"metadata": {"namespace": "shop", "name": name}, "spec": {"type": "ClusterIP"}});
            if there {
                double.store().put(Resource::SERVICES, plain);
                let object = double.store().get(Resource::SERVICES, "shop", &name).unwrap();
                longest = longest.max(object.value.to_string().len() + AROUND);
            } else {
                double.store().delete(Resource::SERVICES, "shop", &name);
            }
            while reader.load().get(&id).is_some() != there {
                let news = tokio::time::timeout(HANG, watch.next()).await.expect("it is reported").expect("it goes on");
                history.news(&news);
            }
            double.faults().clear();
        }
    };
    let soon = Retry { base: Duration::from_millis(10), cap: Duration::from_millis(50), ..Retry::default() };
    runtime.block_on(async {
        tokio::select! {
            error = keep_watching(&source, None, soon, 1, &mut writer) => panic!("{error}"),
            () = cutting => {}
        }
    });
    let snapshot = reader.load();
    drop(writer);
    runtime.block_on(async {
        while let Some(news) = watch.next().await {
            history.news(&news);
        }
    });
    history.assert_ends_in(snapshot.services().iter().map(|service| &**service));
    assert_eq!(history.changes.len(), (first..BYTES).step_by(CLUSTERS).count(), "{history:?}");
    longest
}

/// A change of the cluster, or a fault of its watches.
#[derive(Clone, Debug)]
enum Happens {
    Service(u8, Looks),
    NoService(u8),
    /// A slice by name and number, its service, and its number of endpoints.
    Slice(u8, u8, u8, u8),
    NoSlice(u8, u8),
    /// A pod by name and number, the service whose labels it has, and whether it has that targetPort or another.
    Pod(u8, u8, u8, bool),
    NoPod(u8, u8),
    Compact,
    /// The watches end, and the next one gets this fault.
    Cut(Fault),
}

/// The properties of a service that affect others.
#[derive(Clone, Copy, Debug)]
enum Looks {
    Plain,
    /// A node port that others have too.
    NodePort,
    /// The selector of the first.
    Twin,
    /// Written by hand: it chooses no pods.
    ByHand,
}

fn happens() -> impl Strategy<Value = Happens> {
    let fault = prop_oneof![
        Just(Fault::CutAfter(0, StopReason::Reset)),
        (1_usize..400).prop_map(|count| Fault::CutAfter(count, StopReason::Fin)),
        (1_usize..400).prop_map(|count| Fault::CutAfter(count, StopReason::Reset)),
        Just(Fault::Malformed),
        Just(Fault::Status(500, "InternalError", "no")),
        Just(Fault::TooManyRequests),
    ];
    // Few enough that things meet. Mostly they are their own.
    let name = || 0_u8..4;
    let number = || 0_u8..2;
    let owned = move || {
        (name(), number()).prop_flat_map(move |(at, number)| {
            (Just(at), Just(number), prop_oneof![3 => Just(at).boxed(), 1 => name().boxed()])
        })
    };
    let looks = prop_oneof![3 => Just(Looks::Plain), 1 => Just(Looks::NodePort), 1 => Just(Looks::Twin), 1 => Just(Looks::ByHand)];
    prop_oneof![
        4 => (name(), looks).prop_map(|(name, looks)| Happens::Service(name, looks)),
        2 => name().prop_map(Happens::NoService),
        4 => (owned(), 0_u8..4).prop_map(|((name, slice, whose), count)| Happens::Slice(name, slice, whose, count)),
        3 => (name(), number()).prop_map(|(name, slice)| Happens::NoSlice(name, slice)),
        4 => (owned(), any::<bool>()).prop_map(|((name, pod, whose), fits)| Happens::Pod(name, pod, whose, fits)),
        3 => (name(), number()).prop_map(|(name, pod)| Happens::NoPod(name, pod)),
        1 => Just(Happens::Compact),
        1 => fault.prop_map(Happens::Cut),
    ]
}

/// Those of the cluster, and another.
const NAMES: [&str; 4] = ["web", "cart", "mail", "orders"];

fn happen(double: &Double, what: &Happens) {
    let name = |at: u8| NAMES[usize::from(at)].to_owned();
    match what {
        Happens::Service(at, looks) => {
            let mut service = service("shop", &name(*at));
            match looks {
                Looks::Plain => {}
                Looks::NodePort => service["spec"]["ports"][0]["nodePort"] = json!(30080),
                Looks::Twin => service["spec"]["selector"] = json!({"app": NAMES[0]}),
                Looks::ByHand => service["spec"]["selector"] = Value::Null,
            }
            double.store().put(Resource::SERVICES, service);
        }
        Happens::NoService(at) => double.store().delete(Resource::SERVICES, "shop", &name(*at)),
        Happens::Slice(at, part, whose, count) => {
            let mut slice = slice("shop", &name(*whose), &part.to_string(), at * 3 + part, *count);
            slice["metadata"]["name"] = json!(format!("{}-{part}", name(*at)));
            double.store().put(Resource::SLICES, slice);
        }
        Happens::NoSlice(at, part) => double.store().delete(Resource::SLICES, "shop", &format!("{}-{part}", name(*at))),
        Happens::Pod(at, number, whose, fits) => {
            let mut pod = pod("shop", &format!("{}-{number}", name(*at)), &name(*whose));
            pod["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(if *fits { 8080 } else { 9090 });
            double.store().put(Resource::PODS, pod);
        }
        Happens::NoPod(at, number) => {
            double.store().delete(Resource::PODS, "shop", &format!("{}-{number}", name(*at)));
        }
        Happens::Compact => double.store().compact(),
        Happens::Cut(fault) => {
            double.faults().add("watch=", 1, fault.clone());
            double.end_watches();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 3, failure_persistence: None, ..ProptestConfig::default() })]
    /// The sets are compared often: a later change may hide a missed one.
    #[test]
    fn any_history_with_any_cuts_ends_in_what_a_fresh_list_says(
        history in prop::collection::vec(prop::collection::vec(happens(), 1..8), 2..8),
    ) {
        let scene = Scene::new(cluster());
        scene.until("the full set", |told| told.services.len() == 3);
        for part in &history {
            for what in part {
                happen(&scene.double, what);
            }
            scene.until_fresh();
        }
        let deleted: BTreeSet<String> = history.iter().flatten().filter_map(|what| match what {
            Happens::NoService(at) => Some(format!("k8s/shop/{}", NAMES[usize::from(*at)])),
            _ => None,
        }).collect();
        let removed = scene.removed();
        prop_assert!(removed.iter().all(|id| deleted.contains(id)), "{removed:?} were said to be gone");
    }
}
