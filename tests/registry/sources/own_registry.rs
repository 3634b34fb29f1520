//! The source `portolan`, against a server that speaks as `portolan serve` does.

use portolan::model::Completeness;
use portolan::source::{Portolan, PortolanEnvironment, collect};
use portolan::{Error, Listing};
use serde_json::{Value, json};

use super::hostile::{HttpServer, Reply, Request, json as reply};
use super::watched::{Watched, line, shown};

fn instance(namespace: &str, name: &str, number: u16) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012}"), "namespace": namespace, "name": name,
        "address": "127.0.0.1", "port": number, "version": "1.2.0", "tags": ["api"], "weight": 3, "status": "up",
        "health": "healthy", "healthy": true, "generation": 1, "index": 7,
        "registered_at": "2026-11-29T12:00:00Z", "last_seen": "2026-11-29T12:00:00Z",
        "lease": { "ttl": "30s", "expires": "2026-11-29T12:00:30Z" }, "field_of_a_newer_server": 1,
    })
}

fn event(kind: &str, item: &Value) -> String {
    json!({ "index": 8, "type": kind, "namespace": item["namespace"], "service": item["name"], "id": item["id"],
        "item": item, "changed": [] })
    .to_string()
}

fn mark(kind: &str) -> String {
    json!({ "index": 7, "type": kind, "epoch": "e" }).to_string()
}

fn source(server: &HttpServer) -> Portolan {
    Portolan { address: Some(server.address.to_string()), ..Portolan::default() }
}

fn lines(listing: &Listing) -> Vec<String> {
    listing.services.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_become_services_and_a_bad_one_costs_only_itself() {
    let server = HttpServer::start(|request: &Request| {
        if !request.head.to_lowercase().contains("authorization: bearer t0ken\r\n") {
            let error = r#"{"error":{"code":"unauthorized","message":"a token is required","hint":"log in"}}"#;
            let head = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n", error.len());
            return Reply::Raw(format!("{head}{error}").into_bytes());
        }
        let services = [
            instance("default", "web", 81),
            instance("default", "web", 80),
            instance("shop", "web", 82),
            json!({ "id": "x", "name": "" }),
        ];
        reply(json!({ "data": { "services": services } }))
    });
    let error = collect(&source(&server)).await.unwrap_err();
    assert!(
        matches!(error, Error::Refused { .. }) && error.to_string().contains("401: a token is required"),
        "{error:?}"
    );
    assert!(error.hint().contains("PORTOLAN_TOKEN"), "{}", error.hint());

    let environment = PortolanEnvironment { token: Some("t0ken".to_owned().into()), ..PortolanEnvironment::default() };
    let allowed = Portolan { environment, ..source(&server) };
    let listing = collect(&allowed).await.unwrap();
    assert_eq!(lines(&listing), ["portolan/default/web 127.0.0.1:80 127.0.0.1:81", "portolan/shop/web 127.0.0.1:82"]);
    assert_eq!((listing.completeness, listing.errors.len()), (Completeness::Incomplete, 1));
    let first = &listing.services[0].endpoints[0];
    assert!(first.ready && first.weight == Some(3) && first.instance.as_deref().unwrap().lease.is_some(), "{first:?}");

    let shop = Portolan { namespace: Some("shop".to_owned()), ..allowed.clone() };
    assert_eq!(lines(&collect(&shop).await.unwrap()), ["portolan/shop/web 127.0.0.1:82"]);
    let none = Portolan { names: vec!["db*".to_owned()], ..allowed };
    assert!(collect(&none).await.unwrap().services.is_empty());
}

/// A watch begins with all instances, and what happens while they are read is not shown half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_change_the_set_and_a_reset_begins_anew() {
    let server = HttpServer::start(|request: &Request| {
        let (first, second) = (instance("default", "web", 80), instance("default", "web", 81));
        match request.count {
            0 => Reply::Stream(vec![
                mark("reset"),
                event("added", &first),
                event("added", &second),
                mark("synced"),
                mark("keep-alive"),
                event("removed", &second),
                event("added", &instance("default", "db", 82)),
                // A server that restarted without its history.
                mark("reset"),
                event("added", &first),
                mark("synced"),
                event("added", &json!({ "id": "bad", "namespace": "default", "name": "web" })),
                event("updated", &instance("default", "web", 83)),
                "not JSON".to_owned(),
            ]),
            _ => Reply::Silence,
        }
    });
    let watched = Watched::start(source(&server), "portolan");
    let set = watched.until("stale after the line that is no JSON", |set| set.stale().is_some()).await;
    assert_eq!(shown(&set), ["portolan/default/web 127.0.0.1:80 127.0.0.1:83"]);
    assert!(set.stale().unwrap().cause.contains("is not the expected JSON"), "{:?}", set.stale());
}
