//! The settings of Consul's API.

use std::net::{IpAddr, SocketAddr};

use super::addresses::addresses_of;
use super::given::Given;
use crate::error::{Error, Result};

/// The addresses of Consul's API, and what set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConsulAddresses {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) by: String,
}

/// Where Consul's API is served; nowhere, unless it was asked for.
///
/// # Errors
/// An address that is none, or that other machines reach although nothing says that they may.
pub(super) fn addresses(given: &Given, is_insecure: bool) -> Result<ConsulAddresses> {
    let Some(list) = given.get("server.consul.listen") else { return Ok(ConsulAddresses::default()) };
    let listen = addresses_of("server.consul.listen", list)?;
    let by = list.by.to_text();
    match listen.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
        Some(wide) if !is_insecure => {
            let why = format!("other machines could change the registry without authentication (address set by {by})");
            let hint = "serve Consul's API on 127.0.0.1, or add --insecure if every machine that reaches this address may register services";
            Err(Error::usage(format!("the address {wide} of Consul's API"), why, hint))
        }
        _ => Ok(ConsulAddresses { listen, by }),
    }
}

/// The address of this server in Consul's catalog.
///
/// # Errors
/// It is not one that a client can connect to.
pub(super) fn advertise(given: &Given) -> Result<Option<IpAddr>> {
    let Some(value) = given.get("server.advertise") else { return Ok(None) };
    let text = value.texts.first().map(String::as_str).unwrap_or_default();
    let ip = text.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
    ip.map(Some).ok_or_else(|| {
        let hint = "write an IP address of this machine, as in 10.0.0.5";
        value.by.error("server.advertise", &value.shown, "it is not an address that clients can connect to", hint)
    })
}

/// What a start says about it.
pub(super) fn line(addresses: &[SocketAddr], scheme: &str) -> String {
    let urls: Vec<String> = addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
    format!("Consul's API on {}", urls.join(" and "))
}
