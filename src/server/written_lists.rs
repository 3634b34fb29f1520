//! Lists of the whole registry that the APIs write, each once for all clients that fetch it, and beside other requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use axum::body::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};

use super::access::Scope;
use super::api_error::{ApiError, ApiResult};
use super::view::View;

/// The most lists that are kept: a few for each of some scopes.
const MAX_LISTS: usize = 16;
/// Longer lists are written anew for each group of clients that wait for them: they would take the memory of the registry
/// again.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The lists of the last view that a client asked for. A heartbeat that changes nothing makes no other view, so that times of
/// renewals may be older in it.
#[derive(Debug)]
pub(super) struct WrittenLists {
    lists: Mutex<ListsOfView>,
    /// Half of the processors write lists at most: the other requests have the rest, however many lists clients ask for.
    writers: Arc<Semaphore>,
    written: AtomicU64,
}

#[derive(Debug, Default)]
struct ListsOfView {
    view: Weak<View>,
    lists: Vec<WrittenList>,
}

/// A list, which may still be being written.
#[derive(Clone, Debug)]
struct WrittenList {
    scope: Scope,
    name: String,
    text: Arc<OnceCell<Bytes>>,
}

impl Default for WrittenLists {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lists: Mutex::default(),
            writers: Arc::new(Semaphore::new((processors / 2).max(1))),
            written: AtomicU64::new(0),
        }
    }
}

impl WrittenLists {
    /// The list with this name as a caller may see it, which `write` writes if no other caller's is there. The name holds
    /// everything that the list depends on beside the view.
    ///
    /// # Errors
    /// What `write` returns; or it panicked.
    pub(super) async fn get(
        &self,
        (view, scope): (&Arc<View>, &Scope),
        name: String,
        write: impl FnOnce() -> ApiResult<Vec<u8>> + Send + 'static,
    ) -> ApiResult<Bytes> {
        let text = self.lists.lock().list(view, scope, name);
        let written = text.get_or_try_init(async || self.write(write).await?.map(Bytes::from));
        let written = written.await?.clone();

        if written.len() > MAX_BYTES {
            self.lists.lock().lists.retain(|list| !Arc::ptr_eq(&list.text, &text));
        }
        Ok(written)
    }

    /// How many lists were written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Does what may take long with a large registry, on a thread of its own.
    ///
    /// # Errors
    /// It panicked.
    pub(super) async fn write<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
        self.written.fetch_add(1, Ordering::Relaxed);
        // It is never closed, and the work holds the permit: its client may leave meanwhile.
        let permit = Arc::clone(&self.writers).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await
            .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the reply could not be written"))
    }
}

impl ListsOfView {
    /// The place of a list, which those who want the same share.
    fn list(&mut self, view: &Arc<View>, scope: &Scope, name: String) -> Arc<OnceCell<Bytes>> {
        if !Weak::ptr_eq(&self.view, &Arc::downgrade(view)) {
            *self = Self { view: Arc::downgrade(view), lists: Vec::new() };
        }
        if let Some(known) = self.lists.iter().find(|list| list.name == name && list.scope == *scope) {
            return Arc::clone(&known.text);
        }

        let text = Arc::new(OnceCell::new());
        if self.lists.len() >= MAX_LISTS {
            self.lists.remove(0);
        }
        self.lists.push(WrittenList { scope: scope.clone(), name, text: Arc::clone(&text) });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Rules, State};

    fn view() -> Arc<View> {
        Arc::new(View::new(State::new(Rules::default()).snapshot(), false))
    }

    #[test]
    fn a_list_is_shared_by_those_who_may_see_the_same_until_the_view_changes() {
        let (first, second) = (view(), view());
        let all = Scope::default();
        let shop = Scope { services: vec!["shop-".to_owned()], ..Scope::default() };
        let mut lists = ListsOfView::default();
        let known = lists.list(&first, &all, "json".to_owned());
        assert!(Arc::ptr_eq(&known, &lists.list(&first, &all, "json".to_owned())));
        for (view, scope, format) in [(&first, &shop, "json"), (&first, &all, "xml"), (&second, &all, "json")] {
            assert!(!Arc::ptr_eq(&known, &lists.list(view, scope, format.to_owned())));
        }
        assert!(!Arc::ptr_eq(&known, &lists.list(&first, &all, "json".to_owned())), "an older view is written again");

        for number in 0..MAX_LISTS * 2 {
            lists.list(&second, &Scope { services: vec![number.to_string()], ..Scope::default() }, "xml".to_owned());
        }
        assert_eq!(lists.lists.len(), MAX_LISTS);
    }

    #[tokio::test]
    async fn a_list_is_written_once_off_the_threads_of_requests_and_a_failure_is_not_kept() {
        let (lists, view, all) = (WrittenLists::default(), view(), Scope::default());
        let failed = lists.get((&view, &all), "a".to_owned(), || Err(ApiError::not_found("none"))).await;
        assert_eq!(failed.unwrap_err().status, StatusCode::NOT_FOUND);

        let requests = std::thread::current().id();
        let list = lists.get((&view, &all), "a".to_owned(), move || {
            assert_ne!(std::thread::current().id(), requests);
            Ok(b"1".to_vec())
        });
        assert_eq!(list.await.unwrap(), "1");
        assert_eq!(lists.get((&view, &all), "a".to_owned(), || unreachable!()).await.unwrap(), "1");
        assert_eq!(lists.written(), 2);
    }
}
