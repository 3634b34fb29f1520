//! Links in a terminal (OSC 8): the address of a web server opens in the browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::{Address, Endpoint, Transport};
use crate::output::RenderOptions;

/// The URL of a web server, made of its address and port alone: peers choose no part of it. `None` if neither the identified
/// protocol nor the port number says HTTP.
pub(super) fn of(page: &RenderOptions, endpoint: &Endpoint) -> Option<String> {
    let scheme = match page.service(endpoint) {
        scheme @ ("http" | "https") if endpoint.transport == Transport::Tcp => scheme,
        _ => return None,
    };
    let Address::Ip(ip) = endpoint.address else { return None };
    // A browser cannot connect to the unspecified address, and no URL has the zone of a link-local one.
    let ip = match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => return None,
        ip => ip,
    };

    Some(format!("{scheme}://{}/", SocketAddr::new(ip, endpoint.port?)))
}

/// A text that opens a URL.
pub(super) fn linked(text: &str, url: &str) -> String {
    format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_servers_with_an_address_are_links() {
        let page = RenderOptions {
            columns: &[],
            identified: false,
            generated: jiff::Timestamp::UNIX_EPOCH,
            width: None,
            color: true,
            links: true,
        };
        let url = |address: &str, port: u16, service: &'static str| {
            let endpoint = Endpoint::new(Address::Ip(address.parse().unwrap()), Some(port), Transport::Tcp);
            of(&page, &Endpoint { port_service: Some(service.into()), ..endpoint })
        };

        assert_eq!(url("192.0.2.7", 8080, "http").as_deref(), Some("http://192.0.2.7:8080/"));
        assert_eq!(url("2001:db8::7", 443, "https").as_deref(), Some("https://[2001:db8::7]:443/"));
        assert_eq!(url("0.0.0.0", 80, "http").as_deref(), Some("http://127.0.0.1:80/"));
        assert_eq!(url("::", 80, "http").as_deref(), Some("http://[::1]:80/"));
        assert_eq!(url("fe80::1", 80, "http"), None);
        assert_eq!(url("192.0.2.7", 22, "ssh"), None);
        assert_eq!(linked("a", "http://192.0.2.7:80/"), "\u{1b}]8;;http://192.0.2.7:80/\u{1b}\\a\u{1b}]8;;\u{1b}\\");
    }
}
