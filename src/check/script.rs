//! Runs a user's program: exit code 0 means healthy, 1 a warning, anything else a failure.

use std::ffi::OsStr;
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
    TIMEOUT = "script-timeout", cap 30, "The script exceeded its time limit.",
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
    /// The last line of standard error: the reason, where a program gives one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
}

/// How the script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScriptEnd {
    Exit(i32),
    Signal(i32),
    /// Killed at the time limit.
    OutOfTime,
}

/// How much is kept of each output: the beginning of the standard output, and the end of the standard error.
const MAX_OUTPUT: usize = 64 << 10;
/// How long to read on after the exit while another process holds the output open.
const DRAIN_TIME: Duration = Duration::from_millis(50);
/// The length of the first line that the evidence keeps.
const MAX_LINE: usize = 200;
/// Limits for the script and each of its children: open files, bytes of memory, of a file, and of a core dump.
const LIMITS: [(Resource, u64); 4] =
    [(Resource::Nofile, 256), (Resource::As, 4 << 30), (Resource::Fsize, 64 << 20), (Resource::Core, 0)];

/// What a program of a server gets of its environment.
const PLAIN_VARIABLES: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];

impl BuiltInCheck for ScriptObservation {
    /// Runs the script once, in a process group of its own that is killed with it.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let Some((program, arguments)) = target.spec.script.split_first() else {
            return Err(LocalFailure("no script is configured".to_owned()));
        };

        let start = Instant::now();
        let spawned = command(program, arguments, target, context).spawn();
        let mut child = spawned.map_err(|error| LocalFailure(format!("cannot run {program}: {error}")))?;
        let group = ProcessGroup::of(&child);
        set_limits(group.leader(), context.timeout);

        let mut output = ScriptOutput::default();
        let end = match Deadline::after(context.timeout).bound(output.read_and_wait(&mut child)).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => return Err(LocalFailure(format!("cannot wait for {program}: {error}"))),
            Err(_) => ScriptEnd::OutOfTime,
        };

        drop(group);
        // The process has exited or was just killed: this only reaps it.
        let _ = child.wait().await;

        let us = scale::micros(start.elapsed());
        let first = shortened(lines(&output.stdout).next().unwrap_or_default());
        let last = shortened(lines(&output.stderr).rfind(|line| !line.trim_ascii().is_empty()).unwrap_or_default());
        Ok(Self { program: program.clone(), us, end, output: first, error: last })
    }

    fn findings(&self) -> Vec<Finding> {
        let output = match (self.output.as_str(), self.error.as_str()) {
            ("", "") => String::new(),
            (output, "") => format!(": {output}"),
            ("", error) => format!(": {error}"),
            (output, error) => format!(": {output} (stderr: {error})"),
        };
        let program = &self.program;
        let finding = match self.end {
            ScriptEnd::Exit(0) => None,
            ScriptEnd::Exit(1) => Some(Finding::new(&WARNING, format!("{program} warns{output}"))),
            ScriptEnd::Exit(code) => Some(Finding::new(&FAILED, format!("{program} exited with {code}{output}"))),
            ScriptEnd::Signal(signal) => {
                Some(Finding::new(&FAILED, format!("{program} died from signal {signal}{output}")))
            }
            ScriptEnd::OutOfTime => Some(Finding::new(&TIMEOUT, format!("{program} exceeded its time limit{output}"))),
        };

        finding.into_iter().collect()
    }
}

fn command(program: &str, arguments: &[String], target: &CheckTarget, context: &CheckContext) -> Command {
    let mut command = Command::new(program);
    if !context.shares_environment {
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_plain(name)));
    }
    command
        .args(arguments)
        .env("PORTOLAN_TARGET_ADDRESS", target.address.ip().to_string())
        .env("PORTOLAN_TARGET_PORT", target.address.port().to_string())
        .env("PORTOLAN_TARGET_NAME", target.name.as_deref().unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);

    command
}

/// Whether a variable tells a program where and for whom it runs, and nothing that is secret.
fn is_plain(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| PLAIN_VARIABLES.contains(&name) || name.starts_with("LC_"))
}

/// What a script writes.
#[derive(Default)]
struct ScriptOutput {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl ScriptOutput {
    /// Reads until the script exits. A process that the script leaves behind may hold its output open for longer.
    async fn read_and_wait(&mut self, child: &mut Child) -> io::Result<ScriptEnd> {
        let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Ok(end_of(child.wait().await?));
        };
        let mut open = (true, true);

        let status = loop {
            tokio::select! {
                biased;
                read = stdout.read_buf(&mut self.stdout), if open.0 => open.0 = read? > 0,
                read = stderr.read_buf(&mut self.stderr), if open.1 => open.1 = read? > 0,
                status = child.wait() => break status?,
            }
            self.shorten();
        };

        // What the script wrote last may still be in the pipes.
        while open.0
            && let Ok(read) = timeout(DRAIN_TIME, stdout.read_buf(&mut self.stdout)).await
        {
            open.0 = read? > 0;
            self.shorten();
        }
        while open.1
            && let Ok(read) = timeout(DRAIN_TIME, stderr.read_buf(&mut self.stderr)).await
        {
            open.1 = read? > 0;
            self.shorten();
        }
        Ok(end_of(status))
    }

    /// Throws away what is read of neither output.
    fn shorten(&mut self) {
        self.stdout.truncate(MAX_OUTPUT);
        let excess = self.stderr.len().saturating_sub(MAX_OUTPUT);
        if excess > 0 {
            // A quarter at once, so that few bytes are moved often.
            self.stderr.drain(..excess + MAX_OUTPUT / 4);
        }
    }
}

fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n')
}

/// A line as the evidence keeps it.
fn shortened(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]).trim().to_owned()
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
        ] {
            let (output, error) = (String::new(), String::new());
            let observation = ScriptObservation { program: "probe".into(), us: 1, end, output, error };
            assert_eq!(codes(&observation).first().copied(), code, "{end:?}");
        }
    }
}
