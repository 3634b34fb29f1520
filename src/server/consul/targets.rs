//! What a check of Consul asks for, as a check of the registry: it goes to the registered address, and to no other.

use url::Url;

use crate::clean::clean;
use crate::model::CheckKind;

/// What a check does, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckPlace {
    pub(super) kind: CheckKind,
    /// The port, if it is not that of the service.
    pub(super) port: Option<u16>,
    pub(super) tls: bool,
}

/// A place that a check may go to: that of the service, or of its node.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnPlace<'s> {
    pub(super) address: &'s str,
    pub(super) port: u16,
}

impl OwnPlace<'_> {
    /// The port of a check, if its host is that of the service. The machine that runs a service is what it calls localhost.
    fn port_of(self, host: &str, port: u16) -> Result<Option<u16>, String> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = host.parse::<std::net::IpAddr>();
        let is_loopback = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback());
        if !is_loopback && !host.eq_ignore_ascii_case(self.address) {
            let shown = clean(host);
            return Err(format!("a check goes to the address of its service, {}, not to {shown}", self.address));
        }
        Ok(Some(port).filter(|port| *port != self.port))
    }
}

/// The check for a URL.
pub(super) fn http(text: &str, method: &str, own: OwnPlace<'_>) -> Result<CheckPlace, String> {
    let url: Url = text.parse().map_err(|_| format!("HTTP is a URL, not {}", clean(text)))?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(format!("HTTP is a URL with a host, not {}", clean(text)));
    };
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err("HTTP is a URL such as http://HOST:PORT/PATH without a user".to_owned());
    }

    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let method = if method.is_empty() { "GET" } else { method };
    let kind = CheckKind::Http { path, method: method.to_owned(), expected_status: "200-299".parse().ok() };
    Ok(CheckPlace { kind, port: own.port_of(host, port)?, tls: url.scheme() == "https" })
}

/// The check for an address with a port.
pub(super) fn tcp(text: &str, own: OwnPlace<'_>) -> Result<CheckPlace, String> {
    let (host, port) = split(text, "TCP")?;
    Ok(CheckPlace { kind: CheckKind::Tcp, port: own.port_of(host, port)?, tls: false })
}

/// The check for an address with a port, and perhaps the name of a service.
pub(super) fn grpc(text: &str, tls: bool, own: OwnPlace<'_>) -> Result<CheckPlace, String> {
    let (place, service) = text.split_once('/').map_or((text, None), |(place, service)| (place, Some(service)));
    let (host, port) = split(place, "GRPC")?;
    let service = service.filter(|service| !service.is_empty()).map(str::to_owned);
    Ok(CheckPlace { kind: CheckKind::Grpc { service }, port: own.port_of(host, port)?, tls })
}

fn split<'t>(text: &'t str, field: &str) -> Result<(&'t str, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    parts.filter(|(_, port)| *port > 0).ok_or_else(|| format!("{field} is HOST:PORT, not {}", clean(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: OwnPlace<'_> = OwnPlace { address: "10.0.0.5", port: 80 };

    fn http_place(text: &str) -> Result<(Option<u16>, bool), String> {
        http(text, "", OWN).map(|place| (place.port, place.tls))
    }

    #[test]
    fn a_check_goes_to_its_own_service() {
        assert_eq!(http_place("http://10.0.0.5/health?x=1"), Ok((None, false)));
        assert_eq!(http_place("http://localhost:81/"), Ok((Some(81), false)));
        assert_eq!(http_place("https://127.0.0.1:80/"), Ok((None, true)));
        for refused in ["http://10.0.0.6/", "http://169.254.169.254/", "ftp://10.0.0.5/", "x", "http://u:p@10.0.0.5/"] {
            assert!(http_place(refused).is_err(), "{refused}");
        }

        assert_eq!(tcp("10.0.0.5:80", OWN).map(|place| place.port), Ok(None));
        assert_eq!(tcp("[::1]:5", OWN).map(|place| place.port), Ok(Some(5)));
        assert!(tcp("10.0.0.5", OWN).is_err() && tcp("10.0.0.5:0", OWN).is_err());
        let grpc = grpc("localhost:80/my.Service", true, OWN).unwrap();
        assert_eq!(grpc.kind, CheckKind::Grpc { service: Some("my.Service".to_owned()) });
    }
}
