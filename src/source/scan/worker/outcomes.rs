//! How a reply or a timeout changes the state of a port, of its host and of the pace.

use super::{CONFIRM, MAX_SHORTAGE, MAX_TRIES, PAUSES, PING, TRIES, Worker, address};
use crate::model::{Reason, Transport};
use crate::net::{AttemptEnd, ConnectOutcome, LocalShortage, Probe};
use crate::source::scan::host::HostState;
use crate::source::scan::results::FoundPort;

/// Attempts of a confirmation: it may be lost, on a machine that drops its own packets.
const MAX_CONFIRMATIONS: u8 = 3;

impl Worker<'_> {
    pub(super) fn take_ended(&mut self, ended: &mut Vec<AttemptEnd>) {
        for AttemptEnd { probe, answer, since, late } in ended.drain(..) {
            if late && answer != ConnectOutcome::Silent {
                self.hosts[probe.host as usize].record_late_reply(probe.attempt);
            } else if !late {
                self.leave_window(probe.host);
                if answer == ConnectOutcome::Silent && probe.marks & CONFIRM == 0 {
                    self.record_late(probe);
                }
            }
            self.record_outcome(probe, answer, since);
        }
    }

    /// One probe less is open, so that the host may send another.
    pub(super) fn leave_window(&mut self, at: u32) {
        let host = &mut self.hosts[at as usize];
        host.open -= 1;
        if host.presence == HostState::Present && !host.queued && host.next < self.plan.order.steps() {
            host.queued = true;
            self.ready.push_back(at);
        }
    }

    pub(super) fn record_late(&mut self, probe: Probe) {
        let host = &mut self.hosts[probe.host as usize];
        host.record_late(probe.attempt);
        self.window.silent(host.is_mostly_silent());
    }

    pub(super) fn record_outcome(&mut self, probe: Probe, answer: ConnectOutcome, since: u64) {
        if probe.marks & PING != 0 {
            return self.record_ping(probe, answer, since);
        }

        match answer {
            ConnectOutcome::Open { own: true, .. } if self.needs_confirmation(probe) => {
                self.retries.push_back(Probe { marks: CONFIRM, ..probe });
            }
            ConnectOutcome::Open { reason, .. } | ConnectOutcome::No(reason) => {
                let rtt = self.now().saturating_sub(since);
                self.record_reply(probe, rtt);
                self.report(probe, reason, Some(rtt));
            }
            ConnectOutcome::Silent => self.record_silence(probe),
            ConnectOutcome::Itself => self.defer(probe, None),
            ConnectOutcome::Prohibited => {
                self.tally.prohibited += 1;
                self.abandon(probe);
            }
            ConnectOutcome::Short(shortage) => self.defer(probe, Some(shortage)),
        }
    }

    /// Whether an open port may be two of this machine's own connecting sockets that met: a local port in the ephemeral
    /// range. A second attempt from another source port does not meet one.
    fn needs_confirmation(&self, probe: Probe) -> bool {
        probe.marks & CONFIRM == 0 && self.plan.ephemeral.contains(&probe.port)
    }

    pub(super) fn record_reply(&mut self, probe: Probe, rtt: u64) {
        self.pause = PAUSES.0;
        let now = self.now_ms();

        let host = &mut self.hosts[probe.host as usize];
        let lost = host.record_reply(&self.plan.pace, probe.attempt, rtt);
        self.window.answered();

        if lost {
            let (span, loss) = (host.loss_span(&self.plan.pace), host.loss());
            // A higher loss shrinks the window more (as DCTCP does, RFC 8257), but never by more than half.
            let cut = loss.min(0.5);
            host.window.lost(now, span, loss, cut);
            // A loss on the path to one host counts half for the paths to all.
            self.window.lost(now, span, loss, cut / 2.0);
        }
    }

    fn record_silence(&mut self, probe: Probe) {
        let host = &mut self.hosts[probe.host as usize];
        if probe.marks & CONFIRM != 0 {
            if probe.marks & TRIES < MAX_CONFIRMATIONS {
                return self.retries.push_back(Probe { marks: probe.marks + 1, ..probe });
            }
            // A port where two sockets met refuses the next connection. A silent port has its queue full, with the first
            // connection.
            host.abandon(probe.attempt);
            return self.report(probe, Reason::SynAck, None);
        }

        host.record_silence(probe.attempt);
        self.retries.push_back(Probe { attempt: probe.attempt.saturating_add(1), marks: 0, ..probe });
    }

    /// Repeats a probe later that gave no information about the port, up to [`MAX_TRIES`] times.
    pub(super) fn defer(&mut self, probe: Probe, shortage: Option<LocalShortage>) {
        let mut is_last = probe.marks & TRIES >= MAX_TRIES;
        if let Some(shortage) = shortage {
            if shortage.is_of_descriptors() {
                self.prober.make_do();
                let now = self.now();
                is_last |= now.saturating_sub(*self.short_since.get_or_insert(now)) > MAX_SHORTAGE;
            }
            self.paused_until = self.now() + self.pause;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }

        if is_last && probe.marks & PING != 0 {
            self.assume_present(probe.host, shortage);
        } else if is_last {
            self.tally.short += 1;
            self.tally.shortage = self.tally.shortage.or(shortage.map(|shortage| shortage.0));
            self.abandon(probe);
        } else {
            self.deferred.push(Probe { marks: probe.marks + 1, ..probe });
        }
    }

    /// Ends a port whose state stays unknown.
    fn abandon(&mut self, probe: Probe) {
        self.hosts[probe.host as usize].abandon(probe.attempt);
        self.finished += 1;
    }

    /// Counts a finished port, and hands it over if the scan lists its state.
    pub(super) fn report(&mut self, probe: Probe, reason: Reason, rtt: Option<u64>) {
        let state = reason.state();
        self.tally.count(state);
        self.finished += 1;

        if let Some(address) = self.plan.reported(state, || address(self.plan, &self.hosts, probe)) {
            self.results.send(FoundPort {
                address,
                transport: Transport::Tcp,
                reason,
                rtt_us: rtt,
                attempts: probe.attempt,
            });
        }

        self.plan.note(self.hosts[probe.host as usize].number, probe.port, state);
    }
}
