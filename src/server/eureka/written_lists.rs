//! The list of all applications, written once for all clients that fetch it.

use std::sync::{Arc, Weak};

use axum::body::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::applications::Applications;
use super::format::Format;
use super::on_own_thread;
use crate::server::access::Scope;
use crate::server::api_error::ApiResult;
use crate::server::scoped_view::ScopedView;
use crate::server::view::View;

/// The most lists that are kept: two formats for each of some scopes.
const MAX_LISTS: usize = 8;
/// Longer lists are written anew for each group of clients that wait for them: they would take the memory of the registry
/// again.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The lists of the last view that a client asked for. A heartbeat that changes nothing makes no other view, so that times of
/// renewals may be older in it.
#[derive(Debug, Default)]
pub(in crate::server) struct WrittenLists(Mutex<ListsOfView>);

#[derive(Debug, Default)]
struct ListsOfView {
    view: Weak<View>,
    lists: Vec<WrittenList>,
}

/// A list, which may still be being written.
#[derive(Clone, Debug)]
struct WrittenList {
    scope: Scope,
    format: Format,
    text: Arc<OnceCell<Bytes>>,
}

impl WrittenLists {
    /// The list of all applications as a caller may see them.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) async fn all(&self, view: &ScopedView, scope: &Scope, format: Format) -> ApiResult<Bytes> {
        let text = self.0.lock().list(view.registry(), scope, format);
        let written = text.get_or_try_init(|| write(view.clone(), format)).await?.clone();
        if written.len() > MAX_BYTES {
            self.0.lock().lists.retain(|list| !Arc::ptr_eq(&list.text, &text));
        }
        Ok(written)
    }
}

async fn write(view: ScopedView, format: Format) -> ApiResult<Bytes> {
    on_own_thread(move || Applications::all(&view).list(format)).await.map(Bytes::from)
}

impl ListsOfView {
    /// The place of a list, which those who want the same share.
    fn list(&mut self, view: &Arc<View>, scope: &Scope, format: Format) -> Arc<OnceCell<Bytes>> {
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
        let known = lists.list(&first, &all, Format::Json);
        assert!(Arc::ptr_eq(&known, &lists.list(&first, &all, Format::Json)));
        for (view, scope, format) in
            [(&first, &shop, Format::Json), (&first, &all, Format::Xml), (&second, &all, Format::Json)]
        {
            assert!(!Arc::ptr_eq(&known, &lists.list(view, scope, format)));
        }
        assert!(!Arc::ptr_eq(&known, &lists.list(&first, &all, Format::Json)), "an older view is written again");

        for number in 0..MAX_LISTS * 2 {
            lists.list(&second, &Scope { services: vec![number.to_string()], ..Scope::default() }, Format::Xml);
        }
        assert_eq!(lists.lists.len(), MAX_LISTS);
    }
}
