//! Work that blocks, kept away from the threads of an async runtime.

use std::ops::ControlFlow;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{ItemSink, ListContext, ListItem};
use crate::engine::block_on;
use crate::error::{Error, Result};
use crate::model::Completeness;

/// Items on their way between two threads. More would only be memory: the one that takes them is the slower one then.
const QUEUE: usize = 256;

/// Runs a listing that blocks: within a tokio runtime on one of its threads for blocking work, and otherwise here. A
/// listing whose future is dropped finds its token set.
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

    // What it hands over from now on is not taken, which it learns with the next item.
    drop(items);
    working.await.map_err(broke_off)?
}

/// Runs what blocks: within a tokio runtime on one of its threads for blocking work, and otherwise here.
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

/// Passes items to another thread, and waits while its queue is full. The wait must also work inside a runtime that the
/// work runs on its thread for blocking work, where tokio's own blocking send panics.
struct QueueSink(mpsc::Sender<ListItem>);

impl ItemSink for QueueSink {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match block_on(self.0.send(item)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
