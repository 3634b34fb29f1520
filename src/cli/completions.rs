//! `portolan completions SHELL`: prints a shell completion script, or puts it where the shell finds it.

use std::path::Path;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::exit::Exit;
use super::{Cli, install, stderr, stdout};
use crate::clean::clean;
use crate::error::{Error, Result};

/// Print a shell completion script, or install it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan completions bash --install   for the user; as root for all users
  portolan completions --install        for the shell in $SHELL
  portolan completions zsh > \"${fpath[1]}/_portolan\"
  portolan completions fish > ~/.config/fish/completions/portolan.fish")]
pub(super) struct Completions {
    /// Shell to write the script for [default with --install: the one in $SHELL]
    #[arg(value_enum, required_unless_present = "install")]
    shell: Option<Shell>,
    /// Install the script where the shell finds it, and print that place
    #[arg(long)]
    install: bool,
}

impl Completions {
    pub(super) fn run(&self, quiet: bool) -> Result<Exit> {
        let shell = self.shell.map_or_else(own_shell, Ok)?;
        // Use the bare definition: a user's settings must not end up in a script that others may read.
        // Write to memory first: the generator panics when a write fails.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "portolan", &mut script);
        if !self.install {
            stdout::with_stdout(None, |out| out.write_all(&script))?;
            return Ok(Exit::Done);
        }

        let place = install::completion_place(shell, install::is_root(), &|name| std::env::var_os(name))?;
        install::write(&place.path, &script)?;
        if !quiet {
            stderr::note(&format!("completions of {shell} are in {}", clean(&place.path.to_string_lossy())));
            let next = "they work in each new shell";
            stderr::note(place.note.as_deref().unwrap_or(next));
        }
        Ok(Exit::Done)
    }
}

/// The shell that the variable SHELL names.
fn own_shell() -> Result<Shell> {
    let path = std::env::var_os("SHELL").unwrap_or_default();
    let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Shell::from_str(&name, true).map_err(|_| {
        let why = match name.as_str() {
            "" => "the variable SHELL does not name a shell".to_owned(),
            name => format!("there are no completions for {}", clean(name)),
        };
        Error::usage("--install", why, "name one: portolan completions bash --install")
    })
}
