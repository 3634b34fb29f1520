//! One look: lists the registries and the listeners, and connects to what is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::identify::identify;
use super::listeners::ip_of;
use super::location::{AddressLocation, HIDDEN_NAMESPACES};
use super::registry_list::list;
use super::{
    AddressReply, AllowList, ConnectionEnd, DriftInput, HostFilter, HostView, RegisteredEndpoint, RegistrySource,
    RegistryView,
};
use crate::error::{Error, Result};
use crate::model::{Completeness, HostQuery, Listing, LocalDetail, PartialError, Timestamp, Transport};
use crate::net::{ConnectError, Deadline, descriptors_for_sockets, dial, own_addresses};
use crate::source::local::other_namespaces;
use crate::source::{Local, Source};

/// How to look.
#[derive(Clone, Debug)]
pub(super) struct LookOptions {
    pub(super) registries: Vec<RegistrySource>,
    pub(super) nodes: Vec<String>,
    pub(super) hosts: Vec<HostFilter>,
    pub(super) allow: AllowList,
    pub(super) timeout: Duration,
    pub(super) identifies: bool,
    /// The addresses that the listeners of the last look were bound to.
    pub(super) bound: Arc<Mutex<BTreeSet<IpAddr>>>,
}

/// The facts of one look, and what could not be read.
#[derive(Clone, Debug)]
pub struct DriftLook {
    /// The facts.
    pub input: DriftInput,
    /// Parts that could not be read.
    pub errors: Vec<PartialError>,
    /// Facts that need permission.
    pub limits: Vec<PartialError>,
}

/// The number of connections at once.
const MAX_CONNECTIONS: usize = 256;

impl LookOptions {
    /// Looks once. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If this machine cannot be looked at.
    pub(super) async fn look(&self) -> Result<DriftLook> {
        let mut errors = Vec::new();
        // First the registries: a service that starts listens before it registers.
        let host = self.host_query().await?;
        let registries = list(&self.registries, host.as_ref(), &mut errors).await;
        let nodes = self.nodes.clone();
        let (listing, host) = blocking(move || (local_listing(), read_host(nodes))).await?;
        let (listing, published_known) = listing?;
        let listeners_complete = listing.completeness == Completeness::Complete;
        errors.extend(listing.errors);
        *self.bound.lock() = listing.services.iter().filter_map(ip_of).filter(|ip| !ip.is_unspecified()).collect();

        let mut input = DriftInput {
            registries,
            listeners: listing.services,
            listeners_complete,
            published_known,
            host,
            replies: BTreeMap::new(),
            allow: self.allow.clone(),
            hosts: self.hosts.clone(),
            now: Timestamp::now(),
        };
        if input.registered().any(|(view, registered)| input.needs_namespaces(view, registered)) {
            let (other_addresses, namespaces_complete) = blocking(read_other_addresses).await?;
            input.host = HostView { other_addresses, namespaces_complete, ..input.host };
        }

        input.replies = self.connect(&input).await;
        if self.identifies {
            identify(&mut input).await?;
        }
        Ok(DriftLook { input, errors, limits: listing.limits })
    }

    /// This machine, as a registry is asked for it; `None` if everything is compared, or if its addresses are unknown.
    async fn host_query(&self) -> Result<Option<HostQuery>> {
        let is_wanted = self.registries.iter().any(|registry| registry.of_host.is_some());
        if !is_wanted || self.hosts != [HostFilter::Local] {
            return Ok(None);
        }

        let nodes = self.nodes.clone();
        let HostView { names, addresses, .. } = blocking(move || read_host(nodes)).await?;
        let Some(addresses) = addresses else { return Ok(None) };
        // A route alone may lead an address here: a listener that is bound to it shows that.
        let bound = self.bound.lock().clone();
        let host = HostQuery::new(names, addresses.into_iter().chain(bound));
        Ok(Some(host).filter(HostQuery::is_within_limits))
    }

    /// Connects once to every registered TCP address that leads to its host.
    async fn connect(&self, input: &DriftInput) -> BTreeMap<(IpAddr, u16), AddressReply> {
        let subjects = input.registered().filter(|(view, registered)| {
            // An address that leads nowhere is in no other namespace either.
            let is_reachable = match input.place(view, registered) {
                AddressLocation::Unknown(reason) => reason == HIDDEN_NAMESPACES,
                AddressLocation::Here | AddressLocation::Foreign | AddressLocation::Elsewhere => true,
            };
            is_reachable && registered.endpoint.transport == Transport::Tcp && input.selects(view, registered)
        });
        let sockets: BTreeSet<(IpAddr, u16)> =
            subjects.flat_map(|(_, registered)| registered.sockets()).map(|(ip, port, _)| (ip, port)).collect();

        let attempts = sockets.into_iter().map(|(ip, port)| async move {
            let end = dial(SocketAddr::new(ip, port), None, Deadline::after(self.timeout)).await;
            ((ip, port), AddressReply { connection: connection_end(end.err().as_ref()), identity: None })
        });
        stream::iter(attempts).buffer_unordered(MAX_CONNECTIONS.min(descriptors_for_sockets())).collect().await
    }
}

fn connection_end(error: Option<&ConnectError>) -> ConnectionEnd {
    match error {
        None => ConnectionEnd::Accepted,
        Some(ConnectError::Refused | ConnectError::Reset) => ConnectionEnd::Refused,
        Some(ConnectError::TimedOut) => ConnectionEnd::TimedOut,
        Some(ConnectError::Unreachable) => ConnectionEnd::Unreachable,
        Some(ConnectError::Local(_)) => ConnectionEnd::NotTried,
    }
}

impl DriftInput {
    /// Every registered endpoint with its registry.
    pub(super) fn registered(&self) -> impl Iterator<Item = (&RegistryView, &RegisteredEndpoint)> {
        self.registries.iter().flat_map(|view| view.endpoints.iter().map(move |registered| (view, registered)))
    }

    /// Whether an address could be in another network namespace of this machine.
    fn needs_namespaces(&self, view: &RegistryView, registered: &RegisteredEndpoint) -> bool {
        matches!(self.place(view, registered), AddressLocation::Foreign | AddressLocation::Unknown(_))
            && !registered.addresses.is_empty()
    }
}

/// Runs what blocks on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let hint = "this is a bug in portolan: please report it";
    spawn_blocking(work).await.map_err(|error| Error::io("examine this machine", error, hint))
}

/// The listeners, and whether the ports that rules of the firewall publish are among them.
fn local_listing() -> Result<(Listing<LocalDetail>, bool)> {
    Local::default().listing_with_published()
}

fn read_host(mut names: Vec<String>) -> HostView {
    let own = Local::default().host().and_then(|host| host.name);
    names.extend(own.map(|name| name.as_raw().to_owned()));
    HostView { names, addresses: own_addresses().ok(), other_addresses: Vec::new(), namespaces_complete: false }
}

/// The addresses of the other network namespaces of this machine, and whether these are all.
fn read_other_addresses() -> (Vec<IpAddr>, bool) {
    let Ok((namespaces, denied)) = other_namespaces() else { return (Vec::new(), false) };
    let (mut addresses, mut complete) = (Vec::new(), !denied);
    for namespace in namespaces {
        match namespace.enter(own_addresses) {
            Ok(Some(Ok(found))) => addresses.extend(found.into_iter().filter(|ip| !ip.is_loopback())),
            // It ended meanwhile, with its addresses.
            Ok(None) => {}
            Ok(Some(Err(_))) | Err(_) => complete = false,
        }
    }
    (addresses, complete)
}
