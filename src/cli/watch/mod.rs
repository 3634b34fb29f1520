//! `--watch`: what happens to the services of a source, as it happens.

mod delivered;
mod hooks;
#[cfg(feature = "live")]
mod live;
mod stop_conditions;
mod watch_output;

use std::io;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use futures_util::future::select_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::delivered::DeliveredState;
use self::hooks::{Exec, Hook, HookQueue, Webhook};
use self::stop_conditions::StopConditions;
use self::watch_output::WatchOutput;
use super::exit::Exit;
use super::signals::Stop;
#[cfg(feature = "live")]
use super::terminal::Terminal;
use super::{Global, stderr, stdout};
use crate::catalog::{Watch, WatchItem, Writer};
use crate::engine::{Clock, Retry};
use crate::error::{Error, Result};
use crate::health::Thresholds;
#[cfg(feature = "live")]
use crate::model::{ColumnVisibility, Condition, DetailLevel, ParseError, PartialError, parse_duration};
use crate::net::runtime;
use crate::output::{EventFormat, FormatName};
#[cfg(feature = "live")]
use crate::output::{RenderOptions, View};
use crate::source::{RECONNECT, Source, keep_watching};

/// Whether to go on after the first answer, and how.
#[derive(Args, Debug)]
#[command(next_help_heading = "Watch")]
pub(super) struct Watching {
    /// Go on, and show whatever changes; Ctrl-C ends it with exit code 0
    ///
    /// At a terminal a table follows what happens: q ends it, / filters, Enter shows everything about a row, and its last line
    /// names the other keys. Anywhere else, or with --lines, a line is written for each change.
    ///
    /// What is there at first is told as added, and then that all is synced. Checks are told when they are believed: how well
    /// it is now, and how well it was. Each line is written at once: text for people, one
    /// object per line with --json. On this machine what stops listening is told at once, and what begins within an interval;
    /// what comes and goes between two looks cannot be seen, but for root each TCP listener is told at once (where tracefs is
    /// mounted). A source that cannot be asked for a while, or a scan that reaches none of its targets any more, keeps what it had,
    /// which is told as stale, and what happened meanwhile comes out as differences. Where nobody reads fast enough, lagged
    /// tells how many lines are left out, and what they came to follows.
    #[arg(short, long, global = true)]
    watch: bool,
    /// How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_interval)]
    interval: Option<Duration>,
    /// End the watch after that time
    #[arg(long = "for", id = "for", global = true, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// End the watch after so many changes; what was there from the beginning is none
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End the watch with an event like this, as in 'type=added and item.endpoints[].port=5432'
    ///
    /// Fields are those of the lines of --json; [] stands for any index. The comparisons are =, !=, <, <=, >, >= and ~ for a
    /// regular expression, joined by `and`; an event without the field is none that was meant, also with !=. Given several
    /// times, any will do. What is there at first counts too. If the watch ends by --for or --count before, the exit code is 1.
    #[arg(long, global = true, value_name = "EXPR")]
    until: Vec<Condition>,
    /// Run this command for each change, with the event as a line of JSON on its standard input
    ///
    /// Without a shell; quotes join words. Changes of one service are handed on one after the other, those of different services
    /// side by side; what was there at first is none. A command that takes more than a minute is ended, with all that it started. Up to 1000 changes wait,
    /// and what there is no room for is said. What the command writes goes to standard error, or with the live view nowhere.
    #[arg(long, global = true, value_name = "CMD", value_hint = ValueHint::CommandString)]
    exec: Option<Exec>,
    /// Send each change to this address, as a POST with the event as JSON
    ///
    /// In the same order as with --exec. Where no answer comes, or one with status 408, 425, 429 or 5xx, up to four more tries follow
    /// within a minute; any other refusal is said at once.
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    webhook: Option<Webhook>,
    /// Write lines at a terminal too
    #[arg(long, global = true)]
    lines: bool,
    /// Believe that a service is better again after so many looks in a row [default: 2]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rise: Option<u32>,
    /// Believe that a service is worse after so many looks in a row [default: 3]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    fall: Option<u32>,
    /// Only what happened after this index: asked for by people who know registries, which keep it.
    #[arg(long, global = true, value_name = "INDEX", hide = true)]
    since: Option<u64>,
}

/// Nobody's clock is worth asking the kernel more often.
const SHORTEST: Duration = Duration::from_millis(10);

fn parse_interval(text: &str) -> Result<Duration, ParseError> {
    parse_duration(text).map(|interval| interval.max(SHORTEST))
}

/// How long to wait for what is still going on when somebody wants no more.
const GRACE: Duration = Duration::from_secs(1);
/// How long what is done with changes may take when the watch has ended by itself.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(2);
/// How often to look for signals meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl Watching {
    /// Whether `--watch` is asked for.
    ///
    /// # Errors
    /// An option that is only good with it, without it.
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
            ("--since", self.since.is_some()),
        ];
        match others.iter().find(|(_, given)| *given && !self.watch) {
            Some((name, _)) => Err(Error::usage(*name, "it is only good for a watch", "add --watch, or leave it out")),
            None => Ok(self.watch),
        }
    }

    /// When a watch of checks believes what it sees.
    pub(super) fn thresholds(&self) -> Thresholds {
        let Thresholds { rise, fall } = Thresholds::default();
        Thresholds { rise: self.rise.unwrap_or(rise), fall: self.fall.unwrap_or(fall) }
    }

    /// # Errors
    /// An option that is only good for checks, where nothing is checked.
    pub(super) fn without_checks(&self) -> Result<&Self> {
        match [("--rise", self.rise), ("--fall", self.fall)].iter().find(|(_, given)| given.is_some()) {
            Some((name, _)) => {
                Err(Error::usage(*name, "it is only good for checks", "add --validate, or leave it out"))
            }
            None => Ok(self),
        }
    }

    /// Watches a source until somebody wants no more.
    pub(super) fn run(&self, source: &dyn Source, global: &Global) -> Result<Exit> {
        let format = format(source, global)?;
        if self.since.is_some() {
            let why = format!("{} keeps no history, and numbers what happens anew with each watch", source.name());
            return Err(Error::usage("--since", why, "leave it out; a watch begins with everything that is there"));
        }
        let live = self.is_live(global);
        let queues = self.queues(live)?;
        let stop = Stop::listen()?;
        // A table that follows has everything to show about a row that is asked for; and what gets JSON, or is compared with
        // it, needs all of it, whatever is shown.
        let whole = live || !queues.is_empty() || !self.until.is_empty();
        let depth = if whole { DetailLevel::Full } else { global.format.depth() };
        let writer = Writer::new(source.name(), depth, Clock::coarse());
        let (_, watch) = writer.reader().watch();
        let cancel = CancellationToken::new();
        let (asks, tells) = (runtime(0)?, runtime(0)?);
        thread::scope(|scope| {
            // The source has a thread of its own, so that nobody who reads slowly keeps it from looking.
            let asked = &cancel;
            let asking = scope.spawn(move || {
                let error = asks.block_on(self.ask(source, writer, asked));
                // A resolver may hold a thread for longer than anybody wants to wait.
                asks.shutdown_background();
                error
            });
            // Whatever ends this, also a panic: nobody waits for a source that goes on.
            let over = cancel.clone().drop_guard();
            let told = stdout::with_stdout(Some(&stop), |out| {
                let told = tells.block_on(async {
                    #[cfg(feature = "live")]
                    let face = if live { face_live(source, global, out)? } else { WatchOutput::lines(format, out) };
                    #[cfg(not(feature = "live"))]
                    let face = WatchOutput::lines(format, out);
                    let tree = stop.tree().map_err(io::Error::other)?;
                    let mut telling = WatchLoop {
                        account: DeliveredState::new(source.name()),
                        ending: StopConditions::new(self.count, &self.until),
                        face,
                        queues,
                        stop: &stop,
                    };
                    let over = tokio::select! {
                        over = telling.tell(watch, self.duration) => over?,
                        () = tree.stopping() => WatchEnd::Stopped,
                    };
                    // Its only task is the one that waits for signals.
                    let _ = tree.drain(GRACE).await;
                    Ok(telling.finish(over).await)
                });
                tells.shutdown_background();
                told
            });
            drop(over);
            if let Some(error) = asking.join().unwrap_or_else(|_| Some(broken_off())) {
                return Err(error);
            }
            let unmet = told? == Some(true);
            // Ctrl-C is how people end a watch; it is no interruption of it.
            Ok(match stop.requested() {
                Some(Exit::Interrupted) => Exit::Done,
                Some(exit) => exit,
                None if unmet => Exit::ConditionFailed,
                None => Exit::Done,
            })
        })
    }

    /// Asks the source until `cancel` says that nobody wants to know any more; or why it cannot be asked. The writer goes
    /// with it, so that readers learn of the end.
    async fn ask(&self, source: &dyn Source, mut writer: Writer, cancel: &CancellationToken) -> Option<Error> {
        let watching = keep_watching(source, self.interval, RECONNECT, Retry::random_seed(), &mut writer);
        cancel.run_until_cancelled(watching).await
    }

    /// Whether somebody sits at a terminal and wants a table.
    fn is_live(&self, global: &Global) -> bool {
        #[cfg(feature = "live")]
        let possible = live::is_possible();
        #[cfg(not(feature = "live"))]
        let possible = false;
        possible && !self.lines && matches!(global.format, FormatName::Table | FormatName::Wide)
    }

    fn queues(&self, live: bool) -> Result<Vec<HookQueue>> {
        let exec = self.exec.as_ref().map(|exec| exec.found(live)).transpose()?;
        Ok(exec
            .map(Hook::Exec)
            .into_iter()
            .chain(self.webhook.clone().map(Hook::Webhook))
            .map(HookQueue::new)
            .collect())
    }
}

#[cfg(feature = "live")]
fn face_live<'w>(
    source: &dyn Source,
    global: &Global,
    out: &'w mut (dyn io::Write + Send),
) -> io::Result<WatchOutput<'w>> {
    let terminal = Terminal::of_stdout(global.color);
    let columns = source.columns();
    let page = RenderOptions {
        columns,
        identified: columns.iter().any(|column| column.shown == ColumnVisibility::Asked),
        generated: jiff::Timestamp::now(),
        width: terminal.width,
        color: terminal.color,
    };
    let wide = global.format == FormatName::Wide;
    Ok(WatchOutput::live(live::Live::open(View::new(source.name(), page, wide), out)?))
}

/// Tells what happens, to whoever looks and whatever is to be done with it.
struct WatchLoop<'w> {
    account: DeliveredState,
    ending: StopConditions<'w>,
    face: WatchOutput<'w>,
    queues: Vec<HookQueue>,
    stop: &'w Stop,
}

/// Why a watch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchEnd {
    /// By itself: its time is over, enough has happened, or there is nothing more to tell.
    Ended,
    /// Nobody wants to see more.
    Left,
    Stopped,
}

impl WatchLoop<'_> {
    /// Tells what happens until there is an end to it.
    async fn tell(&mut self, mut watch: Watch, time: Option<Duration>) -> io::Result<WatchEnd> {
        let over = async {
            match time {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                // What is known is told before the end is.
                biased;
                news = watch.next() => {
                    let Some(news) = news else { return Ok(WatchEnd::Ended) };
                    if self.news(news)? {
                        return Ok(WatchEnd::Ended);
                    }
                    if self.stop.requested().is_some() {
                        return Ok(WatchEnd::Stopped);
                    }
                }
                () = &mut over => return Ok(WatchEnd::Ended),
                left = self.face.attend() => {
                    left?;
                    return Ok(WatchEnd::Left);
                }
                Some(fault) = any(&mut self.queues) => self.face.note(&fault),
            }
        }
    }

    /// Takes news; whether they are the last.
    fn news(&mut self, news: WatchItem) -> io::Result<bool> {
        let mut ended = false;
        for event in self.account.events(news).iter() {
            // What is there at first is told, but nothing that happened.
            let happened = self.account.synced;
            self.face.tell(event)?;
            self.account.told(event);
            if happened {
                self.queues.iter_mut().for_each(|queue| queue.take(event));
            }
            ended = self.ending.ends_with(event, happened && event.kind.item().is_some());
            if ended {
                break;
            }
        }
        self.face.flush()?;
        Ok(ended)
    }

    /// Lets what is being done come to its end; whether what was waited for never came.
    async fn finish(self, over: WatchEnd) -> bool {
        let Self { ending, face, queues, stop, .. } = self;
        // Whoever looked at a table looks at a prompt now.
        drop(face);
        for queue in queues {
            let time = if over == WatchEnd::Ended { DRAIN_TIMEOUT } else { GRACE };
            let finishing = queue.finish(time, stderr::fault);
            tokio::pin!(finishing);
            let interrupted = async {
                while over != WatchEnd::Ended || stop.requested().is_none() {
                    sleep(POLL_INTERVAL).await;
                }
            };
            tokio::select! {
                () = &mut finishing => {}
                () = interrupted => {}
            }
        }
        over == WatchEnd::Ended && ending.is_unmet()
    }
}

/// What goes wrong next in one of them.
async fn any(queues: &mut [HookQueue]) -> Option<PartialError> {
    if queues.is_empty() {
        return std::future::pending().await;
    }
    let next: Vec<_> = queues.iter_mut().map(|queue| Box::pin(queue.next())).collect();
    select_all(next).await.0
}

/// How events are written.
fn format(source: &dyn Source, global: &Global) -> Result<EventFormat> {
    if global.output.iter().any(|asked| asked.file.is_some()) {
        let hint = "leave the file out, and redirect the output";
        return Err(Error::usage("--output", "a watch writes to standard output only", hint));
    }
    EventFormat::of(global.format, source.columns()).ok_or_else(|| {
        let name = global.format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let hint = "write table, wide, json, ndjson or name";
        Error::usage(format!("--output '{name}'"), "what happens cannot be written in it", hint)
    })
}

fn broken_off() -> Error {
    Error::io("watch", io::Error::other("a thread broke off"), "this is a fault of portolan's: please report it")
}
