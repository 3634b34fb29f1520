//! One thread of a scan: takes its share of the questions, asks them as fast as its windows allow, and tells what
//! became of each.

mod answers;
mod ping;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::host::{HostScan, HostState};
use super::pace::{Pace, Window, micros};
use super::plan::{ScanPlan, Share};
use super::run::ResultSender;
use super::scan_counts::{ScanCounts, StopReason};
use crate::model::Reason;
use crate::net::{AttemptEnd, AttemptStart, Echo, Probe, Prober};

/// Hosts in hand at a time: what is known of each takes 80 bytes, however many there are in all.
const HOSTS: u64 = 16_384;
/// Questions asked between two looks at the answers.
const BURST: usize = 64;
/// Microseconds between two looks at what has waited too long, and at the flags.
const HOUSEKEEPING_INTERVAL: u64 = 10_000;
/// Questions put aside before no new ports are begun.
const MAX_DEFERRED: usize = 65_536;
/// What fails for want of something of ours is tried again so often, in pauses of up to a fifth of a second.
const MAX_TRIES: u8 = 60;
/// Microseconds of the shortest and the longest pause after a shortage.
const PAUSES: (u64, u64) = (1000, 200_000);
/// A burst that `--rate` allows after a wait, in microseconds of its pace.
const CATCH_UP: f64 = 20_000.0;

/// The mark of a question that is asked once more to be sure of an open port.
const CONFIRM: u8 = 0x80;
/// The mark of a question whether somebody is there.
const PING: u8 = 0x40;
/// The other bits count how often it could not be asked.
const TRIES: u8 = 0x3f;

/// A thread's work.
pub(super) struct Worker<'p> {
    plan: &'p ScanPlan,
    share: Share,
    wire: ResultSender,
    prober: Box<dyn Prober>,
    begin: Instant,
    hosts: Vec<HostScan>,
    /// Hosts that may be asked, in turn.
    ready: VecDeque<u32>,
    /// Questions to be asked again, and those of them that must wait for the next look.
    again: VecDeque<Probe>,
    aside: Vec<Probe>,
    /// Questions asked twice already, until every port was asked once: whether a third time is worth it is known best then.
    later: Vec<Probe>,
    /// How many of the hosts in hand have ports that were not asked yet, as far as they are not known to be absent.
    unfinished: usize,
    /// How many times it was looked whether a host is there, and how long to wait for that.
    pings: usize,
    ping_pace: Pace,
    echo: Option<Echo>,
    /// Of each host, when it was last asked for an echo, and how often.
    echoed: Vec<(u64, u8)>,
    /// Hosts of which only an answer to an echo is still to come, about in the order of when that ends.
    by_echo: VecDeque<PendingEcho>,
    neighbours: Option<NeighbourCache>,
    /// For all hosts together.
    window: Window,
    /// When the next question may go out, on `begin`'s clock, for `--rate`.
    next_question: f64,
    /// Nothing is begun before that, and how long the next pause is.
    paused_until: u64,
    pause: u64,
    next_look: u64,
    asked: u64,
    tally: ScanCounts,
}

/// A host whose ports were refused by somebody else, which may yet answer to an echo.
struct PendingEcho {
    host: u32,
    until: u64,
    /// How often it was asked.
    attempt: u8,
}

/// The kernel's neighbour table, and when it was read.
struct NeighbourCache {
    read: u64,
    there: BTreeSet<IpAddr>,
}

impl<'p> Worker<'p> {
    pub(super) fn new(plan: &'p ScanPlan, thread: usize, wire: ResultSender, prober: Box<dyn Prober>) -> Self {
        Self {
            plan,
            share: plan.share(thread),
            wire,
            prober,
            begin: Instant::now(),
            hosts: Vec::new(),
            ready: VecDeque::new(),
            again: VecDeque::new(),
            aside: Vec::new(),
            later: Vec::new(),
            unfinished: 0,
            pings: 0,
            ping_pace: Pace { max_timeout: plan.pace.max_timeout.min(plan.pace.first_timeout * 2), ..plan.pace },
            echo: plan.ping.then(Echo::open),
            echoed: Vec::new(),
            by_echo: VecDeque::new(),
            neighbours: None,
            window: Window::new(plan.pace.first_window, f32::MAX),
            next_question: 0.0,
            paused_until: 0,
            pause: PAUSES.0,
            next_look: HOUSEKEEPING_INTERVAL,
            asked: 0,
            tally: ScanCounts::default(),
        }
    }

    /// Asks everything, or as much as it is given the time for.
    pub(super) fn run(mut self) -> ScanCounts {
        let mut place = self.share.first_host;
        while place < self.plan.hosts && self.tally.cut.is_none() {
            let end = place.saturating_add(HOSTS.saturating_mul(self.share.host_stride));
            self.take_hosts(place, end.min(self.plan.hosts));
            if let Err(cut) = self.ask_all() {
                self.tally.cut = Some(cut);
            }
            place = end;
        }
        self.wire.progress(&mut self.asked);
        self.tally
    }

    fn take_hosts(&mut self, first: u64, end: u64) {
        self.hosts.clear();
        self.ready.clear();
        self.pings = 0;
        let presence = if self.plan.ping { HostState::Unknown } else { HostState::There };
        let mut place = first;
        while place < end {
            self.ready.push_back(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
            self.hosts.push(HostScan::new(
                self.plan.order.host(place),
                self.share.first_step,
                &self.plan.pace,
                presence,
            ));
            place += self.share.host_stride;
        }
        let any = self.share.first_step < self.plan.order.steps();
        self.unfinished = if any { self.hosts.len() } else { 0 };
        self.echoed = vec![(0, 0); self.hosts.len()];
        self.ready.retain(|_| any && !self.plan.ping);
    }

    /// Asks the hosts in hand until nothing of them is left.
    fn ask_all(&mut self) -> Result<(), StopReason> {
        let mut ended = Vec::with_capacity(BURST);
        loop {
            let more = self.ask_some();
            let now = self.now();
            if now >= self.next_look {
                self.look_around(now, &mut ended)?;
            }
            let nothing_aside = self.again.is_empty() && self.aside.is_empty() && self.later.is_empty();
            let nothing_left = self.ready.is_empty() && nothing_aside;
            if self.prober.waiting() == 0 && nothing_left && !self.pings_are_left() && self.by_echo.is_empty() {
                return Ok(());
            }
            if self.prober.waiting() > 0 || !more {
                let wait = if more { 0 } else { self.wait_for(self.now()) };
                let (plan, hosts) = (self.plan, &self.hosts);
                let address = |probe: Probe| address(plan, hosts, probe);
                self.prober.wait(wait, &address, &mut ended).map_err(StopReason::Broken)?;
                self.take_ended(&mut ended);
            }
        }
    }

    /// Asks until a burst is over (`true`) or something says that there is nothing to ask now.
    fn ask_some(&mut self) -> bool {
        for _ in 0..BURST {
            let now = self.now();
            if now < self.paused_until || !self.window_takes() || self.rate_holds(now) {
                return false;
            }
            let Some(probe) = self.next() else { return false };
            self.ask(probe, now);
        }
        true
    }

    fn window_takes(&self) -> bool {
        let on_time = u32::try_from(self.prober.on_time()).unwrap_or(u32::MAX);
        self.prober.waiting() < self.prober.most() && self.window.takes(on_time)
    }

    /// Whether `--rate` says to wait.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a scan fit")]
    fn rate_holds(&mut self, now: u64) -> bool {
        let holds = self.plan.pace.interval.is_some() && (now as f64) < self.next_question;
        if !holds {
            self.charge(now, 1);
        }
        holds
    }

    /// Has so many questions count for `--rate`.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a scan fit")]
    fn charge(&mut self, now: u64, questions: u32) {
        if let Some(interval) = self.plan.pace.interval {
            let since = now as f64 - CATCH_UP.min(interval * 64.0);
            self.next_question = self.next_question.max(since) + interval * f64::from(questions);
        }
    }

    /// The next question that may be asked now.
    fn next(&mut self) -> Option<Probe> {
        while let Some(probe) = self.again.pop_front() {
            let host = &self.hosts[probe.host as usize];
            if probe.marks & PING != 0 && host.presence != HostState::Unknown {
                continue;
            }
            let silences = probe.attempt - 1;
            if silences > 0 && probe.marks == 0 && !host.is_worth_asking_again(&self.plan.pace, silences) {
                self.tell(Probe { attempt: silences, ..probe }, Reason::NoResponse, None);
            } else if silences > 1 && probe.marks == 0 && self.unfinished > 0 && self.later.len() < MAX_DEFERRED {
                self.later.push(probe);
            } else if !host.window.takes(host.open) || (probe.attempt == 2 && probe.marks == 0 && host.awaits_sample())
            {
                self.aside.push(probe);
            } else {
                return Some(probe);
            }
        }
        if self.aside.len() >= MAX_DEFERRED {
            return None;
        }
        if let Some(ping) = self.next_ping() {
            return Some(ping);
        }
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

    fn ask(&mut self, probe: Probe, now: u64) {
        let to = address(self.plan, &self.hosts, probe);
        if probe.marks & PING != 0 {
            self.ask_by_echo(probe, to);
        }
        let host = &mut self.hosts[probe.host as usize];
        if probe.marks == 0 {
            host.begin_again(probe.attempt);
        }
        // Now and then even where it does not help: that may change.
        let look = host.is_quick() || probe.port.is_multiple_of(64);
        match self.prober.begin(to, probe, now, look) {
            AttemptStart::Waiting => {
                host.open += 1;
                if look {
                    host.take_look(false);
                }
            }
            AttemptStart::Answered { answer, looked } => {
                if looked {
                    host.take_look(true);
                }
                self.take_answer(probe, answer, now);
            }
        }
    }

    /// Looks at the flags, at what has waited too long, and at what was put aside.
    fn look_around(&mut self, now: u64, ended: &mut Vec<AttemptEnd>) -> Result<(), StopReason> {
        self.next_look = now + HOUSEKEEPING_INTERVAL;
        self.wire.progress(&mut self.asked);
        if self.wire.is_closed() {
            return Err(StopReason::Stopped);
        }
        if self.plan.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(StopReason::Deadline);
        }
        self.take_echoes();
        self.end_hopes(now);
        let (plan, hosts) = (self.plan, &self.hosts);
        let patience = |probe: Probe, waited: u64| {
            let pace = if probe.marks & PING == 0 { &plan.pace } else { &self.ping_pace };
            hosts[probe.host as usize].patience(pace, probe.attempt, waited)
        };
        let mut late = Vec::new();
        let expired = self.prober.expire(now, &patience, &|probe| address(plan, hosts, probe), ended, &mut late);
        expired.map_err(StopReason::Broken)?;
        let repeats = self.prober.take_repeats();
        if repeats > 0 {
            self.charge(now, repeats);
        }
        for probe in late {
            self.leave_window(probe.host);
            if probe.marks & CONFIRM == 0 {
                self.take_lateness(probe);
            }
        }
        self.take_ended(ended);
        self.again.extend(self.aside.drain(..));
        if self.unfinished == 0 {
            self.again.extend(self.later.drain(..));
        }
        Ok(())
    }

    /// How long there is nothing to do, as long as no answer comes.
    fn wait_for(&self, now: u64) -> u64 {
        let mut until = self.next_look;
        if self.paused_until > now {
            until = until.min(self.paused_until);
        }
        if self.plan.pace.interval.is_some() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a moment of this clock")]
            let next = self.next_question as u64;
            if next > now {
                until = until.min(next);
            }
        }
        until.saturating_sub(now)
    }

    /// Microseconds since this thread began.
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
