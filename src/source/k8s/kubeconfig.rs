//! Finds the API server and the credentials: in a kubeconfig, or in the pod's service account.

use std::path::{Path, PathBuf};

use http::Uri;
use k8s_openapi::ByteString;
use kube::Config;
use kube::config::{AuthInfo, Cluster};

use super::config_files::{ConfigFiles, NAME_ONE, check_file, contexts, plain, read};
use super::options::is_namespace;
use super::{K8s, certificate, credentials, exec, in_cluster, proxy_environment, server_url};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::net::Deadline;

const CREDENTIALS: &str = "check the credentials of the kubeconfig's user";

impl K8s {
    /// The server and the credentials. A credential program must end before the deadline.
    pub(super) async fn config(&self, deadline: Deadline) -> Result<Config> {
        if self.in_cluster {
            return in_cluster::config(&self.environment);
        }

        // As for kubectl, empty names in a list of files are no files.
        let files: Vec<PathBuf> = self.kubeconfig.iter().filter(|file| !file.as_os_str().is_empty()).cloned().collect();
        if !files.is_empty() {
            return self.of_files(&files, deadline).await;
        }

        let default = self.environment.home.as_ref().map(|home| home.join(".kube").join("config"));
        match default.filter(|path| path.exists()) {
            Some(path) => self.of_files(&[path], deadline).await,
            None if in_cluster::is_pod() => in_cluster::config(&self.environment),
            None => {
                let why = "it does not exist, and portolan does not run in a pod";
                Err(Error::usage("~/.kube/config", why, NAME_ONE))
            }
        }
    }

    async fn of_files(&self, files: &[PathBuf], deadline: Deadline) -> Result<Config> {
        let source = ConfigFiles::of(files);
        let kubeconfig = read(files)?;
        if kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty() {
            return Err(source.error("it contains no cluster", NAME_ONE));
        }

        let context = self.context.as_ref().or(kubeconfig.current_context.as_ref());
        let Some(context) = context.filter(|name| !name.is_empty()) else {
            let hint = format!("{}; select one with --context", contexts(&kubeconfig));
            return Err(source.error("it has no current context", &hint));
        };
        let (cluster, user, namespace) = source.look_up(&kubeconfig, context)?;

        let mut config = Config::new(source.server(&cluster)?);
        let is_tls = server_url::is_tls(&config.cluster_url);
        let user = credentials::select(user, is_tls).map_err(|why| source.error(&why, CREDENTIALS))?;
        self.check_safety(&source, &cluster, &user)?;

        config.proxy_url = match &cluster.proxy_url {
            Some(proxy) => Some(source.proxy(proxy)?),
            None => proxy_environment::proxy(&self.environment, &config.cluster_url)?,
        };
        if let Some(namespace) = namespace {
            config.default_namespace = source.namespace(namespace)?;
        }

        config.root_cert = if is_tls { source.authority(&cluster)? } else { None };
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.disable_compression = cluster.disable_compression.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        config.auth_info = source.credentials(user, &cluster, deadline).await?;
        Ok(config)
    }

    /// A kubeconfig may come from elsewhere: this checks the program that it runs and the files that it reads.
    fn check_safety(&self, source: &ConfigFiles, cluster: &Cluster, user: &AuthInfo) -> Result<()> {
        if let Some(exec) = user.exec.as_ref().filter(|_| !self.allow_exec) {
            let program = clean(exec.command.as_deref().unwrap_or_default());
            let why = format!("its credentials come from the program '{program}'");
            return Err(source.error(&why, "add --allow-exec to run it"));
        }
        // portolan cannot limit such a program, and kubectl no longer supports it (Kubernetes 1.26).
        if user.auth_provider.as_ref().is_some_and(|provider| provider.config.contains_key("cmd-path")) {
            let why = "its credentials come from an auth-provider program, which portolan does not support";
            return Err(source.error(why, "recreate it with your cloud's tool, with an exec section"));
        }

        let inline = [
            (&cluster.certificate_authority, cluster.certificate_authority_data.is_some()),
            (&user.client_certificate, user.client_certificate_data.is_some()),
            (&user.client_key, user.client_key_data.is_some()),
            (&user.token_file, user.token.is_some()),
        ];

        let files = inline.into_iter().filter(|(_, inline)| !inline).filter_map(|(file, _)| file.as_ref());
        for file in files.map(Path::new) {
            check_file(file).map_err(|why| {
                source.error(&format!("its file '{}': {why}", clean(&file.to_string_lossy())), NAME_ONE)
            })?;
        }
        Ok(())
    }
}

impl ConfigFiles {
    fn server(&self, cluster: &Cluster) -> Result<Uri> {
        let hint = "write its server as https://HOST:6443";
        let Some(server) = &cluster.server else { return Err(self.error("its cluster has no server", hint)) };
        server_url::server(server).map_err(|why| self.error(&format!("its server {why}"), hint))
    }

    fn proxy(&self, url: &str) -> Result<Uri> {
        server_url::proxy(url)
            .map_err(|why| self.error(&format!("its proxy-url {why}"), "write it as http://proxy.example:3128"))
    }

    /// A namespace becomes a part of a request's path.
    fn namespace(&self, name: String) -> Result<String> {
        if is_namespace(&name) {
            return Ok(name);
        }
        let why = format!("the namespace '{}' of its context is not a namespace name", clean(&name));
        Err(self.error(&why, "name one with -n"))
    }

    /// The certificates that the server's certificate is checked against; `None`: those of the system.
    fn authority(&self, cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>> {
        let hint = "`kubectl config view --raw` shows it; it must be a PEM file";
        let (name, pem) = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
            (Some(data), _) => {
                let Ok(pem) = serde_json::from_value::<ByteString>(data.as_str().into()) else {
                    return Err(self.error("its certificate-authority-data is not base64", hint));
                };
                ("certificate-authority-data", pem.0)
            }
            (None, Some(file)) => {
                let pem = std::fs::read(file).map_err(|error| {
                    let why = super::config_files::io_text(&error);
                    self.error(&format!("its file '{}': {why}", clean(file)), NAME_ONE)
                })?;
                ("certificate-authority", pem)
            }
            (None, None) => return Ok(None),
        };

        match certificate::all(&pem) {
            Some(certificates) => Ok(Some(certificates)),
            None => Err(self.error(&format!("its {name} contains no certificate"), hint)),
        }
    }

    /// The credentials as they are sent: with the content of the token file, and with the program's response.
    async fn credentials(&self, mut user: AuthInfo, cluster: &Cluster, deadline: Deadline) -> Result<AuthInfo> {
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
            exec.cluster = Some(cluster.try_into().map_err(|error| self.error(&plain(&error), NAME_ONE))?);
        }

        credentials::read_token_file(&mut user).map_err(|why| self.error(&why, CREDENTIALS))?;
        exec::run(&mut user, deadline).await?;
        credentials::check_tokens(&mut user).map_err(|why| self.error(&why, CREDENTIALS))?;
        Ok(user)
    }
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
