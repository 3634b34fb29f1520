//! The page of a comparison: what opened, closed and changed since an earlier listing.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::page::{faults, head};
use crate::model::Completeness;
use crate::output::Footer;

/// A difference. Its text is clean.
pub(in crate::output) struct ChangeRow {
    /// `added`, `removed` or `updated`.
    pub(in crate::output) kind: &'static str,
    /// The service, and the fields that differ.
    pub(in crate::output) text: String,
}

/// The page.
pub(in crate::output) fn changes_page(time: Timestamp, rows: &[ChangeRow], end: &Footer<'_>) -> String {
    let count = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
    let title = format!("{} opened, {} closed, {} changed", count("added"), count("removed"), count("updated"));
    let incomplete = end.completeness == Completeness::Incomplete;

    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                header {
                    h1 { (title) }
                    p { "portolan, " time { (format!("{time:.0}")) } @if incomplete { ": incomplete; closed services are not listed" } }
                }
                main {
                    (faults("What could not be read", end.errors))
                    (faults("What needs a permission", end.limits))
                    (table(rows))
                }
            }
        }
    };
    page.into_string()
}

fn table(rows: &[ChangeRow]) -> Markup {
    html! {
        section {
            h2 { "All changes" }
            @if rows.is_empty() {
                p { "Nothing changed." }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="All changes" {
                    table {
                        thead { tr { th scope="col" { "Change" } th scope="col" { "Service" } } }
                        tbody {
                            @for row in rows {
                                tr class=(row.kind) { td { (word(row.kind)) } td { (row.text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn word(kind: &str) -> &'static str {
    match kind {
        "added" => "opened",
        "removed" => "closed",
        _ => "changed",
    }
}
