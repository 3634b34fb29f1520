//! `portolan audit verify`: finds what was done to the audit log after it was written.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueHint};
use serde::Serialize;

use super::pages::Pages;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout};
use crate::client::{AuditQuery, Registry};
use crate::error::{Error, Result};
use crate::model::{AuditAnchor, AuditChain, AuditFault, AuditRecord, AuditSummary, ParseError, SCHEMA};
use crate::output;

/// The longest line of a file.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Find changed, removed, moved and inserted records in the audit log
///
/// Reads the log of a server, or a file that `portolan audit --all -o ndjson` wrote; `-` is standard input. Each record has
/// the hash of the one before. Anyone who can write the whole log can also replace it with another consistent one. To
/// detect that, keep the number and the hash that this command prints in another place, and give them to the next run with
/// --expect.
///
/// Exits with 1 if the log was changed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan audit verify                the log of the server on this machine
  portolan audit verify audit.ndjson  a file of `portolan audit --all -o ndjson`
  portolan audit verify --json")]
pub(super) struct Verify {
    /// Verify this file instead of the log of a server
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Require this record, as an earlier run printed it
    #[arg(long, value_name = "NUMBER:HASH")]
    expect: Option<NotedRecord>,
    /// Accept that the first records are missing, as in an export with --since
    #[arg(long, requires = "file")]
    partial: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// `NUMBER:HASH`
#[derive(Clone, Copy, Debug)]
struct NotedRecord(AuditAnchor);

impl FromStr for NotedRecord {
    type Err = ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseError> {
        let hint = "copy it as `portolan audit verify` prints it: the number, a colon, and 64 digits";
        let (number, hash) = text.split_once(':').ok_or_else(|| ParseError::new("there is no colon", hint))?;
        let through = number.parse().map_err(|_| ParseError::new("the number is not one", hint))?;
        Ok(Self(AuditAnchor { through, hash: hash.parse()? }))
    }
}

/// The result as JSON.
#[derive(Serialize)]
struct VerifyDocument {
    schema: &'static str,
    valid: bool,
    records: u64,
    first: u64,
    last: Option<AuditAnchor>,
    fault: Option<String>,
}

impl Verify {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan audit verify")?;
        let chain = AuditChain::expecting(self.expect.map(|NotedRecord(noted)| noted));
        match &self.file {
            Some(file) => report(&of_file(file, chain, self.partial)?, json),
            None => self.registry.run(async |registry| report(&of_server(&registry, chain).await?, json)),
        }
    }
}

/// What was found.
type ChainResult = std::result::Result<AuditSummary, AuditFault>;

async fn of_server(registry: &Registry, mut chain: AuditChain) -> Result<ChainResult> {
    let (mut pages, mut last) = (Pages::new(registry, AuditQuery::default()), 0);
    while let Some(part) = pages.next().await? {
        if let Err(fault) = part.records.iter().try_for_each(|record| chain.take(record)) {
            return Ok(Err(fault));
        }
        last = part.last;
    }
    Ok(chain.finish_at(last))
}

fn of_file(path: &Path, mut chain: AuditChain, is_part: bool) -> Result<ChainResult> {
    let shown = clean(&path.to_string_lossy());
    let hint = "name a file that `portolan audit --all -o ndjson` wrote";
    let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(path).map_err(|error| Error::io(format!("read {shown}"), error, hint))?;
        Box::new(BufReader::new(file))
    };

    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = Read::by_ref(&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| Error::io(format!("read {shown}"), error, hint))?;
        if line.is_empty() {
            break;
        }
        let record: AuditRecord = serde_json::from_slice(&line).map_err(|_| {
            Error::usage(format!("line {number} of {shown}"), "it is not a record of an audit log", hint)
        })?;
        if let Err(fault) = chain.take(&record) {
            return Ok(Err(fault));
        }
    }
    Ok(chain.finish(is_part))
}

fn report(verified: &ChainResult, json: bool) -> Result<Exit> {
    let summary = verified.as_ref().ok();
    if json {
        let document = VerifyDocument {
            schema: SCHEMA,
            valid: verified.is_ok(),
            records: summary.map_or(0, |summary| summary.records),
            first: summary.map_or(0, |summary| summary.first),
            last: summary.and_then(|summary| summary.last),
            fault: verified.as_ref().err().map(ToString::to_string),
        };
        stdout::with_stdout(None, |out| output::write_value(out, &document))?;
    } else if let Some(summary) = summary {
        stdout::with_stdout(None, |out| writeln!(out, "{}", text(summary)))?;
    }

    match verified {
        Ok(_) => Ok(Exit::Done),
        Err(fault) => {
            stderr::failure(
                &fault.to_string(),
                "compare it with an export or a backup from before, and look for who can write it",
            );
            Ok(Exit::ConditionFailed)
        }
    }
}

fn text(summary: &AuditSummary) -> String {
    match summary.last {
        Some(last) => format!(
            "{} records are whole, {} to {}; the last is {}:{}",
            summary.records, summary.first, last.through, last.through, last.hash
        ),
        None => "the audit log is empty".to_owned(),
    }
}
