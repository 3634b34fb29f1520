//! A source whose services are identified.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;

use super::options::IdentifyOptions;
use super::watch::IdentifyWatch;
use crate::engine::{Cancel, Retry, Shutdown};
use crate::error::{Error, Result};
use crate::model::{Column, DetailLevel, UpdateSink};
use crate::net::{descriptors_for_sockets, runtime};
use crate::probe::{IdentifyPool, IdentifyResult, Probes};
use crate::source::{
    AfterCheck, ChannelSink, CheckProxy, ItemSink, ListContext, ListFuture, RECONNECT, Source, SourceMessage,
    WatchFuture, keep_watching,
};

/// A source, and how its services are identified.
pub(crate) struct Identification<'s> {
    pub(crate) source: &'s dyn Source,
    pub(crate) options: IdentifyOptions,
    /// Whether a watch checks the services by their identity: then a pending identity is not replaced by a guess.
    pub(crate) checked: bool,
}

impl Source for Identification<'_> {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        IdentifyOptions::columns(self.source.columns())
    }

    fn deadline(&self) -> Option<Duration> {
        self.source.deadline()
    }

    fn proxy(&self) -> Option<CheckProxy> {
        self.source.proxy()
    }

    fn after_check(&self) -> Option<AfterCheck> {
        self.source.after_check()
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let until = self.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
            self.options.list(self.options.probes(&context.cancel, until)?, self.source, context, out)
        })
    }

    fn interval(&self) -> Duration {
        self.source.interval()
    }

    /// Watches the source. An identity is reported as an update once it is known; events are never delayed by it.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let probes = probes(&self.options).await?;
            // Who holds a socket tells whether another program may answer there now.
            let (mut relay, heard) = ChannelSink::new(feed.detail_level().max(DetailLevel::Brief));
            // A thread of its own: neither is the source kept from looking, nor takes a long look anything from the time that
            // a service has to answer.
            let threads = Threads(Some(runtime(1)?));
            let (sender, answers) = unbounded_channel();
            let crew = {
                let _guard = threads.0.as_ref().map(Runtime::enter);
                // Nobody takes answers any more: then the watch is over.
                let tell = move |answer| drop(sender.send(answer));
                IdentifyPool::new(&Shutdown::new(), probes, self.options.intensity, descriptors_for_sockets(), tell)
            };
            tokio::select! {
                error = keep_watching(self.source, interval, RECONNECT, Retry::random_seed(), &mut relay) => Err(error),
                () = ask(IdentifyWatch::new(self.checked), crew, heard, answers, feed) => Ok(()),
            }
        })
    }
}

/// Asks what is heard of, and tells `feed`, until nothing more can be heard.
async fn ask(
    mut watched: IdentifyWatch,
    crew: IdentifyPool,
    mut heard: UnboundedReceiver<SourceMessage>,
    mut answers: UnboundedReceiver<IdentifyResult>,
    feed: &mut dyn UpdateSink,
) {
    let mut answered = Vec::new();
    loop {
        tokio::select! {
            said = heard.recv() => match said {
                Some(SourceMessage::Updates(updates)) => feed.apply(watched.hear(updates)),
                Some(SourceMessage::Amended(updates)) => feed.apply_derived(watched.hear(updates)),
                Some(SourceMessage::Failed(fault)) => feed.mark_stale(fault),
                None => return,
            },
            _ = answers.recv_many(&mut answered, usize::MAX) => feed.apply_derived(watched.take(answered.drain(..))),
        }
        watched.ask(&crew);
    }
}

/// Threads that are not waited for: their probes end with them.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The protocols to ask for. The file that says them may be one that nobody ever writes to: no longer waited for, it is no
/// longer read.
async fn probes(options: &IdentifyOptions) -> Result<Probes> {
    let cancel = Cancel::new();
    let _abandoned = cancel.cancel_on_drop();
    let options = options.clone();
    let read = spawn_blocking(move || options.probes(&cancel, None)).await;
    read.map_err(|error| Error::io("read the probes", error, "this is a fault of portolan's: please report it"))?
}
