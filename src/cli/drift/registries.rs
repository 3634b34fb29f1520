//! The registries that are compared: of the command line, or of the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clean::{clean, redacted};
use crate::cli::registry::RegistryOptions;
use crate::client::{Registry, RegistryBuilder};
use crate::drift::{RegistrySource, ServiceLookup};
use crate::error::{Error, Result};
use crate::source::{Source, Variable};

/// A registry with its name in findings.
pub(super) struct NamedRegistry {
    name: String,
    pub(super) registry: Registry,
    services: Arc<dyn Source>,
    lookup: Option<ServiceLookup>,
}

/// Reads the environment.
const VARIABLE: Variable = |name| std::env::var_os(name);

/// Opens the registries with these URLs and files; without any, that of the environment.
///
/// # Errors
/// If a URL is invalid, or no registry is named anywhere and this portolan knows none of its own.
pub(super) fn open(urls: &[String], files: &[PathBuf]) -> Result<Vec<NamedRegistry>> {
    let files = files.iter().map(|file| format!("file:{}", file.to_string_lossy()));
    let urls: Vec<String> = urls.iter().cloned().chain(files).collect();
    if urls.is_empty() {
        return of_environment().map(|registry| vec![registry]);
    }

    let registries = urls.iter().map(|url| Registry::builder(url, Some(VARIABLE)).map(RegistryBuilder::build));
    let registries: Vec<Registry> = registries.collect::<Result<_>>()?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for registry in &registries {
        *counts.entry(registry.provider()).or_default() += 1;
    }

    let named = urls.iter().zip(&registries).map(|(url, registry)| {
        let is_only = counts.get(registry.provider()) == Some(&1);
        let name = if is_only { registry.provider().to_owned() } else { clean(&redacted(url)) };
        NamedRegistry::new(name, registry.clone())
    });
    let named: Vec<NamedRegistry> = named.collect::<Result<_>>()?;

    if named.iter().all(|registry| registry.lookup.is_some()) {
        let why = "portolan looks up the names of other registries in DNS, and no other registry is given";
        let what = format!("registry '{}'", clean(&redacted(urls.first().map_or("", String::as_str))));
        return Err(Error::usage(what, why, "add a registry, or --file with the services"));
    }
    Ok(named)
}

/// The registry that the environment names, or that of this machine, as other commands find it.
fn of_environment() -> Result<NamedRegistry> {
    let registry = RegistryOptions::of_url(None).open()?;
    NamedRegistry::new(registry.provider().to_owned(), registry)
}

/// A registry as the comparison takes it, under the name of its provider.
///
/// # Errors
/// If it cannot be read.
#[cfg(feature = "registry")]
pub(in crate::cli) fn source_of(registry: &Registry) -> Result<RegistrySource> {
    NamedRegistry::new(registry.provider().to_owned(), registry.clone()).map(|named| named.source())
}

impl NamedRegistry {
    fn new(name: String, registry: Registry) -> Result<Self> {
        if let Ok(services) = registry.source() {
            return Ok(Self { name, registry, services, lookup: None });
        }

        let looked_up = registry.clone();
        let lookup: ServiceLookup = Arc::new(move |name: &str| looked_up.source_of(name));
        let services = registry.source_of(&name)?;
        Ok(Self { name, registry, services, lookup: Some(lookup) })
    }

    /// The registry as the comparison takes it.
    pub(super) fn source(&self) -> RegistrySource {
        RegistrySource {
            name: self.name.clone(),
            provider: self.registry.provider().to_owned(),
            place: self.registry.place(),
            source: Arc::clone(&self.services),
            lookup: self.lookup.clone(),
            of_host: None,
        }
    }
}
