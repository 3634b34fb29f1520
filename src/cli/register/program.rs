//! The program that serves what is registered.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::signals::Stop;
use crate::cli::stderr;
use crate::error::{Error, Result};

/// A running program.
pub(super) struct Program {
    child: Child,
    pid: Option<Pid>,
    /// Whether it leads a process group of its own, which gets the signals.
    leads_group: bool,
}

/// What shells add to the number of a signal.
const SIGNAL_EXIT: i32 = 128;

impl Program {
    /// Starts a command; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(super) fn start(command: &[OsString]) -> Result<Option<Self>> {
        let Some((program, args)) = command.split_first() else { return Ok(None) };
        let mut starting = Command::new(program);
        starting.args(args);

        // In a group of its own, Ctrl-C does not reach it before the instance is deregistered. But at a terminal, only the
        // foreground group may read.
        let leads_group = !io::stdin().is_terminal();
        if leads_group {
            starting.process_group(0);
        }
        let child = starting.spawn().map_err(|error| {
            Error::io(
                format!("run '{}'", clean(&program.to_string_lossy())),
                error,
                "check that it exists and is executable",
            )
        })?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Some(Self { child, pid, leads_group }))
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> Result<Exit> {
        let status = self.child.wait().await;
        let status =
            status.map_err(|error| Error::io("wait for the program", error, "look for a sandbox that forbids it"))?;
        Ok(Exit::Program(code_of(status)))
    }

    /// Passes the signal on, and waits until it has ended.
    pub(super) async fn stop(mut self, stop: &Stop) -> Result<Exit> {
        let signal = match stop.requested() {
            Some(Exit::Interrupted) => Signal::INT,
            Some(Exit::HungUp) => Signal::HUP,
            _ => Signal::TERM,
        };
        // It has not been waited for, so that its number is still its own.
        let sent = match self.pid.filter(|_| self.child.id().is_some()) {
            Some(pid) if self.leads_group => kill_process_group(pid, signal),
            Some(pid) => kill_process(pid, signal),
            None => Ok(()),
        };
        if let Err(error) = sent {
            stderr::error(&Error::io("pass the signal on to the program", error, "end it by hand"));
        }
        self.ended().await
    }
}

/// The exit code, as shells report it.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNAL_EXIT + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The exit code if the program cannot be started, as of shells.
pub(super) fn start_failure(error: &Error) -> Exit {
    match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => Exit::NoCommand,
        _ => Exit::CommandUnusable,
    }
}
