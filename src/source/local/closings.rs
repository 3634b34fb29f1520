//! Notifications of closed sockets, at once and without any privilege: `sock_diag`'s destroy groups.
//!
//! The kernel reports every socket of this network namespace that closes, connections too. Those have a peer; a socket
//! without one, at the address of a known listener, is a reason to poll.

use std::io;
use std::net::IpAddr;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::time::Duration;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::net::UnixDatagram;
use tokio::time::Instant;

use super::dump::next_message;
use super::netlink::{SOCK_DIAG_BY_FAMILY, local_end};

/// `SKNLGRP_INET_TCP_DESTROY` to `SKNLGRP_INET6_UDP_DESTROY` (`linux/sock_diag.h`).
const GROUPS: u32 = 0b1111;
/// More closed sockets a second than this cost more than one poll an interval: about 2 us each.
const FLOOD: u32 = 2_000;
/// The kernel's messages have some hundred bytes.
const BUFFER: usize = 8 * 1024;

/// Subscribes to closed sockets in the network namespace of the thread that makes it.
pub(super) struct Closings {
    /// A netlink socket. Of the types that tokio can wait for without unsafe code a datagram socket fits: it is only
    /// received from.
    socket: UnixDatagram,
    buffer: Vec<u8>,
    /// Since when, and how many.
    counted: (Instant, u32),
}

impl Closings {
    /// # Errors
    /// If the kernel or a sandbox refuses the subscription.
    pub(super) fn join() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, GROUPS))?;
        let socket = UnixDatagram::from_std(StdDatagram::from(fd))?;
        Ok(Self { socket, buffer: vec![0; BUFFER], counted: (Instant::now(), 0) })
    }

    /// Waits until a socket closes that had no peer and is one of ours by its address and port.
    ///
    /// # Errors
    /// If too many sockets close: polling is cheaper then.
    pub(super) async fn one_of(&mut self, is_ours: impl Fn(IpAddr, u16) -> bool) -> io::Result<()> {
        loop {
            self.socket.readable().await?;
            let mut ours = false;
            loop {
                let length = match self.socket.try_recv(&mut self.buffer) {
                    Ok(length) => length,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // ENOBUFS: more messages came than the socket holds.
                    Err(error) => return Err(error),
                };
                ours |= has_closed_listener(self.buffer.get(..length).unwrap_or_default(), &is_ours);
                count(&mut self.counted)?;
            }
            if ours {
                return Ok(());
            }
        }
    }
}

fn count((since, number): &mut (Instant, u32)) -> io::Result<()> {
    if since.elapsed() > Duration::from_secs(1) {
        (*since, *number) = (Instant::now(), 0);
    }
    *number += 1;
    if *number > FLOOD { Err(io::Error::other("sockets close too fast")) } else { Ok(()) }
}

fn has_closed_listener(mut messages: &[u8], is_ours: impl Fn(IpAddr, u16) -> bool) -> bool {
    let mut ours = false;
    while let Some((kind, _, payload, next)) = next_message(messages) {
        let no_peer = payload.get(6..8) == Some(&[0, 0]);
        ours |=
            kind == SOCK_DIAG_BY_FAMILY && no_peer && local_end(payload).is_some_and(|(ip, port)| is_ours(ip, port));
        messages = next;
    }
    ours
}
