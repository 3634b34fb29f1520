//! Access to the API server from within a pod, by the files that Kubernetes mounts there.

use std::path::Path;

use kube::Config;
use kube::config::AuthInfo;

use super::options::{K8sEnvironment, is_namespace};
use super::{certificate, credentials, proxy_environment, server_url};
use crate::error::{Error, Result};

/// The directory of the pod's service account (Kubernetes, "Accessing the Kubernetes API from a Pod").
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether this process runs in a pod with access to its API server.
pub(super) fn is_pod() -> bool {
    Path::new(ACCOUNT).join("token").exists()
}

pub(super) fn config(environment: &K8sEnvironment) -> Result<Config> {
    if !is_pod() {
        return Err(unusable("--in-cluster", &format!("{ACCOUNT}/token does not exist")));
    }
    let Some((host, port)) = &environment.server else {
        let why = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set";
        return Err(unusable("--in-cluster", why));
    };

    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let Ok(url) = server_url::server(&format!("https://{host}:{port}")) else {
        let what = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT";
        return Err(unusable(what, "they do not contain a server address"));
    };
    let Some(authority) = read("ca.crt").ok().and_then(|text| certificate::all(text.as_bytes())) else {
        return Err(unusable("--in-cluster", &format!("{ACCOUNT}/ca.crt contains no certificate")));
    };

    let mut config = Config::new(url);
    config.root_cert = Some(authority);
    // Both files rotate; kube reads them again once a minute.
    config.root_cert_file = Some(Path::new(ACCOUNT).join("ca.crt"));
    config.auth_info = AuthInfo { token_file: Some(format!("{ACCOUNT}/token")), ..AuthInfo::default() };
    credentials::read_token_file(&mut config.auth_info).map_err(|why| unusable("--in-cluster", &why))?;

    if let Some(namespace) = read("namespace").ok().filter(|text| is_namespace(text.trim())) {
        namespace.trim().clone_into(&mut config.default_namespace);
    }
    config.proxy_url = proxy_environment::proxy(environment, &config.cluster_url)?;
    Ok(config)
}

fn unusable(what: &str, why: &str) -> Error {
    Error::usage(what, why, "run portolan in a pod with a service account, or name a kubeconfig with --kubeconfig")
}

fn read(name: &str) -> std::io::Result<String> {
    std::fs::read_to_string(Path::new(ACCOUNT).join(name))
}
