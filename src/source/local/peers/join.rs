//! Joins sockets to connections: pure, from the sockets that the kernel listed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::FixedState;

use super::super::socket::{ConnectedSocket, Socket};
use crate::model::{Address, Transport};

/// One end of a connection, and the sockets that share it: mostly one.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketGroup<'s>(&'s [ConnectedSocket]);

/// A connection: the end that is listed, and the other one, if it is on this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection<'s> {
    pub(super) own: SocketGroup<'s>,
    pub(super) other: Option<SocketGroup<'s>>,
}

/// Transport, own address, address of the peer.
type Ends = (Transport, SocketAddr, SocketAddr);

impl<'s> SocketGroup<'s> {
    pub(super) fn sockets(self) -> impl Iterator<Item = &'s Socket> {
        self.0.iter().map(|connected| &connected.socket)
    }

    pub(super) fn first(self) -> &'s ConnectedSocket {
        &self.0[0]
    }

    pub(super) fn netns(self) -> u16 {
        self.first().socket.netns
    }

    pub(super) fn transport(self) -> Transport {
        self.first().socket.transport
    }

    pub(super) fn peer(self) -> SocketAddr {
        self.first().peer
    }

    /// Its own address.
    pub(super) fn address(self) -> SocketAddr {
        address(&self.first().socket)
    }

    fn key(self) -> Ends {
        (self.transport(), self.address(), self.peer())
    }
}

fn address(socket: &Socket) -> SocketAddr {
    let ip = match socket.address {
        Address::Ip(ip) => ip,
        Address::Unix(_) | Address::Name(_) | Address::Other(_) => IpAddr::from([0, 0, 0, 0]),
    };
    SocketAddr::new(ip, socket.port)
}

/// Sorts the sockets, and groups those that share both addresses.
pub(super) fn ends(sockets: &mut [ConnectedSocket]) -> Vec<SocketGroup<'_>> {
    fn key(connected: &ConnectedSocket) -> (u16, Transport, SocketAddr, SocketAddr, u16) {
        let own = address(&connected.socket);
        (own.port(), connected.socket.transport, own, connected.peer, connected.socket.netns)
    }

    sockets.sort_unstable_by_key(|connected| (key(connected), connected.socket.inode));
    sockets.chunk_by(|a, b| key(a) == key(b)).map(SocketGroup).collect()
}

/// Joins ends, in their order. `serves`: whether a listener accepted the connection with this end. Where that is so of one end
/// alone, that end is listed; otherwise the one with the smaller port.
pub(super) fn join<'s>(ends: &[SocketGroup<'s>], serves: impl Fn(SocketGroup<'s>) -> bool) -> Vec<Connection<'s>> {
    let mut places: HashMap<Ends, Vec<usize>, FixedState> = HashMap::default();
    for (at, end) in ends.iter().enumerate() {
        places.entry(end.key()).or_default().push(at);
    }

    let mut joined = vec![false; ends.len()];
    let mut connections = Vec::new();
    for (at, &end) in ends.iter().enumerate() {
        if joined[at] {
            continue;
        }
        let counterpart = counterpart(at, ends, &places).filter(|&other| !joined[other]);
        let Some(other) = counterpart else {
            connections.push(Connection { own: end, other: None });
            continue;
        };

        joined[other] = true;
        let other = ends[other];
        // The ends are in the order of their ports.
        let is_turned = serves(other) && !serves(end);
        let (own, other) = if is_turned { (other, end) } else { (end, other) };
        connections.push(Connection { own, other: Some(other) });
    }

    connections.sort_by_key(|connection| {
        let own = connection.own;
        (own.address().port(), own.transport(), own.address(), own.netns(), own.peer())
    });
    connections
}

/// The end that faces the one at `at`: in its own network namespace, or else the only one in all of them. Loopback addresses
/// never lead to another namespace.
fn counterpart(at: usize, ends: &[SocketGroup<'_>], places: &HashMap<Ends, Vec<usize>, FixedState>) -> Option<usize> {
    let end = ends[at];
    let facing = places.get(&(end.transport(), end.peer(), end.address()))?;
    let facing: Vec<usize> = facing.iter().copied().filter(|&other| other != at).collect();

    if let Some(&near) = facing.iter().find(|&&other| ends[other].netns() == end.netns()) {
        return Some(near);
    }
    let is_unique = facing.len() == 1 && places.get(&end.key()).is_some_and(|same| same.len() == 1);
    facing.first().copied().filter(|_| is_unique && !end.address().ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConnectionState;

    fn socket(own: &str, peer: &str, netns: u16, inode: u32) -> ConnectedSocket {
        let own: SocketAddr = own.parse().unwrap();
        let socket = Socket { inode, netns, ..Socket::listening(own.ip(), own.port()) };
        ConnectedSocket { socket, state: ConnectionState::Established, peer: peer.parse().unwrap() }
    }

    /// Each connection as the inodes of its ends; 0: the other end is not here.
    fn joined(sockets: &mut [ConnectedSocket], served: u16) -> Vec<(u32, u32)> {
        let connections = join(&ends(sockets), |end| end.address().port() == served);
        connections.iter().map(|connection| (inode(connection.own), connection.other.map_or(0, inode))).collect()
    }

    fn inode(end: SocketGroup<'_>) -> u32 {
        end.first().socket.inode
    }

    fn client(netns: u16, inode: u32) -> ConnectedSocket {
        socket("10.0.0.2:4000", "10.0.0.1:80", netns, inode)
    }

    fn server(netns: u16, inode: u32) -> ConnectedSocket {
        socket("10.0.0.1:80", "10.0.0.2:4000", netns, inode)
    }

    #[test]
    fn both_ends_of_a_connection_are_one_and_the_server_comes_first() {
        assert_eq!(joined(&mut [client(0, 1), server(0, 2)], 80), [(2, 1)]);
        assert_eq!(joined(&mut [server(0, 2), client(0, 1)], 4000), [(1, 2)]);
        assert_eq!(joined(&mut [client(0, 1), server(0, 2)], 0), [(2, 1)], "no listener: the smaller port");
        assert_eq!(joined(&mut [socket("10.0.0.1:22", "10.0.0.9:5000", 0, 3)], 22), [(3, 0)]);
    }

    #[test]
    fn a_socket_connected_to_itself_has_no_other_end() {
        assert_eq!(joined(&mut [socket("127.0.0.1:4000", "127.0.0.1:4000", 0, 1)], 0), [(1, 0)]);
    }

    #[test]
    fn ends_in_two_namespaces_are_joined_unless_it_is_not_sure_which() {
        assert_eq!(joined(&mut [server(0, 1), client(1, 2)], 80), [(1, 2)]);
        assert_eq!(joined(&mut [server(0, 1), client(1, 2), client(2, 3)], 80), [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(joined(&mut [server(1, 1), client(1, 2), server(2, 3), client(2, 4)], 80), [(1, 2), (3, 4)]);

        let mut apart =
            [socket("127.0.0.1:80", "127.0.0.1:4000", 0, 1), socket("127.0.0.1:4000", "127.0.0.1:80", 1, 2)];
        assert_eq!(joined(&mut apart, 80), [(1, 0), (2, 0)]);
    }

    #[test]
    fn sockets_that_share_both_addresses_are_one_end() {
        let mut sockets = [socket("10.0.0.1:80", "10.0.0.2:4000", 0, 2), socket("10.0.0.1:80", "10.0.0.2:4000", 0, 1)];
        let ends = ends(&mut sockets);
        assert_eq!((ends.len(), ends[0].sockets().count()), (1, 2));
    }
}
