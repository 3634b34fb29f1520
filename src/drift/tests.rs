//! The rules, one by one, and the helpers of these tests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::*;
use crate::model::{
    Address, Certainty, DriftState, Endpoint, HealthState, Identity, Instance, Lease, Lifecycle, LocalDetail,
    OwnerLookup, Process, RegistryState, Scope, Service, SocketState, Timestamp, Transport,
};

const NOW: i64 = 1_790_000_000;

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A TCP listener of a process with the id 7.
pub(super) fn listener(address: &str, port: u16, process: &str) -> Service<LocalDetail> {
    let endpoint = Endpoint::new(Address::Ip(ip(address)), Some(port), Transport::Tcp);
    let process = Process {
        pid: 7,
        name: process.into(),
        command: None,
        exe: None,
        cwd: None,
        user: None,
        started: Some(Timestamp::from_second(NOW - 600).unwrap()),
        memory_bytes: None,
        cpu_ms: None,
        parents: Vec::new(),
        not_utf8: Vec::new(),
        unread: Vec::new(),
    };
    let detail = LocalDetail {
        owner: OwnerLookup::Known,
        processes: vec![process.into()].into(),
        processes_complete: true,
        user: None,
        unit: None,
        unit_user: None,
        container: None,
        scope: Scope::of(ip(address)),
        state: SocketState::Listen,
        interfaces: Vec::new(),
        exposed: None,
        firewall: None,
        forwards_to: Vec::new(),
        mptcp: false,
        protocol: None,
        v6_only: Some(address == "::1"),
        netns: None,
        backlog: None,
        receive_queue: None,
        connections: None,
        sockets: 1,
    };

    Service::new(format!("local/tcp/{address}:{port}"), "local", vec![endpoint], detail)
}

/// A registered endpoint that Consul gives calls.
pub(super) fn registered(service: &str, id: &str, address: &str, port: u16) -> RegisteredEndpoint {
    let instance = Instance { id: id.to_owned(), serving: true, ..Instance::default() };
    let endpoint = Endpoint::new(Address::Ip(ip(address)), Some(port), Transport::Tcp);

    RegisteredEndpoint {
        service: service.into(),
        namespace: None,
        endpoint: Endpoint { instance: Some(Box::new(instance)), ..endpoint },
        addresses: vec![ip(address)],
        health: RegistryHealth::Passing,
        judged: Some(true),
        declared: Declaration::default(),
        key: None,
        manual: false,
    }
}

pub(super) fn instance(registered: &mut RegisteredEndpoint) -> &mut Instance {
    registered.endpoint.instance.as_mut().unwrap()
}

/// A machine with the address 10.0.0.5, and one registry of Consul.
pub(super) fn input() -> DriftInput {
    let host = HostView {
        names: vec!["here".to_owned()],
        addresses: Some(vec![ip("10.0.0.5"), ip("127.0.0.1"), ip("::1")]),
        other_addresses: Vec::new(),
        namespaces_complete: true,
    };

    DriftInput {
        registries: vec![view("consul")],
        listeners: Vec::new(),
        listeners_complete: true,
        published_known: true,
        host,
        replies: BTreeMap::new(),
        allow: AllowList::default(),
        hosts: Vec::new(),
        now: Timestamp::from_second(NOW).unwrap(),
    }
}

pub(super) fn view(provider: &str) -> RegistryView {
    let name = provider.to_owned();
    RegistryView { provider: name.clone(), name, complete: true, ..RegistryView::default() }
}

/// An input with one registration and these listeners; what listens accepts connections.
pub(super) fn with(endpoint: RegisteredEndpoint, listeners: Vec<Service<LocalDetail>>) -> DriftInput {
    let mut input = input();
    input.registries[0].endpoints.push(endpoint);
    input.listeners = listeners;
    reply(&mut input);
    input
}

/// Fills in what this machine replies: a connection where something listens, a refusal elsewhere.
pub(super) fn reply(input: &mut DriftInput) {
    let sockets: BTreeSet<(IpAddr, u16)> = input
        .registries
        .iter()
        .flat_map(|view| &view.endpoints)
        .flat_map(RegisteredEndpoint::sockets)
        .map(|(ip, port, _)| (ip, port))
        .collect();

    for (ip, port) in sockets {
        let listens = input
            .listeners
            .iter()
            .any(|service| service.endpoints[0].port == Some(port) && listeners::covers(service, ip) == Certainty::Yes);
        let connection = if listens { ConnectionEnd::Accepted } else { ConnectionEnd::Refused };
        input.replies.insert((ip, port), AddressReply { connection, identity: None });
    }
}

pub(super) fn codes(input: &DriftInput) -> Vec<String> {
    compare(input).iter().filter_map(|item| item.code().map(str::to_owned)).collect()
}

/// The reasons why nothing can be said.
pub(super) fn reasons(input: &DriftInput) -> Vec<String> {
    let items = compare(input);
    let unknown = items.iter().filter(|item| item.detail.state == DriftState::CannotTell);
    unknown.filter_map(|item| item.detail.reason.as_ref()).map(ToString::to_string).collect()
}

#[test]
fn what_listens_and_is_registered_agrees() {
    for bound in ["10.0.0.5", "0.0.0.0", "::"] {
        let input = with(registered("web", "web-1", "10.0.0.5", 80), vec![listener(bound, 80, "nginx")]);
        let items = compare(&input);
        assert_eq!((items.len(), items[0].detail.state), (1, DriftState::Agrees), "{bound}");
    }
}

#[test]
fn a_port_that_nothing_holds_is_not_listening_and_nothing_else() {
    let mut dead = registered("web", "n1/web-1", "10.0.0.5", 80);
    dead.judged = Some(false);
    dead.declared.process = Some("nginx".into());
    let input = with(dead, Vec::new());
    assert_eq!(codes(&input), ["drift-not-listening"]);

    let item = &compare(&input)[0];
    let text = item.finding.as_ref().unwrap().text.to_string();
    assert_eq!(text, "n1/web-1 at 10.0.0.5:80 is registered, but nothing listens there");
    assert_eq!(item.detail.command, Some("consul services deregister -id=web-1".into()));
    assert!(item.removal.as_ref().unwrap().automatic);
}

#[test]
fn a_socket_table_that_could_not_be_read_proves_nothing() {
    let input = DriftInput { listeners_complete: false, ..with(registered("web", "a", "10.0.0.5", 80), Vec::new()) };
    let silent = DriftInput { replies: BTreeMap::new(), ..input.clone() };
    assert_eq!((codes(&silent), reasons(&silent)), (Vec::new(), vec!["whether it replies is unknown".to_owned()]));
    assert_eq!(codes(&input), ["drift-health-differs"], "the refusal is a fact of its own");
}

/// What a rule of the firewall leads elsewhere: a row of the listing, and no listener.
fn published(address: &str, port: u16) -> Service<LocalDetail> {
    let mut rule = listener(address, port, "nginx");
    rule.detail.state = SocketState::Published;
    rule.detail.forwards_to = vec!["172.17.0.2:80".parse().unwrap()];
    rule
}

#[test]
fn a_rule_of_the_firewall_is_no_listener_and_leaves_the_address_open() {
    for (address, covers) in [("0.0.0.0", true), ("10.0.0.5", true), ("10.0.0.6", false), ("::", false)] {
        for connection in [ConnectionEnd::Refused, ConnectionEnd::Accepted, ConnectionEnd::TimedOut] {
            let mut input = with(registered("web", "web-1", "10.0.0.5", 80), vec![published(address, 80)]);
            input.replies.insert((ip("10.0.0.5"), 80), AddressReply { connection, identity: None });
            let is_refused = connection == ConnectionEnd::Refused;
            let expected: &[&str] = if !covers && is_refused { &["drift-not-listening"] } else { &[] };
            let found = codes(&input);
            // The rest of the table is another test's.
            assert!(found == expected || (!covers && !is_refused), "{address} {connection:?}: {found:?}");
            let is_open = reasons(&input).iter().any(|reason| reason.contains("forwards its connections elsewhere"));
            assert_eq!(is_open, covers, "{address} {connection:?}");
        }
    }

    // Only this machine connects to its loopback address.
    let mut loopback = with(registered("web", "web-1", "127.0.0.1", 80), vec![published("0.0.0.0", 80)]);
    loopback.published_known = false;
    let refused = AddressReply { connection: ConnectionEnd::Refused, identity: None };
    loopback.replies.insert((ip("127.0.0.1"), 80), refused);
    assert_eq!(codes(&loopback), ["drift-not-listening"]);

    let mut none = input();
    none.listeners.push(published("0.0.0.0", 8080));
    assert_eq!(compare(&none), Vec::new(), "a rule needs no registration");
}

#[test]
fn rules_that_cannot_be_read_may_publish_an_address() {
    let input = DriftInput { published_known: false, ..with(registered("web", "a", "10.0.0.5", 80), Vec::new()) };
    assert_eq!(codes(&input), Vec::<String>::new());
    assert!(reasons(&input)[0].contains("firewall rules that cannot be read may publish it"), "{:?}", reasons(&input));
    let removals = plan_removals(&input, &compare(&input));
    assert_eq!(removals, RemovalPlan::default());

    let listening = DriftInput { listeners: vec![listener("0.0.0.0", 80, "nginx")], ..input };
    assert_eq!(reasons(&listening).iter().filter(|reason| reason.contains("publish")).count(), 0, "a socket is a fact");
}

#[test]
fn a_service_that_is_bound_to_loopback_is_told_apart() {
    let input = with(registered("web", "web-1", "10.0.0.5", 80), vec![listener("127.0.0.1", 80, "nginx")]);
    assert_eq!(codes(&input), ["drift-loopback-only"]);
    let item = &compare(&input)[0];
    assert_eq!(item.detail.holder.as_ref().unwrap().to_string(), "nginx (pid 7)");
    assert_eq!(item.detail.since, Some(Timestamp::from_second(NOW - 600).unwrap()));
    assert!(!item.removal.as_ref().unwrap().automatic);
}

#[test]
fn another_host_is_judged_by_its_replies_only() {
    let replies = [
        (ConnectionEnd::Accepted, &[][..], ""),
        (ConnectionEnd::Refused, &["drift-health-differs"][..], ""),
        (ConnectionEnd::TimedOut, &[][..], "it is on another host, whose sockets are not visible from here"),
        (ConnectionEnd::Unreachable, &[][..], "it is on another host, whose sockets are not visible from here"),
        (ConnectionEnd::NotTried, &[][..], "it is on another host, whose sockets are not visible from here"),
    ];

    for (connection, expected, reason) in replies {
        let mut input = with(registered("web", "web-1", "10.0.0.9", 80), Vec::new());
        input.replies.insert((ip("10.0.0.9"), 80), AddressReply { connection, identity: None });
        assert_eq!(codes(&input), expected, "{connection:?}");
        assert_eq!(reasons(&input).join(""), reason, "{connection:?}");
    }
}

/// An input with one registration that nothing listens for, at an address of a node.
fn with_node(address: &str, node: Option<&str>) -> DriftInput {
    let mut one = registered("web", "web-1", address, 80);
    instance(&mut one).node = node.map(Into::into);
    with(one, Vec::new())
}

#[test]
fn loopback_belongs_to_the_node_that_registered_it() {
    assert_eq!(codes(&with_node("127.0.0.1", None)), ["drift-not-listening"]);
    assert_eq!(codes(&with_node("127.0.0.1", Some("here"))), ["drift-not-listening"]);

    let mut own = with_node("127.0.0.1", Some("there"));
    assert_eq!(reasons(&own), ["it is the loopback address of another host"]);
    own.registries[0].place = Some("127.0.0.1:8500".to_owned());
    assert_eq!(codes(&own), ["drift-not-listening"], "a registry of this machine that knows one node");
    let mut other = registered("web", "web-2", "10.0.0.9", 80);
    instance(&mut other).node = Some("elsewhere".into());
    own.registries[0].endpoints.push(other);
    assert!(!codes(&own).contains(&"drift-not-listening".to_owned()), "it knows two nodes");
}

#[test]
fn an_address_that_the_node_does_not_have_is_foreign() {
    let foreign = with_node("10.0.0.9", Some("here"));
    assert_eq!(codes(&foreign), ["drift-foreign-address"]);
    let elsewhere = with_node("10.0.0.9", Some("there"));
    assert_eq!(codes(&elsewhere), ["drift-health-differs"], "another host that refuses");

    let container =
        DriftInput { host: HostView { other_addresses: vec![ip("10.0.0.9")], ..input().host }, ..foreign.clone() };
    assert_eq!(reasons(&container), ["the address is in another network namespace of this machine"]);
    let mut hidden = DriftInput { host: HostView { namespaces_complete: false, ..input().host }, ..foreign };
    assert!(codes(&hidden).is_empty() && reasons(&hidden)[0].contains("hidden"), "{:?}", reasons(&hidden));

    let unreachable = AddressReply { connection: ConnectionEnd::Unreachable, identity: None };
    hidden.replies.insert((ip("10.0.0.9"), 80), unreachable);
    assert_eq!(codes(&hidden), ["drift-foreign-address"], "no route leads to another namespace");
}

#[test]
fn a_holder_that_is_not_the_declared_one_is_a_finding_unless_it_is_hidden() {
    let mut one = registered("web", "web-1", "10.0.0.5", 80);
    one.declared.process = Some("web".into());
    let mut input = with(one, vec![listener("10.0.0.5", 80, "nginx")]);
    assert_eq!(codes(&input), ["drift-wrong-process"]);

    (input.listeners[0].detail.owner, input.listeners[0].detail.processes) = (OwnerLookup::NoPermission, [].into());
    assert_eq!(codes(&input), Vec::<String>::new());
    assert_eq!(reasons(&input), ["the process that holds the socket is hidden; run portolan as root"]);
}

/// The findings of a registered Redis 7.2 at whose address this replies.
fn codes_of_reply(protocol: &str, product: &str, version: &str) -> Vec<String> {
    let mut one = registered("cache", "cache-1", "10.0.0.5", 80);
    one.declared.protocol = Some("redis".to_owned());
    instance(&mut one).version = Some("7.2".into());
    let mut input = with(one, vec![listener("10.0.0.5", 80, "x")]);

    let identity = Identity::of(protocol.to_owned()).product(product).version(version);
    input.replies.get_mut(&(ip("10.0.0.5"), 80)).unwrap().identity = Some(Box::new(identity));
    codes(&input)
}

#[test]
fn what_replies_is_compared_with_what_is_registered() {
    assert_eq!(codes_of_reply("redis", "Redis", "7.2.4"), Vec::<String>::new());
    assert_eq!(codes_of_reply("redis", "Redis", "7.4.1"), ["drift-version-differs"]);
    assert_eq!(codes_of_reply("http", "nginx", "1.0"), ["drift-wrong-process"]);
    assert_eq!(codes_of_reply("something-new", "", ""), Vec::<String>::new(), "not recognized is not another one");
}

/// An input with one registration whose check fails and whose address accepts connections.
fn with_failing(check: FailedCheck) -> DriftInput {
    let mut one = registered("web", "a", "10.0.0.5", 80);
    (one.health, one.endpoint.ready) = (RegistryHealth::Failing(check), false);
    with(one, vec![listener("10.0.0.5", 80, "x")])
}

#[test]
fn health_differs_in_both_directions() {
    let mut refused = with(registered("web", "a", "10.0.0.5", 80), vec![listener("10.0.0.5", 80, "x")]);
    refused.replies.insert((ip("10.0.0.5"), 80), AddressReply { connection: ConnectionEnd::TimedOut, identity: None });
    assert_eq!(codes(&refused), ["drift-health-differs"], "a full backlog");

    assert_eq!(codes(&with_failing(FailedCheck::Connect("tcp".into()))), ["drift-health-differs"]);
    assert_eq!(codes(&with_failing(FailedCheck::Heartbeat)), ["drift-stale"]);
    assert_eq!(reasons(&with_failing(FailedCheck::Other)), ["its check fails, and examines more than a connection"]);
}

/// The findings of an instance whose lease has this end, as the registry says, and ends in this many seconds by this clock.
fn codes_of_lease(expired: bool, seconds: i64) -> Vec<String> {
    let mut one = registered("web", "a", "10.0.0.5", 80);
    let expires = Timestamp::from_second(NOW + seconds).unwrap();
    let instance = instance(&mut one);
    instance.serving = !expired;
    instance.lease = Some(Lease { ttl: std::time::Duration::from_secs(15), expires, expired });

    codes(&with(one, vec![listener("10.0.0.5", 80, "x")]))
}

#[test]
fn a_lease_that_the_registry_calls_expired_is_stale() {
    assert_eq!(codes_of_lease(true, -60), ["drift-stale"]);
    assert_eq!(codes_of_lease(true, 60), ["drift-stale"], "this clock is slow");
    assert_eq!(codes_of_lease(false, -60), Vec::<String>::new(), "only this clock calls it expired");
}

#[test]
fn a_registration_without_check_and_lease_is_found() {
    for (judged, expected) in [(Some(false), &["drift-no-check"][..]), (Some(true), &[]), (None, &[])] {
        let one = RegisteredEndpoint { judged, ..registered("web", "a", "10.0.0.5", 80) };
        assert_eq!(codes(&with(one, vec![listener("10.0.0.5", 80, "x")])), expected);
    }
}

#[test]
fn an_instance_in_maintenance_may_be_silent() {
    let mut one = registered("web", "a", "10.0.0.9", 80);
    instance(&mut one).lifecycle = Lifecycle::Maintenance;
    assert_eq!(codes(&with(one, Vec::new())), Vec::<String>::new());
}

#[test]
fn the_states_of_checks_have_a_state_of_health() {
    let states = [HealthState::Healthy, HealthState::Degraded, HealthState::Unhealthy, HealthState::Unknown];
    let expected = [RegistryState::Passing, RegistryState::Warning, RegistryState::Critical, RegistryState::Unknown];
    assert_eq!(states.map(RegistryState::from), expected);
}
