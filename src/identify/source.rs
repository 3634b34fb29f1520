//! A source whose services are identified.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;

use super::options::IdentifyOptions;
use super::watch::IdentifyWatch;
use crate::engine::{Cancel, Retry, Shutdown};
use crate::error::{Error, Result};
use crate::model::{Column, DetailLevel, UpdateSink};
use crate::net::{BackgroundRuntime, descriptors_for_sockets};
use crate::probe::{IdentifyPool, IdentifyResult, Probes};
use crate::source::{
    ChannelSink, ItemSink, ListContext, ListFuture, RECONNECT, Source, SourceMessage, WatchFuture, keep_watching,
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

    fn inner(&self) -> Option<&dyn Source> {
        Some(self.source)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let until = self.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
            self.options.list(self.options.probes(&context.cancel, until)?, self.source, context, out)
        })
    }

    /// Watches the source. An identity is reported as an update once it is known; events are never delayed by it.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let probes = probes(&self.options).await?;
            // The owner of a socket shows whether another program may reply there now.
            let (mut sink, messages) = ChannelSink::new(feed.detail_level().max(DetailLevel::Brief));

            // Its own thread: probes do not delay the source, and a slow poll of the source does not use up the time that a
            // service has to reply.
            let background = BackgroundRuntime::start()?;
            let (sender, results) = unbounded_channel();
            let pool = {
                let _guard = background.enter();
                // Sending fails only after the watch has ended.
                IdentifyPool::new(
                    &Shutdown::new(),
                    probes,
                    self.options.budget(),
                    descriptors_for_sockets(),
                    move |result| drop(sender.send(result)),
                )
            };

            tokio::select! {
                error = keep_watching(self.source, interval, RECONNECT, Retry::random_seed(), &mut sink) => Err(error),
                () = identify(IdentifyWatch::new(self.checked), pool, messages, results, feed) => Ok(()),
            }
        })
    }
}

/// Identifies the services of the source's messages and updates `feed`, until the source ends.
async fn identify(
    mut watch: IdentifyWatch,
    pool: IdentifyPool,
    mut messages: UnboundedReceiver<SourceMessage>,
    mut results: UnboundedReceiver<IdentifyResult>,
    feed: &mut dyn UpdateSink,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(SourceMessage::Updates(updates)) => feed.apply(watch.add_identities(updates)),
                Some(SourceMessage::Amended(updates)) => feed.apply_derived(watch.add_identities(updates)),
                Some(SourceMessage::Failed(fault)) => feed.mark_stale(fault),
                None => return,
            },
            _ = results.recv_many(&mut batch, usize::MAX) => feed.apply_derived(watch.record(batch.drain(..))),
        }
        watch.start_waiting(&pool);
    }
}

/// Reads the probes. The file may be a FIFO without a writer: dropping the future ends the read.
async fn probes(options: &IdentifyOptions) -> Result<Probes> {
    let cancel = Cancel::new();
    let _abandoned = cancel.cancel_on_drop();
    let options = options.clone();
    let read = spawn_blocking(move || options.probes(&cancel, None)).await;
    read.map_err(|error| Error::io("read the probes", error, "this is a bug in portolan; please report it"))?
}
