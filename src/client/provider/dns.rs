//! `dns://10.0.0.53/service.consul`: endpoints by DNS. Nothing can register there.

use std::sync::Arc;

use super::Provider;
use super::url::RegistryUrl;
use crate::error::Result;
use crate::source::{Dns, Source, Variable};

/// DNS servers, and the domain of services.
#[derive(Debug)]
struct DnsProvider(Dns);

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    url.parameters("", |_, _| false)?;
    let mut options = Dns::default();
    if let Some(variable) = variable {
        options.read_environment(variable);
    }

    let servers: Vec<String> =
        url.authority.split(',').filter(|server| !server.is_empty()).map(str::to_owned).collect();
    if !servers.is_empty() {
        options.server = servers;
    }
    let domain = url.path.trim_matches('/');
    if !domain.is_empty() {
        options.domain = Some(domain.to_owned());
    }
    Ok(Arc::new(DnsProvider(options)))
}

impl Provider for DnsProvider {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn source(&self, service: &str) -> Result<Arc<dyn Source>> {
        let mut source = self.0.clone();
        source.select(service);
        Ok(Arc::new(source))
    }

    fn place(&self) -> Option<String> {
        Some(self.0.server.join(",")).filter(|servers| !servers.is_empty())
    }
}
