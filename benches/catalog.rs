//! What publishing one change among 100,000 services costs, beside a catalog that copies a vector of pointers for it.
//!
//! `cargo bench --bench catalog`. The promise is at most 20 microseconds in the median.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_possible_truncation, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portolan::catalog::Writer;
use portolan::engine::Clock;
use portolan::model::{DetailLevel, ServiceId, Update, UpdateSink};
use portolan::{Detail, Service};

const SERVICES: usize = 100_000;
const CHANGES: usize = 2_000;

#[derive(Debug, serde::Serialize)]
struct Revision {
    revision: usize,
}

impl Detail for Revision {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self.revision == other.revision)
    }
}

fn service(number: usize, revision: usize) -> Service {
    Service::new(format!("bench/{number:06}"), "bench", Vec::new(), Arc::new(Revision { revision }))
}

/// Which service a change is of: spread over all of them, in no order that a cache could follow.
fn number(change: usize) -> usize {
    change * 7_919 % SERVICES
}

fn main() {
    let all = || (0..SERVICES).map(|number| service(number, 0)).collect::<Vec<_>>();

    let mut copied: BTreeMap<ServiceId, Arc<Service>> =
        all().into_iter().map(|service| (service.id.clone(), Arc::new(service))).collect();
    let mut published: Arc<Vec<Arc<Service>>> = Arc::new(copied.values().cloned().collect());
    let copying = measure(|change| {
        let new = Arc::new(service(number(change), change + 1));
        copied.insert(new.id.clone(), new);
        published = Arc::new(copied.values().cloned().collect());
    });

    let mut writer = Writer::new("bench", DetailLevel::Full, Clock::coarse());
    let reader = writer.reader();
    writer.apply(vec![Update::Reset(all())]);
    let sharing = measure(|change| writer.apply(vec![Update::Upsert(service(number(change), change + 1))]));

    // The answers are the same before the figures count.
    let snapshot = reader.load();
    assert_eq!(snapshot.services().len(), published.len());
    for (shared, copied) in snapshot.services().iter().zip(published.iter()) {
        assert_eq!(shared.id, copied.id);
        let revision = |service: &Service| service.detail.downcast_ref::<Revision>().unwrap().revision;
        assert_eq!(revision(shared), revision(copied));
    }
    assert_eq!(snapshot.index() as usize, SERVICES + 1 + CHANGES, "one event for each change");

    println!("One change among {SERVICES} services, {CHANGES} changes, median and 99th percentile:");
    println!("  copying the pointers, without events: {:>10.1?} {:>10.1?}", copying.0, copying.1);
    println!("  the catalog, with its event:          {:>10.1?} {:>10.1?}", sharing.0, sharing.1);
    assert!(sharing.0 <= Duration::from_micros(20), "publishing one change costs more than 20 us");
}

/// The median and the 99th percentile of what a change costs.
fn measure(mut change: impl FnMut(usize)) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..CHANGES)
        .map(|at| {
            let begun = Instant::now();
            change(at);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[CHANGES / 2], times[CHANGES * 99 / 100])
}
