//! `--registry`: the registry of the commands that use one.

use std::time::Duration;

use clap::Args;

use crate::client::{Registry, RegistryBuilder};
use crate::error::Result;
use crate::source::Variable;

/// Which registry a command uses.
#[derive(Args, Clone, Debug)]
pub(super) struct RegistryOptions {
    /// Use this registry, as in consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: by the
    /// DISCOVERY_* variables]
    #[arg(long, value_name = "URL", help_heading = "Registry")]
    registry: Option<String>,
    /// Set the maximum time for the first reply of the registry
    #[arg(long, value_name = "TIME", value_parser = crate::model::parse_duration, default_value = "10s", help_heading = "Registry")]
    pub(super) timeout: Duration,
}

/// Reads the environment.
const VARIABLE: Variable = |name| std::env::var_os(name);

impl RegistryOptions {
    /// Opens the registry. Its own variables, such as `CONSUL_HTTP_TOKEN`, apply in both cases.
    ///
    /// # Errors
    /// If none is named, or its URL is invalid.
    pub(super) fn open(&self) -> Result<Registry> {
        match &self.registry {
            Some(url) => Registry::builder(url, Some(VARIABLE)).map(RegistryBuilder::build),
            None => Registry::from_variables(VARIABLE),
        }
    }
}
