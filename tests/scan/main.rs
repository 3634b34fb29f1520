//! `portolan scan` against the real kernel, in network namespaces of the tests' own.
//!
//! In each of them a program (`tests/fixture`) listens at ports drawn by a seed; portolan must find these and no other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod diff;
mod filters;
mod hosts;
mod limits;
mod namespaces;
mod proxy;
mod recall;
mod resume;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod syn;
mod targets;
mod terminal;
mod udp;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Fixture, Listing, Row, Scene};

/// Two scenes with a wire between them; the second is scanned from the first at 10.77.0.2.
fn wired() -> (Scene, Scene) {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    (here, there)
}

/// The ports that the fixture listens at.
fn truth(fixture: &Fixture) -> BTreeSet<u16> {
    fixture.truth.0.keys().map(|what| what.rsplit(':').next().unwrap().parse().unwrap()).collect()
}

/// The ports of a document that are in that state.
fn ports(document: &Value, state: &str) -> BTreeSet<u16> {
    let items = document["items"].as_array().unwrap().iter().filter(|item| item["detail"]["state"] == state);
    items.map(|item| item["endpoints"][0]["port"].as_u64().unwrap().try_into().unwrap()).collect()
}

/// The open ports of a listing, each listed once.
fn open(listing: &Listing) -> BTreeSet<u16> {
    let state = |row: &Row| row.detail("state").as_str().unwrap().to_owned();
    let rows = listing.rows.iter().filter(|row| state(row) == "open");
    let found: Vec<u16> = rows.map(|row| row.0["endpoints"][0]["port"].as_u64().unwrap().try_into().unwrap()).collect();
    let set: BTreeSet<u16> = found.iter().copied().collect();
    assert_eq!(set.len(), found.len(), "a port is listed twice");
    set
}

/// That exactly these were found; what differs is shown.
#[track_caller]
fn assert_found(found: &BTreeSet<u16>, truth: &BTreeSet<u16>) {
    let (missed, false_ones): (Vec<_>, Vec<_>) = (truth.difference(found).collect(), found.difference(truth).collect());
    assert!(missed.is_empty() && false_ones.is_empty(), "missed {missed:?}, false {false_ones:?}");
}
