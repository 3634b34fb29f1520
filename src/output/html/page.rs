//! The page: what was found at a glance, then a map, then all rows.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

use super::row::{COMMON, Place, Row, drift_colour, drift_word};
use crate::clean::clean;
use crate::model::{
    Column, Completeness, Coverage, DriftState, HealthState, NamespaceScope, PartialError, ScannedHost,
};
use crate::output::Footer;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// The bars of the score distribution: 0-9, 10-19, and so on; 100 counts to the last.
const BARS: usize = 10;
/// Hosts and ports of one host that the map shows; the table has all.
const MAX_HOSTS: usize = 256;
const MAX_PORTS: usize = 64;
/// Certificates that the timeline shows: those that expire first.
const MAX_CERTIFICATES: usize = 50;
/// Scopes, ranges of each, and the length of a list of ports that the page names.
const MAX_SCOPES: usize = 16;
const MAX_RANGES: usize = 16;
const MAX_PORTS_TEXT: usize = 200;
/// The end of the timeline, in days.
const TIMELINE_DAYS: i64 = 365;
/// A certificate that expires within so many days needs attention.
const SOON_DAYS: i64 = 30;

/// Everything that the page says.
pub(super) struct HtmlPage<'a> {
    pub(super) generated: Timestamp,
    pub(super) columns: &'a [&'static Column],
    pub(super) rows: &'a [Row],
    pub(super) services: usize,
    pub(super) end: &'a Footer<'a>,
}

impl HtmlPage<'_> {
    pub(super) fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(&self.title()))
                body {
                    header {
                        h1 { (self.title()) }
                        p { "portolan, " time { (format!("{:.0}", self.generated)) } (self.completeness()) }
                    }
                    main {
                        (self.summary())
                        (self.scope())
                        (faults("What could not be read", self.end.errors))
                        (faults("What needs a permission", self.end.limits))
                        (self.scores())
                        (self.findings())
                        (self.certificates())
                        (self.map())
                        (self.table())
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }

    fn title(&self) -> String {
        let noun = if self.is_comparison() { "result" } else { "service" };
        let plural = if self.services == 1 { "" } else { "s" };
        format!("{} {noun}{plural}", self.services)
    }

    /// Whether these are results of `portolan drift`.
    fn is_comparison(&self) -> bool {
        self.rows.iter().any(|row| row.drift.is_some())
    }

    fn completeness(&self) -> &'static str {
        if self.end.completeness == Completeness::Complete { "" } else { ": incomplete" }
    }

    fn summary(&self) -> Markup {
        let states: Vec<HealthState> = self.rows.iter().filter_map(|row| row.state).collect();
        let drifts: Vec<DriftState> = self.rows.iter().filter_map(|row| row.drift).collect();

        html! {
            @if !drifts.is_empty() {
                section aria-label="Comparison" {
                    ul.tiles {
                        @for state in [DriftState::Differs, DriftState::CannotTell, DriftState::Agrees] {
                            @let count = drifts.iter().filter(|known| **known == state).count();
                            @if count > 0 { li class={ "tile " (drift_colour(state).as_str()) } { strong { (count) } " " (drift_word(state)) } }
                        }
                    }
                }
            }
            @if !states.is_empty() {
                section aria-label="Health" {
                    ul.tiles {
                        @for state in HealthState::ALL {
                            li class={ "tile " (state.as_str()) } { strong { (states.iter().filter(|known| **known == state).count()) } " " (state.as_str()) }
                        }
                    }
                }
            }
        }
    }

    /// What was listed, when, and with which options.
    fn scope(&self) -> Markup {
        let Footer { args, filters, coverage, hosts, absent_hosts, finished, .. } = *self.end;
        // A stored listing says neither when it ended nor how many hosts were absent.
        let is_stored = finished == self.generated;

        html! {
            section {
                h2 { "What was listed" }
                dl.scope {
                    @if !args.is_empty() { dt { "Command" } dd { code { (clean(args)) } } }
                    dt { "Time" }
                    dd {
                        time { (format!("{:.0}", self.generated)) }
                        @if !is_stored { " to " time { (format!("{finished:.0}")) } }
                    }
                    @for coverage in coverage.iter().take(MAX_SCOPES) {
                        dt { "Targets" }
                        dd { (targets(coverage)) }
                    }
                    @if coverage.len() > MAX_SCOPES { dd { "and " (coverage.len() - MAX_SCOPES) " more" } }
                    @if let Some(hosts) = hosts {
                        dt { "Hosts" }
                        dd { (scanned_hosts(hosts)) @if !is_stored { ", " (absent_hosts) " without a reply" } }
                        @for (state, count) in port_counts(hosts) {
                            @if count > 0 { dt { "Ports " (state) } dd { (count) } }
                        }
                    }
                    @for (name, value) in filters.iter().take(MAX_SCOPES) {
                        dt { "Filter " (clean(&name.replace('_', "-"))) }
                        dd { (clean(value)) }
                    }
                }
            }
        }
    }

    fn scores(&self) -> Markup {
        let mut bars = [0_usize; BARS];
        for score in self.rows.iter().filter_map(|row| row.score) {
            bars[(usize::from(score) / BARS).min(BARS - 1)] += 1;
        }
        let most = bars.iter().copied().max().unwrap_or(0);

        html! {
            @if most > 0 {
                section {
                    h2 { "Scores" }
                    ol.bars.scores {
                        @for (at, count) in bars.iter().enumerate() {
                            @let range = if at == BARS - 1 { "90-100".to_owned() } else { format!("{}-{}", at * 10, at * 10 + 9) };
                            li class=(score_state(at * 10).as_str()) {
                                span.range { (range) }
                                meter min="0" max=(most) value=(count) aria-label={ "endpoints with a score of " (range) } {}
                                span { (count) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// How often each finding occurs.
    fn findings(&self) -> Markup {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for code in self.rows.iter().flat_map(|row| &row.codes) {
            *counts.entry(code).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);

        html! {
            @if most > 0 {
                section {
                    h2 { "Findings" }
                    ol.bars {
                        @for (code, count) in &counts {
                            li {
                                span.range { (code) }
                                meter min="0" max=(most) value=(count) aria-label={ "findings " (code) } {}
                                span { (count) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn certificates(&self) -> Markup {
        let dated = self.rows.iter().filter_map(|row| row.certificate_days.map(|days| (days, row)));
        let mut dated: Vec<(i64, &Row)> = dated.collect();
        dated.sort_by_key(|(days, _)| *days);
        let more = dated.len().saturating_sub(MAX_CERTIFICATES);

        html! {
            @if !dated.is_empty() {
                section {
                    h2 { "Certificates" }
                    ol.bars {
                        @for (days, row) in dated.iter().take(MAX_CERTIFICATES) {
                            li class=[(*days < SOON_DAYS).then_some("soon")] {
                                span.range { (row.cells[1]) " " (row.cells[3]) }
                                meter min="0" max=(TIMELINE_DAYS) value=((*days).clamp(0, TIMELINE_DAYS)) aria-label="days left" {}
                                span { (days_left(*days)) }
                            }
                        }
                    }
                    @if more > 0 { p { (more) " more expire later." } }
                }
            }
        }
    }

    fn map(&self) -> Markup {
        let mut hosts: BTreeMap<&str, Vec<(&Place, &Row)>> = BTreeMap::new();
        for row in self.rows {
            if let Some(place) = &row.place {
                hosts.entry(&place.host).or_default().push((place, row));
            }
        }
        let more = hosts.len().saturating_sub(MAX_HOSTS);

        html! {
            @if !hosts.is_empty() {
                section {
                    h2 { "Hosts and ports" }
                    dl.map {
                        @for (host, places) in hosts.iter().take(MAX_HOSTS) {
                            div {
                                dt { (host) }
                                @for (place, row) in places.iter().take(MAX_PORTS) {
                                    dd class={ "port " (row.class().unwrap_or_default()) } {
                                        (place.port)
                                        @if !place.protocol.is_empty() { " " small { (place.protocol) } }
                                        @if let Some(word) = row.word() { span.word { " " (word) } }
                                    }
                                }
                                @if places.len() > MAX_PORTS { dd { "and " (places.len() - MAX_PORTS) " more" } }
                            }
                        }
                    }
                    @if more > 0 { p { (more) " more hosts are in the table only." } }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let names = COMMON.into_iter().chain(self.columns.iter().map(|column| column.name));
        let filled = names.enumerate().filter(|(at, _)| self.rows.iter().any(|row| !row.cells[*at].is_empty()));
        let shown: Vec<(usize, &str)> = filled.collect();

        html! {
            section {
                h2 { "All endpoints" }
                @if self.rows.is_empty() {
                    p { "Nothing was found." }
                } @else {
                    p.search { label for="search" { "Search " } input #search type="search" autocomplete="off"; " " output #shown for="search" {} }
                    div.scroll tabindex="0" role="region" aria-label="All endpoints" {
                        table {
                            thead { tr {
                                @for (_, name) in &shown {
                                    th scope="col" { button type="button" { (name.replace('_', " ")) } }
                                }
                            } }
                            tbody {
                                @for row in self.rows {
                                    tr class=[row.class()] {
                                        @for (at, name) in &shown {
                                            td { (row.cells[*at]) @if *name == "name" { (findings(row)) } }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `tcp 10.0.0.0-10.0.0.255, ports 22,80`
fn targets(coverage: &Coverage) -> String {
    let blocks = coverage.addresses.blocks().take(MAX_RANGES);
    let mut ranges: Vec<String> =
        blocks.map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") }).collect();
    if let Some(more @ 1..) = coverage.addresses.number_of_ranges().checked_sub(MAX_RANGES) {
        ranges.push(format!("and {more} more ranges"));
    }
    let addresses = match &coverage.scope {
        NamespaceScope::Own => ranges.join(", "),
        NamespaceScope::Other(netns) => format!("{} in network namespace {netns}", ranges.join(", ")),
        NamespaceScope::Gone => "all other network namespaces of this machine".to_owned(),
    };

    let (transport, count) = (coverage.transport.as_str(), coverage.ports.len());
    let ports = coverage.ports.to_string();
    match count {
        0 => addresses,
        _ if ports.len() <= MAX_PORTS_TEXT => format!("{transport} {addresses}, ports {ports}"),
        _ => format!("{transport} {addresses}, {count} ports"),
    }
}

/// The number of scanned hosts. A host that was scanned over TCP and UDP counts once.
fn scanned_hosts(hosts: &[ScannedHost]) -> String {
    let hosts = hosts.iter().map(|host| (host.address, host.netns.as_ref().map(|netns| netns.inode)));
    let hosts: BTreeSet<_> = hosts.collect();
    format!("{} scanned", hosts.len())
}

/// The number of ports in each state.
fn port_counts(hosts: &[ScannedHost]) -> [(&'static str, u64); 6] {
    let mut counts =
        [("open", 0_u64), ("closed", 0), ("filtered", 0), ("unreachable", 0), ("no-answer", 0), ("not tried", 0)];
    for host in hosts {
        let ScannedHost { open, closed, filtered, unreachable, no_answer, not_tried, .. } = host;
        for ((_, sum), count) in counts.iter_mut().zip([open, closed, filtered, unreachable, no_answer, not_tried]) {
            *sum = sum.saturating_add(*count);
        }
    }
    counts
}

/// The state that a score usually has: its colour in the picture.
fn score_state(score: usize) -> HealthState {
    match score {
        80.. => HealthState::Healthy,
        50..80 => HealthState::Degraded,
        _ => HealthState::Unhealthy,
    }
}

/// The head of a page, with its policy and its style.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// The findings of a row, folded.
fn findings(row: &Row) -> Markup {
    html! {
        @if !row.findings.is_empty() {
            details {
                summary { (row.findings.len()) @if row.findings.len() == 1 { " finding" } @else { " findings" } }
                ul {
                    @for (finding, hint) in &row.findings {
                        li { (finding) @if !hint.is_empty() { br; em { (hint) } } }
                    }
                }
            }
        }
    }
}

pub(super) fn faults(title: &str, faults: &[PartialError]) -> Markup {
    html! {
        @if !faults.is_empty() {
            section.faults {
                h2 { (title) }
                ul {
                    @for fault in faults {
                        li {
                            "cannot " (clean(&fault.operation)) ": " (clean(&fault.cause))
                            @if !fault.hint.is_empty() { br; em { (clean(&fault.hint)) } }
                        }
                    }
                }
            }
        }
    }
}

fn days_left(days: i64) -> String {
    match days {
        days if days < 0 => format!("expired {} days ago", days.unsigned_abs()),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}

/// Nothing is loaded, and only the script and the style of this page take effect: whatever a name or a banner holds.
fn policy() -> String {
    let (script, style) = (hash(SCRIPT), hash(STYLE));
    format!("default-src 'none'; base-uri 'none'; form-action 'none'; script-src {script}; style-src {style}")
}

/// The source expression of an inline text (CSP Level 3, 2.3.1).
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_words() {
        assert_eq!([-3, 0, 1, 90].map(days_left), ["expired 3 days ago", "0 days left", "1 day left", "90 days left"]);
    }
}
