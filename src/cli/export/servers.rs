//! What is exported: services, and the servers behind them. Every text in it is safe in a configuration file.

use std::net::IpAddr;

use crate::clean::clean;
use crate::client::Resolver;
use crate::error::{Error, Result};
use crate::model::{Address, Endpoint, PartialError};

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExportedService {
    /// Letters, digits, `-`, `_` and `.`.
    pub(super) name: String,
    /// Sorted by address and port.
    pub(super) servers: Vec<ProxyServer>,
}

/// An instance that takes calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProxyServer {
    pub(super) host: ServerHost,
    pub(super) port: u16,
    /// At least 1: an instance of weight 0 gets no calls, and is left out.
    pub(super) weight: u16,
    pub(super) protocol: Option<String>,
}

/// Where an instance is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServerHost {
    Ip(IpAddr),
    /// Letters, digits, `-`, `_` and `.`.
    Name(String),
}

impl ProxyServer {
    /// `10.0.0.1:80`, `[2001:db8::1]:80`, `db:5432`.
    pub(super) fn place(&self) -> String {
        match &self.host {
            ServerHost::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            ServerHost::Ip(IpAddr::V4(ip)) => format!("{ip}:{}", self.port),
            ServerHost::Name(name) => format!("{name}:{}", self.port),
        }
    }
}

impl ExportedService {
    /// Whether the servers share calls unevenly.
    pub(super) fn has_weights(&self) -> bool {
        self.servers.windows(2).any(|pair| pair[0].weight != pair[1].weight)
    }
}

/// The services of these resolvers, and what could not be exported. `takes_names`: an address may be a host name.
///
/// # Errors
/// A name that cannot stand in a configuration file.
pub(super) fn exported(resolvers: &[Resolver], takes_names: bool) -> Result<(Vec<ExportedService>, Vec<PartialError>)> {
    let (mut services, mut errors) = (Vec::new(), Vec::new());
    for resolver in resolvers {
        let name = resolver.service().replace('/', "_");
        if !is_word(&name) {
            let hint = "use a service whose name has only letters, digits, '-', '_' and '.'";
            let what = format!("the service {}", clean(resolver.service()));
            return Err(Error::usage(what, "its name is not valid in a proxy configuration", hint));
        }

        let mut servers = Vec::new();
        for endpoint in resolver.endpoints().iter().filter(|endpoint| endpoint.ready && endpoint.weight != Some(0)) {
            match server(endpoint, takes_names) {
                Ok(server) => servers.push(server),
                Err(cause) => errors.push(PartialError {
                    operation: format!("export {} of {}", clean(&endpoint.to_string()), clean(resolver.service())),
                    cause: cause.to_owned(),
                    hint: "register the instance with an IP address or a host name, and a port".to_owned(),
                }),
            }
        }
        servers.sort();
        servers.dedup_by(|a, b| (&a.host, a.port) == (&b.host, b.port));
        services.push(ExportedService { name, servers });
    }
    Ok((services, errors))
}

fn server(endpoint: &Endpoint, takes_names: bool) -> Result<ProxyServer, &'static str> {
    let port = endpoint.port.ok_or("it has no port")?;
    let host = match &endpoint.address {
        Address::Ip(_) if endpoint.interface.is_some() => return Err("its address needs an interface"),
        Address::Ip(ip) => ServerHost::Ip(ip.to_canonical()),
        Address::Name(_) if !takes_names => return Err("this proxy accepts no host names"),
        Address::Name(name) if is_word(name.as_raw()) => ServerHost::Name(name.as_raw().to_owned()),
        Address::Name(_) => return Err("its address is not a host name"),
        Address::Unix(_) => return Err("it is a Unix-domain socket"),
        Address::Other(_) => return Err("it is not an IP socket"),
    };
    let protocol = endpoint.instance.as_ref().and_then(|instance| instance.protocol.as_ref());
    let protocol = protocol.map(|protocol| protocol.as_raw().to_owned());

    Ok(ProxyServer { host, port, weight: endpoint.weight.unwrap_or(1), protocol })
}

/// A text that means nothing but itself in every format.
fn is_word(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(is_word_byte)
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Transport;

    fn http_server(host: ServerHost, weight: u16) -> ProxyServer {
        ProxyServer { host, port: 8080, weight, protocol: Some("http".to_owned()) }
    }

    fn named(name: &str) -> Endpoint {
        Endpoint::new(Address::Name(name.into()), Some(80), Transport::Tcp)
    }

    /// Two services, one of them empty.
    pub(in crate::cli::export) fn example() -> Vec<ExportedService> {
        vec![
            ExportedService {
                name: "web".to_owned(),
                servers: vec![
                    http_server(ServerHost::Ip([10, 0, 0, 1].into()), 1),
                    http_server(ServerHost::Ip("2001:db8::1".parse().unwrap()), 600),
                    http_server(ServerHost::Name("db.example.org".to_owned()), 1),
                ],
            },
            ExportedService { name: "cart.v2".to_owned(), servers: Vec::new() },
        ]
    }

    #[test]
    fn a_text_that_could_change_the_settings_is_not_exported() {
        assert!(server(&named("db.example.org"), true).is_ok());
        assert!(server(&named("db.example.org"), false).is_err());
        for name in ["db;", "a b", "a\nserver evil 10.0.0.9:1", "{", "\"", "", "-x", "$host", "é"] {
            assert!(server(&named(name), true).is_err(), "{name}");
        }
        assert!(server(&Endpoint { port: None, ..named("db") }, true).is_err());
    }
}
