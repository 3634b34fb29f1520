//! One answer: listed into every output, and whether it is to be called a failure.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;

use super::printer::{FileReport, PrintReport, Printer};
use crate::cli::baseline::Baseline;
use crate::cli::exit::Exit;
use crate::cli::hand_to::HandTo;
use crate::cli::identify::IdentifyArgs;
use crate::cli::outputs::Files;
use crate::cli::progress::Bar;
use crate::cli::signals::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Global, stderr, stdout};
use crate::engine::{self, Cancel};
use crate::error::{Error, Result};
use crate::identify::IdentifyOptions;
use crate::model::ColumnVisibility;
use crate::output::{DiffContext, FormatName, RenderOptions};
use crate::probe::Probes;
use crate::source::Source;

/// What makes a listing that came about a failure all the same.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct ExitRules {
    /// Exit with 1 if nothing is found
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "watch")]
    fail_empty: bool,
    /// Exit with 4 if rights are missing to see what is asked for, such as an owner
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "watch")]
    strict: bool,
    /// Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them
    ///
    /// One after another and without a shell; quotes join words. What the command writes comes after the table, and to
    /// standard error where another format is asked for. Exit code 1 if it fails for any host.
    #[arg(long, value_name = "CMD", global = true, help_heading = "Output", conflicts_with = "watch", value_hint = clap::ValueHint::CommandString)]
    hand_to: Option<HandTo>,
    /// Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON
    ///
    /// Marked + for what is new, - for what is gone, ~ for what is not as it was; JSON is written line by line as by a watch.
    /// Files of -o FORMAT=FILE hold the whole answer, so that the next run can compare with it.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Output", conflicts_with = "watch", value_hint = clap::ValueHint::FilePath)]
    diff: Option<PathBuf>,
    /// Exit with 1 if --diff finds any difference
    #[arg(long, global = true, help_heading = "Output")]
    fail_changed: bool,
    /// When the answer was asked for, if that was not now.
    #[arg(skip)]
    generated: Option<Timestamp>,
}

impl ExitRules {
    /// Of an answer that was asked for at another time.
    pub(in crate::cli) fn of(generated: Timestamp) -> Self {
        Self { generated: Some(generated), ..Self::default() }
    }

    /// Lists what a source knows into every output that is asked for.
    pub(in crate::cli) fn list(&self, source: &dyn Source, identify: &IdentifyArgs, global: &Global) -> Result<Exit> {
        let stop = Stop::listen()?.within(source.deadline());
        let terminal = Terminal::of_stdout(global.color);
        let columns = identify.columns(source.columns());
        let page = RenderOptions {
            columns,
            // A source may do the asking itself, on behalf of who checks what it finds.
            identified: columns.iter().any(|column| column.shown == ColumnVisibility::Asked),
            generated: self.generated.unwrap_or_else(Timestamp::now),
            width: terminal.width,
            color: terminal.color,
        };
        let program = self.hand_to.as_ref().map(HandTo::program).transpose()?;
        // Before any file is written: it may be the same one.
        let (probes, previous) = match self.read_files(source, identify, stop.cancel()) {
            Ok(read) => read,
            Err(error) => return unread(error, &stop),
        };
        let asks = identify.asked.then(|| (identify.options(), probes));
        let was_whole = previous.as_ref().is_none_or(|previous| previous.complete);
        let mut files = Files::create(&global.output)?;
        let mut written = None;
        let heard = stdout::with_stdout(Some(&stop), |out| {
            let question = Request { source, asks, previous, page };
            let (answer, unheard) = self.write_down(question, global, &stop, &mut files, out);
            written = Some(answer);
            unheard.map_or(Ok(()), Err)
        });
        let Some(written) = written else { return heard.map(|_| Exit::Done) };
        let FileReport { printed, failures } = match written {
            Ok(written) => written,
            Err(error) => return unread(error, &stop),
        };
        let mut exit = stop.requested().unwrap_or(Exit::Done);
        let has_files = !files.is_empty();
        for error in files.commit(failures) {
            stderr::error(&error);
            exit = exit.max(Exit::Incomplete);
        }
        if heard?.is_none() && !has_files {
            return Ok(exit);
        }
        exit = exit.max(self.tell(&printed, was_whole, global.quiet));
        if let (Some(hand_to), Some(program)) = (&self.hand_to, program) {
            let on_stdout = matches!(global.format, FormatName::Table | FormatName::Wide);
            exit = exit.max(hand_to.run(&program, &printed.hosts, on_stdout, &stop));
            exit = exit.max(stop.requested().unwrap_or(Exit::Done));
        }
        Ok(exit)
    }

    /// Says what there is to say of an answer beside its rows, and what that comes to.
    fn tell(&self, printed: &PrintReport, was_whole: bool, quiet: bool) -> Exit {
        let mut exit = Exit::Done;
        for error in &printed.errors {
            stderr::fault(error);
            exit = exit.max(Exit::Incomplete);
        }
        if !quiet {
            stderr::note(&summary(printed.count));
            printed.notes.iter().for_each(|note| stderr::note(note));
            printed.limits.iter().for_each(|limit| {
                stderr::note(&format!("cannot {}: {}; {}", limit.operation, limit.cause, limit.hint));
            });
        }
        if self.diff.is_some() && compared(printed, was_whole, quiet) && self.fail_changed {
            exit = exit.max(Exit::ConditionFailed);
        }
        if self.strict && !printed.limits.is_empty() {
            exit = exit.max(Exit::PermissionMissing);
        }
        if self.fail_empty && printed.count == 0 {
            exit = exit.max(Exit::ConditionFailed);
        }
        exit
    }

    /// Reads the files that say what to ask, and what to compare with.
    fn read_files(
        &self,
        source: &dyn Source,
        identify: &IdentifyArgs,
        cancel: &Cancel,
    ) -> Result<(Probes, Option<Baseline>)> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let probes = identify.options().probes(cancel, until)?;
        let previous = self.diff.as_ref().map(|path| Baseline::read(path, source.name(), cancel, until));
        Ok((probes, previous.transpose()?))
    }

    /// Lists a source into every output. Beside the answer: what standard output said, if it took no more.
    fn write_down(
        &self,
        question: Request<'_>,
        global: &Global,
        stop: &Stop,
        files: &mut Files,
        out: &mut (dyn Write + Send),
    ) -> (Result<FileReport>, Option<io::Error>) {
        let Request { source, asks, previous, page } = question;
        let mut outputs = match files.open(global.format, page, out) {
            Ok(outputs) => outputs,
            Err(error) => return (Err(error), None),
        };
        let shared = Arc::new(DiffContext::default());
        if let Some(previous) = previous
            && let Err(error) = outputs.compare(previous, Arc::clone(&shared))
        {
            return (Err(error), None);
        }
        let mut printer = Printer::new(outputs, stop.cancel().clone(), Bar::new(global.quiet));
        printer.printed.compared = shared;
        printer.keeps_hosts = self.hand_to.is_some();
        // A source that needs timers or sockets brings its own runtime; one that only reads what the kernel has ready does
        // not pay for one.
        let context = printer.context();
        let listed = match asks {
            None => engine::block_on(source.list(&context, &mut printer)),
            Some((options, probes)) => options.list(probes, source, &context, &mut printer),
        };
        printer.finish(listed, source)
    }
}

/// What is asked, of whom, and what it is compared with.
struct Request<'a> {
    source: &'a dyn Source,
    asks: Option<(IdentifyOptions, Probes)>,
    previous: Option<Baseline>,
    page: RenderOptions,
}

/// How a command ends that could not read what it needs: in the way of whoever wanted an end, if somebody did.
fn unread(error: Error, stop: &Stop) -> Result<Exit> {
    let Some(exit) = stop.requested() else { return Err(error) };
    stderr::error(&error);
    Ok(exit)
}

/// Says what a comparison came to; whether anything differs.
fn compared(printed: &PrintReport, was_whole: bool, quiet: bool) -> bool {
    let DiffContext { opened, closed, changed, beyond, .. } = &*printed.compared;
    let [opened, closed, changed, beyond] =
        [opened, closed, changed, beyond].map(|count| count.load(Ordering::Relaxed));
    if !quiet {
        stderr::note(&format!("{opened} opened, {closed} closed, {changed} changed"));
        if beyond > 0 {
            stderr::note(&format!("{beyond} of the earlier answer were not asked for this time, and are left out"));
        }
        if !was_whole {
            stderr::note("the earlier answer was not whole: what opened may have been open then");
        }
        if !printed.errors.is_empty() {
            stderr::note("this answer is not whole: what closed is not told");
        }
    }
    opened + closed + changed > 0
}

fn summary(count: usize) -> String {
    match count {
        0 => "nothing found".to_owned(),
        1 => "1 service".to_owned(),
        count => format!("{count} services"),
    }
}
