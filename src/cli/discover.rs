//! `portolan discover SOURCE`: list what a source knows.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use jiff::Timestamp;

use super::exit::Exit;
use super::progress::Bar;
use super::signals::Stop;
use super::terminal::{self, Terminal};
use super::{Global, stderr, stdout};
use crate::engine;
use crate::error::Result;
use crate::model::{Completeness, Depth, Fault, Service};
use crate::output::{End, Format, FormatName, Page, Read};
use crate::source::scan::Scan;
use crate::source::{AnySource, Progress, Sink, Source};

/// List services
#[derive(Args, Debug)]
pub(super) struct Discover {
    #[command(flatten)]
    judge: Judge,
    #[command(subcommand)]
    source: AnySource,
}

impl Discover {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        self.judge.list(self.source.as_source(), global)
    }
}

/// Ask hosts which of their TCP ports are open; short for `discover scan`
///
/// Connects to every port asked for, and closes again at once; nothing is sent. Needs no rights. A target is an address, a
/// network (10.0.0.0/24), a range (10.0.0.1-50), a host name, `local` for this machine's own addresses, @FILE for a file of
/// targets, or - for standard input. Open ports are listed; what else was found is counted on standard error.
#[derive(Args, Debug)]
pub(super) struct ShortScan {
    #[command(flatten)]
    judge: Judge,
    #[command(flatten)]
    scan: Scan,
}

impl ShortScan {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        self.judge.list(&self.scan, global)
    }
}

/// What makes a listing that came about a failure all the same.
#[derive(Args, Debug)]
struct Judge {
    /// Exit with 1 if nothing is found
    #[arg(long, global = true, help_heading = "Output")]
    fail_empty: bool,
    /// Exit with 4 if rights are missing to see what is asked for, such as an owner
    #[arg(long, global = true, help_heading = "Output")]
    strict: bool,
}

impl Judge {
    fn list(&self, source: &dyn Source, global: &Global) -> Result<Exit> {
        let stop = Stop::listen()?;
        let terminal = Terminal::of_stdout(global.color);
        let page = Page {
            columns: source.columns(),
            generated: Timestamp::now(),
            width: terminal.width,
            color: terminal.color,
        };
        let printed = stdout::with_stdout(Some(&stop), |out| {
            let mut printer = Printer::new(global.format(), page, out, stop.flag(), Bar::new(global.quiet));
            // A source that needs timers or sockets brings its own runtime; one that only reads what the kernel has
            // ready does not pay for one.
            let listed = engine::block_on(source.list(&mut printer));
            printer.finish(listed)
        })?;
        let Some(printed) = printed else { return Ok(stop.requested().unwrap_or(Exit::Done)) };
        let printed = printed?;
        let mut exit = stop.requested().unwrap_or(Exit::Done);
        for error in &printed.errors {
            stderr::fault(error);
            exit = exit.max(Exit::Incomplete);
        }
        if !global.quiet {
            stderr::note(&summary(printed.count));
            printed.notes.iter().for_each(|note| stderr::note(note));
            printed.limits.iter().for_each(|limit| {
                stderr::note(&format!("cannot {}: {}; {}", limit.what, limit.why, limit.hint));
            });
        }
        if self.strict && !printed.limits.is_empty() {
            exit = exit.max(Exit::RightsMissing);
        }
        if self.fail_empty && printed.count == 0 {
            exit = exit.max(Exit::ConditionFailed);
        }
        Ok(exit)
    }
}

fn summary(count: usize) -> String {
    match count {
        0 => "nothing found".to_owned(),
        1 => "1 service".to_owned(),
        count => format!("{count} services"),
    }
}

/// Writes services down as they come. Nothing is written before the first or the end, so that a source which
/// fails at once leaves standard output empty.
struct Printer<'w> {
    name: FormatName,
    page: Page,
    out: Option<&'w mut (dyn Write + Send)>,
    format: Option<Box<dyn Format + 'w>>,
    closed: Arc<AtomicBool>,
    failure: Option<io::Error>,
    bar: Bar,
    printed: Printed,
}

/// What was written, and what could not be seen.
#[derive(Default)]
struct Printed {
    count: usize,
    errors: Vec<Fault>,
    limits: Vec<Fault>,
    notes: Vec<String>,
}

impl<'w> Printer<'w> {
    fn new(name: FormatName, page: Page, out: &'w mut (dyn Write + Send), closed: Arc<AtomicBool>, bar: Bar) -> Self {
        Self { name, page, out: Some(out), format: None, closed, failure: None, bar, printed: Printed::default() }
    }

    /// Nothing more can be written.
    fn fail(&mut self, failure: io::Error) -> ControlFlow<()> {
        self.failure = Some(failure);
        self.closed.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    }

    fn format(&mut self) -> io::Result<&mut (dyn Format + 'w)> {
        if let Some(out) = self.out.take() {
            self.format = Some(self.name.open(out, self.page)?);
        }
        self.format.as_deref_mut().ok_or_else(|| io::Error::other("the output could not be opened"))
    }

    /// Writes the end, unless there was nothing to list from.
    fn finish(mut self, listed: Result<Completeness>) -> io::Result<Result<Printed>> {
        self.bar.clear();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let completeness = match listed {
            Ok(completeness) => completeness,
            Err(error) => return Ok(Err(error)),
        };
        let printed = std::mem::take(&mut self.printed);
        self.format()?.end(&End { completeness, errors: &printed.errors, limits: &printed.limits })?;
        Ok(Ok(printed))
    }
}

impl Sink for Printer<'_> {
    fn depth(&self) -> Depth {
        self.name.depth()
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        match self.format().and_then(|format| format.service(&service)) {
            Ok(()) => {
                self.printed.count += 1;
                ControlFlow::Continue(())
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.printed.errors.push(fault);
    }

    fn limit(&mut self, limit: Fault) {
        self.printed.limits.push(limit);
    }

    fn streams(&self) -> bool {
        self.name.read() == Read::ByLine
    }

    fn note(&mut self, note: String) {
        self.printed.notes.push(note);
    }

    fn progress(&mut self, progress: Progress) {
        let Self { format, bar, .. } = self;
        let flushed = bar.aside(|| format.as_mut().map_or(Ok(()), |format| format.flush()));
        self.bar.show(progress);
        if let Err(failure) = flushed {
            // The source learns of it by the flag.
            let _ = self.fail(failure);
        }
    }

    fn confirm(&mut self, question: &str) -> bool {
        terminal::ask(question)
    }
}
