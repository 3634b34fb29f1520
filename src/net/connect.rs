//! Thousands of concurrent connection attempts, without a task, a buffer or a new socket for each.
//!
//! A Linux stream socket that was refused can connect again, and one that connected or got no reply can be dissolved
//! by connecting it to `AF_UNSPEC`. So a closed port costs only its `connect`, an open one leaves no TIME_WAIT, and a
//! socket is registered with epoll only once. If the result is available at once (loopback, a fast link), a second
//! `connect` fetches it without waiting.

mod slots;

use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, Result};
use rustix::net::{SocketAddrAny, connect, getpeername, getsockname, sockopt};

use super::ProbeSender;
use super::outcome::{ConnectOutcome, LocalShortage, refusal, refusal_from_afar, without_socket};
use super::prober::{AttemptEnd, AttemptStart, Probe, Prober, WaitDecision};
use crate::model::Reason;

/// A socket and its attempt: 32 bytes.
struct ProbeSlot {
    fd: OwnedFd,
    probe: Probe,
    since: u64,
    v6: bool,
    registered: bool,
    waiting: bool,
    late: bool,
}

/// The sockets of one thread.
pub(crate) struct Connector {
    epoll: OwnedFd,
    slots: Vec<ProbeSlot>,
    /// Idle sockets by family: IPv4, IPv6.
    idle: [Vec<u32>; 2],
    waiting: usize,
    /// Waiting attempts that are late.
    late: usize,
    most: usize,
    sender: ProbeSender,
}

/// Events read from the kernel at once.
const EVENTS: usize = 512;

impl Connector {
    /// A connector with at most `most` sockets.
    ///
    /// # Errors
    /// If the kernel creates no epoll descriptor.
    pub(crate) fn new(most: usize, sender: ProbeSender) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, slots: Vec::new(), idle: Default::default(), waiting: 0, late: 0, most, sender })
    }

    /// [`wait`](Prober::wait), returning the number of events.
    fn wait_once(
        &mut self,
        micros: u64,
        address: &dyn Fn(Probe) -> SocketAddr,
        ended: &mut Vec<AttemptEnd>,
    ) -> Result<usize> {
        let timeout = Timespec {
            tv_sec: i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(micros % 1_000_000 * 1000).unwrap_or_default(),
        };

        let mut buffer = [const { MaybeUninit::uninit() }; EVENTS];
        let events = match epoll::wait(&self.epoll, &mut buffer, Some(&timeout)) {
            Ok((events, _)) => events,
            // A signal is not an event; the caller polls its own flag.
            Err(Errno::INTR) => return Ok(0),
            Err(errno) => return Err(errno),
        };

        for event in &*events {
            let slot = u32::try_from(event.data.u64()).unwrap_or(u32::MAX);
            if self.slots.get(slot as usize).is_some_and(|slot| slot.waiting) {
                ended.extend(self.check(slot, address));
            }
        }
        Ok(events.len())
    }

    /// The result of an ICMP message that arrived while the socket was in the middle of its `connect`, as happens on
    /// a fast link (the kernel then only records it and keeps trying), or of one that arrived just now.
    fn pending_error(&self, slot: u32) -> ConnectOutcome {
        match sockopt::socket_error(&self.slots[slot as usize].fd) {
            Ok(Err(errno)) => match refusal_from_afar(errno) {
                ConnectOutcome::No(reason) => ConnectOutcome::No(reason),
                _ => ConnectOutcome::Silent,
            },
            _ => ConnectOutcome::Silent,
        }
    }

    /// Fetches the result of an attempt, if there is one.
    fn check(&mut self, slot: u32, address: &dyn Fn(Probe) -> SocketAddr) -> Option<AttemptEnd> {
        let ProbeSlot { ref fd, probe, .. } = self.slots[slot as usize];
        let verdict = connect(fd, &address(probe));
        if in_progress(verdict) {
            return None;
        }

        let answer = self.outcome(slot, verdict, true);
        Some(self.end(slot, answer))
    }

    /// Ends a waiting attempt.
    fn end(&mut self, slot: u32, answer: ConnectOutcome) -> AttemptEnd {
        let ProbeSlot { probe, since, late, .. } = self.slots[slot as usize];
        self.release(slot, answer);
        self.waiting -= 1;
        self.late -= usize::from(late);
        AttemptEnd { probe, answer, since, late }
    }

    fn park(&mut self, slot: u32, probe: Probe, now: u64) -> AttemptStart {
        let parked = &mut self.slots[slot as usize];
        if !parked.registered {
            let flags = epoll::EventFlags::OUT | epoll::EventFlags::ET;
            let data = epoll::EventData::new_u64(slot.into());
            if let Err(errno) = epoll::add(&self.epoll, &parked.fd, data, flags) {
                let answer = ConnectOutcome::Short(LocalShortage(errno));
                self.release(slot, ConnectOutcome::Silent);
                return AttemptStart::Answered { answer, rechecked: false };
            }
            parked.registered = true;
        }

        (parked.probe, parked.since, parked.waiting, parked.late) = (probe, now, true, false);
        self.waiting += 1;
        AttemptStart::Waiting
    }

    /// The meaning of `connect`'s result.
    fn outcome(&self, slot: u32, verdict: Result<()>, from_afar: bool) -> ConnectOutcome {
        match verdict {
            Ok(()) | Err(Errno::ISCONN) => match ends(&self.slots[slot as usize].fd) {
                Some((own, peer)) if own == peer => ConnectOutcome::Itself,
                Some((own, peer)) => ConnectOutcome::Open { reason: Reason::SynAck, own: own.ip() == peer.ip() },
                // The peer closed before this check.
                None => ConnectOutcome::Open { reason: Reason::SynAckReset, own: true },
            },
            // A connection that is being made is refused, not reset: this one had been made.
            Err(Errno::CONNRESET | Errno::PIPE) => ConnectOutcome::Open { reason: Reason::SynAckReset, own: true },
            Err(errno) if from_afar => refusal_from_afar(errno),
            Err(errno) => refusal(errno),
        }
    }
}

impl Prober for Connector {
    fn waiting(&self) -> usize {
        self.waiting
    }

    fn on_time(&self) -> usize {
        self.waiting - self.late
    }

    fn most(&self) -> usize {
        self.most
    }

    fn make_do(&mut self) {
        self.most = self.slots.len().max(1);
    }

    fn begin(&mut self, to: SocketAddr, probe: Probe, now: u64, recheck: bool) -> AttemptStart {
        let slot = match self.take(to.is_ipv6()) {
            Ok(slot) => slot,
            Err(errno) => return AttemptStart::Answered { answer: without_socket(errno), rechecked: false },
        };

        let fd = &self.slots[slot as usize].fd;
        let mut verdict = connect(fd, &to);
        let rechecked = recheck && in_progress(verdict);
        if rechecked {
            verdict = connect(fd, &to);
        }

        if in_progress(verdict) {
            return self.park(slot, probe, now);
        }

        let answer = self.outcome(slot, verdict, rechecked);
        self.release(slot, answer);
        AttemptStart::Answered { answer, rechecked }
    }

    fn wait(&mut self, micros: u64, address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> Result<()> {
        self.wait_once(micros, address, ended).map(drop)
    }

    fn expire(
        &mut self,
        now: u64,
        patience: &dyn Fn(Probe, u64) -> WaitDecision,
        address: &dyn Fn(Probe) -> SocketAddr,
        ended: &mut Vec<AttemptEnd>,
        late: &mut Vec<Probe>,
    ) -> Result<()> {
        while self.wait_once(0, address, ended)? == EVENTS {}
        for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let ProbeSlot { probe, since, waiting, late: was_late, .. } = self.slots[slot as usize];
            match if waiting { patience(probe, now.saturating_sub(since)) } else { WaitDecision::Waits } {
                WaitDecision::Expired => {
                    let answer = self.pending_error(slot);
                    ended.push(self.end(slot, answer));
                }
                WaitDecision::Late if !was_late => {
                    self.slots[slot as usize].late = true;
                    self.late += 1;
                    late.push(probe);
                }
                WaitDecision::Late | WaitDecision::Waits => {}
            }
        }

        Ok(())
    }
}

fn in_progress(verdict: Result<()>) -> bool {
    matches!(verdict, Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR))
}

/// The addresses of both ends of a connection.
fn ends(fd: &OwnedFd) -> Option<(SocketAddr, SocketAddr)> {
    let (own, peer) = (socket_address(getsockname(fd).ok()?)?, socket_address(getpeername(fd).ok()??)?);
    Some((own, peer))
}

fn socket_address(any: SocketAddrAny) -> Option<SocketAddr> {
    let address = SocketAddr::try_from(any).ok()?;
    Some(SocketAddr::new(IpAddr::to_canonical(&address.ip()), address.port()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const PROBE: Probe = Probe { host: 0, port: 0, attempt: 1, marks: 0 };

    fn ask(connector: &mut Connector, to: SocketAddr) -> ConnectOutcome {
        match connector.begin(to, PROBE, 0, true) {
            AttemptStart::Answered { answer, .. } => answer,
            AttemptStart::Waiting => {
                let mut ended = Vec::new();
                while ended.is_empty() {
                    connector.wait(1_000_000, &|_| to, &mut ended).unwrap();
                }
                ended[0].answer
            }
        }
    }

    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<ProbeSlot>() <= 32, "{}", size_of::<ProbeSlot>());
    }

    #[test]
    fn one_socket_does_for_open_and_closed_ports_in_turn() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = server.local_addr().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = gone.local_addr().unwrap();
        drop(gone);
        let mut connector = Connector::new(1, ProbeSender::default()).unwrap();
        for _ in 0..20 {
            assert_eq!(ask(&mut connector, open), ConnectOutcome::Open { reason: Reason::SynAck, own: true });
            assert_eq!(ask(&mut connector, closed), ConnectOutcome::No(Reason::Refused));
        }
        assert_eq!((connector.slots.len(), connector.waiting()), (1, 0));
    }

    #[test]
    fn one_socket_changes_its_family_where_there_is_no_other() {
        let (four, six) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").unwrap());
        let mut connector = Connector::new(1, ProbeSender::default()).unwrap();
        for _ in 0..3 {
            for server in [&four, &six] {
                assert!(matches!(ask(&mut connector, server.local_addr().unwrap()), ConnectOutcome::Open { .. }));
            }
        }
        assert_eq!(connector.slots.len(), 1);
    }

    #[test]
    fn a_full_accept_queue_is_silence_and_its_socket_is_used_again() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(0).unwrap();
        let full = socket.local_addr().unwrap().as_socket().unwrap();
        let _queued = std::net::TcpStream::connect(full).unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connector = Connector::new(1, ProbeSender::default()).unwrap();
        assert!(matches!(connector.begin(full, PROBE, 7, true), AttemptStart::Waiting));
        assert!(
            matches!(connector.begin(full, PROBE, 7, true), AttemptStart::Answered { answer: ConnectOutcome::Short(short), .. } if short.is_of_descriptors())
        );
        let mut ended = Vec::new();
        let mut late = Vec::new();

        for (decision, expected) in
            [(WaitDecision::Waits, 0), (WaitDecision::Late, 0), (WaitDecision::Late, 0), (WaitDecision::Expired, 1)]
        {
            let expired = connector.expire(
                8,
                &|_, waited| if waited == 1 { decision } else { WaitDecision::Expired },
                &|_| full,
                &mut ended,
                &mut late,
            );
            expired.unwrap();
            assert_eq!(ended.len(), expected);
        }

        assert_eq!((late, ended[0].late, connector.on_time()), (vec![PROBE], true, 0));
        assert_eq!((ended.len(), ended[0].answer, connector.waiting()), (1, ConnectOutcome::Silent, 0));
        assert!(matches!(ask(&mut connector, other.local_addr().unwrap()), ConnectOutcome::Open { .. }));
    }

    #[test]
    fn a_reset_after_the_connection_was_made_is_open() {
        let connector = Connector::new(1, ProbeSender::default()).unwrap();
        let reset = ConnectOutcome::Open { reason: Reason::SynAckReset, own: true };
        assert_eq!(connector.outcome(0, Err(Errno::CONNRESET), false), reset);
    }
}
