//! Runs a user's program: exit code 0 means healthy, 1 a warning, anything else a failure.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::target::{CheckContext, CheckResult, CheckTarget, LocalFailure};
use super::{BuiltInCheck, findings, scale};
use crate::engine::ProcessGroup;
use crate::model::{Finding, Group};
use crate::net::Deadline;

findings! { Group::App;
    WARNING = "script-warning", 15, cap 75, "The script exited with code 1: a warning.",
        "read the script's output";
    FAILED = "script-failed", cap 30, "The script exited with a code above 1, or died from a signal.",
        "read the script's output";
    TIMEOUT = "script-timeout", cap 30, "The script exceeded its time or output limit.",
        "check what the script waits for, or allow more time (--timeout)";
}

/// Evidence of a script run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptObservation {
    /// The program, without its arguments.
    pub(crate) program: String,
    /// The run time, in microseconds.
    pub(crate) us: u64,
    pub(crate) end: ScriptEnd,
    /// The first line of the output.
    #[serde(rename = "said")]
    pub(crate) output: String,
}

/// How the script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScriptEnd {
    Exit(i32),
    Signal(i32),
    /// Killed at the time limit.
    OutOfTime,
    /// Killed at the output limit.
    OutOfRoom,
}

/// Output limit; the script is killed beyond it.
const MAX_OUTPUT: u64 = 64 << 10;
/// How long to read on after the exit while another process holds the output open.
const DRAIN_TIME: Duration = Duration::from_millis(50);
/// The length of the first line that the evidence keeps.
const MAX_LINE: usize = 200;
/// Limits for the script and each of its children: open files, bytes of memory, of a file, and of a core dump.
const LIMITS: [(Resource, u64); 4] =
    [(Resource::Nofile, 256), (Resource::As, 4 << 30), (Resource::Fsize, 64 << 20), (Resource::Core, 0)];

impl BuiltInCheck for ScriptObservation {
    /// Runs the script once, in a process group of its own that is killed with it.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let Some((program, arguments)) = target.spec.script.split_first() else {
            return Err(LocalFailure("no script is configured".to_owned()));
        };

        let start = Instant::now();
        let spawned = command(program, arguments, target).spawn();
        let mut child = spawned.map_err(|error| LocalFailure(format!("cannot run {program}: {error}")))?;
        let group = ProcessGroup::of(&child);
        set_limits(group.leader(), context.timeout);

        let mut output = Vec::new();
        let end = match Deadline::after(context.timeout).bound(read_and_wait(&mut child, &mut output)).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => return Err(LocalFailure(format!("cannot wait for {program}: {error}"))),
            Err(_) => ScriptEnd::OutOfTime,
        };

        drop(group);
        // The process has exited or was just killed: this only reaps it.
        let _ = child.wait().await;

        let line = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let output = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]).trim().to_owned();
        Ok(Self { program: program.clone(), us: scale::micros(start.elapsed()), end, output })
    }

    fn findings(&self) -> Vec<Finding> {
        let output = if self.output.is_empty() { String::new() } else { format!(": {}", self.output) };
        let program = &self.program;
        let finding = match self.end {
            ScriptEnd::Exit(0) => None,
            ScriptEnd::Exit(1) => Some(Finding::new(&WARNING, format!("{program} warns{output}"))),
            ScriptEnd::Exit(code) => Some(Finding::new(&FAILED, format!("{program} exited with {code}{output}"))),
            ScriptEnd::Signal(signal) => {
                Some(Finding::new(&FAILED, format!("{program} died from signal {signal}{output}")))
            }
            ScriptEnd::OutOfTime => Some(Finding::new(&TIMEOUT, format!("{program} exceeded its time limit{output}"))),
            ScriptEnd::OutOfRoom => {
                Some(Finding::new(&TIMEOUT, format!("{program} exceeded its output limit{output}")))
            }
        };

        finding.into_iter().collect()
    }
}

fn command(program: &str, arguments: &[String], target: &CheckTarget) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PORTOLAN_TARGET_ADDRESS", target.address.ip().to_string())
        .env("PORTOLAN_TARGET_PORT", target.address.port().to_string())
        .env("PORTOLAN_TARGET_NAME", target.name.as_deref().unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Reads the output until the script exits. A process that the script leaves behind may hold its output open for longer.
async fn read_and_wait(child: &mut Child, output: &mut Vec<u8>) -> io::Result<ScriptEnd> {
    let Some(stdout) = child.stdout.take() else { return Ok(end_of(child.wait().await?)) };
    let mut stdout = stdout.take(MAX_OUTPUT + 1);
    let mut open = true;

    let status = loop {
        tokio::select! {
            biased;
            read = stdout.read_buf(output), if open => open = read? > 0,
            status = child.wait() => break status?,
        }
        if output.len() as u64 > MAX_OUTPUT {
            return Ok(ScriptEnd::OutOfRoom);
        }
    };

    // What the script wrote last may still be in the pipe.
    while open && let Ok(read) = timeout(DRAIN_TIME, stdout.read_buf(output)).await {
        open = read? > 0;
    }
    Ok(if output.len() as u64 > MAX_OUTPUT { ScriptEnd::OutOfRoom } else { end_of(status) })
}

fn end_of(status: ExitStatus) -> ScriptEnd {
    status.code().map_or_else(|| ScriptEnd::Signal(status.signal().unwrap_or(0)), ScriptEnd::Exit)
}

/// Sets the resource limits. The script may have exited already.
fn set_limits(script: Option<Pid>, timeout: Duration) {
    let seconds = timeout.as_secs().saturating_add(2);
    for (resource, limit) in LIMITS.into_iter().chain([(Resource::Cpu, seconds)]) {
        let _ = prlimit(script, resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    #[test]
    fn exit_codes_map_to_findings() {
        for (end, code) in [
            (ScriptEnd::Exit(0), None),
            (ScriptEnd::Exit(1), Some("script-warning")),
            (ScriptEnd::Exit(2), Some("script-failed")),
            (ScriptEnd::Exit(127), Some("script-failed")),
            (ScriptEnd::Signal(11), Some("script-failed")),
            (ScriptEnd::OutOfTime, Some("script-timeout")),
            (ScriptEnd::OutOfRoom, Some("script-timeout")),
        ] {
            let observation = ScriptObservation { program: "probe".into(), us: 1, end, output: String::new() };
            assert_eq!(codes(&observation).first().copied(), code, "{end:?}");
        }
    }
}
