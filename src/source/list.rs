//! The input and output of a listing.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;

use super::Source;
use crate::engine::Cancel;
use crate::error::Result;
use crate::model::{Completeness, Coverage, DetailLevel, Listing, PartialError, ScannedHost, Service, Transport};

/// What [`Source::list`] returns.
pub type ListFuture<'a> = Pin<Box<dyn Future<Output = Result<Completeness>> + Send + 'a>>;

/// The options of the caller of [`Source::list`].
#[derive(Clone, Default)]
pub struct ListContext {
    /// The requested detail. A source reads nothing beyond it.
    pub detail_level: DetailLevel,
    /// Set when the listing is cancelled. A source polls it now and then, and stops.
    pub cancel: Cancel,
    /// Whether to deliver each service as soon as it is found, in any order. Otherwise a source that finds them over time
    /// delivers them sorted, at its end.
    pub streaming: bool,
    /// Asks the user for confirmation; `None` if there is no user to ask.
    pub confirm: Option<Arc<Confirm>>,
    /// Open ports of an earlier listing. A scan that lists open ports only also reports which of them send no reply now.
    pub known_ports: Arc<KnownPorts>,
}

/// Ports by address, number and transport.
pub type KnownPorts = BTreeSet<(IpAddr, u16, Transport)>;

/// Asks a yes-or-no question. It may block until the user replies.
pub type Confirm = dyn Fn(&str) -> bool + Send + Sync;

impl ListContext {
    /// Whether the user confirms the question; `false` if there is no user to ask.
    pub fn confirm(&self, question: &str) -> bool {
        self.confirm.as_ref().is_some_and(|confirm| confirm(question))
    }
}

impl fmt::Debug for ListContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detail_level, cancel, streaming, known_ports, confirm: _ } = self;
        let mut all = f.debug_struct("ListContext");
        all.field("detail_level", detail_level).field("cancel", cancel).field("streaming", streaming);
        all.field("known_ports", known_ports).finish_non_exhaustive()
    }
}

/// An item that a source delivers while it lists.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ListItem {
    /// A service.
    Service(Service),
    /// One of the [`known_ports`](ListContext::known_ports) that is not listed, because no reply says whether it is open.
    Unanswered(Service),
    /// A part could not be read; its services are unknown.
    PartialError(PartialError),
    /// Some facts of the services could not be read, because a permission is missing.
    MissingPermission(PartialError),
    /// A sentence about the whole listing for the user, such as how much was examined.
    Note(String),
    /// Progress. A slow source reports it several times a second; everything delivered before it should be shown by then.
    Progress(Progress),
    /// The addresses and ports that this listing covers; all others are unknown.
    Coverage(Coverage),
    /// The number of ports of each host by state.
    Hosts(Vec<ScannedHost>),
    /// The number of hosts that did not reply to host discovery.
    AbsentHosts(u64),
}

/// Receives the items of a listing.
pub trait ItemSink: Send {
    /// Receives an item. `Break`: the source delivers no more services.
    fn accept(&mut self, item: ListItem) -> ControlFlow<()>;
}

impl<F: FnMut(ListItem) -> ControlFlow<()> + Send> ItemSink for F {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        self(item)
    }
}

/// One method per kind of item, for sources. A `Break` in reply to anything other than a service takes effect with the
/// next service, or through the token.
impl dyn ItemSink + '_ {
    /// Delivers a service. `Break`: the source delivers no more services.
    pub fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.accept(ListItem::Service(service))
    }

    /// Reports a part that could not be read.
    pub fn partial_error(&mut self, error: PartialError) {
        let _ = self.accept(ListItem::PartialError(error));
    }

    /// Reports facts that could not be read because a permission is missing.
    pub fn missing_permission(&mut self, error: PartialError) {
        let _ = self.accept(ListItem::MissingPermission(error));
    }

    /// Adds a sentence about the whole listing.
    pub fn note(&mut self, note: String) {
        let _ = self.accept(ListItem::Note(note));
    }

    /// Reports progress.
    pub fn progress(&mut self, progress: Progress) {
        let _ = self.accept(ListItem::Progress(progress));
    }
}

/// The progress of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Completed work, in the source's own units.
    pub done: u64,
    /// Total work.
    pub total: u64,
    /// Services delivered.
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
            ListItem::Unanswered(_)
            | ListItem::Note(_)
            | ListItem::Progress(_)
            | ListItem::Coverage(_)
            | ListItem::Hosts(_)
            | ListItem::AbsentHosts(_) => {}
        }
        ControlFlow::Continue(())
    }
}
