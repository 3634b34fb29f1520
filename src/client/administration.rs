//! What an operator does with a registry: list what is registered, change it, remove it.

#[cfg(feature = "registry")]
use super::provider::RegistryServer;
use super::provider::{AuditPart, AuditQuery, HealthReport, HealthRequest, InstanceChange, ServerStatus};
use super::registry::Registry;
use crate::error::Result;
use crate::model::{Instance, Listing, Registration, Service};
use crate::source::collect;

impl Registry {
    /// All services that the registry has. [`ServiceSummary`](crate::model::ServiceSummary) says what the instances of one
    /// have in common.
    ///
    /// # Errors
    /// If the registry cannot be reached, or cannot list services.
    pub async fn services(&self) -> Result<Listing> {
        collect(&*self.provider_of().all_services()?).await
    }

    /// The services with this name: `cart`, or `shop/cart` with its namespace.
    ///
    /// # Errors
    /// If the registry cannot be reached.
    pub async fn services_named(&self, name: &str) -> Result<Listing> {
        let mut listing = collect(&*self.provider_of().source(name)?).await?;
        listing.services.retain(|service| service.has_name(name));
        Ok(listing)
    }

    /// Registers an instance, or replaces the one with its id, and leaves it to itself: nothing renews it. With a ttl of zero it
    /// stays until it is removed. A program that registers itself uses [`register`](Self::register).
    ///
    /// # Errors
    /// If the registration is invalid, or the registry cannot be reached, refuses, or can only be read.
    pub async fn put(&self, registration: Registration) -> Result<()> {
        let registration = self.prepared(registration)?;
        self.provider_of().register(&registration).await.map(drop)
    }

    /// Removes an instance of a service that [`services`](Self::services) listed, also one that another program registered.
    /// A program that keeps it registered registers it again. `false`: the registry does not have it any more.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or can only be read.
    pub async fn remove(&self, service: &Service, instance: &Instance) -> Result<bool> {
        self.provider_of().remove(service, instance).await
    }

    /// Changes an instance. `false`: the registry does not have it any more.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or is not one that `portolan serve` runs.
    pub async fn change(&self, instance: &Instance, change: InstanceChange) -> Result<bool> {
        self.provider_of().change(instance, change).await
    }

    /// The state of the server.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or is not one that `portolan serve` runs.
    pub async fn status(&self) -> Result<ServerStatus> {
        self.provider_of().status().await
    }

    /// A part of the server's audit log, the oldest record first.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or is not one that `portolan serve` runs.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPart> {
        self.provider_of().audit(query).await
    }

    /// The server, for what only `portolan serve` can do: configurations with versions, and splitting the traffic of a service.
    ///
    /// # Errors
    /// If the registry is another one.
    #[cfg(feature = "registry")]
    pub fn server(&self) -> Result<RegistryServer> {
        self.provider_of().server()
    }

    /// What the server found when it checked instances, or what it finds now; `None` if it has none of that name.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or is not one that `portolan serve` runs.
    pub async fn health(&self, request: HealthRequest<'_>) -> Result<Option<HealthReport>> {
        self.provider_of().health(request).await
    }
}
