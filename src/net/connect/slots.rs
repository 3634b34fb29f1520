//! Reuse of sockets for both families.

use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect_unspec, socket_with, sockopt};

use super::{Connector, ProbeSlot};
use crate::model::Reason;
use crate::net::ProbeSender;
use crate::net::outcome::ConnectOutcome;
use crate::net::prober::Probe;

impl Connector {
    /// An idle socket of that family.
    pub(super) fn take(&mut self, v6: bool) -> Result<u32> {
        if let Some(slot) = self.idle[usize::from(v6)].pop() {
            return Ok(slot);
        }

        let next = u32::try_from(self.slots.len()).map_err(|_| Errno::MFILE)?;
        if self.slots.len() < self.most {
            let fd = new_socket(v6, self.sender)?;
            let probe = Probe { host: 0, port: 0, attempt: 0, marks: 0 };
            self.slots.push(ProbeSlot { fd, probe, since: 0, v6, registered: false, waiting: false, late: false });
            return Ok(next);
        }

        // The maximum is reached; an idle socket of the other family is replaced.
        let slot = self.idle[usize::from(!v6)].pop().ok_or(Errno::MFILE)?;
        self.slots[slot as usize].v6 = v6;
        if let Err(errno) = self.renew(slot) {
            self.slots[slot as usize].v6 = !v6;
            self.idle[usize::from(!v6)].push(slot);
            return Err(errno);
        }

        Ok(slot)
    }

    /// Prepares a socket for its next attempt.
    pub(super) fn release(&mut self, slot: u32, after: ConnectOutcome) {
        self.slots[slot as usize].waiting = false;
        let reusable = match after {
            // The kernel has reset a refused socket to its initial state.
            ConnectOutcome::No(Reason::Refused) => true,
            // Without dissolving, it would keep trying or stay in TIME_WAIT.
            ConnectOutcome::Open { .. } | ConnectOutcome::Silent => {
                connect_unspec(&self.slots[slot as usize].fd).is_ok()
            }
            // A new socket gets another source port.
            _ => false,
        };

        if reusable || self.renew(slot).is_ok() {
            let (list, slot) = (usize::from(self.slots[slot as usize].v6), slot);
            self.idle[list].push(slot);
        } else {
            self.give_up(slot);
        }
    }

    /// Replaces a socket; the old one is reset, not closed in order.
    fn renew(&mut self, slot: u32) -> Result<()> {
        let old = &mut self.slots[slot as usize];
        let fd = new_socket(old.v6, self.sender)?;
        // Only a connected socket needs it; others ignore it.
        let _ = sockopt::set_socket_linger(&old.fd, Some(std::time::Duration::ZERO));
        (old.fd, old.registered) = (fd, false);
        Ok(())
    }

    /// Without a descriptor for a new socket, the old one is dissolved and reused. One that cannot be dissolved may
    /// still be connected, and is not used any more.
    fn give_up(&mut self, slot: u32) {
        if connect_unspec(&self.slots[slot as usize].fd).is_ok() {
            let list = usize::from(self.slots[slot as usize].v6);
            self.idle[list].push(slot);
        }
    }
}

fn new_socket(v6: bool, sender: ProbeSender) -> Result<OwnedFd> {
    let family = if v6 { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    sender.bind(&socket, v6)?;
    Ok(socket)
}
