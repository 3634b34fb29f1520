//! The environment variables for a registry of portolan's own, and what they and the options say together.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Portolan;
use crate::error::Result;
use crate::model::Secret;
use crate::net::registry_http::{ProxyVariables, RegistryAddress, RegistryOptions, RegistryTls};
use crate::source::token_file::read_token;
use crate::source::variables::{path, text};

/// The environment variables for a registry of portolan's own. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortolanEnvironment {
    /// The address of the registry (`PORTOLAN_REGISTRY`), or those of its servers, separated by commas.
    pub address: Option<String>,
    /// The token (`PORTOLAN_TOKEN`).
    pub token: Option<Secret>,
    /// The file of trusted authorities (`PORTOLAN_CACERT`).
    pub ca: Option<PathBuf>,
    /// The client certificate (`PORTOLAN_CLIENT_CERT`).
    pub certificate: Option<PathBuf>,
    /// Its private key (`PORTOLAN_CLIENT_KEY`).
    pub key: Option<PathBuf>,
    /// The proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: ProxyVariables,
}

/// Where `portolan serve` listens unless it is configured otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7440";
const DEFAULT_PORT: u16 = 7440;
const ADDRESS_HINT: &str =
    "start one with `portolan serve`, or name its address with --registry, --address or PORTOLAN_REGISTRY";
const TOKEN_HINT: &str =
    "set PORTOLAN_TOKEN to a key or token that permits it; `discover portolan` also takes --token-file";

impl PortolanEnvironment {
    /// Reads the variables with `variable`. An empty one counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            address: text(&variable, "PORTOLAN_REGISTRY"),
            token: text(&variable, "PORTOLAN_TOKEN").map(Secret::from),
            ca: path(&variable, "PORTOLAN_CACERT"),
            certificate: path(&variable, "PORTOLAN_CLIENT_CERT"),
            key: path(&variable, "PORTOLAN_CLIENT_KEY"),
            proxy: ProxyVariables::read(variable),
        }
    }
}

impl Portolan {
    /// How the registry is reached. Reads the file of the token each time, because a token may be replaced.
    ///
    /// # Errors
    /// An invalid address, an unreadable token.
    pub(crate) fn http_options(&self) -> Result<RegistryOptions> {
        let (name, text) = match (&self.address, &self.environment.address) {
            (Some(text), _) => ("--address", text.as_str()),
            (None, Some(text)) => ("PORTOLAN_REGISTRY", text.as_str()),
            (None, None) => ("", DEFAULT_ADDRESS),
        };
        let token = match (&self.token_file, &self.environment.token) {
            (Some(path), _) => Some(read_token("--token-file", path)?),
            (None, token) => token.clone(),
        };
        let bearer = token.map(|token| Secret::from(format!("Bearer {}", token.expose())));

        Ok(RegistryOptions {
            registry: "the registry",
            addresses: addresses(name, text)?,
            headers: bearer.map(|bearer| ("authorization", bearer)).into_iter().collect(),
            tls: RegistryTls {
                ca: self.ca.clone().or_else(|| self.environment.ca.clone()),
                certificate: self.cert.clone().or_else(|| self.environment.certificate.clone()),
                // The key of the environment belongs to the environment's certificate.
                key: match (&self.key, &self.cert) {
                    (None, None) => self.environment.key.clone(),
                    (key, _) => key.clone(),
                },
                server_name: None,
            },
            proxy: self.environment.proxy.clone(),
            timeout: self.timeout,
            last_write: self.last_write.clone(),
            address_hint: ADDRESS_HINT,
            token_hint: TOKEN_HINT,
        })
    }
}

/// The servers of a registry, separated by commas. The scheme of the first is that of those behind it which have none.
fn addresses(name: &str, text: &str) -> Result<Vec<RegistryAddress>> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| *scheme != "unix");
    let servers = text.split(',').map(str::trim).map(|server| match scheme {
        Some(scheme) if !server.contains("://") => format!("{scheme}://{server}"),
        _ => server.to_owned(),
    });
    servers
        .map(|server| Ok(RegistryAddress::of_option(name, &server)?.with_default_port(DEFAULT_PORT, &server)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>> {
        Ok(addresses("--address", text)?.iter().map(|address| address.shown().to_owned()).collect())
    }

    #[test]
    fn several_servers_are_separated_by_commas() {
        for (text, expected) in [
            ("10.0.0.1", vec!["http://10.0.0.1:7440"]),
            ("10.0.0.1,10.0.0.2:8000", vec!["http://10.0.0.1:7440", "http://10.0.0.2:8000"]),
            ("https://a, b:1", vec!["https://a:7440", "https://b:1"]),
            ("http://a,https://b", vec!["http://a:7440", "https://b:7440"]),
            ("[::1],[::2]:8000", vec!["http://[::1]:7440", "http://[::2]:8000"]),
            ("unix:///run/a.sock,b", vec!["unix:///run/a.sock", "http://b:7440"]),
        ] {
            assert_eq!(shown(text).unwrap(), expected, "{text}");
        }
        for text in ["", "a,", "a,,b", ",a", "a,b:x"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}
