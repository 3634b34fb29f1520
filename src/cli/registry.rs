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
    /// file:services.toml [default: by the DISCOVERY_* variables]
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
/// The registry of this machine, for commands of operators that name none.
const LOCAL: &str = "portolan:";

impl RegistryOptions {
    /// The registry at this URL, or the one that the environment names.
    pub(super) fn of_url(registry: Option<String>) -> Self {
        Self { registry, timeout: TIMEOUT }
    }

    /// Opens the registry. Its own variables, such as `CONSUL_HTTP_TOKEN`, apply in both cases.
    ///
    /// # Errors
    /// If none is named, or its URL is invalid.
    pub(super) fn open(&self) -> Result<Registry> {
        match &self.registry {
            Some(url) => open_url(url),
            None => Registry::from_variables(VARIABLE),
        }
    }

    /// Whether a registry was named, by the option or by a variable.
    pub(super) fn is_named(&self) -> bool {
        self.registry.is_some() || Registry::is_named(VARIABLE)
    }

    /// Opens the registry; the one of this machine if none is named.
    ///
    /// # Errors
    /// If its URL is invalid.
    pub(super) fn open_or_local(&self) -> Result<Registry> {
        if self.is_named() { self.open() } else { open_url(LOCAL) }
    }

    /// Opens the registry; the one of this machine if none is named. Runs requests to it.
    ///
    /// # Errors
    /// If its URL is invalid, and those of the requests.
    pub(super) fn run(&self, requests: impl AsyncFnOnce(Registry) -> Result<Exit>) -> Result<Exit> {
        let registry = self.open_or_local()?;

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
