//! Scans UDP ports: sends a datagram to each from its own socket, which receives the reply or the ICMP message that the
//! port is closed.
//!
//! A Linux host reports at most six closed ports at once and then one per second (`icmp_ratelimit` and the burst of
//! `net/ipv4/icmp.c`), and every other message to this machine counts as well, so a closed port may look as silent as one
//! that ignores the probe: on a host that refuses any port, silent ports are retried at that pace, until several retries in a
//! row find no more.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use super::plan::ScanPlan;
use super::results::{FoundPort, ResultSender};
use super::scan_counts::{ScanCounts, StopReason};
use crate::model::{Reason, Transport};
use crate::net::{ProbeSender, ReplyPorts};
use crate::probe::{payload, replies_from_another_port};

/// Hosts scanned at a time.
const HOSTS: usize = 256;
/// Probes in flight.
const MAX_IN_FLIGHT: usize = 512;
/// The timeout of a reply; the initial value of RFC 6298.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// The interval between two probes to a host: enough to spare the queue of a small one.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);
/// The same where the host limits its refusals.
const LIMITED_PROBE_INTERVAL: Duration = Duration::from_millis(1050);
/// Refusals after which Linux limits them.
const BURST: u32 = 6;
/// The default number of retries of a silent port.
const RETRIES: u8 = 2;
/// Retries at the pace of a limit without any refusal after which the other ports are silent of their own accord: where
/// other traffic takes half of the messages that the host may send, one closed port in 64 stays silent as long.
const MAX_SILENCES: u32 = 6;
/// How soon a cancellation or a deadline takes effect.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A host in progress.
struct UdpHost {
    number: u64,
    queue: VecDeque<u16>,
    silent: Vec<u16>,
    waiting: u32,
    /// The round of probes, from 1.
    round: u8,
    refused: u32,
    refused_this_round: bool,
    /// Retries at the pace of a limit since the last refusal.
    silences: u32,
    next: Instant,
}

impl UdpHost {
    /// Whether its silent ports are retried at the pace of a limit.
    fn is_limited(&self, retries: u8) -> bool {
        self.refused > 0 && self.round > 1 && (self.refused >= BURST || self.round > retries.saturating_add(1))
    }
}

/// A probe in flight.
struct UdpProbe {
    socket: ProbeSocket,
    host: u64,
    port: u16,
    sent: Instant,
}

/// Where the reply to a probe comes in.
enum ProbeSocket {
    Connected(UdpSocket),
    /// From any port of the host.
    Pair(ReplyPorts),
}

impl ProbeSocket {
    fn connected(&self) -> &UdpSocket {
        match self {
            Self::Connected(socket) => socket,
            Self::Pair(pair) => pair.connected(),
        }
    }

    /// The reply, if any.
    fn reply(&self) -> Option<Reason> {
        let other = match self {
            Self::Connected(_) => None,
            Self::Pair(pair) => pair.receive(&mut [0; 64]).ok().map(|_| Reason::Response),
        };
        other.or_else(|| reply(self.connected()))
    }
}

/// The immediate result of a probe.
enum SendOutcome {
    Sent(ProbeSocket),
    Done(Reason),
    Prohibited,
    /// A local resource is missing.
    Short(Errno),
}

pub(super) struct Sweep<'p> {
    plan: &'p ScanPlan,
    results: ResultSender,
    max_in_flight: usize,
    hosts: Vec<UdpHost>,
    waiting: Vec<UdpProbe>,
    /// The next host's index in the order.
    index: u64,
    /// When the next probe may go out, for `--rate` and after a shortage.
    next: Instant,
    finished: u64,
    tally: ScanCounts,
}

impl<'p> Sweep<'p> {
    pub(super) fn new(plan: &'p ScanPlan, results: ResultSender, sockets: usize) -> Self {
        Self {
            plan,
            results,
            max_in_flight: sockets.min(MAX_IN_FLIGHT),
            hosts: Vec::new(),
            waiting: Vec::new(),
            index: 0,
            next: Instant::now(),
            finished: 0,
            tally: ScanCounts::default(),
        }
    }

    /// Scans all ports, unless the scan is cancelled or reaches its deadline.
    pub(super) fn run(mut self) -> ScanCounts {
        loop {
            self.take_hosts();
            if self.hosts.is_empty() {
                break;
            }
            if self.results.is_closed() {
                self.tally.stop = Some(StopReason::Stopped);
                break;
            }
            if self.plan.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.tally.stop = Some(StopReason::Deadline);
                break;
            }

            self.send_probes();
            self.receive();
            self.end_rounds();
            self.results.progress(&mut self.finished);
        }

        self.results.progress(&mut self.finished);
        self.tally
    }

    fn take_hosts(&mut self) {
        while self.hosts.len() < HOSTS && self.index < self.plan.hosts {
            let number = self.plan.order.host(self.index);
            self.index += 1;
            if self.plan.is_absent(number) {
                let left = self.plan.left(number);
                self.tally.absent += left;
                self.finished += left;
                continue;
            }

            let ports = (0..self.plan.order.steps()).map(|step| self.plan.order.port(number, step));
            let queue: VecDeque<u16> = ports.filter(|&port| !self.plan.is_done(number, port)).collect();
            self.hosts.push(UdpHost {
                number,
                queue,
                silent: Vec::new(),
                waiting: 0,
                round: 1,
                refused: 0,
                refused_this_round: false,
                silences: 0,
                next: Instant::now(),
            });
        }

        self.hosts.retain(|host| !host.queue.is_empty() || host.waiting > 0 || !host.silent.is_empty());
    }

    /// Sends the probes that are due.
    fn send_probes(&mut self) {
        for at in 0..self.hosts.len() {
            let now = Instant::now();
            if self.waiting.len() >= self.max_in_flight || now < self.next {
                return;
            }

            let host = &mut self.hosts[at];
            if now < host.next {
                continue;
            }
            let Some(port) = host.queue.pop_front() else { continue };

            let is_limited = host.is_limited(self.plan.pace.retries.unwrap_or(RETRIES));
            host.next = now + if is_limited { LIMITED_PROBE_INTERVAL } else { PROBE_INTERVAL };
            host.waiting += 1;
            let number = host.number;
            if let Some(interval) = self.plan.pace.interval {
                self.next = now + Duration::from_secs_f64(interval / 1e6);
            }

            match send(self.plan.sender, self.plan.address(number, port), payload(port).unwrap_or_default()) {
                SendOutcome::Sent(socket) => self.waiting.push(UdpProbe { socket, host: number, port, sent: now }),
                SendOutcome::Done(reason) => self.finish(number, port, reason, None),
                SendOutcome::Prohibited => {
                    self.tally.prohibited += 1;
                    self.abandon(number);
                }
                SendOutcome::Short(errno) if self.waiting.is_empty() => {
                    self.tally.short += 1;
                    self.tally.shortage = Some(errno);
                    self.abandon(number);
                }
                // The resource returns when other probes finish.
                SendOutcome::Short(_) => {
                    self.next = now + POLL_INTERVAL;
                    let host = &mut self.hosts[at];
                    host.waiting -= 1;
                    host.queue.push_front(port);
                }
            }
        }
    }

    /// Receives replies, and expires probes.
    fn receive(&mut self) {
        let mut sockets: Vec<PollFd<'_>> =
            self.waiting.iter().map(|probe| PollFd::new(probe.socket.connected(), PollFlags::IN)).collect();
        let pairs = self.waiting.iter().filter_map(|probe| match &probe.socket {
            ProbeSocket::Connected(_) => None,
            ProbeSocket::Pair(pair) => Some(PollFd::new(pair.any(), PollFlags::IN)),
        });
        sockets.extend(pairs);
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(POLL_INTERVAL.subsec_nanos()) };
        // A signal is not a reply; the next call retries a failed poll.
        let _ = poll(&mut sockets, Some(&timeout));
        // Pairs are few: each is looked at whatever came in.
        let readable: Vec<bool> = self
            .waiting
            .iter()
            .zip(&sockets)
            .map(|(probe, socket)| !socket.revents().is_empty() || matches!(probe.socket, ProbeSocket::Pair(_)))
            .collect();
        drop(sockets);

        let retries = self.plan.pace.retries.unwrap_or(RETRIES);
        let timeout = FIRST_TIMEOUT.min(Duration::from_micros(self.plan.pace.max_timeout));
        let (now, probes) = (Instant::now(), std::mem::take(&mut self.waiting));
        for (probe, readable) in probes.into_iter().zip(readable) {
            let UdpProbe { host, port, sent, ref socket } = probe;
            let rtt = now.saturating_duration_since(sent);
            match readable.then(|| socket.reply()).flatten() {
                Some(reason) => self.finish(host, port, reason, Some(rtt)),
                None if rtt >= timeout => {
                    if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
                        host.waiting -= 1;
                        host.silences += u32::from(host.is_limited(retries));
                        host.silent.push(port);
                    }
                }
                None => self.waiting.push(probe),
            }
        }
    }

    /// Retries silent ports, or gives up on them, once all ports of a host have been probed.
    fn end_rounds(&mut self) {
        let retries = self.plan.pace.retries.unwrap_or(RETRIES);
        let mut given_up = Vec::new();
        for host in self.hosts.iter_mut().filter(|host| host.queue.is_empty() && host.waiting == 0) {
            let finds_more = host.refused_this_round && host.refused >= BURST;
            let may_find_more = host.refused > 0 && host.silences < MAX_SILENCES && self.plan.pace.retries.is_none();
            let limited = retries > 0 && (finds_more || may_find_more);
            if host.round <= retries || limited {
                host.queue.extend(host.silent.drain(..));
                host.round = host.round.saturating_add(1);
                host.refused_this_round = false;
            } else {
                given_up.extend(host.silent.drain(..).map(|port| (host.number, port, host.round)));
            }
        }

        for (host, port, rounds) in given_up {
            self.count(host, port, Reason::NoAnswer, None, rounds);
        }
    }

    /// Ends a probe with a result.
    fn finish(&mut self, host: u64, port: u16, reason: Reason, rtt: Option<Duration>) {
        let mut round = 1;
        if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
            host.waiting -= 1;
            round = host.round;
            if reason == Reason::PortUnreachable {
                host.refused += 1;
                host.refused_this_round = true;
                host.silences = 0;
            }
        }

        self.count(host, port, reason, rtt, round);
    }

    fn count(&mut self, host: u64, port: u16, reason: Reason, rtt: Option<Duration>, attempts: u8) {
        let state = reason.state();
        self.tally.count(state);
        self.finished += 1;
        if let Some(address) = self.plan.reported(state, || self.plan.address(host, port)) {
            let rtt_us = rtt.map(super::pace::micros);
            self.results.send(FoundPort { address, transport: Transport::Udp, reason, rtt_us, attempts });
        }
        self.plan.note(host, port, state);
    }

    /// Ends a port whose state stays unknown.
    fn abandon(&mut self, host: u64) {
        self.finished += 1;
        if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
            host.waiting -= 1;
        }
    }
}

fn send(sender: ProbeSender, to: SocketAddr, payload: &[u8]) -> SendOutcome {
    let opened = if replies_from_another_port(to.port()) { open_pair(sender, to) } else { open_one(sender, to) };
    let socket = match opened {
        Ok(socket) => socket,
        Err(error) => return SendOutcome::Short(errno(&error)),
    };

    // The kernel reports refusals only to a connected socket.
    let sent = socket.connected().connect(to).and_then(|()| socket.connected().send(payload));
    match sent {
        Ok(_) => SendOutcome::Sent(socket),
        Err(error) => match errno(&error) {
            Errno::ACCESS | Errno::PERM => SendOutcome::Prohibited,
            Errno::NETUNREACH | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT => SendOutcome::Done(Reason::NoRoute),
            other => icmp_reason(other).map_or(SendOutcome::Short(other), SendOutcome::Done),
        },
    }
}

fn open_one(sender: ProbeSender, to: SocketAddr) -> io::Result<ProbeSocket> {
    let socket = open(sender, to)?;
    socket.set_nonblocking(true)?;
    Ok(ProbeSocket::Connected(socket))
}

fn open_pair(sender: ProbeSender, to: SocketAddr) -> io::Result<ProbeSocket> {
    let any: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let local = sender.local(to.is_ipv6()).unwrap_or(SocketAddr::new(any, 0));
    Ok(ProbeSocket::Pair(ReplyPorts::bind(local, to.ip(), None)?))
}

/// A socket with another port number than the probed one: otherwise it would receive its own datagram.
fn open(sender: ProbeSender, to: SocketAddr) -> io::Result<UdpSocket> {
    if sender.port.is_some() {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM.cloexec(), None)?;
        sender.bind(&socket, to.is_ipv6())?;
        return Ok(socket.into());
    }

    let any: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let any = sender.local(to.is_ipv6()).map_or(any, |local| local.ip());
    let first = UdpSocket::bind((any, 0))?;
    if first.local_addr()?.port() == to.port() {
        // While `first` holds that port, the next socket gets another.
        return UdpSocket::bind((any, 0));
    }
    Ok(first)
}

/// The reply on a socket, if any.
fn reply(socket: &UdpSocket) -> Option<Reason> {
    // Any reply is enough; a longer one is truncated.
    match socket.recv(&mut [0; 64]) {
        Ok(_) => Some(Reason::Response),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => icmp_reason(errno(&error)),
    }
}

/// The meaning of an ICMP message.
fn icmp_reason(errno: Errno) -> Option<Reason> {
    match errno {
        Errno::CONNREFUSED => Some(Reason::PortUnreachable),
        Errno::HOSTUNREACH | Errno::HOSTDOWN | Errno::NOPROTOOPT | Errno::ACCESS => Some(Reason::HostUnreachable),
        Errno::NETUNREACH => Some(Reason::NetUnreachable),
        _ => None,
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
