//! What a program of the user's own says: exit code 0 is well, 1 a warning, anything else a failure.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, LocalFailure};
use super::{findings, scale};
use crate::engine::ProcessGroup;
use crate::model::{Finding, Group};
use crate::net::Deadline;

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
pub(crate) struct Observation {
    /// The program, without its arguments.
    pub(crate) program: String,
    /// How long it ran, in microseconds.
    pub(crate) us: u64,
    pub(crate) end: ScriptEnd,
    /// The first line that it wrote.
    pub(crate) said: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScriptEnd {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It was killed when its time was over.
    OutOfTime,
    /// It was killed when it had written more than anybody will read.
    OutOfRoom,
}

/// So much of what it writes is taken; more ends it.
const MAX_OUTPUT: u64 = 64 << 10;
/// So much of its first line is kept.
const MAX_LINE: usize = 200;
/// The processor time, open files, and bytes of memory and of a file that it and its children get, each.
const LIMITS: [(Resource, u64); 4] =
    [(Resource::Nofile, 256), (Resource::As, 4 << 30), (Resource::Fsize, 64 << 20), (Resource::Core, 0)];

/// Runs the script once, in a process group of its own that ends with it.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let (Some(program), arguments) = (aim.ask.script.first(), aim.ask.script.get(1..).unwrap_or_default()) else {
        return Err(LocalFailure("no program is named".to_owned()));
    };
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("PORTOLAN_TARGET_ADDRESS", aim.address.ip().to_string());
    command.env("PORTOLAN_TARGET_PORT", aim.address.port().to_string());
    command.env("PORTOLAN_TARGET_NAME", aim.name.as_deref().unwrap_or_default());
    let spawned = command.process_group(0).kill_on_drop(true).spawn();
    let mut child = spawned.map_err(|error| LocalFailure(format!("cannot run {program}: {error}")))?;
    let group = ProcessGroup::of(&child);
    limit(group.leader(), kit.timeout);
    let mut output = Vec::new();
    let end = match Deadline::after(kit.timeout).bound(run(&mut child, &mut output)).await {
        Ok(Ok(end)) => end,
        Ok(Err(error)) => return Err(LocalFailure(format!("cannot wait for {program}: {error}"))),
        Err(_) => ScriptEnd::OutOfTime,
    };
    drop(group);
    // It is dead by now, or was just killed: this only takes word of it.
    let _ = child.wait().await;
    let line = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let said = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]).trim().to_owned();
    Ok(Observation { program: program.clone(), us: scale::micros(begun.elapsed()), end, said })
}

/// Reads what it writes and waits for its end.
async fn run(child: &mut Child, output: &mut Vec<u8>) -> io::Result<ScriptEnd> {
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_OUTPUT + 1).read_to_end(output).await?;
    }
    if output.len() as u64 > MAX_OUTPUT {
        return Ok(ScriptEnd::OutOfRoom);
    }
    let status = child.wait().await?;
    Ok(status.code().map_or_else(|| ScriptEnd::Signal(status.signal().unwrap_or(0)), ScriptEnd::Exit))
}

/// Bounds what it and its children get; it may have ended already.
fn limit(script: Option<Pid>, timeout: Duration) {
    let seconds = timeout.as_secs().saturating_add(2);
    for (resource, most) in LIMITS.into_iter().chain([(Resource::Cpu, seconds)]) {
        let _ = prlimit(script, resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
}

impl Observation {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let said = if self.said.is_empty() { String::new() } else { format!(": {}", self.said) };
        let program = &self.program;
        let finding = match self.end {
            ScriptEnd::Exit(0) => None,
            ScriptEnd::Exit(1) => Some(Finding::new(&WARNING, format!("{program} warns{said}"))),
            ScriptEnd::Exit(code) => Some(Finding::new(&FAILED, format!("{program} ended with {code}{said}"))),
            ScriptEnd::Signal(signal) => {
                Some(Finding::new(&FAILED, format!("{program} was ended by signal {signal}{said}")))
            }
            ScriptEnd::OutOfTime => {
                Some(Finding::new(&TIMEOUT, format!("{program} was killed at its limit of time{said}")))
            }
            ScriptEnd::OutOfRoom => {
                Some(Finding::new(&TIMEOUT, format!("{program} was killed at its limit of output{said}")))
            }
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
        let judged = |end| codes(&Observation { program: "probe".into(), us: 1, end, said: String::new() }.judge());
        assert_eq!(judged(ScriptEnd::Exit(0)), [""; 0]);
        assert_eq!(judged(ScriptEnd::Exit(1)), ["script-warning"]);
        assert_eq!(judged(ScriptEnd::Exit(2)), ["script-failed"]);
        assert_eq!(judged(ScriptEnd::Exit(127)), ["script-failed"]);
        assert_eq!(judged(ScriptEnd::Signal(11)), ["script-failed"]);
        assert_eq!(judged(ScriptEnd::OutOfTime), ["script-timeout"]);
        assert_eq!(judged(ScriptEnd::OutOfRoom), ["script-timeout"]);
    }
}
