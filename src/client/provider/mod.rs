//! Registries: where services are found, and where programs register.

mod audit_log;
#[cfg(feature = "consul")]
mod consul;
mod dns;
mod environment;
#[cfg(feature = "etcd")]
mod etcd;
mod file;
#[cfg(feature = "registry")]
mod fleet;
mod health_report;
mod inline;
#[cfg(feature = "k8s")]
mod k8s;
#[cfg(feature = "registry")]
mod portolan;
#[cfg(feature = "registry")]
mod server_api;
#[cfg(feature = "registry")]
mod server_backup;
mod server_status;
mod url;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::{Instance, OperatorStatus, Registration, Service};
use crate::source::{Source, Variable};

pub use audit_log::{AuditPart, AuditQuery};
pub(super) use environment::{RegistrySettings, is_named, settings, settings_at, variables};
#[cfg(feature = "registry")]
pub use fleet::{DriftQuery, FleetDrift, FleetFinding, FleetHost, UnseenInstances};
pub use health_report::{CheckHealth, HealthReport, HealthRequest, InstanceHealth, LastCheckResult, PastCheckResult};
#[cfg(feature = "registry")]
pub use server_api::{
    BalancingState, ConfigContent, ConfigDiff, ConfigItem, InstancePicks, RegistryServer, ShiftAction, ShiftOptions,
    ShiftState, TrafficShare, TrafficState, TrafficTarget,
};
pub use server_status::{
    CertificateStatus, ClusterMember, ImportStatus, InstanceCounts, RegistrationRules, ServerStatus, StoreStatus,
};
use url::RegistryUrl;

/// What a request to a provider returns.
pub type ProviderFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A registry. [`Registry::open`](super::Registry::open) knows several; a program can bring its own to
/// [`Registry::with_provider`](super::Registry::with_provider).
pub trait Provider: fmt::Debug + Send + Sync {
    /// Its name: `consul`.
    fn name(&self) -> &'static str;

    /// The source that lists and watches the services with this name. It may list others too: they are left out.
    ///
    /// # Errors
    /// If the name, or the configuration of the provider, cannot be used.
    fn source(&self, service: &str) -> Result<Arc<dyn Source>>;

    /// Its address as it is written for its own tools: `127.0.0.1:8500`, or the path of a file. `None` if it has none.
    fn place(&self) -> Option<String> {
        None
    }

    /// The source that lists all services.
    ///
    /// # Errors
    /// By default: the provider only finds services whose names are known.
    fn all_services(&self) -> Result<Arc<dyn Source>> {
        let hint = "give the name of a service, as in `portolan resolve NAME`";
        Err(Error::usage(format!("{} to list all services", self.name()), "it only finds services by name", hint))
    }

    /// Registers an instance, or replaces the registration with the same id.
    ///
    /// # Errors
    /// By default: the provider cannot register anything.
    fn register<'a>(&'a self, registration: &'a Registration) -> ProviderFuture<'a, Box<dyn ActiveLease>> {
        let error = cannot_register(self.name(), &registration.name);
        Box::pin(async move { Err(error) })
    }

    /// Removes an instance of a service that [`all_services`](Self::all_services) listed, also one that another program
    /// registered. `false`: the registry does not have it any more.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses. By default: the provider cannot remove anything.
    fn remove<'a>(&'a self, _service: &'a Service, instance: &'a Instance) -> ProviderFuture<'a, bool> {
        let what = format!("{} to remove {}", self.name(), crate::clean::clean(&instance.id));
        let error = Error::usage(what, "it can only be read", "remove it where it is declared");
        Box::pin(async move { Err(error) })
    }

    /// Changes a registered instance. `false`: the registry does not have it any more.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses. By default: the provider cannot change anything.
    fn change<'a>(&'a self, instance: &'a Instance, _change: InstanceChange) -> ProviderFuture<'a, bool> {
        let what = format!("{} to change {}", self.name(), crate::clean::clean(&instance.id));
        let hint = "change it with the registry's own tool, as in `consul maint`, or register it again";
        let error = Error::usage(what, "only registries that `portolan serve` runs can do that", hint);
        Box::pin(async move { Err(error) })
    }

    /// The state of the registry's server.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses. By default: the provider has no such state.
    fn status(&self) -> ProviderFuture<'_, ServerStatus> {
        let why = "only registries that `portolan serve` runs have one";
        let hint = "name one, as in --registry portolan://127.0.0.1:7440, or use the registry's own tool";
        let error = Error::usage(format!("the status of {}", self.name()), why, hint);
        Box::pin(async move { Err(error) })
    }

    /// A part of the audit log of the registry's server.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses. By default: the provider has no audit log.
    fn audit<'a>(&'a self, _query: &'a AuditQuery) -> ProviderFuture<'a, AuditPart> {
        let why = "only registries that `portolan serve` runs have one";
        let hint = "name one, as in --registry portolan://127.0.0.1:7440, or use the registry's own log";
        let error = Error::usage(format!("the audit log of {}", self.name()), why, hint);
        Box::pin(async move { Err(error) })
    }

    /// What the registry's server found when it checked instances; `None` if it has none of that name.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses. By default: the provider checks nothing.
    fn health<'a>(&'a self, _request: HealthRequest<'a>) -> ProviderFuture<'a, Option<HealthReport>> {
        let why = "only registries that `portolan serve` runs check instances for portolan";
        let hint = "check its services from here, as in `portolan discover consul --validate`";
        let error = Error::usage(format!("the health checks of {}", self.name()), why, hint);
        Box::pin(async move { Err(error) })
    }

    /// What only a server of portolan's own can do.
    ///
    /// # Errors
    /// By default: the provider is not one.
    #[cfg(feature = "registry")]
    fn server(&self) -> Result<RegistryServer> {
        let why = "only registries that `portolan serve` runs can do that";
        let hint = "name one, as in --registry portolan://127.0.0.1:7440";
        Err(Error::usage(format!("configurations, traffic and agents of {}", self.name()), why, hint))
    }
}

/// What can be changed about a registered instance; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InstanceChange {
    /// Whether it takes calls, according to its operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<OperatorStatus>,
    /// Why it takes no calls: at most 200 characters, and only with a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its share of the calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
}

/// A registration that the registry has.
pub trait ActiveLease: fmt::Debug + Send + Sync {
    /// How long it lasts without a renewal; `None` if it needs none.
    fn ttl(&self) -> Option<Duration>;

    /// Renews it.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses.
    fn renew(&self) -> ProviderFuture<'_, Renewal>;

    /// Removes it. That the registry does not have it any more is no error.
    ///
    /// # Errors
    /// If the registry cannot be asked, or refuses.
    fn release(&self) -> ProviderFuture<'_, ()>;
}

/// The result of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease begins anew.
    Renewed,
    /// The registry does not know the registration.
    Gone,
}

/// The error of a provider that only finds services.
fn cannot_register(provider: &str, service: &str) -> Error {
    let hint = "register with a registry: consul://, etcd:// or portolan://";
    Error::usage(format!("{provider} to register {}", crate::clean::clean(service)), "it can only be read", hint)
}

/// Registers providers: the scheme of their URLs, other names for it, and the function that opens them.
macro_rules! providers {
    ($($(#[$attribute:meta])* $scheme:literal $(or $alias:literal)* => $open:path, $example:literal;)*) => {
        /// What URLs of each provider look like.
        const EXAMPLES: &[&str] = &[$($(#[$attribute])* $example),*];

        /// The provider of a URL.
        ///
        /// # Errors
        /// If there is none, or the rest of the URL cannot be used.
        pub(super) fn open(url: &str, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
            let parsed = RegistryUrl::parse(url)?;
            match parsed.scheme.as_str() {
                $($(#[$attribute])* $scheme $(| $alias)* => $open(&parsed, variable),)*
                _ => Err(unknown(&parsed)),
            }
        }
    };
}

providers! {
    #[cfg(feature = "consul")]
    "consul" => consul::open, "consul://127.0.0.1:8500";
    #[cfg(feature = "etcd")]
    "etcd" => etcd::open, "etcd://127.0.0.1:2379";
    #[cfg(feature = "registry")]
    "portolan" or "http" or "https" or "unix" => portolan::open, "portolan://127.0.0.1:7440";
    "dns" => dns::open, "dns://10.0.0.53/service.consul";
    #[cfg(feature = "k8s")]
    "k8s" or "kubernetes" => k8s::open, "k8s:NAMESPACE";
    "file" or "static" => file::open, "file:services.toml";
}

fn unknown(url: &RegistryUrl) -> Error {
    // `localhost:7440` reads as a scheme with a path.
    if url.authority.is_empty() && url.path.parse::<u16>().is_ok() {
        let place = url.shown();
        let hint = format!("write portolan://{place} for `portolan serve`, consul://{place} or etcd://{place}");
        return Error::usage(format!("registry '{place}'"), "it has no scheme", hint);
    }
    // As other programs write TLS.
    let of_tls = url.scheme.strip_suffix("+https").or_else(|| url.scheme.strip_suffix("+tls"));
    if let Some(provider @ ("consul" | "portolan")) = of_tls.or_else(|| url.scheme.strip_suffix('s')) {
        let hint = format!("write {provider}://{}?tls=true", crate::clean::clean(&url.authority));
        return Error::usage(format!("registry '{}'", url.shown()), "there is no such provider", hint);
    }
    let schemes: Vec<&str> = EXAMPLES.iter().filter_map(|example| example.split(':').next()).collect();
    let why = match crate::error::nearest(&url.scheme, &schemes) {
        Some(near) => format!("there is no such provider (did you mean {near}?)"),
        None => "there is no such provider".to_owned(),
    };
    Error::usage(format!("registry '{}'", url.shown()), why, format!("write one of {}", EXAMPLES.join(", ")))
}

#[cfg(test)]
mod tests;
