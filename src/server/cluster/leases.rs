//! Leases: renewals that other servers received are taken over, and leases without any expire.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::outbox;
use super::renewals::LeaseDoubt;
use super::writer::ClusterWriter;
use crate::registry::Now;
use crate::server::view::ViewDraft;
use crate::store::Renewals;

/// How long the rest waits: until the next turn.
const EXPIRY_DELAY: Duration = Duration::from_millis(1);

impl ClusterWriter {
    /// Takes over how long leases last. One that has expired is left as it is.
    pub(super) fn confirm(&mut self, renewals: &Renewals, at: Duration) {
        let now = self.writer.now();
        let mut has_reports = false;
        for lease in renewals.leases.iter().filter(|lease| !lease.lasts.is_zero()) {
            if let Some(known) = outbox::known(lease) {
                self.writer.state.confirm_lease(&known, now);
                self.show_lease(&lease.id);
                has_reports |= known.lease.is_of_agent();
            }
        }
        if has_reports {
            let draft = ViewDraft::of(&self.writer.app.unscoped.load());
            self.writer.app.unscoped.store(Arc::new(draft.finish(self.writer.state.snapshot())));
        }

        if let Some(doubt) = self.renewals.note(renewals, at, now.elapsed) {
            self.extend_leases(doubt);
        }
    }

    /// What is known of leases is not enough to let one expire.
    fn extend_leases(&mut self, doubt: LeaseDoubt) {
        let seconds = doubt.gap().as_secs();
        match doubt {
            LeaseDoubt::FirstReading => {}
            LeaseDoubt::Missed(_) => {
                info!(seconds, "renewals at other servers were missed: every lease gets one full ttl");
            }
            LeaseDoubt::Ahead(_) => {
                warn!(seconds, "the clock ran ahead of that of the database: every lease gets one full ttl");
            }
        }
        self.writer.state.extend_leases(doubt.gap(), self.writer.now());
        self.writer.state.view().instances().for_each(|instance| self.show_lease(&instance.id));
    }

    /// Shows readers the lease of an instance as it is now.
    pub(super) fn show_lease(&self, id: &str) {
        let view = self.writer.app.unscoped.load();
        if let (Some(shown), Some(instance)) = (view.instance(id), self.writer.state.view().get(id)) {
            shown.times.set(instance.last_seen, instance.lease.as_ref().map(|lease| lease.expires));
        }
    }

    /// Lets leases expire, and whatever else time brings. Without contact it would decide without knowing who renewed.
    pub(super) async fn pass_time(&mut self) {
        if self.has_diverged || self.writer.app.contact.is_lost() {
            return;
        }
        let now = self.writer.now();
        self.spread_expiry(now);
        let before = self.writer.state.clone();
        let step = self.writer.carry_out(&[], true, now);
        if !step.has_changes() && self.writer.audit.entries.is_empty() {
            self.writer.finish(Vec::new(), step);
            return;
        }
        self.writer.state = before;
        self.write_in_turn(Vec::new(), true).await;
    }

    /// Lets the first leases expire whose time has come, and the others soon.
    pub(super) fn spread_expiry(&mut self, now: Now) {
        let due = self.writer.state.due_leases(now.elapsed, Duration::ZERO, usize::MAX);
        let max = self.turn_size.get();
        for lease in due.iter().skip(max) {
            self.writer.state.hold_lease(lease, now.elapsed + EXPIRY_DELAY);
        }
        self.is_expiring = due.len() > max;
    }
}
