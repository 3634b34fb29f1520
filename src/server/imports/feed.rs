//! What a source said last.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::faults::ImportFaults;
use crate::catalog::Set;
use crate::model::{DetailLevel, PartialError, Service, Update, UpdateSink};

/// What a source said last.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportView {
    /// Its services as far as they are known.
    pub(super) services: Set,
    /// Whether the set was complete once since the source was last reached anew: what it lacks is gone then.
    pub(super) is_whole: bool,
    /// Why the source cannot be read now.
    pub(super) stale: Option<PartialError>,
    /// The parts that cannot be read now.
    pub(super) faults: ImportFaults,
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
        let mut begins_anew = false;
        let errors: Vec<PartialError> = updates.iter().filter_map(error).cloned().collect();
        for update in updates {
            match update {
                Update::Reset(services) => {
                    begins_anew = true;
                    self.reset(services, &errors);
                }
                Update::PartialError(error) => self.faults.add(error, begins_anew),
                Update::Recovered(operation) => self.faults.remove(&operation),
                update => {
                    self.faults.list(&update);
                    drop(self.services.apply(update));
                }
            }
        }

        if let Some(unlisted) = self.faults.take_unlisted() {
            self.is_whole = true;
            for id in &unlisted {
                self.services.remove(id.as_raw());
            }
        }
    }

    /// Takes a new list. What a part that cannot be read would have is missing from it.
    fn reset(&mut self, services: Vec<Service>, errors: &[PartialError]) {
        self.is_whole = errors.is_empty();
        let known = self.services.iter().map(|service| service.id.clone()).collect();
        for id in self.faults.begin(errors, known, &services) {
            self.services.remove(id.as_raw());
        }
        for service in services {
            drop(self.services.apply(Update::Upsert(service)));
        }
    }
}

fn error(update: &Update) -> Option<&PartialError> {
    match update {
        Update::PartialError(error) => Some(error),
        _ => None,
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
    use crate::model::{Address, Endpoint, RawDetail, ServiceId, Transport};
    use crate::server::imports::faults::MAX_FAULTS;

    fn service(name: &str) -> Service {
        let endpoint = Endpoint::new(Address::Ip([10, 0, 0, 1].into()), Some(80), Transport::Tcp);
        Service::new(name, "consul", vec![endpoint], RawDetail(serde_json::Value::Null)).erase()
    }

    fn fault_of(name: &str) -> PartialError {
        PartialError { operation: format!("read {name}"), cause: "timeout".to_owned(), hint: String::new() }
    }

    fn fault() -> PartialError {
        fault_of("web")
    }

    fn recovered(name: &str) -> Update {
        Update::Recovered(format!("read {name}"))
    }

    fn faults(feed: &ImportFeed) -> Vec<String> {
        feed.view().faults.iter().map(|fault| fault.operation.clone()).collect()
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
        assert_eq!(faults(&feed), ["read web"]);

        feed.apply(vec![Update::Reset(vec![service("api")])]);
        assert_eq!((names(&feed), feed.view().is_whole), (vec!["api".to_owned()], true));
        assert!(faults(&feed).is_empty());
    }

    /// A part that can be read again completes the list that lacked it: what that list did not have either is gone.
    #[test]
    fn a_list_is_complete_when_the_parts_that_it_lacks_can_be_read() {
        let mut feed = ImportFeed::default();
        feed.apply(vec![Update::Reset(vec![service("api"), service("db"), service("old"), service("web")])]);
        let lacking = [fault_of("web"), fault_of("db")].map(Update::PartialError);
        feed.apply(std::iter::once(Update::Reset(vec![service("api")])).chain(lacking).collect());

        feed.apply(vec![Update::Upsert(service("web")), recovered("web")]);
        assert_eq!(
            (names(&feed), feed.view().is_whole),
            (["api", "db", "old", "web"].map(str::to_owned).to_vec(), false)
        );
        assert_eq!(faults(&feed), ["read db"]);

        // The error of a part that the list had does not make it incomplete.
        feed.apply_derived(vec![Update::PartialError(fault_of("api"))]);
        feed.apply(vec![recovered("db")]);
        assert_eq!((names(&feed), feed.view().is_whole), (["api", "web"].map(str::to_owned).to_vec(), true));
        assert_eq!(faults(&feed), ["read api"]);

        feed.apply(vec![Update::Remove(ServiceId::from("api")), recovered("api"), recovered("unknown")]);
        assert_eq!((names(&feed), faults(&feed)), (vec!["web".to_owned()], Vec::new()));
    }

    /// A part that could never be read keeps nothing that the source no longer lists.
    #[test]
    fn an_error_that_lasts_keeps_only_what_was_known_before_it() {
        let mut feed = ImportFeed::default();
        feed.apply(vec![Update::Reset(vec![service("web")])]);
        feed.apply(vec![Update::Reset(vec![service("api"), service("old")]), Update::PartialError(fault())]);
        assert_eq!(names(&feed), ["api", "old", "web"]);

        feed.apply(vec![Update::Reset(vec![service("api")]), Update::PartialError(fault())]);
        assert_eq!((names(&feed), feed.view().is_whole), (vec!["api".to_owned(), "web".to_owned()], false));
        feed.apply(vec![
            Update::Reset(vec![service("api")]),
            Update::PartialError(fault()),
            Update::PartialError(fault_of("db")),
        ]);
        feed.apply(vec![recovered("web"), recovered("db")]);
        assert_eq!((names(&feed), feed.view().is_whole), (vec!["api".to_owned()], true));
    }

    /// Errors that are not kept one by one hold until the next list.
    #[test]
    fn more_errors_than_are_kept_hold_until_the_next_list() {
        let mut feed = ImportFeed::default();
        let many = (0..=MAX_FAULTS).map(|at| Update::PartialError(fault_of(&at.to_string())));
        feed.apply(std::iter::once(Update::Reset(Vec::new())).chain(many).collect());
        feed.apply((0..=MAX_FAULTS).map(|at| recovered(&at.to_string())).collect());
        assert_eq!((feed.view().faults.count(), feed.view().is_whole), (1, false));

        feed.apply(vec![Update::Reset(Vec::new())]);
        assert_eq!((feed.view().faults.count(), feed.view().is_whole), (0, true));
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
