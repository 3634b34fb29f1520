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
        let any = socket(local, device)?;
        // Pairs share a port that the caller has chosen. One that the kernel chooses is this pair's alone: it gives a port that
        // may be shared from the start to two at once.
        any.set_reuse_address(local.port() != 0)?;
        any.bind(&local.into())?;
        any.set_reuse_address(true)?;
        let any: UdpSocket = any.into();

        let same_port = any.local_addr()?;
        let connected = socket(same_port, device)?;
        connected.set_reuse_address(true)?;
        connected.bind(&same_port.into())?;
        let connected = connected.into();
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

fn socket(local: SocketAddr, device: Option<&[u8]>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM.cloexec(), None)?;
    #[cfg(target_os = "linux")]
    if let Some(device) = device {
        socket.bind_device(Some(device))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
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

    /// A port that may be shared is given to several when many are asked for: the kernel keeps two of these apart.
    #[test]
    fn no_two_pairs_share_a_port() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let pairs: Vec<ReplyPorts> = (0..400).map(|_| ReplyPorts::bind(here, here.ip(), None).unwrap()).collect();
        let ports: std::collections::BTreeSet<u16> =
            pairs.iter().map(|pair| pair.any.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), pairs.len());
        let chosen = pairs[0].any.local_addr().unwrap();
        assert!(ReplyPorts::bind(chosen, here.ip(), None).is_ok(), "several pairs share a port that was chosen");
    }
}
