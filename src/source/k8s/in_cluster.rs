//! The way to the API server from within a pod: files that Kubernetes puts there.

use std::path::Path;

use kube::Config;
use kube::config::AuthInfo;

use super::options::K8sEnvironment;
use crate::error::{Error, Result};

/// Where a pod finds its service account (Kubernetes, "Accessing the Kubernetes API from a Pod").
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether this runs in a pod that may ask its API server.
pub(super) fn is_pod() -> bool {
    Path::new(ACCOUNT).join("token").exists()
}

pub(super) fn config(environment: &K8sEnvironment) -> Result<Config> {
    let refuse = |what: &str, why: &str| {
        Err(Error::usage(what, why, "run it in a pod with a service account, or name a kubeconfig with --kubeconfig"))
    };
    let read = |name: &str| std::fs::read_to_string(Path::new(ACCOUNT).join(name));
    if !is_pod() {
        return refuse("--in-cluster", &format!("{ACCOUNT}/token is not there"));
    }
    let Some((host, port)) = &environment.server else {
        return refuse("--in-cluster", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let Ok(url) = format!("https://{host}:{port}").parse() else {
        return refuse("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT", "they are no address of a server");
    };
    let Some(authority) = read("ca.crt").ok().and_then(|text| certificates(&text)) else {
        return refuse("--in-cluster", &format!("{ACCOUNT}/ca.crt is no certificate"));
    };
    let mut config = Config::new(url);
    config.root_cert = Some(authority);
    // The library reads both again once they are a minute old: they rotate.
    config.root_cert_file = Some(Path::new(ACCOUNT).join("ca.crt"));
    config.auth_info = AuthInfo { token_file: Some(format!("{ACCOUNT}/token")), ..AuthInfo::default() };
    if let Ok(namespace) = read("namespace") {
        namespace.trim().clone_into(&mut config.default_namespace);
    }
    Ok(config)
}

fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then(|| all.into_iter().map(|one| one.to_vec()).collect())
}
