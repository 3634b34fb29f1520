//! Whether a host is there, before all of its ports are asked: a few connections, ICMP where it is permitted, and what the kernel has learned of its
//! neighbours by them. Most addresses of a network belong to nobody, and every port of nobody takes a timeout.

use std::net::SocketAddr;

use super::{NeighbourCache, PendingEcho, Worker, address};
use crate::model::Reason;
use crate::net::{ConnectOutcome, Probe, neighbours};
use crate::source::scan::host::HostState;

/// Of the web, a shell, and file sharing: what the firewalls of most hosts let through. A refusal is an answer too.
const PORTS: [u16; 4] = [443, 80, 22, 445];
/// How often each is asked.
const ATTEMPTS: u8 = 2;
/// An ICMP echo goes with every question to this port.
const WITH_ECHO: u16 = PORTS[0];
/// For so many microseconds the neighbour table is taken for what it was.
const FRESH: u64 = 50_000;

impl Worker<'_> {
    /// The next question whether somebody is there: one of each host in turn.
    pub(super) fn next_ping(&mut self) -> Option<Probe> {
        while self.pings_are_left() {
            let (round, at) = (self.pings / self.hosts.len(), self.pings % self.hosts.len());
            self.pings += 1;
            if self.hosts[at].presence == HostState::Unknown {
                let host = u32::try_from(at).unwrap_or(u32::MAX);
                return Some(Probe { host, port: PORTS[round], attempt: 1, marks: super::PING });
            }
        }
        None
    }

    pub(super) fn pings_are_left(&self) -> bool {
        self.plan.ping && self.pings < self.hosts.len() * PORTS.len()
    }

    pub(super) fn take_ping(&mut self, probe: Probe, answer: ConnectOutcome, since: u64) {
        match answer {
            ConnectOutcome::Open { .. } | ConnectOutcome::No(Reason::Refused) => {
                self.take_word(probe, self.now().saturating_sub(since));
                self.see(probe.host);
            }
            // Says nothing of the host; its own ports will tell.
            ConnectOutcome::Prohibited => self.see(probe.host),
            ConnectOutcome::Itself => self.once_more(probe, None),
            ConnectOutcome::Short(shortage) => self.once_more(probe, Some(shortage)),
            ConnectOutcome::Silent if probe.attempt < ATTEMPTS => {
                self.again.push_back(Probe { attempt: probe.attempt + 1, marks: super::PING, ..probe });
            }
            // It had as much time as an echo.
            ConnectOutcome::Silent => self.miss(probe.host, false),
            ConnectOutcome::No(_) => self.miss(probe.host, true),
        }
    }

    /// Somebody is there: its ports are asked.
    pub(super) fn see(&mut self, at: u32) {
        let host = &mut self.hosts[at as usize];
        if host.presence == HostState::Unknown {
            host.presence = HostState::There;
            // To know that it is there may be all that is wanted.
            if host.next < self.plan.order.steps() {
                host.queued = true;
                self.ready.push_back(at);
            }
        }
    }

    /// Asks by ICMP too, beside the first of the ports.
    pub(super) fn ask_by_echo(&mut self, probe: Probe, to: SocketAddr) {
        let now = self.now();
        if let Some(echo) = self.echo.as_ref().filter(|_| probe.port == WITH_ECHO) {
            echo.ask(probe.host, to);
            self.echoed[probe.host as usize] = (now, probe.attempt);
            self.charge(now, 1);
        }
    }

    /// Sees who has answered to that.
    pub(super) fn take_echoes(&mut self) {
        let Some(echo) = &self.echo else { return };
        let (plan, hosts) = (self.plan, &self.hosts);
        let ip = |at: u32| hosts.get(at as usize).map(|host| plan.address(host.number, 0).ip());
        for at in echo.answers(&ip) {
            self.see(at);
        }
    }

    /// One question more without an answer; `early`: somebody said so, before the time of an echo was over. After the last,
    /// only a host that has told its link address is there, or one that answers to an echo yet.
    fn miss(&mut self, at: u32, early: bool) {
        let host = &mut self.hosts[at as usize];
        host.missed += 1;
        if usize::from(host.missed) < PORTS.len() || host.presence != HostState::Unknown {
            return;
        }
        let number = host.number;
        let ip = self.plan.address(number, 0).ip();
        if self.neighbours().contains(&ip) {
            self.see(at);
        } else if early && self.echo.is_some() {
            self.hope(at);
        } else {
            self.give_up(at);
        }
    }

    /// Waits for the answer to the last echo, from when that was asked for.
    fn hope(&mut self, host: u32) {
        let (asked, attempt) = self.echoed[host as usize];
        self.by_echo.push_back(PendingEcho { host, until: asked + self.ping_pace.first_timeout, attempt });
    }

    /// Ends the wait for echoes whose time is over: each is asked for as often as a port.
    pub(super) fn end_hopes(&mut self, now: u64) {
        while let Some(PendingEcho { host, attempt, .. }) = self.by_echo.pop_front_if(|hope| hope.until <= now) {
            if self.hosts[host as usize].presence != HostState::Unknown {
                continue;
            }
            if attempt < ATTEMPTS {
                let probe = Probe { host, port: WITH_ECHO, attempt: attempt + 1, marks: super::PING };
                self.ask_by_echo(probe, address(self.plan, &self.hosts, probe));
                self.hope(host);
            } else {
                self.give_up(host);
            }
        }
    }

    /// Nobody is there.
    fn give_up(&mut self, at: u32) {
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
        self.asked += left;
    }

    /// The kernel's neighbours. Where it does not tell them there are none.
    fn neighbours(&mut self) -> &std::collections::BTreeSet<std::net::IpAddr> {
        let now = self.now();
        if self.neighbours.as_ref().is_none_or(|cache| now.saturating_sub(cache.read) > FRESH) {
            self.neighbours = None;
        }
        &self
            .neighbours
            .get_or_insert_with(|| NeighbourCache { read: now, there: neighbours().unwrap_or_default() })
            .there
    }
}
