//! What goes into a listing, and what comes out of it.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;

use super::Source;
use crate::engine::Cancel;
use crate::error::Result;
use crate::model::{Completeness, Coverage, DetailLevel, Listing, PartialError, ScannedHost, Service};

/// What [`Source::list`] returns.
pub type ListFuture<'a> = Pin<Box<dyn Future<Output = Result<Completeness>> + Send + 'a>>;

/// What the caller of [`Source::list`] wants.
#[derive(Clone, Default)]
pub struct ListContext {
    /// How much of each service is needed. A source reads nothing beyond it.
    pub detail_level: DetailLevel,
    /// Set when nothing more is wanted. A source looks at it now and then, and stops.
    pub cancel: Cancel,
    /// Whether each service is wanted as soon as it is found, in any order. Otherwise a source that finds them over time
    /// hands them over sorted, at its end.
    pub streaming: bool,
    /// Asks the user a question; `None` where there is no user to ask.
    pub confirm: Option<Arc<Confirm>>,
}

/// Asks a yes-or-no question. It may block for as long as the user thinks.
pub type Confirm = dyn Fn(&str) -> bool + Send + Sync;

impl ListContext {
    /// Whether to go on with what the user should confirm first. Without a user to ask: no.
    pub fn confirm(&self, question: &str) -> bool {
        self.confirm.as_ref().is_some_and(|confirm| confirm(question))
    }
}

impl fmt::Debug for ListContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detail_level, cancel, streaming, .. } = self;
        let mut all = f.debug_struct("ListContext");
        all.field("detail_level", detail_level).field("cancel", cancel).field("streaming", streaming);
        all.finish_non_exhaustive()
    }
}

/// What a source hands over while it lists.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ListItem {
    /// A service.
    Service(Service),
    /// A part could not be read: nothing is known of what is in it.
    PartialError(PartialError),
    /// Something could not be seen of the services, because a permission is missing.
    MissingPermission(PartialError),
    /// A sentence about the whole listing, for people: how much was looked at.
    Note(String),
    /// How far the work has come. A source that takes long says it several times a second; what was handed over until then
    /// should be shown by now.
    Progress(Progress),
    /// Which addresses and ports this listing covers; it says nothing about any other.
    Coverage(Coverage),
    /// How many ports of each host were found in which state.
    Hosts(Vec<ScannedHost>),
}

/// Takes what a source finds.
pub trait ItemSink: Send {
    /// Takes an item. `Break`: nothing more is wanted, and the source hands over no more services.
    fn accept(&mut self, item: ListItem) -> ControlFlow<()>;
}

impl<F: FnMut(ListItem) -> ControlFlow<()> + Send> ItemSink for F {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        self(item)
    }
}

/// The items by name, for sources. Where something other than a service is handed over, a `Break` is heard with the next
/// service, or by the token.
impl dyn ItemSink + '_ {
    /// Hands a service over. `Break`: nothing more is wanted.
    pub fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.accept(ListItem::Service(service))
    }

    /// Reports a part that could not be read.
    pub fn partial_error(&mut self, error: PartialError) {
        let _ = self.accept(ListItem::PartialError(error));
    }

    /// Reports what could not be seen of the services because a permission is missing.
    pub fn missing_permission(&mut self, error: PartialError) {
        let _ = self.accept(ListItem::MissingPermission(error));
    }

    /// Adds a sentence about the whole listing.
    pub fn note(&mut self, note: String) {
        let _ = self.accept(ListItem::Note(note));
    }

    /// Reports how far the work has come.
    pub fn progress(&mut self, progress: Progress) {
        let _ = self.accept(ListItem::Progress(progress));
    }
}

/// How far a source's work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done, in the source's own units.
    pub done: u64,
    /// What there is to do.
    pub total: u64,
    /// Services handed over.
    pub found: u64,
}

/// Lists everything that a source knows, in full detail.
///
/// # Errors
/// As [`Source::list`].
pub async fn collect(source: &dyn Source) -> Result<Listing> {
    let mut listing = Listing::default();
    listing.completeness = source.list(&ListContext::default(), &mut listing).await?;
    Ok(listing)
}

impl ItemSink for Listing {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match item {
            ListItem::Service(service) => self.services.push(service),
            ListItem::PartialError(error) => self.errors.push(error),
            ListItem::MissingPermission(error) => self.limits.push(error),
            ListItem::Note(_) | ListItem::Progress(_) | ListItem::Coverage(_) | ListItem::Hosts(_) => {}
        }
        ControlFlow::Continue(())
    }
}
