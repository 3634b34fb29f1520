//! What the health monitor shares with the rest of the server: what it found, its figures, and what it is asked to do.

mod board;
mod changes;
mod division;
mod figures;
mod stats;

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

pub(super) use self::board::{CheckBoard, CheckScore, InstanceResults, LastResult};
pub(super) use self::changes::ChangedInstances;
pub(super) use self::division::CheckDivision;
pub(super) use self::figures::CheckFigures;
pub(super) use self::stats::MonitorStats;

/// The most demands that wait for the monitor.
const MAX_DEMANDS: usize = 256;

/// Instances to check now.
pub(super) struct Demand {
    pub(super) ids: Vec<Arc<str>>,
    /// Told when all of them were checked, and the results were written.
    pub(super) done: oneshot::Sender<()>,
}

/// The health monitor, as the routes and the writer see it.
#[derive(Debug)]
pub(super) struct Checks {
    pub(super) board: CheckBoard,
    pub(super) changed: ChangedInstances,
    pub(super) division: CheckDivision,
    demands: mpsc::Sender<Demand>,
    off: OnceLock<String>,
}

impl Checks {
    /// The shared part, and the demands for the monitor.
    pub(super) fn new() -> (Self, mpsc::Receiver<Demand>) {
        let (demands, receiver) = mpsc::channel(MAX_DEMANDS);
        let checks = Self {
            board: CheckBoard::default(),
            changed: ChangedInstances::default(),
            division: CheckDivision::default(),
            demands,
            off: OnceLock::new(),
        };
        (checks, receiver)
    }

    /// Records that no check runs, and why.
    pub(super) fn turn_off(&self, why: impl Into<String>) {
        // The first reason stays.
        let _ = self.off.set(why.into());
    }

    /// Why no check runs; `None` if they do.
    pub(super) fn off(&self) -> Option<&str> {
        self.off.get().map(String::as_str)
    }

    /// Requests checks of these instances, and returns what resolves when they ended; `None` if too many demands wait, or
    /// the server stops.
    pub(super) fn demand(&self, ids: Vec<Arc<str>>) -> Option<oneshot::Receiver<()>> {
        let (done, told) = oneshot::channel();
        self.demands.try_send(Demand { ids, done }).ok().map(|()| told)
    }
}
