//! The environment variables for DNS, and the servers that they and the options name.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{CONSUL_SERVER, Dns};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::parse_duration;
use crate::source::variables::text;

/// The environment variables for DNS. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsEnvironment {
    /// The servers (`DNS_SERVER`).
    pub server: Option<String>,
    /// Their port (`DNS_PORT`).
    pub port: Option<String>,
    /// The domain of names without a dot (`DNS_DOMAIN`).
    pub domain: Option<String>,
    /// The minimum time between two lookups (`DNS_REFRESH_TTL`).
    pub refresh_ttl: Option<Duration>,
}

const DEFAULT_PORT: u16 = 53;
const HINT: &str = "write an address, as in 10.0.0.53, 127.0.0.1:8600 or [::1]:53";

impl DnsEnvironment {
    /// Reads the variables with `variable`. An empty one counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            server: text(&variable, "DNS_SERVER"),
            port: text(&variable, "DNS_PORT"),
            domain: text(&variable, "DNS_DOMAIN"),
            refresh_ttl: text(&variable, "DNS_REFRESH_TTL").and_then(|text| parse_duration(&text).ok()),
        }
    }
}

impl Dns {
    /// The servers to ask; none: those of the system.
    ///
    /// # Errors
    /// An invalid address or port.
    pub(super) fn servers(&self) -> Result<Vec<SocketAddr>> {
        let environment = &self.environment;
        if self.consul && self.server.is_empty() {
            return Ok(vec![CONSUL_SERVER]);
        }

        let port = match (self.port, &environment.port) {
            (Some(port), _) => port,
            (None, Some(text)) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Error::usage(
                    format!("DNS_PORT '{}'", clean(text)),
                    "it is not a port",
                    "write a number from 1 to 65535",
                )
            })?,
            (None, None) => DEFAULT_PORT,
        };
        if !self.server.is_empty() {
            return self.server.iter().map(|text| server("--server", text, port)).collect();
        }
        let of_environment = environment.server.as_deref().unwrap_or_default().split(',').map(str::trim);
        of_environment.filter(|text| !text.is_empty()).map(|text| server("DNS_SERVER", text, port)).collect()
    }
}

fn server(option: &str, text: &str, port: u16) -> Result<SocketAddr> {
    let bare = text.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port));
    text.parse::<SocketAddr>()
        .or(bare)
        .map_err(|_| Error::usage(format!("{option} '{}'", clean(text)), "it is not the address of a server", HINT))
}
