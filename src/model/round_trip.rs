//! What is written can be read: any service, of any source, survives JSON.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::clean::Untrusted;

static KNOWN: FindingKind = FindingKind::new("tcp-refused", Group::Tcp, (30, Some(0)), "It refuses", "start it");

/// Text of every awkward sort: controls, escapes, direction marks, quotes, nothing at all.
pub(super) fn any_text() -> impl Strategy<Value = Untrusted> {
    prop_oneof![
        ".{0,12}".prop_map(Untrusted::from),
        Just(Untrusted::from("\u{1b}]0;x\u{7}\u{202e}\u{200b}\"\\\u{9b}")),
        Just(Untrusted::from("")),
        Just(Untrusted::from("null")),
    ]
}

fn any_word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9 :/é-]{0,20}"
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];

    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Fact::from),
        any::<i64>().prop_map(Fact::from),
        (0..4_000_000_000_i64).prop_map(|second| Fact::from(Timestamp::from_second(second).unwrap())),
        any_text().prop_map(Fact::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Fact::List))
}

fn any_identity() -> impl Strategy<Value = Identity> {
    let facts = prop::collection::btree_map(any_word().prop_map(Into::into), any_fact(), 0..4);
    (prop::option::of(any_word()), prop::option::of(any_text()), facts, prop::option::of(any_text()), any::<bool>())
        .prop_map(|(protocol, product, facts, banner, tls)| Identity {
            protocol: protocol.map(Into::into),
            version: product.clone(),
            product,
            facts,
            tls: tls.then(|| TlsFacts { version: Some("TLSv1.3".into()), chain_length: 2, ..TlsFacts::default() }),
            banner,
        })
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let foreign = (any_text(), any::<u8>(), prop::option::of(any::<u8>()), any_text(), any_text());
    let foreign = foreign.prop_map(|(code, points, cap, text, hint)| {
        let text = json!({"code": code, "points": points, "cap": cap, "text": text, "hint": hint});
        serde_json::from_value(text).unwrap()
    });
    prop_oneof![any_text().prop_map(|text| Finding::new(&KNOWN, text)), foreign]
}

fn any_health() -> impl Strategy<Value = Health> {
    (prop::option::of(0..=100_u8), any::<bool>(), prop::collection::vec(any_word(), 0..3), any_findings(), any::<u64>())
        .prop_map(|(score, complete, words, findings, age)| Health {
            state: HealthState::of(score),
            score,
            uncapped: score,
            grade: score.map(Grade::of),
            complete,
            not_covered: words.iter().cloned().map(Into::into).collect(),
            coverage: words.iter().cloned().map(Into::into).collect(),
            findings,
            hindered: words,
            out_of_reach: !complete,
            figures: Figures::default(),
            tls: None,
            age_ms: complete.then_some(age),
        })
}

fn any_findings() -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(any_finding(), 0..3)
}

fn any_address() -> impl Strategy<Value = (Address, Option<u16>, Transport)> {
    let transport =
        prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Sctp), Just(Transport::UdpLite)];
    let host = prop_oneof![
        any::<std::net::IpAddr>().prop_map(Address::Ip),
        "[g-z][a-z.-]{0,20}".prop_map(|name| Address::Name(name.into())),
    ];

    prop_oneof![
        (host, prop::option::of(1..=u16::MAX), transport),
        any_text().prop_map(|path| (Address::Unix(path), None, Transport::Unix)),
        Just((Address::Unix("127.0.0.1".into()), None, Transport::Unix)),
        any::<std::net::IpAddr>().prop_map(|ip| (Address::Ip(ip), None, Transport::Raw)),
        Just((Address::Other("*".into()), None, Transport::Packet)),
        Just((Address::Other("2:1024".into()), None, Transport::Vsock)),
    ]
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let parts = (
        any_address(),
        prop::option::of(any_text()),
        any::<bool>(),
        prop::option::of(prop::option::of(any_word())),
        prop::option::of(any_identity()),
        prop::option::of(any::<u16>()),
        prop::option::of(instance::tests::any_instance()),
        prop::option::of(any_health()),
    );

    parts.prop_map(|((address, port, transport), interface, ready, guess, identity, weight, instance, health)| {
        let mut endpoint = Endpoint {
            interface,
            ready,
            weight,
            identity: identity.map(Box::new),
            instance: instance.map(Box::new),
            health: health.map(Box::new),
            ..Endpoint::new(address, port, transport)
        };
        if let Some(guess) = guess {
            endpoint.port_service = guess.map(Into::into);
        }
        endpoint
    })
}

fn any_service() -> impl Strategy<Value = Service> {
    let names = (".{0,20}", prop::option::of(any_text()), prop::option::of(any_text()), any_word());

    (names, prop::collection::vec(any_endpoint(), 0..3), any_findings(), any::<Option<bool>>(), any_json()).prop_map(
        |((id, name, namespace, source), endpoints, findings, complete, detail)| {
            let health = complete.map(|complete| {
                Box::new(ServiceHealth {
                    state: HealthState::Degraded,
                    score: Some(63),
                    grade: Some(Grade::D),
                    complete,
                    min_score: complete.then_some(80),
                })
            });
            let detail: Arc<dyn Detail> = Arc::new(RawDetail(detail));
            Service {
                id: id.into(),
                name,
                namespace,
                health,
                findings,
                ..Service::new(String::new(), source, endpoints, detail)
            }
        },
    )
}

fn any_listing() -> impl Strategy<Value = Listing> {
    let fault =
        || (".{0,9}", ".{0,9}", ".{0,9}").prop_map(|(operation, cause, hint)| PartialError { operation, cause, hint });
    let faults = || prop::collection::vec(fault(), 0..3);

    (prop::collection::vec(any_service(), 0..4), any::<bool>(), faults(), faults()).prop_map(
        |(services, is_complete, errors, limits)| Listing {
            services,
            completeness: if is_complete { Completeness::Complete } else { Completeness::Incomplete },
            errors,
            limits,
            ..Listing::default()
        },
    )
}

/// All that can happen to a service and a source.
fn any_event() -> impl Strategy<Value = Event> {
    let error = (".{0,9}", ".{0,9}", ".{0,9}");

    (any_service(), error, any::<u32>(), prop::collection::vec(".{0,9}", 0..3), 0..7_u8).prop_map(
        |(item, (operation, cause, hint), number, changed, which)| {
            let (source, item, error) = (item.source.clone(), Arc::new(item), PartialError { operation, cause, hint });
            let was = item.health.as_deref().copied();
            let kind = match which {
                0 => EventKind::Added(item),
                1 => EventKind::Updated { item, changed, was },
                2 => EventKind::Removed(item),
                3 => EventKind::Synced {
                    services: number as usize,
                    duration: changed.first().map(|_| Duration::from_millis(number.into())),
                },
                4 => EventKind::Stale { age: Some(Duration::from_millis(number.into())), error },
                5 => EventKind::Lagged { missed: number.into() },
                _ => EventKind::Error(error),
            };
            Event { index: number.into(), time: Timestamp::UNIX_EPOCH, source, kind }
        },
    )
}

proptest! {
    #[test]
    fn a_service_survives_json_in_both_directions(service in any_service()) {
        let text = serde_json::to_string(&service).unwrap();
        let read: Service = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&serde_json::to_string(&read).unwrap(), &text);

        prop_assert_eq!((&read.id, &read.name, &read.namespace), (&service.id, &service.name, &service.namespace));
        prop_assert_eq!((&read.source, &read.findings, &read.health), (&service.source, &service.findings, &service.health));
        prop_assert_eq!(&read.endpoints, &service.endpoints);
        prop_assert!(read.detail.downcast_ref::<RawDetail>() == service.detail.downcast_ref::<RawDetail>());
        prop_assert_eq!(changed_fields(&service, &read), Vec::<String>::new());
    }

    #[test]
    fn an_event_survives_json(event in any_event()) {
        let text = serde_json::to_string(&event).unwrap();
        let read: Event = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn a_listing_survives_json(listing in any_listing()) {
        let read = Listing::from_json(listing.to_json().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(read.completeness, listing.completeness);
        prop_assert_eq!(&read.errors, &listing.errors);
        prop_assert_eq!(&read.limits, &listing.limits);
        let texts = |listing: &Listing| listing.services.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        let (read, written): (Vec<String>, Vec<String>) = (texts(&read), texts(&listing));
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_json_panics(value in any_json()) {
        let _ = serde_json::from_value::<Service>(value.clone());
        let _ = serde_json::from_value::<Endpoint>(value.clone());
        let _ = serde_json::from_value::<Event>(value);
    }
}

/// A detail that is read as its own type and as a raw one writes the same text both times.
pub(super) fn typed<D: Detail + serde::de::DeserializeOwned>(detail: D) {
    let service = Service::new("s".to_owned(), "test", Vec::new(), detail).erase();
    let text = serde_json::to_string(&service).unwrap();
    let read: Service<D> = serde_json::from_str(&text).unwrap();
    let raw: Service = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read.erase()).unwrap(), text);
    assert_eq!(serde_json::to_string(&raw).unwrap(), text);
}

#[test]
fn details_are_read_as_their_own_type() {
    let local = json!({
        "owner": "no-permission",
        "processes": [{
            "pid": 7, "name": "caf\u{fffd}", "command": "x -y", "exe": null, "user": {"uid": 0, "name": "root"},
            "started": "2026-01-02T03:04:05Z", "memory_bytes": 1, "cpu_ms": 2,
            "parents": [{"pid": 1, "name": "init"}], "not_utf8": ["name"],
        }],
        "processes_complete": false, "user": null, "unit": "web.service",
        "container": {"runtime": "docker", "id": "abc", "pod": null}, "scope": "all", "state": "listen",
        "interfaces": ["lo"], "exposed": true, "v6_only": null, "netns": {"inode": 4, "name": null},
        "backlog": {"used": 0, "limit": 128}, "receive_queue": null, "connections": 3, "sockets": 1,
    });
    let text = local.to_string();
    let detail: LocalDetail = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&detail).unwrap(), text);
    typed(detail);

    let rtt = Some(Duration::from_micros(812));
    typed(ScanDetail {
        state: PortState::NoAnswer,
        reason: Reason::Refused,
        rtt,
        attempts: 2,
        host: None,
        reverse_name: None,
        mac: Some(HardwareAddress([0, 0, 0x0c, 1, 2, 3])),
        vendor: Some("Cisco".into()),
        netns: None,
    });
    let scan = serde_json::to_value(ScanDetail {
        state: PortState::Closed,
        reason: Reason::Refused,
        rtt: None,
        attempts: 1,
        host: Some("h".into()),
        reverse_name: None,
        mac: None,
        vendor: None,
        netns: None,
    });
    assert_eq!(scan.unwrap()["reason"], "refused", "the word that every format has for it");
    typed(DeclaredDetail { from: "s.toml".into(), protocol: Some("http".into()), ..DeclaredDetail::default() });
}

#[cfg(feature = "k8s")]
#[test]
fn details_of_kubernetes_are_read_as_their_own_type() {
    typed(K8sDetail {
        kind: K8sServiceType::LoadBalancer,
        headless: false,
        cluster_ips: vec![[10, 0, 0, 1].into()],
        external: vec!["lb.test".into()],
        external_name: None,
        labels: [("team".into(), "shop".into())].into(),
        selector: [("app".into(), "web".into())].into(),
        publish_not_ready: false,
        ports: vec![K8sPort {
            name: Some("http".into()),
            port: 80,
            target: Some(TargetPort::Name("web".into())),
            node_port: Some(30_080),
            transport: Transport::Tcp,
            app_protocol: None,
        }],
        endpoints_from: EndpointsFrom::Slices,
    });
    typed(K8sPodDetail {
        kind: "Pod".into(),
        phase: "Running".into(),
        reason: None,
        ready: true,
        terminating: false,
        node: Some("n1".into()),
        controller: None,
        containers: vec![K8sContainer { name: "c".into(), image: None, ready: true, restarts: 2 }],
        services: vec!["web".into()],
    });

    typed(K8sRouteDetail {
        kind: "HTTPRoute".into(),
        served_by: vec![],
        hosts: vec!["*".into()],
        tls_hosts: vec![],
        addresses: vec![],
        rules: vec![K8sRule {
            host: None,
            path: Some("/".into()),
            path_type: None,
            service: None,
            port: Some(TargetPort::Number(80)),
        }],
    });
}

#[test]
fn a_service_needs_little_and_hides_nothing() {
    let text = r#"{"id":"a","endpoints":[{"address":"10.0.0.1","port":80,"transport":"tcp"}]}"#;
    let read: Service = serde_json::from_str(text).unwrap();
    assert_eq!((read.source.as_str(), read.endpoints[0].ready), ("given", true));
    assert_eq!(read.endpoints[0].port_service.as_deref(), Some("http"));

    let refused = |change: &str, to: &str| {
        let error = serde_json::from_str::<Service>(&text.replace(change, to)).unwrap_err().to_string();
        error.split(" at line").next().unwrap_or_default().to_owned()
    };
    assert_eq!(refused("80", "0"), "port 0 is not a port");
    assert_eq!(refused("\"id\":\"a\",", ""), "missing field `id`");
    assert_eq!(refused(r#""id":"a""#, r#""id":"a","source":"\u001b[2J""#), "'\\u{1b}[2J' is not a word");
    assert!(refused("80", "80000").starts_with("invalid value"), "{}", refused("80", "80000"));
    assert!(refused("tcp", "carrier-pigeon").starts_with("unknown variant"));
}
