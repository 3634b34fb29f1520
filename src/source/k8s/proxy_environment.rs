//! The proxy that the environment names, by the rules of Go's net/http, which kubectl follows.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

use super::options::K8sEnvironment;
use super::server_url;
use crate::error::{Error, Result};

/// The proxy for requests to this server.
///
/// # Errors
/// The variable does not contain the URL of a proxy.
pub(super) fn proxy(environment: &K8sEnvironment, server: &Uri) -> Result<Option<Uri>> {
    let (name, proxy) = if server_url::is_tls(server) {
        ("HTTPS_PROXY", &environment.https_proxy)
    } else {
        ("HTTP_PROXY", &environment.http_proxy)
    };
    let Some(proxy) = proxy.as_ref().filter(|_| !is_excluded(environment, server)) else { return Ok(None) };

    let hint = "write it as http://proxy.example:3128, or exclude the server with NO_PROXY";
    server_url::proxy(proxy).map(Some).map_err(|why| Error::usage(name, format!("it {why}"), hint))
}

/// Whether this server is reached without a proxy: this machine, and the hosts of `NO_PROXY`.
fn is_excluded(environment: &K8sEnvironment, server: &Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }

    let default = if server_url::is_tls(server) { 443 } else { 80 };
    let port = server.port_u16().unwrap_or(default);
    let entries = environment.no_proxy.as_deref().unwrap_or_default().split(',');
    entries.map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| covers(&entry, &host, address, port))
}

/// Whether an entry of `NO_PROXY` covers a host: `*`, an address, a network, or a domain; a port may follow.
fn covers(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return address.is_some_and(|address| network.contains(&address));
    }

    let (name, of_port) = split_port(entry);
    if name.is_empty() || of_port.is_some_and(|of_port| of_port != port) {
        return false;
    }
    if let Ok(excluded) = name.parse::<IpAddr>() {
        return address == Some(excluded);
    }

    // `.example.com` covers only what is below it, `example.com` itself too.
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    if entry.parse::<IpAddr>().is_ok() {
        return (entry, None);
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok()),
        None => (entry, None),
    };
    (name.trim_matches(['[', ']']), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(no_proxy: &str, server: &str) -> Option<String> {
        let environment = K8sEnvironment {
            https_proxy: Some("secure.example:1".to_owned()),
            http_proxy: Some("http://plain.example:2".to_owned()),
            no_proxy: Some(no_proxy.to_owned()),
            ..K8sEnvironment::default()
        };
        proxy(&environment, &server.parse().unwrap()).unwrap().map(|url| url.to_string())
    }

    #[test]
    fn the_scheme_of_the_server_selects_the_proxy_and_this_machine_has_none() {
        assert_eq!(chosen("", "https://api.example").as_deref(), Some("http://secure.example:1/"));
        assert_eq!(chosen("", "http://api.example").as_deref(), Some("http://plain.example:2/"));
        for server in ["https://localhost:6443", "https://127.0.0.9", "https://[::1]:6443"] {
            assert_eq!(chosen("", server), None, "{server}");
        }
    }

    #[test]
    fn no_proxy_excludes_hosts_as_go_does() {
        for (no_proxy, server, is_excluded) in [
            ("*", "https://api.example", true),
            ("example", "https://api.example", true),
            ("example", "https://apiexample", false),
            ("API.example", "https://api.example", true),
            (".api.example", "https://api.example", false),
            ("*.example", "https://api.example", true),
            ("a, api.example:6443", "https://api.example:6443", true),
            ("api.example:6443", "https://api.example", false),
            ("api.example:443", "https://api.example", true),
            ("192.0.2.0/24", "https://192.0.2.7:6443", true),
            ("192.0.2.7", "https://192.0.2.7:6443", true),
            ("192.0.2.7:1", "https://192.0.2.7:6443", false),
            ("2001:db8::1", "https://[2001:db8::1]:6443", true),
            ("[2001:db8::1]:6443", "https://[2001:db8::1]:6443", true),
            ("", "https://192.0.2.7", false),
            (",:,", "https://192.0.2.7", false),
        ] {
            assert_eq!(chosen(no_proxy, server).is_none(), is_excluded, "{no_proxy} {server}");
        }
    }

    #[test]
    fn a_variable_without_a_proxy_is_an_error() {
        let environment = K8sEnvironment { https_proxy: Some("ftp://x".to_owned()), ..K8sEnvironment::default() };
        let error = proxy(&environment, &"https://api.example".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "cannot use HTTPS_PROXY: it has another scheme than http, https or socks5");
    }
}
