//! Sockets between virtual machines and their hosts, through `sock_diag` netlink (`linux/vm_sockets_diag.h`). No text lists them.

use std::io;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};

use super::dump::{request, u32_at};
use super::netlink::{SOCK_DIAG_BY_FAMILY, SockDiag};
use super::socket::{Socket, SocketQuery};
use crate::clean::Untrusted;
use crate::error::plain;
use crate::model::{Address, PartialError, Scope, SocketState, Transport};

const AF_VSOCK: u8 = 40;
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;
/// Every context or port (`VMADDR_CID_ANY`, `VMADDR_PORT_ANY`).
const ANY: u32 = u32::MAX;
/// The machine itself (`VMADDR_CID_LOCAL`).
const LOCAL: &str = "1:";

/// Reads the sockets that listen, and those that are bound without a peer.
///
/// # Errors
/// The kernel has such sockets and cannot list them.
pub(super) fn read(wanted: &SocketQuery, out: &mut Vec<Socket>) -> Result<(), PartialError> {
    let states = u32::from(wanted.listen) << TCP_LISTEN | u32::from(wanted.unconnected) << TCP_CLOSE;
    let before = out.len();
    let read = SockDiag::open().and_then(|mut diag| {
        diag.dump(&vsock_request(states), out, |message, out| {
            out.extend(parse(message));
        })
    });
    let Err(error) = read else { return Ok(()) };

    out.truncate(before);
    if is_absent() { Ok(()) } else { Err(unreadable(&error)) }
}

/// Whether the kernel has no such sockets at all.
fn is_absent() -> bool {
    let family = AddressFamily::from_raw(AF_VSOCK.into());
    socket(family, SocketType::STREAM, None).is_err_and(|error| error == Errno::AFNOSUPPORT)
}

fn unreadable(error: &io::Error) -> PartialError {
    let cause = match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "the kernel lacks the module vsock_diag, and lists them nowhere else".to_owned(),
        _ => plain(error),
    };
    PartialError {
        operation: "list vsock sockets".to_owned(),
        cause,
        hint: "load it as root with `modprobe vsock_diag`, or leave --vsock out".to_owned(),
    }
}

/// With a `struct vsock_diag_req`.
fn vsock_request(states: u32) -> Vec<u8> {
    let mut body = [0; 24];
    body[0] = AF_VSOCK;
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    request(SOCK_DIAG_BY_FAMILY, &body)
}

/// Reads a `struct vsock_diag_msg`. `None` for a socket that is not bound.
fn parse(message: &[u8]) -> Option<Socket> {
    let state = match *message.get(2)? {
        TCP_LISTEN => SocketState::Listen,
        TCP_CLOSE => SocketState::Unconnected,
        _ => return None,
    };
    let (context, port) = (u32_at(message, 4)?, u32_at(message, 8)?);
    if port == ANY {
        return None;
    }

    let context = if context == ANY { "*".to_owned() } else { context.to_string() };
    Some(Socket {
        transport: Transport::Vsock,
        state,
        address: Address::Other(format!("{context}:{port}").into()),
        device: Some(0),
        inode: u32_at(message, 20)?,
        ..Socket::listening([0, 0, 0, 0].into(), 0)
    })
}

/// From where an address that is not an IP address can be reached.
pub(super) fn scope(address: &Untrusted) -> Scope {
    let text = address.as_raw();
    match text {
        _ if text.starts_with(LOCAL) => Scope::Loopback,
        _ if text.starts_with('*') => Scope::All,
        _ => Scope::Private,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fields of a `struct vsock_diag_msg`: family, type, state and shutdown are bytes; the others are 32-bit numbers.
    fn message(state: u8, context: u32, port: u32) -> Vec<u8> {
        let numbers = [context, port, ANY, ANY, 4711, 1, 2];
        [vec![AF_VSOCK, 1, state, 0], numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()].concat()
    }

    #[test]
    fn listeners_are_named_by_context_and_port() {
        let socket = parse(&message(TCP_LISTEN, ANY, 1024)).unwrap();
        assert_eq!((socket.address.to_string(), socket.inode), ("*:1024".to_owned(), 4711));
        let socket = parse(&message(TCP_CLOSE, 2, 4_000_000_000)).unwrap();
        assert_eq!((socket.address.to_string(), socket.state), ("2:4000000000".to_owned(), SocketState::Unconnected));
        assert_eq!((parse(&message(1, 2, 1024)), parse(&message(TCP_CLOSE, ANY, ANY))), (None, None));
        assert_eq!(
            ["1:9", "*:9", "12:9"].map(|text| scope(&text.into())),
            [Scope::Loopback, Scope::All, Scope::Private]
        );
    }

    proptest! {
        #[test]
        fn no_message_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&bytes);
        }
    }
}
