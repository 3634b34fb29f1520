//! `portolan ports`: the built-in port names.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::{Global, stderr, stdout};
use crate::error::Result;
use crate::model::{PORT_NAMES, ParseError, PortName, Ports, SocketPatterns};
use crate::output::{self, Align};

/// List the built-in port names that --ports accepts in place of numbers
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan ports            all names
  portolan ports 8000-9000  the names of these ports
  portolan ports sql        names and descriptions that contain a word")]
pub(super) struct PortNames {
    /// Show only this port, this range (8000-9000), or names and descriptions that contain this word
    #[arg(value_name = "PORT", value_parser = parse_filter)]
    filter: Option<Filter>,
}

#[derive(Clone, Debug)]
enum Filter {
    Numbers(Ports),
    Word(String),
}

#[derive(Serialize)]
struct PortItem {
    port: u16,
    name: &'static str,
    about: &'static str,
}

impl PortNames {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan ports")?;
        let found: Vec<&PortName> = PORT_NAMES.iter().filter(|known| self.takes(known)).collect();
        stdout::with_stdout(None, |out| if json { write_json(out, &found) } else { write_table(out, &found) })?;

        if found.is_empty() && !global.quiet {
            stderr::note("no port has that name or number");
        }
        Ok(Exit::Done)
    }

    fn takes(&self, known: &PortName) -> bool {
        match &self.filter {
            None => true,
            Some(Filter::Numbers(ports)) => ports.contains(known.port),
            Some(Filter::Word(word)) => known.name.contains(word) || known.about.to_lowercase().contains(word),
        }
    }
}

/// Text that starts with a digit and looks like a port list is one; anything else is a search word.
fn parse_filter(text: &str) -> Result<Filter, ParseError> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ',' | ' '));
    if is_number {
        return text.parse().map(Filter::Numbers);
    }
    // As other tools write it: `:8080`, `8080/tcp`.
    let sockets = text.parse::<SocketPatterns>().ok().filter(|_| text.contains([':', '/']));
    Ok(sockets.map_or_else(|| Filter::Word(text.to_lowercase()), |sockets| Filter::Numbers(sockets.ports())))
}

fn write_json(out: &mut (dyn Write + Send), found: &[&PortName]) -> io::Result<()> {
    output::write_document(out, &found.iter().map(|known| item(known)).collect::<Vec<_>>())
}

fn item(known: &PortName) -> PortItem {
    PortItem { port: known.port, name: known.name, about: known.about }
}

fn write_table(out: &mut (dyn Write + Send), found: &[&PortName]) -> io::Result<()> {
    let rows: Vec<_> =
        found.iter().map(|known| [known.port.to_string().into(), known.name.into(), known.about.into()]).collect();
    output::write_grid(out, [("PORT", Align::Left), ("NAME", Align::Left), ("ABOUT", Align::Left)], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_as_other_tools_write_it() {
        for text in ["8080", ":8080", "tcp:8080", "8080/tcp", "127.0.0.1:8080"] {
            let filter = parse_filter(text);
            assert!(matches!(&filter, Ok(Filter::Numbers(ports)) if ports.to_string() == "8080"), "{text}: {filter:?}");
        }
        assert!(matches!(parse_filter("SQL"), Ok(Filter::Word(word)) if word == "sql"));
    }
}
