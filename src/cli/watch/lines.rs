//! The lines of a watch.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::{News, Snapshot};
use crate::model::{Change, Event, EventKind, Service, diff};
use crate::output::EventFormat;

/// Writes what happens, each line as soon as it is known.
pub(super) struct Lines<'w> {
    format: EventFormat,
    out: &'w mut (dyn Write + Send),
    /// As it was told.
    known: HashMap<String, Arc<Service>>,
    /// Changes that are wanted yet; `None`: any number.
    left: Option<u64>,
    synced: bool,
    source: &'static str,
}

impl<'w> Lines<'w> {
    pub(super) fn new(
        format: EventFormat,
        source: &'static str,
        count: Option<u64>,
        out: &'w mut (dyn Write + Send),
    ) -> Self {
        Self { format, out, known: HashMap::new(), left: count, synced: false, source }
    }

    /// Takes news. `Break`: as many changes as wanted are written.
    pub(super) fn news(&mut self, news: &News) -> io::Result<ControlFlow<()>> {
        let told = match news {
            News::Events(events) => self.events(events.iter()),
            News::Lagged { missed, snapshot } => self.events(self.caught_up(*missed, snapshot).iter()),
        };
        self.out.flush()?;
        told
    }

    fn events<'e>(&mut self, events: impl Iterator<Item = &'e Event>) -> io::Result<ControlFlow<()>> {
        for event in events {
            self.format.write(self.out, event)?;
            match &event.kind {
                EventKind::Added(item) | EventKind::Updated { item, .. } => {
                    self.known.insert(item.id.clone(), Arc::clone(item));
                }
                EventKind::Removed(item) => {
                    self.known.remove(&item.id);
                }
                EventKind::Synced { .. } => self.synced = true,
                _ => {}
            }
            if let Some(left) = &mut self.left
                && self.synced
                && event.kind.item().is_some()
            {
                *left -= 1;
                if *left == 0 {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What events that were left out came to. All of it has the index of the last one.
    fn caught_up(&self, missed: u64, snapshot: &Snapshot) -> Vec<Event> {
        let (index, time, source) = (snapshot.index(), Timestamp::now(), self.source);
        let event = |kind| Event { index, time, source, kind };
        let now = |service: &Service| snapshot.get(&service.id).map(Arc::clone);
        let changes = diff(self.known.values().map(|old| &**old), snapshot.services().iter().map(|new| &**new));
        let kinds = changes.into_iter().filter_map(|change| match change {
            Change::Added(new) => now(new).map(EventKind::Added),
            Change::Updated { old, new, changed } => {
                let was = old.health_unlike(new);
                now(new).map(|item| EventKind::Updated { item, changed, was })
            }
            Change::Removed(old) => self.known.get(&old.id).map(|old| EventKind::Removed(Arc::clone(old))),
        });
        let synced =
            (snapshot.is_synced() && !self.synced).then(|| EventKind::Synced { services: snapshot.services().len() });
        std::iter::once(EventKind::Lagged { missed }).chain(kinds).chain(synced).map(event).collect()
    }
}
