//! The addresses that a server listens on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::given::{GivenValue, GivenValues};
use super::values::{number, wrong};
use crate::error::{Error, Result};

/// Connections that the kernel completes before they are accepted.
const BACKLOG: u32 = 1_024;

/// The addresses, and what set them.
pub(super) fn choose(given: &GivenValues) -> Result<(Vec<SocketAddr>, String)> {
    let single = given.rank("server.host").max(given.rank("server.port"));
    let several = given.get("server.listen");

    if let Some(list) = several.filter(|list| Some(list.by.rank()) >= single) {
        if Some(list.by.rank()) == single {
            let why = "it cannot be combined with a host or a port";
            let hint = "write each address with its port, as in 127.0.0.1:7440, and leave host and port out";
            return Err(list.by.error("server.listen", &list.shown, why, hint));
        }
        return Ok((addresses_of("server.listen", list)?, list.by.to_text()));
    }

    let host = given.text("server.host").unwrap_or_default();
    let ip = host_address(host).ok_or_else(|| {
        let hint = "write an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all";
        wrong(given, "server.host", "it is not an IP address", hint)
    })?;
    let port = number(given, "server.port").and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
    let by = given.get("server.port").or_else(|| given.get("server.host"));
    let by = by.map_or_else(|| "the default address".to_owned(), |value| value.by.to_text());
    Ok((vec![SocketAddr::new(ip, port)], by))
}

/// The addresses of a list, none of them twice.
pub(super) fn addresses_of(key: &str, list: &GivenValue) -> Result<Vec<SocketAddr>> {
    let addresses: Result<Vec<SocketAddr>> = list.texts.iter().map(|text| address_of(key, list, text)).collect();
    let addresses = addresses?;
    for (at, address) in addresses.iter().enumerate() {
        if address.port() != 0 && addresses[..at].contains(address) {
            return Err(list.by.error(key, &list.shown, "it lists an address twice", "leave one out"));
        }
    }
    Ok(addresses)
}

fn address_of(key: &str, list: &GivenValue, text: &str) -> Result<SocketAddr> {
    let named = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(SocketAddr::new(host_address(host)?, port.parse().ok()?))
    });
    let parsed = text.parse().ok().or_else(|| named.filter(|_| text.matches(':').count() == 1));
    parsed.ok_or_else(|| {
        let hint = "write an IP address with a port, as in 127.0.0.1:7440 or [::1]:7440";
        list.by.error(key, text, "it is not an address with a port", hint)
    })
}

fn host_address(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse().ok() }
}

/// Without authentication, every machine that reaches the address could write to the registry.
pub(super) fn refuse_wide(listen: &[SocketAddr], by: &str, is_insecure: bool) -> Result<()> {
    let Some(wide) = listen.iter().find(|address| !address.ip().to_canonical().is_loopback()) else { return Ok(()) };
    if is_insecure {
        return Ok(());
    }
    let why = format!("other machines could write to the registry without authentication (address set by {by})");
    let hint = "add --auth and create keys with `portolan key create`; or --insecure, if every machine that reaches it may register";
    Err(Error::usage(format!("the address {wide}"), why, hint))
}

/// A listener. Call it within a runtime.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of an earlier server may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
