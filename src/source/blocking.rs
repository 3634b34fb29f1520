//! Runs blocking work outside the threads of an async runtime.

use std::ops::ControlFlow;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{ItemSink, ListContext, ListItem};
use crate::error::{Error, Result};
use crate::model::Completeness;

/// Capacity of the channel between two threads. If it is full the receiver is the slower side, and more capacity would
/// only use memory.
const QUEUE: usize = 256;

/// Runs a blocking listing: within a tokio runtime on one of its blocking threads, otherwise on this thread. Dropping the
/// future sets the listing's token.
///
/// # Errors
/// As `work`.
pub(crate) async fn list_blocking<W>(context: &ListContext, out: &mut dyn ItemSink, work: W) -> Result<Completeness>
where
    W: FnOnce(&ListContext, &mut dyn ItemSink) -> Result<Completeness> + Send + 'static,
{
    if Handle::try_current().is_err() {
        return work(context, out);
    }

    let context = ListContext { cancel: context.cancel.child(), ..context.clone() };
    let _abandoned = context.cancel.cancel_on_drop();
    let (sender, mut items) = mpsc::channel(QUEUE);
    let working = spawn_blocking(move || work(&context, &mut QueueSink(sender)));
    while let Some(item) = items.recv().await {
        if out.accept(item).is_break() {
            break;
        }
    }

    // Items delivered from now on are dropped; the listing learns of it with the next item.
    drop(items);
    working.await.map_err(broke_off)?
}

/// Runs blocking work: within a tokio runtime on one of its blocking threads, otherwise on this thread.
///
/// # Errors
/// As `work`.
pub(super) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if Handle::try_current().is_err() {
        return work();
    }
    spawn_blocking(work).await.map_err(broke_off)?
}

fn broke_off(error: tokio::task::JoinError) -> Error {
    Error::io("list services", error, "this is a bug in portolan: please report it")
}

/// Sends items to another thread; waits while the channel is full.
struct QueueSink(mpsc::Sender<ListItem>);

impl ItemSink for QueueSink {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match self.0.blocking_send(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
