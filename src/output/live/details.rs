//! The details of one row.

use std::fmt::Write;
use std::time::Instant;

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use super::order::Row;
use super::{LiveRow, RowMark, View};
use crate::clean::escaped;
use crate::model::{Finding, Health};

/// Width of the labels.
const LABEL_WIDTH: usize = 14;

/// The details of the selected row in lines of `width` characters; empty without a selected row.
pub(super) fn lines(view: &View, width: usize, now: Instant) -> Vec<Line<'static>> {
    let Some(row) = view.rows.selected() else { return Vec::new() };
    let service = &row.service;
    let endpoint = service.endpoints.get(row.endpoint);
    let mut page = DetailLines { width, lines: Vec::new() };

    let known = view.known.get(&service.id);
    let gone = if row.sign == Some(RowMark::Removed) { changed(known, row, now) } else { String::new() };
    let title = if gone.is_empty() { service.id.to_string() } else { format!("{}: {gone}", service.id) };
    page.text("", &title, Modifier::BOLD);

    page.fact("changed", &changed(known, row, now));
    let health = endpoint.and_then(|endpoint| endpoint.health.as_deref());
    if let Some(health) = health {
        page.health(health);
    }
    service.findings.iter().for_each(|finding| page.finding(finding));

    // What the row cannot say comes first, then figures, and what the row says last.
    let facts = facts(view, row);
    for place in [FactPlace::NotInRow, FactPlace::Figure, FactPlace::InRow] {
        facts.iter().filter(|fact| fact.place == place).for_each(|fact| page.fact(&fact.name, &fact.value));
    }
    page.lines
}

/// A fact about a row.
struct Fact {
    name: String,
    value: String,
    place: FactPlace,
}

/// Where a fact stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FactPlace {
    NotInRow,
    /// A figure of a check, or of the process: the score and its findings are more important.
    Figure,
    InRow,
}

/// All facts about a row, except its health.
fn facts(view: &View, row: &Row) -> Vec<Fact> {
    let service = &row.service;
    let endpoint = service.endpoints.get(row.endpoint);
    let health = endpoint.and_then(|endpoint| endpoint.health.as_deref());
    let mut facts = Vec::new();
    let mut add = |column: &str, name: &str, value: String| {
        let place = match column {
            _ if view.places.has_column(column) => FactPlace::InRow,
            _ if is_figure(column) => FactPlace::Figure,
            _ => FactPlace::NotInRow,
        };
        facts.push(Fact { name: name.to_owned(), value, place });
    };

    if let Some(endpoint) = endpoint {
        let more = match service.endpoints.len() {
            1 => String::new(),
            all => format!(" ({} of {all})", row.endpoint + 1),
        };
        let ready = if endpoint.ready { "" } else { ", not ready" };
        // The address is in the row, the rest may not be.
        let column = if more.is_empty() && ready.is_empty() { "address" } else { "" };
        add(column, "endpoint", format!("{} {endpoint}{ready}{more}", endpoint.transport.as_str()));
        add("service", "service", view.page.service(endpoint).to_owned());
    }
    add("name", "name", service.name.as_ref().map(ToString::to_string).unwrap_or_default());
    add("namespace", "namespace", service.namespace.as_ref().map(ToString::to_string).unwrap_or_default());

    let memory = view.process.memory();
    for column in view.page.columns {
        // The live figure replaces the one of the listing.
        if column.name == "memory" && memory.is_some() {
            continue;
        }
        let mut value = String::new();
        // A column that fails to write has no value.
        if (column.cell)(service, endpoint, &mut value).is_ok() && !is_in_health(health, column.name, &value) {
            add(column.name, &column.name.replace('_', " "), value);
        }
    }

    for (name, value) in [("processor", view.process.processor()), ("memory", memory)] {
        let place = FactPlace::Figure;
        facts.extend(value.map(|value| Fact { name: name.to_owned(), value, place }));
    }
    facts
}

/// Whether a column is a figure of a check. The score and its findings are more important.
fn is_figure(column: &str) -> bool {
    column.ends_with("_ms") || matches!(column, "http_status" | "cert_days")
}

/// Whether a column repeats a part of the health section.
fn is_in_health(health: Option<&Health>, column: &str, value: &str) -> bool {
    health.is_some_and(|health| match column {
        "grade" | "score" | "reason" => true,
        // A source may have its own state.
        "state" => value == health.state.as_str(),
        _ => false,
    })
}

struct DetailLines {
    width: usize,
    lines: Vec<Line<'static>>,
}

impl DetailLines {
    /// Adds a label and a value, unless the value is empty.
    fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(&format!("{name:<LABEL_WIDTH$}"), value, Modifier::empty());
        }
    }

    /// Adds a text after a label, wrapped and aligned.
    fn text(&mut self, label: &str, text: &str, modifier: Modifier) {
        let text = escaped(text);
        let (mut rest, mut label) = (&*text, label.to_owned());
        let room = self.width.saturating_sub(label.chars().count()).max(1);

        loop {
            let (line, after) = rest.split_at(fitting(rest, room));
            let blank = " ".repeat(label.chars().count());
            let label = std::mem::replace(&mut label, blank);
            self.lines
                .push(Line::from(vec![Span::styled(label, Modifier::DIM), Span::styled(line.to_owned(), modifier)]));

            if after.is_empty() {
                return;
            }
            rest = after;
        }
    }

    /// Adds the score and its findings.
    fn health(&mut self, health: &Health) {
        let score = match (health.score, health.grade) {
            (Some(score), Some(grade)) => {
                format!("{score} of 100, {}, {}", grade.as_str(health.complete), health.state.as_str())
            }
            _ => health.state.as_str().to_owned(),
        };
        self.fact("score", &score);
        health.findings.iter().for_each(|finding| self.finding(finding));
        health.hindered.iter().for_each(|why| self.fact("not checked", why));
    }

    fn finding(&mut self, finding: &Finding) {
        self.text("  ", &finding.to_string(), Modifier::empty());
        self.text("    hint: ", finding.hint(), Modifier::DIM);
    }
}

/// The number of bytes that fit into `room` terminal characters; at least one character.
fn fitting(text: &str, room: usize) -> usize {
    let mut used = 0;
    let over = text.char_indices().skip(1).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        used += before.and_then(UnicodeWidthChar::width).unwrap_or(0);
        used + text[*at..].chars().next().and_then(UnicodeWidthChar::width).unwrap_or(0) > room
    });
    over.map_or(text.len(), |(at, _)| at)
}

/// The latest change, and when it happened.
fn changed(known: Option<&LiveRow>, row: &Row, now: Instant) -> String {
    let mut text = match row.sign {
        Some(RowMark::Added) => "new".to_owned(),
        Some(RowMark::Removed) => "gone".to_owned(),
        Some(RowMark::Updated) | None => row.changed.join(", "),
    };

    let ago = known.and_then(|known| known.mark).map(|mark| now.saturating_duration_since(mark.at).as_secs());
    if let (Some(ago), false) = (ago, text.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {ago} s ago");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_takes_several_lines() {
        let mut page = DetailLines { width: 20, lines: Vec::new() };
        page.fact("command", "one two\u{1b}three");
        page.fact("nothing", "");
        page.text("", "日本語", Modifier::empty());
        let text: Vec<String> = page.lines.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["command       one tw", "              o\\u{1b", "              }three", "日本語"]);
        assert_eq!([fitting("日本語", 5), fitting("日", 1), fitting("", 1), fitting("ab", 2)], [6, 3, 0, 2]);
    }
}
