//! `portolan man DIR`: writes the manual pages.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::exit::Exit;
use super::help::reference::{ENVIRONMENT, EXIT_ORDER, EXIT_STATUS, Entry, FILES, SETTINGS};
use super::help::{examples, related};
use super::{Cli, install, stderr};
use crate::clean::clean;
use crate::error::{Error, Result};

/// Write one manual page per command to a directory, or install the pages
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan man --install            for the user; as root for all users
  portolan man ./pages              into an existing directory
  portolan man ~/.local/share/man/man1 --quiet")]
pub(super) struct ManPages {
    /// Existing directory to write to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath, required_unless_present = "install")]
    directory: Option<PathBuf>,
    /// Install the pages where `man` finds them, and print that place
    #[arg(long, conflicts_with = "directory")]
    install: bool,
}

impl ManPages {
    pub(super) fn run(&self, quiet: bool) -> Result<Exit> {
        let directory = match &self.directory {
            Some(directory) => existing(directory)?,
            None => install::man_place(install::is_root(), &|name| std::env::var_os(name))?,
        };
        let shown = clean(&directory.to_string_lossy());

        let pages = pages().map_err(|error| Error::io("render manual pages", error, "this is a bug in portolan"))?;
        for (name, text) in &pages {
            install::write(&directory.join(name), text)?;
        }

        if !quiet {
            stderr::note(&format!("{} pages in {shown}", pages.len()));
            if let Some(note) = install::man_note(&directory).filter(|_| self.install) {
                stderr::note(&note);
            }
        }
        Ok(Exit::Done)
    }
}

/// # Errors
/// If it is not a directory.
fn existing(directory: &Path) -> Result<PathBuf> {
    if !directory.is_dir() {
        let why = if directory.exists() { "it is not a directory" } else { "there is no such directory" };
        let shown = clean(&directory.to_string_lossy());
        return Err(Error::usage(format!("'{shown}'"), why, "create the directory first, or name another"));
    }
    Ok(directory.to_owned())
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
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }

    let mut roff = Roff::new();
    let examples = examples(command);
    if !examples.is_empty() {
        section(&mut roff, "EXAMPLES");
        roff.control("nf", []);
        for line in examples {
            roff.text([roman(line)]);
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
    see_also(&mut roff, &man.get_filename(), command);
    roff.to_writer(&mut text)?;
    Ok(one_preamble(&text))
}

/// The command line as the help shows it: with its arguments in their order, and what may follow `--`.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());

    let mut roff = Roff::new();
    section(&mut roff, "SYNOPSIS");
    match usage.strip_prefix(name) {
        Some(rest) => roff.text([bold(name), roman(rest)]),
        None => roff.text([roman(usage)]),
    };
    roff
}

/// The pages above and below, and those of others.
fn see_also(roff: &mut Roff, file: &str, command: &Command) {
    let page = file.trim_end_matches(".1");
    let below = command.get_subcommands().map(|sub| format!("{page}-{}", sub.get_name()));
    // `portolan-discover-local` is below `portolan-discover`, and that below `portolan`.
    let above = page.match_indices('-').filter_map(|(at, _)| page.get(..at)).filter(|name| is_command(name));
    let short = page.strip_prefix("portolan-discover-").filter(|name| matches!(*name, "local" | "scan"));
    let long = page.strip_prefix("portolan-").filter(|name| matches!(*name, "local" | "scan"));
    let twin = short.map(|name| format!("portolan-{name}")).or(long.map(|name| format!("portolan-discover-{name}")));

    let ours = above.map(str::to_owned).chain(twin).chain(below).map(|name| (name, 1));
    let others = related(page).iter().map(|&(name, section)| (name.to_owned(), section));
    let mut pages: Vec<(String, u8)> = ours.chain(others).collect();
    if page != "portolan" && pages.is_empty() {
        pages.push(("portolan".to_owned(), 1));
    }

    section(roff, "SEE ALSO");
    let last = pages.len().saturating_sub(1);
    for (at, (name, number)) in pages.iter().enumerate() {
        let end = if at < last { "," } else { "" };
        roff.text([bold(name.as_str()), roman(format!("({number}){end}"))]);
    }
}

/// Whether a page of this name is a command's, and not the beginning of one such as `portolan-free-port`.
fn is_command(page: &str) -> bool {
    let mut command = Cli::command();
    for word in page.split('-').skip(1) {
        let Some(below) = command.find_subcommand(word).cloned() else { return false };
        command = below;
    }
    true
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
