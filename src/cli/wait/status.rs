//! The line at the terminal: what `wait` still waits for, and since when.

use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{WaitTarget, format_limit};

/// One line on standard error, if that is a terminal.
pub(super) struct StatusLine {
    bar: ProgressBar,
    /// The time limit, as text.
    limit: String,
}

/// How many targets the line names.
const MAX_NAMED: usize = 3;

impl StatusLine {
    pub(super) fn new(quiet: bool, limit: String) -> Self {
        let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bar: ProgressBar::with_draw_target(None, target).with_style(style), limit }
    }

    /// Whether there is a terminal to draw on.
    pub(super) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Draws the targets that are left, if the line changes.
    pub(super) fn draw<'t>(&self, elapsed: Duration, left: impl ExactSizeIterator<Item = &'t WaitTarget>) {
        let text = text(elapsed, &self.limit, left);
        if self.bar.message() != text {
            self.bar.set_message(text);
        }
    }

    /// Hides the line while `write` runs, which writes to the same terminal.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the line.
    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `waiting 12 s of 60 s for db:5432 (connection refused), cache:6379 (no reply yet) and 3 more`
fn text<'t>(elapsed: Duration, limit: &str, left: impl ExactSizeIterator<Item = &'t WaitTarget>) -> String {
    let more = left.len().saturating_sub(MAX_NAMED);
    let named: Vec<String> = left.take(MAX_NAMED).map(named).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };

    // At first there is nothing but the time.
    let whole = Duration::from_secs(elapsed.as_secs());
    let elapsed = if whole.is_zero() { "0 s".to_owned() } else { format_limit(whole) };
    format!("waiting {elapsed} of {limit} for {}{more}", named.join(", "))
}

fn named(wait: &WaitTarget) -> String {
    let tries = wait.tries.lock().unwrap_or_else(PoisonError::into_inner);
    format!("{} ({})", wait.target, tries.state())
}
