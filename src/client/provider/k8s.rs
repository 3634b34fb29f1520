//! `k8s:shop`: services of a Kubernetes cluster, which registers them itself.

use std::sync::Arc;

use super::Provider;
use super::url::RegistryUrl;
use crate::error::Result;
use crate::source::{K8s, Source, Variable};

/// A cluster, and the namespace of services that are named without one.
#[derive(Debug)]
struct K8sProvider(K8s);

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    url.parameters("", |_, _| false)?;
    let mut options = K8s::default();
    if let Some(variable) = variable {
        options.read_environment(variable);
        let files = variable("KUBECONFIG").unwrap_or_default();
        options.kubeconfig = std::env::split_paths(&files).filter(|file| !file.as_os_str().is_empty()).collect();
    }
    let namespace = format!("{}{}", url.authority, url.path);
    let namespace = namespace.trim_matches('/');
    if !namespace.is_empty() {
        options.namespace = vec![namespace.to_owned()];
    }
    Ok(Arc::new(K8sProvider(options)))
}

impl Provider for K8sProvider {
    fn name(&self) -> &'static str {
        "k8s"
    }

    fn source(&self, service: &str) -> Result<Arc<dyn Source>> {
        let mut source = self.0.clone();
        source.select(service);
        Ok(Arc::new(source))
    }

    fn all_services(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.0.clone()))
    }
}
