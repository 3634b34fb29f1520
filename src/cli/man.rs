//! `portolan man DIR`: writes the manual pages.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::atomic_file::AtomicFile;
use super::exit::Exit;
use super::reference::{ENVIRONMENT, EXIT_ORDER, EXIT_STATUS, Entry, FILES, SETTINGS};
use super::{Cli, stderr};
use crate::clean::clean;
use crate::error::{Error, Result};

/// Write one manual page per command to a directory
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan man ~/.local/share/man/man1")]
pub(super) struct ManPages {
    /// Existing directory to write to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
}

impl ManPages {
    pub(super) fn run(&self, quiet: bool) -> Result<Exit> {
        let shown = clean(&self.directory.to_string_lossy());
        if !self.directory.is_dir() {
            let why = if self.directory.exists() { "it is not a directory" } else { "there is no such directory" };
            return Err(Error::usage(format!("'{shown}'"), why, "create the directory first, or name another"));
        }

        let pages = pages().map_err(|error| Error::io("render manual pages", error, "this is a bug in portolan"))?;
        for (name, text) in &pages {
            let written = AtomicFile::create(&self.directory.join(name)).and_then(|mut draft| {
                draft.write_all(text)?;
                draft.commit()
            });
            written.map_err(|error| {
                Error::io(format!("write {shown}/{name}"), error, "check the directory's permissions and free space")
            })?;
        }

        if !quiet {
            stderr::note(&format!("{} pages in {shown}", pages.len()));
        }
        Ok(Exit::Done)
    }
}

/// Every page with its file name, from the bare definition: a user's settings do not belong in the manual.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(&root, true, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, is_root: bool, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone()).source(format!("portolan {version}")).manual("portolan manual");
    pages.push((man.get_filename(), page(&man, command, is_root)?));
    command.get_subcommands().try_for_each(|sub| collect(sub, false, pages))
}

fn page(man: &Man, command: &Command, is_root: bool) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }

    let mut roff = Roff::new();
    if let Some(examples) = command.get_after_help() {
        section(&mut roff, "EXAMPLES");
        roff.control("nf", []);
        for line in examples.to_string().lines().skip(1) {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
    }

    section(&mut roff, "EXIT STATUS");
    entries(&mut roff, EXIT_STATUS);
    roff.control("PP", []).text([roman(EXIT_ORDER)]);
    if is_root {
        section(&mut roff, "SETTINGS");
        roff.text([roman(SETTINGS)]);
    }

    section(&mut roff, "ENVIRONMENT");
    entries(&mut roff, ENVIRONMENT);
    section(&mut roff, "FILES");
    entries(&mut roff, FILES);
    roff.to_writer(&mut text)?;
    Ok(one_preamble(&text))
}

/// Each rendered part starts with the same two definitions; a page needs them once.
fn one_preamble(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').enumerate();
    lines.filter(|&(at, line)| at < 2 || !is_definition(line)).flat_map(|(_, line)| line).copied().collect()
}

fn is_definition(line: &[u8]) -> bool {
    line.starts_with(b".ie \\n(.g .ds Aq") || line.starts_with(b".el .ds Aq")
}

fn section(roff: &mut Roff, name: &str) {
    roff.control("SH", [name]);
}

fn entries(roff: &mut Roff, entries: &[Entry]) {
    for &(word, meaning) in entries {
        roff.control("TP", []).text([bold(word)]).text([roman(meaning)]);
    }
}
