//! Thousands of half-open connections: a SYN from a raw socket, and its reply. The connection is never completed, so
//! programs at the other end do not notice it, and no attempt takes a descriptor.
//!
//! Each probe has its own sequence number, derived from a secret key: a reply counts only if it acknowledges that
//! number and comes from the SYN's destination, or is an ICMP message about it. Forged and foreign packets are
//! ignored. As in the kernel's connections, a SYN without a reply is repeated after a second. A later retry by the
//! caller sends the same SYN: a host whose first reply was lost still holds a half-open connection, repeats its reply
//! to the same number, and sends none to another (RFC 9293, section 3.10.7.4).

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};

use hashbrown::HashTable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};

use super::ProbeSender;
use super::outcome::{ConnectOutcome, LocalShortage, refusal};
use super::packet::{IcmpError, Segment};
use super::prober::{AttemptEnd, AttemptStart, Probe, Prober, WaitDecision};
use super::raw::{Datagram, Raw, source};
use crate::model::Reason;

/// Maximum number of waiting attempts: each takes 40 bytes, and no descriptor.
const MAX_WAITING: usize = 32_768;
/// Packets read from one socket before the clock is checked.
const READS: usize = 512;
/// Number of such reads before waiting attempts are judged. A flood must not block forever.
const ROUNDS: usize = 64;
/// When the kernel repeats a SYN the first and the second time (RFC 6298: after a second, and twice as long after
/// that).
const REPEATS: [u64; 2] = [1_000_000, 3_000_000];

/// A waiting attempt.
struct AttemptSlot {
    probe: Probe,
    since: u64,
    /// The SYN's sequence number.
    sequence: u32,
    repeats: u8,
    waiting: bool,
    late: bool,
}

/// The half-open connections of one thread.
pub(crate) struct HalfOpen {
    sender: ProbeSender,
    /// IPv4, IPv6.
    raw: [Option<Raw>; 2],
    slots: Vec<AttemptSlot>,
    idle: Vec<u32>,
    /// Waiting attempts by sequence number.
    by_sequence: HashTable<u32>,
    /// By the caller's number for a host: its address, and the source address for it.
    sources: Vec<Option<(IpAddr, IpAddr)>>,
    key: RandomState,
    waiting: usize,
    late: usize,
    /// Repeated SYNs that were not reported yet.
    repeated: u32,
    /// Received datagrams, buffered for processing.
    received: Vec<Datagram>,
}

impl HalfOpen {
    /// Opens the raw sockets.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW; no descriptors, no free port.
    pub(crate) fn new(sender: ProbeSender) -> io::Result<Self> {
        Ok(Self {
            sender,
            raw: [Raw::open(false)?, Raw::open(true)?],
            slots: Vec::new(),
            idle: Vec::new(),
            by_sequence: HashTable::new(),
            sources: Vec::new(),
            key: RandomState::new(),
            waiting: 0,
            late: 0,
            repeated: 0,
            received: Vec::new(),
        })
    }

    /// The source address for a host.
    fn source(&mut self, host: u32, to: SocketAddr) -> Result<IpAddr> {
        let at = host as usize;
        if at >= self.sources.len() {
            self.sources.resize(at + 1, None);
        }
        if let Some((_, from)) = self.sources[at].filter(|(known, _)| *known == to.ip()) {
            return Ok(from);
        }

        let chosen = self.sender.local(to.is_ipv6()).map(|local| local.ip());
        let from = chosen.map_or_else(|| source(to), Ok)?;
        self.sources[at] = Some((to.ip(), from));
        Ok(from)
    }

    fn send(&mut self, to: SocketAddr, probe: Probe, sequence: u32) -> Result<()> {
        let from = self.source(probe.host, to)?;
        let raw = self.raw[usize::from(to.is_ipv6())].as_ref().ok_or(Errno::AFNOSUPPORT)?;
        raw.send(from, to, sequence)
    }

    fn park(&mut self, probe: Probe, sequence: u32, since: u64) {
        let slot = AttemptSlot { probe, since, sequence, repeats: 0, waiting: true, late: false };
        let at = match self.idle.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };

        let slots = &self.slots;
        self.by_sequence.insert_unique(hash(sequence), at, |&at| hash(slots[at as usize].sequence));
        self.waiting += 1;
    }

    /// Reads once; returns whether there may be more.
    fn read(&mut self, address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> bool {
        let Self { raw, received, .. } = self;
        let more = raw
            .iter()
            .flatten()
            .fold(false, |more, raw| raw.receive(READS, &mut |datagram| received.push(datagram)) | more);
        let mut received = std::mem::take(&mut self.received);
        ended.extend(received.drain(..).filter_map(|datagram| self.take(datagram, address)));
        self.received = received;
        more
    }

    /// Ends the attempt that a datagram belongs to.
    fn take(&mut self, datagram: Datagram, address: &dyn Fn(Probe) -> SocketAddr) -> Option<AttemptEnd> {
        let (to, sequence, reason) = match datagram {
            Datagram::Segment(from, Segment { port, answers, reason }) => {
                (SocketAddr::new(from, port), answers, reason)
            }
            Datagram::IcmpError(IcmpError { to, about, reason }) => (to, about, reason),
        };
        let at = *self.by_sequence.find(hash(sequence), |&at| {
            let slot = &self.slots[at as usize];
            let target = address(slot.probe);
            slot.sequence == sequence && (target.ip(), target.port()) == (to.ip(), to.port())
        })?;

        let host = self.slots[at as usize].probe.host as usize;
        let own = self.sources.get(host).is_some_and(|source| *source == Some((to.ip(), to.ip())));
        let answer =
            if reason == Reason::SynAck { ConnectOutcome::Open { reason, own } } else { ConnectOutcome::No(reason) };

        Some(self.end(at, answer))
    }

    fn end(&mut self, at: u32, answer: ConnectOutcome) -> AttemptEnd {
        let slot = &mut self.slots[at as usize];
        slot.waiting = false;
        let AttemptSlot { probe, since, sequence, late, .. } = *slot;
        if let Ok(entry) = self.by_sequence.find_entry(hash(sequence), |&known| known == at) {
            entry.remove();
        }
        self.idle.push(at);
        self.waiting -= 1;
        self.late -= usize::from(late);
        AttemptEnd { probe, answer, since, late }
    }

    /// Repeats a SYN that is due.
    fn repeat(&mut self, at: u32, waited: u64, address: &dyn Fn(Probe) -> SocketAddr) {
        let slot = &mut self.slots[at as usize];
        if REPEATS.get(usize::from(slot.repeats)).is_some_and(|due| waited >= *due) {
            slot.repeats += 1;
            self.repeated += 1;
            let (probe, sequence) = (slot.probe, slot.sequence);
            // A failure is ignored: the first SYN was sent.
            let _ = self.send(address(probe), probe, sequence);
        }
    }
}

impl Prober for HalfOpen {
    fn waiting(&self) -> usize {
        self.waiting
    }

    fn on_time(&self) -> usize {
        self.waiting - self.late
    }

    fn most(&self) -> usize {
        MAX_WAITING
    }

    fn take_repeats(&mut self) -> u32 {
        std::mem::take(&mut self.repeated)
    }

    fn begin(&mut self, to: SocketAddr, probe: Probe, now: u64, _recheck: bool) -> AttemptStart {
        let hash = self.key.hash_one((to, probe.marks));
        let sequence = u32::try_from(hash >> 32).unwrap_or_default();
        match self.send(to, probe, sequence) {
            Ok(()) => {
                self.park(probe, sequence, now);
                AttemptStart::Waiting
            }
            Err(errno @ (Errno::MFILE | Errno::NFILE)) => {
                AttemptStart::Answered { answer: ConnectOutcome::Short(LocalShortage(errno)), rechecked: false }
            }
            Err(errno) => AttemptStart::Answered { answer: refusal(errno), rechecked: false },
        }
    }

    fn wait(&mut self, micros: u64, address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> Result<()> {
        let before = ended.len();
        self.read(address, ended);
        if micros == 0 || ended.len() > before {
            return Ok(());
        }

        let timeout = Timespec {
            tv_sec: i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(micros % 1_000_000 * 1000).unwrap_or_default(),
        };

        let sockets = self.raw.iter().flatten().flat_map(Raw::fds);
        let mut sockets: Vec<PollFd<'_>> = sockets.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut sockets, Some(&timeout)) {
            // A signal is not a packet; the caller polls its own flag.
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }

        drop(sockets);
        self.read(address, ended);
        Ok(())
    }

    fn expire(
        &mut self,
        now: u64,
        patience: &dyn Fn(Probe, u64) -> WaitDecision,
        address: &dyn Fn(Probe) -> SocketAddr,
        ended: &mut Vec<AttemptEnd>,
        late: &mut Vec<Probe>,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            if !self.read(address, ended) {
                break;
            }
        }

        for at in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let AttemptSlot { probe, since, waiting, late: was_late, .. } = self.slots[at as usize];
            if !waiting {
                continue;
            }
            let waited = now.saturating_sub(since);
            match patience(probe, waited) {
                WaitDecision::Expired => ended.push(self.end(at, ConnectOutcome::Silent)),
                still => {
                    if still == WaitDecision::Late && !was_late {
                        self.slots[at as usize].late = true;
                        self.late += 1;
                        late.push(probe);
                    }
                    self.repeat(at, waited, address);
                }
            }
        }

        Ok(())
    }
}

/// Sequence numbers are as good as random; the table uses both ends of a hash.
fn hash(sequence: u32) -> u64 {
    u64::from(sequence) << 32 | u64::from(sequence)
}
