//! `--watch`: reports changes to the services of a source as they happen.

mod delivered;
mod hooks;
#[cfg(feature = "live")]
mod live;
mod stop_conditions;
mod watch_files;
mod watch_loop;
mod watch_output;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use tokio_util::sync::CancellationToken;

use self::delivered::DeliveredState;
use self::hooks::{Exec, Hook, HookQueue, Webhook, WebhookUrl};
use self::stop_conditions::StopConditions;
use self::watch_files::WatchFiles;
use self::watch_loop::{WatchEnd, WatchLoop, WatchResult};
use self::watch_output::WatchOutput;
use super::exit::Exit;
use super::signals::Stop;
use super::terminal::Terminal;
use super::{Global, stderr, stdout};
use crate::catalog::{Reader, Watch, Writer};
use crate::engine::{Clock, Retry};
use crate::error::{Error, Result};
use crate::health::{LatestHealth, Thresholds};
use crate::model::{ColumnVisibility, Condition, DetailLevel, ParseError, parse_duration};
use crate::net::runtime;
#[cfg(feature = "live")]
use crate::output::View;
use crate::output::{EventFormat, FormatName, RenderOptions};
use crate::source::{RECONNECT, Source, keep_watching};

/// How long the last listing may take from its deadline to the output.
const DELIVERY_TIME: Duration = Duration::from_millis(500);

/// Whether to keep watching after the first listing, and how.
#[derive(Args, Debug)]
#[command(next_help_heading = "Watch")]
pub(super) struct Watching {
    /// Keep running and report every change; Ctrl-C ends the watch with exit code 0
    ///
    /// On a terminal this is a live table: q quits, / filters, Enter shows the details of a row, and the last line lists the
    /// other keys. Elsewhere, or with --lines, each change is one line.
    ///
    /// Existing services are reported as added, followed by one synced event. A health change is reported once it is
    /// confirmed, with the health before and after. Each line is written at once: text, or with --json one object. While a
    /// source is unreachable, or a scan reaches none of its targets, its services stay and are reported as stale; the
    /// changes follow when the source recovers. If the reader is too slow, a lagged event reports how many lines were
    /// dropped, and the differences follow.
    ///
    /// On this machine, portolan reports a closed listener at once and a new one within one interval; if its owner is not
    /// known yet, the owner is pending, and an update follows. A socket that opens and closes between two polls is missed,
    /// except as root on the host: there, portolan reports each TCP listener at once.
    ///
    /// A file of --output FORMAT=FILE holds the whole listing, and is replaced in one step whenever it changes.
    #[arg(short, long, global = true)]
    watch: bool,
    /// Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_interval)]
    interval: Option<Duration>,
    /// Stop after this time
    #[arg(long = "for", id = "for", global = true, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Stop after N changes (services present at the start do not count)
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop at the first event that matches, as in 'type=added and item.endpoints[].port=5432'
    ///
    /// The fields are those of the lines that --json prints; [] matches any index. The comparisons are =, !=, <, <=, >, >=
    /// and ~ for a regular expression, joined by `and`; an event without the field never matches, not even with !=. Can be
    /// repeated; any match stops the watch. Services present at the start count too. If --for or --count stops the watch
    /// first, the exit code is 1.
    #[arg(long, global = true, value_name = "EXPR")]
    until: Vec<Condition>,
    /// Run this command for each change, with the event as a line of JSON on its standard input
    ///
    /// portolan runs the command without a shell; quotes join words. It delivers the changes of one service one at a time
    /// and in order, and those of different services in parallel; services present at the start do not count. It kills a
    /// command that takes more than a minute, together with its children. It queues up to 1000 changes, drops further ones,
    /// and reports their number as an error. The command's output goes to standard error; the live view discards it.
    #[arg(long, global = true, value_name = "CMD", value_hint = ValueHint::CommandString)]
    exec: Option<Exec>,
    /// POST each change to this URL, with the event as JSON
    ///
    /// The order is that of --exec. Without a reply, or after status 408, 425, 429 or 5xx, portolan retries up to four
    /// times within a minute; it reports any other failure at once.
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    webhook: Option<WebhookUrl>,
    /// Print lines even on a terminal, instead of the live table
    #[arg(long, global = true)]
    lines: bool,
    /// Report a service as better after N better results in a row [default: 2]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rise: Option<u32>,
    /// Report a service as worse after N worse results in a row [default: 3]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    fall: Option<u32>,
}

/// Shortest polling interval: polling the kernel more often costs CPU time and shows no more.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

fn parse_interval(text: &str) -> Result<Duration, ParseError> {
    parse_duration(text).map(|interval| interval.max(MIN_INTERVAL))
}

/// How long to wait for running work after the user ended the watch.
const GRACE: Duration = Duration::from_secs(1);

/// What runs beside a watch, on a thread of its own, until the watch ends.
pub(super) trait Beside: Sync {
    /// Runs until `stop` is set. `reader` reads what the watch knows.
    ///
    /// # Errors
    /// If it cannot begin.
    fn run(&self, reader: Reader, stop: &CancellationToken) -> Result<()>;
}

impl Watching {
    /// Whether `--watch` is given.
    ///
    /// # Errors
    /// If an option that requires it is given without it.
    pub(super) fn is_asked(&self) -> Result<bool> {
        let others = [
            ("--for", self.duration.is_some()),
            ("--count", self.count.is_some()),
            ("--until", !self.until.is_empty()),
            ("--exec", self.exec.is_some()),
            ("--webhook", self.webhook.is_some()),
            ("--lines", self.lines),
            ("--rise", self.rise.is_some()),
            ("--fall", self.fall.is_some()),
        ];

        match others.iter().find(|(_, given)| *given && !self.watch) {
            Some((name, _)) => Err(Error::usage(*name, "it requires --watch", "add --watch, or leave it out")),
            None => Ok(self.watch),
        }
    }

    /// After how many equal results a health change is reported.
    pub(super) fn thresholds(&self) -> Thresholds {
        let Thresholds { rise, fall } = Thresholds::default();
        Thresholds { rise: self.rise.unwrap_or(rise), fall: self.fall.unwrap_or(fall) }
    }

    /// The options, for a watch without checks.
    ///
    /// # Errors
    /// If an option that requires checks is given.
    pub(super) fn without_checks(&self) -> Result<&Self> {
        match [("--rise", self.rise), ("--fall", self.fall)].iter().find(|(_, given)| given.is_some()) {
            Some((name, _)) => Err(Error::usage(*name, "it requires checks", "add --validate, or leave it out")),
            None => Ok(self),
        }
    }

    /// Watches a source until a signal, the reader or one of the options ends it.
    pub(super) fn run(&self, source: &dyn Source, global: &Global) -> Result<Exit> {
        self.run_beside(source, (None, None), global)
    }

    /// The same with what runs beside it, and with the last results of checks, which metrics show before they are confirmed.
    pub(super) fn run_beside(
        &self,
        source: &dyn Source,
        (latest, beside): (Option<&Arc<LatestHealth>>, Option<&dyn Beside>),
        global: &Global,
    ) -> Result<Exit> {
        let format = format(source, global)?;

        let live = self.is_live(global);
        let queues = self.queues(live)?;
        if let Some(limit) = source.watch_limit().filter(|_| !live && !global.quiet) {
            stderr::note(&limit);
        }
        // An exporter reads its targets again on SIGHUP.
        let stop = if beside.is_some() { Stop::listen_except_hangup() } else { Stop::listen() }?;
        // The live table can show every detail of a row; hooks and conditions get the whole JSON whatever is shown.
        let needs_all = live || !queues.is_empty() || !self.until.is_empty();
        let files = global.output.iter().filter(|spec| spec.file.is_some()).map(|spec| spec.format.depth()).max();
        let depth = files.unwrap_or(global.format.depth()).max(global.format.depth());
        let detail_level = if needs_all { DetailLevel::Full } else { depth };
        let writer = Writer::new(source.name(), detail_level, Clock::coarse());
        let (_, watch) = writer.reader().watch();
        let reader = writer.reader();
        let files = WatchFiles::new(&global.output, writer.reader(), file_page(source), source.filters())?;
        let files = files.with_latest(latest);
        let cancel = CancellationToken::new();
        let (source_runtime, output_runtime) = (runtime(0)?, runtime(0)?);

        thread::scope(|scope| {
            // The source has its own thread, so that a slow reader does not delay it.
            let token = &cancel;
            let source_thread = scope.spawn(move || {
                let error = source_runtime.block_on(self.watch_source(source, writer, token));
                // A resolver may hold a thread for longer than the user wants to wait.
                source_runtime.shutdown_background();
                error
            });

            // However the output ends, also by a panic, the source has to end too.
            let guard = cancel.clone().drop_guard();
            let beside_thread = beside.map(|beside| scope.spawn(move || run_until_stopped(beside, reader, token)));
            let result = stdout::with_stdout(Some(&stop), |out| {
                let result = output_runtime.block_on(async {
                    let output = open_output(source, global, format, live, out)?;
                    self.report(source, watch, output, (files, queues), &stop).await
                });
                output_runtime.shutdown_background();
                result
            });
            drop(guard);

            if let Some(beside) = beside_thread {
                beside.join().unwrap_or_else(|_| Err(thread_panicked()))?;
            }
            if let Some(error) = source_thread.join().unwrap_or_else(|_| Some(thread_panicked())) {
                return Err(error);
            }
            let result = result?;
            if result.is_some_and(|result| result.is_unanswered) {
                return Err(self.unanswered(source));
            }
            let is_unmet = result.is_some_and(|result| result.is_unmet);
            // Ctrl-C is the normal way to end a watch, not an interruption.
            Ok(match stop.requested() {
                Some(Exit::Interrupted) => Exit::Done,
                Some(exit) => exit,
                None if is_unmet => Exit::ConditionFailed,
                None => Exit::Done,
            })
        })
    }

    /// The error of a watch that ended before its source replied.
    fn unanswered(&self, source: &dyn Source) -> Error {
        let limit = self.duration.into_iter().chain(source.deadline()).min().unwrap_or_default();
        Error::TimedOut {
            what: format!("list the services of {} within {limit:?}", source.name()),
            why: "no complete reply so far".to_owned(),
            hint: "raise the time limit, or list once without --watch to see the cause".to_owned(),
        }
    }

    /// Feeds the catalog until `cancel` is set; returns why the source cannot be read. The writer is dropped at the end, which
    /// ends its readers.
    async fn watch_source(&self, source: &dyn Source, mut writer: Writer, cancel: &CancellationToken) -> Option<Error> {
        let watching = keep_watching(source, self.interval, RECONNECT, Retry::random_seed(), &mut writer);
        cancel.run_until_cancelled(watching).await
    }

    /// Reports events until the watch ends.
    async fn report<'w>(
        &'w self,
        source: &'w dyn Source,
        watch: Watch,
        output: WatchOutput<'w>,
        (files, queues): (WatchFiles, Vec<HookQueue>),
        stop: &'w Stop,
    ) -> io::Result<WatchResult> {
        let tree = stop.tree().map_err(io::Error::other)?;
        let stop_conditions = StopConditions::new(self.count, &self.until);
        let mut watch_loop =
            WatchLoop { delivered: DeliveredState::new(source.name()), stop_conditions, output, files, queues, stop };
        // A listing that the deadline ends is delivered a moment later.
        let deadline = source.deadline().map(|deadline| deadline.saturating_add(DELIVERY_TIME));
        let duration = self.duration.into_iter().chain(deadline).min();
        let end = tokio::select! {
            end = watch_loop.run(watch, duration) => end?,
            () = tree.stopping() => WatchEnd::Stopped,
        };

        // Its only task is the one that waits for signals.
        let _ = tree.drain(GRACE).await;
        Ok(watch_loop.finish(end).await)
    }

    /// Whether to show the live table: on a terminal, unless lines or another format are requested.
    pub(super) fn is_live(&self, global: &Global) -> bool {
        #[cfg(feature = "live")]
        let possible = live::is_possible();
        #[cfg(not(feature = "live"))]
        let possible = false;
        possible && !self.lines && matches!(global.format, FormatName::Table | FormatName::Wide)
    }

    fn queues(&self, live: bool) -> Result<Vec<HookQueue>> {
        let exec = self.exec.as_ref().map(|exec| exec.resolved(live)).transpose()?;
        let webhook = self.webhook.clone().map(Webhook::new).transpose()?;
        let hooks = exec.map(Hook::Exec).into_iter().chain(webhook.map(Hook::Webhook));
        Ok(hooks.map(HookQueue::new).collect())
    }
}

/// Runs what is beside a watch. Where it cannot begin, the watch ends too.
fn run_until_stopped(beside: &dyn Beside, reader: Reader, stop: &CancellationToken) -> Result<()> {
    let result = beside.run(reader, stop);
    stop.cancel();
    result
}

/// Opens the output. To be called within a runtime.
#[cfg_attr(
    not(feature = "live"),
    expect(unused_variables, clippy::unnecessary_wraps, reason = "only lines are possible")
)]
fn open_output<'w>(
    source: &dyn Source,
    global: &Global,
    format: EventFormat,
    live: bool,
    out: &'w mut (dyn io::Write + Send),
) -> io::Result<WatchOutput<'w>> {
    #[cfg(feature = "live")]
    if live {
        return open_live(source, global, out);
    }
    Ok(WatchOutput::lines(format, Terminal::of_stdout(global.color).color, out))
}

#[cfg(feature = "live")]
fn open_live<'w>(
    source: &dyn Source,
    global: &Global,
    out: &'w mut (dyn io::Write + Send),
) -> io::Result<WatchOutput<'w>> {
    let terminal = Terminal::of_stdout(global.color);
    let page = RenderOptions { width: terminal.width, color: terminal.color, ..file_page(source) };
    let wide = global.format == FormatName::Wide;

    Ok(WatchOutput::live(live::Live::open(View::new(source.name(), page, wide), out)?))
}

/// Rendering options of the files.
fn file_page(source: &dyn Source) -> RenderOptions {
    let columns = source.columns();
    RenderOptions {
        columns,
        identified: columns.iter().any(|column| column.shown == ColumnVisibility::Asked),
        generated: jiff::Timestamp::now(),
        width: None,
        color: false,
        links: false,
    }
}

/// The format of the event lines.
///
/// # Errors
/// If the requested format cannot write events.
fn format(source: &dyn Source, global: &Global) -> Result<EventFormat> {
    EventFormat::of(global.format, source.columns()).ok_or_else(|| {
        let name = global.format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let hint = "choose table, wide, json, ndjson or name";
        Error::usage(format!("--output '{name}'"), format!("--watch cannot write {name}"), hint)
    })
}

fn thread_panicked() -> Error {
    Error::io("watch", io::Error::other("a thread panicked"), "this is a bug in portolan; please report it")
}
