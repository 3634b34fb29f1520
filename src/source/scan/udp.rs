//! UDP ports: a datagram to each, from a socket of its own, which hears the answer or the ICMP message that nobody is there.
//!
//! Linux tells a host of no more than six closed ports at once and then of one a second (`icmp_ratelimit` and the burst of
//! `net/ipv4/icmp.c`), so a closed port may look as silent as one that does not care for us: where as many refusals
//! came, the silent ones are asked again at that pace, as long as that brings any.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::plan::ScanPlan;
use super::run::{FoundPort, ResultSender};
use super::scan_counts::{ScanCounts, StopReason};
use crate::model::{PortState, Reason, Transport};
use crate::probe::payload;

/// Hosts asked at a time.
const HOSTS: usize = 256;
/// Datagrams on their way at a time.
const MAX_BYTES: usize = 512;
/// How long an answer is waited for; the first guess of RFC 6298.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two questions to a host: enough to spare the queue of a small one.
const QUICK: Duration = Duration::from_millis(10);
/// The same where the host limits its refusals.
const SLOW: Duration = Duration::from_millis(1050);
/// Refusals after which Linux limits them.
const BURST: u32 = 6;
/// How often a silent port is asked again, where nobody says it.
const RETRIES: u8 = 2;
/// Between two looks at the flags.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A host whose ports are being asked.
struct UdpHost {
    number: u64,
    queue: VecDeque<u16>,
    silent: Vec<u16>,
    waiting: u32,
    /// Which round of questions this is, from 1.
    round: u8,
    refused: u32,
    refused_this_round: bool,
    next: Instant,
}

/// A question on its way.
struct UdpProbe {
    socket: UdpSocket,
    host: u64,
    port: u16,
    sent: Instant,
}

/// What became of a question at once.
enum SendOutcome {
    Waiting(UdpSocket),
    Ended(Reason),
    Prohibited,
    /// For want of something of ours.
    Short(Errno),
}

pub(super) struct Sweep<'p> {
    plan: &'p ScanPlan,
    wire: ResultSender,
    most: usize,
    hosts: Vec<UdpHost>,
    waiting: Vec<UdpProbe>,
    /// The next host's place in the order.
    place: u64,
    /// When the next question may go out, for `--rate` and after a shortage.
    next: Instant,
    asked: u64,
    tally: ScanCounts,
}

impl<'p> Sweep<'p> {
    pub(super) fn new(plan: &'p ScanPlan, wire: ResultSender, sockets: usize) -> Self {
        let (hosts, waiting, next) = (Vec::new(), Vec::new(), Instant::now());
        let most = sockets.min(MAX_BYTES);
        Self { plan, wire, most, hosts, waiting, place: 0, next, asked: 0, tally: ScanCounts::default() }
    }

    /// Asks everything, or as much as it is given the time for.
    pub(super) fn run(mut self) -> ScanCounts {
        loop {
            self.take_hosts();
            if self.hosts.is_empty() {
                break;
            }
            if self.wire.is_closed() {
                self.tally.cut = Some(StopReason::Stopped);
                break;
            }
            if self.plan.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.tally.cut = Some(StopReason::Deadline);
                break;
            }
            self.ask();
            self.hear();
            self.end_rounds();
            self.wire.progress(&mut self.asked);
        }
        self.wire.progress(&mut self.asked);
        self.tally
    }

    fn take_hosts(&mut self) {
        while self.hosts.len() < HOSTS && self.place < self.plan.hosts {
            let number = self.plan.order.host(self.place);
            self.place += 1;
            if self.plan.is_absent(number) {
                let left = self.plan.left(number);
                self.tally.absent += left;
                self.asked += left;
                continue;
            }
            let ports = (0..self.plan.order.steps()).map(|step| self.plan.order.port(number, step));
            let queue: VecDeque<u16> = ports.filter(|&port| !self.plan.is_done(number, port)).collect();
            let next = Instant::now();
            let host = UdpHost {
                number,
                queue,
                silent: Vec::new(),
                waiting: 0,
                round: 1,
                refused: 0,
                refused_this_round: false,
                next,
            };
            self.hosts.push(host);
        }
        self.hosts.retain(|host| !host.queue.is_empty() || host.waiting > 0 || !host.silent.is_empty());
    }

    /// Sends what may be sent now.
    fn ask(&mut self) {
        for at in 0..self.hosts.len() {
            let now = Instant::now();
            if self.waiting.len() >= self.most || now < self.next {
                return;
            }
            let host = &mut self.hosts[at];
            if now < host.next {
                continue;
            }
            let Some(port) = host.queue.pop_front() else { continue };
            host.next = now + if host.round > 1 && host.refused >= BURST { SLOW } else { QUICK };
            host.waiting += 1;
            let number = host.number;
            if let Some(interval) = self.plan.pace.interval {
                self.next = now + Duration::from_secs_f64(interval / 1e6);
            }
            match send(self.plan.address(number, port), payload(port).unwrap_or_default()) {
                SendOutcome::Waiting(socket) => self.waiting.push(UdpProbe { socket, host: number, port, sent: now }),
                SendOutcome::Ended(reason) => self.tell(number, port, reason, None),
                SendOutcome::Prohibited => {
                    self.tally.prohibited += 1;
                    self.leave(number);
                }
                SendOutcome::Short(errno) if self.waiting.is_empty() => {
                    self.tally.short += 1;
                    self.tally.shortage = Some(errno);
                    self.leave(number);
                }
                // There is more when others have ended.
                SendOutcome::Short(_) => {
                    self.next = now + POLL_INTERVAL;
                    let host = &mut self.hosts[at];
                    host.waiting -= 1;
                    host.queue.push_front(port);
                }
            }
        }
    }

    /// Takes what has come, and what has waited long enough.
    fn hear(&mut self) {
        let mut sockets: Vec<PollFd<'_>> =
            self.waiting.iter().map(|question| PollFd::new(&question.socket, PollFlags::IN)).collect();
        let look = Timespec { tv_sec: 0, tv_nsec: i64::from(POLL_INTERVAL.subsec_nanos()) };
        // A signal is no answer; what the kernel cannot poll is asked once more by the next look.
        let _ = poll(&mut sockets, Some(&look));
        let heard: Vec<bool> = sockets.iter().map(|socket| !socket.revents().is_empty()).collect();
        drop(sockets);
        let patience = FIRST_TIMEOUT.min(Duration::from_micros(self.plan.pace.max_timeout));
        let (now, questions) = (Instant::now(), std::mem::take(&mut self.waiting));
        for (question, heard) in questions.into_iter().zip(heard) {
            let UdpProbe { host, port, sent, ref socket } = question;
            let rtt = now.saturating_duration_since(sent);
            match heard.then(|| answer(socket)).flatten() {
                Some(reason) => self.tell(host, port, reason, Some(rtt)),
                None if rtt >= patience => {
                    if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
                        host.waiting -= 1;
                        host.silent.push(port);
                    }
                }
                None => self.waiting.push(question),
            }
        }
    }

    /// Asks silent ports again, or gives them up, where all of a host have been asked.
    fn end_rounds(&mut self) {
        let retries = self.plan.pace.retries.unwrap_or(RETRIES);
        let mut given_up = Vec::new();
        for host in self.hosts.iter_mut().filter(|host| host.queue.is_empty() && host.waiting == 0) {
            let limited = host.refused >= BURST && host.refused_this_round && retries > 0;
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

    fn tell(&mut self, host: u64, port: u16, reason: Reason, rtt: Option<Duration>) {
        let mut round = 1;
        if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
            host.waiting -= 1;
            round = host.round;
            if reason == Reason::PortUnreachable {
                host.refused += 1;
                host.refused_this_round = true;
            }
        }
        self.count(host, port, reason, rtt, round);
    }

    fn count(&mut self, host: u64, port: u16, reason: Reason, rtt: Option<Duration>, attempts: u8) {
        let state = reason.state();
        self.tally.count(state);
        self.asked += 1;
        if state == PortState::Open || self.plan.all {
            let address = self.plan.address(host, port);
            let rtt_us = rtt.map(super::pace::micros);
            self.wire.send(FoundPort { address, transport: Transport::Udp, reason, rtt_us, attempts });
        }
        self.plan.note(host, port, state);
    }

    /// Ends a port of which nothing can be known.
    fn leave(&mut self, host: u64) {
        self.asked += 1;
        if let Some(host) = self.hosts.iter_mut().find(|known| known.number == host) {
            host.waiting -= 1;
        }
    }
}

fn send(to: SocketAddr, payload: &[u8]) -> SendOutcome {
    let socket = match open(to) {
        Ok(socket) => socket,
        Err(error) => return SendOutcome::Short(errno(&error)),
    };
    // Only from a connected socket does the kernel tell of refusals.
    let sent = socket.set_nonblocking(true).and_then(|()| socket.connect(to)).and_then(|()| socket.send(payload));
    match sent {
        Ok(_) => SendOutcome::Waiting(socket),
        Err(error) => match errno(&error) {
            Errno::ACCESS | Errno::PERM => SendOutcome::Prohibited,
            Errno::NETUNREACH | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT => SendOutcome::Ended(Reason::NoRoute),
            other => told(other).map_or(SendOutcome::Short(other), SendOutcome::Ended),
        },
    }
}

/// A socket at another port than the one to be asked: there it would hear itself.
fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let first = UdpSocket::bind((any, 0))?;
    if first.local_addr()?.port() == to.port() {
        // As long as the first one has that port, the next one gets another.
        return UdpSocket::bind((any, 0));
    }
    Ok(first)
}

/// What has come to a socket.
fn answer(socket: &UdpSocket) -> Option<Reason> {
    // That there is an answer is enough; a longer one is cut off.
    match socket.recv(&mut [0; 64]) {
        Ok(_) => Some(Reason::Response),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => told(errno(&error)),
    }
}

/// What an ICMP message said.
fn told(errno: Errno) -> Option<Reason> {
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
