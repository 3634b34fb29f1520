//! Exit codes.

use std::process::ExitCode;

use crate::engine::Signal;
use crate::error::Error;

/// How a command ended, in ascending order of precedence: if several apply, the greatest is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// 0: done, and every condition met.
    Done,
    /// 1: a condition failed, for example `--fail-empty`.
    ConditionFailed,
    /// 3: something could not be read or written; the rest is printed.
    Incomplete,
    /// 4: permission missing, with `--strict` or where the command cannot work without it.
    PermissionMissing,
    /// 5: a server refused.
    Refused,
    /// 126: the command to run is not executable, as in shells.
    CommandUnusable,
    /// 127: the command to run was not found, as in shells.
    NoCommand,
    /// The exit code of the program of `register`.
    Program(u8),
    /// 129: stopped by SIGHUP.
    HungUp,
    /// 130: stopped by SIGINT. The result is incomplete too, but the reason is more useful.
    Interrupted,
    /// 143: stopped by SIGTERM.
    Terminated,
    /// 2: invalid command line or settings.
    Usage,
}

impl Exit {
    /// The number documented in the man pages.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ConditionFailed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::PermissionMissing => 4,
            Self::Refused => 5,
            Self::CommandUnusable => 126,
            Self::NoCommand => 127,
            Self::Program(code) => code,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::HangUp => Self::HungUp,
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Usage { .. } | Error::Settings { .. } => Self::Usage,
            Error::Refused { .. } => Self::Refused,
            Error::Permission { .. } => Self::PermissionMissing,
            Error::NotFound { .. } => Self::Usage,
            Error::Connection { .. }
            | Error::TimedOut { .. }
            | Error::Protocol { .. }
            | Error::Limit { .. }
            | Error::Io { .. } => Self::Incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_highest_precedence_wins() {
        let order = [
            Exit::Usage,
            Exit::Terminated,
            Exit::Refused,
            Exit::PermissionMissing,
            Exit::Incomplete,
            Exit::ConditionFailed,
        ];
        assert!(order.is_sorted_by(|higher, lower| higher > lower));
        assert_eq!(Exit::Incomplete.max(Exit::ConditionFailed).code(), 3);
        assert_eq!(Exit::Incomplete.max(Exit::Interrupted).code(), 130);
    }
}
