//! How to reach an endpoint with a probe.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{Endpoint, LocalDetail, NetworkNamespace, PortState, ScanDetail, Service, SocketState, Transport};
use crate::net::{OtherNamespace, interface_index, open_in};
use crate::probe::PortTarget;
use crate::source::local::other_namespaces;

/// Whether an endpoint can be probed.
pub(super) enum Reach {
    To(PortTarget),
    /// Why not, where that deserves a note.
    Not(Option<&'static str>),
}

/// Finds out how to reach endpoints, and caches the network namespaces.
#[derive(Default)]
pub(super) struct Reacher {
    /// This machine's other network namespaces, read on first use.
    namespaces: Option<Vec<Arc<OtherNamespace>>>,
}

impl Reacher {
    fn namespace(&mut self, wanted: &NetworkNamespace) -> Option<Arc<OtherNamespace>> {
        let known = self
            .namespaces
            .get_or_insert_with(|| other_namespaces().unwrap_or_default().0.into_iter().map(Arc::new).collect());
        known.iter().find(|known| known.identity.inode == wanted.inode).cloned()
    }

    /// How to probe an endpoint of a service: from portolan's network namespace, or from inside its own.
    pub(super) fn reach(&mut self, service: &Service, endpoint: &Endpoint) -> Reach {
        let mut target = match reach(service, endpoint) {
            Reach::To(target) => target,
            not @ Reach::Not(_) => return not,
        };
        if let Some(wanted) = service.detail.netns() {
            let Some(namespace) = self.namespace(&wanted) else {
                return Reach::Not(Some("their network namespaces are gone, or cannot be entered without permission"));
            };
            target.namespace = Some(namespace);
        }

        if let (SocketAddr::V6(v6), Some(name)) = (&mut target.address, &endpoint.interface)
            && v6.ip().is_unicast_link_local()
        {
            let index = open_in(target.namespace.as_deref(), || Ok(interface_index(name.as_raw())));
            v6.set_scope_id(index.ok().flatten().flatten().unwrap_or(0));
        }
        Reach::To(target)
    }
}

/// Whether an endpoint can be probed at all, from inside its own network namespace.
pub(super) fn can_be_probed(service: &Service, endpoint: &Endpoint) -> bool {
    matches!(reach(service, endpoint), Reach::To(_))
}

/// How to probe an endpoint from inside its own network namespace.
fn reach(service: &Service, endpoint: &Endpoint) -> Reach {
    let (Some(ip), Some(port)) = (endpoint.reachable_at(), endpoint.port) else { return Reach::Not(None) };
    let has_probes = matches!(endpoint.transport, Transport::Tcp | Transport::Udp);
    if !has_probes {
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
    if local.is_some_and(|local| local.state == SocketState::Connected) {
        return Reach::Not(None);
    }

    // From this machine, the rules of the firewall do not apply; and a probe goes to no machine that was not asked for.
    if let Some(local) = local.filter(|local| local.is_published()) {
        return match local.own_end() {
            Some(end) => Reach::To(PortTarget::new(end, endpoint.transport)),
            None => {
                Reach::Not(Some("firewall rules forward them elsewhere, and no process here is known to serve them"))
            }
        };
    }

    let is_bound = endpoint.interface.as_ref().is_some_and(|interface| interface.as_raw() != "lo");
    if local.is_some() && is_bound && endpoint.zone().is_none() {
        return Reach::Not(Some("they are bound to an interface through which this machine does not reach itself"));
    }
    Reach::To(PortTarget { host, ..PortTarget::new(SocketAddr::new(ip, port), endpoint.transport) })
}
