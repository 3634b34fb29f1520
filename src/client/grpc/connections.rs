//! One connection for each endpoint.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tonic::Status;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint as Target};

use crate::client::resolve::Resolver;
use crate::model::{Address, Endpoint};

/// What protects the calls of a channel.
#[derive(Clone, Debug)]
pub(super) enum CallSecurity {
    /// Nothing, on this machine. Other machines are not called.
    LocalOnly,
    /// Nothing, everywhere.
    Plaintext,
    /// TLS, everywhere.
    Tls(Box<ClientTlsConfig>),
}

/// The connections of a channel, by the address of their endpoint. They are made when they are first used.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<String, Channel>>);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that vanishes without a word is noticed after the interval and the timeout together, if a call is in flight.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_TIMEOUT: Duration = Duration::from_secs(1);

impl Connections {
    /// The connection to an endpoint. Those to endpoints that are gone are dropped; their calls in flight go on.
    ///
    /// # Errors
    /// If the endpoint has no port, may not be called without TLS, or has a name that no certificate can have.
    pub(super) fn to(
        &self,
        endpoint: &Endpoint,
        security: &CallSecurity,
        resolver: &Resolver,
    ) -> Result<Channel, Status> {
        let place = endpoint.to_string();
        let mut channels = self.0.lock();
        if let Some(channel) = channels.get(&place) {
            return Ok(channel.clone());
        }

        let known: HashSet<String> = resolver.endpoints().iter().map(ToString::to_string).collect();
        channels.retain(|place, _| known.contains(place));
        let channel = connection(endpoint, &place, security)?;
        channels.insert(place, channel.clone());
        Ok(channel)
    }
}

fn connection(endpoint: &Endpoint, place: &str, security: &CallSecurity) -> Result<Channel, Status> {
    let is_local = match &endpoint.address {
        Address::Ip(ip) => ip.to_canonical().is_loopback(),
        Address::Name(name) => name.as_raw() == "localhost",
        Address::Unix(_) | Address::Other(_) => {
            return Err(Status::failed_precondition(format!("{place} is not a TCP endpoint")));
        }
    };
    if !is_local && matches!(security, CallSecurity::LocalOnly) {
        let why = format!(
            "{place} is on another machine, and calls to it are not encrypted: encrypt them with `tls`, or allow that \
             with `plaintext`"
        );
        return Err(Status::failed_precondition(why));
    }

    let scheme = if matches!(security, CallSecurity::Tls(_)) { "https" } else { "http" };
    let mut target = Target::from_shared(format!("{scheme}://{place}"))
        .map_err(|_| Status::failed_precondition(format!("{place} is not an address that can be called")))?;
    if let CallSecurity::Tls(config) = security {
        target = target.tls_config((**config).clone()).map_err(|error| {
            Status::failed_precondition(format!(
                "{place} cannot be called with these settings of TLS: {}",
                cause(&error)
            ))
        })?;
    }
    let target = target
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    Ok(target.connect_lazy())
}

/// What a transport's error says of its cause; itself, it only names the transport.
fn cause(error: &tonic::transport::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
