//! A proxy that connects on behalf of a scan.

use std::str::FromStr;

use super::dsn::percent_decoded;
use super::{HostPort, ParseError};
use crate::clean::Secret;

/// How a client asks a proxy to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// SOCKS version 5 (RFC 1928).
    Socks5,
    /// HTTP CONNECT (RFC 9110, 9.3.6), without TLS to the proxy.
    HttpConnect,
}

/// A proxy: `socks5://host:1080`, `http://user:password@host:8080`.
///
/// ```
/// let proxy: portolan::model::ProxyUrl = "socks5://127.0.0.1:1080".parse()?;
/// assert_eq!(proxy.host.to_string(), "127.0.0.1:1080");
/// assert!("ftp://127.0.0.1:21".parse::<portolan::model::ProxyUrl>().is_err());
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProxyUrl {
    /// Its protocol.
    pub protocol: ProxyProtocol,
    /// Where it listens.
    pub host: HostPort,
    /// The user and the password that it wants, if any.
    pub credentials: Option<(String, Secret)>,
}

const HINT: &str = "write it as socks5://host:1080 or http://host:8080";

impl FromStr for ProxyUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| ParseError::new("it is not the URL of a proxy", HINT))?;
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => (ProxyProtocol::Socks5, 1080),
            "http" => (ProxyProtocol::HttpConnect, 8080),
            _ => return Err(ParseError::new("its scheme is neither socks5 nor http", HINT)),
        };

        let place = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(credentials(user)?), place),
            None => (None, place),
        };
        let mut host = match place.parse::<HostPort>() {
            Err(_) if !place.contains(':') => format!("{place}:{default_port}").parse::<HostPort>(),
            parsed => parsed,
        }?;
        host.port.get_or_insert(default_port);
        Ok(Self { protocol, host, credentials })
    }
}

/// SOCKS allows 255 bytes for each (RFC 1929).
fn credentials(text: &str) -> Result<(String, Secret), ParseError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let [user, password] = [user, password].map(|text| String::from_utf8_lossy(&percent_decoded(text)).into_owned());
    if user.is_empty() || user.len() > 255 || password.len() > 255 {
        return Err(ParseError::new("its user or password is not 1 to 255 bytes long", HINT));
    }
    Ok((user, Secret::from(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_other_programs_read_them() {
        for (text, host, user) in [
            ("socks5://127.0.0.1:1080", "127.0.0.1:1080", None),
            ("socks5h://proxy", "proxy:1080", None),
            ("SOCKS5://[::1]:9050/", "[::1]:9050", None),
            ("http://proxy:3128", "proxy:3128", None),
            ("http://me:p%40ss@proxy", "proxy:8080", Some("me")),
        ] {
            let proxy: ProxyUrl = text.parse().unwrap();
            assert_eq!(proxy.host.to_string(), host, "{text}");
            assert_eq!(proxy.credentials.as_ref().map(|(user, _)| user.as_str()), user, "{text}");
            assert!(!format!("{proxy:?}").contains("p@ss"), "{text}");
        }
        let proxy: ProxyUrl = "http://me:p%40ss@proxy".parse().unwrap();
        assert_eq!(proxy.credentials.unwrap().1.expose(), "p@ss");

        for text in
            ["", "127.0.0.1:1080", "socks4://h:1", "https://h:1", "socks5://", "socks5://h:0", "socks5://:p@h:1"]
        {
            assert!(text.parse::<ProxyUrl>().is_err(), "{text}");
        }
    }
}
