//! What only Consul's API asks for: checks that come and go by their ids, maintenance with a reason, and nodes.

use std::sync::Arc;

use super::entry::CheckResult;
use super::rules::METHOD_HINT;
use super::state::State;
use super::{Cause, ChangeKind, CommandRejection, InstanceRecord, Now, Outcome};
use crate::model::{
    CatalogCheck, CatalogEntry, CheckDefinition, CheckKind, HealthState, NODES_NAMESPACE, OperatorStatus, Problem,
    Registration, Thresholds,
};

/// A command of Consul's API. Checks have ids there, and are changed by several requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogCommand {
    /// Registers an instance or a node, also under the id of an instance of another service, which it replaces.
    Register {
        /// The registration, which has a catalog entry.
        registration: Arc<Registration>,
        /// Whether checks that it does not name are removed. Those that it names keep their states.
        replace_checks: bool,
    },
    /// Adds a check, or changes the one with its id. It takes the state that is given, although it had another before.
    AddCheck {
        /// The instance.
        id: Arc<str>,
        /// The check.
        definition: Box<CheckDefinition>,
        /// The same, as far as only Consul knows it.
        check: Box<CatalogCheck>,
    },
    /// Removes a check. One that is not there is no error.
    RemoveCheck {
        /// The instance.
        id: Arc<str>,
        /// The id of the check.
        check: Arc<str>,
    },
    /// Takes a report of a check.
    Report {
        /// The instance.
        id: Arc<str>,
        /// The id of the check.
        check: Arc<str>,
        /// The state.
        state: HealthState,
        /// Its text.
        note: Option<Arc<str>>,
    },
    /// Puts an instance out of service. If it is already, the first reason stays.
    Maintain {
        /// The instance.
        id: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
}

impl CatalogCommand {
    /// The instance that it is about.
    pub fn id(&self) -> &str {
        match self {
            Self::Register { registration, .. } => registration.id.as_deref().unwrap_or_default(),
            Self::AddCheck { id, .. }
            | Self::RemoveCheck { id, .. }
            | Self::Report { id, .. }
            | Self::Maintain { id, .. } => id,
        }
    }
}

impl State {
    pub(super) fn catalog(&mut self, command: CatalogCommand, now: Now) -> Result<Outcome, CommandRejection> {
        match command {
            CatalogCommand::Register { registration, replace_checks } => {
                self.catalog_register(registration, replace_checks, now)
            }
            CatalogCommand::AddCheck { id, definition, check } => self.add_check(&id, *definition, *check, now),
            CatalogCommand::RemoveCheck { id, check } => self.remove_check(&id, &check, now),
            CatalogCommand::Report { id, check, state, note } => self.report_check(&id, &check, state, note, now),
            CatalogCommand::Maintain { id, reason } => self.maintain(&id, reason, now),
        }
    }

    fn catalog_register(
        &mut self,
        registration: Arc<Registration>,
        replace_checks: bool,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        if let Some(problem) = registration.problem().or_else(|| self.view.rules.method_problem(&registration)) {
            return Err(problem.into());
        }
        let id = registration.id.clone().unwrap_or_default();
        let known = self.view.record(&id).cloned();
        let same = known.as_ref().filter(|known| known.service() == service_of(&registration));
        let before = self.clone();
        let mut outcome = match (&known, same) {
            (Some(_), None) => self.deregister(&id, None, now)?,
            _ => Outcome::default(),
        };

        let merged = match same {
            Some(known) if !replace_checks => with_checks_of(&registration, &known.registration),
            _ => registration,
        };
        match self.accept(merged, now) {
            Ok(registered) => outcome.append(registered),
            Err(rejected) => {
                // Refused as a whole: the instance that it would replace stays.
                *self = before;
                return Err(rejected);
            }
        }
        Ok(outcome)
    }

    fn add_check(
        &mut self,
        id: &str,
        definition: CheckDefinition,
        check: CatalogCheck,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut registration = Registration::clone(&self.find(id, None)?.record.registration);
        let given = check.clone();
        if let Some(message) = self.view.rules.refused_method(&definition.kind) {
            return Err(Problem::new("config.method", message, METHOD_HINT).into());
        }
        put_check(&mut registration, definition, check);

        let mut outcome = self.accept(Arc::new(registration), now)?;
        self.set_state(id, &given, now, &mut outcome);
        Ok(outcome)
    }

    fn remove_check(&mut self, id: &str, check: &str, now: Now) -> Result<Outcome, CommandRejection> {
        let mut registration = Registration::clone(&self.find(id, None)?.record.registration);
        let Some(at) = registration.catalog_check_position(check) else { return Ok(Outcome::default()) };

        registration.checks.remove(at);
        if let Some(entry) = &mut registration.catalog {
            entry.checks.remove(at);
        }
        self.accept(Arc::new(registration), now)
    }

    fn report_check(
        &mut self,
        id: &str,
        check: &Arc<str>,
        state: HealthState,
        note: Option<Arc<str>>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let registration = Arc::clone(&self.find(id, None)?.record.registration);
        let at = registration.catalog_check_position(check).filter(|at| {
            let definition = registration.checks.get(*at);
            definition.is_some_and(|definition| definition.kind == CheckKind::Ttl)
        });
        let Some(at) = at else {
            return Err(CommandRejection::UnknownReport { id: id.into(), check: Arc::clone(check) });
        };

        self.check_result(id, None, CheckResult { check: at, state, note }, now)
    }

    fn maintain(&mut self, id: &str, reason: Arc<str>, now: Now) -> Result<Outcome, CommandRejection> {
        self.update(id, None, now, |record| {
            if record.status != OperatorStatus::Maintenance {
                record.status = OperatorStatus::Maintenance;
                record.reason = Some(reason);
            }
        })
    }

    /// Gives a check the state and the text that it was registered with.
    fn set_state(&mut self, id: &str, check: &CatalogCheck, now: Now, outcome: &mut Outcome) {
        let Some(mut entry) = self.view.instances.get(id).cloned() else { return };
        let Some(at) = entry.record.registration.catalog_check_position(&check.id) else { return };
        let mut record = InstanceRecord::clone(&entry.record);

        if let Some(vitals) = entry.vitals_mut().checks.get_mut(at) {
            vitals.debounced.record(check.initial, Thresholds { rise: 1, fall: 1 });
            vitals.note = Some(check.output.as_str()).filter(|output| !output.is_empty()).map(Arc::from);
        }
        if let Some(state) = record.checks.get_mut(at) {
            *state = check.initial;
        }
        self.replace(entry, record, Cause::Check, now, outcome);
    }

    /// A node whose record is unhealthy is down, with all its instances.
    pub(super) fn follow_nodes(&mut self, outcome: &mut Outcome, now: Now) {
        let nodes = outcome.changes.iter().filter(|change| change.instance.namespace() == NODES_NAMESPACE);
        let nodes = nodes.map(|change| {
            let is_down = change.kind != ChangeKind::Removed && change.instance.health == HealthState::Unhealthy;
            (Arc::<str>::from(change.instance.name()), is_down)
        });

        let nodes: Vec<(Arc<str>, bool)> = nodes.collect();
        for (node, is_down) in nodes {
            if is_down != self.down_nodes.contains(&*node) {
                outcome.append(self.set_node(&node, is_down, now));
            }
        }
    }
}

fn service_of(registration: &Registration) -> String {
    format!("{}/{}", registration.namespace_or_default(), registration.name)
}

/// A registration with those checks of an older one that it does not name itself.
fn with_checks_of(registration: &Arc<Registration>, old: &Registration) -> Arc<Registration> {
    let Some(old_entry) = &old.catalog else { return Arc::clone(registration) };
    let mut merged = Registration::clone(registration);
    for (definition, check) in old.checks.iter().zip(&old_entry.checks) {
        if merged.catalog_check_position(&check.id).is_none() {
            put_check(&mut merged, definition.clone(), check.clone());
        }
    }

    Arc::new(merged)
}

/// Adds a check, or changes the one with its id.
fn put_check(registration: &mut Registration, definition: CheckDefinition, check: CatalogCheck) {
    let position = registration.catalog_check_position(&check.id);
    let mut entry = registration.catalog.take().unwrap_or_else(|| Box::new(CatalogEntry::of(registration)));
    match position.and_then(|at| Some((registration.checks.get_mut(at)?, entry.checks.get_mut(at)?))) {
        Some((old_definition, old_check)) => {
            *old_definition = definition;
            *old_check = check;
        }
        None => {
            registration.checks.push(definition);
            entry.checks.push(check);
        }
    }
    registration.catalog = Some(entry);
}
