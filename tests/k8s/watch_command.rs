//! `--watch` as people run it: changes are reported, and a lost connection is not taken for a change.

use std::fs;
use std::process::Child;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::double::{Double, Fault, Resource, Rights, StopReason, TOKEN};
use crate::names::{Resolver, external};
use crate::objects::{namespace, pod, service, slice};
use crate::portolan::Portolan;
use crate::support::{Ended, Lines, TempDir, finish, kill, make_program};

/// A running watch, and its lines.
pub struct Watch {
    child: Option<Child>,
    lines: Lines,
    _home: TempDir,
}

impl Watch {
    pub fn start(double: &Double, words: &str) -> Self {
        Self::of(Portolan::new(double).args("-n shop --watch --json").args(words))
    }

    pub fn of(portolan: Portolan) -> Self {
        let (mut child, home) = portolan.start();
        let lines = Lines::of(&mut child);
        Self { child: Some(child), lines, _home: home }
    }

    /// The lines up to the first of that type, as `TYPE ID`.
    #[track_caller]
    pub fn until(&self, kind: &str) -> (Vec<String>, Value) {
        let mut told = Vec::new();
        loop {
            let line = self.lines.next().unwrap_or_else(|| panic!("it ended before any {kind}: {told:?}"));
            let line: Value = serde_json::from_str(&line).unwrap();
            let of = |field: &Value| field.as_str().unwrap_or_default().to_owned();
            told.push(format!("{} {}", of(&line["type"]), of(&line["item"]["id"])).trim_end().to_owned());
            if line["type"] == kind {
                return (told, line);
            }
        }
    }

    /// Ends it with Ctrl-C.
    pub fn end(mut self) {
        let child = self.child.take().unwrap();
        kill(child.id(), Signal::INT);
        assert_eq!(finish(child).and_then(|status| status.code()), Some(0));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.take().map(Ended);
    }
}

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("shop"));
    for (at, name) in (1..).zip(["cart", "web"]) {
        store.put(Resource::SERVICES, service("shop", name));
        store.put(Resource::SLICES, slice("shop", name, "a", at, 2));
    }
    drop(store);
    double
}

fn synced(double: &Double, words: &str) -> Watch {
    let watch = Watch::start(double, words);
    assert_eq!(watch.until("synced").0, ["added k8s/shop/cart", "added k8s/shop/web", "synced"]);
    watch
}

#[test]
fn changes_are_reported() {
    let (double, resolver) = (cluster(), Resolver::start());
    let watch = synced(&double, &resolver.option());
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    let (told, added) = watch.until("added");
    assert_eq!(
        (told, &added["item"]["findings"][0]["code"]),
        (vec!["added k8s/shop/orders".to_owned()], &json!("k8s-no-pod"))
    );
    // A pod appears, then its endpoint.
    let mut waiting = pod("shop", "orders-1", "orders");
    waiting["status"] = json!({"phase": "Pending"});
    double.store().put(Resource::PODS, waiting.clone());
    let updated = watch.until("updated").1;
    assert_eq!(updated["item"]["findings"][0]["code"], "k8s-no-endpoints");
    // A change that no service depends on is not reported.
    waiting["status"]["reason"] = json!("Unschedulable");
    double.store().put(Resource::PODS, waiting);
    double.store().put(Resource::SLICES, slice("shop", "orders", "a", 9, 1));
    let (told, updated) = watch.until("updated");
    assert_eq!((told.len(), &updated["item"]["findings"]), (1, &Value::Null), "{updated}");
    double.store().delete(Resource::SERVICES, "shop", "cart");
    assert_eq!(watch.until("removed").0, ["removed k8s/shop/cart"]);
    double.store().put(Resource::SERVICES, external("gone", "gone.example"));
    assert_eq!(watch.until("added").1["item"]["findings"][0]["code"], "k8s-external-name");
    watch.end();
}

#[test]
fn cut_streams_and_expired_versions_are_not_changes() {
    let double = cluster();
    let watch = synced(&double, "");
    for fault in [Fault::CutAfter(0, StopReason::Reset), Fault::CutAfter(30, StopReason::Fin), Fault::Malformed] {
        double.faults().add("watch=", 2, fault);
        // The version they would resume from is gone: 410.
        double.store().compact();
        double.end_watches();
    }
    double.say_goodbye();
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    let (told, _) = watch.until("added");
    assert!(!told.iter().any(|line| line.starts_with("removed")), "{told:?}");
    assert_eq!(told.last().unwrap(), "added k8s/shop/orders");
    watch.end();
}

/// An API server that is busy, silent, sends nonsense, or fails in every reply.
#[test]
fn a_server_that_is_of_no_use_leaves_what_was_known_and_comes_back_as_the_difference() {
    let faults = [
        Fault::TooManyRequests,
        Fault::Stall,
        Fault::Malformed,
        Fault::Bomb,
        Fault::CutAfter(20, StopReason::Reset),
        Fault::Status(500, "InternalError", "no"),
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            let thread = std::thread::Builder::new().name(format!("{fault:?}"));
            thread.spawn_scoped(scope, move || is_stale_meanwhile(&fault)).unwrap();
        }
    });
}

fn is_stale_meanwhile(fault: &Fault) {
    let double = cluster();
    let watch = synced(&double, "--timeout 500ms");
    double.faults().add("/api", usize::MAX, fault.clone());
    // A watch cannot resume from its last version.
    double.store().compact();
    double.end_watches();
    let (told, stale) = watch.until("stale");
    assert_eq!(told, ["stale"], "{fault:?}");
    assert!(stale["age_ms"].is_u64() && stale["error"]["why"].is_string(), "{fault:?}: {stale}");
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    double.faults().clear();
    let (told, _) = watch.until("added");
    assert_eq!(told, ["added k8s/shop/orders"], "{fault:?}");
    watch.end();
}

/// It accepts connections and requests, and never replies.
#[test]
fn a_server_that_falls_silent_is_noticed() {
    let double = cluster();
    let watch = synced(&double, "--timeout 500ms");
    double.faults().add("/api", usize::MAX, Fault::Stall);
    double.end_watches();
    let (told, stale) = watch.until("stale");
    assert_eq!((told, &stale["error"]["why"]), (vec!["stale".to_owned()], &json!("no reply in time")));
    double.store().delete(Resource::SERVICES, "shop", "cart");
    double.faults().clear();
    assert_eq!(watch.until("removed").0, ["removed k8s/shop/cart"]);
    watch.end();
}

#[test]
fn a_server_that_stops_and_starts_again_is_watched_on() {
    let mut double = cluster();
    let watch = synced(&double, "");
    double.stop();
    assert_eq!(watch.until("stale").0.last().unwrap(), "stale");
    double.store().delete(Resource::SERVICES, "shop", "cart");
    double.resume();
    let (told, _) = watch.until("removed");
    assert_eq!(told.last().unwrap(), "removed k8s/shop/cart");
    assert!(!told.iter().any(|line| line.starts_with("added")), "{told:?}");
    watch.end();
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let double = cluster();
    let watch = synced(&double, "");
    double.faults().add("watch=", usize::MAX, Fault::Endless);
    double.end_watches();
    let (told, _) = watch.until("stale");
    assert_eq!(told, ["stale"]);
    let status = fs::read_to_string(format!("/proc/{}/status", watch.child.as_ref().unwrap().id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 1_000_000, "three streams at once, up to 129 MiB of each: {peak}");
}

/// A watch whose credentials expire, until new ones are written to the file.
fn outlasts_its_credentials(double: &Double, portolan: Portolan) {
    let token = portolan.path("token");
    let watch = Watch::of(portolan.args("-n shop --watch --json"));
    watch.until("synced");
    double.access().rotate_tokens();
    double.end_watches();
    let (told, _) = watch.until("stale");
    assert!(!told.iter().any(|line| line.starts_with("removed")), "{told:?}");
    double.access().user("admin", "another", Rights { all: true, ..Rights::default() });
    // As `echo` leaves it.
    fs::write(token, "another\n").unwrap();
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    let (told, _) = watch.until("added");
    assert_eq!(told.last().unwrap(), "added k8s/shop/orders");
    assert!(!told.iter().any(|line| line.starts_with("removed")), "{told:?}");
    watch.end();
}

#[test]
fn a_token_that_ran_out_is_read_again() {
    let double = cluster();
    let text = double.kubeconfig().text().replace(&format!("token: {TOKEN}"), "tokenFile: token");
    // Named as seen from the kubeconfig.
    let portolan = Portolan::with_text(&text).args("--kubeconfig ./config");
    let portolan = portolan.file("config", text).file("token", format!("{TOKEN}\n"));
    outlasts_its_credentials(&double, portolan);
}

#[test]
fn expired_credentials_are_requested_again() {
    let double = cluster();
    let script = "#!/bin/sh\necho '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"'$(cat token)'\"}}'\n";
    let portolan = Portolan::without_kubeconfig().file("credentials", script).file("token", TOKEN);
    let program = portolan.path("credentials");
    make_program(&program);
    let portolan = portolan.file("config", double.kubeconfig().exec(program.to_str().unwrap()).text());
    outlasts_its_credentials(&double, portolan.args("--kubeconfig config --allow-exec"));
}

#[test]
fn missing_permissions_are_reported_and_the_rest_is_watched() {
    let double = cluster();
    double.access().user("viewer", "v", Rights::default().in_namespace("services", "shop"));
    let portolan = Portolan::with(&double.kubeconfig().token("v"));
    let watch = Watch::of(portolan.args("-n shop --watch --json"));
    let said = [watch.until("error").1.to_string(), watch.until("error").1.to_string()];
    assert!(said[0].contains("endpointslices.discovery.k8s.io is forbidden"), "{said:?}");
    assert!(said[1].contains("k8s-no-pod and k8s-target-port are missing there"), "{said:?}");
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    let orders = loop {
        let added = watch.until("added").1;
        if added["item"]["name"] == "orders" {
            break added;
        }
    };
    assert_eq!(
        (&orders["item"]["findings"], &orders["item"]["detail"]["endpoints_from"]),
        (&Value::Null, &json!("unknown"))
    );

    // A new list has the same errors: they are not reported again.
    double.store().compact();
    double.end_watches();
    double.store().put(Resource::SERVICES, service("shop", "third"));
    let (told, _) = watch.until("added");
    assert!(!told.iter().any(|line| line.starts_with("error")), "{told:?}");
    watch.end();
}

/// The rights to everything that a watch reads of these namespaces.
fn rights_in(namespaces: &[&str]) -> Rights {
    let resources = ["services", "endpointslices", "pods"];
    let pairs = namespaces.iter().flat_map(|namespace| resources.map(|resource| (resource, *namespace)));
    pairs.fold(Rights::default(), |rights, (resource, namespace)| rights.in_namespace(resource, namespace))
}

/// A named namespace that cannot be read at the start holds the others up no longer than its error, and is not forgotten.
/// Without a fault, the permission is missing.
#[track_caller]
fn assert_watched_later(fault: Option<Fault>, cause: &str) {
    let double = cluster();
    double.store().put(Resource::NAMESPACES, namespace("bank"));
    double.store().put(Resource::SERVICES, service("bank", "vault"));
    let is_refused = fault.is_none();
    double.access().user("viewer", "v", rights_in(if is_refused { &["shop"] } else { &["shop", "bank"] }));
    if let Some(fault) = fault {
        double.faults().add("/namespaces/bank/services", usize::MAX, fault);
    }
    let portolan = Portolan::with(&double.kubeconfig().token("v"));
    let watch = Watch::of(portolan.args("-n bank,shop --watch --json --timeout 4s"));
    let error = watch.until("error").1.to_string();
    assert!(error.contains("namespace 'bank'") && error.contains(cause), "{error}");

    // The others are watched meanwhile, and are not out of date.
    double.store().put(Resource::SERVICES, service("shop", "orders"));
    let mut told = Vec::new();
    while !told.contains(&"added k8s/shop/orders".to_owned()) {
        told.extend(watch.until("added").0);
    }
    assert!(!told.iter().any(|line| line.starts_with("stale") || line.contains("bank")), "{told:?}");

    if is_refused {
        double.access().user("viewer", "v", rights_in(&["shop", "bank"]));
    } else {
        double.faults().clear();
    }
    while !told.contains(&"added k8s/bank/vault".to_owned()) {
        told.extend(watch.until("added").0);
    }
    assert!(!told.iter().any(|line| line.starts_with("removed")), "{told:?}");
    double.store().delete(Resource::SERVICES, "bank", "vault");
    assert_eq!(watch.until("removed").1["item"]["id"], "k8s/bank/vault");
    watch.end();
}

#[test]
fn a_namespace_that_is_refused_at_the_start_is_watched_later() {
    assert_watched_later(None, "forbidden");
}

#[test]
fn a_namespace_whose_list_fails_at_the_start_is_watched_later() {
    assert_watched_later(Some(Fault::Status(500, "InternalError", "the disk is full")), "the disk is full (500)");
}

#[test]
fn a_namespace_without_a_list_at_the_start_is_watched_later() {
    assert_watched_later(Some(Fault::NoSuchResource), "404");
}

#[test]
fn a_namespace_that_is_silent_at_the_start_is_watched_later() {
    assert_watched_later(Some(Fault::Stall), "no complete reply within 4s");
}

#[test]
fn an_error_at_the_start_is_reported_at_once() {
    let mut double = cluster();
    let error = "find namespace 'shpo': it does not exist";
    Portolan::new(&double).args("-n shpo --watch").fails(
        2,
        error,
        "did you mean 'shop'? `kubectl get namespaces` lists them",
    );
    Portolan::with(&double.kubeconfig().token("old")).args("-n shop --watch").fails(
        5,
        "list the services in namespace 'shop': the server rejects these credentials (401 Unauthorized)",
        "check the credentials of the kubeconfig's user: they may have expired",
    );
    double.faults().add("/services", usize::MAX, Fault::Stall);
    let ran = Portolan::new(&double).args("-n shop --watch --timeout 1h --deadline 300ms").run();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    double.stop();
    let ran = Portolan::new(&double).args("-n shop --watch --deadline 1s").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
}
