//! The progress bar.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::source::Progress;

/// A progress bar on standard error. It draws only on a terminal, and never with `--quiet`.
pub(super) struct Bar {
    quiet: bool,
    drawn: Option<ProgressBar>,
}

const TEMPLATE: &str = "{bar:24} {percent:>3}%  {pos}/{len}  {per_sec:0}  {msg}  {eta} left";

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, drawn: None }
    }

    /// Draws the bar. A command that reports no progress never shows one.
    pub(super) fn show(&mut self, progress: Progress) {
        if self.quiet {
            return;
        }
        let bar = self.drawn.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr()).with_style(style)
        });
        bar.set_message(format!("{} found", progress.found));
        // A listing with checks reports progress twice, in different units, so the length changes.
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }

    /// Hides the bar while `write` runs, which may write to the same terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.drawn {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }
}
