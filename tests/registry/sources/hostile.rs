//! Servers that answer nonsense in the place of Consul and etcd: each gives a clear error within its limits, and none makes
//! services vanish.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use portolan::model::Completeness;
use portolan::source::{Consul, Etcd, collect};
use serde_json::json;

use super::contract::base64;
use super::watched::{Watched, line, shown};

/// A request: its method and target, its header lines, its body, and how many came before it with the same path.
pub struct Request {
    pub target: String,
    pub head: String,
    pub body: String,
    pub count: usize,
}

/// What a server does with a request.
pub enum Reply {
    /// 200 with JSON, and more header lines.
    Json(String, String),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// A head with 200, and then this again and again.
    Endless(&'static [u8], Duration),
    /// Nothing, until the client leaves.
    Silence,
    /// A head with 200, these lines, and then nothing.
    Stream(Vec<String>),
}

pub fn json(body: impl Display) -> Reply {
    Reply::Json(String::new(), format!("{body}"))
}

/// A server on loopback that counts its requests.
pub struct HttpServer {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
}

impl HttpServer {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (answer, counter) = (Arc::new(answer), Arc::clone(&requests));
        let counts = Arc::new(std::sync::Mutex::new(std::collections::HashMap::<String, usize>::new()));
        // It ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, counter, counts) = (Arc::clone(&answer), Arc::clone(&counter), Arc::clone(&counts));
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(mut request) = read(&mut reader) {
                        counter.fetch_add(1, Ordering::Relaxed);
                        let path = request.target.split('?').next().unwrap().to_owned();
                        let count = counts.lock().map(|mut counts| {
                            let count = counts.entry(path).or_default();
                            *count += 1;
                            *count - 1
                        });
                        request.count = count.unwrap();
                        if !write(reader.get_mut(), answer(&request)) {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub fn consul(&self) -> Consul {
        Consul { address: Some(self.address.to_string()), timeout: Duration::from_secs(2), ..Consul::default() }
    }

    pub fn etcd(&self) -> Etcd {
        Etcd { endpoint: vec![self.address.to_string()], timeout: Duration::from_secs(2), ..Etcd::default() }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    Some(Request { target, head, body: String::from_utf8(body).ok()?, count: 0 })
}

/// Whether the connection goes on.
fn write(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Json(headers, body) => {
            let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_ok()
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Reply::Endless(piece, pause) => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while sent.is_ok() {
                sent = stream.write_all(piece);
                thread::sleep(pause);
            }
            false
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
            false
        }
        Reply::Stream(lines) => {
            let body: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let text = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.read(&mut [0]);
            false
        }
    }
}

fn raw(status: &str, headers: &str, body: &str) -> Reply {
    let text =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
    Reply::Raw(text.into_bytes())
}

const PAGE: &str = "<!DOCTYPE html><html><body>It works!</body></html>";

/// What it is, the answer, and what the error says.
type Nonsense = (&'static str, fn() -> Reply, &'static str);

fn nonsense() -> Vec<Nonsense> {
    vec![
        ("a web page", || json(PAGE), "is a web page, not JSON"),
        ("other JSON", || json("[1,2"), "is not the expected JSON"),
        ("nothing", || json(""), "is not the expected JSON"),
        ("compressed unasked", || Reply::Json("Content-Encoding: gzip\r\n".to_owned(), "\u{1f}x".to_owned()), "not"),
        (
            "a redirect",
            || raw("302 Found", "Location: http://u:s3cret@127.0.0.1/x\r\n", ""),
            "redirects to 'http://***@127.0.0.1/x' (302)",
        ),
        ("an error page", || raw("502 Bad Gateway", "", PAGE), "the server replies 502"),
        (
            "an error with escapes",
            || raw("500 Internal Server Error", "", "no \u{1b}[2J\nleader"),
            "replies 500: no \\u{1b}[2J\\nleader",
        ),
        ("status 999", || raw("999 Odd", "", ""), "the server replies 999"),
        ("half a reply", || Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":".to_vec()), "127.0.0.1"),
        ("no HTTP", || Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "127.0.0.1"),
        (
            "two lengths",
            || Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}".to_vec()),
            "127.0.0.1",
        ),
        ("silence", || Reply::Silence, "no complete reply within 2s"),
        ("a drip", || Reply::Endless(b" ", Duration::from_millis(50)), "no complete reply within 2s"),
        ("without an end", || Reply::Endless(&[b' '; 1 << 20], Duration::ZERO), "larger than 64 MiB"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_gives_one_clear_line() {
    let mut tasks = Vec::new();
    for (what, reply, expected) in nonsense() {
        let server = HttpServer::start(move |_| reply());
        let (consul, etcd) = (server.consul(), server.etcd());
        tasks.push(tokio::spawn(async move {
            for (name, listed) in [("Consul", collect(&consul).await), ("etcd", collect(&etcd).await)] {
                let Err(error) = listed else { panic!("{what} is a listing of {name}") };
                let text = error.to_string();
                assert!(
                    text.starts_with(&format!("cannot list the services of {name}: http://127.0.0.1:")),
                    "{what}: {text}"
                );
                assert!(text.contains(expected), "{what}: {text}");
                let is_plain =
                    !text.contains(['\n', '\u{1b}']) && !text.contains("reqwest") && !text.contains("s3cret");
                assert!(is_plain && !error.hint().is_empty(), "{what}: {error:?}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

fn entry(id: usize) -> serde_json::Value {
    json!({ "Node": { "Node": "n", "Address": "127.0.0.1" }, "Service": { "ID": format!("i{id}"), "Port": 1000 + id } })
}

fn entries(count: usize) -> String {
    serde_json::to_string(&(0..count).map(entry).collect::<Vec<_>>()).unwrap()
}

fn indexed(index: impl Display, body: impl Display) -> Reply {
    Reply::Json(format!("X-Consul-Index: {index}\r\n"), format!("{body}"))
}

const LEADER: &str = "\"127.0.0.1:8300\"";
const NO_ACLS: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nACL support disabled";

/// One service that cannot be read is one error; the others are listed. A name that would change the path is not requested.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_service_of_consul_costs_only_itself() {
    let server = HttpServer::start(|request| match request.target.as_str() {
        "/v1/catalog/services" => json(r#"{"consul":[],"..":[],"a/../b":null,"bad":[],"web":["x"]}"#),
        "/v1/health/service/bad" => json(r#"[{"Node":{"Node":"n"},"Service":{"ID":"a","Port":99999}}]"#),
        "/v1/health/service/web" => json(entries(2)),
        "/v1/health/service/consul" | "/v1/health/service/a%2F..%2Fb" => json("[]"),
        other => panic!("{other} was requested"),
    });
    let listing = collect(&server.consul()).await.unwrap();
    assert_eq!(listing.services.iter().map(line).collect::<Vec<_>>(), ["consul/web 127.0.0.1:1000 127.0.0.1:1001"]);
    assert_eq!(listing.completeness, Completeness::Incomplete);
    let named: Vec<_> = listing.errors.iter().map(|error| error.operation.as_str()).collect();
    assert_eq!(named, ["read the service '..' of Consul", "read the service 'bad' of Consul"]);
}

/// A dead server behind a good catalog must not be asked for each of 1,000 services.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fails_is_not_asked_a_thousand_times() {
    let server = HttpServer::start(|request| match request.target.as_str() {
        "/v1/catalog/services" => {
            let names: serde_json::Map<_, _> = (0..1000).map(|at| (format!("s{at:04}"), json!([]))).collect();
            json(serde_json::Value::Object(names))
        }
        "/v1/acl/token/self" => Reply::Raw(NO_ACLS.as_bytes().to_vec()),
        _ => raw("500 Internal Server Error", "", "No cluster leader"),
    });
    let listing = collect(&server.consul()).await.unwrap();
    assert_eq!((listing.completeness, listing.services.len()), (Completeness::Incomplete, 0));
    assert_eq!(listing.errors.last().unwrap().operation, "read 997 more services of Consul");
    let requests = server.requests.load(Ordering::Relaxed);
    assert!(requests < 50, "{requests} requests");
}

/// What it is, and the index after so many requests.
type NamedIndex = (&'static str, fn(usize) -> String);

/// Blocking queries: whatever index a server sends, changes arrive, and it is not flooded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_index_is_survived_and_a_server_that_never_blocks_is_not_flooded() {
    let indexes: [NamedIndex; 5] = [
        ("missing", |_| String::new()),
        ("zero", |_| "0".to_owned()),
        ("backwards", |count| (1000 - count).to_string()),
        ("jumping", |count| if count % 2 == 0 { u64::MAX.to_string() } else { "7".to_owned() }),
        ("no number", |_| "x".to_owned()),
    ];
    let mut tasks = Vec::new();
    for (what, index) in indexes {
        let server = HttpServer::start(move |request| match request.target.split('?').next().unwrap() {
            "/v1/catalog/services" => indexed(index(request.count), r#"{"consul":[],"web":[]}"#),
            "/v1/health/service/web" => indexed(index(request.count), entries(request.count.min(3) + 1)),
            "/v1/status/leader" => json(LEADER),
            _ => indexed(index(request.count), "[]"),
        });
        tasks.push(tokio::spawn(async move {
            let watched = Watched::start(server.consul(), "consul");
            let has_all =
                |set: &portolan::catalog::Snapshot| set.get("consul/web").is_some_and(|web| web.endpoints.len() == 4);
            watched.until(what, has_all).await;
            // At least a second passed; three queries each would do without a limit what this machine can do.
            let requests = server.requests.load(Ordering::Relaxed);
            assert!(requests < 200, "{what}: {requests} requests");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// One empty answer after 500 instances: the last good set stays, marked stale, until the server says something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_empty_answer_removes_nothing() {
    let server = HttpServer::start(|request| match request.target.split('?').next().unwrap() {
        "/v1/catalog/services" if request.count > 0 && request.target.contains("index=") => Reply::Silence,
        "/v1/catalog/services" => indexed(5, r#"{"consul":[],"web":[]}"#),
        "/v1/health/service/web" => match request.count {
            0 => indexed(5, entries(500)),
            1 => indexed(6, "[]"),
            _ => indexed(6 + request.count, entries(501)),
        },
        "/v1/health/service/consul" if request.count > 0 => Reply::Silence,
        "/v1/status/leader" => json(LEADER),
        _ => indexed(5, "[]"),
    });
    let watched = Watched::start(server.consul(), "consul");
    let count = |set: &portolan::catalog::Snapshot| set.get("consul/web").map_or(0, |web| web.endpoints.len());
    let stale = watched.until("stale", |set| set.stale().is_some()).await;
    assert_eq!(count(&stale), 500);
    watched.until("the next answer", |set| set.stale().is_none() && count(set) == 501).await;
}

/// An empty catalog is believed only if it stays so, and no permission is missing: Consul lists at least itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_catalog_is_doubted() {
    let server = HttpServer::start(|request| match request.target.split('?').next().unwrap() {
        "/v1/catalog/services" if request.count == 0 => indexed(5, r#"{"consul":[],"web":[]}"#),
        "/v1/catalog/services" => indexed(6, "{}"),
        "/v1/health/service/web" if request.count == 0 => indexed(5, entries(3)),
        "/v1/status/leader" => json(LEADER),
        "/v1/acl/token/self" => raw("403 Forbidden", "", "ACL not found"),
        _ if request.target.contains("index=") => Reply::Silence,
        _ => indexed(5, "[]"),
    });
    let watched = Watched::start(server.consul(), "consul");
    let stale = watched.until("stale", |set| set.stale().is_some()).await;
    assert_eq!(stale.get("consul/web").map(|web| web.endpoints.len()), Some(3));
}

fn pair(key: &str, value: &str) -> serde_json::Value {
    json!({ "key": base64(key), "value": base64(value), "mod_revision": "5" })
}

fn range(revision: u32, pairs: &[serde_json::Value]) -> Reply {
    json(json!({ "header": { "revision": revision.to_string() }, "kvs": pairs, "count": pairs.len().to_string() }))
}

fn watch_line(result: &serde_json::Value) -> String {
    json!({ "result": result }).to_string()
}

/// Whatever ends a watch of etcd, the list is read again, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_etcd_that_ends_begins_anew() {
    let header = || json!({ "revision": "7" });
    let endings: [(&str, Vec<String>); 5] = [
        (
            "compacted",
            vec![
                watch_line(&json!({ "header": header(), "created": true })),
                watch_line(&json!({ "header": header(), "canceled": true, "compact_revision": "9" })),
            ],
        ),
        (
            "cancelled",
            vec![watch_line(
                &json!({ "header": header(), "canceled": true, "cancel_reason": "etcdserver: no leader" }),
            )],
        ),
        ("an error", vec![json!({ "error": { "grpc_code": 14, "message": "transport is closing" } }).to_string()]),
        ("no JSON", vec!["<html>".to_owned()]),
        ("no result", vec!["{}".to_owned()]),
    ];
    let mut tasks = Vec::new();
    for (what, lines) in endings {
        let server = HttpServer::start(move |request| match request.target.as_str() {
            "/v3/watch" if request.count == 0 => Reply::Stream(lines.clone()),
            "/v3/watch" => Reply::Stream(vec![watch_line(&json!({ "header": { "revision": "8" }, "created": true }))]),
            "/v3/kv/range" if request.body.contains("count_only") => range(8, &[]),
            "/v3/kv/range" if request.count == 0 => range(7, &[pair("/services/web/1", "127.0.0.1:80")]),
            "/v3/kv/range" => {
                range(8, &[pair("/services/web/1", "127.0.0.1:80"), pair("/services/web/2", "127.0.0.1:81")])
            }
            other => panic!("{other} was requested"),
        });
        tasks.push(tokio::spawn(async move {
            let watched = Watched::start(server.etcd(), "etcd");
            let full = ["etcd/web 127.0.0.1:80 127.0.0.1:81"];
            watched.until(what, |set| set.stale().is_none() && shown(set) == full).await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// A server that claims more pages for ever, and one whose list is compacted away while it is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_etcd_ends_whatever_the_server_claims() {
    let server = HttpServer::start(|_| {
        let kvs = [pair("/services/web/1", "127.0.0.1:80")];
        json(json!({ "header": { "revision": "5" }, "kvs": kvs, "more": true }))
    });
    let error = collect(&server.etcd()).await.unwrap_err();
    assert!(error.to_string().contains("/v3/kv/range"), "{error}");

    let server = HttpServer::start(|request| {
        let first =
            json!({ "header": { "revision": "5" }, "kvs": [pair("/services/web/1", "127.0.0.1:80")], "more": true });
        match request.count {
            0 | 2 => json(first),
            1 => raw(
                "400 Bad Request",
                "",
                r#"{"error":"etcdserver: mvcc: required revision has been compacted","code":11}"#,
            ),
            _ => range(6, &[pair("/services/web/2", "127.0.0.1:81")]),
        }
    });
    let listing = collect(&server.etcd()).await.unwrap();
    assert_eq!(listing.services.iter().map(line).collect::<Vec<_>>(), ["etcd/web 127.0.0.1:80 127.0.0.1:81"]);
}

/// Tokens of etcd expire after minutes: the next request logs in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_renewed() {
    let server = HttpServer::start(|request| match request.target.as_str() {
        "/v3/auth/authenticate" => json(json!({ "token": format!("token{}", request.count) })),
        _ if request.head.to_lowercase().contains("authorization: token0\r\n") => {
            raw("401 Unauthorized", "", r#"{"error":"etcdserver: invalid auth token","code":16}"#)
        }
        _ => range(5, &[pair("/services/web/1", "127.0.0.1:80")]),
    });
    let environment = portolan::source::EtcdEnvironment {
        user: Some("root".to_owned()),
        password: Some("s3cret".to_owned().into()),
        ..Default::default()
    };
    let listing = collect(&Etcd { environment, ..server.etcd() }).await.unwrap();
    assert_eq!(listing.services.len(), 1);
}

fn through(http: &str) -> portolan::source::ConsulEnvironment {
    let proxy = portolan::source::ProxyVariables { http: Some(http.to_owned()), ..Default::default() };
    portolan::source::ConsulEnvironment { proxy, ..Default::default() }
}

/// A proxy of the environment is used for other machines, never for this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_used_for_other_machines_only() {
    let proxy = HttpServer::start(|request| match request.target.as_str() {
        // The proxy resolves the name: this machine does not look it up.
        "http://consul.test:8500/v1/catalog/services" => json(r#"{"consul":[],"web":[]}"#),
        "http://consul.test:8500/v1/health/service/web" => json(entries(1)),
        "http://consul.test:8500/v1/health/service/consul" => json("[]"),
        other => panic!("{other} was requested"),
    });
    let environment = through(&proxy.address.to_string());
    let there =
        Consul { address: Some("consul.test:8500".to_owned()), environment: environment.clone(), ..Consul::default() };
    assert_eq!(collect(&there).await.unwrap().services.len(), 1);

    let here =
        HttpServer::start(
            |request| {
                if request.target == "/v1/catalog/services" { json(r#"{"consul":[]}"#) } else { json("[]") }
            },
        );
    let before = proxy.requests.load(Ordering::Relaxed);
    collect(&Consul { environment, ..here.consul() }).await.unwrap();
    assert_eq!(proxy.requests.load(Ordering::Relaxed), before, "this machine is reached directly");

    for invalid in ["ftp://u:s3cret@h", "http://"] {
        let error = collect(&Consul { environment: through(invalid), ..there.clone() }).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot use HTTP_PROXY: it is not the URL of an HTTP proxy", "{invalid}");
    }
}

/// The parameters and headers that Consul's own programs send; nothing that was not set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scope_and_token_are_sent_only_when_set() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let server = HttpServer::start(move |request| {
        let token = request
            .head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("x-consul-token: ").map(str::to_owned));
        record.lock().unwrap().push((request.target.clone(), token));
        if request.target.starts_with("/v1/catalog") { json(r#"{"consul":[],"web":["a"]}"#) } else { json("[]") }
    });
    collect(&server.consul()).await.unwrap();
    let environment = portolan::source::ConsulEnvironment {
        token: Some("t0ken".to_owned().into()),
        datacenter: Some("eu".to_owned()),
        namespace: Some("team a".to_owned()),
        ..Default::default()
    };
    let names = vec!["web".to_owned()];
    collect(&Consul { environment, names, partition: Some("p".to_owned()), ..server.consul() }).await.unwrap();

    let seen = seen.lock().unwrap();
    let plain: Vec<_> = seen.iter().filter(|(_, token)| token.is_none()).map(|(target, _)| target.as_str()).collect();
    assert_eq!(plain, ["/v1/catalog/services", "/v1/health/service/consul", "/v1/health/service/web"]);
    let scoped: Vec<_> =
        seen.iter().filter(|(_, token)| token.as_deref() == Some("t0ken")).map(|(target, _)| target.as_str()).collect();
    let scope = "dc=eu&ns=team+a&partition=p";
    assert_eq!(scoped, [format!("/v1/catalog/services?{scope}"), format!("/v1/health/service/web?{scope}")]);
}
