//! The environment variables of Consul's own programs, and what they and the options say together.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Consul;
use crate::error::Result;
use crate::model::Secret;
use crate::net::registry_http::{LastWrite, ProxyVariables, RegistryAddress, RegistryOptions, RegistryTls};
use crate::source::token_file::read_token;
use crate::source::variables::{path, text};

/// The environment variables of Consul's own programs. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsulEnvironment {
    /// The address of the agent (`CONSUL_HTTP_ADDR`).
    pub address: Option<String>,
    /// The ACL token (`CONSUL_HTTP_TOKEN`).
    pub token: Option<Secret>,
    /// The file with the ACL token (`CONSUL_HTTP_TOKEN_FILE`).
    pub token_file: Option<PathBuf>,
    /// Whether the agent speaks TLS (`CONSUL_HTTP_SSL`).
    pub tls: bool,
    /// The file of trusted authorities (`CONSUL_CACERT`).
    pub ca: Option<PathBuf>,
    /// The client certificate (`CONSUL_CLIENT_CERT`).
    pub certificate: Option<PathBuf>,
    /// Its private key (`CONSUL_CLIENT_KEY`).
    pub key: Option<PathBuf>,
    /// The name in the server's certificate (`CONSUL_TLS_SERVER_NAME`).
    pub server_name: Option<String>,
    /// The datacenter (`CONSUL_DATACENTER`).
    pub datacenter: Option<String>,
    /// The namespace (`CONSUL_NAMESPACE`).
    pub namespace: Option<String>,
    /// The admin partition (`CONSUL_PARTITION`).
    pub partition: Option<String>,
    /// The proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: ProxyVariables,
}

/// Where an agent listens unless it is configured otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8500";
const DEFAULT_PORT: u16 = 8500;
const ADDRESS_HINT: &str =
    "check the agent's address in --address, --registry or CONSUL_HTTP_ADDR (default 127.0.0.1:8500)";
pub(super) const TOKEN_HINT: &str =
    "give a token that may read services and nodes, with --token-file or CONSUL_HTTP_TOKEN";

impl ConsulEnvironment {
    /// Reads the variables with `variable`. An empty one counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            address: text(&variable, "CONSUL_HTTP_ADDR"),
            token: text(&variable, "CONSUL_HTTP_TOKEN").map(Secret::from),
            token_file: path(&variable, "CONSUL_HTTP_TOKEN_FILE"),
            tls: text(&variable, "CONSUL_HTTP_SSL").is_some_and(|text| is_true(&text)),
            ca: path(&variable, "CONSUL_CACERT"),
            certificate: path(&variable, "CONSUL_CLIENT_CERT"),
            key: path(&variable, "CONSUL_CLIENT_KEY"),
            server_name: text(&variable, "CONSUL_TLS_SERVER_NAME"),
            datacenter: text(&variable, "CONSUL_DATACENTER"),
            namespace: text(&variable, "CONSUL_NAMESPACE"),
            partition: text(&variable, "CONSUL_PARTITION"),
            proxy: ProxyVariables::read(variable),
        }
    }
}

/// The spellings of Go's `ParseBool`, which Consul uses.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

impl Consul {
    /// How the agent is reached. Reads the file of the token each time, because a token may be replaced.
    ///
    /// # Errors
    /// An invalid address, an unreadable token.
    pub(crate) fn http_options(&self) -> Result<RegistryOptions> {
        let environment = &self.environment;
        let token = self.token()?;
        Ok(RegistryOptions {
            registry: "Consul",
            addresses: vec![self.registry_address()?],
            headers: token.map(|token| ("x-consul-token", token)).into_iter().collect(),
            tls: RegistryTls {
                ca: self.ca.clone().or_else(|| environment.ca.clone()),
                certificate: self.cert.clone().or_else(|| environment.certificate.clone()),
                // The key of the environment belongs to the environment's certificate.
                key: if self.cert.is_some() {
                    self.key.clone()
                } else {
                    self.key.clone().or_else(|| environment.key.clone())
                },
                server_name: self.tls_server_name.clone().or_else(|| environment.server_name.clone()),
            },
            proxy: environment.proxy.clone(),
            timeout: self.timeout,
            last_write: LastWrite::default(),
            address_hint: ADDRESS_HINT,
            token_hint: TOKEN_HINT,
        })
    }

    /// The parameters that every request has: `dc`, `ns` and `partition`, if they are set.
    pub(crate) fn scope(&self) -> Vec<(&'static str, String)> {
        let environment = &self.environment;
        let scope = [
            ("dc", self.datacenter.as_ref().or(environment.datacenter.as_ref())),
            ("ns", self.namespace.as_ref().or(environment.namespace.as_ref())),
            ("partition", self.partition.as_ref().or(environment.partition.as_ref())),
        ];
        scope.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))).collect()
    }

    fn registry_address(&self) -> Result<RegistryAddress> {
        let (name, text) = match (&self.address, &self.environment.address) {
            (Some(text), _) => ("--address", text.as_str()),
            (None, Some(text)) => ("CONSUL_HTTP_ADDR", text.as_str()),
            (None, None) => ("", DEFAULT_ADDRESS),
        };
        let address = RegistryAddress::of_option(name, text)?.with_default_port(DEFAULT_PORT, text);
        let has_scheme = text.contains("://");
        Ok(if self.environment.tls && !has_scheme { address.encrypted() } else { address })
    }

    /// The token: of `--token-file`, `CONSUL_HTTP_TOKEN` or `CONSUL_HTTP_TOKEN_FILE`.
    fn token(&self) -> Result<Option<Secret>> {
        match (&self.token_file, &self.environment.token, &self.environment.token_file) {
            (Some(file), _, _) => read_token("--token-file", file).map(Some),
            (None, Some(token), _) => Ok(Some(token.clone())),
            (None, None, Some(file)) => read_token("CONSUL_HTTP_TOKEN_FILE", file).map(Some),
            (None, None, None) => Ok(None),
        }
    }
}
