//! What every source promises: stable ids, an end on request, columns, and a watch that begins with the list.
//! Other test programs take this file in too.
#![allow(dead_code)]

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use portolan::engine::Cancel;
use portolan::model::{Completeness, DetailLevel, PartialError, Update, UpdateSink};
use portolan::source::{ItemSink, ListContext, ListItem};
use portolan::{Service, Source};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A receiver that accepts a maximum number of services.
struct Taking {
    most: usize,
    services: Vec<Service>,
    errors: Vec<PartialError>,
}

impl ItemSink for Taking {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match item {
            ListItem::Service(service) => {
                assert!(self.services.len() < self.most, "handed over after Break");
                self.services.push(service);
            }
            ListItem::PartialError(error) => self.errors.push(error),
            ListItem::MissingPermission(limit) => {
                assert!(!limit.operation.is_empty() && !limit.cause.is_empty() && !limit.hint.is_empty());
            }
            _ => {}
        }

        if self.services.len() == self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

async fn list(source: &dyn Source, context: ListContext, most: usize) -> (Taking, Completeness) {
    let mut sink = Taking { most, services: Vec::new(), errors: Vec::new() };
    let completeness = source.list(&context, &mut sink).await.unwrap();
    (sink, completeness)
}

/// Lists in full without a runtime.
fn ask(source: &dyn Source, detail_level: DetailLevel, most: usize) -> (Taking, Completeness) {
    wait(list(source, ListContext { detail_level, ..ListContext::default() }, most))
}

/// Waits for a future on this thread, as a caller without a runtime would.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));

    let mut future = pin!(future);
    let begin = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(begin.elapsed() < HANG, "the source hangs");
        thread::park_timeout(HANG);
    }
}

/// A minute without output means a hang; it is not a measurement.
const HANG: Duration = Duration::from_mins(1);

fn ids(sink: &Taking) -> Vec<String> {
    sink.services.iter().map(|service| service.id.to_string()).collect()
}

/// The tests. The source must know at least two services, always the same.
pub fn keeps_the_contract(source: &dyn Source) {
    let (full, completeness) = ask(source, DetailLevel::Full, usize::MAX);
    assert!(full.services.len() >= 2);
    assert_eq!(
        completeness == Completeness::Complete,
        full.errors.is_empty(),
        "a fault and nothing else is incomplete"
    );

    let unique: HashSet<String> = ids(&full).into_iter().collect();
    assert_eq!(unique.len(), full.services.len(), "ids are unique");
    assert_eq!(ids(&full), ids(&ask(source, DetailLevel::Full, usize::MAX).0), "asked again, the same ids in order");
    assert_eq!(ids(&full), ids(&ask(source, DetailLevel::Names, usize::MAX).0), "the depth does not choose services");
    assert_eq!(ids(&full), ids(&ask(source, DetailLevel::Brief, usize::MAX).0), "the depth does not choose services");

    let mut names = HashSet::new();
    for column in source.columns() {
        assert!(names.insert(column.name), "column {} occurs twice", column.name);
        assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    }
    for service in &full.services {
        assert!(service.id.as_raw().starts_with(&format!("{}/", source.name())), "{}", service.id);
        assert_eq!(service.source, source.name());
        for column in source.columns() {
            let mut cell = String::new();
            for endpoint in service.endpoints.iter().map(Some).chain([None]) {
                (column.cell)(service, endpoint, &mut cell).unwrap();
            }
            assert!(!cell.chars().any(char::is_control), "{}: {cell:?}", column.name);
        }
    }

    assert_eq!(ask(source, DetailLevel::Full, 1).0.services.len(), 1, "Break ends the listing");
    let cancel = Cancel::new();
    cancel.cancel();
    let (sink, completeness) = wait(list(source, ListContext { cancel, ..ListContext::default() }, usize::MAX));
    assert!(completeness == Completeness::Incomplete || ids(&sink) == ids(&full), "a stopped listing is incomplete");

    for runtime in runtimes() {
        lists_in_a_runtime(source, &runtime, &ids(&full));
        watches(source, &runtime, &ids(&full));
    }
}

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(1).enable_all().build().unwrap())
}

/// Listing is awaited in any runtime, and keeps no task of it waiting.
fn lists_in_a_runtime(source: &dyn Source, runtime: &Runtime, expected: &[String]) {
    runtime.block_on(async {
        let listing = list(source, ListContext::default(), usize::MAX);
        let (sink, _) = timeout(HANG, listing).await.expect("the source hangs");
        assert_eq!(ids(&sink), expected, "the same in a runtime");
        let (sink, _) = timeout(HANG, list(source, ListContext::default(), 1)).await.expect("the source hangs");
        assert_eq!(sink.services.len(), 1, "Break ends the listing in a runtime");

        // One that is given up ends.
        let listing = list(source, ListContext::default(), usize::MAX);
        let _ = timeout(Duration::ZERO, listing).await;
    });
}

/// What a watch said first.
#[derive(Default)]
struct FirstUpdates(Vec<Update>);

impl UpdateSink for FirstUpdates {
    fn detail_level(&self) -> DetailLevel {
        DetailLevel::Full
    }

    fn apply(&mut self, updates: Vec<Update>) {
        self.0.extend(updates);
    }

    fn mark_stale(&mut self, error: PartialError) {
        panic!("{error:?}");
    }
}

/// A watch begins with everything that a listing has, and goes on until it is dropped.
fn watches(source: &dyn Source, runtime: &Runtime, expected: &[String]) {
    let mut first = FirstUpdates::default();
    runtime.block_on(async {
        let begun = Instant::now();
        let mut wait = Duration::from_millis(100);
        while first.0.is_empty() {
            assert!(begun.elapsed() < HANG, "the watch says nothing");
            let ended = timeout(wait, source.watch(Some(HANG), &mut first)).await;
            assert!(ended.is_err(), "a watch goes on: {ended:?}");
            wait *= 2;
        }
    });
    let Some(Update::Reset(services)) = first.0.first() else { panic!("it begins with a reset: {:?}", first.0) };
    let mut watched: Vec<_> = services.iter().map(|service| service.id.as_raw()).collect();

    let mut listed: Vec<_> = expected.iter().map(String::as_str).collect();
    watched.sort_unstable();
    listed.sort_unstable();
    assert_eq!(watched, listed, "a watch begins with what a listing has");
}
