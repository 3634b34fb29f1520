//! Sockets beside those of TCP, UDP and the Unix domain: UDP-Lite, raw, packet and vsock. They are read only if requested.
//!
//! Raw and packet sockets are read as text (`man 5 proc`): many kernels lack the `sock_diag` modules for them, and loading a
//! module for a listing is not worth it.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::netlink::SockDiag;
use super::procnet::{self, NET};
use super::socket::{Socket, SocketQuery};
use super::table_read::{self, note};
use super::vsock;
use crate::clean::Untrusted;
use crate::model::{Address, PartialError, SocketState, Transport};

/// Reads the tables that are wanted, in the network namespace of the calling thread.
pub(super) fn read(wanted: &SocketQuery, out: &mut Vec<Socket>, faults: &mut Vec<PartialError>) {
    if wanted.udplite {
        let (mut diag, transport) = (SockDiag::open(), Transport::UdpLite);
        let read = table_read::read(
            &mut diag,
            out,
            |diag, out| diag.inet(transport, wanted, out),
            |out| procnet::inet(transport, wanted, out),
        );
        note(faults, unless_absent(read), "UDP-Lite");
    }
    if wanted.raw {
        note(faults, raw(wanted, out), "raw");
    }
    if wanted.packet && wanted.unconnected {
        note(faults, unless_absent(packet(out)), "packet");
    }

    if wanted.vsock {
        faults.extend(vsock::read(wanted, out).err());
    }
}

/// Without a table, the kernel lacks the protocol, and no socket of it can exist. `/proc/net` itself must be there.
fn unless_absent(read: io::Result<()>) -> io::Result<()> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound && Path::new(NET).join("raw").exists() => Ok(()),
        read => read,
    }
}

/// In place of the port, the table has the protocol.
fn raw(wanted: &SocketQuery, out: &mut Vec<Socket>) -> io::Result<()> {
    procnet::for_each_line(Transport::Raw, |line| out.extend(parse_raw(line).filter(|socket| wanted.has(socket.state))))
}

fn parse_raw(line: &str) -> Option<Socket> {
    let socket = procnet::parse_inet(Transport::Raw, line)?;
    let is_v6 = matches!(socket.address, Address::Ip(IpAddr::V6(_)));
    Some(Socket { protocol: Some(socket.port), port: 0, v6_only: is_v6.then_some(true), ..socket })
}

fn packet(out: &mut Vec<Socket>) -> io::Result<()> {
    let table = fs::read_to_string(format!("{NET}/packet"))?;
    out.extend(table.lines().skip(1).filter_map(parse_packet));
    Ok(())
}

/// `00000000ecdbbc6f 3      3    0003   2     1 0      0      46805911`: the EtherType and the index of the interface follow the
/// kind, and before the inode come the queued bytes and the user.
fn parse_packet(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let protocol = u16::from_str_radix(fields.next()?, 16).ok()?;
    let device = fields.next()?.parse().ok()?;
    let receive_queue = fields.nth(1)?.parse().ok()?;

    Some(Socket {
        transport: Transport::Packet,
        state: SocketState::Unconnected,
        address: Address::Other("*".into()),
        protocol: Some(protocol),
        device: Some(device),
        receive_queue,
        uid: fields.next()?.parse().ok(),
        inode: fields.next()?.parse().ok()?,
        ..Socket::listening([0, 0, 0, 0].into(), 0)
    })
}

/// What a raw or packet socket receives.
pub(super) fn protocol(socket: &Socket) -> Option<Untrusted> {
    let number = socket.protocol?;
    let name = match socket.transport {
        Transport::Packet => ether_type(number).map_or_else(|| format!("{number:#06x}").into(), Cow::Borrowed),
        _ => ip_protocol(number).map_or_else(|| number.to_string().into(), Cow::Borrowed),
    };
    Some((&*name).into())
}

/// The names of `/etc/protocols`, for protocols that programs take from raw sockets.
fn ip_protocol(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipencap",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        255 => "raw",
        _ => return None,
    })
}

/// The names of `linux/if_ether.h`. A socket with the number 0 receives nothing.
fn ether_type(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0000 => "none",
        0x0003 => "all",
        0x0004 => "802.2",
        0x0800 => "ip",
        0x0806 => "arp",
        0x8100 => "vlan",
        0x86dd => "ipv6",
        0x8863 => "pppoe-discovery",
        0x8864 => "pppoe-session",
        0x888e => "eapol",
        0x88cc => "lldp",
        0x88f7 => "ptp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_raw_sockets_are_read() {
        let line =
            " 179: 00000000:0001 00000000:0000 07 00000000:00000240 00:00000000 00000000     7        0 46805910 2 0 0";
        let socket = parse_raw(line).unwrap();
        assert_eq!((socket.port, socket.inode, socket.uid, socket.receive_queue), (0, 46_805_910, Some(7), 0x240));
        assert_eq!((socket.state, protocol(&socket)), (SocketState::Unconnected, Some("icmp".into())));
        let line = line.replace(":0001", ":00FD").replace(" 07 ", " 01 ");
        let socket = parse_raw(&line).unwrap();
        assert_eq!((socket.state, protocol(&socket)), (SocketState::Connected, Some("253".into())));
    }

    #[test]
    fn lines_of_packet_sockets_are_read() {
        let line = "00000000ecdbbc6f 3      3    0806   5     1 640    0      46805911";
        let socket = parse_packet(line).unwrap();
        assert_eq!(
            (socket.device, socket.uid, socket.inode, socket.receive_queue),
            (Some(5), Some(0), 46_805_911, 640)
        );
        assert_eq!(protocol(&socket), Some("arp".into()));
        assert_eq!(protocol(&parse_packet(&line.replace("0806", "88B5")).unwrap()), Some("0x88b5".into()));
        assert_eq!(parse_packet("sk               RefCnt Type Proto  Iface R Rmem   User   Inode"), None);
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parsers_panic(line in "[ :0-9A-F]{0,80}") {
            let _ = (parse_raw(&line), parse_packet(&line));
        }
    }
}
