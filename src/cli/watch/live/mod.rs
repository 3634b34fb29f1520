//! The live view: a table on a terminal that follows every change.

mod end_process;
mod keys;
mod process_meter;
mod screen;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::SIGCONT;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use self::end_process::KillPlan;
use self::keys::{KeyAction, Keys, point, press};
use self::process_meter::ProcessMeter;
use self::screen::Screen;
use crate::model::{Event, PartialError};
use crate::output::{View, ViewAction};

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
    /// The process that `K` asks about, while it is looked for.
    preparing: Option<JoinHandle<Result<KillPlan, String>>>,
    /// The process that the open question is about.
    plan: Option<KillPlan>,
    meter: ProcessMeter,
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
        let mut live = Self {
            terminal,
            _screen: screen,
            keys: Keys::listen(),
            continued,
            view,
            preparing: None,
            plan: None,
            meter: ProcessMeter::default(),
            drawn: None,
            behind: true,
        };
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
                plan = prepared(&mut self.preparing) => self.ask(plan),
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
                Some(KeyAction::Key(key)) => {
                    let action = self.view.press(key, Instant::now());
                    self.act(action)?
                }
                None => ControlFlow::Continue(()),
            },
            Input::Mouse(mouse) => {
                if let Some(press) = point(mouse) {
                    self.view.point(press, (mouse.column, mouse.row));
                }
                ControlFlow::Continue(())
            }
            // Each frame asks for the size again.
            _ => ControlFlow::Continue(()),
        })
    }

    /// Carries out what the view cannot do itself.
    fn act(&mut self, action: ViewAction) -> io::Result<ControlFlow<()>> {
        match action {
            ViewAction::None => {}
            ViewAction::Quit => return Ok(ControlFlow::Break(())),
            ViewAction::Copy(text) => self.copy(&text)?,
            ViewAction::PrepareKill(service) => {
                self.preparing = Some(spawn_blocking(move || end_process::prepare(&service)));
            }
            ViewAction::Confirmed => self.end_process(),
            ViewAction::Denied => self.plan = None,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Asks about a process, or says why it cannot be ended.
    fn ask(&mut self, plan: Result<KillPlan, String>) {
        self.preparing = None;
        self.behind = true;
        match plan {
            Ok(plan) => {
                self.view.ask(plan.question.clone());
                self.plan = Some(plan);
            }
            Err(why) => self.view.warn(why, Instant::now()),
        }
    }

    fn end_process(&mut self) {
        let Some(plan) = self.plan.take() else { return };
        match end_process::carry_out(plan) {
            Ok(text) => self.view.say(text, Instant::now()),
            Err(why) => self.view.warn(why, Instant::now()),
        }
    }

    /// Asks the terminal to put a text into its clipboard (OSC 52). The encoding leaves no character that it could obey.
    fn copy(&mut self, text: &str) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        write!(backend, "\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))?;
        Write::flush(backend)
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

        if let Some(process) = self.view.process_to_measure(now) {
            self.view.record_process(self.meter.measure(&process), now);
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

/// The result of a search for a process, when there is one. Safe to cancel.
async fn prepared(search: &mut Option<JoinHandle<Result<KillPlan, String>>>) -> Result<KillPlan, String> {
    match search {
        Some(search) => search.await.unwrap_or_else(|_| Err("cannot end the process: the search failed".to_owned())),
        None => std::future::pending().await,
    }
}
