//! Links in a terminal (OSC 8): the address of a web server opens in the browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::{Address, Endpoint, LocalDetail, Service, Transport};
use crate::output::RenderOptions;

/// The sources whose loopback addresses are those of the reader's machine.
const OF_THIS_MACHINE: [&str; 3] = ["local", "scan", "given"];

/// The URL of a web server, made of its address and port alone: peers choose no part of it. `None` if neither the identified
/// protocol nor the port number says HTTP, or if its address leads elsewhere from here.
pub(super) fn of(page: &RenderOptions, service: &Service, endpoint: &Endpoint) -> Option<String> {
    let scheme = match page.service(endpoint) {
        scheme @ ("http" | "https") if endpoint.transport == Transport::Tcp => scheme,
        _ => return None,
    };
    // A browser is in none of the other network namespaces.
    if service.detail.netns().is_some() {
        return None;
    }
    let address = match service.detail.downcast_ref::<LocalDetail>().filter(|local| local.is_published()) {
        // The rules that publish a port mostly do not apply to a browser of this machine.
        Some(published) => published.own_end()?,
        None => address_of(service, endpoint)?,
    };

    Some(format!("{scheme}://{address}/"))
}

/// Where a browser of this machine connects to.
fn address_of(service: &Service, endpoint: &Endpoint) -> Option<SocketAddr> {
    let Address::Ip(ip) = endpoint.address else { return None };
    let is_of_its_machine = ip.is_unspecified() || ip.to_canonical().is_loopback();
    if is_of_its_machine && !OF_THIS_MACHINE.contains(&&*service.source) {
        return None;
    }

    // A browser cannot connect to the unspecified address, and no URL has the zone of a link-local one.
    let ip = match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => return None,
        ip => ip,
    };
    Some(SocketAddr::new(ip, endpoint.port?))
}

/// A text that opens a URL.
pub(super) fn linked(text: &str, url: &str) -> String {
    format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Detail, NetworkNamespace};

    #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
    struct InNamespace(Option<NetworkNamespace>);

    impl Detail for InNamespace {
        fn netns(&self) -> Option<NetworkNamespace> {
            self.0.clone()
        }
    }

    fn from(
        source: &'static str,
        netns: Option<NetworkNamespace>,
        address: &str,
        port: u16,
        guess: &'static str,
    ) -> Option<String> {
        let page = RenderOptions {
            columns: &[],
            identified: false,
            generated: jiff::Timestamp::UNIX_EPOCH,
            width: None,
            color: true,
            links: true,
        };
        let endpoint = Endpoint::new(Address::Ip(address.parse().unwrap()), Some(port), Transport::Tcp);
        let service = Service::new("a", source, Vec::new(), InNamespace(netns)).erase();
        of(&page, &service, &Endpoint { port_service: Some(guess.into()), ..endpoint })
    }

    fn url(address: &str, port: u16, guess: &'static str) -> Option<String> {
        from("local", None, address, port, guess)
    }

    #[test]
    fn only_web_servers_with_an_address_are_links() {
        assert_eq!(url("192.0.2.7", 8080, "http").as_deref(), Some("http://192.0.2.7:8080/"));
        assert_eq!(url("2001:db8::7", 443, "https").as_deref(), Some("https://[2001:db8::7]:443/"));
        assert_eq!(url("0.0.0.0", 80, "http").as_deref(), Some("http://127.0.0.1:80/"));
        assert_eq!(url("::", 80, "http").as_deref(), Some("http://[::1]:80/"));
        assert_eq!(url("fe80::1", 80, "http"), None);
        assert_eq!(url("192.0.2.7", 22, "ssh"), None);

        // The loopback address of another machine or network namespace is another server here.
        for address in ["0.0.0.0", "::", "127.0.0.1", "::1"] {
            assert!(from("scan", None, address, 80, "http").is_some(), "{address}");
            assert_eq!(from("drift", None, address, 80, "http"), None, "{address}");
        }
        assert!(from("drift", None, "192.0.2.7", 80, "http").is_some());
        let elsewhere = NetworkNamespace { inode: 7, name: None };
        assert_eq!(from("local", Some(elsewhere), "192.0.2.7", 80, "http"), None);
        assert_eq!(linked("a", "http://192.0.2.7:80/"), "\u{1b}]8;;http://192.0.2.7:80/\u{1b}\\a\u{1b}]8;;\u{1b}\\");
    }
}
