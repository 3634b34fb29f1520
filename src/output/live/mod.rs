//! What a live view shows of a watch: its state, the keys that change it, and its drawing. Who owns the terminal is
//! somebody else.
//!
//! Time comes in as an argument, and nothing here waits: whoever draws asks [`View::next_change`] when there is something
//! new to be seen without any event.

mod details;
mod draw;
mod history;
mod rows;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::history::History;
use self::rows::Rows;
use super::RenderOptions;
use crate::clean::escaped;
use crate::model::{Event, EventKind, PartialError, Service};

/// How long a change stays marked, and what is gone stays to be seen.
const MARKED: Duration = Duration::from_secs(5);
/// How long a word about something that went wrong stays.
const NOTED: Duration = Duration::from_secs(15);
/// How often ages are shown anew.
const SECOND: Duration = Duration::from_secs(1);

/// What is shown, and how.
pub(crate) struct View {
    page: RenderOptions,
    /// What is watched, for the first line: `local`.
    source: &'static str,
    known: BTreeMap<String, LiveRow>,
    synced: bool,
    /// Since when the source cannot be asked, and why.
    stale: Option<(Instant, String)>,
    note: Option<(Instant, String)>,
    rows: Rows,
    /// The rows are not what is known.
    behind: bool,
    filter: String,
    /// Whether keys go into the filter.
    typing: bool,
    /// Changes that are not shown because somebody wants to look; `None`: everything is shown.
    paused: Option<usize>,
    details: bool,
    /// The first line of the details that is shown.
    scrolled: u16,
}

/// A service, and what became of it lately.
struct LiveRow {
    service: Arc<Service>,
    mark: Option<Mark>,
    changed: Vec<String>,
    /// The scores of its endpoints.
    scores: Vec<History>,
}

/// What happened to a service, and when.
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

/// A key, as far as a view knows keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPress {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-U: everything that was typed.
    Erase,
    Letter(char),
}

impl View {
    /// Of a source whose services are shown in the columns of `page`; `wide`: in those of the wide table too.
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
            typing: false,
            paused: None,
            details: false,
            scrolled: 0,
        }
    }

    /// Takes what happened.
    pub(crate) fn take(&mut self, event: &Event, now: Instant) {
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
                self.stale = Some((since, words(error)));
            }
            EventKind::Lagged { missed } => self.say(format!("{missed} events came too fast to be shown"), now),
            EventKind::Error(error) => self.note(error, now),
        }
        if event.kind.item().is_some() {
            self.behind = true;
            self.paused = self.paused.map(|changes| changes + 1);
        }
    }

    fn set(&mut self, service: &Arc<Service>, sign: RowMark, changed: &[String], now: Instant) {
        // What is there from the beginning is no news.
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
            history.note(endpoint.health.as_ref().and_then(|health| health.score), now);
        }
    }

    /// Shows for a while that something went wrong.
    pub(crate) fn note(&mut self, fault: &PartialError, now: Instant) {
        self.say(words(fault), now);
    }

    fn say(&mut self, text: String, now: Instant) {
        self.note = Some((now, text));
    }

    /// Takes a key. `Break`: whoever pressed it wants no more.
    pub(crate) fn press(&mut self, key: KeyPress) -> ControlFlow<()> {
        if self.typing {
            self.type_into_filter(key);
            return ControlFlow::Continue(());
        }
        match key {
            KeyPress::Escape if self.details => self.details = false,
            KeyPress::Escape if !self.filter.is_empty() => self.set_filter(String::new()),
            KeyPress::Escape | KeyPress::Letter('q') => return ControlFlow::Break(()),
            KeyPress::Letter('/') => self.typing = true,
            KeyPress::Letter('p' | ' ') => self.pause(),
            KeyPress::Letter('s') => self.rows.sort_by_next(),
            KeyPress::Letter('r') => self.rows.reverse(),
            KeyPress::Enter => {
                (self.details, self.scrolled) = (!self.details, 0);
                self.rows.stay();
            }
            KeyPress::PageUp if self.details => self.scrolled = self.scrolled.saturating_sub(SCROLL),
            KeyPress::PageDown if self.details => self.scrolled = self.scrolled.saturating_add(SCROLL),
            key => {
                self.rows.walk(key);
                self.scrolled = 0;
            }
        }
        ControlFlow::Continue(())
    }

    fn type_into_filter(&mut self, key: KeyPress) {
        let mut filter = self.filter.clone();
        match key {
            KeyPress::Letter(letter) if filter.chars().count() < LONGEST_FILTER => filter.push(letter),
            KeyPress::Backspace => drop(filter.pop()),
            KeyPress::Erase => filter.clear(),
            KeyPress::Enter => self.typing = false,
            KeyPress::Escape => {
                self.typing = false;
                filter.clear();
            }
            key => self.rows.walk(key),
        }
        if filter != self.filter {
            self.set_filter(filter);
        }
    }

    fn set_filter(&mut self, filter: String) {
        self.rows.filter(&filter);
        self.filter = filter;
    }

    fn pause(&mut self) {
        self.paused = if self.paused.is_some() { None } else { Some(0) };
    }

    /// When there is something else to be seen, though nothing happens.
    pub(crate) fn next_change(&self, now: Instant) -> Option<Instant> {
        let held = self.held();
        let marks = self.known.iter().filter(|(id, _)| held != Some(id.as_str()));
        let marks = marks.filter_map(|(_, known)| Some(known.mark?.at + MARKED));
        let note = self.note.as_ref().map(|(at, _)| *at + NOTED);
        let ages = (self.stale.is_some() || self.details).then_some(now + SECOND);
        let scores = self.has_scores().then_some(now + history::STEP);
        marks.chain(note).chain(ages).chain(scores).min()
    }

    /// Brings what is shown up to date.
    fn catch_up(&mut self, now: Instant) {
        let over = |mark: Mark| now.saturating_duration_since(mark.at) >= MARKED;
        let is_gone = |mark: Mark| mark.sign == RowMark::Removed;
        let held = self.held().map(str::to_owned);
        let before = self.known.len();
        self.known.retain(|id, known| {
            held.as_ref() == Some(id) || !known.mark.is_some_and(|mark| is_gone(mark) && over(mark))
        });
        let mut faded = self.known.len() < before;
        for known in self.known.values_mut() {
            if known.mark.is_some_and(|mark| over(mark) && !is_gone(mark)) {
                (known.mark, faded) = (None, true);
            }
        }
        self.behind |= faded;
        if self.note.as_ref().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= NOTED) {
            self.note = None;
        }
        if self.behind && self.paused.is_none() {
            self.rows.set(&self.page, &self.known, &self.filter);
            self.behind = false;
        }
    }

    /// Whose details are open: somebody reads them, so it stays also when it is gone.
    fn held(&self) -> Option<&str> {
        self.rows.selected().filter(|_| self.details).map(|row| row.service.id.as_str())
    }

    fn has_scores(&self) -> bool {
        self.known.values().any(|known| known.scores.iter().any(History::has_any))
    }

    /// How many services there are.
    fn count(&self) -> usize {
        self.known.values().filter(|known| known.mark.is_none_or(|mark| mark.sign != RowMark::Removed)).count()
    }
}

/// How far the details move at once.
const SCROLL: u16 = 5;
/// Nobody looks for more.
const LONGEST_FILTER: usize = 100;

fn words(fault: &PartialError) -> String {
    format!("cannot {}: {}", escaped(&fault.operation), escaped(&fault.cause))
}
