//! One connection, and why there is none: the peer's word and this machine's own apart.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};

use super::outcome::{ConnectOutcome, refusal};
use super::{Deadline, OtherNamespace, open_in, outcome};
use crate::model::Reason;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The host refuses: nobody listens.
    #[error("connection refused")]
    Refused,
    /// No answer came before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// Somebody says that there is no way to it.
    #[error("unreachable")]
    Unreachable,
    /// The connection was made and reset.
    #[error("connection reset")]
    Reset,
    /// This machine could not ask: it says nothing of the peer.
    #[error("{0}")]
    Local(#[source] io::Error),
}

/// Connects to `address`, through the named interface if one is given.
///
/// # Errors
/// What the peer answers, or what this machine lacks.
pub(crate) async fn dial(
    address: SocketAddr,
    interface: Option<&str>,
    deadline: Deadline,
) -> Result<TcpStream, ConnectError> {
    dial_in(None, address, interface, deadline).await
}

/// The same inside another network namespace of this machine, if one is given.
///
/// # Errors
/// As [`dial`]; a namespace that is no more cannot be reached.
pub(crate) async fn dial_in(
    namespace: Option<&OtherNamespace>,
    address: SocketAddr,
    interface: Option<&str>,
    deadline: Deadline,
) -> Result<TcpStream, ConnectError> {
    let open = || match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    // To go there and back takes a tenth of a millisecond, which nobody needs to be moved aside for.
    let opened = open_in(namespace, open).map_err(|error| match outcome::without_socket(errno(&error)) {
        ConnectOutcome::No(_) => ConnectError::Unreachable,
        _ => ConnectError::Local(error),
    })?;
    let socket = opened.ok_or(ConnectError::Unreachable)?;
    #[cfg(target_os = "linux")]
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(ConnectError::Local)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = interface;
    let connected = deadline.bound(socket.connect(address)).await.map_err(|_| ConnectError::TimedOut)?;
    let stream = connected.map_err(classified)?;
    // A port of this machine that nobody listens on, and that the kernel happened to pick as our own.
    if stream.local_addr().is_ok_and(|own| own == address) {
        return Err(ConnectError::Refused);
    }
    // Every question is one write; waiting to fill a segment would only delay it.
    stream.set_nodelay(true).map_err(classified)?;
    Ok(stream)
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
    fn what_this_machine_lacks_is_no_word_of_the_peer() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::ACCESS, Errno::PERM, Errno::NOBUFS] {
            assert!(matches!(classified(errno.into()), ConnectError::Local(_)), "{errno}");
        }
        assert!(matches!(classified(Errno::CONNREFUSED.into()), ConnectError::Refused));
        assert!(matches!(classified(Errno::CONNRESET.into()), ConnectError::Reset));
        assert!(matches!(classified(Errno::NETUNREACH.into()), ConnectError::Unreachable));
        assert!(matches!(classified(Errno::TIMEDOUT.into()), ConnectError::TimedOut));
    }
}
