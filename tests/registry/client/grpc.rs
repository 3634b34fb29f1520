//! gRPC over a resolver, with real servers: one is killed, one drained, one added, while calls go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portolan::Endpoint;
use portolan::client::{GrpcChannel, Registry, ServiceEvent, ServiceEventKind, ServiceWatch};
use portolan::model::{Address, Transport};
use rcgen::{CertificateParams, Issuer, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::grpc_servers::{Memory, NAME, Server};

/// After this long without an event the test hangs.
const HANG: Duration = Duration::from_mins(2);

async fn next_event(watch: &mut ServiceWatch) -> ServiceEvent {
    timeout(HANG, watch.next()).await.expect("the watch tells the change").unwrap()
}

/// Waits until `is_so`.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(HANG, waiting).await.expect("it happens");
}

/// Calls in the background, until it is dropped.
struct Callers {
    done: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    fn start(channel: &GrpcChannel, count: usize) -> Self {
        let callers = Self { done: Arc::default(), failed: Arc::default(), stop: Arc::default() };
        for _ in 0..count {
            let mut client = HealthClient::new(channel.clone());
            let (done, failed, stop) =
                (Arc::clone(&callers.done), Arc::clone(&callers.failed), Arc::clone(&callers.stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match client.check(HealthCheckRequest::default()).await {
                        Ok(_) => done.fetch_add(1, Ordering::SeqCst),
                        Err(_) => failed.fetch_add(1, Ordering::SeqCst),
                    };
                }
            });
        }
        callers
    }

    /// Waits for so many more calls.
    async fn more(&self, count: usize) {
        let goal = self.done.load(Ordering::SeqCst) + count;
        until(|| self.done.load(Ordering::SeqCst) >= goal || self.failed.load(Ordering::SeqCst) > 0).await;
        assert_eq!(self.failed.load(Ordering::SeqCst), 0, "calls that may be repeated never fail");
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// H17, H19, and issue 19: no idempotent call fails, and none is sent to a server once the watch has told that it is gone or
/// drains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_servers_die_drain_and_come() {
    let mut servers = [Server::start(), Server::start(), Server::start()];
    let memory = Memory(watch::Sender::new(servers.iter().map(Server::endpoint).collect()));
    let registry = Registry::with_provider(memory.clone()).build();
    let channel = registry.grpc("discovery:///users").unwrap().idempotent();
    channel.resolver().ready().await.unwrap();
    let mut changes = channel.resolver().watch();
    while !matches!(next_event(&mut changes).await.kind, ServiceEventKind::Synced { .. }) {}

    let callers = Callers::start(&channel, 8);
    callers.more(300).await;
    assert!(servers.iter().all(|server| server.calls() > 50), "each server gets its share");

    // Killed: the registry does not know it yet.
    servers[0].kill();
    callers.more(300).await;
    memory.0.send_replace(servers[1..].iter().map(Server::endpoint).collect());
    let event = next_event(&mut changes).await;
    assert!(
        matches!(&event.kind, ServiceEventKind::Removed(gone) if *gone.to_string() == servers[0].address.to_string())
    );

    // Whatever is sent to its address now would arrive here.
    let trap = TcpListener::bind(servers[0].address).await.unwrap();
    callers.more(300).await;
    let sent = tokio::select! {
        biased;
        _ = trap.accept() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!sent, "a call went to the dead server after the watch had told its end");

    memory.0.send_replace(vec![servers[1].draining(), servers[2].endpoint()]);
    let event = next_event(&mut changes).await;
    assert!(matches!(&event.kind, ServiceEventKind::Updated { endpoint, .. } if !endpoint.is_usable()), "{event:?}");
    // Calls that were picked before may still arrive: at most one for each caller.
    let before = servers[1].calls();
    callers.more(300).await;
    assert!(servers[1].calls() <= before + 8, "the draining server got {} calls", servers[1].calls() - before);

    let added = Server::start();
    memory.0.send_replace(vec![servers[2].endpoint(), added.endpoint()]);
    until(|| added.calls() > 50).await;
    callers.more(100).await;
}

/// Without `idempotent`, a call is sent once: its failure is that of the caller.
#[tokio::test]
async fn a_call_that_may_not_be_repeated_is_sent_once() {
    let mut server = Server::start();
    let memory = Memory(watch::Sender::new(vec![server.endpoint()]));
    let registry = Registry::with_provider(memory.clone()).build();
    let mut client = HealthClient::new(registry.grpc("users").unwrap());
    client.check(HealthCheckRequest::default()).await.unwrap();
    server.kill();
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(server.calls(), 1, "{status:?}");

    memory.0.send_replace(Vec::new());
    let resolver = registry.resolve(NAME).start().unwrap();
    until(|| resolver.counts().named == 0).await;
    let status = HealthClient::new(registry.grpc("users").unwrap()).check(HealthCheckRequest::default()).await;
    let status = status.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::Unavailable, "no endpoint of users: 0 registered, 0 usable")
    );
}

/// C27: what is not on this machine is not called in plain text, unless that is allowed.
#[tokio::test]
async fn other_machines_are_not_called_in_plain_text_by_default() {
    let far = Endpoint::new(Address::Ip([192, 0, 2, 1].into()), Some(50_051), Transport::Tcp);
    let registry = Registry::with_provider(Memory(watch::Sender::new(vec![far]))).build();
    let mut client = HealthClient::new(registry.grpc("users").unwrap());
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(status.message().starts_with("192.0.2.1:50051 is on another machine"), "{status:?}");
}

/// An authority, and the identity of a server that it vouches for at 127.0.0.1.
fn authority() -> (Certificate, Identity) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = Certificate::from_pem(params.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(params, key);

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned(), "users.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (ca, Identity::from_pem(certificate.pem(), key.serialize_pem()))
}

/// With TLS, the certificate of every endpoint must be valid for its address or the given name, also on this machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_each_endpoint_proves_its_name() {
    let (ca, identity) = authority();
    let (secure, plain) = (Server::start_tls(identity), Server::start());
    let memory = Memory(watch::Sender::new(vec![secure.endpoint()]));
    let registry = Registry::with_provider(memory.clone()).build();
    let channel = registry.grpc("users").unwrap();
    let trusting = ClientTlsConfig::new().ca_certificate(ca);

    for config in [trusting.clone(), trusting.clone().domain_name("users.test")] {
        HealthClient::new(channel.clone().tls(config)).check(HealthCheckRequest::default()).await.unwrap();
    }
    assert_eq!(secure.calls(), 2);

    let (other_ca, _) = authority();
    let refused = [
        ("another authority", channel.clone().tls(ClientTlsConfig::new().ca_certificate(other_ca))),
        ("another name", channel.clone().tls(trusting.clone().domain_name("carts.test"))),
        ("no TLS", channel.clone()),
    ];
    for (what, channel) in refused {
        let status = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap_err();
        assert_eq!(secure.calls(), 2, "{what}: {status:?}");
    }

    // Nor is a server called that does not know TLS.
    memory.0.send_replace(vec![plain.endpoint()]);
    let channel = channel.tls(trusting);
    until(|| channel.resolver().endpoints().iter().all(|at| at.port == Some(plain.address.port()))).await;
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(plain.calls(), 0);
}
