//! The settings of DNS.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};

use super::addresses::{addresses_of, bind};
use super::given::GivenValues;
use super::values::{duration, flag, number, wrong};
use crate::error::{Error, Result};
use crate::server::{DnsListener, DnsSettings, has_dns_names};

/// The addresses of DNS, and what set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DnsAddresses {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) by: String,
}

/// Where DNS is served; nowhere, unless it was asked for.
///
/// # Errors
/// An address that is none, or that other machines reach although nothing says that they may.
pub(super) fn addresses(given: &GivenValues, is_insecure: bool) -> Result<DnsAddresses> {
    let is_public = is_insecure || flag(given, "server.dns.public");
    let Some(list) = given.get("server.dns.listen") else { return Ok(DnsAddresses::default()) };
    let listen = addresses_of("server.dns.listen", list)?;
    let by = list.by.to_text();
    match listen.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
        Some(wide) if !is_public => {
            let why = format!("other machines could read the registry without authentication (address set by {by})");
            let hint =
                "serve DNS on 127.0.0.1, or add --dns-public if every machine that reaches this address may read it";
            Err(Error::usage(format!("the DNS address {wide}"), why, hint))
        }
        _ => Ok(DnsAddresses { listen, by }),
    }
}

/// What DNS answers with.
///
/// # Errors
/// A domain, or the name of a cluster, that cannot be a part of names.
pub(super) fn settings(given: &GivenValues, cluster: &str, listen: &[SocketAddr]) -> Result<DnsSettings> {
    let (is_on, is_local) =
        (!listen.is_empty(), listen.iter().all(|address| address.ip().to_canonical().is_loopback()));
    let domain = given.text("server.dns.domain").unwrap_or_default();
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if !domain.split('.').all(is_label) || !has_dns_names(domain, "a") || is_reverse(domain) {
        let hint = "write a name such as portolan, or consul for clients of Consul";
        return Err(wrong(given, "server.dns.domain", "it is not a domain of DNS", hint));
    }
    // A cluster is only a label as long as nothing makes names of it.
    if is_on && (!is_label(cluster) || !has_dns_names(domain, cluster)) {
        let why = "with DNS it is a part of names: 1 to 63 letters, digits, '-' and '_'";
        return Err(wrong(given, "server.cluster", why, "give the cluster a shorter or plainer name"));
    }

    let ttl = duration(given, "server.dns.ttl").as_secs();
    let limit = number(given, "server.dns.queries_per_second").map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    Ok(DnsSettings {
        domain: domain.to_ascii_lowercase(),
        // RFC 2181, section 8: 31 bits.
        ttl: u32::try_from(ttl).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs()),
        queries_per_second: limit.unwrap_or(if is_local {
            DnsSettings::LOCAL_QUERIES
        } else {
            DnsSettings::PUBLIC_QUERIES
        }),
    })
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(is_label_byte)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The names of addresses belong to the reversed tree of all machines.
fn is_reverse(domain: &str) -> bool {
    domain.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("arpa"))
}

/// Opens both sockets of an address. Port 0 is a free one, the same for both.
pub(super) fn open(address: SocketAddr) -> io::Result<DnsListener> {
    /// A free port of TCP is nearly always one of UDP too.
    const MAX_TRIES: usize = 16;
    let mut tries = 0;

    loop {
        let tcp: TcpListener = bind(address)?;
        let udp = std::net::UdpSocket::bind(tcp.local_addr()?);
        match udp {
            Ok(udp) => {
                udp.set_nonblocking(true)?;
                return Ok(DnsListener { udp: UdpSocket::from_std(udp)?, tcp });
            }
            Err(_) if address.port() == 0 && tries < MAX_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
