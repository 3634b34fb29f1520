//! The server under load: where it is, and which API it has.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::clean::{Secret, clean, redacted};
use crate::error::{Error, Result, plain};

/// Which API a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `portolan serve`.
    Portolan,
    /// Consul's agent.
    Consul,
}

/// The server under load.
#[derive(Clone, Debug)]
pub(super) struct LoadTarget {
    pub(super) dialect: Dialect,
    pub(super) address: SocketAddr,
    /// A header line with the token, with its end; empty without one.
    token: Secret,
    host: String,
}

const HINT: &str = "write http://HOST:PORT for a server of portolan, or consul://HOST:PORT";

/// The server of this machine.
const LOCAL: &str = "http://127.0.0.1:7440";

/// The server with its URL, without its secrets.
fn server_at(url: &str) -> String {
    format!("the server '{}'", clean(&redacted(url)))
}

/// The error of a server that speaks TLS.
pub(super) fn speaks_tls(url: &str) -> Error {
    let hint = "measure a server without TLS, such as another one of `portolan serve --data :memory: --port 0`";
    Error::usage(server_at(url), "the server speaks TLS, and the load is sent without it", hint)
}

impl LoadTarget {
    /// The server at this URL, or the first of `PORTOLAN_REGISTRY`, or the one of this machine.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(super) fn choose(url: Option<&str>, variable: fn(&str) -> Option<String>) -> Result<Self> {
        let registry = variable("PORTOLAN_REGISTRY");
        let first = registry.as_deref().and_then(|all| all.split(',').next()).map(str::trim);
        Self::parse(url.or(first).unwrap_or(LOCAL), variable)
    }

    /// Reads a URL. The token comes from `PORTOLAN_TOKEN` or `CONSUL_HTTP_TOKEN`.
    ///
    /// # Errors
    /// Another scheme, or a host without an address.
    pub(super) fn parse(url: &str, variable: fn(&str) -> Option<String>) -> Result<Self> {
        // As for other commands, the scheme alone is the server of this machine.
        let url = match url {
            "portolan:" => "portolan://127.0.0.1",
            "consul:" => "consul://127.0.0.1",
            url => url,
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (dialect, default_port) = match scheme {
            "http" | "portolan" => (Dialect::Portolan, 7_440),
            "consul" => (Dialect::Consul, 8_500),
            "https" => return Err(speaks_tls(url)),
            _ => return Err(Error::usage(server_at(url), "portolan cannot put such a server under load", HINT)),
        };

        let host = rest.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '@', '?']) {
            return Err(Error::usage(server_at(url), "it is not a host with a port", HINT));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:{default_port}") };
        let addresses = host.to_socket_addrs().map_err(|error| Error::usage(server_at(url), plain(&error), HINT))?;
        let address = addresses.into_iter().next();
        let address = address.ok_or_else(|| Error::usage(server_at(url), "the host has no address", HINT))?;

        let token = match dialect {
            Dialect::Portolan => variable("PORTOLAN_TOKEN").map(|token| format!("Authorization: Bearer {token}\r\n")),
            Dialect::Consul => variable("CONSUL_HTTP_TOKEN").map(|token| format!("X-Consul-Token: {token}\r\n")),
        };
        let token = token.filter(|line| !line.trim_end().contains(['\r', '\n'])).unwrap_or_default();
        Ok(Self { dialect, address, token: token.into(), host })
    }

    /// Writes a request in place of what `out` holds.
    pub(super) fn write(&self, out: &mut Vec<u8>, method: &str, path: &str, body: &[u8]) {
        out.clear();
        let head = [method, " ", path, " HTTP/1.1\r\nHost: ", &self.host, "\r\n", self.token.expose()];
        for part in head {
            out.extend_from_slice(part.as_bytes());
        }
        if !body.is_empty() {
            out.extend_from_slice(
                format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()).as_bytes(),
            );
        } else if method != "GET" {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        out.extend_from_slice(b"\r\n");

        out.extend_from_slice(body);
    }

    /// `http://127.0.0.1:7440`
    pub(super) fn shown(&self) -> String {
        let scheme = if self.dialect == Dialect::Consul { "consul" } else { "http" };
        format!("{scheme}://{}", clean(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn urls_name_the_server_and_its_api() {
        for (url, dialect, address) in [
            ("http://127.0.0.1:7441", Dialect::Portolan, "127.0.0.1:7441"),
            ("127.0.0.1", Dialect::Portolan, "127.0.0.1:7440"),
            ("portolan://127.0.0.1/", Dialect::Portolan, "127.0.0.1:7440"),
            ("consul://127.0.0.1", Dialect::Consul, "127.0.0.1:8500"),
        ] {
            let target = LoadTarget::parse(url, none).unwrap();
            assert_eq!((target.dialect, target.address.to_string().as_str()), (dialect, address), "{url}");
        }
        for url in
            ["https://127.0.0.1", "etcd://127.0.0.1", "http://", "http://127.0.0.1/api", "http://u:secret@127.0.0.1"]
        {
            let error = LoadTarget::parse(url, none).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    /// As all other commands that use a registry.
    #[test]
    fn the_variable_names_the_server_unless_the_option_does() {
        let variable: fn(&str) -> Option<String> =
            |name| (name == "PORTOLAN_REGISTRY").then(|| "http://127.0.0.1:7441, 127.0.0.1:7442".to_owned());
        for (url, variable, address) in [
            (None, none as fn(&str) -> Option<String>, "127.0.0.1:7440"),
            (None, variable, "127.0.0.1:7441"),
            (Some("http://127.0.0.1:7443"), variable, "127.0.0.1:7443"),
        ] {
            assert_eq!(LoadTarget::choose(url, variable).unwrap().address.to_string(), address);
        }
    }

    #[test]
    fn a_request_is_whole() {
        let target =
            LoadTarget::parse("consul://127.0.0.1", |name| (name == "CONSUL_HTTP_TOKEN").then(|| "t".to_owned()));
        let mut out = b"old".to_vec();
        target.unwrap().write(&mut out, "PUT", "/v1/x", b"{}");
        let expected = "PUT /v1/x HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nX-Consul-Token: t\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
