//! Failing servers and connections: retried where that helps, bounded in time, and reported.

use rustix::process::Signal;
use serde_json::Value;

use crate::double::{Double, Fault, Resource, StopReason};
use crate::objects::{namespace, service, slice};
use crate::portolan::{Portolan, addresses};
use crate::support::{hear, kill};

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("shop"));
    store.put(Resource::SERVICES, service("shop", "web"));
    store.put(Resource::SLICES, slice("shop", "web", "a", 1, 2));
    drop(store);
    double
}

/// After this fault once, the listing is complete.
#[track_caller]
fn passes(part: &str, fault: Fault) {
    let double = cluster();
    double.faults().add(part, 1, fault);
    let services = Portolan::new(&double).args("-A --timeout 2s").services();
    assert_eq!(addresses(&services["k8s/shop/web"]), ["10.1.1.1:8080", "10.1.1.2:8080"]);
}

#[test]
fn a_passing_fault_is_retried() {
    for part in ["/services", "/endpointslices"] {
        passes(part, Fault::TooManyRequests);
        passes(part, Fault::VersionTooLarge);
        passes(part, Fault::Status(500, "InternalError", "etcdserver: leader changed"));
        passes(part, Fault::Status(503, "ServiceUnavailable", "not now"));
        passes(part, Fault::Malformed);
        passes(part, Fault::CutAfter(40, StopReason::Reset));
        passes(part, Fault::CutAfter(40, StopReason::Fin));
        passes(part, Fault::StallAfter(40));
    }
}

#[test]
fn a_server_that_only_hangs_is_given_up() {
    let double = cluster();
    double.faults().add("/services", usize::MAX, Fault::Stall);
    let error =
        format!("list the services of all namespaces: https://{}: no complete reply within 100ms", double.address());
    Portolan::new(&double).args("-A --timeout 100ms --deadline 30s").fails(
        3,
        &error,
        "raise --timeout, or check the network path to the server",
    );
    Portolan::new(&double).args("-A --timeout 1m --deadline 300ms").fails(
        3,
        "list the services of all namespaces: the deadline of 300ms has passed",
        "raise --deadline, or list less with -n and -l",
    );
}

#[test]
fn a_server_that_stops_in_the_middle_leaves_what_was_read() {
    for fault in [Fault::StallAfter(40), Fault::TooManyRequests, Fault::CutAfter(40, StopReason::Reset)] {
        let double = cluster();
        double.faults().add("/endpointslices", usize::MAX, fault.clone());
        let (document, ran) = Portolan::new(&double).args("-A --timeout 500ms --deadline 5s").json();
        assert_eq!(document["items"][0]["id"], "k8s/shop/web", "{fault:?}");
        assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()));
        assert!(ran.stderr.starts_with("error: cannot list all endpoints: "), "{ran:?}");
    }
}

#[test]
fn pages_that_came_stay_where_the_next_does_not() {
    let double = cluster();
    double.store().put_all(Resource::SERVICES, (0..300).map(|at| service("shop", &format!("s{at:03}"))));
    double.faults().add("continue=", usize::MAX, Fault::Status(500, "InternalError", "no"));
    let (document, ran) = Portolan::new(&double).args("-A --deadline 20s").json();
    assert_eq!((document["items"].as_array().unwrap().len(), ran.code), (250, Some(3)));
    assert!(ran.stderr.contains("error: cannot list the services of all namespaces: no (500)\n"), "{ran:?}");
}

#[test]
fn a_list_whose_token_ran_out_goes_on() {
    let double = cluster();
    double.store().put_all(Resource::SERVICES, (0..300).map(|at| service("shop", &format!("s{at:03}"))));
    // The token of the first page is refused, with a replacement and without.
    for (fault, first) in [(None, true), (Some(Fault::Status(410, "Expired", "too old")), false)] {
        if let Some(fault) = fault {
            double.faults().add("continue=", 1, fault);
        }
        let asked = double.seen().len();
        if first {
            double.store().expire_next_token();
        }
        assert_eq!(Portolan::new(&double).args("-A").services().len(), 301);
        assert!(double.seen()[asked..].iter().any(|seen| seen.status == 410));
    }
}

#[test]
fn an_excessive_reply_is_not_accepted() {
    let double = cluster();
    double.faults().add("/services", usize::MAX, Fault::Bomb);
    Portolan::new(&double).args("-A").fails(
        3,
        "list the services of all namespaces: the reply exceeds portolan's size limit",
        "check the server's health: `kubectl get --raw /readyz`",
    );
}

#[test]
fn a_page_that_is_too_large_is_requested_in_parts() {
    let double = cluster();
    double.store().put_all(Resource::SERVICES, (0..20).map(|at| service("shop", &format!("s{at:03}"))));
    double.faults().add("/services", 1, Fault::Bomb);
    assert_eq!(Portolan::new(&double).args("-A").services().len(), 21);
    let asked = double.seen().into_iter().filter(|seen| seen.path.ends_with("/services") && seen.status == 200);
    let limits: Vec<_> = asked
        .filter_map(|seen| seen.query.split('&').find(|word| word.contains("limit=")).map(str::to_owned))
        .collect();
    assert_eq!(
        limits.iter().map(|limit| limit.trim_start_matches('?')).collect::<Vec<_>>(),
        ["limit=250", "limit=15", "limit=15"]
    );
}

#[test]
fn a_server_that_keeps_failing_is_left_alone() {
    let double = cluster();
    let mut rights = crate::double::Rights::default().in_cluster("namespaces");
    for name in ["a", "b", "c", "d", "e", "f"] {
        double.store().put(Resource::NAMESPACES, namespace(name));
        rights = rights.in_namespace("*", name);
    }
    double.access().user("viewer", "v", rights.in_namespace("*", "shop"));
    double.faults().add("/namespaces/a/services", usize::MAX, Fault::Status(500, "", "no"));
    double.faults().add("/namespaces/b/services", usize::MAX, Fault::Status(500, "", "no"));
    double.faults().add("/namespaces/c/services", usize::MAX, Fault::Status(500, "", "no"));
    let ran = Portolan::with(&double.kubeconfig().token("v")).args("-A").run();
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(!double.seen().iter().any(|seen| seen.path.contains("/namespaces/d/")), "{:?}", double.seen());
}

#[test]
fn a_signal_ends_it_at_once_with_what_was_found() {
    // Before anything arrived, and after the services arrived.
    for (part, requests, services) in [("/services", 1, 0), ("/endpointslices", 2, 1)] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let double = cluster();
            double.faults().add(part, usize::MAX, Fault::Stall);
            let (child, _home) = Portolan::new(&double).args("-A --json --timeout 1h --deadline 1h").start();
            double.until_asked(requests);
            kill(child.id(), signal);
            let out = hear(child, "portolan");
            assert_eq!(out.status.code(), Some(code), "{}", String::from_utf8_lossy(&out.stderr));
            let document: Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!((document["items"].as_array().unwrap().len(), &document["complete"]), (services, &false.into()));
        }
    }
}
