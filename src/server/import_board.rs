//! The imports of a server, and the state of each for `status`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use crate::clean::Secret;
use crate::source::Source;

/// A registry whose services a server shows beside its own.
#[derive(Clone)]
pub struct Import {
    /// Its name in the metadata of its instances, `imported_from`. Unique among the imports of a server.
    pub name: String,
    /// Where it is, for people: `consul://10.0.0.5:8500`.
    pub place: String,
    /// The text that set it: the same text is the same import.
    pub text: Secret,
    /// Lists and watches its services.
    pub source: Arc<dyn Source>,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

/// The state of all imports, in the order of the settings.
#[derive(Debug, Default)]
pub(super) struct ImportBoard(RwLock<Vec<Arc<BoardEntry>>>);

#[derive(Debug)]
pub(super) struct BoardEntry {
    name: String,
    place: String,
    text: Secret,
    figures: Mutex<ImportFigures>,
}

/// What is known of an import.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportFigures {
    /// When the source replied last; `None` if it never did.
    pub(super) answered: Option<Instant>,
    /// Why the source cannot be read now, in whole or in part.
    pub(super) error: Option<String>,
    /// Whether nothing at all can be read.
    pub(super) is_stale: bool,
    /// The parts that cannot be read.
    pub(super) faults: usize,
    /// The instances that the registry has of it.
    pub(super) instances: usize,
    /// Those that the source no longer lists, and that stay for now, because more than half went at once.
    pub(super) held: usize,
    /// Those that cannot be registered here.
    pub(super) skipped: usize,
}

/// The state of an import, as `status` shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ImportState {
    pub(super) name: String,
    /// Where it is.
    pub(super) place: String,
    /// `current`, `incomplete`, `stale` (it cannot be read now) or `starting` (it was never read since the server started).
    pub(super) state: &'static str,
    /// Since its last reply.
    pub(super) age_seconds: Option<f64>,
    pub(super) instances: usize,
    pub(super) held: usize,
    pub(super) skipped: usize,
    /// The parts of the source that cannot be read now.
    pub(super) faults: usize,
    /// Why it cannot be read now, or one of its parts.
    pub(super) error: Option<String>,
}

impl ImportState {
    /// Whether the source is read, all of it.
    pub(super) fn is_up(&self) -> bool {
        self.state == "current"
    }

    /// How old the copy of the source can be, in whole seconds: 0 while the source is read. `uptime` is for one that never
    /// replied.
    pub(super) fn age(&self, uptime: Duration) -> u64 {
        if self.is_up() {
            return 0;
        }
        self.age_seconds.map_or(uptime, Duration::from_secs_f64).as_secs()
    }
}

impl ImportBoard {
    pub(super) fn new(imports: &[Import]) -> Self {
        let board = Self::default();
        board.set(imports);
        board
    }

    /// Shows these imports. What is known of one that stays is kept.
    pub(super) fn set(&self, imports: &[Import]) {
        let mut entries = self.0.write();
        let known = std::mem::take(&mut *entries);
        for import in imports {
            let same = known.iter().find(|entry| entry.name == import.name && entry.text == import.text);
            entries.push(same.cloned().unwrap_or_else(|| Arc::new(BoardEntry::of(import))));
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.read().iter().any(|entry| entry.name == name)
    }

    pub(super) fn entry(&self, name: &str) -> Option<Arc<BoardEntry>> {
        self.0.read().iter().find(|entry| entry.name == name).cloned()
    }

    /// The state of each.
    pub(super) fn states(&self) -> Vec<ImportState> {
        self.0.read().iter().map(|entry| entry.state()).collect()
    }
}

impl BoardEntry {
    fn of(import: &Import) -> Self {
        let (name, place, text) = (import.name.clone(), import.place.clone(), import.text.clone());
        Self { name, place, text, figures: Mutex::default() }
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ImportFigures)) {
        change(&mut self.figures.lock());
    }

    fn state(&self) -> ImportState {
        let figures = self.figures.lock().clone();
        let state = match (&figures.error, figures.answered) {
            (_, None) => "starting",
            _ if figures.is_stale => "stale",
            (Some(_), _) => "incomplete",
            (None, _) => "current",
        };

        ImportState {
            name: self.name.clone(),
            place: self.place.clone(),
            state,
            age_seconds: figures.answered.map(|answered| answered.elapsed().as_secs_f64()),
            instances: figures.instances,
            held: figures.held,
            skipped: figures.skipped,
            faults: figures.faults,
            error: figures.error,
        }
    }
}
