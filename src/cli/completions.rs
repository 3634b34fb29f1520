//! `portolan completions SHELL`: prints a shell completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit::Exit;
use super::{Cli, stdout};
use crate::error::Result;

/// Print a shell completion script
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan completions bash > ~/.local/share/bash-completion/completions/portolan
  portolan completions zsh > \"${fpath[1]}/_portolan\"
  portolan completions fish > ~/.config/fish/completions/portolan.fish")]
pub(super) struct Completions {
    /// Shell to write the script for
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Exit> {
        // Use the bare definition: a user's settings must not end up in a script that others may read.
        // Write to memory first: the generator panics when a write fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "portolan", &mut script);
        stdout::with_stdout(None, |out| out.write_all(&script))?;

        Ok(Exit::Done)
    }
}
