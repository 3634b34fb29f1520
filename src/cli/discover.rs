//! `portolan discover SOURCE`: list what a source knows.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;

use super::exit::Exit;
use super::hand_to::{self, HandTo, Hosts};
use super::identify::Identify;
use super::outputs::{Files, Outputs};
use super::previous::Previous;
use super::progress::Bar;
use super::signals::Stop;
use super::terminal::{self, Terminal};
use super::watch::Watching;
use super::{Global, stderr, stdout, validate};
use crate::engine;
use crate::error::{Error, Result};
use crate::model::{Addresses, Completeness, Depth, Fault, Ports, ScannedHost, Service, Shown, Transport, Within};
use crate::net::Via;
use crate::output::{Asked, Comparison, End, FormatName, Page};
use crate::probe::Probes;
use crate::source::scan::Scan;
use crate::source::{AnySource, Progress, Sink, Source};

/// List services
#[derive(Args, Debug)]
pub(super) struct Discover {
    #[command(flatten)]
    judge: Judge,
    #[command(flatten)]
    identify: Identify,
    #[command(flatten)]
    watching: Watching,
    /// Check each service and score how well it is, as `portolan validate -` does
    #[arg(long, global = true, help_heading = "Output")]
    validate: bool,
    #[command(subcommand)]
    source: AnySource,
}

impl Discover {
    /// The source, which knows what the environment says, behind the common interface.
    pub(super) fn source(&mut self) -> &dyn Source {
        self.source.take_environment(&|name| std::env::var_os(name));
        self.source.as_source()
    }

    pub(super) fn run(&mut self, global: &Global) -> Result<Exit> {
        self.source.take_environment(&|name| std::env::var_os(name));
        let (source, via) = (self.source.as_source(), self.source.via());
        if via.is_some() && !self.validate {
            return Err(Error::usage("--via", "it is only good for checks", "add --validate, or leave it out"));
        }
        answer(&self.judge, &self.watching, (source, via), &self.identify, self.validate, global)
    }
}

/// Ask hosts which of their ports are open; short for `discover scan`
///
/// Connects to every TCP port asked for, and closes again at once; nothing is sent. With --udp, sends each port a question
/// that is its own. Where there are several hosts, each is looked for first, by TCP, ICMP echo where
/// that is permitted, and on this machine's own links by ARP and neighbour discovery; one that does not show itself is left
/// out and counted (--no-ping). Needs no rights (but --syn does). A target is an address, a
/// network (10.0.0.0/24), a range (10.0.0.1-50), a host name, `local` for this machine's own addresses, with root those in its other
/// network namespaces too, @FILE for a file of
/// targets, or - for standard input. Open ports are listed; what else was found is counted on standard error.
#[derive(Args, Debug)]
pub(super) struct ShortScan {
    #[command(flatten)]
    judge: Judge,
    #[command(flatten)]
    identify: Identify,
    #[command(flatten)]
    watching: Watching,
    /// Check each service and score how well it is, as `portolan validate -` does
    #[arg(long, help_heading = "Output")]
    validate: bool,
    #[command(flatten)]
    scan: Scan,
}

impl ShortScan {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        answer(&self.judge, &self.watching, (&self.scan, None), &self.identify, self.validate, global)
    }
}

/// Lists or watches, as is asked. Beside the source stands who asks its endpoints in this host's place.
fn answer(
    judge: &Judge,
    watching: &Watching,
    (source, via): (&dyn Source, Option<Arc<dyn Via>>),
    identify: &Identify,
    validate: bool,
    global: &Global,
) -> Result<Exit> {
    let watches = watching.is_asked()?;
    if watches && identify.asked {
        let hint = "list with it; a watch checks what it finds with --validate, and hands what is new to --exec";
        return Err(Error::usage("--identify", "a watch does not ask services what they are", hint));
    }
    match (watches, validate) {
        (false, false) => judge.list(source, identify, global),
        (false, true) => validate::all(source, via, identify, judge, global),
        (true, false) => watching.without_checks()?.run(source, global),
        (true, true) => validate::watch(source, via, watching, global),
    }
}

/// What makes a listing that came about a failure all the same.
#[derive(Args, Debug, Default)]
pub(super) struct Judge {
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

impl Judge {
    /// Of an answer that was asked for at another time.
    pub(super) fn of(generated: Timestamp) -> Self {
        Self { generated: Some(generated), ..Self::default() }
    }

    /// Lists what a source knows into every output that is asked for.
    pub(super) fn list(&self, source: &dyn Source, identify: &Identify, global: &Global) -> Result<Exit> {
        let stop = Stop::listen()?.within(source.deadline());
        let terminal = Terminal::of_stdout(global.color);
        let columns = identify.columns(source.columns());
        let page = Page {
            columns,
            // A source may do the asking itself, on behalf of who checks what it finds.
            identified: columns.iter().any(|column| column.shown == Shown::Asked),
            generated: self.generated.unwrap_or_else(Timestamp::now),
            width: terminal.width,
            color: terminal.color,
        };
        let program = self.hand_to.as_ref().map(HandTo::program).transpose()?;
        // Before any file is written: it may be the same one.
        let (probes, previous) = match self.read_files(source, identify, &stop.flag()) {
            Ok(read) => read,
            Err(error) => return unread(error, &stop),
        };
        let asks = identify.asked.then_some((identify, probes));
        let was_whole = previous.as_ref().is_none_or(|previous| previous.complete);
        let mut files = Files::create(&global.output)?;
        let mut written = None;
        let heard = stdout::with_stdout(Some(&stop), |out| {
            let question = Question { source, asks, previous, page };
            let (answer, unheard) = self.write_down(question, global, &stop, &mut files, out);
            written = Some(answer);
            unheard.map_or(Ok(()), Err)
        });
        let Some(written) = written else { return heard.map(|_| Exit::Done) };
        let Written { printed, failures } = match written {
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
        if self.diff.is_some() && compared(&printed, was_whole, global.quiet) && self.fail_changed {
            exit = exit.max(Exit::ConditionFailed);
        }
        if self.strict && !printed.limits.is_empty() {
            exit = exit.max(Exit::RightsMissing);
        }
        if self.fail_empty && printed.count == 0 {
            exit = exit.max(Exit::ConditionFailed);
        }
        if let (Some(hand_to), Some(program)) = (&self.hand_to, program) {
            let on_stdout = matches!(global.format, FormatName::Table | FormatName::Wide);
            exit = exit.max(hand_to.run(&program, &printed.hosts, on_stdout, &stop));
            exit = exit.max(stop.requested().unwrap_or(Exit::Done));
        }
        Ok(exit)
    }

    /// Reads the files that say what to ask, and what to compare with.
    fn read_files(
        &self,
        source: &dyn Source,
        identify: &Identify,
        stop: &AtomicBool,
    ) -> Result<(Probes, Option<Previous>)> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let probes = identify.probes(stop, until)?;
        let previous = self.diff.as_ref().map(|path| Previous::read(path, source.name(), stop, until));
        Ok((probes, previous.transpose()?))
    }

    /// Lists a source into every output. Beside the answer: what standard output said, if it took no more.
    fn write_down(
        &self,
        question: Question<'_>,
        global: &Global,
        stop: &Stop,
        files: &mut Files,
        out: &mut (dyn Write + Send),
    ) -> (Result<Written>, Option<io::Error>) {
        let Question { source, asks, previous, page } = question;
        let mut outputs = match files.open(global.format, page, out) {
            Ok(outputs) => outputs,
            Err(error) => return (Err(error), None),
        };
        let shared = Arc::new(Comparison::default());
        if let Some(previous) = previous
            && let Err(error) = outputs.compare(previous, Arc::clone(&shared))
        {
            return (Err(error), None);
        }
        let mut printer = Printer::new(outputs, stop.flag(), Bar::new(global.quiet));
        printer.printed.compared = shared;
        printer.keeps_hosts = self.hand_to.is_some();
        // A source that needs timers or sockets brings its own runtime; one that only reads what the kernel has ready does
        // not pay for one.
        let listed = match asks {
            None => engine::block_on(source.list(&mut printer)),
            Some((identify, probes)) => identify.list(probes, source, &mut printer),
        };
        printer.finish(listed)
    }
}

/// What is asked, of whom, and what it is compared with.
struct Question<'a> {
    source: &'a dyn Source,
    asks: Option<(&'a Identify, Probes)>,
    previous: Option<Previous>,
    page: Page,
}

/// What was written, and what went wrong with each file.
struct Written {
    printed: Printed,
    failures: Vec<Option<io::Error>>,
}

/// How a command ends that could not read what it needs: in the way of whoever wanted an end, if somebody did.
fn unread(error: Error, stop: &Stop) -> Result<Exit> {
    let Some(exit) = stop.requested() else { return Err(error) };
    stderr::error(&error);
    Ok(exit)
}

/// Says what a comparison came to; whether anything differs.
fn compared(printed: &Printed, was_whole: bool, quiet: bool) -> bool {
    let Comparison { opened, closed, changed, beyond, .. } = &*printed.compared;
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

/// Writes services down as they come. Nothing is written before the first or the end, so that a source which
/// fails at once leaves standard output empty.
struct Printer<'w> {
    outputs: Outputs<'w>,
    closed: Arc<AtomicBool>,
    bar: Bar,
    keeps_hosts: bool,
    printed: Printed,
}

/// What was written, and what could not be seen.
#[derive(Default)]
struct Printed {
    count: usize,
    errors: Vec<Fault>,
    limits: Vec<Fault>,
    notes: Vec<String>,
    /// What became of each host's ports, where a source counts them.
    hosts_scanned: Option<Vec<ScannedHost>>,
    /// What to hand on.
    hosts: Hosts,
    /// What differs from an earlier answer.
    compared: Arc<Comparison>,
}

impl<'w> Printer<'w> {
    fn new(outputs: Outputs<'w>, closed: Arc<AtomicBool>, bar: Bar) -> Self {
        Self { outputs, closed, bar, keeps_hosts: false, printed: Printed::default() }
    }

    /// Whether anything takes more; otherwise the source learns of it.
    fn goes_on(&self) -> ControlFlow<()> {
        if self.outputs.are_open() {
            return ControlFlow::Continue(());
        }
        self.closed.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    }

    /// Writes the end, unless there was nothing to list from.
    fn finish(mut self, listed: Result<Completeness>) -> (Result<Written>, Option<io::Error>) {
        self.bar.clear();
        if let Ok(completeness) = &listed {
            let Printed { errors, limits, hosts_scanned, .. } = &self.printed;
            let (finished, hosts) = (Timestamp::now(), hosts_scanned.as_deref());
            self.outputs.end(&End { finished, completeness: *completeness, errors, limits, hosts });
        }
        let (unheard, failures) = self.outputs.into_failures();
        (listed.map(|_| Written { printed: self.printed, failures }), unheard)
    }
}

impl Sink for Printer<'_> {
    fn depth(&self) -> Depth {
        self.outputs.depth()
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.outputs.service(&service);
        if self.keeps_hosts {
            hand_to::add(&mut self.printed.hosts, &service);
        }
        let goes_on = self.goes_on();
        self.printed.count += usize::from(goes_on.is_continue());
        goes_on
    }

    fn fault(&mut self, fault: Fault) {
        self.printed.errors.push(fault);
    }

    fn limit(&mut self, limit: Fault) {
        self.printed.limits.push(limit);
    }

    fn streams(&self) -> bool {
        self.outputs.streams()
    }

    fn note(&mut self, note: String) {
        self.printed.notes.push(note);
    }

    fn asked(&mut self, within: &Within, transport: Transport, addresses: &Addresses, ports: &Ports) {
        let (within, addresses, ports) = (within.clone(), addresses.clone(), ports.clone());
        self.printed.compared.asked.lock().push(Asked { within, transport, addresses, ports });
    }

    fn scanned(&mut self, hosts: Vec<ScannedHost>) {
        self.printed.hosts_scanned = Some(hosts);
    }

    fn progress(&mut self, progress: Progress) {
        let Self { outputs, bar, .. } = self;
        bar.aside(|| outputs.flush());
        self.bar.show(progress);
        // The source learns of it by the flag.
        let _ = self.goes_on();
    }

    fn confirm(&mut self, question: &str) -> bool {
        terminal::ask(question)
    }
}
