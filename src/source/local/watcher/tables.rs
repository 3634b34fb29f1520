//! The cheap part of a poll: whether the socket tables have changed.
//!
//! A fingerprint costs a few hundred microseconds, whatever the number of processes.

use crate::model::PartialError;

use super::super::all_tables::read_tables;
use super::super::firewall::Generation;
use super::super::netlink::SockDiag;
use super::super::socket::{Socket, SocketQuery};
use super::super::tables::SocketTables;

/// Number of fingerprints in a row that leave TCP out while a trace is active and silent: each would make the kernel go
/// through its table of listeners, which is more than half of the cost of watching a thousand of them.
const WITHOUT_TCP: u32 = 9;

/// Number of fingerprints in a row while a published port leads to a socket that is not found: it opens in another
/// namespace, so no fingerprint of this one shows it.
const WITHOUT_ENDS: u32 = 4;

/// The socket tables at the last poll.
#[derive(Default)]
pub(super) struct TableState {
    /// The connection to the kernel for fingerprints; `None`: not open.
    diag: Option<SockDiag>,
    /// The last fingerprints of the TCP table and of the others; `None`: not taken yet.
    fingerprints: [Option<u64>; 2],
    /// The connection for the state of the firewall's rules, and their last state.
    rules: Option<Generation>,
    generation: Option<u64>,
    /// How many more fingerprints may leave TCP out.
    without_tcp: u32,
    /// How many more fingerprints do before the other ends of published ports are looked for again.
    without_ends: u32,
    /// The tables that were reported last; `None`: unknown.
    table: Option<Vec<Socket>>,
}

impl TableState {
    /// Makes the next poll include TCP.
    pub(super) fn include_tcp(&mut self) {
        self.without_tcp = 0;
    }

    /// Makes the next poll find a change.
    pub(super) fn forget(&mut self) {
        self.table = None;
        self.forget_fingerprints();
    }

    /// Records the tables that were reported. No fingerprint is known to be that of this state: only one that was taken before
    /// a later reading of the same sockets is.
    pub(super) fn record(&mut self, sockets: &[Socket]) {
        self.table = Some(comparable(sockets.to_vec()));
        self.without_ends = WITHOUT_ENDS;
        self.forget_fingerprints();
    }

    fn forget_fingerprints(&mut self) {
        self.fingerprints = [None; 2];
        self.include_tcp();
    }

    /// `None`: the tables have changed. Otherwise the tables that could not be read.
    pub(super) fn compare(
        &mut self,
        wanted: &SocketQuery,
        all_netns: bool,
        is_traced: bool,
    ) -> Option<Vec<PartialError>> {
        let is_same = !all_netns && self.has_same_fingerprints(wanted, is_traced);
        if is_same && !self.looks_for_ends() {
            return Some(Vec::new());
        }

        let mut tables = read_tables(wanted, false, all_netns);
        let sockets = comparable(std::mem::take(&mut tables.sockets));
        let is_same = self.table.as_ref() == Some(&sockets);
        is_same.then(|| unexpected_errors(&tables).cloned().collect())
    }

    /// Whether it is time to look for the sockets that published ports lead to.
    fn looks_for_ends(&mut self) -> bool {
        if !self.table.iter().flatten().any(|socket| socket.is_published() && socket.inode == 0) {
            return false;
        }
        let is_due = self.without_ends == 0;
        self.without_ends = if is_due { WITHOUT_ENDS } else { self.without_ends - 1 };
        is_due
    }

    /// Whether the fingerprints are the same as before; `false` also if there are none.
    fn has_same_fingerprints(&mut self, wanted: &SocketQuery, is_traced: bool) -> bool {
        let tcp =
            SocketQuery { udp: false, unix: false, udplite: false, raw: false, packet: false, vsock: false, ..*wanted };
        let others = SocketQuery { tcp: false, ..*wanted };
        let with_tcp = self.without_tcp == 0;
        self.without_tcp = match (is_traced, with_tcp) {
            (true, true) => WITHOUT_TCP,
            (true, false) => self.without_tcp - 1,
            (false, _) => 0,
        };

        let before = (self.fingerprints, self.generation);
        if wanted.published {
            self.generation = self.rules.get_or_insert_with(Generation::open).now();
        }
        if with_tcp {
            self.fingerprints[0] = self.fingerprint(&tcp);
        }
        self.fingerprints[1] = self.fingerprint(&others);
        (self.fingerprints, self.generation) == before && self.fingerprints.iter().all(Option::is_some)
    }

    /// The fingerprint of the wanted tables; `None`: they must be read.
    fn fingerprint(&mut self, wanted: &SocketQuery) -> Option<u64> {
        if wanted.has_unprinted() {
            return None;
        }
        let mut diag = self.diag.take().or_else(|| SockDiag::open().ok())?;
        // After a failure the rest of a reply may still come, so the connection is not used again.
        let fingerprint = diag.fingerprint(wanted).ok();
        self.diag = fingerprint.is_some().then_some(diag);
        fingerprint
    }
}

/// Sockets without measurements and in a stable order, which the kernel's is not.
fn comparable(mut sockets: Vec<Socket>) -> Vec<Socket> {
    sockets.iter_mut().for_each(clear_measurements);
    sockets.sort_unstable_by(|a, b| {
        let key = |socket: &Socket| (socket.inode, socket.netns, socket.port, socket.transport);
        key(a).cmp(&key(b)).then_with(|| a.address.cmp(&b.address))
    });
    sockets
}

/// Clears fields that are only measured, or that not every reading has.
pub(super) fn clear_measurements(socket: &mut Socket) {
    socket.receive_queue = 0;
    socket.mptcp = false;
}

/// Errors that are not due to a missing permission.
fn unexpected_errors(tables: &SocketTables) -> impl Iterator<Item = &PartialError> {
    tables.faults.iter().filter(|fault| !tables.limits.contains(fault))
}
