//! The same tables as text, `/proc/net` (`man 5 proc`): for kernels and sandboxes that refuse netlink. Slower,
//! and without control groups, devices, the v6-only mark and the limit of a backlog.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::connections::LocalEnd;
use super::netlink::connection_state;
use super::socket::{ConnectedSocket, Socket, SocketQuery, UnixKind, UnixName};
use crate::model::{Address, SocketState, Transport};

/// The directory of the calling thread's network namespace.
pub(super) const NET: &str = "/proc/thread-self/net";

/// Every TCP or UDP socket in a wanted state, of both address families.
pub(super) fn inet(transport: Transport, wanted: &SocketQuery, out: &mut Vec<Socket>) -> io::Result<()> {
    for_each_line(transport, |line| {
        out.extend(parse_inet(transport, line).filter(|socket| wanted.has(socket.state)));
    })
}

/// The local ends of all established TCP connections.
pub(super) fn established(out: &mut Vec<LocalEnd>) -> io::Result<()> {
    for_each_line(Transport::Tcp, |line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        if let (Some(local), Some("01")) = (fields.next(), fields.nth(1)) {
            out.extend(parse_end(local).map(|(ip, port)| LocalEnd { ip: ip.to_canonical(), port, device: None }));
        }
    })
}

/// Every TCP or UDP socket with a peer.
pub(super) fn connected(transport: Transport, out: &mut Vec<ConnectedSocket>) -> io::Result<()> {
    for_each_line(transport, |line| out.extend(parse_connected(transport, line)))
}

/// Every Unix-domain socket that listens, and every datagram socket with a name.
pub(super) fn unix(wanted: &SocketQuery, out: &mut Vec<Socket>) -> io::Result<()> {
    let table = fs::read(format!("{NET}/unix"))?;
    out.extend(
        table.split(|&byte| byte == b'\n').skip(1).filter_map(parse_unix).filter(|socket| wanted.has(socket.state)),
    );
    Ok(())
}

/// The lines of both address families. IPv6 may be switched off; then its table is not there.
pub(super) fn for_each_line(transport: Transport, mut take: impl FnMut(&str)) -> io::Result<()> {
    let name = transport.as_str();
    fs::read_to_string(format!("{NET}/{name}"))?.lines().skip(1).for_each(&mut take);
    match fs::read_to_string(format!("{NET}/{name}6")) {
        Ok(table) => table.lines().skip(1).for_each(&mut take),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err),
    }
    Ok(())
}

/// ` 0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  113  0 31415 ...`
pub(super) fn parse_inet(transport: Transport, line: &str) -> Option<Socket> {
    let state = match (transport, line.split_ascii_whitespace().nth(3)?) {
        (Transport::Tcp, "0A") => SocketState::Listen,
        (Transport::Udp | Transport::UdpLite | Transport::Raw, "07") => SocketState::Unconnected,
        (Transport::Udp | Transport::UdpLite | Transport::Raw, "01") => SocketState::Connected,
        _ => return None,
    };
    parse_socket(transport, state, line)
}

fn parse_connected(transport: Transport, line: &str) -> Option<ConnectedSocket> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let (ip, port) = parse_end(fields.next()?)?;
    let number = u8::from_str_radix(fields.next()?, 16).ok()?;
    let mut socket = parse_socket(transport, SocketState::Connected, line)?;
    if let Address::Ip(ip) = &mut socket.address {
        *ip = ip.to_canonical();
    }

    let state = connection_state(number, socket.inode)?;
    Some(ConnectedSocket { socket, state, peer: (ip.to_canonical(), port).into() })
}

fn parse_socket(transport: Transport, state: SocketState, line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (ip, port) = parse_end(fields.next()?)?;
    let (_, receive_queue) = fields.nth(2)?.split_once(':')?;

    Some(Socket {
        transport,
        state,
        address: Address::Ip(ip),
        unix: None,
        port,
        protocol: None,
        device: None,
        uid: fields.nth(2)?.parse().ok(),
        inode: fields.nth(1)?.parse().ok()?,
        cgroup: None,
        v6_only: None,
        transparent: None,
        receive_queue: u32::from_str_radix(receive_queue, 16).ok()?,
        backlog_limit: None,
        netns: 0,
        forwards_to: None,
        mptcp: false,
    })
}

/// `0100007F:1538`: each 32-bit word of the address in the machine's own byte order.
fn parse_end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let ip = if address.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(address, 0)?))
    } else {
        let bytes: Vec<u8> = (0..4).map(|at| word(address, at)).collect::<Option<Vec<_>>>()?.concat();
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

/// The 32-bit word at an index of a hexadecimal address.
fn word(address: &str, at: usize) -> Option<[u8; 4]> {
    u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes)
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 16163 /run/x.sock`
fn parse_unix(line: &[u8]) -> Option<Socket> {
    const ACCEPTS_CONNECTIONS: u32 = 0x0001_0000;
    let text = String::from_utf8_lossy(line);
    let mut fields = text.split_ascii_whitespace().skip(3);
    let listens = u32::from_str_radix(fields.next()?, 16).ok()? & ACCEPTS_CONNECTIONS != 0;
    let kind = UnixKind::of(u32::from_str_radix(fields.next()?, 16).ok()?)?;

    if !listens && kind != UnixKind::Datagram {
        return None;
    }

    let inode: u32 = fields.nth(1)?.parse().ok()?;
    // The path is what follows the inode, spaces and all.
    let digits = inode.to_string();
    let start = text.find(&format!(" {digits} "))? + digits.len() + 2;
    // The kernel writes an abstract name with an `@` for its first byte.
    let mut bytes = line.get(start..)?.to_vec();

    if let Some(first @ b'@') = bytes.first_mut() {
        *first = 0;
    }

    let name = UnixName { kind, bytes: bytes.into() };
    Some(Socket {
        transport: Transport::Unix,
        state: if listens { SocketState::Listen } else { SocketState::Unconnected },
        address: name.address(),
        unix: Some(name),
        port: 0,
        protocol: None,
        device: None,
        inode,
        uid: None,
        cgroup: None,
        v6_only: None,
        transparent: None,
        receive_queue: 0,
        backlog_limit: None,
        netns: 0,
        forwards_to: None,
        mptcp: false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ConnectionState;

    #[test]
    fn lines_as_the_manual_has_them_are_read() {
        let line = "  0: 0100007F:1538 00000000:0000 0A 00000000:00000003 00:00000000 00000000   113        0 31415 1 0000 100";
        let socket = parse_inet(Transport::Tcp, line).unwrap();
        assert_eq!(socket.address, Address::Ip("127.0.0.1".parse().unwrap()));
        assert_eq!((socket.port, socket.uid, socket.inode, socket.receive_queue), (5432, Some(113), 31415, 3));
        let line = b"0000000000000000: 00000002 00000000 00010000 0001 01 16163 /run/a b.sock";
        let socket = parse_unix(line).unwrap();
        assert_eq!((socket.inode, socket.address), (16163, Address::Unix("/run/a b.sock".into())));
    }

    #[test]
    fn established_connections_are_no_listeners() {
        let line = "  0: 0100007F:1538 0100007F:9999 01 00000000:00000000 00:00000000 00000000   113        0 31415 1";
        assert_eq!(parse_inet(Transport::Tcp, line), None);

        let connection = parse_connected(Transport::Tcp, line).unwrap();
        assert_eq!((connection.socket.port, connection.socket.uid, connection.socket.inode), (5432, Some(113), 31415));
        assert_eq!(
            (connection.peer, connection.state),
            (([127, 0, 0, 1], 0x9999).into(), ConnectionState::Established)
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parsers_panic(line in "[ :0-9A-F]{0,80}") {
            let _ = (parse_inet(Transport::Tcp, &line), parse_connected(Transport::Tcp, &line), parse_unix(line.as_bytes()), parse_end(&line));
        }
    }
}
