//! `portolan-score/1` as documented: its table, and its first test vectors.

use portolan::check::scored_findings;
use portolan::model::{Finding, FindingKind, Grade, Score};

fn kind(code: &str) -> &'static FindingKind {
    scored_findings().find(|kind| kind.code == code).unwrap_or_else(|| panic!("no finding is called {code}"))
}

fn scored(codes: &str) -> (u8, u8, &'static str) {
    let findings: Vec<Finding> =
        codes.split('+').filter(|code| !code.is_empty()).map(|code| Finding::new(kind(code), "")).collect();
    let Score { uncapped, score } = Score::of(&findings);
    (uncapped, score, Grade::of(score).as_str(true))
}

#[test]
fn the_table_is_the_documented_one() {
    let readme = include_str!("../../src/check/README.md");
    let documented: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    let number = |number: Option<u8>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let row = |kind: &FindingKind| {
        let points = number(Some(kind.points).filter(|points| *points > 0));
        format!("| `{}` | {} | {points} | {} |", kind.code, kind.group.as_str(), number(kind.cap))
    };
    assert_eq!(scored_findings().map(row).collect::<Vec<_>>(), documented);
    assert!(documented.len() >= 58, "{}", documented.len());
}

#[test]
fn the_first_vectors() {
    assert_eq!(scored(""), (100, 100, "A"));
    assert_eq!(scored("tcp-refused"), (100, 0, "F"));
    assert_eq!(scored("cert-life-third"), (95, 95, "A"));
    assert_eq!(scored("cert-life-third+http-latency-2x"), (88, 88, "B"));
    assert_eq!(scored("cert-expired+tls-obsolete-accepted+http-latency-4x"), (78, 20, "F"));
    assert_eq!(scored("cert-expired"), (100, 20, "F"));
    assert_eq!(scored("cert-name-mismatch"), (100, 30, "F"));
    assert_eq!(scored("http-5xx"), (100, 30, "F"));
    assert_eq!(scored("http-throttled"), (85, 75, "C"));
    assert_eq!(scored("circuit-open"), (100, 25, "F"));
    assert_eq!(scored("circuit-half-open+success-below-95"), (80, 75, "C"));
    assert_eq!(scored("dns-address-missing+dns-ipv6-dead"), (90, 90, "A"));
    assert_eq!(scored("tls-obsolete-accepted"), (90, 79, "C"));
    assert_eq!(scored("cert-life-thirtieth"), (80, 60, "D"));
    assert_eq!(scored("grpc-not-serving"), (100, 30, "F"));
}

#[test]
fn a_group_costs_at_most_its_budget() {
    assert_eq!(scored("tcp-mostly-failing+tcp-latency-4x"), (70, 55, "E"));
    assert_eq!(scored("dns-address-missing+dns-disagree+dns-ipv6-dead+dns-slow"), (90, 90, "A"));
    let all: Vec<Finding> = scored_findings().map(|kind| Finding::new(kind, "")).collect();
    assert_eq!(Score::of(&all), Score { uncapped: 0, score: 0 });
}

#[test]
fn every_row_says_what_it_means_and_what_to_do() {
    for kind in scored_findings() {
        assert!(kind.text.ends_with('.') && kind.text.len() > 10, "{}", kind.code);
        assert!(!kind.hint.is_empty() && !kind.hint.ends_with('.'), "{}", kind.code);
    }
}
