//! One connection, and why it failed: the peer's failures and local ones apart.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::outcome::{ConnectOutcome, refusal};
use super::{Deadline, OtherNamespace, open_in, outcome};
use crate::clean::clean;
use crate::model::Reason;

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The host refused the connection: no program listens.
    #[error("connection refused")]
    Refused,
    /// No reply before the deadline.
    #[error("no reply in time")]
    TimedOut,
    /// No route to the host, or a router reported it unreachable.
    #[error("unreachable")]
    Unreachable,
    /// The connection was made and reset.
    #[error("connection reset")]
    Reset,
    /// A local failure: it says nothing about the peer.
    #[error("{0}")]
    Local(#[source] io::Error),
}

/// Connects to `address`, through the named interface if one is given.
///
/// # Errors
/// See [`ConnectError`].
pub(crate) async fn dial(
    address: SocketAddr,
    interface: Option<&str>,
    deadline: Deadline,
) -> Result<TcpStream, ConnectError> {
    dial_in(None, address, interface, deadline).await
}

/// Like [`dial`], inside another network namespace of this machine if one is given.
///
/// # Errors
/// As [`dial`]; `Unreachable` if the namespace no longer exists.
pub(crate) async fn dial_in(
    namespace: Option<&OtherNamespace>,
    address: SocketAddr,
    interface: Option<&str>,
    deadline: Deadline,
) -> Result<TcpStream, ConnectError> {
    let begun = Instant::now();
    // Entering and leaving takes a tenth of a millisecond, too little to move it off the runtime.
    let opened =
        open_in(namespace, || new_socket(address)).map_err(|error| match outcome::without_socket(errno(&error)) {
            ConnectOutcome::No(_) => ConnectError::Unreachable,
            _ => ConnectError::Local(error),
        })?;

    let socket = opened.ok_or(ConnectError::Unreachable)?;
    #[cfg(target_os = "linux")]
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|error| no_interface(interface, error))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = interface;

    let connected = deadline.bound_reply(begun, socket.connect(address)).await.map_err(|_| ConnectError::TimedOut)?;
    let stream = connected.map_err(|error| match errno(&error) {
        // A `blackhole` route: nothing was sent.
        Errno::INVAL => ConnectError::Unreachable,
        _ => classified(error),
    })?;
    // No program listens on this local port: the kernel happened to choose it as the source port.
    if stream.local_addr().is_ok_and(|own| own == address) {
        return Err(ConnectError::Refused);
    }
    // Each probe is one write; waiting to fill a segment would only delay it.
    stream.set_nodelay(true).map_err(classified)?;
    Ok(stream)
}

/// The error of a socket that cannot be bound to an interface.
#[cfg(target_os = "linux")]
fn no_interface(interface: &str, error: io::Error) -> ConnectError {
    match errno(&error) {
        Errno::NODEV | Errno::NXIO => {
            ConnectError::Local(io::Error::other(format!("there is no interface {}", clean(interface))))
        }
        _ => ConnectError::Local(error),
    }
}

fn new_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn classified(error: io::Error) -> ConnectError {
    match errno(&error) {
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE | Errno::NOTCONN | Errno::INVAL => ConnectError::Reset,
        errno => match refusal(errno) {
            ConnectOutcome::No(Reason::Refused) => ConnectError::Refused,
            ConnectOutcome::No(_) => ConnectError::Unreachable,
            ConnectOutcome::Silent => ConnectError::TimedOut,
            _ => ConnectError::Local(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_failures_say_nothing_about_the_peer() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::ACCESS, Errno::PERM, Errno::NOBUFS] {
            assert!(matches!(classified(errno.into()), ConnectError::Local(_)), "{errno}");
        }
        assert!(matches!(classified(Errno::CONNREFUSED.into()), ConnectError::Refused));
        assert!(matches!(classified(Errno::CONNRESET.into()), ConnectError::Reset));
        assert!(matches!(classified(Errno::NETUNREACH.into()), ConnectError::Unreachable));
        assert!(matches!(classified(Errno::TIMEDOUT.into()), ConnectError::TimedOut));
    }
}
