//! `portolan explain`: what a finding means, what it costs, and what to do about it.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::{Global, stdout};
use crate::check::scored_findings;
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::model::{FindingKind, Group, SCORE_VERSION};
use crate::output::{self, Align};
use crate::source::source_findings;

/// Explain a finding: what it means, what it costs, what to do about it
///
/// Without CODE, lists all findings. A score starts at 100. Each finding takes points off, within the budget of its group, and
/// some findings cap the score. 80 or more is healthy; below 50, a normal client cannot use the service now.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan explain
  portolan explain cert-expired
  portolan explain cert             all findings about certificates
  portolan explain --json | jq -r '.items[] | select(.cap != null) | .code'")]
pub(super) struct Explain {
    /// Code of a finding, such as cert-expired, or the beginning of several codes, such as cert
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// A kind of finding in JSON.
#[derive(Serialize)]
struct FindingItem {
    code: &'static str,
    group: &'static str,
    points: u8,
    cap: Option<u8>,
    text: &'static str,
    hint: &'static str,
}

impl Explain {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan explain")?;
        let kinds: Vec<&FindingKind> = match &self.code {
            Some(code) => matching(code)?,
            None => all().collect(),
        };

        stdout::with_stdout(None, |out| match (json, &kinds[..]) {
            (true, kinds) => output::write_document(out, &kinds.iter().map(|kind| item(kind)).collect::<Vec<_>>()),
            (false, [kind]) => write_one(out, kind),
            (false, kinds) => write_table(out, kinds),
        })?;
        Ok(Exit::Done)
    }
}

/// Every kind of finding: those of checks, then those of sources, then those of `portolan drift`.
fn all() -> impl Iterator<Item = &'static FindingKind> {
    scored_findings().chain(source_findings()).chain(crate::drift::KINDS.iter().copied())
}

/// Looks up a kind of finding by its code.
///
/// # Errors
/// If no finding has that code; the hint suggests the closest one.
pub(super) fn named(code: &str) -> Result<&'static FindingKind> {
    let found = all().find(|kind| kind.code.eq_ignore_ascii_case(code));
    found.ok_or_else(|| {
        let codes: Vec<&str> = all().map(|kind| kind.code).collect();
        let hint = match nearest(code, &codes) {
            Some(near) => format!("did you mean {near}? `portolan explain` lists all codes"),
            None => "`portolan explain` lists all codes".to_owned(),
        };
        Error::usage(format!("'{}'", clean(code)), "no finding has that code", hint)
    })
}

/// The kind with that code, or those whose codes begin with it and a hyphen.
///
/// # Errors
/// As [`named`].
fn matching(code: &str) -> Result<Vec<&'static FindingKind>> {
    let start = format!("{}-", code.trim_end_matches('-').to_ascii_lowercase());
    let exact = all().find(|kind| kind.code.eq_ignore_ascii_case(code));
    let several: Vec<_> = all().filter(|kind| exact.is_none() && kind.code.starts_with(&start)).collect();
    if several.is_empty() { named(code).map(|kind| vec![kind]) } else { Ok(several) }
}

fn item(kind: &FindingKind) -> FindingItem {
    let FindingKind { code, group, points, cap, text, hint } = *kind;
    FindingItem { code, group: group.as_str(), points, cap, text, hint }
}

fn write_one(out: &mut (dyn Write + Send), kind: &FindingKind) -> io::Result<()> {
    writeln!(out, "{}\n  {}\n", kind.code, kind.text)?;
    writeln!(out, "  costs  {}", cost(kind))?;
    writeln!(out, "  hint   {}", kind.hint)
}

/// The cost of a finding, in words.
fn cost(kind: &FindingKind) -> String {
    let points = match (kind.group, kind.points) {
        (Group::Source, _) => return "nothing: it comes from the source and does not affect the score".to_owned(),
        (group, 0) => format!("no points ({group})", group = group.as_str()),
        (group, points) => format!("{points} points, out of at most {} for {}", group.budget(), group.as_str()),
    };
    match kind.cap {
        None if kind.points == 0 => {
            "nothing: it says nothing about the service, and the result is incomplete".to_owned()
        }
        None => points,
        Some(cap) => format!("{points}; caps the score at {cap}"),
    }
}

fn write_table(out: &mut (dyn Write + Send), kinds: &[&FindingKind]) -> io::Result<()> {
    let columns = [
        ("CODE", Align::Left),
        ("GROUP", Align::Left),
        ("POINTS", Align::Right),
        ("CAP", Align::Right),
        ("FINDING", Align::Left),
    ];
    output::write_grid(out, columns, &kinds.iter().map(|kind| row(kind)).collect::<Vec<_>>())?;
    writeln!(out, "\n{SCORE_VERSION}; each group costs at most its budget: {}", budgets())
}

fn row(kind: &FindingKind) -> [Cow<'static, str>; 5] {
    let points = Some(kind.points).filter(|points| *points > 0);
    [kind.code.into(), kind.group.as_str().into(), number(points), number(kind.cap), kind.text.into()]
}

fn number(number: Option<u8>) -> Cow<'static, str> {
    number.map_or("-".into(), |number| number.to_string().into())
}

fn budgets() -> String {
    Group::SCORED.map(|group| format!("{} {}", group.as_str(), group.budget())).join(", ")
}
