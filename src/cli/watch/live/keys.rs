//! What is pressed at the terminal.

use std::io;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream, poll};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nobody types faster than they are obeyed.
const WAITING: usize = 64;

/// Reads the terminal on a thread of its own: from one that is gone crossterm 0.29 reads for ever, whoever asks it.
pub(super) struct Keys {
    pressed: mpsc::Receiver<io::Result<Input>>,
    _until: DropGuard,
}

impl Keys {
    /// To be called within a runtime, which must not wait for its threads when it ends.
    pub(super) fn listen() -> Self {
        let (sender, pressed) = mpsc::channel(WAITING);
        let over = CancellationToken::new();
        let until = over.clone().drop_guard();
        let runtime = Handle::current();
        spawn_blocking(move || {
            // Without a terminal to open, making the stream would panic.
            if poll(Duration::ZERO).is_err() {
                return;
            }
            runtime.block_on(async {
                let mut keys = EventStream::new();
                while let Some(Some(input)) = over.run_until_cancelled(keys.next()).await {
                    if sender.send(input).await.is_err() {
                        return;
                    }
                }
            });
        });
        Self { pressed, _until: until }
    }

    /// The next; `None` when there will be none. Nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Option<io::Result<Input>> {
        self.pressed.recv().await
    }
}
