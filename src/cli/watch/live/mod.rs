//! The live view: a table on a terminal that follows every change.

mod keys;
mod screen;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::SIGCONT;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::sleep;

use self::keys::Keys;
use self::screen::Screen;
use crate::model::{Event, PartialError};
use crate::output::{KeyPress, View};

/// Shortest time between two frames; more frames would not be visible.
const FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// Whether the live view is possible: input and output are a terminal that can move its cursor.
pub(super) fn is_possible() -> bool {
    let can_draw = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    can_draw && io::stdin().is_terminal() && io::stdout().is_terminal()
}

pub(super) struct Live<'w> {
    /// Never dropped: its `drop` shows the cursor, which `Screen` already does, and panics when it cannot print an error.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<&'w mut (dyn Write + Send)>>>,
    _screen: Screen,
    keys: Keys,
    /// SIGCONT: this process was stopped and continues.
    continued: unix::Signal,
    view: View,
    drawn: Option<Instant>,
    /// Something changed since the last frame.
    behind: bool,
}

impl<'w> Live<'w> {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If its mode cannot be set.
    pub(super) fn open(view: View, out: &'w mut (dyn Write + Send)) -> io::Result<Self> {
        let screen = Screen::take()?;
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        let continued = signal(SignalKind::from_raw(SIGCONT))?;
        let mut live =
            Self { terminal, _screen: screen, keys: Keys::listen(), continued, view, drawn: None, behind: true };
        live.wipe()?;
        Ok(live)
    }

    pub(super) fn report(&mut self, event: &Event) {
        self.view.apply(event, Instant::now());
        self.behind = true;
    }

    pub(super) fn note(&mut self, fault: &PartialError) {
        self.view.note(fault, Instant::now());
        self.behind = true;
    }

    /// Draws frames and handles keys until one of them quits. Safe to cancel.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) async fn attend(&mut self) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let due = self.drawn.map_or(now, |drawn| drawn + FRAME_INTERVAL);
            if self.behind && due <= now {
                self.draw(now)?;
            }

            let next = if self.behind { Some(due) } else { self.view.next_change(now).map(|next| next.max(due)) };
            tokio::select! {
                input = self.keys.next() => match input {
                    Some(Ok(input)) => {
                        self.behind = true;
                        if self.handle(&input)?.is_break() {
                            return Ok(());
                        }
                    }
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
                _ = self.continued.recv() => self.take_back()?,
                () = sleep_until(next) => self.behind = true,
            }
        }
    }

    fn handle(&mut self, input: &Input) -> io::Result<ControlFlow<()>> {
        Ok(match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => match press(key) {
                Some(KeyAction::Quit) => ControlFlow::Break(()),
                Some(KeyAction::Suspend) => {
                    self.suspend()?;
                    ControlFlow::Continue(())
                }
                Some(KeyAction::Key(key)) => self.view.press(key),
                None => ControlFlow::Continue(()),
            },
            // Each frame asks for the size again.
            _ => ControlFlow::Continue(()),
        })
    }

    /// Restores the terminal and stops this process until it is continued.
    fn suspend(&mut self) -> io::Result<()> {
        Screen::give_back();
        // As the terminal driver does on Ctrl-Z. An orphaned process group, which no shell could continue, does not stop.
        kill_current_process_group(Signal::TSTP)?;
        self.take_back()
    }

    /// Takes the terminal again after other programs used it, in whatever state it is.
    fn take_back(&mut self) -> io::Result<()> {
        Screen::take_back()?;
        self.wipe()
    }

    /// Lets the next drawing begin with an empty screen.
    fn wipe(&mut self) -> io::Result<()> {
        // Not with clear(), which asks for the position of the cursor: not every terminal replies.
        let area = self.terminal.size()?;
        self.behind = true;
        self.terminal.resize(area.into())
    }

    fn draw(&mut self, now: Instant) -> io::Result<()> {
        if !Screen::is_ours() {
            return Err(io::Error::other("the terminal was restored"));
        }

        let view = &mut self.view;
        self.terminal.draw(|frame| view.draw(frame, now))?;
        (self.behind, self.drawn) = (false, Some(now));
        Ok(())
    }
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => sleep(next.saturating_duration_since(Instant::now())).await,
        None => std::future::pending().await,
    }
}

enum KeyAction {
    Quit,
    Suspend,
    Key(KeyPress),
}

fn press(key: &KeyEvent) -> Option<KeyAction> {
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
        KeyCode::PageUp => KeyPress::PageUp,
        KeyCode::PageDown => KeyPress::PageDown,
        KeyCode::Home => KeyPress::Home,
        KeyCode::End => KeyPress::End,
        KeyCode::Enter => KeyPress::Enter,
        KeyCode::Esc => KeyPress::Escape,
        KeyCode::Backspace => KeyPress::Backspace,
        KeyCode::Char(letter) => KeyPress::Letter(letter),
        _ => return None,
    }))
}
