//! The environment variables for etcd, and what they and the options say together.

use std::ffi::OsString;

use super::Etcd;
use crate::error::{Error, Result};
use crate::model::Secret;
use crate::net::registry_http::{LastWrite, ProxyVariables, RegistryAddress, RegistryOptions, RegistryTls};
use crate::source::token_file::read_token;
use crate::source::variables::text;

/// The environment variables for etcd. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EtcdEnvironment {
    /// The servers (`ETCD_ENDPOINTS`).
    pub endpoints: Vec<String>,
    /// The prefix of the keys (`ETCD_DISCOVERY_PREFIX`).
    pub prefix: Option<String>,
    /// The user (`ETCD_USERNAME`).
    pub user: Option<String>,
    /// The user's password (`ETCD_PASSWORD`).
    pub password: Option<Secret>,
    /// The proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: ProxyVariables,
}

const DEFAULT_ENDPOINT: &str = "127.0.0.1:2379";
const DEFAULT_PORT: u16 = 2379;
const DEFAULT_PREFIX: &str = "/services/";
const ADDRESS_HINT: &str =
    "check the servers' addresses in --endpoint, --registry or ETCD_ENDPOINTS (default 127.0.0.1:2379)";
const TOKEN_HINT: &str = "log in with --user and --password-file, or ETCD_USERNAME and ETCD_PASSWORD";

impl EtcdEnvironment {
    /// Reads the variables with `variable`. An empty one counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let endpoints = text(&variable, "ETCD_ENDPOINTS").unwrap_or_default();
        let endpoints = endpoints.split(',').map(str::trim).filter(|endpoint| !endpoint.is_empty());
        Self {
            endpoints: endpoints.map(str::to_owned).collect(),
            prefix: text(&variable, "ETCD_DISCOVERY_PREFIX"),
            user: text(&variable, "ETCD_USERNAME"),
            password: text(&variable, "ETCD_PASSWORD").map(Secret::from),
            proxy: ProxyVariables::read(variable),
        }
    }
}

impl Etcd {
    /// The prefix of all keys of services.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().or(self.environment.prefix.as_deref()).unwrap_or(DEFAULT_PREFIX)
    }

    /// How the servers are reached.
    ///
    /// # Errors
    /// An invalid address.
    pub(crate) fn http_options(&self) -> Result<RegistryOptions> {
        let (name, endpoints) = match (self.endpoint.as_slice(), self.environment.endpoints.as_slice()) {
            ([], []) => ("", vec![DEFAULT_ENDPOINT.to_owned()]),
            ([], of_environment) => ("ETCD_ENDPOINTS", of_environment.to_vec()),
            (given, _) => ("--endpoint", given.to_vec()),
        };
        let mut addresses = Vec::with_capacity(endpoints.len());
        for text in &endpoints {
            addresses.push(RegistryAddress::of_option(name, text)?.with_default_port(DEFAULT_PORT, text));
        }
        Ok(RegistryOptions {
            registry: "etcd",
            addresses,
            headers: Vec::new(),
            tls: RegistryTls {
                ca: self.ca.clone(),
                certificate: self.cert.clone(),
                key: self.key.clone(),
                server_name: None,
            },
            proxy: self.environment.proxy.clone(),
            timeout: self.timeout,
            last_write: LastWrite::default(),
            address_hint: ADDRESS_HINT,
            token_hint: TOKEN_HINT,
        })
    }

    /// The user and the password, if etcd requires them.
    ///
    /// # Errors
    /// A user without a password; a file that cannot be read.
    pub(crate) fn credentials(&self) -> Result<Option<(String, Secret)>> {
        let Some(user) = self.user.clone().or_else(|| self.environment.user.clone()) else { return Ok(None) };
        let password = match (&self.password_file, &self.environment.password) {
            (Some(path), _) => read_token("--password-file", path)?,
            (None, Some(password)) => password.clone(),
            (None, None) => {
                let hint = "give it with --password-file or ETCD_PASSWORD";
                return Err(Error::usage("the user of etcd", "its password is missing", hint));
            }
        };
        Ok(Some((user, password)))
    }
}
