//! The settings of the APIs of other registries: Consul's and Eureka's.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use uuid::Uuid;

use super::addresses::addresses_of;
use super::given::GivenValues;
use super::values::wrong;
use crate::cli::resolve::parse_pair;
use crate::error::{Error, Result};
use crate::server::meta_problem;

/// The addresses of the API of another registry, and what set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CompatAddresses {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) by: String,
}

/// Where the API of another registry is served; nowhere, unless it was asked for. `api` is its name, as in `Consul`.
///
/// # Errors
/// An address that is none, or that other machines reach although nothing says that they may.
pub(super) fn addresses(given: &GivenValues, key: &str, api: &str, is_insecure: bool) -> Result<CompatAddresses> {
    let Some(list) = given.get(key) else { return Ok(CompatAddresses::default()) };
    let listen = addresses_of(key, list)?;
    let by = list.by.to_text();
    match listen.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
        Some(wide) if !is_insecure => {
            let why = format!("other machines could change the registry without authentication (address set by {by})");
            let hint = format!(
                "serve {api}'s API on 127.0.0.1, or add --insecure if every machine that reaches this address may register services"
            );
            Err(Error::usage(format!("the address {wide} of {api}'s API"), why, hint))
        }
        _ => Ok(CompatAddresses { listen, by }),
    }
}

/// The address of this server in Consul's catalog.
///
/// # Errors
/// It is not one that a client can connect to.
pub(super) fn advertise(given: &GivenValues) -> Result<Option<IpAddr>> {
    let Some(value) = given.get("server.advertise") else { return Ok(None) };
    let text = value.texts.first().map(String::as_str).unwrap_or_default();
    let ip = text.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
    ip.map(Some).ok_or_else(|| {
        let hint = "write an IP address of this machine, as in 10.0.0.5";
        value.by.error("server.advertise", &value.shown, "it is not an address that clients can connect to", hint)
    })
}

/// The id of this server's node in Consul's catalog.
///
/// # Errors
/// It is not a UUID.
pub(super) fn node_id(given: &GivenValues) -> Result<Option<Uuid>> {
    let key = "server.consul.node_id";
    let Some(text) = given.text(key) else { return Ok(None) };
    let id = Uuid::try_parse(text);
    id.map(Some).map_err(|_| wrong(given, key, "it is not a UUID", "write one, as uuidgen prints it"))
}

/// The metadata of this server's node in Consul's catalog.
///
/// # Errors
/// An entry that is not KEY=VALUE, or that Consul refuses.
pub(super) fn node_meta(given: &GivenValues) -> Result<BTreeMap<String, String>> {
    let key = "server.consul.node_meta";
    let texts = given.get(key).map(|list| list.texts.as_slice()).unwrap_or_default();
    let pairs: std::result::Result<BTreeMap<_, _>, _> = texts.iter().map(|text| parse_pair(text)).collect();

    let meta = pairs.map_err(|error| wrong(given, key, &error.to_string(), "write KEY=VALUE, as in rack=a"))?;
    if let Some(problem) = meta_problem(&meta) {
        return Err(wrong(given, key, &problem, "write a key of letters, digits, '-' and '_'"));
    }
    Ok(meta)
}

/// What a start says about an API. `path` follows the address in the URL that its clients take.
pub(super) fn line(api: &str, addresses: &[SocketAddr], scheme: &str, path: &str) -> String {
    let urls: Vec<String> = addresses.iter().map(|address| format!("{scheme}://{address}{path}")).collect();
    format!("{api}'s API on {}", urls.join(" and "))
}
