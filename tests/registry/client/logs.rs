//! What a program with a log reads of the library: discovery, failures and recovery, and circuit breakers.

use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use portolan::client::Registry;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};
use tracing_subscriber::fmt::MakeWriter;

use crate::serve::Server;
use crate::support::HANG;

/// The events of one thread, as JSON.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn with(&self, message: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["message"] == message).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Log {
    type Writer = Self;

    fn make_writer(&'l self) -> Self {
        self.clone()
    }
}

/// Runs on this thread alone, so that its subscriber sees every task.
fn logged(run: impl Future<Output = ()>) -> Log {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber.with_writer(log.clone()).finish(), || runtime.block_on(run));
    log
}

/// Rows O1 and O11.
#[test]
fn discovery_says_what_it_found_and_whether_it_had_to_ask() {
    let server = Server::in_memory();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let web = json!({ "name": "web", "address": "127.0.0.1", "port": target.local_addr().unwrap().port(), "ttl": 0 });
    server.register(&web.to_string());
    let url = format!("portolan://{}", server.address);

    let log = logged(async {
        let registry = Registry::open(&url).unwrap();
        let watch = registry.resolve("web").start().unwrap();
        watch.ready().await.unwrap();
        assert_eq!(registry.discover("web").await.unwrap().len(), 1);
        assert!(registry.discover("other").await.unwrap().is_empty());
        // Five failures in a row open the breaker of an endpoint.
        for _ in 0..5 {
            watch.pick(()).await.unwrap().done(false);
        }
        watch.pick(()).await.unwrap().done(true);
    });
    let found = log.with("service discovered");
    let fields = |event: &Value| {
        (event["source"].clone(), event["service"].clone(), event["services_found"].clone(), event["cache_hit"].clone())
    };
    assert_eq!(
        found.iter().map(fields).collect::<Vec<_>>(),
        [
            ("portolan".into(), "web".into(), 1.into(), true.into()),
            ("portolan".into(), "other".into(), 0.into(), false.into())
        ]
    );
    assert!(found[0]["duration_ms"].as_f64().unwrap() >= 0.0);
    let breaker: Vec<_> =
        log.with("circuit breaker changed").iter().map(|event| (event["from"].clone(), event["to"].clone())).collect();
    assert_eq!(breaker, [("closed".into(), "open".into()), ("open".into(), "closed".into())]);
}

#[test]
fn a_registry_that_is_away_is_an_event_with_the_attempt_and_so_is_its_return() {
    let server = Server::in_memory();
    let address = server.address;
    let url = format!("portolan://{address}");
    let log = logged(async {
        let registry = Registry::open(&url).unwrap();
        let watch = registry.resolve("web").start().unwrap();
        watch.ready().await.unwrap();
        server.kill();
        timeout(HANG, async {
            while watch.stale().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the loss is noticed");
        let _again = Server::with(["--data", ":memory:", "--listen", &address.to_string()]);
        timeout(HANG, async {
            while watch.stale().is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the return is noticed");
    });

    let lost = log.with("the source cannot be watched");
    assert!(!lost.is_empty() && lost[0]["error"].is_string() && lost[0]["retry_attempt"].is_number(), "{lost:?}");
    assert_eq!(log.with("the source is watched again").len(), 1, "{:?}", log.events());
}
