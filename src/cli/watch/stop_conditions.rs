//! When a watch is over by itself: `--count` and `--until`.

use crate::model::{Condition, Event};

/// What ends a watch.
pub(super) struct StopConditions<'c> {
    /// Changes that are wanted yet; `None`: any number.
    left: Option<u64>,
    until: &'c [Condition],
    /// Whether one of the conditions held.
    pub(super) met: bool,
}

impl<'c> StopConditions<'c> {
    pub(super) fn new(count: Option<u64>, until: &'c [Condition]) -> Self {
        Self { left: count, until, met: false }
    }

    /// Takes an event; whether it was the last. `news`: it is a change of what was there, not what was there at first.
    pub(super) fn ends_with(&mut self, event: &Event, news: bool) -> bool {
        if !self.until.is_empty() {
            // Nothing of an event fails to serialise: its keys are texts, its numbers finite.
            let json = serde_json::to_value(event).unwrap_or_default();
            self.met = self.until.iter().any(|condition| condition.holds(&json));
        }
        if let Some(left) = &mut self.left
            && news
        {
            *left = left.saturating_sub(1);
        }
        self.met || self.left == Some(0)
    }

    /// Whether what was waited for never came.
    pub(super) fn is_unmet(&self) -> bool {
        !self.until.is_empty() && !self.met
    }
}
