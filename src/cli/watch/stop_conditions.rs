//! When a watch ends by itself: `--count` and `--until`.

use crate::model::{Condition, Event};

/// The conditions that end a watch.
pub(super) struct StopConditions<'c> {
    /// Changes left until the end; `None` if there is no limit.
    left: Option<u64>,
    until: &'c [Condition],
    /// Whether one of the conditions matched.
    pub(super) met: bool,
}

impl<'c> StopConditions<'c> {
    pub(super) fn new(count: Option<u64>, until: &'c [Condition]) -> Self {
        Self { left: count, until, met: false }
    }

    /// Whether this event ends the watch. `is_change` is false for services that existed at the start.
    pub(super) fn ends_with(&mut self, event: &Event, is_change: bool) -> bool {
        if !self.until.is_empty() {
            // Serialising an event cannot fail: its keys are strings, its numbers finite.
            let json = serde_json::to_value(event).unwrap_or_default();
            self.met = self.until.iter().any(|condition| condition.holds(&json));
        }

        if let Some(left) = &mut self.left
            && is_change
        {
            *left = left.saturating_sub(1);
        }
        self.met || self.left == Some(0)
    }

    /// Whether `--until` was given and never matched.
    pub(super) fn is_unmet(&self) -> bool {
        !self.until.is_empty() && !self.met
    }
}
