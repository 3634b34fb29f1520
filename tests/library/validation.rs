//! Validation from a program: options, checks, batches, scores, counts and checks of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use portolan::check::{Check, CheckFuture, LocalFailure};
use portolan::health::{Summary, Validator, ValidatorOptions};
use portolan::model::{
    Address, CheckName, CheckSpec, DetailLevel, Finding, FindingKind, Group, Health, HealthState, PartialError,
    RawDetail, Transport, Update, UpdateSink,
};
use portolan::{Detail, Endpoint, Service};

/// A server that answers each connection by `reply`, which gets its number.
pub(crate) fn serve(reply: fn(usize) -> Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = AtomicUsize::new(0);
    thread::spawn(move || {
        thread::scope(|scope| {
            for stream in listener.incoming() {
                let number = connections.fetch_add(1, Ordering::Relaxed);
                let mut stream = stream.unwrap();
                scope.spawn(move || {
                    let _ = stream.read(&mut [0; 1024]);
                    match reply(number) {
                        Some(status) => drop(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")),
                        None => drop(stream.read_to_end(&mut Vec::new())),
                    }
                });
            }
        });
    });
    address
}

pub(crate) fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn service(address: SocketAddr) -> Service {
    let endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), Transport::Tcp);
    Service::new(format!("given/{address}"), "given", vec![endpoint], RawDetail(serde_json::Value::Null)).erase()
}

pub(crate) fn quick() -> ValidatorOptions {
    let mut options = ValidatorOptions::default();
    options.timeout = Duration::from_millis(500);
    options.retries = 0;
    options
}

pub(crate) fn only(checks: &[CheckName]) -> CheckSpec {
    CheckSpec { check: checks.to_vec(), ..CheckSpec::default() }
}

pub(crate) async fn health(validator: &Validator, service: Service) -> Health {
    let listing = validator.validate(vec![service]).await.unwrap();
    listing.services[0].endpoints[0].health.as_deref().unwrap().clone()
}

pub(crate) fn codes(health: &Health) -> Vec<String> {
    health.findings.iter().map(|finding| finding.code().to_owned()).collect()
}

#[tokio::test]
async fn a_set_is_validated_and_the_counts_agree() {
    let services = vec![service(serve(|_| Some("200 OK"))), service(closed())];
    let listing = Validator::new(quick()).validate(services).await.unwrap();

    let summary = Summary::of(&listing.services);
    assert_eq!((summary.total, summary.valid(), summary.invalid()), (2, 1, 1));
    let states: Vec<HealthState> =
        listing.services.iter().map(|service| service.health.as_ref().unwrap().state).collect();
    assert_eq!(states, [HealthState::Healthy, HealthState::Unhealthy], "in their order, each with its result");
}

#[tokio::test]
async fn a_result_has_an_id_a_score_of_100_and_reasons() {
    let address = closed();
    let listing = Validator::new(quick()).validate(vec![service(address)]).await.unwrap();
    let [service] = &listing.services[..] else { panic!("one service") };
    assert_eq!(service.id, format!("given/{address}"));
    assert!(service.health.as_ref().unwrap().score.unwrap() < 50);
    assert_eq!(codes(service.endpoints[0].health.as_ref().unwrap()), ["tcp-refused"]);
}

#[tokio::test]
async fn connecting_is_checked_alone() {
    let health = health(&Validator::new(quick()).with_spec(only(&[CheckName::Tcp])), service(serve(|_| None))).await;
    assert_eq!((health.state, health.coverage.len()), (HealthState::Healthy, 1));
}

#[tokio::test]
async fn http_is_checked_by_its_status() {
    let validator = Validator::new(quick()).with_spec(only(&[CheckName::Tcp, CheckName::Http]));
    assert_eq!(health(&validator, service(serve(|_| Some("200 OK")))).await.state, HealthState::Healthy);
    assert_ne!(health(&validator, service(serve(|_| Some("500 Oh")))).await.state, HealthState::Healthy);
}

#[tokio::test]
async fn a_slow_server_is_given_up_after_the_timeout() {
    let validator = Validator::new(quick()).with_spec(only(&[CheckName::Tcp, CheckName::Http]));
    // The server keeps each connection open for ever, so this ends only by the timeout.
    let health = health(&validator, service(serve(|_| None))).await;
    assert_ne!(health.state, HealthState::Healthy);
}

#[tokio::test]
async fn silence_is_retried() {
    let mut options = quick();
    options.retries = 3;
    let validator = Validator::new(options).with_spec(only(&[CheckName::Http]));
    // The first two connections get no reply.
    let flaky = serve(|number| (number >= 2).then_some("200 OK"));
    assert_eq!(health(&validator, service(flaky)).await.state, HealthState::Healthy);
}

#[tokio::test]
async fn tls_is_checked() {
    let validator = Validator::new(quick()).with_spec(only(&[CheckName::Tcp, CheckName::Tls]));
    let health = health(&validator, service(serve(|_| Some("200 OK")))).await;
    assert!(health.covered().contains("tls"), "{}", health.covered());
    assert!(codes(&health).iter().any(|code| code.starts_with("tls-")), "plain text is no TLS: {health:?}");
}

#[tokio::test]
async fn names_are_resolved() {
    let address = serve(|_| Some("200 OK"));
    let mut service = service(address);
    service.endpoints[0].address = Address::Name("localhost".into());
    let health = health(&Validator::new(quick()), service).await;
    assert!(health.covered().split(' ').any(|check| check == "dns"), "{}", health.covered());
}

#[tokio::test]
async fn a_thousand_endpoints_are_checked_in_one_batch() {
    let address = serve(|_| Some("200 OK"));
    let numbered = |number: usize| Service { id: format!("given/{number}").into(), ..service(address) };
    let validator = Validator::default().with_spec(only(&[CheckName::Tcp]));
    let listing = validator.validate((0..1000).map(numbered).collect()).await.unwrap();
    assert_eq!(Summary::of(&listing.services).total, 1000);
    assert!(listing.services.iter().enumerate().all(|(number, service)| service.id == format!("given/{number}")));
}

/// A service type of this program's own.
#[derive(Debug, serde::Serialize)]
struct Custom {
    team: &'static str,
}

impl Detail for Custom {}

#[tokio::test]
async fn a_custom_service_is_validated_and_keeps_its_type() {
    let address = serve(|_| Some("200 OK"));
    let endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), Transport::Tcp);
    let custom = Service::new("custom/1", "custom", vec![endpoint], Custom { team: "a" }).erase();
    let listing = Validator::new(quick()).validate(vec![custom]).await.unwrap();
    assert_eq!(listing.services[0].detail.downcast_ref::<Custom>().unwrap().team, "a");
    assert_eq!(listing.services[0].health.as_ref().unwrap().score, Some(100));
}

static BAD: FindingKind = FindingKind::new("own-bad", Group::App, (30, Some(40)), "it is bad", "make it good");

/// Says what it was made to say.
struct Own(Result<bool, &'static str>);

impl Check for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn check<'a>(&'a self, _endpoint: &'a Endpoint) -> CheckFuture<'a> {
        Box::pin(async move {
            match self.0 {
                Ok(true) => Ok(Vec::new()),
                Ok(false) => Ok(vec![Finding::new(&BAD, "today")]),
                Err(why) => Err(LocalFailure::new(why)),
            }
        })
    }
}

#[tokio::test]
async fn a_check_of_ones_own_counts_like_the_others() {
    let address = serve(|_| Some("200 OK"));
    let run = |outcome| {
        let validator = Validator::new(quick()).with_check(Own(outcome));
        async move { health(&validator, service(address)).await }
    };

    let good = run(Ok(true)).await;
    assert_eq!((good.score, good.complete), (Some(100), true));
    assert!(good.coverage.iter().any(|check| check == "own"), "{}", good.covered());
    let bad = run(Ok(false)).await;
    assert_eq!((bad.score, codes(&bad)), (Some(40), vec!["own-bad".to_owned()]));
    let hindered = run(Err("no key")).await;
    assert_eq!((hindered.score, hindered.state), (None, HealthState::Unknown), "a local failure is unknown");
    assert!(!hindered.complete);
}

#[tokio::test]
async fn a_check_that_hangs_is_a_failure_of_ours() {
    struct Hangs;
    impl Check for Hangs {
        fn name(&self) -> &'static str {
            "hangs"
        }

        fn check<'a>(&'a self, _endpoint: &'a Endpoint) -> CheckFuture<'a> {
            Box::pin(std::future::pending::<Result<Vec<Finding>, LocalFailure>>())
        }
    }

    let health = health(&Validator::new(quick()).with_check(Hangs), service(serve(|_| Some("200 OK")))).await;
    assert!(!health.complete && health.state == HealthState::Unknown, "{health:?}");
}

#[tokio::test]
async fn a_source_is_watched_with_its_health() {
    use futures_util::StreamExt;
    use portolan::model::EventKind;
    use portolan::source::Scan;

    let address = serve(|_| Some("200 OK"));
    let ports = Some(address.port().to_string().parse().unwrap());
    let scan = Scan { targets: vec!["127.0.0.1".into()], ports, ..Scan::default() };
    let validated = Validator::new(quick()).validated(Arc::new(scan));
    let mut events = portolan::client::watch(Arc::new(validated), Some(Duration::from_millis(200)));

    let first = tokio::time::timeout(Duration::from_secs(30), events.next()).await.unwrap().unwrap().unwrap();
    let EventKind::Added(item) = &first.kind else { panic!("{first:?}") };
    assert_eq!(item.health.as_ref().unwrap().state, HealthState::Healthy);
}

/// A sink that hands on the services of each update.
struct Updates(tokio::sync::mpsc::UnboundedSender<Service>);

impl UpdateSink for Updates {
    fn detail_level(&self) -> DetailLevel {
        DetailLevel::Full
    }

    fn apply(&mut self, updates: Vec<Update>) {
        for update in updates {
            let services = match update {
                Update::Reset(services) => services,
                Update::Upsert(service) => vec![service],
                _ => Vec::new(),
            };
            // After the test nothing reads them.
            for service in services {
                let _ = self.0.send(service);
            }
        }
    }

    fn mark_stale(&mut self, error: PartialError) {
        panic!("{error:?}");
    }
}

#[tokio::test]
async fn a_monitor_feeds_the_health_of_a_source_to_a_sink() {
    use portolan::health::Monitor;
    use portolan::source::Scan;

    let ports = [serve(|_| Some("200 OK")), closed()].map(|address| address.port());
    let text = format!("{},{}", ports[0], ports[1]);
    let scan = Scan { targets: vec!["127.0.0.1".into()], ports: Some(text.parse().unwrap()), ..Scan::default() };
    let monitor = Monitor::new(&Validator::new(quick()), Arc::new(scan)).with_interval(Duration::from_millis(200));
    let (sender, mut services) = tokio::sync::mpsc::unbounded_channel();
    let mut sink = Updates(sender);

    let checked = async {
        loop {
            let service = services.recv().await.expect("the monitor goes on");
            if let Some(health) = service.health {
                return health.state;
            }
        }
    };
    tokio::select! {
        error = monitor.run(&mut sink) => panic!("{error}"),
        state = tokio::time::timeout(Duration::from_mins(1), checked) => assert_eq!(state.unwrap(), HealthState::Healthy),
    }
}

/// A document about checked or identified services names the machine, as one about the bare source does.
#[test]
fn wrapped_sources_keep_the_facts_of_the_host() {
    use portolan::Source;
    use portolan::identify::{IdentifiedSource, IdentifyOptions};
    use portolan::source::Local;

    let host = Local::default().host().unwrap();
    assert!(host.kernel.is_some(), "{host:?}");

    let identified = IdentifiedSource::new(Arc::new(Local::default()), IdentifyOptions::default());
    assert_eq!(identified.host().unwrap().kernel, host.kernel);
    let validated = Validator::new(quick()).validated(Arc::new(identified));
    assert_eq!(validated.host().unwrap().kernel, host.kernel);
}
