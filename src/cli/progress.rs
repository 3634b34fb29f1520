//! How far a command has come, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::source::Progress;

/// A bar on standard error; nowhere else than on a terminal, and not where nothing should be said.
pub(super) struct Bar {
    quiet: bool,
    drawn: Option<ProgressBar>,
}

const TEMPLATE: &str = "{bar:24} {percent:>3}%  {pos}/{len}  {per_sec:0}  {msg}  {eta} left";

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, drawn: None }
    }

    /// Draws it. What is done before anybody says how far it is never shows a bar.
    pub(super) fn show(&mut self, progress: Progress) {
        if self.quiet {
            return;
        }
        let bar = self.drawn.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr()).with_style(style)
        });
        bar.set_message(format!("{} found", progress.found));
        // A listing that is checked is done twice, in different units.
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }

    /// Does what may write to the same terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.drawn {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }
}
