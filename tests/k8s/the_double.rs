//! The double itself: it replies as a kube-apiserver 1.32 was observed to reply.

use std::io::{Read, Write};
use std::net::TcpStream;

use http::Request;
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::double::{Double, Fault, Resource, StopReason, WatchEvent};
use crate::objects::{namespace, service, slice};

/// kube's own client, without retries.
async fn client(double: &Double) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&double.kubeconfig().text()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    (config.default_retry, config.proxy_url) = (false, None);
    ClientBuilder::try_from(config).unwrap().build()
}

/// The double's reply: the status, and the body as far as it arrived.
async fn ask(client: &Client, path: &str) -> (u16, String) {
    let response = client.send(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend(frame.into_data().unwrap_or_default());
    }
    (status, String::from_utf8(text).unwrap())
}

async fn ask_json(client: &Client, path: &str) -> (u16, Value) {
    let (status, text) = ask(client, path).await;
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

fn run(test: impl AsyncFnOnce(Double, Client)) {
    let double = Double::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = client(&double).await;
        test(double, client).await;
    });
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn pages_are_of_one_snapshot() {
    run(async |double, client| {
        double.store().put_all(Resource::SERVICES, ["a", "b", "c"].map(|name| service("shop", name)));
        let (_, first) = ask_json(&client, "/api/v1/services?limit=2").await;
        assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a", "b"], &json!(1)));
        double.store().delete(Resource::SERVICES, "shop", "c");
        double.store().put(Resource::SERVICES, service("shop", "d"));
        let token = first["metadata"]["continue"].as_str().unwrap();
        let (_, second) = ask_json(&client, &format!("/api/v1/services?limit=2&continue={token}")).await;
        assert_eq!(names(&second), ["c"], "the snapshot at the start of the list");
        assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        let (_, cached) = ask_json(&client, "/api/v1/services?limit=1&resourceVersion=0").await;
        assert_eq!(names(&cached), ["a", "b", "d"], "a list from the cache takes no limit");

        double.store().expire_tokens();
        let (status, expired) = ask_json(&client, &format!("/api/v1/services?limit=2&continue={token}")).await;
        assert_eq!((status, &expired["reason"]), (410, &json!("Expired")));
        let token = expired["metadata"]["continue"].as_str().unwrap();
        let (_, rest) = ask_json(&client, &format!("/api/v1/services?continue={token}")).await;
        assert_eq!(names(&rest), ["d"], "as it is now");
        assert_eq!(ask(&client, "/api/v1/services?continue=nonsense").await.0, 400);
    });
}

#[test]
fn versions_that_cannot_be_had_are_refused() {
    run(async |double, client| {
        let (status, late) = ask_json(&client, "/api/v1/services?resourceVersion=99999").await;
        assert_eq!((status, &late["details"]["causes"][0]["reason"]), (504, &json!("ResourceVersionTooLarge")));
        double.store().compact();
        let exact = "/api/v1/services?resourceVersion=300&resourceVersionMatch=Exact";
        assert_eq!(ask_json(&client, exact).await.1["reason"], "Expired");
        let (status, line) = ask_json(&client, "/api/v1/services?watch=true&resourceVersion=300").await;
        assert_eq!((status, &line["type"], &line["object"]["code"]), (200, &json!("ERROR"), &json!(410)));
    });
}

#[test]
fn a_watch_tells_what_happens_in_order_and_where_it_stands() {
    run(async |double, client| {
        double.store().put(Resource::SERVICES, service("shop", "a"));
        let revision = double.store().revision;
        double.store().put(Resource::SERVICES, service("shop", "a"));
        double.store().put(Resource::SERVICES, service("shop", "b"));
        double.store().delete(Resource::SERVICES, "shop", "a");
        let path =
            format!("/api/v1/services?watch=true&resourceVersion={revision}&allowWatchBookmarks=true&timeoutSeconds=1");
        let (_, text) = ask(&client, &path).await;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["MODIFIED", "ADDED", "DELETED", "BOOKMARK"]);
        let last: u64 = lines[2]["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        assert_eq!(last, revision + 3, "a deletion has its own revision");
        let (_, text) = ask(&client, "/api/v1/services?watch=true&timeoutSeconds=1").await;
        assert!(text.starts_with(r#"{"type":"ADDED""#), "without a revision, existing objects are added: {text}");
        let initial = "/api/v1/services?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1";
        assert!(ask(&client, initial).await.1.contains("initial-events-end"));
        double.store().watch_list = false;
        assert_eq!(ask(&client, initial).await.0, 500, "an old server");
    });
}

#[test]
fn permissions_depend_on_the_user() {
    run(async |double, client| {
        double.store().put(Resource::NAMESPACES, namespace("shop"));
        assert_eq!(ask_json(&client, "/api/v1/namespaces/nowhere/services").await.1["items"], json!([]));
        assert_eq!(ask(&client, "/api/v1/namespaces/nowhere").await.0, 404);
        assert_eq!(ask(&client, "/apis/nowhere.example/v1/things").await.0, 404);
        assert_eq!(ask(&client, "/api/v1/services?labelSelector=%26%26").await.0, 400);
        double.access().rotate_tokens();
        assert_eq!(ask_json(&client, "/api/v1/services").await.1["reason"], "Unauthorized");
        // An anonymous client, and a client with a certificate but without permission.
        for auth in [AuthInfo::default(), by_certificate(&double)] {
            let kubeconfig = Kubeconfig::from_yaml(&double.kubeconfig().text()).unwrap();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            (config.auth_info, config.proxy_url) = (auth, None);
            let client = Client::try_from(config).unwrap();
            let (status, refusal) = ask_json(&client, "/api/v1/services").await;
            assert_eq!((status, &refusal["reason"]), (403, &json!("Forbidden")), "{refusal}");
        }
    });
}

fn by_certificate(double: &Double) -> AuthInfo {
    let identity = double.authority().client("unprivileged");
    let kubeconfig = Kubeconfig::from_yaml(&double.kubeconfig().certificate(&identity).text()).unwrap();
    kubeconfig.auth_infos[0].auth_info.clone().unwrap()
}

#[test]
fn large_answers_are_compressed_and_faults_come_when_they_are_asked_for() {
    run(async |double, client| {
        double.store().put_all(Resource::SERVICES, (0..600).map(|at| service("shop", &format!("s{at}"))));
        let request = Request::get("/api/v1/services").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let response = client.send(request).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let small = Request::get("/api/v1/services?limit=2").header("accept-encoding", "gzip");
        assert!(
            !client.send(small.body(Body::empty()).unwrap()).await.unwrap().headers().contains_key("content-encoding")
        );

        double.faults().add("/services", 1, Fault::TooManyRequests);
        let refused = client.send(Request::get("/api/v1/services").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
        assert_eq!(refused.headers()["content-type"], "text/plain; charset=utf-8");
        for cut in [StopReason::Fin, StopReason::Reset] {
            double.faults().add("/services", 1, Fault::CutAfter(1000, cut));
            let (status, text) = ask(&client, "/api/v1/services").await;
            assert_eq!((status, text.len()), (200, 1000), "{cut:?}");
        }
        assert_eq!(ask_json(&client, "/api/v1/services").await.0, 200, "and then the fault is over");
    });
}

#[test]
fn metadata_alone_can_be_had() {
    run(async |double, client| {
        double.store().put(Resource::SERVICES, service("shop", "web"));
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let request = Request::get("/api/v1/services").header("accept", accept).body(Body::empty()).unwrap();
        let body = client.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let list: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&list["kind"], names(&list)), (&json!("PartialObjectMetadataList"), vec!["web"]));
        assert_eq!(list["items"][0]["spec"], Value::Null);
    });
}

#[test]
fn a_goodbye_ends_the_connection_and_not_the_server() {
    run(async |double, client| {
        assert_eq!(ask(&client, "/api/v1/services").await.0, 200);
        double.say_goodbye();
        // The first request may still go out on the connection that just ends.
        let request = || Request::get("/api/v1/services").body(Body::empty()).unwrap();
        let reply = match client.send(request()).await {
            Ok(reply) => reply,
            Err(_) => client.send(request()).await.unwrap(),
        };
        assert_eq!(reply.status(), 200);
    });
}

#[test]
fn an_invented_event_can_be_sent() {
    run(async |double, client| {
        let revision = double.store().revision;
        double.store().pretend(Resource::SLICES, WatchEvent::Deleted, slice("shop", "ghost", "x", 1, 1));
        let watch = "/apis/discovery.k8s.io/v1/endpointslices?watch=true&timeoutSeconds=1";
        let (_, text) = ask(&client, &format!("{watch}&resourceVersion={revision}")).await;
        assert!(text.starts_with(r#"{"type":"DELETED""#), "{text}");
    });
}

#[test]
fn plain_http_gets_an_error() {
    let double = Double::start();
    let mut stream = TcpStream::connect(double.address()).unwrap();
    stream.write_all(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(text.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{text}");
}
