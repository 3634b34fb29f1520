//! What the user of the view does, and what the view asks of the owner of the terminal.

use std::sync::Arc;

use crate::model::Service;

/// A key that the view handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPress {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-U: deletes the whole input.
    Erase,
    Letter(char),
    /// F1 to F12.
    Function(u8),
}

/// What the mouse did at a place of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MousePress {
    Click,
    WheelUp,
    WheelDown,
}

/// What the owner of the terminal does after a key.
#[derive(Debug)]
pub(crate) enum ViewAction {
    /// Goes on.
    None,
    Quit,
    /// Puts a text into the clipboard of the terminal.
    Copy(String),
    /// Prepares the end of the process behind a service, and calls `View::ask`.
    PrepareKill(Arc<Service>),
    /// Carries out what was asked.
    Confirmed,
    /// Drops what was asked.
    Denied,
}
