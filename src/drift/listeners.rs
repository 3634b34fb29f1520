//! The listeners of this machine, by port.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::{Address, Certainty, LocalDetail, Service, Transport};

/// The listeners of this network namespace.
pub(super) struct ListenerTable<'a> {
    by_port: HashMap<(Transport, u16), Vec<&'a Service<LocalDetail>>>,
    complete: bool,
}

/// What listens at an address.
pub(super) struct Listening<'a> {
    pub(super) certainty: Certainty,
    /// The socket that takes connections there: the one with the most specific address.
    pub(super) socket: Option<&'a Service<LocalDetail>>,
}

impl<'a> ListenerTable<'a> {
    pub(super) fn new(listeners: &'a [Service<LocalDetail>], complete: bool) -> Self {
        let mut by_port: HashMap<_, Vec<&Service<LocalDetail>>> = HashMap::new();
        for service in listeners.iter().filter(|service| service.detail.netns.is_none()) {
            for endpoint in &service.endpoints {
                if let Some(port) = endpoint.port {
                    by_port.entry((endpoint.transport, port)).or_default().push(service);
                }
            }
        }
        Self { by_port, complete }
    }

    /// What listens at an address of this machine.
    pub(super) fn at(&self, ip: IpAddr, transport: Transport, port: u16) -> Listening<'a> {
        let found = self.of_port(transport, port).iter().copied();
        let covering = found.map(|service| (covers(service, ip), service));
        // A specific address takes the connection before one that stands for all.
        let best = covering
            .filter(|(certainty, _)| *certainty != Certainty::No)
            .min_by_key(|(certainty, service)| (*certainty == Certainty::Unknown, is_unspecified(service)));

        match best {
            Some((certainty, service)) => Listening { certainty, socket: Some(service) },
            // A table that could not be read may hold it.
            None if !self.complete => Listening { certainty: Certainty::Unknown, socket: None },
            None => Listening { certainty: Certainty::No, socket: None },
        }
    }

    /// A listener of this port that takes only connections of this machine.
    pub(super) fn on_loopback(&self, transport: Transport, port: u16) -> Option<&'a Service<LocalDetail>> {
        self.of_port(transport, port).iter().copied().find(|service| ip_of(service).is_some_and(|ip| ip.is_loopback()))
    }

    fn of_port(&self, transport: Transport, port: u16) -> &[&'a Service<LocalDetail>] {
        self.by_port.get(&(transport, port)).map(Vec::as_slice).unwrap_or_default()
    }
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
