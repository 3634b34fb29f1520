//! Decides which checks an endpoint gets, by its declared protocol, its identified protocol, or its port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::check::{CheckTarget, LatencyTargets, Layer, has_dialog, knows_protocol, micros};
use crate::clean::Untrusted;
use crate::model::{Address, CheckName, CheckSpec, Endpoint, LatencyTarget, StartTlsKind, Transport};
use crate::net::{Route, StartTls, interface_index, interface_name};

/// The checks of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct CheckPlan {
    pub(crate) host: HostLocation,
    pub(crate) port: u16,
    /// The checks to run, in order.
    pub(crate) wanted: Vec<CheckName>,
    /// The checks that apply but do not run.
    pub(crate) unwanted: Vec<CheckName>,
    /// The target of the checks; its address is replaced by the resolved one.
    pub(crate) target: CheckTarget,
}

/// Where an endpoint is.
#[derive(Clone, Debug)]
pub(crate) enum HostLocation {
    /// At an address; the name, if any, should resolve to it.
    At(IpAddr, Option<String>),
    /// At the addresses of this name.
    Named(String),
}

impl HostLocation {
    fn name(&self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.clone()),
            Self::At(_, name) => name.clone(),
        }
    }

    /// The address, or 0.0.0.0 until the name is resolved.
    fn ip(&self) -> IpAddr {
        match self {
            Self::At(ip, _) => *ip,
            Self::Named(_) => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

/// How a service is spoken to.
struct ServiceHints {
    layer: Layer,
    http: bool,
    grpc: bool,
    protocol: Option<String>,
}

impl ServiceHints {
    fn is_known_protocol(&self) -> bool {
        self.protocol.as_deref().is_some_and(knows_protocol)
    }
}

/// Plans the checks of an endpoint; `None` if no check applies.
///
/// `has_history` is whether the endpoint is checked more than once. `own` are the addresses of this host.
pub(crate) fn plan(
    endpoint: &Endpoint,
    spec: &Arc<CheckSpec>,
    route: &Route,
    has_history: bool,
    own: &[IpAddr],
) -> Option<CheckPlan> {
    let port = endpoint.port.filter(|_| endpoint.transport == Transport::Tcp)?;
    let host = host(endpoint, spec)?;
    let name = host.name();
    let hints = requested_hints(endpoint, spec, route);
    // With an address and the name of its server, DNS is not the question: it may still lead elsewhere.
    let is_looked_up = matches!(host, HostLocation::Named(_)) || spec.check.contains(&CheckName::Dns);
    let looked_up = name.as_deref().filter(|_| is_looked_up);

    let (applicable, inapplicable): (Vec<_>, Vec<_>) =
        CheckName::ALL.into_iter().partition(|&check| applies(check, &hints, spec, route, looked_up, has_history));

    let (wanted, mut unwanted): (Vec<_>, Vec<_>) = applicable.into_iter().partition(|&check| is_wanted(check, spec));
    // These apply to every endpoint, so coverage names them if they do not run.
    unwanted.extend([CheckName::Dns, CheckName::Stability].iter().filter(|check| inapplicable.contains(check)));

    let target = CheckTarget {
        address: SocketAddr::new(host.ip(), port),
        interface: endpoint.interface.as_ref().map(|zone| device(zone.as_raw())),
        name: spec.server_name.clone().or(name),
        layer: hints.layer,
        grpc: hints.grpc,
        protocol: hints.protocol,
        spec: Arc::clone(spec),
        latency: latency_targets(host.ip(), &spec.goal, own),
        route: route.clone(),
    };
    Some(CheckPlan { host, port, wanted, unwanted, target })
}

/// The name of an interface that is given by its name or its number.
fn device(zone: &str) -> String {
    let numbered = zone.parse::<u32>().ok().and_then(|_| interface_index(zone)).and_then(interface_name);
    numbered.unwrap_or_else(|| zone.to_owned())
}

/// How the service is spoken to, with what the spec and the route require.
fn requested_hints(endpoint: &Endpoint, spec: &CheckSpec, route: &Route) -> ServiceHints {
    let mut hints = service_hints(endpoint, spec);
    if let Some(kind) = spec.starttls {
        hints.layer = Layer::StartTls(starttls(kind));
    } else if spec.check.contains(&CheckName::Tls) && hints.layer == Layer::Plain {
        hints.layer = Layer::Tls;
    }

    hints.grpc |= spec.check.contains(&CheckName::Grpc) || spec.grpc_service.is_some();
    hints.http |= spec.check.contains(&CheckName::Http) || (requires_http(spec) && !hints.grpc);
    // A proxy carries HTTP only: an endpoint gets the HTTP check unless its protocol is known to be another.
    hints.http |= is_proxied(route) && !hints.grpc && !hints.is_known_protocol();
    hints
}

fn applies(
    check: CheckName,
    hints: &ServiceHints,
    spec: &CheckSpec,
    route: &Route,
    name: Option<&str>,
    has_history: bool,
) -> bool {
    match check {
        CheckName::Dns | CheckName::Tcp | CheckName::Tls | CheckName::Grpc | CheckName::Protocol
            if is_proxied(route) =>
        {
            false
        }
        CheckName::Dns => name.is_some_and(|name| name.parse::<IpAddr>().is_err()),
        CheckName::Tcp => true,
        CheckName::Tls => hints.layer != Layer::Plain,
        CheckName::Http => hints.http,
        CheckName::Grpc => hints.grpc,
        CheckName::Protocol => hints.is_known_protocol(),
        CheckName::Script => !spec.script.is_empty(),
        CheckName::Stability => has_history,
    }
}

fn is_wanted(check: CheckName, spec: &CheckSpec) -> bool {
    (spec.check.is_empty() || spec.check.contains(&check)) && !spec.no_check.contains(&check)
}

fn is_proxied(route: &Route) -> bool {
    matches!(route, Route::Through(..))
}

/// Whether the spec has options or assertions that only HTTP can satisfy.
fn requires_http(spec: &CheckSpec) -> bool {
    spec.path.is_some()
        || spec.expect_status.is_some()
        || spec.expect_body.is_some()
        || !spec.expect_header.is_empty()
        || !spec.expect_json.is_empty()
}

fn host(endpoint: &Endpoint, spec: &CheckSpec) -> Option<HostLocation> {
    match &endpoint.address {
        Address::Name(name) => Some(HostLocation::Named(name.as_raw().to_owned())),
        Address::Unix(_) | Address::Other(_) => None,
        Address::Ip(_) => Some(HostLocation::At(endpoint.reachable_at()?, spec.server_name.clone())),
    }
}

/// How the service is spoken to: as declared by the user or by its source, else as identified, else as usual on its port.
fn service_hints(endpoint: &Endpoint, spec: &CheckSpec) -> ServiceHints {
    let instance = endpoint.instance.as_deref().and_then(|instance| instance.protocol.as_ref());
    let declared = spec.protocol.as_deref().or(instance.map(Untrusted::as_raw));
    let identity = endpoint.identity.as_ref();
    let identified = identity.and_then(|identity| identity.protocol.as_deref());
    // A port number says too little to send anything there but the dialogs that servers of any protocol bear.
    let guessed = endpoint.port_service.as_deref().filter(|word| identity.is_none() && is_begun_by_port(word));
    let mut hints = protocol_hints(declared.or(identified).or(guessed).unwrap_or_default());
    if declared.is_none() && identity.is_some_and(|identity| identity.tls.is_some()) {
        hints.layer = Layer::Tls;
    }
    hints
}

fn protocol_hints(protocol: &str) -> ServiceHints {
    let (layer, inner) = match protocol {
        "https" | "https-alt" | "h2" => (Layer::Tls, "http"),
        "grpcs" => (Layer::Tls, "grpc"),
        "imaps" => (Layer::Tls, "imap"),
        "pop3s" => (Layer::Tls, "pop3"),
        "smtps" | "submissions" => (Layer::Tls, "smtp"),
        "ftps" => (Layer::Tls, "ftp"),
        "rediss" | "redis-tls" => (Layer::Tls, "redis"),
        "amqps" => (Layer::Tls, "amqp"),
        "mqtts" => (Layer::Tls, "mqtt"),
        "tls" | "ssl" | "ldaps" | "domain-s" => (Layer::Tls, ""),
        "submission" => (Layer::Plain, "smtp"),
        protocol => (Layer::Plain, protocol),
    };

    let is_http = matches!(inner, "http" | "h2c");
    let protocol = Some(inner).filter(|inner| !matches!(*inner, "" | "tcp" | "http" | "grpc"));
    ServiceHints { layer, http: is_http, grpc: inner == "grpc", protocol: protocol.map(ToOwned::to_owned) }
}

fn is_begun_by_port(service: &str) -> bool {
    protocol_hints(service).protocol.is_none_or(|protocol| has_dialog(&protocol) || !knows_protocol(&protocol))
}

/// Whether a protocol that a user declares has a check, or is one of connecting only.
pub(crate) fn is_checked_protocol(word: &str) -> bool {
    let hints = protocol_hints(word);
    hints.http || hints.grpc || hints.layer != Layer::Plain || word == "tcp" || hints.is_known_protocol()
}

/// The protocols that a user may declare, beside their names with TLS.
pub(crate) const CHECKED_PROTOCOLS: &str = "tcp, tls, http, https, grpc, grpcs, redis, rediss, postgresql, mysql, \
     mongodb, mssql, amqp, mqtt, kafka, nats, cassandra, memcached, zookeeper, ldap, rdp, smtp, imap, pop3, ftp, ssh";

fn starttls(kind: StartTlsKind) -> StartTls {
    match kind {
        StartTlsKind::Smtp => StartTls::Smtp,
        StartTlsKind::Imap => StartTls::Imap,
        StartTlsKind::Pop3 => StartTls::Pop3,
        StartTlsKind::Ftp => StartTls::Ftp,
        StartTlsKind::Ldap => StartTls::Ldap,
        StartTlsKind::Postgresql => StartTls::Postgresql,
        StartTlsKind::Mysql => StartTls::Mysql,
    }
}

/// The latency targets for an address. `own` are the addresses of this host.
pub(crate) fn latency_targets(ip: IpAddr, given: &[LatencyTarget], own: &[IpAddr]) -> LatencyTargets {
    const MILLI: u64 = 1_000;
    let (connect, answer) = match ip.to_canonical() {
        ip if ip.is_loopback() || own.contains(&ip) => (5, 100),
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_shared(ip) => (25, 200),
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => (25, 200),
        _ => (200, 800),
    };

    let mut targets = LatencyTargets { connect_us: connect * MILLI, answer_us: answer * MILLI };
    for target in given {
        match target {
            LatencyTarget::Connect(time) => targets.connect_us = micros(*time),
            LatencyTarget::Answer(time) => targets.answer_us = micros(*time),
        }
    }
    targets
}

/// Whether the address is in the shared range of providers (RFC 6598).
fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(port: u16, change: impl FnOnce(&mut Endpoint, &mut CheckSpec)) -> CheckPlan {
        let (mut endpoint, mut spec) =
            (Endpoint::new(Address::Ip([127, 0, 0, 1].into()), Some(port), Transport::Tcp), CheckSpec::default());
        change(&mut endpoint, &mut spec);
        plan(&endpoint, &Arc::new(spec), &Route::Direct, false, &[]).unwrap()
    }

    fn instance_of(protocol: &str) -> crate::model::Instance {
        crate::model::Instance { protocol: Some(protocol.into()), ..Default::default() }
    }

    fn words(plan: &CheckPlan) -> Vec<&'static str> {
        plan.wanted.iter().map(|check| check.as_str()).collect()
    }

    #[test]
    fn checks_follow_from_what_is_known() {
        assert_eq!(words(&planned(9, |_, _| ())), ["tcp"]);
        assert_eq!(words(&planned(80, |_, _| ())), ["tcp", "http"]);
        assert_eq!(words(&planned(443, |_, _| ())), ["tcp", "tls", "http"]);
        assert_eq!(words(&planned(6379, |_, _| ())), ["tcp", "protocol"]);
        assert_eq!(words(&planned(443, |_, spec| spec.protocol = Some("tcp".into()))), ["tcp"]);
        assert_eq!(words(&planned(9, |_, spec| spec.protocol = Some("grpcs".into()))), ["tcp", "tls", "grpc"]);
        assert_eq!(words(&planned(9, |_, spec| spec.path = "/x".parse().ok())), ["tcp", "http"]);

        let identified =
            planned(443, |endpoint, _| endpoint.identity = Some(Box::new(crate::model::Identity::of("ssh"))));
        assert_eq!(words(&identified), ["tcp", "protocol"], "the identified protocol has precedence over the port");
        let of_cluster = planned(80, |endpoint, _| endpoint.instance = Some(Box::new(instance_of("tcp"))));
        assert_eq!(words(&of_cluster), ["tcp"], "the source's declaration has precedence over the port");
        assert_eq!(
            words(&planned(9, |endpoint, _| endpoint.instance = Some(Box::new(instance_of("http"))))),
            ["tcp", "http"]
        );
        let named = planned(80, |endpoint, _| endpoint.address = Address::Name("web.test".into()));

        assert_eq!(words(&named), ["dns", "tcp", "http"]);

        let with_name = |more: &[CheckName]| {
            let check = more.to_vec();
            planned(80, |_, spec| *spec = CheckSpec { server_name: Some("web.test".into()), check, ..spec.clone() })
        };
        let plan = with_name(&[]);
        assert_eq!(words(&plan), ["tcp", "http"], "a server before its name leads to it");
        assert!(plan.unwanted.contains(&CheckName::Dns), "which the coverage says");
        assert_eq!(words(&with_name(&[CheckName::Dns, CheckName::Tcp])), ["dns", "tcp"]);
    }

    #[test]
    fn options_select_checks() {
        assert_eq!(words(&planned(443, |_, spec| spec.check = vec![CheckName::Tls])), ["tls"]);
        let plan = planned(443, |_, spec| spec.no_check = vec![CheckName::Tls]);
        assert_eq!(words(&plan), ["tcp", "http"]);
        assert!(plan.unwanted.contains(&CheckName::Tls));
        assert_eq!(words(&planned(9, |_, spec| spec.check = vec![CheckName::Grpc])), ["grpc"]);
    }

    fn connect_target(ip: &str) -> u64 {
        latency_targets(ip.parse().unwrap(), &[], &[[198, 51, 100, 1].into()]).connect_us
    }

    #[test]
    fn latency_targets_follow_the_distance() {
        assert_eq!([connect_target("127.0.0.9"), connect_target("::1"), connect_target("198.51.100.1")], [5_000; 3]);
        assert_eq!([connect_target("10.1.2.3"), connect_target("fd00::1"), connect_target("100.64.0.1")], [25_000; 3]);
        assert_eq!([connect_target("198.51.100.2"), connect_target("2001:db8::1")], [200_000; 2]);
    }
}
