//! The rules once more, as simply as possible: a map of instances that is walked for everything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{HealthState, OperatorStatus, RegisteredInstance, Registration};
use crate::registry::{CatalogCommand, Command, InstanceRecord, Rules};

/// An instance of the model.
#[derive(Clone, Debug)]
pub(super) struct NaiveInstance {
    registration: Registration,
    generation: u64,
    status: OperatorStatus,
    weight: u16,
    renewed: Duration,
    lease_expired: bool,
    node_down: bool,
    report: Option<HealthState>,
    /// The confirmed state of each check, and how often in a row a better and a worse one was seen.
    checks: Vec<(HealthState, u32, u32)>,
    failed_since: Option<Duration>,
    flips: Vec<Duration>,
    flapping_until: Option<Duration>,
    monitoring_stopped: bool,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visible {
    registration: Registration,
    generation: u64,
    status: OperatorStatus,
    weight: u16,
    health: HealthState,
    lease_expired: bool,
    node_down: bool,
    report: Option<HealthState>,
    checks: Vec<HealthState>,
    flapping: bool,
    monitoring_stopped: bool,
}

impl From<&InstanceRecord> for Visible {
    fn from(record: &InstanceRecord) -> Self {
        Self {
            registration: (*record.registration).clone(),
            generation: record.generation,
            status: record.status,
            weight: record.weight,
            health: record.health,
            lease_expired: record.lease_expired,
            node_down: record.node_down,
            report: record.report,
            checks: record.checks.clone(),
            flapping: record.flapping,
            monitoring_stopped: record.monitoring_stopped,
        }
    }
}

impl NaiveInstance {
    fn ttl(&self, rules: &Rules) -> Duration {
        self.registration.ttl.unwrap_or(rules.default_ttl)
    }

    fn own_health(&self, rules: &Rules) -> HealthState {
        let states: Vec<HealthState> = self.checks.iter().map(|(state, _, _)| *state).chain(self.report).collect();
        if self.lease_expired || self.node_down || states.contains(&HealthState::Unhealthy) {
            HealthState::Unhealthy
        } else if states.contains(&HealthState::Unknown) || states.is_empty() && self.ttl(rules).is_zero() {
            HealthState::Unknown
        } else if states.contains(&HealthState::Degraded) {
            HealthState::Degraded
        } else {
            HealthState::Healthy
        }
    }

    fn health(&self, rules: &Rules) -> HealthState {
        match (self.own_health(rules), self.status) {
            (_, OperatorStatus::Maintenance) => HealthState::Unhealthy,
            (HealthState::Healthy, OperatorStatus::Draining) => HealthState::Degraded,
            (own, _) => own,
        }
    }

    pub(super) fn visible(&self, rules: &Rules) -> Visible {
        Visible {
            registration: self.registration.clone(),
            generation: self.generation,
            status: self.status,
            weight: self.weight,
            health: self.health(rules),
            lease_expired: self.lease_expired,
            node_down: self.node_down,
            report: self.report,
            checks: self.checks.iter().map(|(state, _, _)| *state).collect(),
            flapping: self.flapping_until.is_some(),
            monitoring_stopped: self.monitoring_stopped,
        }
    }

    /// Notices that it failed or recovered. Returns whether it failed.
    fn settle(&mut self, had_failed: bool, now: Duration, rules: &Rules) -> bool {
        let has_failed = self.own_health(rules) == HealthState::Unhealthy;
        if has_failed == had_failed {
            return false;
        }
        self.failed_since = has_failed.then_some(now);
        self.flips.retain(|flip| *flip + rules.flap_window > now);
        self.flips.push(now);
        if self.flips.len() >= rules.flap_changes {
            self.flapping_until = Some(now + rules.flap_window);
        }
        has_failed
    }

    fn change(&mut self, now: Duration, rules: &Rules, change: impl FnOnce(&mut Self)) -> bool {
        let had_failed = self.own_health(rules) == HealthState::Unhealthy;
        change(self);
        self.settle(had_failed, now, rules)
    }

    /// Expires its lease and ends its flapping, in the order in which both are due. Returns whether it failed.
    fn pass(&mut self, now: Duration, rules: &Rules) -> bool {
        let lease_ends = self.renewed + self.ttl(rules) + rules.grace;
        self.calm(now.min(lease_ends).saturating_sub(Duration::from_nanos(1)));

        let expires = !self.ttl(rules).is_zero() && !self.lease_expired && now >= lease_ends;
        let failed = expires && self.change(now, rules, |one| one.lease_expired = true);
        self.calm(now);
        failed
    }

    fn calm(&mut self, now: Duration) {
        if self.flapping_until.is_some_and(|until| now >= until) {
            self.flapping_until = None;
            self.flips.clear();
        }
    }
}

/// The model of a registry.
#[derive(Clone, Debug)]
pub(super) struct Naive {
    rules: Rules,
    pub(super) instances: BTreeMap<String, NaiveInstance>,
    down: BTreeSet<String>,
    /// Mass failures: since when, by service; an empty name is everything.
    protected: BTreeMap<String, Duration>,
    /// Services of which an instance failed since the last tick.
    suspects: BTreeSet<String>,
}

impl Naive {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            instances: BTreeMap::new(),
            down: BTreeSet::new(),
            protected: BTreeMap::new(),
            suspects: BTreeSet::new(),
        }
    }

    /// Carries out a command that the registry took. `added` is the generation, if that is a new one.
    pub(super) fn step(&mut self, command: &Command, now: Duration, added: Option<u64>) {
        let rules = self.rules.clone();

        match command {
            Command::Register(registration) => self.register(registration, now, added),
            Command::Renew { id, report, .. } => {
                let report = report.as_ref().map(|(state, _)| *state).filter(|state| *state != HealthState::Unknown);
                self.touch(id, now, |one| (one.renewed, one.lease_expired, one.report) = (now, false, report));
            }
            Command::Deregister { id, .. } => drop(self.instances.remove(&**id)),
            Command::SetStatus { id, status, .. } => self.touch(id, now, |one| one.status = *status),
            Command::SetWeight { id, weight, .. } => self.touch(id, now, |one| one.weight = *weight),
            Command::SetMetadata { id, entries, .. } => {
                self.touch(id, now, |one| one.registration.set_metadata((**entries).clone()));
            }
            Command::CheckResult { id, check, state, .. } => {
                self.touch(id, now, |one| one.result(*check, *state, &rules));
            }
            Command::CheckUnavailable { id, check, .. } => {
                self.touch(id, now, |one| one.checks[*check] = (HealthState::Unknown, 0, 0));
            }
            Command::SetMonitoring { id, enabled, .. } => self.touch(id, now, |one| one.set_monitoring(*enabled)),
            Command::NodeUp { node } => self.set_node(node, false, now),
            Command::NodeDown { node } => self.set_node(node, true, now),
            Command::Catalog(CatalogCommand::Maintain { id, .. }) => {
                self.touch(id, now, |one| one.status = OperatorStatus::Maintenance);
            }
            Command::Catalog(command) => panic!("the histories have no {command:?}"),
            Command::Config(_) | Command::Traffic { .. } | Command::Drift(_) => {
                panic!("the histories have no {command:?}")
            }
            Command::Tick => self.tick(now),
        }

        // A service without instances has nothing to protect.
        let instances = &self.instances;
        self.protected
            .retain(|name, _| name.is_empty() || instances.values().any(|one| one.registration.name == *name));
    }

    fn touch(&mut self, id: &str, now: Duration, change: impl FnOnce(&mut NaiveInstance)) {
        let one = self.instances.get_mut(id).unwrap();
        if one.change(now, &self.rules, change) {
            self.suspects.insert(one.registration.name.clone());
        }
    }

    fn register(&mut self, registration: &Registration, now: Duration, added: Option<u64>) {
        let id = registration.id.clone().unwrap();
        let is_down = registration.node.as_ref().is_some_and(|node| self.down.contains(node));
        let weight = registration.weight.unwrap_or(1);

        if let Some(generation) = added {
            let checks = registration.checks.iter().map(|_| (HealthState::Unknown, 0, 0)).collect();
            let mut one = NaiveInstance {
                registration: registration.clone(),
                generation,
                status: registration.status,
                weight,
                renewed: now,
                lease_expired: false,
                node_down: is_down,
                report: None,
                checks,
                failed_since: None,
                flips: Vec::new(),
                flapping_until: None,
                monitoring_stopped: false,
            };
            if is_down {
                one.failed_since = Some(now);
                self.suspects.insert(registration.name.clone());
            }
            self.instances.insert(id, one);
            return;
        }

        self.touch(&id, now, |one| {
            (one.renewed, one.lease_expired) = (now, false);
            if one.registration.status != registration.status {
                one.status = registration.status;
            }
            if one.registration.weight != registration.weight {
                one.weight = weight;
            }
            if one.registration != *registration {
                one.node_down = is_down;
            }
            let old = std::mem::replace(&mut one.registration, registration.clone());
            let states = one.checks.clone();
            let kept = registration.checks.iter().map(|check| {
                let at = old.checks.iter().position(|old| old == check);
                at.map_or((HealthState::Unknown, 0, 0), |at| states[at])
            });
            one.checks = kept.collect();
        });
    }

    fn set_node(&mut self, node: &str, is_down: bool, now: Duration) {
        if is_down {
            self.down.insert(node.to_owned());
        } else {
            self.down.remove(node);
        }
        let here = self.instances.iter().filter(|(_, one)| one.registration.node.as_deref() == Some(node));
        let ids: Vec<String> = here.map(|(id, _)| id.clone()).collect();
        for id in &ids {
            self.touch(id, now, |one| one.node_down = is_down);
        }
    }

    fn tick(&mut self, now: Duration) {
        let rules = self.rules.clone();
        for one in self.instances.values_mut() {
            if one.pass(now, &rules) {
                self.suspects.insert(one.registration.name.clone());
            }
        }

        self.start_guards(now);
        self.end_guards(now);
        let protected = &self.protected;
        self.instances.retain(|_, one| {
            let lasts = one.registration.deregister_after.unwrap_or(rules.deregister_after);
            let is_over = one.failed_since.is_some_and(|since| !lasts.is_zero() && now >= since + lasts);
            let is_protected = protected.contains_key("") || protected.contains_key(&one.registration.name);
            !is_over || is_protected
        });
    }

    /// How many of a service failed since then, and how many there are. An empty name is everything.
    fn counts(&self, name: &str, since: Duration) -> (usize, usize) {
        let members = self.instances.values().filter(|one| name.is_empty() || one.registration.name == name);
        members.fold((0, 0), |(failed, total), one| {
            let has_failed = one.failed_since.is_some_and(|at| at >= since);
            (failed + usize::from(has_failed), total + 1)
        })
    }

    fn is_mass(&self, name: &str, since: Duration) -> bool {
        let guard = &self.rules.guard;
        let percent = if name.is_empty() { guard.total_percent } else { guard.service_percent };
        let (failed, total) = self.counts(name, since);
        failed >= guard.min_instances && failed * 100 > total * percent
    }

    fn start_guards(&mut self, now: Duration) {
        let mut suspects = std::mem::take(&mut self.suspects);
        if !suspects.is_empty() {
            suspects.insert(String::new());
        }
        for name in suspects {
            let since = now.saturating_sub(self.rules.guard.window);
            if self.is_mass(&name, since) {
                self.protected.entry(name).or_insert(now);
            }
        }
    }

    fn end_guards(&mut self, now: Duration) {
        let active = self.protected.clone();
        for (name, since) in active {
            if now >= since + self.rules.guard.max_duration || !self.is_mass(&name, Duration::ZERO) {
                self.protected.remove(&name);
            }
        }
    }

    pub(super) fn is_protected(&self, one: &RegisteredInstance) -> bool {
        self.protected.contains_key("") || self.protected.contains_key(one.name())
    }
}

impl NaiveInstance {
    fn set_monitoring(&mut self, enabled: bool) {
        if self.monitoring_stopped == enabled {
            self.monitoring_stopped = !enabled;
            self.checks.fill((HealthState::Unknown, 0, 0));
        }
    }

    fn result(&mut self, check: usize, shown: HealthState, rules: &Rules) {
        if shown == HealthState::Unknown || self.monitoring_stopped {
            return;
        }
        let (state, better, worse) = &mut self.checks[check];
        if *state == HealthState::Unknown || shown == *state {
            (*state, *better, *worse) = (shown, 0, 0);
            return;
        }
        if shown < *state {
            (*better, *worse) = (*better + 1, 0);
        } else {
            (*better, *worse) = (0, *worse + 1);
        }

        if *better >= rules.thresholds.rise || *worse >= rules.thresholds.fall {
            (*state, *better, *worse) = (shown, 0, 0);
        }
    }
}
