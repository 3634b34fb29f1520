//! Two UDP sockets at one local port: for a peer that replies from a port other than the one it was asked at.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

/// A pair of sockets. The kernel gives the connected one what comes from the peer's own port, refusals by ICMP included,
/// and the other one everything else.
#[derive(Debug)]
pub(crate) struct ReplyPorts {
    connected: UdpSocket,
    any: UdpSocket,
    peer: IpAddr,
}

impl ReplyPorts {
    /// Binds both to `local`. The caller connects the one.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn bind(local: SocketAddr, peer: IpAddr, device: Option<&[u8]>) -> io::Result<Self> {
        let any = bind(local, device)?;
        let connected = bind(any.local_addr()?, device)?;
        Ok(Self { connected, any, peer })
    }

    /// The socket for the peer's own port.
    pub(crate) fn connected(&self) -> &UdpSocket {
        &self.connected
    }

    /// The socket that receives what comes from the peer's other ports, and from other hosts.
    pub(crate) fn any(&self) -> &UdpSocket {
        &self.any
    }

    /// The next datagram from another port of the peer; those of other hosts are dropped.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` if there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (length, from) = self.any.recv_from(buffer)?;
            if from.ip().to_canonical() == self.peer.to_canonical() {
                return Ok(length);
            }
        }
    }
}

fn bind(local: SocketAddr, device: Option<&[u8]>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM.cloexec(), None)?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    if let Some(device) = device {
        socket.bind_device(Some(device))?;
    }
    socket.bind(&local.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn receive(socket: impl Fn(&mut [u8]) -> io::Result<usize>) -> Vec<u8> {
        let mut buffer = [0; 16];
        // Loopback delivers at once, before `send_to` returns.
        let length = socket(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    #[test]
    fn each_socket_receives_its_own_part() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (peer, other) = (UdpSocket::bind(here).unwrap(), UdpSocket::bind(here).unwrap());
        let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
        let ports = ReplyPorts::bind(here, here.ip(), None).unwrap();
        ports.connected().connect(peer.local_addr().unwrap()).unwrap();
        let at = ports.connected.local_addr().unwrap();

        stranger.send_to(b"stranger", at).unwrap();
        other.send_to(b"other", at).unwrap();
        peer.send_to(b"peer", at).unwrap();
        assert_eq!(receive(|buffer| ports.connected.recv(buffer)), b"peer");
        assert_eq!(receive(|buffer| ports.receive(buffer)), b"other");
        assert_eq!(ports.receive(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
