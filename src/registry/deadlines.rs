//! What happens when time passes, in the order in which it is due.

use std::sync::Arc;
use std::time::Duration;

use imbl::OrdSet;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A lease expires.
    Lease,
    /// A check by report had no report. The number is its position.
    Report(u8),
    /// An instance no longer flaps.
    Calm,
    /// An instance was unhealthy for too long.
    Removal,
    /// The agent of a host sent no report in time. In place of the instance stands the key of its document.
    Agent,
}

/// A deadline: when, what and of which instance.
type Deadline = (Duration, Timer, Arc<str>);

/// All deadlines, the next one first. Copies share their structure.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(OrdSet<Deadline>);

impl Deadlines {
    /// Moves a deadline of an instance. `None` is no deadline.
    pub(super) fn set(&mut self, id: &Arc<str>, timer: Timer, old: Option<Duration>, new: Option<Duration>) {
        if old == new {
            return;
        }

        if let Some(at) = old {
            self.0.remove(&(at, timer, Arc::clone(id)));
        }
        if let Some(at) = new {
            self.0.insert((at, timer, Arc::clone(id)));
        }
    }

    /// The next deadline, if it has come.
    pub(super) fn due(&self, now: Duration) -> Option<(Timer, Arc<str>)> {
        let (_, timer, id) = self.0.get_min().filter(|(at, _, _)| *at <= now)?;
        Some((*timer, Arc::clone(id)))
    }

    /// The deadlines up to a time, the next one first.
    pub(super) fn until(&self, time: Duration) -> impl Iterator<Item = (Timer, &Arc<str>)> {
        self.0.iter().take_while(move |(at, _, _)| *at <= time).map(|(_, timer, id)| (*timer, id))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
