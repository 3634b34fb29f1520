//! Lists a source into every output, and decides whether the result counts as a failure.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;

use super::printer::{FileReport, PrintReport, Printer};
use crate::cli::exit::Exit;
use crate::cli::hand_to::HandTo;
use crate::cli::identify::IdentifyArgs;
use crate::cli::outputs::{Files, SortOrder, TableArgs};
use crate::cli::progress::Bar;
use crate::cli::signals::Stop;
use crate::cli::stored::StoredListing;
use crate::cli::terminal::Terminal;
use crate::cli::{Global, stderr, stdout};
use crate::engine::{self, Cancel};
use crate::error::{Error, Result};
use crate::identify::IdentifyOptions;
use crate::model::{ColumnVisibility, Coverage, Listing, Severity};
use crate::output::{DiffContext, FormatName, OldListing, RenderOptions, TableLayout};
use crate::probe::Probes;
use crate::source::{KnownPorts, Source};

/// Options that turn a successful listing into a non-zero exit code.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct ExitRules {
    /// Exit with 1 if nothing is found
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "watch")]
    fail_empty: bool,
    /// Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one
    ///
    /// `unhealthy` findings mean that a normal client cannot use the service now, `degraded` ones that it works but needs
    /// attention soon; all others are `advice`. `portolan explain` lists all findings.
    #[arg(long, value_name = "SEVERITY", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "advice", global = true, help_heading = "Output", conflicts_with = "watch")]
    fail_findings: Option<Severity>,
    /// Exit with 4 if a missing permission hides requested data, such as an owner
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "watch")]
    strict: bool,
    /// Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports
    ///
    /// portolan runs it for one host at a time, without a shell; quotes join words. The command's output follows the table;
    /// with other formats it goes to standard error. The exit code is 1 if it fails for any host.
    #[arg(long, value_name = "CMD", global = true, help_heading = "Output", conflicts_with = "watch", value_hint = clap::ValueHint::CommandString)]
    hand_to: Option<HandTo>,
    /// Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command
    ///
    /// New services are marked +, closed ones -, changed ones ~; with --json, each change is one line, as in a watch. A
    /// file of -o FORMAT=FILE holds the complete result, so that the next run can compare with it. A scanned port that
    /// sends no reply any more changed its state; it is not reported as closed. `portolan discover file NEW.json --diff
    /// OLD.json` compares two stored results.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Output", conflicts_with = "watch", value_hint = clap::ValueHint::FilePath)]
    diff: Option<PathBuf>,
    /// Exit with 1 if --diff finds any difference
    #[arg(long, global = true, help_heading = "Output", requires = "diff")]
    fail_changed: bool,
    #[command(flatten)]
    table: TableArgs,
    /// When the result was requested, if that was not now.
    #[arg(skip)]
    generated: Option<Timestamp>,
    /// Of a stored result: where something would be listed if it were open.
    #[arg(skip)]
    certain: Option<Vec<Coverage>>,
    /// What an item is called in the summary: `service` unless it is something else.
    #[arg(skip)]
    noun: Option<&'static str>,
}

impl ExitRules {
    /// The rules for a result that was requested at another time.
    pub(in crate::cli) fn of(generated: Timestamp) -> Self {
        Self { generated: Some(generated), ..Self::default() }
    }

    /// Takes what a stored result says: when it was requested, and where something would be listed if it were open.
    pub(in crate::cli) fn set_stored(&mut self, generated: Option<Timestamp>, certain: Vec<Coverage>) {
        (self.generated, self.certain) = (generated, Some(certain));
    }

    /// The same rules, with the table that these options describe.
    pub(in crate::cli) fn with_table(self, table: TableArgs) -> Self {
        Self { table, ..self }
    }

    /// The rules of a command that fails if nothing is found.
    pub(in crate::cli) fn failing_empty() -> Self {
        Self { fail_empty: true, ..Self::default() }
    }

    /// The rules of a command whose items are not services.
    pub(in crate::cli) fn counting(noun: &'static str) -> Self {
        Self { noun: Some(noun), ..Self::default() }
    }

    /// Lists a source into every requested output.
    pub(in crate::cli) fn list(&self, source: &dyn Source, identify: &IdentifyArgs, global: &Global) -> Result<Exit> {
        let global = &self.table.with_format(global);
        let stop = Stop::listen()?.within(source.deadline());
        let terminal = Terminal::of_stdout(global.color);
        let columns = identify.columns(source.columns());
        let page = RenderOptions {
            columns,
            // A source may identify services itself, so that they can be checked.
            identified: columns.iter().any(|column| column.shown == ColumnVisibility::Asked),
            generated: self.generated.unwrap_or_else(Timestamp::now),
            width: terminal.width,
            color: terminal.color,
            links: terminal.links,
        };
        let (layout, sort) = self.table.resolve(columns, global)?;
        let program = self.hand_to.as_ref().map(HandTo::program).transpose()?;
        // Before any file is written: an output may replace the file that is compared with.
        let (probes, previous) = match self.read_files(source, identify, stop.cancel()) {
            Ok(read) => read,
            Err(error) => return interrupted_or(error, &stop),
        };
        let identification = identify.asked.then(|| (identify.options(), probes));
        let was_complete = previous.as_ref().is_none_or(StoredListing::is_complete);
        let mut files = Files::create(&global.output)?;
        let mut written = None;
        let stdout_result = stdout::with_stdout(Some(&stop), |out| {
            let request = Request { source, identification, previous, page, layout: layout.clone(), sort };
            let (report, stdout_error) = self.write(request, global, &stop, &mut files, out);
            written = Some(report);
            stdout_error.map_or(Ok(()), Err)
        });

        let Some(written) = written else { return stdout_result.map(|_| Exit::Done) };
        let FileReport { printed, failures } = match written {
            Ok(written) => written,
            Err(error) => return interrupted_or(error, &stop),
        };

        let mut exit = stop.requested().unwrap_or(Exit::Done);
        let has_files = !files.is_empty();
        for error in files.commit(failures) {
            stderr::error(&error);
            exit = exit.max(Exit::Incomplete);
        }
        if stdout_result?.is_none() && !has_files {
            return Ok(exit);
        }
        let noun = self.noun.or_else(|| source.noun());
        let is_whole = printed.errors.is_empty();
        let nothing = source.nothing().filter(|_| printed.count == 0 && is_whole);
        let summary = nothing.unwrap_or_else(|| summary(printed.count, noun, is_whole));
        exit = exit.max(self.report(&printed, (noun, &summary), was_complete, global.quiet));
        if let Some(note) = layout.hidden_note().filter(|_| !global.quiet) {
            stderr::note(&note);
        }

        if let (Some(hand_to), Some(program)) = (&self.hand_to, program) {
            let on_stdout = matches!(global.format, FormatName::Table | FormatName::Wide);
            exit = exit.max(hand_to.run(&program, &printed.hosts, on_stdout, &stop));
            exit = exit.max(stop.requested().unwrap_or(Exit::Done));
        }
        Ok(exit)
    }

    /// Reports errors, notes and changes on standard error; returns the exit code.
    fn report(
        &self,
        printed: &PrintReport,
        (noun, summary): (Option<&str>, &str),
        was_complete: bool,
        quiet: bool,
    ) -> Exit {
        let mut exit = Exit::Done;
        for error in &printed.errors {
            stderr::fault(error);
            exit = exit.max(Exit::Incomplete);
        }
        if !quiet {
            stderr::note(summary);
            printed.notes.iter().for_each(|note| stderr::note(note));
            // An error above says it already.
            printed.limits.iter().filter(|limit| !printed.errors.contains(limit)).for_each(|limit| {
                stderr::note(&format!("cannot {}: {}; {}", limit.operation, limit.cause, limit.hint));
            });
        }

        if self.diff.is_some() && report_changes(printed, noun, was_complete, quiet) && self.fail_changed {
            exit = exit.max(Exit::ConditionFailed);
        }
        if let Some(least) = self.fail_findings
            && let count @ 1.. = printed.findings.range(least..).map(|(_, count)| count).sum::<usize>()
        {
            if !quiet {
                let noun = if count == 1 { "finding" } else { "findings" };
                stderr::note(&format!("{count} {noun}, so --fail-findings fails"));
            }
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

    /// Reads the probe file and the result to compare with.
    fn read_files(
        &self,
        source: &dyn Source,
        identify: &IdentifyArgs,
        cancel: &Cancel,
    ) -> Result<(Probes, Option<StoredListing>)> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let probes = identify.options().probes(cancel, until)?;
        let previous =
            self.diff.as_ref().map(|path| StoredListing::read(path, "--diff ", cancel, until)).transpose()?;
        if let Some(previous) = &previous {
            previous.check_comparable(source)?;
        }
        Ok((probes, previous))
    }

    /// Lists a source into every output. Also returns the error of standard output, if it failed.
    fn write(
        &self,
        request: Request<'_>,
        global: &Global,
        stop: &Stop,
        files: &mut Files,
        out: &mut (dyn Write + Send),
    ) -> (Result<FileReport>, Option<io::Error>) {
        let Request { source, identification, previous, page, layout, sort } = request;
        let mut outputs = match files.open(global.format, page, layout, out) {
            Ok(outputs) => outputs,
            Err(error) => return (Err(error), None),
        };
        if let Some(order) = sort {
            outputs.sort_by(order);
        }

        let shared = Arc::new(DiffContext { certain: self.certain.clone(), ..DiffContext::default() });
        let mut known_ports = KnownPorts::new();
        if let Some(previous) = previous {
            known_ports = previous.open_ports();
            let coverage = previous.coverage().to_vec();
            let Listing { services, filters, .. } = previous.listing;
            let (now, then) = (source.selector(&source.filters()), source.selector(&filters));
            if let Err(error) = outputs.compare(OldListing { services, now, then, coverage }, Arc::clone(&shared)) {
                return (Err(error), None);
            }
        }

        let mut printer = Printer::new(outputs, stop.cancel().clone(), Bar::new(global.quiet));
        printer.printed.compared = shared;
        printer.keeps_hosts = self.hand_to.is_some();
        printer.finished = self.certain.is_some().then_some(page.generated);

        // A source that needs timers or sockets starts its own runtime; one that only reads from the kernel does without.
        let context = printer.context(source, Arc::new(known_ports));
        let listed = match identification {
            None => engine::block_on(source.list(&context, &mut printer)),
            Some((options, probes)) => options.list(probes, source, &context, &mut printer),
        };
        printer.finish(listed, source)
    }
}

/// A listing: the source, how to identify its services, and the result to compare with.
struct Request<'a> {
    source: &'a dyn Source,
    identification: Option<(IdentifyOptions, Probes)>,
    previous: Option<StoredListing>,
    page: RenderOptions,
    layout: TableLayout,
    sort: Option<SortOrder>,
}

/// How the command ends if reading fails: with the signal's exit code if a signal interrupted it.
fn interrupted_or(error: Error, stop: &Stop) -> Result<Exit> {
    let Some(exit) = stop.requested() else { return Err(error) };
    stderr::error(&error);
    Ok(exit)
}

/// Reports the number of changes; whether there are any.
fn report_changes(printed: &PrintReport, noun: Option<&str>, was_complete: bool, quiet: bool) -> bool {
    let DiffContext { opened, closed, changed, beyond, unknown_before, .. } = &*printed.compared;
    let [opened, closed, changed, beyond, unknown_before] =
        [opened, closed, changed, beyond, unknown_before].map(|count| count.load(Ordering::Relaxed));
    if !quiet {
        stderr::note(&format!("{opened} opened, {closed} closed, {changed} changed"));
        if beyond > 0 {
            stderr::note(&format!(
                "{} of the earlier result not covered by this run; ignored",
                counted(beyond, Some("item"))
            ));
        }
        if unknown_before > 0 {
            stderr::note(&format!("{} not covered by the earlier result; ignored", counted(unknown_before, noun)));
        }
        if !was_complete {
            stderr::note("the earlier result was incomplete: services reported as opened may have been open before");
        }
        if !printed.errors.is_empty() {
            stderr::note("this result is incomplete: closed services are not reported");
        }
    }

    opened + closed + changed > 0
}

/// How many there are; of what could be read only, unless that is `whole`.
fn summary(count: usize, noun: Option<&str>, whole: bool) -> String {
    let limit = if whole { "" } else { " in what could be read" };
    match (count, noun) {
        (0, None) => format!("nothing found{limit}"),
        (0, Some(noun)) => format!("no {noun}{limit}"),
        (count, noun) => counted(count as u64, noun),
    }
}

/// A number of items; without another noun they are services.
fn counted(count: u64, noun: Option<&str>) -> String {
    let noun = noun.unwrap_or("service");
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
