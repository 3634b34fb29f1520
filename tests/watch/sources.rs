//! Watching a source that fails, comes back, answers in part, and ends.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use portolan::catalog::Writer;
use portolan::engine::{Clock, Retry};
use portolan::model::{Column, Completeness, DetailLevel, Update, UpdateSink};
use portolan::source::{ItemSink, ListContext, ListFuture, WatchFuture, keep_watching};
use portolan::{Error, Source};
use tokio::time::timeout;

use crate::catalog::{fault, harbour};
use crate::history::History;

/// A prepared reply of a source.
enum PolledListing {
    Whole(Vec<(u8, u8)>),
    Part(Vec<(u8, u8)>),
    Failure,
}

/// A source with prepared replies, which is silent after the last.
struct Prepared(Mutex<VecDeque<PolledListing>>);

impl Prepared {
    fn new(answers: impl IntoIterator<Item = PolledListing>) -> Self {
        Self(Mutex::new(answers.into_iter().collect()))
    }
}

fn unreachable() -> Error {
    Error::io("ask the harbour master", std::io::Error::other("fog"), "wait")
}

impl Source for Prepared {
    fn name(&self) -> &'static str {
        "test"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let answer = self.0.lock().unwrap().pop_front();
            let (services, completeness) = match answer {
                None => std::future::pending().await,
                Some(PolledListing::Failure) => return Err(unreachable()),
                Some(PolledListing::Whole(services)) => (services, Completeness::Complete),
                Some(PolledListing::Part(services)) => {
                    out.partial_error(fault());
                    (services, Completeness::Incomplete)
                }
            };
            for (id, ships) in services {
                let _ = out.service(harbour(id, ships, 0));
            }
            Ok(completeness)
        })
    }
}

/// The same, but told as a stream that ends in good order after each answer, as servers end a watch.
struct StopConditions(Prepared);

impl Source for StopConditions {
    fn name(&self) -> &'static str {
        "test"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        self.0.list(context, out)
    }

    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let answer = self.0.0.lock().unwrap().pop_front();
            match answer {
                Some(PolledListing::Whole(services)) => {
                    let services = services.into_iter().map(|(id, ships)| harbour(id, ships, 0)).collect();
                    feed.apply(vec![Update::Reset(services)]);
                    Ok(())
                }
                Some(_) => Err(unreachable()),
                None => std::future::pending().await,
            }
        })
    }
}

/// Watches a source until it has nothing more to say, and hears its history out.
fn watched(source: &dyn Source) -> (History, Option<Error>) {
    // Time stands still while anything can be done, and jumps to the next timer when nothing can.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut writer = Writer::new("test", DetailLevel::Full, Clock::runtime());
        let (_, mut watch) = writer.reader().watch();
        let watching = keep_watching(source, Some(Duration::from_secs(1)), Retry::default(), 7, &mut writer);
        let ended = timeout(Duration::from_hours(1), watching).await.ok();
        let snapshot = writer.reader().load();
        drop(writer);
        let mut history = History::default();
        while let Some(news) = watch.next().await {
            history.news(&news);
        }
        history.assert_ends_in(snapshot.services().iter().map(|service| &**service));
        (history, ended)
    })
}

fn changes(history: &History) -> Vec<(&str, &str)> {
    history.changes.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect()
}

#[test]
fn a_source_that_fails_and_recovers_comes_out_as_differences_only() {
    use PolledListing::{Failure, Whole};
    for ending in [false, true] {
        let answers = Prepared::new([
            Whole(vec![(1, 1), (2, 1)]),
            Failure,
            Failure,
            Whole(vec![(1, 1), (2, 2)]),
            Failure,
            Whole(vec![(1, 1), (2, 2)]),
            Whole(vec![(1, 1)]),
        ]);
        let (history, ended) = if ending { watched(&StopConditions(answers)) } else { watched(&answers) };
        assert!(ended.is_none());
        let expected = [("added", "test/001"), ("added", "test/002"), ("updated", "test/002"), ("removed", "test/002")];
        assert_eq!(changes(&history), expected);
        assert_eq!((history.count("stale"), history.count("synced")), (2, 3), "{history:?}");
    }
}

#[test]
fn services_missing_from_a_partial_listing_are_not_removed() {
    use PolledListing::{Part, Whole};
    let answers = [Whole(vec![(1, 1), (2, 1)]), Part(vec![(2, 2)]), Part(vec![]), Whole(vec![(1, 1), (2, 2)])];
    let (history, _) = watched(&Prepared::new(answers));
    assert_eq!(changes(&history), [("added", "test/001"), ("added", "test/002"), ("updated", "test/002")]);
    assert_eq!(history.count("error"), 1);
}

#[test]
fn a_source_that_never_worked_is_not_retried_for_ever() {
    let (history, ended) = watched(&Prepared::new([PolledListing::Failure, PolledListing::Whole(vec![(1, 1)])]));
    assert_eq!(ended.unwrap().to_string(), "cannot ask the harbour master");
    assert_eq!(history.changes.len(), 0);
}
