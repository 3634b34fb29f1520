//! `--watch`: what happens to the services of a source, as it happens.

mod lines;

use std::io;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use self::lines::Lines;
use super::exit::Exit;
use super::signals::Stop;
use super::{Global, stdout};
use crate::catalog::{Watch, Writer};
use crate::engine::{Clock, Retry};
use crate::error::{Error, Result};
use crate::net::runtime;
use crate::output::EventFormat;
use crate::source::{Source, keep_watching, parse_duration};

/// Whether to go on after the first answer, and how.
#[derive(Args, Debug)]
#[command(next_help_heading = "Watch")]
pub(super) struct Watching {
    /// Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0
    ///
    /// What is there at first is told as added, and then that all is synced. Checks are told when they are believed: how well
    /// it is now, and how well it was. Each line is written at once: text for people, one
    /// object per line with --json. On this machine what stops listening is told at once, and what begins within an interval;
    /// what comes and goes between two looks cannot be seen. A source that cannot be asked for a while keeps what it had,
    /// which is told as stale, and what happened meanwhile comes out as differences. Where nobody reads fast enough, lagged
    /// tells how many lines are left out, and what they came to follows.
    #[arg(short, long, global = true)]
    watch: bool,
    /// How often to ask a source that cannot tell by itself, and to check [default: 1s for local, 1m for scan, 10s for checks]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_interval)]
    interval: Option<Duration>,
    /// End the watch after that time
    #[arg(long = "for", id = "for", global = true, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// End the watch after so many changes; what was there from the beginning is none
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Nobody's clock is worth asking the kernel more often.
const SHORTEST: Duration = Duration::from_millis(10);

fn parse_interval(text: &str) -> Result<Duration, crate::source::BadValue> {
    parse_duration(text).map(|interval| interval.max(SHORTEST))
}

/// A source that failed is asked again after up to a second, doubling up to half a minute.
pub(super) const RECONNECT: Retry =
    Retry { attempts: u32::MAX, base: Duration::from_secs(1), cap: Duration::from_secs(30), total: Duration::MAX };
/// How often to look whether somebody still reads what is written.
const LOOK_AT_READER: Duration = Duration::from_secs(1);
/// How long to wait for what is still going on when the watch ends.
const GRACE: Duration = Duration::from_secs(1);

impl Watching {
    /// Whether `--watch` is asked for.
    ///
    /// # Errors
    /// An option that is only good with it, without it.
    pub(super) fn is_asked(&self) -> Result<bool> {
        let others = [("--for", self.duration.is_some()), ("--count", self.count.is_some())];
        match others.iter().find(|(_, given)| *given && !self.watch) {
            Some((name, _)) => Err(Error::usage(*name, "it is only good for a watch", "add --watch, or leave it out")),
            None => Ok(self.watch),
        }
    }

    /// Watches a source until somebody wants no more.
    pub(super) fn run(&self, source: &dyn Source, global: &Global) -> Result<Exit> {
        let format = format(source, global)?;
        let stop = Stop::listen()?;
        let writer = Writer::new(source.name(), global.format.depth(), Clock::coarse());
        let (_, watch) = writer.reader().watch();
        let cancel = CancellationToken::new();
        let (asks, tells) = (runtime(0)?, runtime(0)?);
        thread::scope(|scope| {
            // The source has a thread of its own, so that nobody who reads slowly keeps it from looking.
            let asking = scope.spawn(|| asks.block_on(self.ask(source, writer, &cancel)));
            let written = stdout::with_stdout(Some(&stop), |out| {
                let lines = Lines::new(format, source.name(), self.count, out);
                tells.block_on(self.tell(watch, lines, &stop))
            });
            cancel.cancel();
            if let Some(error) = asking.join().unwrap_or_else(|_| Some(broken_off())) {
                return Err(error);
            }
            written?;
            // Ctrl-C is how people end a watch; it is no interruption of it.
            Ok(stop.requested().filter(|exit| *exit != Exit::Interrupted).unwrap_or(Exit::Done))
        })
    }

    /// Asks the source until `cancel` says that nobody wants to know any more; or why it cannot be asked. The writer goes
    /// with it, so that readers learn of the end.
    async fn ask(&self, source: &dyn Source, mut writer: Writer, cancel: &CancellationToken) -> Option<Error> {
        let watching = keep_watching(source, self.interval, RECONNECT, Retry::random_seed(), &mut writer);
        cancel.run_until_cancelled(watching).await
    }

    /// Writes down what happens until there is an end to it.
    async fn tell(&self, mut watch: Watch, mut lines: Lines<'_>, stop: &Stop) -> io::Result<()> {
        let tree = stop.tree().map_err(io::Error::other)?;
        let over = async {
            match self.duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        let mut look = interval(LOOK_AT_READER);
        let told = loop {
            let news = tokio::select! {
                // What is known is told before the end is.
                biased;
                news = watch.next() => news,
                () = tree.stopping() => break Ok(()),
                () = &mut over => break Ok(()),
                _ = look.tick() => {
                    if stdout::is_closed() {
                        break Ok(());
                    }
                    continue;
                }
            };
            let Some(news) = news else { break Ok(()) };
            match lines.news(&news) {
                Ok(ControlFlow::Continue(())) if stop.requested().is_none() => {}
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // Its only task is the one that waits for signals.
        let _ = tree.drain(GRACE).await;
        told
    }
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
