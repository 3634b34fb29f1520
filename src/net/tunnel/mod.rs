//! Connections through a proxy: whether it can connect to a port, and what it says if not.

mod http_connect;
mod prober;
mod socks5;

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use tokio::net::TcpStream;

pub(crate) use self::prober::TunnelProber;
use super::outcome::{ConnectOutcome, LocalShortage};
use super::{ConnectError, Connection, ConnectionError, Deadline, dial};
use crate::model::{ProxyProtocol, ProxyUrl, Reason};

/// A proxy at its address.
#[derive(Clone, Debug)]
pub(crate) struct TunnelProxy {
    pub(crate) url: ProxyUrl,
    pub(crate) address: SocketAddr,
}

/// Longer replies of a proxy are none.
const MAX_REPLY_BYTES: usize = 16 << 10;

impl TunnelProxy {
    /// Whether the proxy itself can be used: connects, and authenticates where its protocol does that first.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn check(&self, deadline: Deadline) -> io::Result<()> {
        let stream = self.dial(deadline).await.map_err(|error| io::Error::other(error.to_string()))?;
        let mut peer = Connection::new(stream, deadline, MAX_REPLY_BYTES);
        match self.url.protocol {
            ProxyProtocol::Socks5 => socks5::authenticate(&mut peer, &self.url).await,
            ProxyProtocol::HttpConnect => Ok(()),
        }
    }

    /// What a connection to `target` through the proxy comes to.
    pub(crate) async fn connect(&self, target: SocketAddr, deadline: Deadline) -> ConnectOutcome {
        let stream = match self.dial(deadline).await {
            Ok(stream) => stream,
            // The proxy is not the target: nothing of this says anything about the port.
            Err(error) => return shortage(&error),
        };

        let mut peer = Connection::new(stream, deadline, MAX_REPLY_BYTES);
        match self.ask(&mut peer, target).await {
            Ok(outcome) => outcome,
            // The proxy is still waiting for the target.
            Err(ConnectionError::TimedOut) => ConnectOutcome::Silent,
            // Some end the connection instead of a reply.
            Err(ConnectionError::Closed | ConnectionError::Reset) => ConnectOutcome::No(Reason::ProxyFailed),
            Err(_) => ConnectOutcome::Short(LocalShortage(Errno::PROTO)),
        }
    }

    /// Asks the proxy at the other end of a connection to connect to `target`.
    pub(crate) async fn ask(
        &self,
        peer: &mut Connection,
        target: SocketAddr,
    ) -> Result<ConnectOutcome, ConnectionError> {
        match self.url.protocol {
            ProxyProtocol::Socks5 => socks5::connect(peer, &self.url, target).await,
            ProxyProtocol::HttpConnect => http_connect::connect(peer, &self.url, target).await,
        }
    }

    async fn dial(&self, deadline: Deadline) -> Result<TcpStream, ConnectError> {
        dial(self.address, None, deadline).await
    }
}

fn shortage(error: &ConnectError) -> ConnectOutcome {
    let errno = match error {
        ConnectError::Refused => Errno::CONNREFUSED,
        ConnectError::Reset => Errno::CONNRESET,
        ConnectError::TimedOut => Errno::TIMEDOUT,
        ConnectError::Unreachable => Errno::HOSTUNREACH,
        ConnectError::Local(error) => Errno::from_io_error(error).unwrap_or(Errno::IO),
    };
    ConnectOutcome::Short(LocalShortage(errno))
}
