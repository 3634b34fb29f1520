//! What only etcd has: leases, users, values of any kind, several servers.

use std::net::SocketAddr;
use std::time::Duration;

use portolan::Error;
use portolan::catalog::Snapshot;
use portolan::model::{Completeness, RegistryDetail};
use portolan::source::{Etcd, EtcdEnvironment, collect};
use serde_json::{Value, json};

use super::contract::base64;
use super::json_http::send;
use super::programs::{Program, etcd};
use super::relay::Relay;
use super::watched::{Watched, shown};

fn source(program: &Program) -> Etcd {
    Etcd { endpoint: vec![program.address.to_string()], timeout: Duration::from_secs(5), ..Etcd::default() }
}

fn call(program: &Program, path: &str, body: &Value) -> Value {
    serde_json::from_str(&send(program.address, "POST", path, None, body)).unwrap()
}

fn put(program: &Program, key: &str, value: &str) {
    call(program, "/v3/kv/put", &json!({ "key": base64(key), "value": base64(value) }));
}

/// A lease is shown, and its end removes the instance. A key that is no registration costs only itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_are_shown_and_bad_keys_are_reported() {
    let server = etcd();
    let lease = call(&server, "/v3/lease/grant", &json!({ "TTL": "60" }));
    let id = lease["ID"].as_str().unwrap();
    let body = json!({ "key": base64("/services/web/1"), "value": base64("127.0.0.1:80"), "lease": id });
    call(&server, "/v3/kv/put", &body);
    put(&server, "/services/web/2", r#"{"id":"w2","name":"web","address":"127.0.0.1","port":81,"version":"2.0.0"}"#);
    put(&server, "/services/web/3", "<html>not a registration</html>");
    put(&server, "/services/\u{1b}[2J/4", "");
    put(&server, "/service", "127.0.0.1:9");

    let listing = collect(&source(&server)).await.unwrap();
    assert_eq!((listing.completeness, listing.services.len()), (Completeness::Incomplete, 1));
    let named: Vec<_> = listing.errors.iter().map(|error| error.operation.as_str()).collect();
    assert_eq!(named, ["read the key '/services/\\u{1b}[2J/4'", "read the key '/services/web/3'"]);
    let web = &listing.services[0];
    let leases: Vec<_> =
        web.endpoints.iter().map(|at| at.instance.as_deref().unwrap().lease.map(|lease| lease.ttl)).collect();
    assert_eq!(leases, [Some(Duration::from_mins(1)), None]);
    let keys = &web.detail.downcast_ref::<RegistryDetail>().unwrap().keys;
    assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/services/web/1", "/services/web/2"]);

    let watched = Watched::start(source(&server), "etcd");
    watched.until("both instances", |set| shown(set) == ["etcd/web 127.0.0.1:80 127.0.0.1:81"]).await;
    call(&server, "/v3/lease/revoke", &json!({ "ID": id }));
    watched.until("the lease is over", |set| shown(set) == ["etcd/web 127.0.0.1:81"]).await;
    put(&server, "/services/web/2", "nonsense");
    put(&server, "/services/web/5", "127.0.0.1:85");
    watched.until("a later key", |set| shown(set) == ["etcd/web 127.0.0.1:81 127.0.0.1:85"]).await;
}

/// A dead server is no outage while another one replies, and another prefix is another set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_asked_when_one_is_dead() {
    let server = etcd();
    put(&server, "/prod/web/1", "127.0.0.1:80");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let environment = EtcdEnvironment {
        endpoints: vec![dead.to_string(), server.address.to_string()],
        prefix: Some("/prod/".to_owned()),
        ..EtcdEnvironment::default()
    };
    let both = Etcd { environment, timeout: Duration::from_secs(5), ..Etcd::default() };
    let listing = collect(&both).await.unwrap();
    assert_eq!(listing.services.iter().map(|service| service.id.as_raw()).collect::<Vec<_>>(), ["etcd/web"]);
    let other = collect(&Etcd { prefix: Some("/other/".to_owned()), ..both }).await.unwrap();
    assert_eq!((other.completeness, other.services.len()), (Completeness::Complete, 0));

    let error =
        collect(&Etcd { endpoint: vec![dead.to_string(), "[::1]:1".to_owned()], ..Etcd::default() }).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&dead.to_string()) && text.contains("[::1]:1"), "it names all servers: {text}");
}

/// Removes the first instance, adds a third one, and compacts everything before that away.
fn change_and_compact(address: SocketAddr) {
    let (gone, added) = (base64("/services/web/1"), base64("/services/web/3"));
    send(address, "POST", "/v3/kv/deleterange", None, &json!({ "key": gone }));
    let put = json!({ "key": added, "value": base64("127.0.0.1:82") });
    let reply: Value = serde_json::from_str(&send(address, "POST", "/v3/kv/put", None, &put)).unwrap();
    send(address, "POST", "/v3/kv/compaction", None, &json!({ "revision": reply["header"]["revision"] }));
}

/// The revision that a watch begins with may be compacted away before the server reads it: etcd cancels the watch, and
/// everything is listed anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_whose_revisions_are_compacted_away_begins_anew() {
    let server = etcd();
    put(&server, "/services/web/1", "127.0.0.1:80");
    put(&server, "/services/web/2", "127.0.0.1:81");

    let address = server.address;
    let relay = Relay::start(address, "/v3/watch", move || change_and_compact(address)).await;

    let through = Etcd { endpoint: vec![relay.address.to_string()], ..source(&server) };
    let watched = Watched::start(through, "etcd");
    let is_whole = |set: &Snapshot| set.stale().is_none() && shown(set) == ["etcd/web 127.0.0.1:81 127.0.0.1:82"];
    watched.until("what is there after the compaction", is_whole).await;
    assert!(relay.has_replied("\"compact_revision\""), "the watch began after what was compacted");

    put(&server, "/services/web/4", "127.0.0.1:83");
    watched.until("a later change", |set| shown(set) == ["etcd/web 127.0.0.1:81 127.0.0.1:82 127.0.0.1:83"]).await;
}

/// With users, etcd refuses with status 400; that is a refusal all the same, and the password is never shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_log_in_and_refusals_are_clear() {
    let server = etcd();
    put(&server, "/services/web/1", "127.0.0.1:80");
    let with = |user: &str, password: &str| {
        let (user, password) = (Some(user.to_owned()), Some(password.to_owned().into()));
        Etcd { environment: EtcdEnvironment { user, password, ..EtcdEnvironment::default() }, ..source(&server) }
    };
    assert_eq!(collect(&with("root", "s3cret")).await.unwrap().services.len(), 1, "without users, none is asked for");

    call(&server, "/v3/auth/user/add", &json!({ "name": "root", "password": "s3cret" }));
    call(&server, "/v3/auth/user/grant", &json!({ "user": "root", "role": "root" }));
    call(&server, "/v3/auth/user/add", &json!({ "name": "guest", "password": "s3cret" }));
    call(&server, "/v3/auth/enable", &json!({}));
    assert_eq!(collect(&with("root", "s3cret")).await.unwrap().services.len(), 1);
    for (source, why) in [
        (source(&server), "user name is empty"),
        (with("root", "wr0ng"), "authentication failed"),
        (with("guest", "s3cret"), "permission denied"),
    ] {
        let error = collect(&source).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains(why), "{error:?}");
        assert!(!format!("{error} {error:?} {source:?}").contains("s3cret"), "{error:?} {source:?}");
    }
    let error = collect(&Etcd { user: Some("root".to_owned()), ..source(&server) }).await.unwrap_err();
    assert!(error.to_string().contains("its password is missing"), "{error}");

    let watched = Watched::start(with("root", "s3cret"), "etcd");
    watched.until("the service", |set| shown(set) == ["etcd/web 127.0.0.1:80"]).await;
}
