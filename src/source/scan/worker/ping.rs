//! Host discovery, before the ports of a host are scanned: a few connections, ICMP echo where permitted, and the kernel's
//! neighbour table. Most addresses of a network have no host, and every port there takes a timeout.

use std::net::SocketAddr;

use super::{NeighbourCache, Neighbours, PendingEcho, Worker, address};
use crate::model::{PortState, Reason, Transport};
use crate::net::{ConnectOutcome, LocalShortage, Probe, neighbours};
use crate::source::scan::host::HostState;
use crate::source::scan::results::FoundPort;

/// HTTPS, HTTP, SSH and SMB: the firewalls of most hosts let them through. A refusal is a reply too.
pub(in crate::source::scan) const PING_PORTS: [u16; 4] = [443, 80, 22, 445];
/// Attempts per port.
const ATTEMPTS: u8 = 2;
/// Each probe to this port comes with an ICMP echo.
const ECHO_PORT: u16 = PING_PORTS[0];
/// How long the neighbour table is cached, in microseconds.
const MAX_CACHE_AGE: u64 = 50_000;

impl Worker<'_> {
    /// The next host discovery probe: one of each host in turn.
    pub(super) fn next_ping(&mut self) -> Option<Probe> {
        while self.pings_are_left() {
            let (round, at) = (self.pings / self.hosts.len(), self.pings % self.hosts.len());
            self.pings += 1;
            if self.hosts[at].presence == HostState::Unknown {
                let host = u32::try_from(at).unwrap_or(u32::MAX);
                let port = self.plan.ping_ports.get(round).copied().unwrap_or(ECHO_PORT);
                return Some(Probe { host, port, attempt: 1, marks: super::PING });
            }
        }
        None
    }

    pub(super) fn pings_are_left(&self) -> bool {
        self.plan.ping && self.pings < self.hosts.len() * self.plan.ping_ports.len()
    }

    pub(super) fn record_ping(&mut self, probe: Probe, answer: ConnectOutcome, since: u64) {
        match answer {
            ConnectOutcome::Open { reason, .. } | ConnectOutcome::No(reason @ Reason::Refused) => {
                let rtt = self.now().saturating_sub(since);
                self.record_reply(probe, rtt);
                self.mark_present(probe.host, reason, Some(rtt));
            }
            ConnectOutcome::Prohibited => self.assume_present(probe.host, None),
            ConnectOutcome::Itself => self.defer(probe, None),
            ConnectOutcome::Short(shortage) => self.defer(probe, Some(shortage)),
            ConnectOutcome::Silent if probe.attempt < ATTEMPTS => {
                self.retries.push_back(Probe { attempt: probe.attempt + 1, marks: super::PING, ..probe });
            }
            // The echo had as much time.
            ConnectOutcome::Silent => self.miss(probe.host, false),
            ConnectOutcome::No(_) => self.miss(probe.host, true),
        }
    }

    /// Marks a host as present, and lists it or starts its ports.
    pub(super) fn mark_present(&mut self, at: u32, reason: Reason, rtt_us: Option<u64>) {
        let is_new = self.hosts[at as usize].presence == HostState::Unknown;
        self.start_ports(at);

        if is_new && self.plan.lists_hosts {
            let address = self.plan.address(self.hosts[at as usize].number, 0);
            self.tally.count(PortState::Up);
            self.finished += 1;
            self.results.send(FoundPort { address, transport: Transport::Ip, reason, rtt_us, attempts: 1 });
        }
    }

    /// Takes a host as present because this machine could not look for it: its ports will tell. Where only hosts are
    /// listed, nothing is known about it.
    pub(super) fn assume_present(&mut self, at: u32, shortage: Option<LocalShortage>) {
        let is_new = self.hosts[at as usize].presence == HostState::Unknown;
        self.start_ports(at);

        if is_new && self.plan.lists_hosts {
            self.finished += 1;
            match shortage {
                None => self.tally.prohibited += 1,
                Some(shortage) => {
                    self.tally.short += 1;
                    self.tally.shortage = self.tally.shortage.or(Some(shortage.0));
                }
            }
        }
    }

    fn start_ports(&mut self, at: u32) {
        let host = &mut self.hosts[at as usize];
        if host.presence == HostState::Unknown {
            host.presence = HostState::Present;
            // A plan without ports only runs host discovery.
            if host.next < self.plan.order.steps() {
                host.queued = true;
                self.ready.push_back(at);
            }
        }
    }

    /// Sends an ICMP echo beside the probe to the first port.
    pub(super) fn send_echo(&mut self, probe: Probe, to: SocketAddr) {
        let now = self.now();
        if let Some(echo) = self.echo.as_ref().filter(|_| probe.port == ECHO_PORT) {
            echo.send(probe.host, to);
            self.echoes[probe.host as usize] = (now, probe.attempt);
            self.charge(now, 1);
        }
    }

    /// Receives echo replies.
    pub(super) fn receive_echoes(&mut self) {
        let Some(echo) = &self.echo else { return };
        let (plan, hosts) = (self.plan, &self.hosts);
        let replies = echo.replies(&|at| hosts.get(at as usize).map(|host| plan.address(host.number, 0).ip()));
        for at in replies {
            self.mark_present(at, Reason::EchoReply, None);
        }
    }

    /// Counts an unanswered probe; `early`: it was refused before an echo could time out. After the last probe the host is
    /// present only if the kernel knows its link address, or if a pending echo gets a reply.
    fn miss(&mut self, at: u32, early: bool) {
        let host = &mut self.hosts[at as usize];
        host.missed += 1;
        if usize::from(host.missed) < self.plan.ping_ports.len() || host.presence != HostState::Unknown {
            return;
        }

        let number = host.number;
        let ip = self.plan.address(number, 0).ip();

        if self.neighbours().contains_key(&ip) {
            self.mark_present(at, Reason::NeighborReply, None);
        } else if early && self.echo.is_some() {
            self.await_echo(at);
        } else {
            self.mark_absent(at);
        }
    }

    /// Waits for the reply to the last echo, from the time it was sent.
    fn await_echo(&mut self, host: u32) {
        let (sent, attempt) = self.echoes[host as usize];
        self.pending_echoes.push_back(PendingEcho { host, until: sent + self.ping_pace.first_timeout, attempt });
    }

    /// Expires pending echoes: each is sent as often as a probe to a port.
    pub(super) fn expire_echoes(&mut self, now: u64) {
        while let Some(PendingEcho { host, attempt, .. }) = self.pending_echoes.pop_front_if(|echo| echo.until <= now) {
            if self.hosts[host as usize].presence != HostState::Unknown {
                continue;
            }

            if attempt < ATTEMPTS {
                let probe = Probe { host, port: ECHO_PORT, attempt: attempt + 1, marks: super::PING };
                self.send_echo(probe, address(self.plan, &self.hosts, probe));
                self.await_echo(host);
            } else {
                self.mark_absent(host);
            }
        }
    }

    /// Marks a host as absent and skips its ports.
    fn mark_absent(&mut self, at: u32) {
        let host = &mut self.hosts[at as usize];
        host.presence = HostState::Absent;
        self.unfinished -= usize::from(host.next < self.plan.order.steps());
        let number = host.number;

        if let Some(absent) = &self.plan.absent {
            absent.set(number);
        }

        let left = self.plan.left(number);
        self.tally.absent += left;
        self.tally.absent_hosts += 1;
        self.finished += left;
    }

    /// The kernel's neighbours; empty if the kernel does not list them.
    fn neighbours(&mut self) -> &Neighbours {
        let now = self.now();
        if self.neighbours.as_ref().is_none_or(|cache| now.saturating_sub(cache.read) > MAX_CACHE_AGE) {
            self.neighbours = None;
        }

        &self
            .neighbours
            .get_or_insert_with(|| NeighbourCache { read: now, there: neighbours().unwrap_or_default() })
            .there
    }
}
