//! DNS over the same memory as REST: services, nodes and addresses as names of one domain, as Consul has them.

mod answer;
mod counters;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod name;
mod protocol;
mod reply;
mod request;
mod shuffle;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod zone;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tracing::error;

use self::answer::Responder;
use self::zone::Zone;
use super::address_rate::AddressRate;
use super::gate::Gate;
use super::settings::DnsSettings;
use super::shared::App;
use crate::engine::{Clock, Shutdown};

pub(super) use self::counters::DnsCounters;

/// The most connections, and the most of one address.
const MAX_CONNECTIONS: usize = 1_000;
const MAX_CONNECTIONS_PER_ADDRESS: usize = 100;

/// An address that was quiet may send the queries of this time at once.
const BURST: Duration = Duration::from_secs(1);

/// An address on which DNS is served, over UDP and TCP.
#[derive(Debug)]
pub struct DnsListener {
    /// For queries over UDP.
    pub udp: UdpSocket,
    /// For queries over TCP, on the same port.
    pub tcp: TcpListener,
}

/// What all loops and connections share.
struct DnsContext {
    app: App,
    responder: Responder,
    limit: Option<AddressRate>,
    clock: Clock,
    gate: Arc<Gate>,
}

impl DnsContext {
    /// How long an address has to wait that sends too many queries.
    fn is_limited(&self, peer: IpAddr) -> Option<Duration> {
        self.limit.as_ref()?.check(peer, self.clock.nanos()).err()
    }
}

/// Serves DNS until the server stops.
pub(super) fn serve(listeners: Vec<DnsListener>, settings: &DnsSettings, app: &App, shutdown: &Shutdown) {
    let Some(zone) = Zone::new(&settings.domain, &app.settings.cluster, server_addresses(&listeners)) else {
        // The settings were checked by `DnsSettings::problem`.
        error!("DNS is off: the names of its domain would be too long");
        return;
    };
    let context = Arc::new(DnsContext {
        responder: Responder { zone, ttl: settings.ttl },
        limit: AddressRate::new(settings.queries_per_second, BURST),
        clock: Clock::precise(),
        gate: Gate::new(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS, Clock::coarse()),
        app: Arc::clone(app),
    });

    let mut sockets = Vec::with_capacity(listeners.len());
    for DnsListener { udp, tcp } in listeners {
        sockets.push(udp);
        shutdown.spawn(tcp::serve(tcp, Arc::clone(&context), shutdown.clone()));
    }
    udp::start(sockets, &context, shutdown);
}

/// Where the name server of the domain is, as far as the listeners say: one that listens on every address does not.
fn server_addresses(listeners: &[DnsListener]) -> Vec<IpAddr> {
    let addresses = listeners.iter().filter_map(|listener| listener.udp.local_addr().ok());
    let mut ips: Vec<IpAddr> = addresses.map(|address: SocketAddr| address.ip().to_canonical()).collect();
    ips.retain(|ip| !ip.is_unspecified());
    ips.sort_unstable();
    ips.dedup();
    ips
}

/// Whether DNS names can be made of a domain and the name of a cluster: neither has an empty label or one of more than 63
/// bytes, and together they leave room for the name of an address.
pub fn has_dns_names(domain: &str, datacenter: &str) -> bool {
    Zone::new(domain, datacenter, Vec::new()).is_some()
}
