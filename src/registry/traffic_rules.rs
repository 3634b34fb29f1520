//! How the traffic of services changes: by operators, by time, and when instances come and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::document::{DocumentChange, DocumentKey, DocumentSubject, DocumentWrite};
use super::selector::Selector;
use super::shares::{SplitMember, shares};
use super::shift::{Shift, ShiftMove, ShiftPhase, ShiftProgress, TargetCounts};
use super::state::State;
use super::traffic::{MAX_TRAFFIC_RULES, ServiceTraffic, TrafficCommand};
use super::{Cause, ChangeKind, CommandRejection, InstanceRecord, Now, Outcome};

impl State {
    pub(super) fn traffic(
        &mut self,
        service: &Arc<str>,
        command: TrafficCommand,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut outcome = Outcome::default();
        if let TrafficCommand::Score(score) = command {
            if let Some(progress) = self.shifts.get_mut(service) {
                progress.note_score(score, now.elapsed);
            }
            self.advance_shift(service, now, &mut outcome);
            return Ok(outcome);
        }

        let before = self.traffic_of(service);
        let after = self.decided(before.clone(), command, now)?;
        let is_new = !self.view.traffic.contains_key(service) && !after.is_empty();
        if is_new && self.view.traffic.size() >= MAX_TRAFFIC_RULES {
            return Err(CommandRejection::TrafficLimit { limit: MAX_TRAFFIC_RULES });
        }
        self.set_traffic(&before, after, now, &mut outcome);
        Ok(outcome)
    }

    /// What is known of the traffic of a service.
    fn traffic_of(&self, service: &Arc<str>) -> ServiceTraffic {
        let known = self.view.traffic.get(service).map(|known| ServiceTraffic::clone(known));
        known.unwrap_or_else(|| ServiceTraffic { service: Arc::clone(service), ..ServiceTraffic::default() })
    }

    /// The traffic of a service after a decision of its operator.
    fn decided(
        &self,
        mut traffic: ServiceTraffic,
        command: TrafficCommand,
        now: Now,
    ) -> Result<ServiceTraffic, CommandRejection> {
        let service = Arc::clone(&traffic.service);
        match command {
            TrafficCommand::Switch(to) => {
                refuse_active(&traffic)?;
                self.require_target(&service, &to)?;
                traffic.switched_to = Some(to);
            }
            TrafficCommand::Reset => {
                refuse_active(&traffic)?;
                traffic.switched_to = None;
            }
            TrafficCommand::SetStrategy(strategy) => {
                self.require_service(&service)?;
                traffic.strategy = strategy;
            }
            TrafficCommand::Start(plan) => {
                if let Some(problem) = plan.problem() {
                    return Err(problem.into());
                }
                refuse_active(&traffic)?;
                self.require_target(&service, &plan.to)?;
                traffic.shift = Some(Shift::starting(plan, now.wall));
            }
            TrafficCommand::Pause => set_phase(&mut traffic, ShiftPhase::Paused, None, now)?,
            TrafficCommand::Resume => set_phase(&mut traffic, ShiftPhase::Running, None, now)?,
            TrafficCommand::Abort(reason) => set_phase(&mut traffic, ShiftPhase::Aborted, Some(reason), now)?,
            TrafficCommand::Finish => {
                set_phase(&mut traffic, ShiftPhase::Finished, None, now)?;
                traffic.switched_to = traffic.shift.as_ref().map(|shift| shift.plan.to.clone());
            }
            // It changes nothing that is kept.
            TrafficCommand::Score(_) => {}
        }

        Ok(traffic)
    }

    fn require_service(&self, service: &Arc<str>) -> Result<(), CommandRejection> {
        let is_known = self.view.services.contains_key(service);
        if is_known { Ok(()) } else { Err(CommandRejection::UnknownService { service: Arc::clone(service) }) }
    }

    /// Refuses to move traffic to instances that do not exist.
    fn require_target(&self, service: &Arc<str>, to: &Selector) -> Result<(), CommandRejection> {
        self.require_service(service)?;
        if self.targets(service, to).all > 0 {
            return Ok(());
        }
        let hint = self.target_hint(service, to);
        Err(CommandRejection::NoTarget { service: Arc::clone(service), to: to.to_string(), hint })
    }

    /// A version that is not complete, as 1.3 where instances have 1.3.0, is meant as a range.
    fn target_hint(&self, service: &str, to: &Selector) -> String {
        if let Selector::Version(wanted) = to
            && !wanted.is_range()
        {
            let begin = format!("{wanted}.");
            let members = self.members(service);
            let mut versions = members.iter().filter_map(|record| record.registration.version.as_deref());
            if let Some(version) = versions.find(|version| version.starts_with(&begin)) {
                return format!("write {wanted}.* for {version} and all other versions that begin so, or {version}");
            }
        }
        "`portolan services get NAME` shows the versions and tags of its instances".to_owned()
    }

    fn members(&self, service: &str) -> Vec<Arc<InstanceRecord>> {
        let members = self.view.services.get(service).into_iter().flat_map(|service| service.members.iter());
        members.filter_map(|id| self.view.record(id).cloned()).collect()
    }

    fn targets(&self, service: &str, to: &Selector) -> TargetCounts {
        let mut counts = TargetCounts::default();
        for record in self.members(service).iter().filter(|record| to.accepts(&record.registration)) {
            counts.all += 1;
            counts.usable += usize::from(record.is_usable());
        }
        counts
    }

    /// Puts a decision in force, with all weights that follow from it.
    fn set_traffic(&mut self, before: &ServiceTraffic, mut after: ServiceTraffic, now: Now, outcome: &mut Outcome) {
        if after == *before {
            return;
        }
        let service = Arc::clone(&after.service);
        after.index = self.next_index();
        self.follow_shift(before, &after, now);

        let key = DocumentKey::Traffic(&service);
        let write = if after.is_empty() { DocumentWrite::remove(&key) } else { DocumentWrite::put(&key, &after) };
        outcome.documents.push(DocumentChange {
            index: after.index,
            previous: before.index,
            subject: DocumentSubject::Traffic(Arc::clone(&service)),
            kind: match (before.is_empty(), after.is_empty()) {
                (true, _) => ChangeKind::Added,
                (false, true) => ChangeKind::Removed,
                (false, false) => ChangeKind::Updated,
            },
            at: now.wall,
            writes: vec![write],
            item: after.to_item(),
        });

        if after.is_empty() {
            self.view.traffic.remove_mut(&service);
        } else {
            self.view.traffic.insert_mut(Arc::clone(&service), Arc::new(after));
        }
        self.split(&service, now, outcome);
    }

    /// Starts the time of a step, and forgets that of a shift that ended.
    fn follow_shift(&mut self, before: &ServiceTraffic, after: &ServiceTraffic, now: Now) {
        let [old, new] = [before, after].map(ServiceTraffic::active_shift);
        let is_same_step = old.zip(new).is_some_and(|(old, new)| old.step == new.step && old.phase == new.phase);
        if new.is_none() {
            self.shifts.remove_mut(&after.service);
        } else if !is_same_step {
            let mut progress = ShiftProgress::starting(now.elapsed);
            if let Some(known) = self.shifts.get(&after.service) {
                progress.keep_score_of(known);
            }
            self.shifts.insert_mut(Arc::clone(&after.service), progress);
        }
    }

    /// Lets time pass for all shifts.
    pub(super) fn advance_shifts(&mut self, now: Now, outcome: &mut Outcome) {
        let services: Vec<Arc<str>> = self.shifts.keys().cloned().collect();
        for service in services {
            self.advance_shift(&service, now, outcome);
        }
    }

    /// This process did not run for some time: nothing was seen meanwhile, so that each step lasts its whole time again.
    pub(super) fn restart_steps(&mut self, now: Now) {
        let services: Vec<Arc<str>> = self.shifts.keys().cloned().collect();
        for service in services {
            self.shifts.insert_mut(service, ShiftProgress::starting(now.elapsed));
        }
    }

    fn advance_shift(&mut self, service: &Arc<str>, now: Now, outcome: &mut Outcome) {
        let before = self.traffic_of(service);
        let (Some(shift), Some(mut progress)) = (before.active_shift(), self.shifts.get(service).copied()) else {
            return;
        };
        let targets = self.targets(service, &shift.plan.to);
        let next = shift.next_move(&mut progress, targets, now.elapsed);
        self.shifts.insert_mut(Arc::clone(service), progress);

        let mut after = before.clone();
        match next {
            ShiftMove::Stay => return,
            ShiftMove::NextStep => {
                if let Some(shift) = &mut after.shift {
                    shift.step += 1;
                    shift.changed_at = now.wall;
                }
            }
            ShiftMove::Finish => {
                move_to_phase(&mut after, ShiftPhase::Finished, None, now);
                after.switched_to = after.shift.as_ref().map(|shift| shift.plan.to.clone());
            }
            ShiftMove::Abort(reason) => move_to_phase(&mut after, ShiftPhase::Aborted, Some(reason), now),
        }
        self.set_traffic(&before, after, now, outcome);
    }

    /// Recalculates the weights of each service whose instances were added, changed or removed.
    pub(super) fn follow_traffic(&mut self, outcome: &mut Outcome, now: Now) {
        if self.view.traffic.is_empty() {
            return;
        }
        let changed: BTreeSet<String> = outcome.changes.iter().map(|change| change.record.service()).collect();
        let split = |service: &&String| self.view.traffic.get(service.as_str()).is_some_and(|known| known.is_split());
        let services: Vec<String> = changed.iter().filter(split).cloned().collect();
        for service in services {
            self.split(&service, now, outcome);
        }
    }

    /// Gives the instances of a service the weights that follow from its traffic. Those that rise come first, so that a
    /// watcher which reads one change after the other never sees that no instance gets calls.
    fn split(&mut self, service: &str, now: Now, outcome: &mut Outcome) {
        let members = self.members(service);
        let traffic = self.view.traffic.get(service).filter(|known| known.is_split());
        let wanted = traffic.map(|traffic| split_weights(traffic, &members));

        let mut changed: Vec<(Arc<InstanceRecord>, Option<u16>)> = members
            .into_iter()
            .enumerate()
            .map(|(at, record)| (record, wanted.as_ref().and_then(|wanted| wanted.get(at).copied())))
            .filter(|(record, share)| record.share != *share)
            .collect();
        changed.sort_by_key(|(record, share)| share.unwrap_or(record.weight) <= record.weight_in_force());

        for (record, share) in changed {
            let Some(entry) = self.view.instances.get(record.id()).cloned() else { continue };
            let mut record = InstanceRecord::clone(&entry.record);
            record.share = share;
            self.replace(entry, record, Cause::Traffic, now, outcome);
        }
    }

    /// Takes over the stored traffic of a service.
    pub(super) fn load_traffic(&mut self, traffic: ServiceTraffic, now: Now) {
        let service = Arc::clone(&traffic.service);
        let before = self.traffic_of(&service);
        self.follow_shift(&before, &traffic, now);
        self.view.traffic.insert_mut(service, Arc::new(traffic));
    }

    /// Forgets the stored traffic of a service.
    pub(super) fn unload_traffic(&mut self, service: &str) {
        self.shifts.remove_mut(service);
        self.view.traffic.remove_mut(service);
    }
}

/// The weights of the instances of a service whose traffic is split.
fn split_weights(traffic: &ServiceTraffic, members: &[Arc<InstanceRecord>]) -> Vec<u16> {
    let shift = traffic.active_shift();
    let target = shift.map(|shift| &shift.plan.to).or(traffic.switched_to.as_ref());
    let base = traffic.switched_to.as_ref().filter(|_| shift.is_some());
    let percent = shift.map_or(100, |shift| shift.percent().unwrap_or(0));

    let members: Vec<SplitMember> = members
        .iter()
        .map(|record| SplitMember {
            weight: record.weight,
            is_usable: record.is_usable(),
            is_target: target.is_some_and(|target| target.accepts(&record.registration)),
            is_base: base.is_none_or(|base| base.accepts(&record.registration)),
        })
        .collect();
    shares(&members, percent)
}

fn refuse_active(traffic: &ServiceTraffic) -> Result<(), CommandRejection> {
    match traffic.active_shift() {
        Some(_) => Err(CommandRejection::ShiftActive { service: Arc::clone(&traffic.service) }),
        None => Ok(()),
    }
}

/// Sets the phase of an active shift.
fn set_phase(
    traffic: &mut ServiceTraffic,
    phase: ShiftPhase,
    reason: Option<String>,
    now: Now,
) -> Result<(), CommandRejection> {
    if traffic.active_shift().is_none() {
        return Err(CommandRejection::NoShift { service: Arc::clone(&traffic.service) });
    }
    move_to_phase(traffic, phase, reason, now);
    Ok(())
}

fn move_to_phase(traffic: &mut ServiceTraffic, phase: ShiftPhase, reason: Option<String>, now: Now) {
    if let Some(shift) = traffic.shift.as_mut().filter(|shift| shift.phase != phase) {
        shift.phase = phase;
        shift.reason = reason;
        shift.changed_at = now.wall;
    }
}
