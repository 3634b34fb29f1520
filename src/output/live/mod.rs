//! The state of the live view of a watch, its keys and its drawing. The caller owns the terminal.
//!
//! Time is an argument and nothing here waits: the caller redraws after an event, and at [`View::next_change`].

mod details;
mod draw;
mod help;
mod history;
mod keys;
mod menu;
mod order;
mod picture;
mod popup;
mod press;
mod process_history;
mod rows;
mod table;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::history::History;
use self::menu::Menu;
pub(crate) use self::press::{KeyPress, MousePress, ViewAction};
use self::process_history::ProcessHistory;
pub(crate) use self::process_history::ProcessSample;
use self::rows::Rows;
use self::table::Places;
use super::RenderOptions;
use crate::clean::escaped;
use crate::model::{Event, EventKind, LocalDetail, PartialError, Process, Service, ServiceId};

/// How long a change stays marked, and a removed service stays visible.
const MARK_DURATION: Duration = Duration::from_secs(5);
/// How long an error message stays visible.
const NOTE_DURATION: Duration = Duration::from_secs(15);
/// How often ages are redrawn.
const AGE_INTERVAL: Duration = Duration::from_secs(1);

/// The live view.
pub(crate) struct View {
    page: RenderOptions,
    /// The source for the title line: `local`.
    source: &'static str,
    known: BTreeMap<ServiceId, LiveRow>,
    synced: bool,
    /// Since when the source is unreachable, and why.
    stale: Option<(Instant, String)>,
    note: Option<Note>,
    rows: Rows,
    /// Whether `rows` is older than `known`.
    behind: bool,
    filter: String,
    mode: Mode,
    /// Number of changes hidden by the pause; `None` if not paused.
    paused: Option<usize>,
    details: bool,
    /// The process of the row whose details are open.
    process: ProcessHistory,
    /// The first visible line of the details.
    scrolled: u16,
    /// The number of columns that are scrolled away to the left.
    skipped: usize,
    /// Where the latest drawing has what the mouse may point at.
    places: Places,
}

/// What the keys act on.
enum Mode {
    Table,
    /// The text of the filter.
    Filter,
    /// The help, from this line on.
    Help(u16),
    Menu(Menu),
    /// A question, to be answered with y or n.
    Question(String),
}

/// A message below the table.
struct Note {
    at: Instant,
    text: String,
    is_error: bool,
}

/// A service and its latest change.
struct LiveRow {
    service: Arc<Service>,
    mark: Option<Mark>,
    changed: Vec<String>,
    /// The score history of each endpoint.
    scores: Vec<History>,
}

/// The latest change of a service, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    sign: RowMark,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowMark {
    Added,
    Updated,
    Removed,
}

impl Mark {
    fn is_removed(self) -> bool {
        self.sign == RowMark::Removed
    }

    fn is_expired(self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= MARK_DURATION
    }
}

impl View {
    /// A view of a source in the columns of `page`; `wide` adds those of the wide table.
    pub(crate) fn new(source: &'static str, page: RenderOptions, wide: bool) -> Self {
        Self {
            page,
            source,
            known: BTreeMap::new(),
            synced: false,
            stale: None,
            note: None,
            rows: Rows::new(page.columns, wide),
            behind: false,
            filter: String::new(),
            mode: Mode::Table,
            paused: None,
            details: false,
            process: ProcessHistory::default(),
            scrolled: 0,
            skipped: 0,
            places: Places::default(),
        }
    }

    /// Applies an event.
    pub(crate) fn apply(&mut self, event: &Event, now: Instant) {
        match &event.kind {
            EventKind::Added(service) => self.set(service, RowMark::Added, &[], now),
            EventKind::Updated { item, changed, .. } => self.set(item, RowMark::Updated, changed, now),
            EventKind::Removed(service) => {
                if let Some(known) = self.known.get_mut(&service.id) {
                    known.mark = Some(Mark { sign: RowMark::Removed, at: now });
                }
            }
            EventKind::Synced { .. } => (self.synced, self.stale) = (true, None),
            EventKind::Stale { age, error } => {
                let since = age.and_then(|age| now.checked_sub(age)).unwrap_or(now);
                self.stale = Some((since, error_text(error)));
            }
            EventKind::Lagged { missed } => self.warn(format!("{missed} events came too fast to display"), now),
            EventKind::Error(error) => self.note(error, now),
        }

        if event.kind.item().is_some() {
            self.behind = true;
            self.paused = self.paused.map(|changes| changes + 1);
        }
    }

    fn set(&mut self, service: &Arc<Service>, sign: RowMark, changed: &[String], now: Instant) {
        // Services of the initial listing are not marked as new.
        let mark = self.synced.then_some(Mark { sign, at: now });

        let known = self.known.entry(service.id.clone()).or_insert_with(|| LiveRow {
            service: Arc::clone(service),
            mark: None,
            changed: Vec::new(),
            scores: Vec::new(),
        });

        known.service = Arc::clone(service);
        known.mark = mark;
        known.changed = changed.to_vec();

        known.scores.resize_with(service.endpoints.len(), History::default);
        for (history, endpoint) in known.scores.iter_mut().zip(&service.endpoints) {
            history.record(endpoint.health.as_ref().and_then(|health| health.score), now);
        }
    }

    /// The process of the row whose details are open, if it is to be measured now.
    pub(crate) fn process_to_measure(&mut self, now: Instant) -> Option<Arc<Process>> {
        let row = self.rows.selected().filter(|_| self.details);
        let detail = row.and_then(|row| row.service.detail.downcast_ref::<LocalDetail>());
        let Some(process) = detail.and_then(LocalDetail::main_process) else {
            self.process = ProcessHistory::default();
            return None;
        };

        self.process.is_due(process.pid, now).then(|| Arc::clone(process))
    }

    /// Shows what was measured of the process in the details; `None` if it could not be measured.
    pub(crate) fn record_process(&mut self, sample: Option<ProcessSample>, now: Instant) {
        self.process.record(sample, now);
    }

    /// Shows an error for a while.
    pub(crate) fn note(&mut self, fault: &PartialError, now: Instant) {
        self.warn(error_text(fault), now);
    }

    /// Shows why something failed, for a while.
    pub(crate) fn warn(&mut self, text: String, now: Instant) {
        self.note = Some(Note { at: now, text, is_error: true });
    }

    /// Shows a message for a while.
    pub(crate) fn say(&mut self, text: String, now: Instant) {
        self.note = Some(Note { at: now, text, is_error: false });
    }

    /// The next time when the drawing changes without an event.
    pub(crate) fn next_change(&self, now: Instant) -> Option<Instant> {
        let held = self.held();
        let marks = self.known.iter().filter(|(id, _)| held != Some(*id));
        let marks = marks.filter_map(|(_, known)| Some(known.mark?.at + MARK_DURATION));

        let note = self.note.as_ref().map(|note| note.at + NOTE_DURATION);
        let ages = (self.stale.is_some() || self.details).then_some(now + AGE_INTERVAL);
        let scores = self.has_scores().then_some(now + history::STEP);
        marks.chain(note).chain(ages).chain(scores).min()
    }

    /// Updates the rows, and drops expired marks and messages.
    fn catch_up(&mut self, now: Instant) {
        let held = self.held().cloned();
        let before = self.known.len();
        self.known.retain(|id, known| {
            held.as_ref() == Some(id) || !known.mark.is_some_and(|mark| mark.is_removed() && mark.is_expired(now))
        });
        let mut faded = self.known.len() < before;
        for known in self.known.values_mut() {
            if known.mark.is_some_and(|mark| mark.is_expired(now) && !mark.is_removed()) {
                (known.mark, faded) = (None, true);
            }
        }
        self.behind |= faded;

        if self.note.as_ref().is_some_and(|note| now.saturating_duration_since(note.at) >= NOTE_DURATION) {
            self.note = None;
        }

        if self.behind && self.paused.is_none() {
            self.rows.set(&self.page, &self.known, &self.filter);
            self.behind = false;
        }
    }

    /// The service whose details are open; it stays visible after its removal.
    fn held(&self) -> Option<&ServiceId> {
        self.rows.selected().filter(|_| self.details).map(|row| &row.service.id)
    }

    fn has_scores(&self) -> bool {
        self.known.values().any(|known| known.scores.iter().any(History::has_any))
    }

    /// The number of services.
    fn count(&self) -> usize {
        self.known.values().filter(|known| !known.mark.is_some_and(Mark::is_removed)).count()
    }
}

fn error_text(fault: &PartialError) -> String {
    format!("cannot {}: {}", escaped(&fault.operation), escaped(&fault.cause))
}
