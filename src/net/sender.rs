//! The source address and port of probes, where the user chose them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use rustix::io::Result;
use rustix::net::{bind, sockopt};

/// What probes are sent from. The default leaves both to the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProbeSender {
    /// The address, for hosts of its family.
    pub(crate) address: Option<IpAddr>,
    /// The port.
    pub(crate) port: Option<u16>,
}

impl ProbeSender {
    /// The local address to bind a socket of a family to; `None` if nothing is chosen for it.
    pub(crate) fn local(self, v6: bool) -> Option<SocketAddr> {
        let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let address = self.address.filter(|address| address.is_ipv6() == v6);
        (address.is_some() || self.port.is_some())
            .then(|| SocketAddr::new(address.unwrap_or(any), self.port.unwrap_or_default()))
    }

    /// Binds a new socket.
    ///
    /// # Errors
    /// The kernel's: this machine does not have the address, or the port needs a permission.
    pub(crate) fn bind(self, socket: impl AsFd, v6: bool) -> Result<()> {
        let Some(local) = self.local(v6) else { return Ok(()) };
        // Many sockets share the port, each with another peer.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_for_its_own_family_and_a_port_for_both() {
        let sender = ProbeSender { address: Some([10, 0, 0, 1].into()), port: None };
        assert_eq!((sender.local(false), sender.local(true)), (Some(([10, 0, 0, 1], 0).into()), None));
        let sender = ProbeSender { address: None, port: Some(53) };
        assert_eq!(sender.local(true), Some((Ipv6Addr::UNSPECIFIED, 53).into()));
        assert_eq!(ProbeSender::default().local(false), None);
    }
}
