//! Keys pressed at the terminal, and its mouse.

use std::io;
use std::time::Duration;

use crossterm::event::{
    Event as Input, EventStream, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, poll,
};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::output::{KeyPress, MousePress};

/// Keys that may wait; a user does not type faster than they are handled.
const MAX_WAITING: usize = 64;

/// Reads the terminal on its own thread, because crossterm 0.29 reads for ever from a terminal that is gone.
pub(super) struct Keys {
    pressed: mpsc::Receiver<io::Result<Input>>,
    _stop_on_drop: DropGuard,
}

impl Keys {
    /// Starts to read. To be called within a runtime that does not wait for its threads when it ends.
    pub(super) fn listen() -> Self {
        let (sender, pressed) = mpsc::channel(MAX_WAITING);
        let cancel = CancellationToken::new();
        let stop_on_drop = cancel.clone().drop_guard();
        let runtime = Handle::current();

        spawn_blocking(move || {
            // Creating the stream would panic if there is no terminal to open.
            if poll(Duration::ZERO).is_err() {
                return;
            }
            runtime.block_on(async {
                let mut keys = EventStream::new();
                while let Some(Some(input)) = cancel.run_until_cancelled(keys.next()).await {
                    if sender.send(input).await.is_err() {
                        return;
                    }
                }
            });
        });
        Self { pressed, _stop_on_drop: stop_on_drop }
    }

    /// The next key; `None` after the last. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<io::Result<Input>> {
        self.pressed.recv().await
    }
}

/// What the mouse did, if the view handles it.
pub(super) fn point(mouse: &MouseEvent) -> Option<MousePress> {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(MousePress::Click),
        MouseEventKind::ScrollUp => Some(MousePress::WheelUp),
        MouseEventKind::ScrollDown => Some(MousePress::WheelDown),
        _ => None,
    }
}

/// What a key means to the owner of the terminal.
pub(super) enum KeyAction {
    Quit,
    Suspend,
    Key(KeyPress),
}

/// What a key means; `None` for keys without a meaning.
pub(super) fn press(key: &KeyEvent) -> Option<KeyAction> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(KeyAction::Quit),
            KeyCode::Char('z') => Some(KeyAction::Suspend),
            KeyCode::Char('u') => Some(KeyAction::Key(KeyPress::Erase)),
            _ => None,
        };
    }

    Some(KeyAction::Key(match key.code {
        KeyCode::Up => KeyPress::Up,
        KeyCode::Down => KeyPress::Down,
        KeyCode::Left => KeyPress::Left,
        KeyCode::Right => KeyPress::Right,
        KeyCode::PageUp => KeyPress::PageUp,
        KeyCode::PageDown => KeyPress::PageDown,
        KeyCode::Home => KeyPress::Home,
        KeyCode::End => KeyPress::End,
        KeyCode::Enter => KeyPress::Enter,
        KeyCode::Esc => KeyPress::Escape,
        KeyCode::Backspace => KeyPress::Backspace,
        KeyCode::F(number) => KeyPress::Function(number),
        KeyCode::Char(letter) => KeyPress::Letter(letter),
        _ => return None,
    }))
}
