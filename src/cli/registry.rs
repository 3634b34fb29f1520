//! `--registry`: the registry of the commands that use one.

use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use crate::client::{Registry, RegistryBuilder};
use crate::error::{Error, Result};
use crate::model::Listing;
use crate::net::runtime;
use crate::source::Variable;

/// Which registry a command uses.
#[derive(Args, Clone, Debug)]
pub(super) struct RegistryOptions {
    /// Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or
    /// file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]
    #[arg(long, visible_alias = "server", value_name = "URL", help_heading = "Registry")]
    registry: Option<String>,
    /// Set the maximum time for the first reply of the registry
    #[arg(long, value_name = "TIME", value_parser = crate::model::parse_duration, default_value = "10s", help_heading = "Registry")]
    pub(super) timeout: Duration,
}

/// The usual time for the first reply of the registry.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Reads the environment.
const VARIABLE: Variable = |name| std::env::var_os(name);
/// The registry of this machine, for commands that name none.
const LOCAL: &str = "portolan:";

impl RegistryOptions {
    /// The registry at this URL, or the one that the environment names.
    pub(super) fn of_url(registry: Option<String>) -> Self {
        Self { registry, timeout: TIMEOUT }
    }

    /// Opens the registry; the one of this machine if none is named. The variables of its provider, such as
    /// `CONSUL_HTTP_TOKEN`, and those of all registries, such as `DISCOVERY_SERVICE_NAME`, apply in each case.
    ///
    /// # Errors
    /// If its URL or a variable is invalid.
    pub(super) fn open(&self) -> Result<Registry> {
        self.open_with(VARIABLE)
    }

    fn open_with(&self, variable: Variable) -> Result<Registry> {
        match &self.registry {
            Some(url) => Registry::at_url(url, variable),
            None if Registry::is_named(variable) || cfg!(not(feature = "registry")) => {
                Registry::from_variables(variable)
            }
            None => Registry::at_url(LOCAL, variable),
        }
    }

    /// Whether a registry was named, by the option or by a variable.
    pub(super) fn is_named(&self) -> bool {
        self.registry.is_some() || Registry::is_named(VARIABLE)
    }

    /// Opens the registry, and runs requests to it.
    ///
    /// # Errors
    /// If its URL is invalid, and those of the requests.
    pub(super) fn run(&self, requests: impl AsyncFnOnce(Registry) -> Result<Exit>) -> Result<Exit> {
        let registry = self.open()?;

        let runtime = runtime(0)?;
        let exit = runtime.block_on(requests(registry));
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        exit
    }

    /// What the registry lists, within the time for its first reply.
    ///
    /// # Errors
    /// If the time passes, and those of the request.
    pub(super) async fn list(&self, request: impl Future<Output = Result<Listing>>) -> Result<Listing> {
        tokio::time::timeout(self.timeout, request).await.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                what: format!("list the services of the registry within {} s", self.timeout.as_secs_f64()),
                why: "it did not reply".to_owned(),
                hint: "check its address, or wait longer with --timeout".to_owned(),
            })
        })
    }
}

/// The registry at a URL, with the provider's own variables.
///
/// # Errors
/// If the URL is invalid.
pub(super) fn open_url(url: &str) -> Result<Registry> {
    Registry::builder(url, Some(VARIABLE)).map(RegistryBuilder::build)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// Without a name, it is the registry of this machine; variables that name none apply beside a URL.
    #[cfg(feature = "registry")]
    #[test]
    fn the_registry_is_named_or_that_of_this_machine() {
        let local = RegistryOptions::of_url(None).open_with(|_| None).unwrap();
        assert_eq!((local.provider(), local.place().as_deref()), ("portolan", Some("127.0.0.1:7440")));

        let file: Variable = |name| (name == "DISCOVERY_FILE").then(|| OsString::from("s.toml"));
        assert_eq!(RegistryOptions::of_url(None).open_with(file).unwrap().provider(), "file");

        let named: Variable = |name| (name == "DISCOVERY_SERVICE_NAME").then(|| OsString::from("web"));
        let given = RegistryOptions::of_url(Some("file:s.toml".to_owned())).open_with(named).unwrap();
        assert_eq!((given.provider(), given.service_name()), ("file", Some("web")));
    }
}
