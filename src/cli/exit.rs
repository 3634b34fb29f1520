//! What the process's exit code says.

use std::process::ExitCode;

use crate::engine::Signal;
use crate::error::Error;

/// How a command ended. The order is the order of weight: where several hold, the weightiest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// 0: done, and every threshold met.
    Done,
    /// 1: the asked condition failed, as in `--fail-empty`.
    ConditionFailed,
    /// 3: something could not be read or written; what could be is printed.
    Incomplete,
    /// 4: rights are missing, with `--strict`, or where nothing goes without them.
    RightsMissing,
    /// 5: a server refused.
    SubmitError,
    /// 126: the command that this process was to become cannot be run, as shells have it.
    CommandUnusable,
    /// 127: there is no such command.
    NoCommand,
    /// 129: stopped by SIGHUP.
    HungUp,
    /// 130: stopped by SIGINT. What was stopped is incomplete as well; why it is says more.
    Interrupted,
    /// 143: stopped by SIGTERM.
    Terminated,
    /// 2: the command line or the settings cannot be used.
    Usage,
}

impl Exit {
    /// The number, as documented in every man page.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ConditionFailed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::RightsMissing => 4,
            Self::SubmitError => 5,
            Self::CommandUnusable => 126,
            Self::NoCommand => 127,
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
            Error::Refused { .. } => Self::SubmitError,
            Error::Permission { .. } => Self::RightsMissing,
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
    fn the_weightiest_is_told() {
        let order = [
            Exit::Usage,
            Exit::Terminated,
            Exit::SubmitError,
            Exit::RightsMissing,
            Exit::Incomplete,
            Exit::ConditionFailed,
        ];
        assert!(order.is_sorted_by(|weightier, lighter| weightier > lighter));
        assert_eq!(Exit::Incomplete.max(Exit::ConditionFailed).code(), 3);
        assert_eq!(Exit::Incomplete.max(Exit::Interrupted).code(), 130);
    }
}
