//! Which checks an endpoint gets: by what it is declared to be, what it was identified as, or its port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::check::{CheckTarget, LatencyTargets, Layer, knows_protocol, micros};
use crate::model::{Address, CheckName, CheckSpec, Endpoint, LatencyTarget, StartTlsKind, Transport};
use crate::net::{Route, StartTls};

/// What is to be looked at.
#[derive(Clone, Debug)]
pub(crate) struct CheckPlan {
    /// The name to look up, and what to look for there.
    pub(crate) host: HostLocation,
    pub(crate) port: u16,
    /// The checks to run, in their order.
    pub(crate) wanted: Vec<CheckName>,
    /// Those that would apply and are not wanted.
    pub(crate) unwanted: Vec<CheckName>,
    /// How to look, once the address is known.
    pub(crate) aim: CheckTarget,
}

/// Where an endpoint is.
#[derive(Clone, Debug)]
pub(crate) enum HostLocation {
    /// At an address; the name, if there is one, should lead to it.
    At(IpAddr, Option<String>),
    /// Where this name leads.
    Named(String),
}

/// What a word says of how a service is spoken to.
struct ServiceHints {
    layer: Layer,
    http: bool,
    grpc: bool,
    protocol: Option<String>,
}

/// What is to be looked at, at an endpoint; `None` where no check applies to such a thing.
///
/// `name` is the one that its user knows it by. Where it is looked at more than once there is a history to judge.
pub(crate) fn plan(
    endpoint: &Endpoint,
    ask: &Arc<CheckSpec>,
    way: &Route,
    has_history: bool,
    own: &[IpAddr],
) -> Option<CheckPlan> {
    let port = endpoint.port.filter(|_| endpoint.transport == Transport::Tcp)?;
    let host = host(endpoint, ask)?;
    let asked_for = |check: CheckName| ask.check.contains(&check);
    let mut spoken = spoken(endpoint, ask);
    if let Some(kind) = ask.starttls {
        spoken.layer = Layer::StartTls(starttls(kind));
    } else if asked_for(CheckName::Tls) && spoken.layer == Layer::Plain {
        spoken.layer = Layer::Tls;
    }
    spoken.grpc |= asked_for(CheckName::Grpc) || ask.grpc_service.is_some();
    spoken.http |= asked_for(CheckName::Http) || (asks_http(ask) && !spoken.grpc);
    let through = matches!(way, Route::Through(..));
    // Whoever asks in this host's place asks HTTP: what may be that is asked for it, what is known to be another is not.
    spoken.http |= through && !spoken.grpc && !spoken.protocol.as_deref().is_some_and(knows_protocol);
    let name = match &host {
        HostLocation::Named(name) => Some(name.clone()),
        HostLocation::At(_, name) => name.clone(),
    };
    let applies = |check: &CheckName| match check {
        CheckName::Dns | CheckName::Tcp | CheckName::Tls | CheckName::Grpc | CheckName::Protocol if through => false,
        CheckName::Dns => name.as_deref().is_some_and(|name| name.parse::<IpAddr>().is_err()),
        CheckName::Tcp => true,
        CheckName::Tls => spoken.layer != Layer::Plain,
        CheckName::Http => spoken.http,
        CheckName::Grpc => spoken.grpc,
        CheckName::Protocol => spoken.protocol.as_deref().is_some_and(knows_protocol),
        CheckName::Script => !ask.script.is_empty(),
        CheckName::Stability => has_history,
    };
    let is_wanted = |check: &CheckName| (ask.check.is_empty() || asked_for(*check)) && !ask.no_check.contains(check);
    let (wanted, mut unwanted): (Vec<_>, Vec<_>) = CheckName::ALL.into_iter().filter(applies).partition(is_wanted);
    // These apply to every endpoint, so coverage names them where they did not run.
    unwanted.extend([CheckName::Dns, CheckName::Stability].iter().filter(|check| !applies(check)));
    let ip = match host {
        HostLocation::At(ip, _) => ip,
        HostLocation::Named(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    let aim = CheckTarget {
        address: SocketAddr::new(ip, port),
        interface: endpoint.interface.as_ref().map(|name| name.as_raw().to_owned()),
        name: ask.server_name.clone().or(name),
        layer: spoken.layer,
        grpc: spoken.grpc,
        protocol: spoken.protocol,
        spec: Arc::clone(ask),
        latency: goals(ip, &ask.goal, own),
        route: way.clone(),
    };
    Some(CheckPlan { host, port, wanted, unwanted, aim })
}

/// Whether something is asked that only HTTP can answer.
fn asks_http(ask: &CheckSpec) -> bool {
    ask.path.is_some()
        || ask.expect_status.is_some()
        || ask.expect_body.is_some()
        || !ask.expect_header.is_empty()
        || !ask.expect_json.is_empty()
}

fn host(endpoint: &Endpoint, ask: &CheckSpec) -> Option<HostLocation> {
    match &endpoint.address {
        Address::Name(name) => Some(HostLocation::Named(name.as_raw().to_owned())),
        Address::Unix(_) => None,
        Address::Ip(ip) => {
            let ip = match ip.to_canonical() {
                // Who listens at every address is met at the nearest.
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip if ip.is_multicast() || ip == Ipv4Addr::BROADCAST => return None,
                ip => ip,
            };
            Some(HostLocation::At(ip, ask.server_name.clone()))
        }
    }
}

/// How an endpoint is spoken to: as declared, else as identified, else as its port has it.
fn spoken(endpoint: &Endpoint, ask: &CheckSpec) -> ServiceHints {
    let identity = endpoint.identity.as_ref();
    let identified = identity.and_then(|identity| identity.protocol.as_deref());
    let guessed = endpoint.port_service.as_deref().filter(|_| identity.is_none());
    let mut spoken = by_word(ask.protocol.as_deref().or(identified).or(guessed).unwrap_or_default());
    if ask.protocol.is_none() && identity.is_some_and(|identity| identity.tls.is_some()) {
        spoken.layer = Layer::Tls;
    }
    spoken
}

fn by_word(word: &str) -> ServiceHints {
    let (layer, inner) = match word {
        "https" | "https-alt" | "h2" => (Layer::Tls, "http"),
        "grpcs" => (Layer::Tls, "grpc"),
        "imaps" => (Layer::Tls, "imap"),
        "pop3s" => (Layer::Tls, "pop3"),
        "smtps" | "submissions" => (Layer::Tls, "smtp"),
        "ftps" => (Layer::Tls, "ftp"),
        "rediss" | "redis-tls" => (Layer::Tls, "redis"),
        "tls" | "ssl" | "ldaps" | "domain-s" => (Layer::Tls, ""),
        "submission" => (Layer::Plain, "smtp"),
        word => (Layer::Plain, word),
    };
    let is_http = matches!(inner, "http" | "h2c");
    let protocol = Some(inner).filter(|inner| !matches!(*inner, "" | "tcp" | "http" | "grpc"));
    ServiceHints { layer, http: is_http, grpc: inner == "grpc", protocol: protocol.map(ToOwned::to_owned) }
}

fn starttls(word: StartTlsKind) -> StartTls {
    match word {
        StartTlsKind::Smtp => StartTls::Smtp,
        StartTlsKind::Imap => StartTls::Imap,
        StartTlsKind::Pop3 => StartTls::Pop3,
        StartTlsKind::Ftp => StartTls::Ftp,
        StartTlsKind::Ldap => StartTls::Ldap,
        StartTlsKind::Postgresql => StartTls::Postgresql,
        StartTlsKind::Mysql => StartTls::Mysql,
    }
}

/// How quick an endpoint at that address should be.
pub(crate) fn goals(ip: IpAddr, given: &[LatencyTarget], own: &[IpAddr]) -> LatencyTargets {
    const MILLI: u64 = 1_000;
    let (connect, answer) = match ip.to_canonical() {
        ip if ip.is_loopback() || own.contains(&ip) => (5, 100),
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_shared(ip) => (25, 200),
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => (25, 200),
        _ => (200, 800),
    };
    let mut goals = LatencyTargets { connect_us: connect * MILLI, answer_us: answer * MILLI };
    for goal in given {
        match goal {
            LatencyTarget::Connect(time) => goals.connect_us = micros(*time),
            LatencyTarget::Answer(time) => goals.answer_us = micros(*time),
        }
    }
    goals
}

/// The addresses that providers use inside (RFC 6598).
fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(port: u16, change: impl FnOnce(&mut Endpoint, &mut CheckSpec)) -> CheckPlan {
        let (mut endpoint, mut ask) =
            (Endpoint::new(Address::Ip([127, 0, 0, 1].into()), Some(port), Transport::Tcp), CheckSpec::default());
        change(&mut endpoint, &mut ask);
        plan(&endpoint, &Arc::new(ask), &Route::Direct, false, &[]).unwrap()
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
        assert_eq!(words(&planned(443, |_, ask| ask.protocol = Some("tcp".into()))), ["tcp"]);
        assert_eq!(words(&planned(9, |_, ask| ask.protocol = Some("grpcs".into()))), ["tcp", "tls", "grpc"]);
        assert_eq!(words(&planned(9, |_, ask| ask.path = "/x".parse().ok())), ["tcp", "http"]);
        let identified =
            planned(443, |endpoint, _| endpoint.identity = Some(Box::new(crate::model::Identity::of("ssh"))));
        assert_eq!(words(&identified), ["tcp", "protocol"], "what spoke there counts more than the port");
        let named = planned(80, |endpoint, _| endpoint.address = Address::Name("web.test".into()));
        assert_eq!(words(&named), ["dns", "tcp", "http"]);
    }

    #[test]
    fn who_asks_decides() {
        assert_eq!(words(&planned(443, |_, ask| ask.check = vec![CheckName::Tls])), ["tls"]);
        let plan = planned(443, |_, ask| ask.no_check = vec![CheckName::Tls]);
        assert_eq!(words(&plan), ["tcp", "http"]);
        assert!(plan.unwanted.contains(&CheckName::Tls));
        assert_eq!(words(&planned(9, |_, ask| ask.check = vec![CheckName::Grpc])), ["grpc"]);
    }

    #[test]
    fn goals_follow_the_distance() {
        let goal = |ip: &str| goals(ip.parse().unwrap(), &[], &[[198, 51, 100, 1].into()]).connect_us;
        assert_eq!([goal("127.0.0.9"), goal("::1"), goal("198.51.100.1")], [5_000; 3]);
        assert_eq!([goal("10.1.2.3"), goal("fd00::1"), goal("100.64.0.1")], [25_000; 3]);
        assert_eq!([goal("198.51.100.2"), goal("2001:db8::1")], [200_000; 2]);
    }
}
