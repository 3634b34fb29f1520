//! SOCKS version 5: RFC 1928, and its passwords, RFC 1929.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::model::{ProxyUrl, Reason};
use crate::net::{ConnectOutcome, Connection, ConnectionError};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;

/// Greets the proxy, and logs in where it wants that.
pub(super) async fn authenticate(peer: &mut Connection, url: &ProxyUrl) -> io::Result<()> {
    greet(peer, url).await.map_err(|error| io::Error::other(error.to_string()))?
}

/// The inner error is the proxy's refusal.
async fn greet(peer: &mut Connection, url: &ProxyUrl) -> Result<io::Result<()>, ConnectionError> {
    let methods: &[u8] = if url.credentials.is_some() { &[NO_AUTHENTICATION, PASSWORD] } else { &[NO_AUTHENTICATION] };
    let count = u8::try_from(methods.len()).unwrap_or(0);
    peer.write(&[&[VERSION, count], methods].concat()).await?;

    let mut reply = Vec::new();
    peer.fill(&mut reply, 2).await?;
    match (reply.as_slice(), &url.credentials) {
        ([VERSION, NO_AUTHENTICATION, ..], _) => Ok(Ok(())),
        ([VERSION, PASSWORD, ..], Some((user, password))) => log_in(peer, user, password.expose()).await,
        ([VERSION, ..], None) => Ok(Err(io::Error::other("it requires a user and a password"))),
        ([VERSION, ..], Some(_)) => Ok(Err(io::Error::other("it accepts no password"))),
        _ => Ok(Err(io::Error::other("it does not speak SOCKS5"))),
    }
}

async fn log_in(peer: &mut Connection, user: &str, password: &str) -> Result<io::Result<()>, ConnectionError> {
    let mut request = vec![1];
    for text in [user, password] {
        request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        request.extend_from_slice(text.as_bytes());
    }
    peer.write(&request).await?;

    let mut reply = Vec::new();
    peer.fill(&mut reply, 2).await?;
    let is_in = matches!(reply.as_slice(), [_, 0, ..]);
    Ok(if is_in { Ok(()) } else { Err(io::Error::other("it refuses the user or the password")) })
}

/// Asks the proxy to connect.
pub(super) async fn connect(
    peer: &mut Connection,
    url: &ProxyUrl,
    target: SocketAddr,
) -> Result<ConnectOutcome, ConnectionError> {
    if greet(peer, url).await?.is_err() {
        return Ok(ConnectOutcome::No(Reason::ProxyFailed));
    }

    let mut request = vec![VERSION, 1, 0];
    match target.ip() {
        IpAddr::V4(ip) => {
            request.push(1);
            request.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            request.push(4);
            request.extend_from_slice(&ip.octets());
        }
    }
    request.extend_from_slice(&target.port().to_be_bytes());
    peer.write(&request).await?;

    let mut reply = Vec::new();
    peer.fill(&mut reply, 2).await?;
    Ok(outcome(reply.get(1).copied().unwrap_or(u8::MAX)))
}

/// The meaning of a reply (RFC 1928, section 6).
fn outcome(reply: u8) -> ConnectOutcome {
    match reply {
        0 => ConnectOutcome::Open { reason: Reason::SynAck, own: false },
        3 => ConnectOutcome::No(Reason::NetUnreachable),
        4 => ConnectOutcome::No(Reason::HostUnreachable),
        5 => ConnectOutcome::No(Reason::Refused),
        // The proxies that say so mean their own timeout.
        6 => ConnectOutcome::No(Reason::NoResponse),
        _ => ConnectOutcome::No(Reason::ProxyFailed),
    }
}
