//! `portolan local --register`: announces what listens here, for as long as it listens.

mod plan;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::task::JoinHandle;

use self::plan::{AnnouncePlan, Machine};
pub(super) use self::rules::{Rule, read};
use super::exit::Exit;
use super::instance_id::host_name;
use super::register::{StateNotes, deregister, label, note_states, own_ip};
use super::registry::RegistryOptions;
use super::signals::Stop;
use super::{Global, stderr};
use crate::catalog::Snapshot;
use crate::client::{RegistrationHandle, Registry, watch};
use crate::engine::Cancel;
use crate::error::Result;
use crate::model::{EventKind, Registration};
use crate::net::runtime;
use crate::source::{Local, Source};

/// Announces the listeners that the rules match until a signal.
///
/// # Errors
/// The rules or the registry cannot be used, or this machine cannot be watched.
pub(super) fn run(rules: &Path, registry: &RegistryOptions, local: &Local, global: &Global) -> Result<Exit> {
    let rules = read(rules, "--register")?;
    let stop = Stop::listen()?;
    let registry = registry.open()?;
    let runtime = runtime(0)?;

    let source: Arc<dyn Source> = Arc::new(local.clone());
    let mut announcer = Announcer::new(registry, rules, global.quiet);
    let watched = runtime.block_on(async {
        let watched = announcer.follow(source, stop.cancel()).await;
        announcer.end().await;
        watched
    });
    runtime.shutdown_background();
    watched?;
    Ok(stop.requested().unwrap_or(Exit::Interrupted))
}

/// A registration that is kept up, and the task that reports its states.
struct RunningAnnouncement {
    registration: Registration,
    handle: RegistrationHandle,
    notes: JoinHandle<()>,
}

/// Keeps registered what the rules match.
pub(super) struct Announcer {
    registry: Registry,
    rules: Vec<Rule>,
    machine: Machine,
    quiet: bool,
    /// By id.
    announced: BTreeMap<String, RunningAnnouncement>,
    /// Listeners that were reported as unreachable.
    reported: BTreeSet<String>,
}

impl Announcer {
    pub(super) fn new(registry: Registry, rules: Vec<Rule>, quiet: bool) -> Self {
        let machine = Machine { name: host_name(), address: own_ip(), is_node: false };
        Self { registry, rules, machine, quiet, announced: BTreeMap::new(), reported: BTreeSet::new() }
    }

    /// The same, with a name of this machine that registrations have as their node.
    pub(super) fn on_node(mut self, name: &str) -> Self {
        self.machine = Machine { name: name.to_owned(), is_node: true, ..self.machine };
        self
    }

    /// Follows what listens here until it is cancelled. A watch that fails is resumed, and what is announced stays.
    pub(super) async fn follow(&mut self, source: Arc<dyn Source>, stop: &Cancel) -> Result<()> {
        let mut events = watch(source, None);
        let mut is_synced = false;
        while let Some(event) = stop.run_until_cancelled(events.next()).await.flatten() {
            match event?.kind {
                // What was listed so far is not all.
                EventKind::Added(_) | EventKind::Updated { .. } | EventKind::Removed(_) if !is_synced => continue,
                EventKind::Stale { error, .. } | EventKind::Error(error) => {
                    stderr::fault(&error);
                    continue;
                }
                _ => is_synced = true,
            }
            self.apply(&events.snapshot()).await?;
        }

        Ok(())
    }

    /// Registers what is new, and removes what is gone or has changed.
    async fn apply(&mut self, snapshot: &Snapshot) -> Result<()> {
        let services = snapshot.services().iter().map(|service| &**service);
        let AnnouncePlan { registrations, unreachable } = AnnouncePlan::new(&self.rules, services, &self.machine);

        let old: Vec<String> = self
            .announced
            .iter()
            .filter(|(id, known)| registrations.get(*id) != Some(&known.registration))
            .map(|(id, _)| id.clone())
            .collect();
        for id in old {
            if let Some(known) = self.announced.remove(&id) {
                known.notes.abort();
                deregister(known.handle, self.quiet).await;
            }
        }

        for (id, registration) in registrations {
            if !self.announced.contains_key(&id) {
                let handle = self.registry.announce(registration.clone())?;
                let notes = tokio::spawn(note_states(handle.states(), StateNotes::new(label(&handle)), self.quiet));
                self.announced.insert(id, RunningAnnouncement { registration, handle, notes });
            }
        }
        for listener in unreachable {
            if self.reported.insert(listener.clone()) && !self.quiet {
                let hint = "give its rule an address, if clients of the registry can reach it";
                stderr::note(&format!("not registered: {listener}, which only this machine reaches ({hint})"));
            }
        }
        Ok(())
    }

    /// Deregisters everything.
    pub(super) async fn end(self) {
        let endings = self.announced.into_values().map(|known| {
            known.notes.abort();
            deregister(known.handle, self.quiet)
        });
        futures_util::future::join_all(endings).await;
    }
}
