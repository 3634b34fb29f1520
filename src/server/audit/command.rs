//! What the audit log says of a command.

use std::sync::Arc;

use super::{Origin, UNCHANGED};
use crate::clean::{clean, without_tokens};
use crate::model::{AuditEntry, RegisteredInstance, Registration};
use crate::registry::{
    CatalogCommand, Command, CommandRejection, ConfigCommand, DriftCommand, Outcome, State, TrafficCommand,
};

/// A command that is about to be carried out.
pub(in crate::server) struct PlannedCommand {
    action: &'static str,
    target: String,
    /// The instance that it is about. What it changes beside that follows from it.
    subject: Option<Arc<str>>,
    detail: Option<String>,
    /// Whether it is recorded only if it changes something: it comes all the time.
    is_routine: bool,
}

impl PlannedCommand {
    /// What the audit log says of a command; `None` for what no client asks for.
    pub(in crate::server) fn new(command: &Command) -> Option<Self> {
        let (action, target, detail) = match command {
            Command::Register(registration) => ("register", registered(registration), None),
            Command::Renew { id, report, .. } => {
                ("heartbeat", shown(id), report.as_ref().map(|(health, _)| health.as_str().to_owned()))
            }
            Command::Deregister { id, .. } => ("deregister", shown(id), None),
            Command::SetStatus { id, status, reason, .. } => {
                let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {}", shown(reason)));
                ("set_status", shown(id), Some(format!("{}{reason}", status.as_str())))
            }
            Command::SetWeight { id, weight, .. } => ("set_weight", shown(id), Some(weight.to_string())),
            Command::SetMetadata { id, entries, .. } => {
                let keys: Vec<String> = entries.keys().map(|key| shown(key)).collect();
                ("set_metadata", shown(id), Some(keys.join(", ")))
            }
            Command::SetMonitoring { id, enabled: true, .. } => ("start_monitoring", shown(id), None),
            Command::SetMonitoring { id, enabled: false, .. } => ("stop_monitoring", shown(id), None),
            Command::NodeUp { node } => ("node_up", shown(node), None),
            Command::NodeDown { node } => ("node_down", shown(node), None),
            Command::Catalog(command) => of_catalog(command),
            Command::Config(command) => of_config(command),
            Command::Traffic { service, command } => of_traffic(service, command)?,
            Command::Drift(command) => of_drift(command),
            Command::CheckResult { .. } | Command::CheckUnavailable { .. } | Command::Tick => return None,
        };
        let is_routine = matches!(
            command,
            Command::Renew { .. }
                | Command::Catalog(CatalogCommand::Report { .. })
                | Command::Drift(DriftCommand::Report(_))
        );

        Some(Self { action, target, subject: command.subject(), detail, is_routine })
    }

    /// The entry, now that the command was carried out; `None` for a heartbeat that changed nothing.
    pub(in crate::server) fn entry(
        self,
        origin: &Origin,
        outcome: Result<&Outcome, &CommandRejection>,
        after: &State,
    ) -> Option<AuditEntry> {
        let last_change = outcome.ok().and_then(|outcome| outcome.changes.last());
        let last_document = outcome.ok().and_then(|outcome| outcome.documents.last());
        let index = last_change.map(|change| change.index).max(last_document.map(|document| document.index));
        if self.is_routine && index.is_none() {
            return None;
        }

        let result = match outcome {
            Ok(_) if index.is_none() => UNCHANGED,
            Ok(_) => "ok",
            Err(rejected) => rejected.code(),
        };
        let mut entry = origin.entry(self.action, result);
        entry.index = index;
        entry.target = Some(self.full_name(outcome.ok(), after).unwrap_or(self.target));
        entry.detail = self.detail;
        Some(entry)
    }

    /// The full name of the instance that it is about, as far as there is or was one.
    fn full_name(&self, outcome: Option<&Outcome>, after: &State) -> Option<String> {
        let id = self.subject.as_deref()?;
        let mut changes = outcome.into_iter().flat_map(|outcome| &outcome.changes);
        let changed = changes.find(|change| &*change.instance.id == id).map(|change| named(&change.instance));
        // The name of a registration is the one that was asked for, also if another instance has its id.
        let is_known = self.action != "register";
        changed.or_else(|| after.view().get(id).filter(|_| is_known).as_ref().map(named))
    }

    /// The entry of a command that was refused before it could be carried out.
    pub(in crate::server) fn refused(self, origin: &Origin, code: &str) -> AuditEntry {
        let mut entry = origin.entry(self.action, code);
        entry.target = Some(self.target);
        entry.detail = self.detail;
        entry
    }

    /// The command for the log: `heartbeat web-1`.
    pub(in crate::server) fn to_text(&self) -> String {
        format!("{} {}", self.action, self.target)
    }
}

fn of_catalog(command: &CatalogCommand) -> (&'static str, String, Option<String>) {
    let target = shown(command.id());
    match command {
        CatalogCommand::Register { registration, .. } => ("register", registered(registration), None),
        CatalogCommand::AddCheck { check, .. } => ("add_check", target, Some(shown(&check.id))),
        CatalogCommand::RemoveCheck { check, .. } => ("remove_check", target, Some(shown(check))),
        CatalogCommand::Report { check, state, .. } => {
            ("report_check", target, Some(format!("{}: {}", shown(check), state.as_str())))
        }
        CatalogCommand::Maintain { reason, .. } => ("maintain", target, Some(shown(reason))),
    }
}

fn of_config(command: &ConfigCommand) -> (&'static str, String, Option<String>) {
    let target = format!("configuration {}", shown(command.name()));
    match command {
        ConfigCommand::Put { .. } => ("put_config", target, None),
        ConfigCommand::Delete { .. } => ("delete_config", target, None),
        ConfigCommand::Rollback { to, .. } => ("roll_back_config", target, Some(format!("to version {to}"))),
    }
}

fn of_drift(command: &DriftCommand) -> (&'static str, String, Option<String>) {
    let target = format!("host {}", shown(command.host()));
    match command {
        DriftCommand::Report(report) => ("report_drift", target, Some(format!("{} findings", report.findings.len()))),
        DriftCommand::Forget { .. } => ("forget_host", target, None),
    }
}

/// `None` for a score, which the server itself reports.
fn of_traffic(service: &str, command: &TrafficCommand) -> Option<(&'static str, String, Option<String>)> {
    let (action, detail) = match command {
        TrafficCommand::Switch(_) => ("switch_traffic", None),
        TrafficCommand::Reset => ("reset_traffic", None),
        TrafficCommand::SetStrategy(strategy) => ("set_strategy", strategy.as_deref().map(shown)),
        TrafficCommand::Start(_) => ("start_shift", None),
        TrafficCommand::Pause => ("pause_shift", None),
        TrafficCommand::Resume => ("resume_shift", None),
        TrafficCommand::Abort(why) => ("abort_shift", Some(shown(why))),
        TrafficCommand::Finish => ("finish_shift", None),
        TrafficCommand::Score(_) => return None,
    };

    Some((action, shown(service), detail))
}

/// The rules may still reject the names.
fn registered(registration: &Registration) -> String {
    let id = registration.id.as_deref().unwrap_or_default();
    format!("{}/{}/{}", shown(registration.namespace_or_default()), shown(&registration.name), shown(id))
}

/// What a client wrote, which may be its key.
fn shown(text: &str) -> String {
    clean(&without_tokens(text))
}

/// `NAMESPACE/NAME/ID`
pub(super) fn named(instance: &RegisteredInstance) -> String {
    format!("{}/{}/{}", clean(instance.namespace()), clean(instance.name()), clean(&instance.id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::registry::{Now, Rules};

    const ID: &str = "6f2d3b0e-0b0c-4c39-9d6c-7e1f6f5f7a11";

    fn carry_out(state: &mut State, command: Command) -> Option<AuditEntry> {
        let now = Now { elapsed: Duration::ZERO, wall: Timestamp::UNIX_EPOCH };
        let planned = PlannedCommand::new(&command).unwrap();
        let outcome = state.step(command, now);
        planned.entry(&Origin::unknown(), outcome.as_ref(), state)
    }

    #[test]
    fn each_write_is_recorded_with_what_became_of_it_and_a_heartbeat_only_if_it_changes_something() {
        let mut state = State::new(Rules::default());
        let web = Registration::new("web", "10.0.0.1:80".parse().unwrap()).id(ID);
        let register = || Command::Register(Arc::new(web.clone()));
        let id: Arc<str> = ID.into();
        let renew = |report| Command::Renew { id: ID.into(), generation: None, report };
        let full_name = format!("default/web/{ID}");

        let mut hostile = web.clone();
        hostile.name = format!("\u{1b}[2J{}", "x".repeat(60_000));
        for (command, expected) in [
            (register(), Some(("register", "ok", full_name.as_str()))),
            (register(), Some(("register", "unchanged", &full_name))),
            (renew(None), None),
            (renew(Some((crate::model::HealthState::Degraded, None))), Some(("heartbeat", "ok", &full_name))),
            (
                Command::SetWeight { id: Arc::clone(&id), generation: None, weight: 7 },
                Some(("set_weight", "ok", &full_name)),
            ),
            (
                Command::Deregister { id: Arc::clone(&id), generation: Some(99) },
                Some(("deregister", "stale_generation", &full_name)),
            ),
            (Command::Deregister { id: Arc::clone(&id), generation: None }, Some(("deregister", "ok", &full_name))),
            (
                Command::Deregister { id: Arc::clone(&id), generation: None },
                Some(("deregister", "unknown_instance", ID)),
            ),
            (renew(None), None),
        ] {
            let entry = carry_out(&mut state, command.clone());
            let found = entry
                .as_ref()
                .map(|entry| (entry.action.as_str(), entry.result.as_str(), entry.target.as_deref().unwrap()));
            assert_eq!(found, expected, "{command:?}");
            assert_eq!(
                entry.is_some_and(|entry| entry.index.is_some()),
                expected.is_some_and(|expected| expected.1 == "ok")
            );
        }

        let entry = carry_out(&mut state, Command::Register(Arc::new(hostile))).unwrap();
        let target = entry.target.unwrap();
        assert!(target.chars().count() < 700 && !target.contains('\u{1b}'), "{target}");
    }
}
