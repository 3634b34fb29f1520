//! The comparison as a source: its items are services that every format writes, and a watch reports their changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::columns::COLUMNS;
use super::item::SOURCE;
use super::look::LookOptions;
use super::{AllowList, Confirmation, DriftItem, DriftLook, HostFilter, RegistrySource, compare, kinds};
use crate::error::Result;
use crate::model::{
    Column, Completeness, DriftState, HostFacts, OwnerLookup, PartialError, Service, Timestamp, Update, UpdateSink,
};
use crate::net::runtime;
use crate::source::{ItemSink, ListContext, ListFuture, Local, Source, WatchFuture, list_blocking};

/// Compares registries with what listens on this machine and what replies.
#[derive(Clone, Debug)]
pub struct Drift {
    options: LookOptions,
    shows_all: bool,
    /// The last look of a listing.
    last: Arc<Mutex<DriftCounts>>,
}

/// The results of a listing by code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftCounts {
    /// The number of findings of each code.
    pub findings: BTreeMap<String, usize>,
    /// The number of addresses where everything agrees.
    pub agreeing: usize,
    /// The number of addresses for each reason why nothing can be said.
    pub unknown: BTreeMap<String, usize>,
}

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The interval of a watch.
const INTERVAL: Duration = Duration::from_secs(2);

impl Drift {
    /// Compares these registries with this machine.
    pub fn new(registries: Vec<RegistrySource>) -> Self {
        let options = LookOptions {
            registries,
            nodes: Vec::new(),
            hosts: Vec::new(),
            allow: AllowList::default(),
            timeout: CONNECT_TIMEOUT,
            identifies: true,
            bound: Arc::default(),
        };
        Self { options, shows_all: false, last: Arc::default() }
    }

    /// Compares only the registrations of these hosts.
    #[must_use]
    pub fn hosts(mut self, hosts: Vec<HostFilter>) -> Self {
        self.options.hosts = hosts;
        self
    }

    /// Further names of this machine as a node of registries, beside its host name.
    #[must_use]
    pub fn nodes(mut self, nodes: Vec<String>) -> Self {
        self.options.nodes = nodes;
        self
    }

    /// Listeners that need no registration.
    #[must_use]
    pub fn allow(mut self, allow: AllowList) -> Self {
        self.options.allow = allow;
        self
    }

    /// How long a connection may take; 1 second by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Whether to identify what replies, where a registration declares its protocol; on by default.
    #[must_use]
    pub fn identify(mut self, identifies: bool) -> Self {
        self.options.identifies = identifies;
        self
    }

    /// Whether to list also what agrees, and what nothing can be said of.
    #[must_use]
    pub fn show_all(mut self, shows_all: bool) -> Self {
        self.shows_all = shows_all;
        self
    }

    /// The results of the last listing.
    pub fn counts(&self) -> DriftCounts {
        self.last.lock().clone()
    }

    /// Looks once, and compares. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If this machine cannot be looked at.
    pub async fn look(&self) -> Result<(DriftLook, Vec<DriftItem>)> {
        let look = self.options.look().await?;
        let items = compare(&look.input);
        Ok((look, items))
    }

    fn shows(&self, item: &DriftItem) -> bool {
        self.shows_all || item.finding.is_some()
    }

    fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let runtime = runtime(0)?;
        let looked = runtime.block_on(context.cancel.run_until_cancelled(self.look()));
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();
        let Some(looked) = looked else { return Ok(Completeness::Incomplete) };
        let (look, items) = looked?;

        let counts = DriftCounts::of(&items);
        for note in counts.notes() {
            out.note(note);
        }
        *self.last.lock() = counts;
        let completeness = if look.is_complete() { Completeness::Complete } else { Completeness::Incomplete };
        let limits = if hides_owners(&items) { look.limits } else { Vec::new() };
        for error in look.errors {
            out.partial_error(error);
        }
        for limit in limits {
            out.missing_permission(limit);
        }

        let mut shown: Vec<DriftItem> = items.into_iter().filter(|item| self.shows(item)).collect();
        // Problems come before advice: a registry may have one piece of advice for each instance.
        shown.sort_by_key(|item| item.finding.as_ref().is_some_and(|finding| finding.code() == kinds::NO_CHECK.code));
        // After a `Break` there is nothing more to stop.
        let _ = shown.into_iter().map(DriftItem::into_service).try_for_each(|service| out.service(service));
        Ok(completeness)
    }

    /// Looks again and again; the first result follows the second look.
    async fn watch_into(&self, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
        let mut confirmation = Confirmation::default();
        self.add_look(&mut confirmation).await?;

        loop {
            sleep(interval).await;
            let (items, errors) = self.add_look(&mut confirmation).await?;
            let services: Vec<Service> = items.into_iter().map(DriftItem::into_service).collect();
            let errors = errors.into_iter().map(Update::PartialError);
            feed.apply(std::iter::once(Update::Reset(services)).chain(errors).collect());
        }
    }

    async fn add_look(&self, confirmation: &mut Confirmation) -> Result<(Vec<DriftItem>, Vec<PartialError>)> {
        let (look, items) = self.look().await?;
        let shown = items.into_iter().filter(|item| self.shows(item)).collect();
        Ok((confirmation.add(shown, &look.unread(), Timestamp::now()), look.errors))
    }
}

impl DriftLook {
    /// Whether everything was read.
    pub fn is_complete(&self) -> bool {
        self.input.listeners_complete && self.input.registries.iter().all(|view| view.complete)
    }

    /// The registries that could not be read completely. Without the listeners, nothing was.
    pub fn unread(&self) -> BTreeSet<usize> {
        let registries = self.input.registries.iter().enumerate();
        let unread = registries.filter(|(_, view)| !view.complete || !self.input.listeners_complete);
        unread.map(|(index, _)| index).collect()
    }
}

/// Whether a hidden owner matters to the result.
pub(super) fn hides_owners(items: &[DriftItem]) -> bool {
    let differing = items.iter().filter(|item| item.detail.state != DriftState::Agrees);
    let mut holders = differing.filter_map(|item| item.detail.holder.as_ref());
    holders.any(|holder| holder.owner == OwnerLookup::NoPermission)
}

impl DriftCounts {
    fn of(items: &[DriftItem]) -> Self {
        let mut counts = Self::default();
        for item in items {
            match (item.code(), item.detail.state) {
                (Some(code), _) => *counts.findings.entry(code.to_owned()).or_default() += 1,
                (None, DriftState::Agrees) => counts.agreeing += 1,
                (None, _) => {
                    let reason = item.detail.reason.as_ref().map(ToString::to_string).unwrap_or_default();
                    *counts.unknown.entry(reason).or_default() += 1;
                }
            }
        }

        counts
    }

    /// What agrees, and what nothing can be said of.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.agreeing > 0 {
            notes.push(format!("{}: registry and machine agree", addresses(self.agreeing)));
        }
        let unknown = self.unknown.iter();
        notes.extend(unknown.map(|(reason, count)| format!("cannot tell for {}: {reason}", addresses(*count))));
        notes
    }
}

fn addresses(count: usize) -> String {
    if count == 1 { "1 address".to_owned() } else { format!("{count} addresses") }
}

impl Source for Drift {
    fn name(&self) -> &'static str {
        SOURCE
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        // The look has a runtime of its own, which blocks its thread.
        let drift = self.clone();
        Box::pin(list_blocking(context, out, move |context, out| drift.list_into(context, out)))
    }

    fn host(&self) -> Option<HostFacts> {
        Local::default().host()
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move { self.watch_into(interval.unwrap_or(INTERVAL), feed).await })
    }
}
