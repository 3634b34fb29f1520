//! Reads one table of sockets by the way that is permitted, and says what could not be read.

use std::io;

use rustix::io::Errno;

use super::netlink::SockDiag;
use crate::error::plain;
use crate::model::PartialError;

/// Reads a table through netlink, or from `/proc/net` if that is refused, even half-way.
pub(super) fn read<T>(
    diag: &mut io::Result<SockDiag>,
    out: &mut Vec<T>,
    by_netlink: impl FnOnce(&mut SockDiag, &mut Vec<T>) -> io::Result<()>,
    by_text: impl FnOnce(&mut Vec<T>) -> io::Result<()>,
) -> io::Result<()> {
    let before = out.len();
    if let Ok(netlink) = diag {
        match by_netlink(netlink, out) {
            Ok(()) => return Ok(()),
            // The rest of an aborted reply may still come and must not be taken for the reply to another request,
            // so this socket is not used again.
            Err(err) => *diag = Err(err),
        }
    }

    // The text repeats what netlink reported before it broke off.
    out.truncate(before);
    by_text(out)
}

/// Notes a table that could not be read.
pub(super) fn note(faults: &mut Vec<PartialError>, read: io::Result<()>, table: &str) {
    if let Err(err) = read {
        let hint = "a sandbox may refuse both netlink and /proc/net; run outside of it";
        faults.push(fault(format!("list {table} sockets"), &err, hint));
    }
}

/// What could not be read, and why.
pub(super) fn fault(what: String, err: &io::Error, hint: &str) -> PartialError {
    let hint = if Errno::from_io_error(err) == Some(Errno::MFILE) {
        "raise the limit of open files (`ulimit -n`)"
    } else {
        hint
    };
    PartialError { operation: what, cause: plain(err), hint: hint.to_owned() }
}
