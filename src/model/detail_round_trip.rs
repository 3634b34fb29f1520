//! The detail of every source, with any text of its peers, survives JSON: as its own type, and as a raw one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::round_trip::{any_text, typed};
use super::*;
use crate::clean::Untrusted;

/// What the details of a test are made of.
#[derive(Clone, Debug)]
struct Parts {
    texts: Vec<Untrusted>,
    number: u32,
    /// Whether optional fields are there.
    is_full: bool,
}

fn any_parts() -> impl Strategy<Value = Parts> {
    (prop::collection::vec(any_text(), 4), any::<u32>(), any::<bool>()).prop_map(|(texts, number, is_full)| Parts {
        texts,
        number,
        is_full,
    })
}

impl Parts {
    fn text(&self, at: usize) -> Untrusted {
        self.texts[at % self.texts.len()].clone()
    }

    fn option(&self, at: usize) -> Option<Untrusted> {
        self.is_full.then(|| self.text(at))
    }

    fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.number as usize % all.len()]
    }

    fn time(&self) -> Option<Timestamp> {
        self.is_full.then(|| Timestamp::from_second(self.number.into()).unwrap())
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        self.is_full.then(|| NetworkNamespace { inode: self.number.into(), name: self.option(1) })
    }

    fn user(&self) -> Option<User> {
        self.is_full.then(|| User { uid: self.number, name: self.option(2) })
    }

    fn container(&self) -> Option<Container> {
        self.is_full.then(|| Container {
            runtime: "docker".into(),
            id: self.text(0),
            pod: self.option(1),
            name: self.option(2),
            image: self.option(3),
            name_unknown: self.number.is_multiple_of(2),
        })
    }

    fn owner(&self) -> OwnerLookup {
        self.one_of(&[OwnerLookup::Known, OwnerLookup::NoPermission, OwnerLookup::NotFound, OwnerLookup::Unfinished])
    }

    fn processes(&self) -> Arc<[Arc<Process>]> {
        let process = Process {
            pid: self.number,
            name: self.text(0),
            command: self.option(1),
            exe: self.option(2),
            cwd: self.option(3),
            user: self.user(),
            started: self.time(),
            memory_bytes: self.is_full.then_some(self.number.into()),
            cpu_ms: self.is_full.then_some(u64::MAX),
            parents: vec![Ancestor { pid: 1, name: self.text(3) }],
            not_utf8: vec!["name".into()],
            unread: Vec::new(),
        };

        if self.is_full { [Arc::new(process)].into() } else { Arc::default() }
    }

    fn end(&self) -> ConnectionEnd {
        ConnectionEnd {
            owner: self.owner(),
            processes: self.processes(),
            processes_complete: self.is_full,
            user: self.user(),
            unit: self.option(0),
            unit_user: self.user(),
            container: self.container(),
            netns: self.netns(),
        }
    }

    fn registry_check(&self) -> RegistryCheck {
        RegistryCheck {
            instance: self.option(0),
            node: self.option(1),
            id: self.text(2),
            name: self.text(3),
            kind: self.option(2),
            target: self.option(0),
            state: self.one_of(&[RegistryState::Passing, RegistryState::Warning, RegistryState::Unknown]),
            note: self.option(1),
        }
    }
}

fn local(parts: &Parts) -> LocalDetail {
    LocalDetail {
        owner: parts.owner(),
        processes: parts.processes(),
        processes_complete: parts.is_full,
        user: parts.user(),
        unit: parts.option(0),
        unit_user: parts.user(),
        container: parts.container(),
        scope: parts.one_of(&[Scope::Loopback, Scope::Private, Scope::Public, Scope::Multicast, Scope::All]),
        state: parts.one_of(&[SocketState::Listen, SocketState::Unconnected, SocketState::Published]),
        protocol: parts.option(1),
        interfaces: parts.texts.clone(),
        exposed: parts.is_full.then_some(parts.number.is_multiple_of(2)),
        firewall: parts.is_full.then(|| parts.one_of(&[FirewallVerdict::Open, FirewallVerdict::Partly])),
        forwards_to: if parts.is_full { vec![([10, 0, 0, 1], 80).into()] } else { Vec::new() },
        v6_only: parts.is_full.then_some(true),
        netns: parts.netns(),
        backlog: parts.is_full.then_some(Backlog { used: parts.number, limit: 128 }),
        receive_queue: parts.is_full.then_some(parts.number),
        connections: parts.is_full.then_some(parts.number),
        sockets: parts.number,
        mptcp: parts.is_full,
    }
}

fn connection(parts: &Parts) -> ConnectionDetail {
    ConnectionDetail {
        end: parts.end(),
        state: parts.one_of(&[ConnectionState::Established, ConnectionState::FinWait1, ConnectionState::CloseWait]),
        direction: parts.is_full.then_some(ConnectionDirection::In),
        peer: ConnectionPeer {
            address: std::net::Ipv6Addr::from(u128::from(parts.number)).into(),
            port: 80,
            scope: Scope::Public,
            holder: parts.is_full.then(|| parts.end()),
        },
    }
}

fn scan(parts: &Parts) -> ScanDetail {
    ScanDetail {
        state: parts.one_of(&[PortState::Open, PortState::Closed, PortState::NoAnswer, PortState::Up]),
        reason: parts.one_of(&[Reason::SynAck, Reason::PortUnreachable, Reason::NoResponse, Reason::EchoReply]),
        rtt: parts.is_full.then(|| Duration::from_micros(parts.number.into())),
        attempts: 1,
        host: parts.option(0),
        reverse_name: parts.option(1),
        mac: parts.is_full.then_some(HardwareAddress([0, 0, 0x0c, 1, 2, 3])),
        vendor: parts.option(2),
        netns: parts.netns(),
    }
}

fn dns(parts: &Parts) -> DnsDetail {
    DnsDetail {
        name: parts.text(0),
        resolvers: vec!["127.0.0.53:53".to_owned()],
        records: vec![DnsRecord { kind: "TXT".to_owned(), data: parts.text(1) }],
        ttl: parts.number,
    }
}

fn registered(parts: &Parts) -> RegisteredDetail {
    RegisteredDetail {
        instances: parts.number as usize,
        usable: 1,
        health: parts.is_full.then(|| parts.one_of(&HealthState::ALL)),
        protected: parts.is_full,
        checks: vec![parts.registry_check()],
    }
}

fn drift(parts: &Parts) -> DriftDetail {
    DriftDetail {
        state: parts.one_of(&[DriftState::Differs, DriftState::Agrees, DriftState::CannotTell]),
        host: parts.option(0),
        registry: parts.option(1),
        instance: parts.option(2),
        registered: parts.one_of(&Certainty::ALL),
        holder: parts.is_full.then(|| SocketHolder::of(&local(parts))),
        since: parts.time(),
        command: parts.option(3),
        reason: parts.option(0),
        ..DriftDetail::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_detail_of_every_source_survives_json(parts in any_parts()) {
        typed(local(&parts));
        typed(connection(&parts));
        typed(scan(&parts));
        typed(RegistryDetail {
            datacenter: parts.option(0),
            checks: vec![parts.registry_check()],
            keys: if parts.is_full { parts.texts.clone() } else { Vec::new() },
        });
        typed(dns(&parts));
        typed(registered(&parts));
        typed(drift(&parts));
        let labels = parts.texts.iter().map(|text| (text.clone(), text.clone())).collect();
        typed(DeclaredDetail { from: parts.text(0), protocol: Some("http".into()), labels, ask: Arc::default() });
    }
}

#[cfg(feature = "k8s")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_details_of_a_cluster_survive_json(parts in any_parts()) {
        let labels: std::collections::BTreeMap<_, _> = parts.texts.iter().map(|text| (text.clone(), text.clone())).collect();
        let target = parts.is_full.then(|| TargetPort::Name(parts.text(1)));
        typed(K8sDetail {
            kind: K8sServiceType::LoadBalancer,
            headless: parts.is_full,
            cluster_ips: vec![[10, 0, 0, 1].into()],
            external: parts.texts.clone(),
            external_name: parts.option(0),
            labels: labels.clone(),
            selector: labels,
            publish_not_ready: parts.is_full,
            ports: vec![K8sPort {
                name: parts.option(1),
                port: 80,
                target: target.clone(),
                node_port: parts.is_full.then_some(30_080),
                transport: Transport::Tcp,
                app_protocol: parts.option(2),
            }],
            endpoints_from: EndpointsFrom::Slices,
        });
        typed(K8sPodDetail {
            kind: "Pod".into(),
            phase: parts.text(0),
            reason: parts.option(1),
            ready: parts.is_full,
            terminating: !parts.is_full,
            node: parts.option(2),
            controller: parts.option(3),
            containers: vec![K8sContainer {
                name: parts.text(0),
                image: parts.option(1),
                ready: true,
                restarts: parts.number,
            }],
            services: parts.texts.clone(),
        });
        typed(K8sRouteDetail {
            kind: "HTTPRoute".into(),
            served_by: parts.texts.clone(),
            hosts: parts.texts.clone(),
            tls_hosts: parts.texts.clone(),
            addresses: parts.texts.clone(),
            rules: vec![K8sRule {
                host: parts.option(0),
                path: parts.option(1),
                path_type: parts.option(2),
                service: parts.option(3),
                port: target,
            }],
        });
    }
}
