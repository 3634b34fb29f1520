//! Lists the registries of a look.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::task::spawn_blocking;

use super::registered::registered_endpoints;
use super::{RegisteredEndpoint, RegistryFinding, RegistryView};
use crate::error::Result;
use crate::model::{Address, Completeness, HostQuery, Listing, PartialError, Service};
use crate::net::resolve;
use crate::source::{Source, collect};

/// Makes the source that looks up one service by name, of a registry that cannot list all of them.
pub type ServiceLookup = Arc<dyn Fn(&str) -> Result<Arc<dyn Source>> + Send + Sync>;

/// Makes the source that lists what a registry has of one host, of a registry that can select that.
pub type HostLookup = Arc<dyn Fn(HostQuery) -> Arc<dyn Source> + Send + Sync>;

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
    /// Lists what may be of one host, if it can select that. Used if only this machine is compared.
    pub of_host: Option<HostLookup>,
}

impl fmt::Debug for RegistrySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySource").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

/// Lists every registry, then looks up the known names in those that cannot list, and resolves the names of addresses.
/// `host`: list only what may be of this one, where the registry can select that.
pub(super) async fn list(
    registries: &[RegistrySource],
    host: Option<&HostQuery>,
    errors: &mut Vec<PartialError>,
) -> Vec<RegistryView> {
    let listings = registries.iter().map(|registry| async move {
        match (&registry.lookup, registry.source_of_host(host)) {
            (Some(_), _) => None,
            (None, Some(source)) => Some(collect(&*source).await),
            (None, None) => Some(collect(&*registry.source).await),
        }
    });
    let mut views: Vec<RegistryView> = Vec::new();
    for (registry, listing) in registries.iter().zip(join_all(listings).await) {
        let view = listing.map_or_else(|| registry.view(), |listing| registry.listed(listing, errors));
        views.push(RegistryView { is_of_host: host.is_some() && registry.of_host.is_some(), ..view });
    }

    let names: BTreeSet<String> = views
        .iter()
        .flat_map(|view| &view.endpoints)
        .map(|registered| registered.service.as_raw().to_owned())
        .collect();
    for (registry, view) in registries.iter().zip(&mut views) {
        if let Some(lookup) = &registry.lookup {
            *view = registry.look_up(lookup, &names, errors).await;
        }
    }

    resolve_addresses(&mut views).await;
    views
}

impl RegistrySource {
    fn source_of_host(&self, host: Option<&HostQuery>) -> Option<Arc<dyn Source>> {
        Some(self.of_host.as_ref()?(host?.clone()))
    }

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

/// Fills in the IP addresses of names.
async fn resolve_addresses(views: &mut [RegistryView]) {
    let resolved = resolve_names(unresolved_names(views)).await;
    for registered in views.iter_mut().flat_map(|view| &mut view.endpoints) {
        registered.resolve(&resolved);
    }
}

/// The names of addresses, each once.
fn unresolved_names(registries: &[RegistryView]) -> Vec<String> {
    let endpoints = registries.iter().flat_map(|view| &view.endpoints);
    let names: BTreeSet<String> = endpoints
        .filter_map(|registered| match &registered.endpoint.address {
            Address::Name(name) => Some(name.as_raw().to_owned()),
            Address::Ip(_) | Address::Unix(_) | Address::Other(_) => None,
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
