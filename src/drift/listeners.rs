//! The listeners of this machine, by port.

use std::collections::HashMap;
use std::net::IpAddr;

use super::DriftInput;
use crate::model::{Address, Certainty, LocalDetail, Service, Transport};

/// The listeners of this network namespace, and apart from them the ports that only rules of the firewall lead elsewhere.
pub(super) struct ListenerTable<'a> {
    by_port: ServicesByPort<'a>,
    published: ServicesByPort<'a>,
    complete: bool,
    published_known: bool,
}

type ServicesByPort<'a> = HashMap<(Transport, u16), Vec<&'a Service<LocalDetail>>>;

const PUBLISHED: &str =
    "a firewall rule forwards its connections elsewhere, and may not apply to those of this machine";
const HIDDEN_RULES: &str = "firewall rules that cannot be read may publish it; run portolan as root";

/// What listens at an address.
pub(super) struct Listening<'a> {
    pub(super) certainty: Certainty,
    /// The socket that takes connections there: the one with the most specific address.
    pub(super) socket: Option<&'a Service<LocalDetail>>,
    /// Why neither this table nor a connection from here says whether others are served there.
    pub(super) published: Option<&'static str>,
}

impl<'a> ListenerTable<'a> {
    pub(super) fn new(input: &'a DriftInput) -> Self {
        let own = input.listeners.iter().filter(|service| service.detail.netns.is_none());
        let (published, listeners): (Vec<_>, Vec<_>) = own.partition(|service| service.detail.is_published());
        Self {
            by_port: by_port(listeners),
            published: by_port(published),
            complete: input.listeners_complete,
            published_known: input.published_known,
        }
    }

    /// What listens at an address of this machine.
    pub(super) fn at(&self, ip: IpAddr, transport: Transport, port: u16) -> Listening<'a> {
        let found = self.of_port(transport, port).iter().copied();
        let covering = found.map(|service| (covers(service, ip), service));
        // A specific address takes the connection before one that stands for all.
        let best = covering
            .filter(|(certainty, _)| *certainty != Certainty::No)
            .min_by_key(|(certainty, service)| (*certainty == Certainty::Unknown, is_unspecified(service)));
        if let Some((certainty, service)) = best {
            return Listening { certainty, socket: Some(service), published: None };
        }

        let published = self.published_at(ip, transport, port);
        // A table that could not be read may hold it.
        let is_unknown = published.is_some() || !self.complete;
        let certainty = if is_unknown { Certainty::Unknown } else { Certainty::No };
        Listening { certainty, socket: None, published }
    }

    /// Why a rule of the firewall may serve an address that no socket serves. To a loopback address only this machine connects.
    fn published_at(&self, ip: IpAddr, transport: Transport, port: u16) -> Option<&'static str> {
        if ip.to_canonical().is_loopback() {
            return None;
        }
        let mut published = self.published.get(&(transport, port)).into_iter().flatten();
        if published.any(|service| is_published_at(service, ip)) {
            return Some(PUBLISHED);
        }
        (!self.published_known).then_some(HIDDEN_RULES)
    }

    /// A listener of this port that takes only connections of this machine.
    pub(super) fn on_loopback(&self, transport: Transport, port: u16) -> Option<&'a Service<LocalDetail>> {
        self.of_port(transport, port).iter().copied().find(|service| ip_of(service).is_some_and(|ip| ip.is_loopback()))
    }

    fn of_port(&self, transport: Transport, port: u16) -> &[&'a Service<LocalDetail>] {
        self.by_port.get(&(transport, port)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn by_port(services: Vec<&Service<LocalDetail>>) -> ServicesByPort<'_> {
    let mut by_port = ServicesByPort::new();
    for service in services {
        for endpoint in &service.endpoints {
            if let Some(port) = endpoint.port {
                by_port.entry((endpoint.transport, port)).or_default().push(service);
            }
        }
    }
    by_port
}

/// Whether a rule leads connections to an address elsewhere. One for IPv6 never applies to IPv4.
fn is_published_at(service: &Service<LocalDetail>, ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip_of(service).is_some_and(|at| at == ip || (at.is_unspecified() && at.is_ipv6() == ip.is_ipv6()))
}

/// The address that a listener is bound to.
pub(super) fn ip_of(service: &Service<LocalDetail>) -> Option<IpAddr> {
    match service.endpoints.first()?.address {
        Address::Ip(ip) => Some(ip.to_canonical()),
        Address::Unix(_) | Address::Name(_) | Address::Other(_) => None,
    }
}

fn is_unspecified(service: &Service<LocalDetail>) -> bool {
    ip_of(service).is_none_or(|ip| ip.is_unspecified())
}

/// Whether a listener takes connections to an address of this machine.
pub(super) fn covers(service: &Service<LocalDetail>, ip: IpAddr) -> Certainty {
    let Some(bound) = ip_of(service) else { return Certainty::No };
    let is_bound_to_device = service.endpoints.first().is_some_and(|endpoint| endpoint.interface.is_some());

    let certainty = match (bound, ip.to_canonical()) {
        (IpAddr::V6(bound), IpAddr::V4(_)) if bound.is_unspecified() => match service.detail.v6_only {
            Some(v6_only) => Certainty::of(!v6_only),
            None => Certainty::Unknown,
        },
        (IpAddr::V4(bound), IpAddr::V4(_)) if bound.is_unspecified() => Certainty::Yes,
        (IpAddr::V6(bound), IpAddr::V6(_)) if bound.is_unspecified() => Certainty::Yes,
        (bound, ip) => Certainty::of(bound == ip),
    };

    // Which addresses lead to the device is not known here.
    if certainty == Certainty::Yes && is_bound_to_device { Certainty::Unknown } else { certainty }
}
