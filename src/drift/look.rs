//! One look: lists the registries and the listeners, and connects to what is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::task::spawn_blocking;

use super::identified::wants_identity;
use super::place::Place;
use super::registered::registered_endpoints;
use super::{
    AllowList, ConnectionEnd, DriftInput, HostFilter, HostView, RegisteredEndpoint, RegistryFinding, RegistryView,
    Reply,
};
use crate::error::{Error, Result};
use crate::identify::{IdentifiedSource, IdentifyOptions};
use crate::model::{
    Address, Column, Completeness, Endpoint, Identity, Listing, LocalDetail, PartialError, Service, Timestamp,
    Transport,
};
use crate::net::{ConnectError, Deadline, descriptors_for_sockets, dial, own_addresses, resolve};
use crate::source::local::other_namespaces;
use crate::source::{ItemSink, ListContext, ListFuture, Local, Source, collect};

/// Makes the source that looks up one service by name, of a registry that cannot list all of them.
pub type ServiceLookup = Arc<dyn Fn(&str) -> Result<Arc<dyn Source>> + Send + Sync>;

/// A registry to compare.
#[derive(Clone)]
pub struct RegistrySource {
    /// Its name in findings.
    pub name: String,
    /// Its provider: `consul`.
    pub provider: String,
    /// Its address for commands; `None` if it is the provider's default.
    pub place: Option<String>,
    /// Lists its services.
    pub source: Arc<dyn Source>,
    /// Looks up one service by its name, if it cannot list all of them.
    pub lookup: Option<ServiceLookup>,
}

impl fmt::Debug for RegistrySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySource").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

/// How to look.
#[derive(Clone, Debug)]
pub(super) struct LookOptions {
    pub(super) registries: Vec<RegistrySource>,
    pub(super) nodes: Vec<String>,
    pub(super) hosts: Vec<HostFilter>,
    pub(super) allow: AllowList,
    pub(super) timeout: Duration,
    pub(super) identifies: bool,
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
        let mut registries = self.list(&mut errors).await;
        let names: Vec<String> = unresolved_names(&registries);
        let resolved = resolve_names(names).await;
        for registered in registries.iter_mut().flat_map(|view| &mut view.endpoints) {
            registered.resolve(&resolved);
        }

        let nodes = self.nodes.clone();
        let (listing, host) = blocking(move || (local_listing(), read_host(nodes))).await?;
        let listing = listing?;
        let listeners_complete = listing.completeness == Completeness::Complete;
        errors.extend(listing.errors);

        let mut input = DriftInput {
            registries,
            listeners: listing.services,
            listeners_complete,
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

    /// Lists every registry; then looks up the known names in those that cannot list.
    async fn list(&self, errors: &mut Vec<PartialError>) -> Vec<RegistryView> {
        let listings = self.registries.iter().map(|registry| async move {
            match registry.lookup {
                None => Some(collect(&*registry.source).await),
                Some(_) => None,
            }
        });
        let mut views: Vec<RegistryView> = Vec::new();
        for (registry, listing) in self.registries.iter().zip(join_all(listings).await) {
            views.push(listing.map_or_else(|| registry.view(), |listing| registry.listed(listing, errors)));
        }

        let names: BTreeSet<String> = views
            .iter()
            .flat_map(|view| &view.endpoints)
            .map(|registered| registered.service.as_raw().to_owned())
            .collect();
        for (registry, view) in self.registries.iter().zip(&mut views) {
            if let Some(lookup) = &registry.lookup {
                *view = registry.look_up(lookup, &names, errors).await;
            }
        }
        views
    }

    /// Connects once to every registered TCP address that leads to its host.
    async fn connect(&self, input: &DriftInput) -> BTreeMap<(IpAddr, u16), Reply> {
        let subjects = input.registered().filter(|(view, registered)| {
            let is_reachable = !matches!(input.place(view, registered), Place::Unknown(_));
            is_reachable && registered.endpoint.transport == Transport::Tcp && input.selects(view, registered)
        });
        let sockets: BTreeSet<(IpAddr, u16)> =
            subjects.flat_map(|(_, registered)| registered.sockets()).map(|(ip, port, _)| (ip, port)).collect();

        let attempts = sockets.into_iter().map(|(ip, port)| async move {
            let end = dial(SocketAddr::new(ip, port), None, Deadline::after(self.timeout)).await;
            ((ip, port), Reply { connection: connection_end(end.err().as_ref()), identity: None })
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

impl RegistrySource {
    fn view(&self) -> RegistryView {
        let (name, provider, place) = (self.name.clone(), self.provider.clone(), self.place.clone());
        RegistryView { name, provider, place, ..RegistryView::default() }
    }

    fn listed(&self, listing: Result<Listing>, errors: &mut Vec<PartialError>) -> RegistryView {
        match listing {
            Err(error) => {
                errors.push(of_registry(&self.name, PartialError::from(&error)));
                self.view()
            }
            Ok(listing) => {
                errors.extend(listing.errors.into_iter().map(|error| of_registry(&self.name, error)));
                let services = &listing.services;
                RegistryView {
                    complete: listing.completeness == Completeness::Complete,
                    endpoints: services.iter().flat_map(registered_endpoints).collect(),
                    findings: services.iter().flat_map(registry_findings).collect(),
                    ..self.view()
                }
            }
        }
    }

    async fn look_up(
        &self,
        lookup: &ServiceLookup,
        names: &BTreeSet<String>,
        errors: &mut Vec<PartialError>,
    ) -> RegistryView {
        let mut view = RegistryView { complete: true, looked_up: Some(names.clone()), ..self.view() };
        for name in names {
            let listing = match lookup(name) {
                Ok(source) => collect(&*source).await,
                Err(error) => Err(error),
            };
            let one = self.listed(listing, errors);
            view.complete &= one.complete;
            view.endpoints.extend(one.endpoints);
        }
        view
    }
}

/// The same error, which names the registry.
fn of_registry(name: &str, error: PartialError) -> PartialError {
    PartialError { operation: format!("{} ({})", error.operation, crate::clean::clean(name)), ..error }
}

fn registry_findings(service: &Service) -> impl Iterator<Item = RegistryFinding> + '_ {
    service.findings.iter().map(|finding| RegistryFinding {
        service: service.name.clone(),
        namespace: service.namespace.clone(),
        finding: finding.clone(),
    })
}

impl DriftInput {
    /// Every registered endpoint with its registry.
    fn registered(&self) -> impl Iterator<Item = (&RegistryView, &RegisteredEndpoint)> {
        self.registries.iter().flat_map(|view| view.endpoints.iter().map(move |registered| (view, registered)))
    }

    /// Whether an address could be in another network namespace of this machine.
    fn needs_namespaces(&self, view: &RegistryView, registered: &RegisteredEndpoint) -> bool {
        matches!(self.place(view, registered), Place::Foreign | Place::Unknown(_)) && !registered.addresses.is_empty()
    }
}

/// The names of addresses, each once.
fn unresolved_names(registries: &[RegistryView]) -> Vec<String> {
    let endpoints = registries.iter().flat_map(|view| &view.endpoints);
    let names: BTreeSet<String> = endpoints
        .filter_map(|registered| match &registered.endpoint.address {
            Address::Name(name) => Some(name.as_raw().to_owned()),
            Address::Ip(_) | Address::Unix(_) => None,
        })
        .collect();
    names.into_iter().collect()
}

/// Asks the system's resolver for each name, a few at once.
async fn resolve_names(names: Vec<String>) -> BTreeMap<String, Vec<IpAddr>> {
    const CONCURRENCY: usize = 16;
    let lookups = names.into_iter().map(|name| async move {
        let found = spawn_blocking({
            let name = name.clone();
            move || resolve(&name)
        });
        let addresses = found.await.ok().and_then(std::io::Result::ok).unwrap_or_default();
        (name, addresses)
    });
    stream::iter(lookups).buffer_unordered(CONCURRENCY).collect().await
}

impl RegisteredEndpoint {
    fn resolve(&mut self, resolved: &BTreeMap<String, Vec<IpAddr>>) {
        if let Address::Name(name) = &self.endpoint.address {
            self.addresses = resolved.get(name.as_raw()).cloned().unwrap_or_default();
        }
    }
}

/// Runs what blocks on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let hint = "this is a bug in portolan: please report it";
    spawn_blocking(work).await.map_err(|error| Error::io("look at this machine", error, hint))
}

fn local_listing() -> Result<Listing<LocalDetail>> {
    Local::default().listing()
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

/// Identifies what accepted a connection and has a declared protocol to compare with.
async fn identify(input: &mut DriftInput) -> Result<()> {
    let accepted = |socket: &(IpAddr, u16)| {
        input.replies.get(socket).is_some_and(|reply| reply.connection == ConnectionEnd::Accepted)
    };
    let wanted = input.registered().filter(|(_, registered)| wants_identity(registered));
    let sockets = wanted.flat_map(|(_, registered)| registered.sockets()).map(|(ip, port, _)| (ip, port));
    let sockets: BTreeSet<(IpAddr, u16)> = sockets.filter(accepted).collect();
    if sockets.is_empty() {
        return Ok(());
    }

    let identified = IdentifiedSource::new(Arc::new(Sockets(sockets)), IdentifyOptions::default());
    for service in collect(&identified).await?.services {
        for endpoint in service.endpoints {
            if let (Address::Ip(ip), Some(port)) = (endpoint.address, endpoint.port)
                && let Some(reply) = input.replies.get_mut(&(ip, port))
            {
                reply.identity = endpoint.identity.filter(|identity| **identity != Identity::default());
            }
        }
    }
    Ok(())
}

/// The addresses to identify.
struct Sockets(BTreeSet<(IpAddr, u16)>);

impl Source for Sockets {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for (ip, port) in &self.0 {
                let endpoint = Endpoint::new(Address::Ip(*ip), Some(*port), Transport::Tcp);
                let detail = crate::model::DeclaredDetail::default();
                let service = Service::new(format!("{endpoint}"), self.name(), vec![endpoint], detail);
                if out.service(service.erase()).is_break() {
                    break;
                }
            }
            Ok(Completeness::Complete)
        })
    }
}
