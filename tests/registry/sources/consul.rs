//! What only Consul has: permissions, checks, maintenance, tags, sockets, names in paths.

use std::time::Duration;

use portolan::Error;
use portolan::model::{Completeness, Finding, Lifecycle};
use portolan::source::{Consul, ConsulEnvironment, collect};
use serde_json::{Value, json};

use super::json_http::{request, send};
use super::programs::{MASTER_TOKEN, Program, consul, consul_with_acls};
use super::watched::{Watched, shown};

fn source(program: &Program) -> Consul {
    Consul { address: Some(program.address.to_string()), timeout: Duration::from_secs(5), ..Consul::default() }
}

fn with_token(program: &Program, token: &str) -> Consul {
    let environment = ConsulEnvironment { token: Some(token.to_owned().into()), ..ConsulEnvironment::default() };
    Consul { environment, ..source(program) }
}

/// Waits until Consul's own service is there, which a fresh server registers once it leads.
fn until_led(program: &Program, token: Option<&str>) {
    let begun = std::time::Instant::now();
    while !request(program.address, "GET", "/v1/catalog/services", token, &Value::Null).1.contains("\"consul\"") {
        assert!(begun.elapsed() < crate::support::HANG, "{}", program.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An empty list means "may read nothing" with ACLs on, and "nothing is there" without: the two must not look the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_may_read_nothing_is_not_an_empty_catalog() {
    let server = consul_with_acls();
    until_led(&server, Some(MASTER_TOKEN));
    let put = |path: &str, body: &Value| send(server.address, "PUT", path, Some(MASTER_TOKEN), body);
    put("/v1/agent/service/register", &json!({ "Name": "web", "Port": 80, "Address": "127.0.0.1" }));
    put("/v1/agent/service/register", &json!({ "Name": "db", "Port": 81, "Address": "127.0.0.1" }));

    for source in [source(&server), with_token(&server, "00000000-0000-4000-8000-00000000dead")] {
        let error = collect(&source).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert!(
            error.hint().contains("--token-file") && error.hint().contains("CONSUL_HTTP_TOKEN"),
            "{}",
            error.hint()
        );
        assert!(!format!("{error} {error:?}").contains("dead"), "the token is not shown: {error:?}");
    }
    let error = collect(&source(&server)).await.unwrap_err();
    assert!(error.to_string().contains("hides the services that the token may not read"), "{error}");

    let all = collect(&with_token(&server, MASTER_TOKEN)).await.unwrap();
    assert_eq!((all.completeness, all.services.len()), (Completeness::Complete, 3));

    // A token for one service gets that one; another one may be hidden, so that it is not known to be absent.
    put(
        "/v1/acl/policy",
        &json!({ "Name": "web", "Rules": "service \"web\" { policy = \"read\" } node_prefix \"\" { policy = \"read\" }" }),
    );
    let token = put("/v1/acl/token", &json!({ "Policies": [{ "Name": "web" }] }));
    let token = serde_json::from_str::<Value>(&token).unwrap();
    let (secret, accessor) = (token["SecretID"].as_str().unwrap(), token["AccessorID"].as_str().unwrap());
    let of_web = with_token(&server, secret);
    let some = collect(&of_web).await.unwrap();
    let ids: Vec<_> = some.services.iter().map(|service| service.id.to_string()).collect();
    assert_eq!((some.completeness, ids), (Completeness::Complete, vec!["consul/web".to_owned()]));
    let none = collect(&Consul { names: vec!["db".to_owned()], ..of_web }).await.unwrap();
    assert_eq!((none.completeness, none.errors.len()), (Completeness::Incomplete, 1));

    // A permission that is lost while it is watched empties nothing.
    let watched = Watched::start(with_token(&server, secret), "consul");
    watched.until("the service", |set| set.is_synced() && shown(set) == ["consul/web 127.0.0.1:80"]).await;
    put(&format!("/v1/acl/token/{accessor}"), &json!({ "AccessorID": accessor, "Policies": [] }));
    // A waiting query does not notice it before something changes.
    let begun = std::time::Instant::now();
    for port in 90.. {
        if watched.load().stale().is_some() {
            break;
        }
        assert!(begun.elapsed() < crate::support::HANG, "never stale without the permission");
        put("/v1/agent/service/register", &json!({ "Name": "db", "Port": port, "Address": "127.0.0.1" }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(watched.now(), ["consul/web 127.0.0.1:80"]);
    put(&format!("/v1/acl/token/{accessor}"), &json!({ "AccessorID": accessor, "Policies": [{ "Name": "web" }] }));
    watched.until("the permission again", |set| set.stale().is_none()).await;
}

/// Consul's checks decide who is ready: warning is, critical and maintenance are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_maintenance_tags_and_metadata_are_listed() {
    let server = consul();
    until_led(&server, None);
    let put = |path: &str, body: &Value| send(server.address, "PUT", path, None, body);
    for (id, port, tag) in [("w1", 80, "blue"), ("w2", 81, "green"), ("w3", 82, "blue")] {
        let check = json!({ "CheckID": format!("ttl-{id}"), "Name": "heartbeat", "TTL": "1h", "Status": "passing" });
        let body = json!({ "ID": id, "Name": "web", "Port": port, "Address": "127.0.0.1", "Tags": [tag, "v1"],
            "Meta": { "version": "1.2.0", "team": "shop" }, "Weights": { "Passing": 5, "Warning": 2 }, "Check": check });
        put("/v1/agent/service/register", &body);
    }
    put("/v1/agent/check/warn/ttl-w1?note=slow", &Value::Null);
    put("/v1/agent/check/fail/ttl-w2?note=%1b%5b2Jdown", &Value::Null);

    let source = source(&server);
    let watched = Watched::start(Consul { names: vec!["web".to_owned()], ..source.clone() }, "consul");
    let set = watched.until("the checks", |set| ready_of(set) == [true, false, true]).await;
    let web = set.get("consul/web").unwrap();
    let first = web.endpoints[0].instance.as_deref().unwrap();
    assert_eq!(
        (first.id.as_str(), first.version.as_ref().map(ToString::to_string)),
        ("n1/w1", Some("1.2.0".to_owned()))
    );
    assert_eq!(first.zone.as_ref().map(ToString::to_string).as_deref(), Some("a"), "of the node's metadata");
    let weights: Vec<_> = web.endpoints.iter().map(|endpoint| endpoint.weight).collect();
    assert_eq!(weights, [Some(2), Some(5), Some(5)]);
    let codes: Vec<_> = web.findings.iter().map(Finding::code).collect();
    assert_eq!(codes, ["consul-critical", "consul-warning"]);

    put("/v1/agent/service/maintenance/w3?enable=true&reason=upgrade", &Value::Null);
    let set = watched.until("maintenance", |set| ready_of(set) == [true, false, false]).await;
    let lifecycle = set.get("consul/web").unwrap().endpoints[2].instance.as_deref().unwrap().lifecycle;
    assert_eq!(lifecycle, Lifecycle::Maintenance);
    put("/v1/agent/check/fail/ttl-w1", &Value::Null);
    let set = watched.until("none ready", |set| ready_of(set) == [false, false, false]).await;
    assert_eq!(set.get("consul/web").unwrap().limiting_finding().map(Finding::code), Some("consul-none-ready"));

    // Tags: all of them are required of each instance.
    let ports = |listing: &portolan::Listing| -> Vec<Option<u16>> {
        listing.services.iter().flat_map(|service| &service.endpoints).map(|endpoint| endpoint.port).collect()
    };
    let blue = collect(&Consul { tag: vec!["blue".to_owned(), "v1".to_owned()], ..source.clone() }).await.unwrap();
    assert_eq!(ports(&blue), [Some(80), Some(82)]);
    let none = collect(&Consul { tag: vec!["red".to_owned()], ..source.clone() }).await.unwrap();
    assert_eq!((none.completeness, none.services.len()), (Completeness::Complete, 0));

    // The agent's own socket, in the variable of Consul's own programs.
    let address = Some(format!("unix://{}/sock", server.dir.path().display()));
    let environment = ConsulEnvironment { address, ..ConsulEnvironment::default() };
    let listing = collect(&Consul { address: None, environment, ..source.clone() }).await.unwrap();
    assert_eq!(listing.services.len(), 2);
    let other = collect(&Consul { datacenter: Some("nowhere".to_owned()), ..source }).await.unwrap_err();
    assert!(other.to_string().contains("No path to datacenter"), "{other}");
}

fn ready_of(set: &portolan::catalog::Snapshot) -> Vec<bool> {
    let web = set.get("consul/web");
    web.map(|web| web.endpoints.iter().map(|endpoint| endpoint.ready).collect()).unwrap_or_default()
}
