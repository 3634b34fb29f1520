//! What a program of the user's own says: exit code 0 is well, 1 a warning, anything else a failure.

use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Finding, Group};

findings! { Group::App;
    WARNING = "script-warning", 15, cap 75, "The script ended with code 1: a warning.",
        "read what the script says";
    FAILED = "script-failed", cap 30, "The script ended with a code above 1, or by a signal.",
        "read what the script says";
    TIMEOUT = "script-timeout", cap 30, "The script was killed at its limit of time or output.",
        "look at what it waits for, or allow more time (--timeout)";
}

/// What the script did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// The program, without its arguments.
    pub(crate) program: String,
    /// How long it ran, in microseconds.
    pub(crate) us: u64,
    pub(crate) end: Ended,
    /// The first line that it wrote.
    pub(crate) said: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It was killed when its time was over.
    OutOfTime,
    /// It was killed when it had written more than anybody will read.
    OutOfRoom,
}

impl Seen {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let said = if self.said.is_empty() { String::new() } else { format!(": {}", self.said) };
        let program = &self.program;
        let finding = match self.end {
            Ended::Exit(0) => None,
            Ended::Exit(1) => Some(WARNING.seen(format!("{program} warns{said}"))),
            Ended::Exit(code) => Some(FAILED.seen(format!("{program} ended with {code}{said}"))),
            Ended::Signal(signal) => Some(FAILED.seen(format!("{program} was ended by signal {signal}{said}"))),
            Ended::OutOfTime => Some(TIMEOUT.seen(format!("{program} was killed at its limit of time{said}"))),
            Ended::OutOfRoom => Some(TIMEOUT.seen(format!("{program} was killed at its limit of output{said}"))),
        };
        finding.into_iter().collect()
    }

    #[expect(clippy::unused_self, reason = "every check has it")]
    pub(crate) fn is_silent(&self) -> bool {
        // A script that hangs is not asked again: it had all the time there is.
        false
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    #[test]
    fn ends_by_their_meaning() {
        let judged = |end| codes(&Seen { program: "probe".into(), us: 1, end, said: String::new() }.judge());
        assert_eq!(judged(Ended::Exit(0)), [""; 0]);
        assert_eq!(judged(Ended::Exit(1)), ["script-warning"]);
        assert_eq!(judged(Ended::Exit(2)), ["script-failed"]);
        assert_eq!(judged(Ended::Exit(127)), ["script-failed"]);
        assert_eq!(judged(Ended::Signal(11)), ["script-failed"]);
        assert_eq!(judged(Ended::OutOfTime), ["script-timeout"]);
        assert_eq!(judged(Ended::OutOfRoom), ["script-timeout"]);
    }
}
