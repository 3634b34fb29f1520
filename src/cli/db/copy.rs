//! `portolan db copy`

use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::Timestamp;
use uuid::Uuid;

use super::place::Database;
use super::source::Source;
use super::target::CopyTarget;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr};
use crate::error::{Error, Result};
use crate::net::runtime;
use crate::registry::{Now, Rules, State};
use crate::store::Contents;

/// Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind
///
/// Copies instances, configurations, the stored events and the audit log, with their indexes. The copy begins a new
/// history: event streams start again with a reset, because the two databases may differ from then on. Each lease gets its
/// full ttl again.
///
/// portolan reads a snapshot of PostgreSQL, even while servers write to it; what they write afterwards is not in the copy.
/// The copy is either complete or does not exist.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan db copy registry.db postgresql://portolan@db1/registry
  portolan db copy postgresql://portolan@db1/registry backup.db
  portolan db copy backup.db postgresql://portolan@db2/registry")]
pub(super) struct Copy {
    /// Copy this database: a file, or postgresql://HOST/NAME
    #[arg(value_name = "FROM", value_hint = ValueHint::AnyPath)]
    from: String,
    /// Copy to this one: a new file, or an empty database
    #[arg(value_name = "TO", value_hint = ValueHint::AnyPath)]
    to: String,
}

impl Copy {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let from = Database::choose(Some(&self.from), global.config.as_ref())?;
        let to = Database::choose(Some(&self.to), global.config.as_ref())?;
        let copied = runtime(1)?.block_on(copy(&from, &to))?;
        if !global.quiet {
            stderr::note(&copied.to_text(&from, &to));
        }
        Ok(Exit::Done)
    }
}

/// What was copied.
pub(super) struct CopyReport {
    records: usize,
    events: usize,
    audit: u64,
    index: u64,
    /// The first and the last record that the audit log should have at its end, and lacks.
    missing: Option<(u64, u64)>,
}

impl CopyReport {
    pub(super) fn to_text(&self, from: &Database, to: &Database) -> String {
        let Self { records, events, audit, index, missing } = self;
        let (from, to) = (from.shown(), to.shown());
        let (from, to) = (from.trim_start_matches("the database "), to.trim_start_matches("the database "));
        let missing = missing.map_or_else(String::new, |(first, last)| {
            format!("; its newest records, {first} to {last}, are missing, which the copy does not know any more")
        });
        format!(
            "copied {from} to {to}: {records} records at index {index}, {events} events, {audit} records of the audit log{missing}"
        )
    }
}

/// Copies a database as it is at one moment.
///
/// # Errors
/// One of the two cannot be used. Nothing was copied then.
pub(super) async fn copy(from: &Database, to: &Database) -> Result<CopyReport> {
    let (source, contents) = Source::open(from).await?;
    check(from, &contents)?;
    // Its indexes may mean something else from now on.
    let contents = Contents { epoch: Uuid::new_v4().to_string(), ..contents };
    let mut target = CopyTarget::begin(to, &contents).await?;

    let (mut last, mut audit) = (0, 0);
    let written = loop {
        let page = source.audit(last).await?;
        let Some(newest) = page.records.last() else { break page.last };
        last = newest.number;
        audit += page.records.len() as u64;
        target.add_audit(&page.records).await?;
    };
    target.finish().await?;
    Ok(CopyReport {
        records: contents.records.len(),
        events: contents.events.len(),
        audit,
        index: contents.index,
        missing: (written > last).then_some((last + 1, written)),
    })
}

/// Whether a server could start with it.
fn check(from: &Database, contents: &Contents) -> Result<()> {
    let now = Now { elapsed: Duration::ZERO, wall: Timestamp::now() };
    let state = State::restore_stored(Rules::default(), contents.index, &contents.records, now);
    state.map(drop).map_err(|error| {
        let why = format!("it is damaged: {}", clean(&error.to_string()));
        Error::usage(from.shown(), why, "restore a backup")
    })
}
