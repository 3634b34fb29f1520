//! The health of instances for people: one line each, its checks below it.

use std::io::{self, Write};

use crate::clean::clean;
use crate::client::{CheckHealth, HealthReport, InstanceHealth};
use crate::output::{GridColumn, GridLayout};

/// The columns of an instance. An id is cut before its address.
const COLUMNS: [GridColumn; 5] = [
    GridColumn::left("HEALTH"),
    GridColumn::left("SCORE"),
    GridColumn::left("SERVICE").cut(8),
    GridColumn::left("ADDRESS"),
    GridColumn::left("ID").cut(9).goes(0),
];
/// How many past results are shown.
const MAX_PAST: usize = 20;

/// Writes all instances into `width`. `with_details` adds findings and past results. Returns the columns that had no room.
pub(super) fn write(
    out: &mut (dyn Write + Send),
    report: &HealthReport,
    with_details: bool,
    width: Option<u16>,
) -> io::Result<Vec<&'static str>> {
    let rows: Vec<[String; 5]> = report.instances.iter().map(cells).collect();
    let layout = GridLayout::new(COLUMNS, &rows, width);
    writeln!(out, "{}", layout.header())?;

    for (instance, row) in report.instances.iter().zip(&rows) {
        writeln!(out, "{}", layout.line(row))?;
        write_reasons(out, instance)?;
        for check in &instance.checks {
            write_check(out, check, with_details)?;
        }
        if with_details {
            write_past(out, instance)?;
        }
    }
    if report.omitted > 0 {
        writeln!(out, "{} more, none of them worse", report.omitted)?;
    }
    Ok(layout.hidden().to_vec())
}

/// The cells of an instance.
fn cells(instance: &InstanceHealth) -> [String; 5] {
    let host =
        if instance.address.contains(':') { format!("[{}]", instance.address) } else { instance.address.clone() };
    [
        instance.health.as_str().to_owned(),
        score(instance.score, instance.grade.as_deref()),
        clean(&instance.service_name),
        format!("{}:{}", clean(&host), instance.port),
        clean(&instance.id),
    ]
}

/// Why an instance is in its state, beside its checks.
fn write_reasons(out: &mut (dyn Write + Send), instance: &InstanceHealth) -> io::Result<()> {
    // Those of checks stand with the checks.
    let reasons = instance.reasons.iter().filter(|reason| !reason.starts_with("check "));
    for reason in reasons {
        writeln!(out, "  {}", clean(reason))?;
    }
    if instance.monitored == Some(false) && instance.checks.is_empty() {
        writeln!(out, "  it has no checks")?;
    }
    if let Some(server) = instance.checked_by.as_deref().filter(|_| instance.score.is_none()) {
        writeln!(out, "  checked by the server {}, which has its score and results", clean(server))?;
    }

    Ok(())
}

fn write_check(out: &mut (dyn Write + Send), check: &CheckHealth, with_details: bool) -> io::Result<()> {
    let note = check.note.as_deref().map_or_else(String::new, |note| format!(": {}", clean(note)));
    let shown = check.last.as_ref().map_or_else(String::new, |last| {
        format!("  (last: {}, {} ms)", score(last.score, Some(last.state.as_str())), last.duration_ms)
    });
    writeln!(out, "  {}  {}{note}{shown}", clean(&check.name), check.state.as_str())?;

    let Some(last) = check.last.as_ref().filter(|_| with_details) else { return Ok(()) };
    for finding in &last.findings {
        writeln!(out, "    {}  {}", clean(finding.code()), clean(finding.text.as_raw()))?;
    }
    last.hindered.iter().try_for_each(|why| writeln!(out, "    could not run: {}", clean(why)))
}

fn write_past(out: &mut (dyn Write + Send), instance: &InstanceHealth) -> io::Result<()> {
    for result in instance.history.iter().take(MAX_PAST) {
        let name = result.name.as_deref().unwrap_or_default();
        let score = score(result.score, Some(result.state.as_str()));
        let finding = result.finding.as_deref().map_or_else(String::new, |code| format!("  {}", clean(code)));
        writeln!(out, "  {}  {}  {score}  {} ms{finding}", clean(&result.at), clean(name), result.duration_ms)?;
    }
    let more = instance.history.len().saturating_sub(MAX_PAST);
    if more > 0 {
        writeln!(out, "  {more} more with --json")?;
    }
    Ok(())
}

/// `98 A`; a dash without a score.
fn score(score: Option<u8>, word: Option<&str>) -> String {
    let number = score.map_or_else(|| "-".to_owned(), |score| score.to_string());
    word.map_or_else(|| number.clone(), |word| format!("{number} {}", clean(word)))
}
