//! The variables that choose and configure a registry: `DISCOVERY_PROVIDER` and its like.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use super::Provider;
use crate::balance::{self, Balancer};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::parse_duration;
use crate::source::Variable;

/// What the environment says of registries.
#[derive(Debug)]
pub(in crate::client) struct RegistrySettings {
    pub(in crate::client) provider: Arc<dyn Provider>,
    pub(in crate::client) service_name: Option<String>,
    pub(in crate::client) balancer: Option<Arc<dyn Balancer>>,
    pub(in crate::client) cache_ttl: Option<Duration>,
    pub(in crate::client) only_healthy: bool,
}

/// Providers by the names of `DISCOVERY_PROVIDER`, the URL that opens each, and a variable that shows that it is meant if
/// `DISCOVERY_PROVIDER` is not set: the first one that is set. portolan's own says it plainest, and the others may only be
/// there for other programs.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("portolan", "portolan:", "PORTOLAN_REGISTRY"),
    ("consul", "consul:", "CONSUL_HTTP_ADDR"),
    ("etcd", "etcd:", "ETCD_ENDPOINTS"),
    ("dns", "dns:", "DNS_DOMAIN"),
    ("static", FILE, "DISCOVERY_FILE"),
    ("kubernetes", "k8s:", "KUBERNETES_SERVICE_HOST"),
];
/// Other names for them.
const ALIASES: &[(&str, &str)] = &[("k8s", "kubernetes"), ("file", "static")];
/// Followed by the value of `DISCOVERY_FILE`.
const FILE: &str = "file:";

/// The variables that say which registry is meant.
pub(in crate::client) fn variables() -> impl Iterator<Item = &'static str> {
    std::iter::once("DISCOVERY_PROVIDER").chain(PROVIDERS.iter().map(|(_, _, variable)| *variable))
}

/// Reads the variables.
///
/// # Errors
/// If a value is invalid, or none says which registry is meant.
pub(in crate::client) fn settings(variable: Variable) -> Result<RegistrySettings> {
    settings_at(&registry_url(variable)?, variable)
}

/// Reads the variables that do not say which registry is meant: it is the one at `url`.
///
/// # Errors
/// If the URL or a value is invalid.
pub(in crate::client) fn settings_at(url: &str, variable: Variable) -> Result<RegistrySettings> {
    let balancer = text(variable, "DISCOVERY_BALANCER")?;
    let balancer =
        balancer.map(|name| balance::strategy(&name).map_err(|error| named("DISCOVERY_BALANCER", &name, &error)));
    let cache_ttl = text(variable, "DISCOVERY_CACHE_TTL")?;
    let cache_ttl = cache_ttl.map(|time| {
        let hint = "write a time such as 10s";
        parse_duration(&time)
            .map_err(|why| Error::usage(of_variable("DISCOVERY_CACHE_TTL", &time), why.to_string(), hint))
    });
    let health = text(variable, "DISCOVERY_HEALTH_CHECK")?.map(|word| truth("DISCOVERY_HEALTH_CHECK", &word));

    Ok(RegistrySettings {
        provider: super::open(url, Some(variable))?,
        service_name: text(variable, "DISCOVERY_SERVICE_NAME")?,
        balancer: balancer.transpose()?,
        cache_ttl: cache_ttl.transpose()?,
        only_healthy: health.transpose()?.unwrap_or(true),
    })
}

/// Whether the variables say which registry is meant.
pub(in crate::client) fn is_named(variable: Variable) -> bool {
    let hints = PROVIDERS.iter().map(|(_, _, hint)| *hint).chain(["DISCOVERY_PROVIDER"]);
    let mut values = hints.filter_map(variable);
    values.any(|value| !value.is_empty())
}

/// The URL of the registry that is meant.
fn registry_url(variable: Variable) -> Result<String> {
    let Some(name) = text(variable, "DISCOVERY_PROVIDER")? else {
        let mut providers = PROVIDERS.iter();
        let meant = providers.find(|(_, _, hint)| variable(hint).is_some_and(|value| !value.is_empty()));
        let meant = meant.ok_or_else(unset)?;
        return with_file(meant.1, variable);
    };
    if name.contains(':') {
        return Ok(name);
    }

    let plain = name.to_ascii_lowercase();
    let plain = ALIASES.iter().find(|(alias, _)| *alias == plain).map_or(plain.as_str(), |(_, known)| known);
    match PROVIDERS.iter().find(|(known, _, _)| *known == plain) {
        Some((_, url, _)) => with_file(url, variable),
        None => {
            let known: Vec<&str> = PROVIDERS.iter().map(|(known, _, _)| *known).collect();
            let hint = format!("the providers are {}", known.join(", "));
            Err(Error::usage(of_variable("DISCOVERY_PROVIDER", &name), "there is no such provider", hint))
        }
    }
}

/// The URL of a services file ends with its path.
fn with_file(url: &str, variable: Variable) -> Result<String> {
    let path = if url == FILE { text(variable, "DISCOVERY_FILE")?.unwrap_or_default() } else { String::new() };
    Ok(format!("{url}{path}"))
}

fn unset() -> Error {
    let known: Vec<&str> = PROVIDERS.iter().map(|(known, _, _)| *known).collect();
    Error::usage(
        "DISCOVERY_PROVIDER",
        "it is not set, and no variable of a provider is",
        format!("set it to one of {}, or name a registry, as in --registry consul://127.0.0.1:8500", known.join(", ")),
    )
}

/// The value of a variable; an empty one counts as not set.
fn text(variable: Variable, name: &str) -> Result<Option<String>> {
    let value: Option<OsString> = variable(name).filter(|value| !value.is_empty());
    let value = value.map(|value| {
        value.into_string().map_err(|value| {
            Error::usage(of_variable(name, &value.to_string_lossy()), "it is not valid UTF-8", "write it in UTF-8")
        })
    });
    value.transpose()
}

fn truth(name: &str, word: &str) -> Result<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Error::usage(of_variable(name, word), "it is neither true nor false", "write true or false")),
    }
}

/// The same error, of a value in the environment.
fn named(name: &str, value: &str, error: &Error) -> Error {
    let why = match error {
        Error::Usage { why, .. } => why.clone(),
        error => error.to_string(),
    };
    Error::usage(of_variable(name, value), why, error.hint())
}

fn of_variable(name: &str, value: &str) -> String {
    format!("{name}='{}'", clean(value))
}
