//! Lists of the whole registry that one of the APIs writes, each once for all clients that fetch it.

use std::sync::{Arc, Weak};

use axum::body::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::access::Scope;
use super::api_error::ApiResult;
use super::view::View;

/// The most lists that are kept: two formats for each of some scopes.
const MAX_LISTS: usize = 8;
/// Longer lists are written anew for each group of clients that wait for them: they would take the memory of the registry
/// again.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The lists of the last view that a client asked for. A heartbeat that changes nothing makes no other view, so that times of
/// renewals may be older in it.
#[derive(Debug, Default)]
pub(super) struct WrittenLists(Mutex<ListsOfView>);

#[derive(Debug, Default)]
struct ListsOfView {
    view: Weak<View>,
    lists: Vec<WrittenList>,
}

/// A list, which may still be being written.
#[derive(Clone, Debug)]
struct WrittenList {
    scope: Scope,
    format: &'static str,
    text: Arc<OnceCell<Bytes>>,
}

impl WrittenLists {
    /// The list as a caller may see it, which `write` writes if no other caller's is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) async fn get(
        &self,
        (view, scope): (&Arc<View>, &Scope),
        format: &'static str,
        write: impl Future<Output = ApiResult<Bytes>>,
    ) -> ApiResult<Bytes> {
        let text = self.0.lock().list(view, scope, format);
        let written = text.get_or_try_init(|| write).await?.clone();
        if written.len() > MAX_BYTES {
            self.0.lock().lists.retain(|list| !Arc::ptr_eq(&list.text, &text));
        }
        Ok(written)
    }
}

impl ListsOfView {
    /// The place of a list, which those who want the same share.
    fn list(&mut self, view: &Arc<View>, scope: &Scope, format: &'static str) -> Arc<OnceCell<Bytes>> {
        if !Weak::ptr_eq(&self.view, &Arc::downgrade(view)) {
            *self = Self { view: Arc::downgrade(view), lists: Vec::new() };
        }
        if let Some(known) = self.lists.iter().find(|list| list.format == format && list.scope == *scope) {
            return Arc::clone(&known.text);
        }

        let text = Arc::new(OnceCell::new());
        if self.lists.len() >= MAX_LISTS {
            self.lists.remove(0);
        }
        self.lists.push(WrittenList { scope: scope.clone(), format, text: Arc::clone(&text) });
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
        let known = lists.list(&first, &all, "json");
        assert!(Arc::ptr_eq(&known, &lists.list(&first, &all, "json")));
        for (view, scope, format) in [(&first, &shop, "json"), (&first, &all, "xml"), (&second, &all, "json")] {
            assert!(!Arc::ptr_eq(&known, &lists.list(view, scope, format)));
        }
        assert!(!Arc::ptr_eq(&known, &lists.list(&first, &all, "json")), "an older view is written again");

        for number in 0..MAX_LISTS * 2 {
            lists.list(&second, &Scope { services: vec![number.to_string()], ..Scope::default() }, "xml");
        }
        assert_eq!(lists.lists.len(), MAX_LISTS);
    }
}
