//! `--exec`: runs a program for each change.

use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::clean::clean;
use crate::cli::hand_to::{describe, find};
use crate::engine::ProcessGroup;
use crate::error::{Result, plain};
use crate::model::{ParseError, PartialError};

/// A program that takes longer is killed: later changes of its service wait for it.
const MAX_RUN_TIME: Duration = Duration::from_mins(1);

/// The words of a command.
#[derive(Clone, Debug)]
pub(in crate::cli::watch) struct Exec {
    words: Vec<String>,
    program: PathBuf,
    /// Discards the program's output, because the live view uses the terminal.
    silent: bool,
}

impl FromStr for Exec {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let words = shlex::split(text).ok_or_else(|| ParseError::new("a quote is not closed", "close it"))?;
        if words.first().is_none_or(String::is_empty) {
            return Err(ParseError::new("the command is empty", "write one, as in 'logger -t portolan'"));
        }
        Ok(Self { words, program: PathBuf::new(), silent: false })
    }
}

impl Exec {
    /// Finds the program; `silent` discards its output.
    ///
    /// # Errors
    /// If no executable file has that name.
    pub(in crate::cli::watch) fn resolved(&self, silent: bool) -> Result<Self> {
        Ok(Self { program: find("--exec", &self.words[0])?, silent, ..self.clone() })
    }

    pub(super) fn name(&self) -> String {
        format!("'{}'", clean(&self.words[0]))
    }

    /// Runs the program with `line` on its standard input. Its output goes to standard error.
    pub(super) async fn run(&self, line: &[u8]) -> Result<(), PartialError> {
        let mut command = Command::new(&self.program);
        command.arg0(&self.words[0]).args(&self.words[1..]).stdin(Stdio::piped()).process_group(0).kill_on_drop(true);
        if self.silent {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        } else {
            command.stdout(std::io::stderr());
        }

        let ran = async {
            let mut child = command.spawn()?;
            let group = ProcessGroup::of(&child);
            if let Some(mut stdin) = child.stdin.take() {
                // A program may ignore its input and close it.
                let _ = stdin.write_all(line).await;
            }
            let status = child.wait().await;
            // Daemons that the program started on purpose stay.
            group.release();
            status
        };

        let why = match timeout(MAX_RUN_TIME, ran).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => plain(&error),
            Err(_) => format!("it took more than {} s and was killed", MAX_RUN_TIME.as_secs()),
        };
        let hint = if self.silent { "run it by hand and read its output" } else { "see its own messages above" };
        Err(PartialError {
            operation: format!("deliver an event to {}", self.name()),
            cause: why,
            hint: hint.to_owned(),
        })
    }
}
