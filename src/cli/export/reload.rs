//! `--reload`: the command that makes a proxy read its file again.

use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::clean::clean;
use crate::cli::hand_to::{describe, find};
use crate::engine::ProcessGroup;
use crate::error::{Result, plain};
use crate::model::{ParseError, PartialError};

/// A command that takes longer is killed: the next change waits for it.
const MAX_RUN_TIME: Duration = Duration::from_mins(1);

/// The words of a command.
#[derive(Clone, Debug)]
pub(super) struct Reload {
    words: Vec<String>,
    program: PathBuf,
}

impl FromStr for Reload {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let words = shlex::split(text).ok_or_else(|| ParseError::new("a quote is not closed", "close it"))?;
        if words.first().is_none_or(String::is_empty) {
            return Err(ParseError::new("the command is empty", "write one, as in 'nginx -s reload'"));
        }
        Ok(Self { words, program: PathBuf::new() })
    }
}

impl Reload {
    /// Finds the program.
    ///
    /// # Errors
    /// No executable file has that name.
    pub(super) fn resolved(&self) -> Result<Self> {
        Ok(Self { program: find("--reload", &self.words[0])?, ..self.clone() })
    }

    /// Runs the command. Its output goes to standard error.
    pub(super) async fn run(&self) -> Result<(), PartialError> {
        let mut command = Command::new(&self.program);
        command.arg0(&self.words[0]).args(&self.words[1..]).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(std::io::stderr());
        let ran = async {
            let mut child = command.spawn()?;
            let group = ProcessGroup::of(&child);
            let status = child.wait().await;
            // Daemons that the command started on purpose stay.
            group.release();
            status
        };

        let cause = match timeout(MAX_RUN_TIME, ran).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => plain(&error),
            Err(_) => format!("it took more than {} s and was killed", MAX_RUN_TIME.as_secs()),
        };
        Err(PartialError {
            operation: format!("run '{}'", clean(&self.words[0])),
            cause,
            hint: "see its own messages above".to_owned(),
        })
    }
}
