//! The findings of hosts: born, changed, ended, unknown.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::super::*;
use crate::model::{DriftReport, ReportedFinding};

fn at(seconds: u64) -> Now {
    let wall = Timestamp::from_second(1_000_000 + i64::try_from(seconds).unwrap()).unwrap();
    Now { elapsed: Duration::from_secs(seconds), wall }
}

/// Time passes in larger steps than a server takes.
fn rules() -> Rules {
    Rules { max_tick_gap: Duration::from_secs(1_000), ..Rules::default() }
}

fn finding(id: &str) -> ReportedFinding {
    let mut finding = ReportedFinding::default();
    (finding.id, finding.code, finding.text) = (id.to_owned(), "drift-stale".to_owned(), format!("{id} is stale"));
    finding
}

/// A report of these findings, every 10 s.
fn report(host: &str, findings: Vec<ReportedFinding>) -> Command {
    let interval = Duration::from_secs(10);
    let report = DriftReport { host: host.to_owned(), interval, gaps: Vec::new(), findings };
    Command::Drift(DriftCommand::Report(Arc::new(report)))
}

fn of(host: &str, ids: &[&str]) -> Command {
    report(host, ids.iter().map(|id| finding(id)).collect())
}

#[track_caller]
fn step_at(state: &mut State, command: Command, seconds: u64) -> Vec<DocumentChange> {
    step(state, command, at(seconds)).unwrap().documents
}

/// The ids of the findings that an event names as added, updated and removed.
fn differences(change: &DocumentChange) -> [Vec<&str>; 3] {
    ["added", "updated", "removed"].map(|part| {
        let findings = change.item[part].as_array().unwrap();
        findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect()
    })
}

#[test]
fn a_finding_lasts_as_long_as_the_reports_have_it() {
    let mut state = State::new(rules());
    let changes = step_at(&mut state, of("web1", &["b", "a"]), 0);
    assert_eq!((changes.len(), changes[0].kind), (1, ChangeKind::Added));
    assert_eq!(differences(&changes[0]), [vec!["a", "b"], vec![], vec![]]);

    assert!(step_at(&mut state, of("web1", &["a", "b"]), 10).is_empty(), "the order says nothing");
    let mut changed = finding("a");
    changed.text = "a is very stale".to_owned();
    let changes = step_at(&mut state, report("web1", vec![changed, finding("c")]), 20);
    assert_eq!(differences(&changes[0]), [vec!["c"], vec!["a"], vec!["b"]]);
    assert_eq!((changes[0].index, changes[0].previous, changes[0].kind), (2, 1, ChangeKind::Updated));

    let host = &state.view().host("web1").unwrap().record;
    let first: Vec<_> =
        host.findings.iter().map(|finding| (finding.reported.id.as_str(), finding.first_reported)).collect();
    assert_eq!(first, [("a", at(0).wall), ("c", at(20).wall)]);
    let changes = step_at(&mut state, of("web1", &[]), 30);
    assert_eq!(differences(&changes[0]), [vec![], vec![], vec!["a", "c"]]);
}

#[test]
fn an_agent_that_is_silent_makes_its_findings_unknown_and_not_gone() {
    let mut state = State::new(rules());
    step_at(&mut state, of("web1", &["a"]), 0);
    step_at(&mut state, of("web2", &["a"]), 9);
    assert!(step_at(&mut state, of("web1", &["a"]), 10).is_empty());

    // 30 s without a report.
    assert!(step_at(&mut state, Command::Tick, 38).is_empty());
    let changes = step_at(&mut state, Command::Tick, 39);
    assert_eq!((&changes[0].subject, changes.len()), (&DocumentSubject::Drift("web2".into()), 1));
    assert_eq!((&changes[0].item["agent"], differences(&changes[0])), (&"silent".into(), [vec![], vec![], vec![]]));
    step_at(&mut state, Command::Tick, 40);
    let host = state.view().host("web1").unwrap();
    assert_eq!((host.record.agent, host.record.findings.len()), (AgentState::Silent, 1));
    assert_eq!((host.reported_at, host.record.reported_at), (at(10).wall, at(10).wall));
    assert!(step_at(&mut state, Command::Tick, 300).is_empty(), "it is said once");

    let changes = step_at(&mut state, of("web1", &["a"]), 301);
    assert_eq!((&changes[0].item["agent"], differences(&changes[0])), (&"reporting".into(), [vec![], vec![], vec![]]));
    let host = &state.view().host("web1").unwrap().record;
    assert_eq!(host.findings[0].first_reported, at(0).wall, "it was never gone");
}

#[test]
fn a_pause_of_the_process_makes_no_agent_silent() {
    let mut state = State::new(Rules { max_tick_gap: Duration::from_secs(5), ..Rules::default() });
    step_at(&mut state, Command::Tick, 0);
    step_at(&mut state, of("web1", &["a"]), 1);
    assert!(step_at(&mut state, Command::Tick, 100).is_empty());
    for second in 101..130 {
        assert!(step_at(&mut state, Command::Tick, second).is_empty(), "{second}");
    }
    assert_eq!(step_at(&mut state, Command::Tick, 130).len(), 1);
}

#[test]
fn since_is_the_earliest_time_that_an_agent_knew() {
    let mut state = State::new(rules());
    for (seconds, since) in [(0, Some(5)), (10, Some(100)), (20, None), (30, Some(3))] {
        let mut one = finding("a");
        one.since = since.map(|since| Timestamp::from_second(since).unwrap());
        step_at(&mut state, report("web1", vec![one]), seconds);
    }
    let host = &state.view().host("web1").unwrap().record;
    assert_eq!(host.findings[0].reported.since, Some(Timestamp::from_second(3).unwrap()));
    assert_eq!(host.index, 2, "an agent that started again knows less, and that is no change");
}

fn forget(host: &str) -> Command {
    Command::Drift(DriftCommand::Forget { host: host.into() })
}

#[test]
fn a_host_is_forgotten_and_a_wrong_report_changes_nothing() {
    let mut state = State::new(rules());
    assert_eq!(step(&mut state, forget("web1"), at(0)).unwrap_err().code(), "unknown_host");
    let wrong = step(&mut state, of("web1", &["a", "a"]), at(0)).unwrap_err();
    assert_eq!((wrong.code(), wrong.field(), state.index()), ("invalid", Some("findings"), 0));

    step_at(&mut state, of("web1", &["a"]), 0);
    let changes = step_at(&mut state, forget("web1"), 1);
    assert_eq!((changes[0].kind, differences(&changes[0])[2].len()), (ChangeKind::Removed, 1));
    assert!(state.view().host("web1").is_none() && changes[0].writes[0].body.is_none());
    assert!(step_at(&mut state, Command::Tick, 100).is_empty(), "nothing is awaited");
    assert_eq!(state.deadline_count(), 0);
}

#[test]
fn all_reports_together_are_bounded() {
    let mut state = State::new(rules());
    let wide: Vec<ReportedFinding> = (0..250)
        .map(|at| {
            let mut one = finding(&at.to_string());
            one.text = "x".repeat(1_000);
            one
        })
        .collect();
    let refused = (0..300).find_map(|host| step(&mut state, report(&format!("h{host}"), wide.clone()), at(0)).err());
    assert_eq!(refused.unwrap().code(), "drift_limit");
    assert!(state.view().hosts().count() > 200);

    // A host that is known may report less.
    step(&mut state, of("h0", &["a"]), at(1)).unwrap();
    step(&mut state, of("new", &["a"]), at(1)).unwrap();
}

#[test]
fn a_restart_and_another_server_know_the_same() {
    let mut state = State::new(rules());
    let mut other = State::new(rules());
    let mut stored = std::collections::BTreeMap::new();
    let commands = [(of("web1", &["a", "b"]), 0), (of("web2", &[]), 1), (of("web1", &["b"]), 5), (Command::Tick, 31)];
    for (command, seconds) in commands {
        for change in step_at(&mut state, command, seconds) {
            other.replicate_document(change.index, &change, at(seconds)).unwrap();
            for write in &change.writes {
                stored.insert(write.key.to_string(), write.body.clone().unwrap().into_bytes());
            }
        }
    }
    let records: Vec<(String, Vec<u8>)> = stored.into_iter().collect();
    let mut restored = State::restore_stored(rules(), state.index(), &records, at(31)).unwrap();

    assert_eq!(hosts(&state).len(), 2);
    assert_eq!(hosts(&state)[1].agent, AgentState::Silent);
    assert_eq!((hosts(&other), hosts(&restored)), (hosts(&state), hosts(&state)));
    // After a restart, an agent has its full time again.
    assert!(step_at(&mut restored, Command::Tick, 60).is_empty());
    assert_eq!(step_at(&mut restored, Command::Tick, 61).len(), 1);
}

fn hosts(state: &State) -> Vec<Arc<HostDrift>> {
    state.view().hosts().map(|entry| Arc::clone(&entry.record)).collect()
}

#[test]
fn a_report_to_another_server_keeps_the_agent_from_being_silent() {
    let mut state = State::new(rules());
    let command = of("web1", &["a"]);
    let id = command.lease_id().unwrap();
    step_at(&mut state, command, 0);
    assert!(state.due_leases(Duration::from_secs(29), Duration::ZERO, 9).is_empty());
    let due = state.due_leases(Duration::from_secs(30), Duration::ZERO, 9);
    assert_eq!((due.len(), &due[0].id, due[0].check, due[0].generation), (1, &id, None, 1));

    let lease = state.leases_of(&id, Duration::from_secs(10)).pop().unwrap();
    assert_eq!(lease.remaining, Duration::from_secs(20));
    state.confirm_lease(&LeaseRemainder { remaining: Duration::from_secs(25), ..lease.clone() }, at(29));
    assert!(step_at(&mut state, Command::Tick, 53).is_empty());
    assert_eq!(state.view().host("web1").unwrap().reported_at, at(24).wall);
    state.hold_lease(&lease.lease, Duration::from_mins(1));
    assert!(step_at(&mut state, Command::Tick, 59).is_empty());
    assert_eq!(step_at(&mut state, Command::Tick, 60).len(), 1);
}
