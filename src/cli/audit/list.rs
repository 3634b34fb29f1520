//! `portolan audit`: lists records.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::pages::Pages;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout, terminal};
use crate::client::{AuditQuery, Registry};
use crate::error::Result;
use crate::model::{AuditRecord, ParseError, SCHEMA, parse_duration};
use crate::output::{self, FormatName, GridColumn, GridLayout};

/// The records that are listed if nothing else is said.
const LAST: u64 = 100;

/// Options of a list.
#[derive(Args, Debug)]
pub(super) struct AuditList {
    /// List records from this time on: 2026-11-29T12:00:00Z, or a duration before now, such as 1h
    #[arg(long, value_name = "TIME", value_parser = Since::parse, conflicts_with_all = ["last", "all"])]
    since: Option<Since>,
    /// List records whose WHO contains this text
    #[arg(long, value_name = "TEXT")]
    who: Option<String>,
    /// Read only the last N records [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "all")]
    last: Option<u64>,
    /// List the whole log
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// A time as it is written on the command line.
#[derive(Clone, Copy, Debug)]
enum Since {
    Time(Timestamp),
    Ago(Duration),
}

impl Since {
    fn parse(text: &str) -> std::result::Result<Self, ParseError> {
        if let Ok(time) = text.parse() {
            return Ok(Self::Time(time));
        }
        parse_duration(text).map(Self::Ago).map_err(|_| {
            ParseError::new(
                "it is not a time",
                "write one as 2026-11-29T12:00:00Z, or a duration before now, such as 1h or 7d",
            )
        })
    }

    fn time(self) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::Ago(ago) => {
                let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::ZERO);
                Timestamp::now().checked_sub(ago).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Lines,
}

#[derive(Serialize)]
struct AuditDocument<'r> {
    schema: &'static str,
    items: &'r [AuditRecord],
    complete: bool,
}

impl AuditList {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let form = match global.format {
            FormatName::Ndjson if global.output_on_line => Form::Lines,
            _ if global.wants_json("portolan audit")? => Form::Json,
            _ => Form::Table,
        };
        self.registry.run(async |registry| self.print(&registry, form, global.quiet).await)
    }

    async fn print(&self, registry: &Registry, form: Form, quiet: bool) -> Result<Exit> {
        let is_limited = !self.all && self.since.is_none();
        let query = AuditQuery {
            last: is_limited.then(|| self.last.unwrap_or(LAST)),
            since: self.since.map(Since::time),
            who: self.who.clone(),
            ..AuditQuery::default()
        };

        let mut pages = Pages::new(registry, query);
        let mut records = Vec::new();
        let mut whole = 0;
        while let Some(part) = pages.next().await? {
            whole = if part.last == 0 { 0 } else { part.last.saturating_sub(part.first).saturating_add(1) };
            if form != Form::Lines {
                records.extend(part.records);
                continue;
            }
            // The log may be long: each part is written before the next one is read.
            let written =
                stdout::with_stdout(None, |out| part.records.iter().try_for_each(|one| output::write_value(out, one)))?;
            if written.is_none() {
                return Ok(Exit::Done);
            }
        }

        match form {
            Form::Lines => {}
            Form::Json => {
                let document = AuditDocument { schema: SCHEMA, items: &records, complete: true };
                stdout::with_stdout(None, |out| output::write_value(out, &document))?;
            }
            Form::Table => {
                let width = terminal::stdout_width();
                let written = stdout::with_stdout(None, |out| write_table(out, &records, width))?;
                terminal::note_hidden(&written.filter(|_| !quiet).unwrap_or_default());
            }
        }
        if is_limited && self.last.is_none() && whole > LAST && !quiet {
            stderr::note(&format!("read only the last {LAST} of {whole} records; --all lists the whole log"));
        }
        Ok(Exit::Done)
    }
}

const COLUMNS: [GridColumn; 7] = [
    GridColumn::right("NUMBER").goes(1),
    GridColumn::left("TIME"),
    GridColumn::left("WHO").cut(8),
    GridColumn::left("FROM").cut(8).goes(0),
    GridColumn::left("ACTION").cut(8),
    GridColumn::left("TARGET").cut(8),
    GridColumn::left("RESULT").cut(8),
];

/// Writes records. Returns the columns that had no room.
fn write_table(
    out: &mut (dyn Write + Send),
    records: &[AuditRecord],
    width: Option<u16>,
) -> io::Result<Vec<&'static str>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = records.iter().map(row).collect();
    let layout = GridLayout::new(COLUMNS, &rows, width);
    layout.write(out, &rows)?;
    Ok(layout.hidden().to_vec())
}

fn row(record: &AuditRecord) -> [Cow<'static, str>; 7] {
    let entry = &record.entry;
    let detail = entry.detail.as_deref().map_or_else(String::new, |detail| format!(" ({})", clean(detail)));
    [
        record.number.to_string().into(),
        entry.time.strftime("%F %T").to_string().into(),
        clean(&entry.who).into(),
        clean(entry.from.as_deref().unwrap_or("-")).into(),
        clean(&entry.action).into(),
        clean(entry.target.as_deref().unwrap_or("-")).into(),
        format!("{}{detail}", clean(&entry.result)).into(),
    ]
}
