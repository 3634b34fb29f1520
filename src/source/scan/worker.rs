//! One thread of a scan: probes its share as fast as its windows allow, and reports each result.

mod outcomes;
mod ping;

pub(super) use ping::PING_PORTS;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::host::{HostScan, HostState};
use super::pace::{ScanTiming, Window, micros};
use super::plan::{ScanPlan, Share};
use super::results::ResultSender;
use super::scan_counts::{ScanCounts, StopReason};
use crate::model::{HardwareAddress, Reason};
use crate::net::{AttemptEnd, AttemptStart, Echo, Probe, Prober};

/// Hosts in progress at a time: each takes 80 bytes, however many there are in total.
const HOSTS: u64 = 16_384;
/// Probes sent between two reads of the replies.
const BURST: usize = 64;
/// Microseconds between two checks for expired probes and for a cancellation.
const HOUSEKEEPING_INTERVAL: u64 = 10_000;
/// Deferred probes from which on no new ports are started.
const MAX_DEFERRED: usize = 65_536;
/// Attempts of a probe that lacks a local resource, with pauses of up to a fifth of a second.
const MAX_TRIES: u8 = 60;
/// How long no probe may get a descriptor before those that lack one are given up, in microseconds.
const MAX_SHORTAGE: u64 = 2_000_000;
/// The shortest and the longest pause after a shortage, in microseconds.
const PAUSES: (u64, u64) = (1000, 200_000);
/// The burst that `--rate` allows after a wait, in microseconds of its pace.
const CATCH_UP: f64 = 20_000.0;

/// Up to as many ports of a host are scanned as soon as it is found, in between the host discovery of the others.
const MAX_INTERLEAVED_PORTS: u32 = 16;

/// Marks a probe that confirms an open port.
const CONFIRM: u8 = 0x80;
/// Marks a host discovery probe.
const PING: u8 = 0x40;
/// The other bits count the attempts that lacked a local resource.
const TRIES: u8 = 0x3f;

/// The state of a scan thread.
pub(super) struct Worker<'p> {
    plan: &'p ScanPlan,
    share: Share,
    results: ResultSender,
    prober: Box<dyn Prober>,
    begin: Instant,
    hosts: Vec<HostScan>,
    /// Hosts with ports to probe, in turn.
    ready: VecDeque<u32>,
    /// Probes to send again.
    retries: VecDeque<Probe>,
    /// Retries that wait for the next housekeeping.
    deferred: Vec<Probe>,
    /// Third attempts, which wait until every port was probed once: only then is it known best whether they are worthwhile.
    third_attempts: Vec<Probe>,
    /// The number of hosts in progress with ports left to probe, without absent hosts.
    unfinished: usize,
    /// The number of host discovery probes sent, and their pace.
    pings: usize,
    ping_pace: ScanTiming,
    echo: Option<Echo>,
    /// Per host: the time and the number of its last ICMP echo.
    echoes: Vec<(u64, u8)>,
    /// Hosts that only have an ICMP echo pending, roughly by deadline.
    pending_echoes: VecDeque<PendingEcho>,
    neighbours: Option<NeighbourCache>,
    /// The window of all hosts together.
    window: Window,
    /// When the next probe may go out, on the clock of `begin`, for `--rate`.
    next_probe: f64,
    /// The end of the current pause, and the length of the next one.
    paused_until: u64,
    /// Since when no probe has got a descriptor, in microseconds; `None` if the last one got one.
    short_since: Option<u64>,
    pause: u64,
    next_housekeeping: u64,
    finished: u64,
    tally: ScanCounts,
}

/// Host whose probes were answered by another address; its ICMP echo is still pending.
struct PendingEcho {
    host: u32,
    until: u64,
    /// The number of the echo.
    attempt: u8,
}

/// The kernel's neighbour table, and when it was read.
struct NeighbourCache {
    read: u64,
    there: Neighbours,
}

type Neighbours = BTreeMap<IpAddr, Option<HardwareAddress>>;

impl<'p> Worker<'p> {
    pub(super) fn new(plan: &'p ScanPlan, thread: usize, results: ResultSender, prober: Box<dyn Prober>) -> Self {
        Self {
            plan,
            share: plan.share(thread),
            results,
            prober,
            begin: Instant::now(),
            hosts: Vec::new(),
            ready: VecDeque::new(),
            retries: VecDeque::new(),
            deferred: Vec::new(),
            third_attempts: Vec::new(),
            unfinished: 0,
            pings: 0,
            ping_pace: ScanTiming { max_timeout: plan.pace.max_timeout.min(plan.pace.first_timeout * 2), ..plan.pace },
            echo: plan.ping.then(Echo::open),
            echoes: Vec::new(),
            pending_echoes: VecDeque::new(),
            neighbours: None,
            window: Window::new(plan.pace.first_window, f32::MAX),
            next_probe: 0.0,
            paused_until: 0,
            short_since: None,
            pause: PAUSES.0,
            next_housekeeping: HOUSEKEEPING_INTERVAL,
            finished: 0,
            tally: ScanCounts::default(),
        }
    }

    /// Scans its share, unless the scan is cancelled or reaches its deadline.
    pub(super) fn run(mut self) -> ScanCounts {
        let mut index = self.share.first_host;
        while index < self.plan.hosts && self.tally.stop.is_none() {
            let end = index.saturating_add(HOSTS.saturating_mul(self.share.host_stride));
            self.take_hosts(index, end.min(self.plan.hosts));
            if let Err(stop) = self.scan_hosts() {
                self.tally.stop = Some(stop);
            }
            index = end;
        }

        self.results.progress(&mut self.finished);
        self.tally
    }

    fn take_hosts(&mut self, first: u64, end: u64) {
        self.hosts.clear();
        self.ready.clear();
        self.pings = 0;
        let presence = if self.plan.ping { HostState::Unknown } else { HostState::Present };

        let mut index = first;
        while index < end {
            self.ready.push_back(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
            self.hosts.push(HostScan::new(
                self.plan.order.host(index),
                self.share.first_step,
                &self.plan.pace,
                presence,
            ));
            index += self.share.host_stride;
        }

        let any = self.share.first_step < self.plan.order.steps();
        self.unfinished = if any { self.hosts.len() } else { 0 };
        self.echoes = vec![(0, 0); self.hosts.len()];
        self.ready.retain(|_| any && !self.plan.ping);
    }

    /// Scans the hosts in progress until none has work left.
    fn scan_hosts(&mut self) -> Result<(), StopReason> {
        let mut ended = Vec::with_capacity(BURST);
        loop {
            let more = self.send_burst();
            let now = self.now();
            if now >= self.next_housekeeping {
                self.housekeeping(now, &mut ended)?;
            }

            let has_retries = !self.retries.is_empty() || !self.deferred.is_empty() || !self.third_attempts.is_empty();
            let has_pings = self.pings_are_left() || !self.pending_echoes.is_empty();
            if self.prober.waiting() == 0 && self.ready.is_empty() && !has_retries && !has_pings {
                return Ok(());
            }

            if self.prober.waiting() > 0 || !more {
                let wait = if more { 0 } else { self.wait_for(self.now()) };
                let (plan, hosts) = (self.plan, &self.hosts);
                let outcome = self.prober.wait(wait, &|probe| address(plan, hosts, probe), &mut ended);
                outcome.map_err(StopReason::Broken)?;
                self.take_ended(&mut ended);
            }
        }
    }

    /// Sends a burst. `false`: there is nothing to send now.
    fn send_burst(&mut self) -> bool {
        for _ in 0..BURST {
            let now = self.now();
            if now < self.paused_until || !self.window_takes() || self.rate_holds(now) {
                return false;
            }
            let Some(probe) = self.next() else { return false };
            self.send(probe, now);
        }
        true
    }

    fn window_takes(&self) -> bool {
        let on_time = u32::try_from(self.prober.on_time()).unwrap_or(u32::MAX);
        self.prober.waiting() < self.prober.most() && self.window.takes(on_time)
    }

    /// Whether `--rate` requires a wait.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a scan fit")]
    fn rate_holds(&mut self, now: u64) -> bool {
        let holds = self.plan.pace.interval.is_some() && (now as f64) < self.next_probe;
        if !holds {
            self.charge(now, 1);
        }
        holds
    }

    /// Counts probes against `--rate`.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a scan fit")]
    fn charge(&mut self, now: u64, probes: u32) {
        if let Some(interval) = self.plan.pace.interval {
            let since = now as f64 - CATCH_UP.min(interval * 64.0);
            self.next_probe = self.next_probe.max(since) + interval * f64::from(probes);
        }
    }

    /// The next probe that may be sent now.
    fn next(&mut self) -> Option<Probe> {
        if let Some(probe) = self.next_retry() {
            return Some(probe);
        }
        if self.deferred.len() >= MAX_DEFERRED {
            return None;
        }
        // A host with few ports is finished first, so that results come while other hosts are looked for. Where there are many
        // ports, hosts are looked for first: absent ones take a timeout.
        match self.plan.order.steps() {
            0..=MAX_INTERLEAVED_PORTS => self.next_port().or_else(|| self.next_ping()),
            _ => self.next_ping().or_else(|| self.next_port()),
        }
    }

    fn next_retry(&mut self) -> Option<Probe> {
        while let Some(probe) = self.retries.pop_front() {
            let host = &self.hosts[probe.host as usize];
            if probe.marks & PING != 0 && host.presence != HostState::Unknown {
                continue;
            }

            let silences = probe.attempt - 1;
            let is_plain = probe.marks == 0;
            if silences > 0 && is_plain && !host.is_worth_retrying(&self.plan.pace, silences) {
                self.report(Probe { attempt: silences, ..probe }, Reason::NoResponse, None);
            } else if silences > 1 && is_plain && self.unfinished > 0 && self.third_attempts.len() < MAX_DEFERRED {
                self.third_attempts.push(probe);
            } else if !host.window.takes(host.open) || (probe.attempt == 2 && is_plain && host.awaits_sample()) {
                self.deferred.push(probe);
            } else {
                return Some(probe);
            }
        }

        None
    }

    /// The first attempt at the next port.
    fn next_port(&mut self) -> Option<Probe> {
        loop {
            let at = self.ready.pop_front()?;
            let host = &mut self.hosts[at as usize];
            if !host.window.takes(host.open) {
                host.queued = false;
                continue;
            }

            let port = self.plan.order.port(host.number, host.next);
            host.next = host.next.saturating_add(self.share.step_stride);
            host.queued = host.next < self.plan.order.steps();
            if host.queued {
                self.ready.push_back(at);
            } else {
                self.unfinished -= 1;
            }

            if self.plan.is_done(host.number, port) {
                continue;
            }
            return Some(Probe { host: at, port, attempt: 1, marks: 0 });
        }
    }

    fn send(&mut self, probe: Probe, now: u64) {
        let to = address(self.plan, &self.hosts, probe);
        if probe.marks & PING != 0 {
            self.send_echo(probe, to);
        }

        let host = &mut self.hosts[probe.host as usize];
        if probe.marks == 0 {
            host.start_retry(probe.attempt);
        }

        // Recheck some probes even where it does not help, because that may change.
        let recheck = host.is_quick() || probe.port.is_multiple_of(64);
        match self.prober.begin(to, probe, now, recheck) {
            AttemptStart::Waiting => {
                self.short_since = None;
                host.open += 1;
                if recheck {
                    host.record_recheck(false);
                }
            }
            AttemptStart::Answered { answer, rechecked } => {
                if rechecked {
                    host.record_recheck(true);
                }
                self.record_outcome(probe, answer, now);
            }
        }
    }

    /// Checks for a cancellation and the deadline, expires probes, and releases deferred ones.
    fn housekeeping(&mut self, now: u64, ended: &mut Vec<AttemptEnd>) -> Result<(), StopReason> {
        self.next_housekeeping = now + HOUSEKEEPING_INTERVAL;
        self.results.progress(&mut self.finished);
        if self.results.is_closed() {
            return Err(StopReason::Stopped);
        }
        if self.plan.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(StopReason::Deadline);
        }

        self.receive_echoes();
        self.expire_echoes(now);
        self.expire_probes(now, ended)?;
        self.take_ended(ended);

        self.retries.extend(self.deferred.drain(..));
        if self.unfinished == 0 {
            self.retries.extend(self.third_attempts.drain(..));
        }
        Ok(())
    }

    fn expire_probes(&mut self, now: u64, ended: &mut Vec<AttemptEnd>) -> Result<(), StopReason> {
        let (plan, hosts) = (self.plan, &self.hosts);
        let ping_pace = &self.ping_pace;
        let mut late = Vec::new();
        let expired = self.prober.expire(
            now,
            &|probe, waited| {
                let pace = if probe.marks & PING == 0 { &plan.pace } else { ping_pace };
                hosts[probe.host as usize].wait_decision(pace, probe.attempt, waited)
            },
            &|probe| address(plan, hosts, probe),
            ended,
            &mut late,
        );
        expired.map_err(StopReason::Broken)?;

        let repeats = self.prober.take_repeats();
        if repeats > 0 {
            self.charge(now, repeats);
        }

        for probe in late {
            self.leave_window(probe.host);
            if probe.marks & CONFIRM == 0 {
                self.record_late(probe);
            }
        }

        Ok(())
    }

    /// How long the thread may sleep if no reply arrives.
    fn wait_for(&self, now: u64) -> u64 {
        let mut until = self.next_housekeeping;
        if self.paused_until > now {
            until = until.min(self.paused_until);
        }

        if self.plan.pace.interval.is_some() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a time on this thread's clock"
            )]
            let next = self.next_probe as u64;
            if next > now {
                until = until.min(next);
            }
        }

        until.saturating_sub(now)
    }

    /// Microseconds since the start of this thread.
    fn now(&self) -> u64 {
        micros(self.begin.elapsed())
    }

    fn now_ms(&self) -> u32 {
        u32::try_from(self.now() / 1000).unwrap_or(u32::MAX)
    }
}

fn address(plan: &ScanPlan, hosts: &[HostScan], probe: Probe) -> SocketAddr {
    plan.address(hosts[probe.host as usize].number, probe.port)
}
