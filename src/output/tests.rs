//! Text from peers in every format.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use clap::ValueEnum as _;
use jiff::Timestamp;

use super::*;
use crate::clean::{Untrusted, is_dangerous};
use crate::model::{
    Address, Event, EventKind, Filters, Finding, FindingKind, Group, Health, HealthState, RawDetail, Transport,
};

/// ESC and OSC, a right-to-left override, a zero-width space, a tag, and two characters that XML 1.0 forbids.
const HOSTILE: &str = "a\u{1b}]0;pwn\u{7}\u{9b}31m\u{202e}\u{200b}\u{e0041}\u{fffe}\u{ffff}b";
static KIND: FindingKind = FindingKind::new("test", Group::App, (7, None), "a test", "fix it");

fn services() -> [Service; 2] {
    let finding = Finding::new(&KIND, HOSTILE);
    let health = Health {
        state: HealthState::Unhealthy,
        score: Some(0),
        uncapped: Some(0),
        grade: None,
        complete: false,
        coverage: vec!["tcp".into()],
        not_covered: Vec::new(),
        findings: vec![finding],
        hindered: vec![HOSTILE.to_owned()],
        out_of_reach: false,
        figures: crate::model::Figures::default(),
        tls: None,
        age_ms: None,
    };

    let endpoint = Endpoint {
        interface: Some(HOSTILE.into()),
        health: Some(Box::new(health)),
        ..Endpoint::new(Address::Ip([127, 0, 0, 1].into()), Some(80), Transport::Tcp)
    };

    let detail: Arc<dyn crate::model::Detail> = Arc::new(RawDetail(HOSTILE.into()));
    let named = Service {
        name: Some(HOSTILE.into()),
        namespace: Some(Untrusted::from(HOSTILE)),
        ..Service::new(format!("test/{HOSTILE}"), "test", vec![endpoint], Arc::clone(&detail))
    };

    [named, Service::new(format!("test/none/{HOSTILE}"), "test", Vec::new(), detail)]
}

#[track_caller]
fn assert_harmless(what: &str, out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    let found = text.chars().find(|&c| c != '\n' && is_dangerous(c));
    assert_eq!(found, None, "{what}: {text:?}");
}

fn fault() -> PartialError {
    PartialError { operation: format!("read {HOSTILE}"), cause: HOSTILE.to_owned(), hint: HOSTILE.to_owned() }
}

#[test]
fn no_format_writes_dangerous_characters_raw() {
    for name in FormatName::value_variants() {
        let mut out = Vec::new();
        let generated = Timestamp::UNIX_EPOCH;
        let options =
            RenderOptions { columns: &[], identified: false, generated, width: None, color: false, links: false };
        let errors = [fault()];

        let mut format = name.open(&mut out, options).unwrap();
        services().iter().try_for_each(|service| format.service(service)).unwrap();
        let completeness = Completeness::Incomplete;
        let filters = Filters::from([("process".to_owned(), "\u{1b}]0;x\u{7}".to_owned())]);
        format
            .end(&Footer { errors: &errors, limits: &errors, ..Footer::new(generated, completeness, &filters) })
            .unwrap();
        drop(format);

        assert!(!out.is_empty(), "{name:?}");
        assert_harmless(&format!("{name:?}"), &out);
    }
}

#[test]
fn no_event_holds_dangerous_characters_raw() {
    let added = services().map(Arc::new).map(EventKind::Added);
    for kind in added.into_iter().chain([EventKind::Error(fault())]) {
        let event = Event { index: 1, time: Timestamp::UNIX_EPOCH, source: "test".into(), kind };
        for name in [FormatName::Table, FormatName::Wide, FormatName::Json, FormatName::Name] {
            let mut out = Vec::new();
            EventFormat::of(name, &[]).unwrap().write(&mut out, &event).unwrap();
            assert_harmless(&format!("{name:?}"), &out);
        }
    }
}
