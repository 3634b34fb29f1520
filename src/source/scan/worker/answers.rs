//! What answers, and their absence, say of a port, of its host and of the pace.

use super::{CONFIRM, MAX_TRIES, PAUSES, PING, TRIES, Worker, address};
use crate::model::{PortState, Reason, Transport};
use crate::net::{AttemptEnd, ConnectOutcome, LocalShortage, Probe};
use crate::source::scan::host::HostState;
use crate::source::scan::run::FoundPort;

/// How often a confirmation is put again that nothing comes of: it may be lost, on a machine that drops what it sends itself.
const CONFIRMATIONS: u8 = 3;

impl Worker<'_> {
    pub(super) fn take_ended(&mut self, ended: &mut Vec<AttemptEnd>) {
        for AttemptEnd { probe, answer, since, late } in ended.drain(..) {
            if late && answer != ConnectOutcome::Silent {
                self.hosts[probe.host as usize].take_late_answer(probe.attempt);
            } else if !late {
                self.leave_window(probe.host);
                if answer == ConnectOutcome::Silent && probe.marks & CONFIRM == 0 {
                    self.take_lateness(probe);
                }
            }
            self.take_answer(probe, answer, since);
        }
    }

    /// One question less is open, so that another may be asked.
    pub(super) fn leave_window(&mut self, at: u32) {
        let host = &mut self.hosts[at as usize];
        host.open -= 1;
        if host.presence == HostState::There && !host.queued && host.next < self.plan.order.steps() {
            host.queued = true;
            self.ready.push_back(at);
        }
    }

    pub(super) fn take_lateness(&mut self, probe: Probe) {
        let host = &mut self.hosts[probe.host as usize];
        host.take_lateness(probe.attempt);
        self.window.silent(host.hardly_answers());
    }

    pub(super) fn take_answer(&mut self, probe: Probe, answer: ConnectOutcome, since: u64) {
        if probe.marks & PING != 0 {
            return self.take_ping(probe, answer, since);
        }
        match answer {
            ConnectOutcome::Open { own: true, .. } if self.needs_confirmation(probe) => {
                self.again.push_back(Probe { marks: CONFIRM, ..probe });
            }
            ConnectOutcome::Open { reason, .. } | ConnectOutcome::No(reason) => {
                let rtt = self.now().saturating_sub(since);
                self.take_word(probe, rtt);
                self.tell(probe, reason, Some(rtt));
            }
            ConnectOutcome::Silent => self.take_silence(probe),
            ConnectOutcome::Itself => self.once_more(probe, None),
            ConnectOutcome::Prohibited => {
                self.tally.prohibited += 1;
                self.leave(probe);
            }
            ConnectOutcome::Short(shortage) => self.once_more(probe, Some(shortage)),
        }
    }

    /// An open port of this machine itself, in the range of its own sockets' ports: two sockets that only wanted to
    /// connect may have met there. Asked once more, from another source port, they do not meet again.
    fn needs_confirmation(&self, probe: Probe) -> bool {
        probe.marks & CONFIRM == 0 && self.plan.ephemeral.contains(&probe.port)
    }

    pub(super) fn take_word(&mut self, probe: Probe, rtt: u64) {
        self.pause = PAUSES.0;
        let now = self.now_ms();
        let host = &mut self.hosts[probe.host as usize];
        let lost = host.take_answer(&self.plan.pace, probe.attempt, rtt);
        self.window.answered();
        if lost {
            let (span, loss) = (host.loss_span(&self.plan.pace), host.loss());
            // The more is lost the more is cut (as DCTCP does, RFC 8257), but never more than half.
            let cut = loss.min(0.5);
            host.window.lost(now, span, loss, cut);
            // What was lost on the way to one host tells half as much of the way to all.
            self.window.lost(now, span, loss, cut / 2.0);
        }
    }

    fn take_silence(&mut self, probe: Probe) {
        let host = &mut self.hosts[probe.host as usize];
        if probe.marks & CONFIRM != 0 {
            if probe.marks & TRIES < CONFIRMATIONS {
                return self.again.push_back(Probe { marks: probe.marks + 1, ..probe });
            }
            // Two sockets that met leave a port behind that refuses. One that keeps silent has its queue full, of the
            // connection that was just made.
            host.leave(probe.attempt);
            return self.tell(probe, Reason::SynAck, None);
        }
        host.take_silence(probe.attempt);
        self.again.push_back(Probe { attempt: probe.attempt.saturating_add(1), marks: 0, ..probe });
    }

    /// What says nothing of the port is asked once more, later; without end only as long as that may help.
    pub(super) fn once_more(&mut self, probe: Probe, shortage: Option<LocalShortage>) {
        if let Some(shortage) = shortage {
            if shortage.is_of_descriptors() {
                self.prober.make_do();
            }
            self.paused_until = self.now() + self.pause;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
        if probe.marks & TRIES >= MAX_TRIES && probe.marks & PING != 0 {
            self.see(probe.host);
        } else if probe.marks & TRIES >= MAX_TRIES {
            self.tally.short += 1;
            self.tally.shortage = self.tally.shortage.or(shortage.map(|shortage| shortage.0));
            self.leave(probe);
        } else {
            self.aside.push(Probe { marks: probe.marks + 1, ..probe });
        }
    }

    /// Ends a port of which nothing can be known.
    fn leave(&mut self, probe: Probe) {
        self.hosts[probe.host as usize].leave(probe.attempt);
        self.asked += 1;
    }

    /// Counts a port's end, and hands it over where somebody wants it.
    pub(super) fn tell(&mut self, probe: Probe, reason: Reason, rtt: Option<u64>) {
        let state = reason.state();
        self.tally.count(state);
        self.asked += 1;
        if state == PortState::Open || self.plan.all {
            let address = address(self.plan, &self.hosts, probe);
            self.wire.send(FoundPort {
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
