//! Dumps of the kernel's tables through netlink (`man 7 netlink`): a request, and messages until the kernel says that it is done.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
/// Marks of an attribute's type: it is nested, and its bytes are in network order.
const ATTRIBUTE_FLAGS: u16 = 0xc000;

/// `struct nlmsghdr`
const HEADER: usize = 16;
/// The kernel fills at most 32 KiB per read of a dump, whatever the buffer; the rest is reserve.
const BUFFER: usize = 64 * 1024;
/// The kernel replies at once; this only keeps a broken one from blocking us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// A dump that the kernel marks as interrupted (its table was being resized) is repeated; the maximum number of attempts.
const TRIES: usize = 3;

/// A connection to the kernel's tables of one kind, in the network namespace of the thread that opens it.
pub(super) struct NetlinkDump {
    fd: OwnedFd,
    /// Not filled with zeros first: most replies are short.
    buffer: Vec<MaybeUninit<u8>>,
    /// Maximum number of entries of one dump.
    max_entries: usize,
}

impl NetlinkDump {
    pub(super) fn open(protocol: Protocol, max_entries: usize) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(protocol))?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(REPLY_TIMEOUT))?;
        Ok(Self { fd, buffer: vec![MaybeUninit::uninit(); BUFFER], max_entries })
    }

    /// Sends `request` and passes each message of type `reply` to `take`.
    ///
    /// # Errors
    /// The kernel's. The rest of its reply may still come, so the connection must not be used again.
    pub(super) fn dump<T>(
        &mut self,
        request: &[u8],
        reply: u16,
        out: &mut Vec<T>,
        take: impl Fn(&[u8], &mut Vec<T>),
    ) -> io::Result<()> {
        let before = out.len();
        for _ in 0..TRIES {
            out.truncate(before);
            if self.dump_once(request, reply, out, &take)? {
                return Ok(());
            }
        }
        Err(io::Error::other("the kernel's table kept changing while it was read"))
    }

    /// One dump; `false` if the kernel reports that its table changed meanwhile.
    fn dump_once<T>(
        &mut self,
        request: &[u8],
        reply: u16,
        out: &mut Vec<T>,
        take: &impl Fn(&[u8], &mut Vec<T>),
    ) -> io::Result<bool> {
        rustix::net::sendto(&self.fd, request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let before = out.len();
        let mut steady = true;

        loop {
            let ((bytes, _), length) = loop {
                match rustix::net::recv(&self.fd, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                    Err(rustix::io::Errno::INTR) => {}
                    other => break other?,
                }
            };
            if length > bytes.len() {
                return Err(io::Error::other("the kernel's reply is larger than any it should send"));
            }
            let mut rest = &*bytes;
            while let Some((kind, flags, payload, next)) = next_message(rest) {
                steady &= flags & NLM_F_DUMP_INTR == 0;
                match kind {
                    // A dump that failed half-way, or could not start, reports that at its end.
                    NLMSG_DONE if u32_at(payload, 0).is_some_and(|code| code.cast_signed() < 0) => {
                        return Err(kernel_error(payload));
                    }
                    NLMSG_DONE => return Ok(steady),
                    NLMSG_ERROR => return Err(kernel_error(payload)),
                    _ if kind == reply => take(payload, out),
                    _ => {}
                }
                rest = next;
            }
            if out.len() - before > self.max_entries {
                return Err(io::Error::other("the kernel's table has more entries than portolan reads"));
            }
        }
    }
}

/// A `struct nlmsghdr` that requests a dump, and its body.
pub(super) fn request(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut header = [0; HEADER];
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    header[0..4].copy_from_slice(&length.to_ne_bytes());
    header[4..6].copy_from_slice(&kind.to_ne_bytes());
    header[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    [&header, body].concat()
}

/// Splits the first message off: its type, its flags, what it carries, and the messages after it.
pub(super) fn next_message(bytes: &[u8]) -> Option<(u16, u16, &[u8], &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let payload = bytes.get(HEADER..length)?;
    Some((u16_at(bytes, 4)?, u16_at(bytes, 6)?, payload, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn kernel_error(payload: &[u8]) -> io::Error {
    match u32_at(payload, 0).map(|code| code.cast_signed().wrapping_neg()) {
        Some(code) if code > 0 => io::Error::from_raw_os_error(code),
        _ => io::Error::other("the kernel ended its reply without a reason"),
    }
}

/// The netlink attributes (`struct nlattr`) in `bytes`: type and value.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let attribute = (u16_at(bytes, 2)? & !ATTRIBUTE_FLAGS, bytes.get(4..length)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(attribute)
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while let Some((_, _, payload, next)) = next_message(rest) {
                let _ = kernel_error(payload);
                rest = next;
            }
            let _ = attributes(&bytes).count();
        }
    }
}
