//! Events of a watch, one line each: for people, as JSON, or as type and id.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use jiff::Timestamp;

use super::FormatName;
use super::json::write_json;
use crate::model::{Column, ColumnVisibility, Endpoint, Event, EventKind, PartialError, Service, ServiceHealth};

/// How the events of a watch are written.
#[derive(Clone, Copy, Debug)]
pub enum EventFormat {
    /// `2026-11-21T03:04:05Z  added    tcp 127.0.0.1:5432  postgresql  process=postgres`, with the columns that a
    /// table of this visibility shows.
    Text(&'static [Column], ColumnVisibility),
    /// One JSON object.
    Json,
    /// `added local/tcp/127.0.0.1:5432`
    Name,
}

impl EventFormat {
    /// The event format that matches `name`; `None` if the format is a document, which would end only with the watch,
    /// or cannot express events.
    pub fn of(name: FormatName, columns: &'static [Column]) -> Option<Self> {
        match name {
            #[cfg(feature = "cli")]
            FormatName::Table => Some(Self::Text(columns, ColumnVisibility::WhereFilled)),
            #[cfg(feature = "cli")]
            FormatName::Wide => Some(Self::Text(columns, ColumnVisibility::Wide)),
            FormatName::Json | FormatName::Ndjson => Some(Self::Json),
            FormatName::Name => Some(Self::Name),
            _ => None,
        }
    }

    /// Writes one event, with colors if it is text for a terminal that has them.
    ///
    /// # Errors
    /// The writer's.
    #[cfg(feature = "cli")]
    pub(crate) fn write_with(&self, out: &mut (dyn Write + Send), event: &Event, color: bool) -> io::Result<()> {
        match self {
            Self::Text(columns, shown) if color => write_colored(out, event, columns, *shown),
            _ => self.write(out, event),
        }
    }

    /// Writes one event.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, out: &mut (dyn Write + Send), event: &Event) -> io::Result<()> {
        match self {
            Self::Json => {
                write_json(out, &mut Vec::new(), event, false)?;
                out.write_all(b"\n")
            }
            Self::Name => match event.kind.item() {
                Some(item) => writeln!(out, "{} {}", event.kind.as_str(), item.id),
                None => Ok(()),
            },
            Self::Text(columns, shown) => {
                let mut line = String::new();
                text(&mut line, event, columns, *shown).map_err(io::Error::other)?;
                out.write_all(line.as_bytes())
            }
        }
    }
}

/// A line of text in which the type of the event has its color.
#[cfg(feature = "cli")]
fn write_colored(
    out: &mut (dyn Write + Send),
    event: &Event,
    columns: &[Column],
    shown: ColumnVisibility,
) -> io::Result<()> {
    let mut line = String::new();
    text(&mut line, event, columns, shown).map_err(io::Error::other)?;
    let word = event.kind.as_str();
    let toned = super::table::toned(word, super::table::change_tone(word));
    out.write_all(line.replacen(word, &toned, 1).as_bytes())
}

/// Width of the longest common event type.
const WORD: usize = "updated".len();

fn text(line: &mut String, event: &Event, columns: &[Column], shown: ColumnVisibility) -> fmt::Result {
    // Seconds are enough: people compare it with a clock.
    let time = Timestamp::from_second(event.time.as_second()).unwrap_or(event.time);

    write!(line, "{time}  {:<WORD$}  ", event.kind.as_str())?;

    match &event.kind {
        EventKind::Added(item) | EventKind::Removed(item) => service(line, item, columns, shown)?,
        EventKind::Updated { item, changed, was } => {
            service(line, item, columns, shown)?;
            if let Some(was) = was {
                let now = item.health.as_deref().map_or_else(String::new, |now| format!("  now={}", score_text(now)));
                write!(line, "  was={}{now}", score_text(was))?;
                // The score of the service, which may differ from the one of its endpoint before.
                if let Some(rule) = item.score_rule() {
                    write!(line, "  rule=\"{rule}\"")?;
                }
            }
            write!(line, "  changed={}", paths(changed).join(","))?;
        }
        EventKind::Synced { services, .. } => {
            write!(line, "{services} service{}", if *services == 1 { "" } else { "s" })?;
        }
        EventKind::Stale { age, error } => {
            fault(line, error)?;
            match age {
                Some(age) => write!(line, "; last update {:.1} s ago", age.as_secs_f64())?,
                None => line.push_str("; no update so far"),
            }
        }
        EventKind::Lagged { missed } => write!(line, "{missed} events were dropped; the net changes follow")?,
        EventKind::Error(error) => fault(line, error)?,
    }

    line.push('\n');
    Ok(())
}

/// `100/healthy`
fn score_text(health: &ServiceHealth) -> String {
    let state = health.state.as_str();
    health.score.map_or_else(|| state.to_owned(), |score| format!("{score}/{state}"))
}

/// The fields that differ. All fields of the health become `health`, since its score is shown beside.
fn paths(changed: &[String]) -> Vec<&str> {
    let mut paths: Vec<&str> = changed.iter().map(|path| if is_health(path) { "health" } else { path }).collect();
    paths.sort_by_key(|path| *path == "health");
    paths.dedup();
    paths
}

fn is_health(path: &str) -> bool {
    path.split('.').any(|part| part == "health")
}

fn fault(line: &mut String, fault: &PartialError) -> fmt::Result {
    let PartialError { operation: what, cause: why, .. } = fault;
    write!(line, "cannot {}: {}", crate::clean::escaped(what), crate::clean::escaped(why))
}

/// `tcp 127.0.0.1:5432  postgresql  process=postgres  pid=71`
fn service(line: &mut String, service: &Service, columns: &[Column], shown: ColumnVisibility) -> fmt::Result {
    match service.endpoints.as_slice() {
        [] => write!(line, "{}", service.id)?,
        endpoints => {
            for (at, endpoint) in endpoints.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                write!(line, "{comma}{} {endpoint}", endpoint.transport.as_str())?;
            }
        }
    }
    if let Some(name) = &service.name {
        write!(line, "  {name}")?;
    }

    let services = distinct(service, |_, endpoint, out| match endpoint.and_then(|at| at.identity.as_deref()) {
        Some(identity) => out.write_str(identity.protocol()),
        None => Ok(()),
    })?;
    if !services.is_empty() {
        write!(line, "  service={services}")?;
    }

    for column in columns.iter().filter(|column| column.is_in_table(shown == ColumnVisibility::Wide)) {
        let value = distinct(service, column.cell)?;
        if !value.is_empty() {
            let quote = if value.contains(' ') { "\"" } else { "" };
            write!(line, "  {}={quote}{value}{quote}", column.name)?;
        }
    }
    Ok(())
}

/// The number of values that a line shows of a column.
const MAX_VALUES: usize = 5;

/// The values of a column over all endpoints: one that all share, else each with its number of endpoints: `yes:2,no:1`.
fn distinct(
    service: &Service,
    cell: fn(&Service, Option<&Endpoint>, &mut dyn fmt::Write) -> fmt::Result,
) -> Result<String, fmt::Error> {
    let (mut values, mut rows): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    for endpoint in service.rows() {
        rows += 1;
        let mut value = String::new();
        cell(service, endpoint, &mut value)?;
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => values.push((value, 1)),
        }
    }

    if let [(only, _)] = &mut values[..] {
        return Ok(std::mem::take(only));
    }
    values.retain(|(value, _)| !value.is_empty());

    let is_counted = values.len() < rows;
    let shown = values.iter().take(MAX_VALUES).map(
        |(value, count)| {
            if is_counted { format!("{value}:{count}") } else { value.clone() }
        },
    );
    let mut text = shown.collect::<Vec<_>>().join(",");
    if values.len() > MAX_VALUES {
        write!(text, ",+{}", values.len() - MAX_VALUES)?;
    }
    Ok(text)
}
