//! What a source said last.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::catalog::Set;
use crate::model::{DetailLevel, PartialError, Update, UpdateSink};

/// What a source said last.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportView {
    /// Its services as far as they are known.
    pub(super) services: Set,
    /// Whether the set was complete once since the source was last reached anew: what it lacks is gone then.
    pub(super) is_whole: bool,
    /// Why the source cannot be read now.
    pub(super) stale: Option<PartialError>,
    /// The parts that could not be read.
    pub(super) faults: Vec<PartialError>,
    /// When it replied last.
    pub(super) answered: Option<Instant>,
}

/// Takes the updates of a source; the other end reads them at its own pace.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportFeed(Arc<FeedState>);

#[derive(Debug, Default)]
struct FeedState {
    view: Mutex<ImportView>,
    changed: Notify,
}

/// The most errors that are kept.
const MAX_FAULTS: usize = 16;

impl ImportFeed {
    pub(super) fn view(&self) -> ImportView {
        self.0.view.lock().clone()
    }

    /// Waits until something came since the last call.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

impl ImportView {
    fn apply(&mut self, updates: Vec<Update>) {
        let has_reset = updates.iter().any(|update| matches!(update, Update::Reset(_)));
        let has_fault = updates.iter().any(|update| matches!(update, Update::PartialError(_)));
        if has_reset {
            self.faults.clear();
            self.is_whole = !has_fault;
        }

        for update in updates {
            match update {
                // What a part that cannot be read would have is missing from the list.
                Update::Reset(services) if has_fault => {
                    for service in services {
                        self.services.apply(Update::Upsert(service));
                    }
                }
                Update::PartialError(error) => {
                    if self.faults.len() < MAX_FAULTS && !self.faults.contains(&error) {
                        self.faults.push(error);
                    }
                }
                update => drop(self.services.apply(update)),
            }
        }
    }
}

impl UpdateSink for ImportFeed {
    fn detail_level(&self) -> DetailLevel {
        DetailLevel::Names
    }

    fn apply(&mut self, updates: Vec<Update>) {
        let mut view = self.0.view.lock();
        view.apply(updates);
        view.stale = None;
        view.answered = Some(Instant::now());
        drop(view);
        self.0.changed.notify_one();
    }

    fn apply_derived(&mut self, updates: Vec<Update>) {
        self.0.view.lock().apply(updates);
        self.0.changed.notify_one();
    }

    fn mark_stale(&mut self, error: PartialError) {
        self.0.view.lock().stale = Some(error);
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Endpoint, RawDetail, Service, Transport};

    fn service(name: &str) -> Service {
        let endpoint = Endpoint::new(Address::Ip([10, 0, 0, 1].into()), Some(80), Transport::Tcp);
        Service::new(name, "consul", vec![endpoint], RawDetail(serde_json::Value::Null)).erase()
    }

    fn fault() -> PartialError {
        PartialError { operation: "read web".to_owned(), cause: "timeout".to_owned(), hint: String::new() }
    }

    fn names(feed: &ImportFeed) -> Vec<String> {
        feed.view().services.iter().map(|service| service.id.to_string()).collect()
    }

    /// A list that lacks a part removes nothing; one without an error removes what it lacks.
    #[test]
    fn an_incomplete_list_removes_nothing() {
        let mut feed = ImportFeed::default();
        feed.apply(vec![Update::Reset(vec![service("api"), service("web")])]);
        assert!(feed.view().is_whole);

        feed.apply(vec![Update::Reset(vec![service("api")]), Update::PartialError(fault())]);
        assert_eq!((names(&feed), feed.view().is_whole), (vec!["api".to_owned(), "web".to_owned()], false));
        assert_eq!(feed.view().faults, [fault()]);

        feed.apply(vec![Update::Reset(vec![service("api")])]);
        assert_eq!((names(&feed), feed.view().is_whole), (vec!["api".to_owned()], true));
        assert!(feed.view().faults.is_empty());
    }

    #[test]
    fn a_source_that_is_away_keeps_its_services() {
        let mut feed = ImportFeed::default();
        feed.apply(vec![Update::Reset(vec![service("web")])]);
        feed.mark_stale(fault());
        assert_eq!((names(&feed), feed.view().stale), (vec!["web".to_owned()], Some(fault())));

        feed.apply(Vec::new());
        assert_eq!(feed.view().stale, None);
    }
}
