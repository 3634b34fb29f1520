//! Registries: where services are found, and where programs register.

#[cfg(feature = "consul")]
mod consul;
mod dns;
mod environment;
#[cfg(feature = "etcd")]
mod etcd;
mod file;
#[cfg(feature = "k8s")]
mod k8s;
#[cfg(feature = "registry")]
mod portolan;
mod url;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::Registration;
use crate::source::{Source, Variable};

pub(super) use environment::{RegistrySettings, settings, variables};
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

    /// The source that lists and watches all services; `None` if the provider only looks up names, such as DNS.
    fn all(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// Its address as it is written for its own tools: `127.0.0.1:8500`, or the path of a file. `None` if it has none.
    fn place(&self) -> Option<String> {
        None
    }

    /// Removes an instance, whoever registered it: by the id that it has in a listing of this provider, and in a key-value store by
    /// its key. That the registry does not have it any more is no error.
    ///
    /// # Errors
    /// By default: the provider cannot remove anything. Otherwise if the registry cannot be asked, or refuses.
    fn deregister<'a>(&'a self, instance: &'a str) -> ProviderFuture<'a, ()> {
        let error = cannot_change(self.name(), "deregister", instance);
        Box::pin(async move { Err(error) })
    }

    /// Registers an instance, or replaces the registration with the same id.
    ///
    /// # Errors
    /// By default: the provider cannot register anything.
    fn register<'a>(&'a self, registration: &'a Registration) -> ProviderFuture<'a, Box<dyn ActiveLease>> {
        let error = cannot_change(self.name(), "register", &registration.name);
        Box::pin(async move { Err(error) })
    }
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
fn cannot_change(provider: &str, verb: &str, subject: &str) -> Error {
    let hint = format!("{verb} with a registry: consul://, etcd:// or portolan://");
    Error::usage(format!("{provider} to {verb} {}", crate::clean::clean(subject)), "it can only be read", hint)
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
    "portolan" => portolan::open, "portolan://127.0.0.1:7440";
    "dns" => dns::open, "dns://10.0.0.53/service.consul";
    #[cfg(feature = "k8s")]
    "k8s" or "kubernetes" => k8s::open, "k8s:NAMESPACE";
    "file" or "static" => file::open, "file:services.toml";
}

fn unknown(url: &RegistryUrl) -> Error {
    let schemes: Vec<&str> = EXAMPLES.iter().filter_map(|example| example.split(':').next()).collect();
    let why = match crate::error::nearest(&url.scheme, &schemes) {
        Some(near) => format!("there is no such provider (did you mean {near}?)"),
        None => "there is no such provider".to_owned(),
    };
    Error::usage(format!("registry '{}'", url.shown()), why, format!("write one of {}", EXAMPLES.join(", ")))
}

#[cfg(test)]
mod tests;
