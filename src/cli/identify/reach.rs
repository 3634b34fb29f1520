//! How an endpoint that a source found can be asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::model::{Address, Endpoint, LocalDetail, PortState, ScanDetail, Service, SocketState, Transport};
use crate::net::interface_index;
use crate::probe::Asked;

/// Whether an endpoint can be asked.
pub(super) enum Reach {
    To(Asked),
    /// Why not, where somebody may wonder.
    Not(Option<&'static str>),
}

/// How to ask an endpoint of a service, from where portolan runs.
pub(super) fn reach(service: &Service, endpoint: &Endpoint) -> Reach {
    let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) else { return Reach::Not(None) };
    let ip = ip.to_canonical();
    let asks = matches!(endpoint.transport, Transport::Tcp | Transport::Udp);
    if !asks || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
        return Reach::Not(None);
    }
    let mut host = None;
    let scanned = service.detail.downcast_ref::<ScanDetail>();
    if let Some(scanned) = scanned {
        if scanned.state != PortState::Open {
            return Reach::Not(None);
        }
        host = scanned.host.as_ref().map(|host| host.as_raw().to_owned());
    }
    let local = service.detail.downcast_ref::<LocalDetail>();
    let elsewhere = local.map(|local| &local.netns).or(scanned.map(|scanned| &scanned.netns));
    if elsewhere.is_some_and(Option::is_some) {
        return Reach::Not(Some("they live in other network namespaces (run portolan there: nsenter --net)"));
    }
    if local.is_some_and(|local| local.state == SocketState::Connected) {
        return Reach::Not(None);
    }
    let ip = match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let interface = endpoint.interface.as_ref().map(|interface| interface.as_raw().to_owned());
    let mut address = SocketAddr::new(ip, port);
    if let (IpAddr::V6(v6), Some(name)) = (ip, &interface)
        && v6.is_unicast_link_local()
    {
        address = SocketAddrV6::new(v6, port, 0, interface_index(name).unwrap_or(0)).into();
    } else if local.is_some() && interface.as_deref().is_some_and(|name| name != "lo") {
        return Reach::Not(Some("they are bound to an interface, which this machine does not reach itself through"));
    }
    Reach::To(Asked { interface: None, host, ..Asked::new(address, endpoint.transport) })
}
