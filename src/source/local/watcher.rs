//! State of the local watcher: notices changes of the socket tables, searches owners on another thread, and reports both.
//!
//! A poll costs a few hundred microseconds and happens every interval. Reading the descriptors of all processes costs a
//! hundred times as much, so `owner_search.rs` does that at its own pace; `noticed.rs` decides what to report.

mod tables;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use foldhash::fast::FixedState;
use tokio::time::{Instant, timeout_at};

use self::tables::{TableState, clear_measurements};
use super::holders::{HolderChanges, HolderTable};
use super::list::SelectedSockets;
use super::noticed::{Action, NoticedServices, ReportDelay, ServiceSockets};
use super::options::Local;
use super::owner_search::{FoundOwners, FoundReceiver, OwnerSearch, SearchKind, SearchRequest, SearchedService};
use super::owners::Attribution;
use super::published::LIST_PUBLISHED;
use super::rows::{RowBuilder, id_of};
use super::select::Selection;
use super::short_lived::{LocalEndpoint, ShortLived, StartTime};
use super::socket::{Socket, SocketQuery};
use super::tables::Namespace;
use super::trace::Trace;
use super::users::Users;
use crate::error::{Error, Result};
use crate::model::{
    Address, DetailLevel, LocalDetail, OwnerLookup, PartialError, Service, ServiceId, SocketState, Transport, Update,
};

/// Searching all owners again takes at most 1/N of one core.
const FULL_SHARE: u32 = 10_000;
/// How long the first report waits for owners,
const FIRST_REPORT_DELAY: Duration = Duration::from_secs(10);
/// and each later one: a tenth of the interval within these bounds, but no longer than the interval.
const REPORT_DELAY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(100));

/// The last known state, and the means to notice that it changed.
pub(super) struct SocketWatcher<'q> {
    query: &'q Local,
    depth: DetailLevel,
    tables: TableState,
    noticed: NoticedServices,
    /// The sockets of the last poll that found a change.
    listed: SelectedSockets,
    /// Their addresses.
    ends: HashSet<LocalEndpoint, FixedState>,
    holders: HolderTable,
    /// `None` without the permission for it; then one poll an interval has to do.
    trace: Option<Trace>,
    short_lived: ShortLived,
    /// `None`: no owners are requested.
    search: Option<OwnerSearch>,
    /// When the next search of all owners is due; `None`: it runs.
    full: Option<Instant>,
}

impl<'q> SocketWatcher<'q> {
    /// Starts the trace, where that is permitted, and the search for owners.
    ///
    /// # Errors
    /// If there is no thread for the search.
    pub(super) fn new(
        query: &'q Local,
        depth: DetailLevel,
        interval: Duration,
    ) -> Result<(Self, Option<FoundReceiver>)> {
        let wanted = query.wanted(depth);
        // Otherwise a trace has nothing to report.
        let is_traceable = wanted.tcp && wanted.listen && !query.all_netns;
        let needs_owners = query.needs_owners(depth);
        let (search, found) = if needs_owners {
            let (search, found) = OwnerSearch::start(query.needs_all_facts(depth), query.runtime)?;
            (Some(search), Some(found))
        } else {
            (None, None)
        };

        let later = (interval / 10).clamp(REPORT_DELAY.0, REPORT_DELAY.1).min(interval);
        let watcher = Self {
            query,
            depth,
            tables: TableState::default(),
            noticed: NoticedServices::new(ReportDelay { first: FIRST_REPORT_DELAY, later }, needs_owners),
            listed: SelectedSockets::default(),
            ends: HashSet::default(),
            holders: HolderTable::default(),
            trace: is_traceable.then(|| Trace::begin().ok()).flatten(),
            short_lived: ShortLived::default(),
            search,
            full: Some(Instant::now()),
        };
        Ok((watcher, found))
    }

    /// The first poll, which waits for the owners for a while.
    pub(super) async fn first(&mut self, found: &mut Option<FoundReceiver>) -> Result<Vec<Update>> {
        let mut updates = self.read(SearchKind::First)?;
        while let (Some(found), Some(due)) = (&mut *found, self.noticed.next_report()) {
            match timeout_at(due, next_found(Some(found))).await {
                Ok(result) => updates.extend(self.take_found(result?)?),
                Err(_) => updates.extend(self.take_due()),
            }
        }

        let mut services = Vec::new();
        updates.retain(|update| match update {
            Update::Upsert(service) => {
                services.retain(|known: &Service| known.id != service.id);
                services.push(service.clone());
                false
            }
            Update::Remove(id) => {
                services.retain(|known| known.id != *id);
                false
            }
            Update::Reset(_) | Update::PartialError(_) | Update::Recovered(_) => true,
        });
        updates.insert(0, Update::Reset(services));
        Ok(updates)
    }

    /// Whether something listened there at the last poll.
    pub(super) fn has(&self, end: LocalEndpoint) -> bool {
        self.ends.contains(&end)
    }

    /// Waits until the trace may have events.
    pub(super) async fn trace_ready(&self) -> std::io::Result<()> {
        match &self.trace {
            Some(trace) => trace.ready().await,
            None => std::future::pending().await,
        }
    }

    /// Continues without a trace.
    pub(super) fn stop_trace(&mut self) {
        self.trace = None;
        self.include_tcp();
    }

    /// Makes the next poll include TCP.
    pub(super) fn include_tcp(&mut self) {
        self.tables.include_tcp();
    }

    /// The updates that follow from the trace events since the last call. The next poll checks what ended.
    pub(super) fn take_trace_updates(&mut self) -> Vec<Update> {
        self.trace_updates(StartTime::Since)
    }

    fn trace_updates(&mut self, begun: StartTime) -> Vec<Update> {
        let Some(trace) = &mut self.trace else { return Vec::new() };
        let Ok(batch) = trace.take_events() else {
            self.stop_trace();
            return Vec::new();
        };
        if batch.listeners.is_empty() && !batch.lost {
            return Vec::new();
        }

        // Also for events of another namespace: a thread there may have a socket of ours.
        self.tables.include_tcp();
        let query = self.query;
        let selection = Selection::new(query, &Users::read()).ok();
        // Filters on processes and interfaces need a poll.
        let by_address = query.process.is_none() && query.user.is_none() && query.interface.is_none() && !query.exposed;
        let selection = selection.as_ref().filter(|_| by_address);
        let traced = self.short_lived.take(trace, batch.listeners, begun, |end| is_selected(selection, end));

        let mut updates = Vec::new();
        for update in traced {
            match update {
                Update::Remove(id) => {
                    let actions = self.noticed.ended(&id);
                    if actions.is_empty() {
                        updates.push(Update::Remove(id));
                    } else {
                        self.tables.forget();
                        updates.extend(self.carry_out(actions, SearchKind::New));
                    }
                }
                other => updates.push(other),
            }
        }
        updates.extend(batch.lost.then(lost).map(Update::PartialError));
        updates
    }

    /// Whether a listener was traced that no poll has found.
    pub(super) fn is_waiting(&self) -> bool {
        self.short_lived.is_waiting()
    }

    /// The updates for listeners that were traced and that no poll will ever find.
    pub(super) fn settle(&mut self) -> Vec<Update> {
        self.short_lived.settle()
    }

    /// Compares the tables with the last known state and returns the differences.
    pub(super) fn poll(&mut self) -> Result<Vec<Update>> {
        if self.short_lived.is_waiting() {
            self.include_tcp();
        }
        self.short_lived.begin_poll();
        self.search_again();

        let wanted = SocketQuery { connections: false, ..self.query.wanted(self.depth) };
        match self.tables.compare(&wanted, self.query.all_netns, self.trace.is_some()) {
            Some(faults) => Ok(faults.into_iter().map(Update::PartialError).collect()),
            None => self.read(SearchKind::New),
        }
    }

    /// Searches owners again whose processes have changed, and now and then all of them.
    fn search_again(&mut self) {
        let HolderChanges { services, children, inherited } = self.holders.check();
        if !services.is_empty() {
            let actions = self.noticed.holders_changed(&services);
            self.carry_out(actions, SearchKind::Again);
        }
        if let Some(search) = self.search.as_ref().filter(|_| !children.is_empty()) {
            let services = self.noticed.holders_changed(&inherited).into_iter();
            let services = services.filter_map(|action| self.searched(action)).collect();
            search.request(SearchRequest { kind: SearchKind::Children, services, named: children });
        }

        let is_due = self.full.is_some_and(|full| full <= Instant::now());
        if is_due && self.search.is_some() && !self.noticed.is_empty() {
            let actions = self.noticed.everything();
            self.carry_out(actions, SearchKind::Everything);
        }
    }

    /// Reads the tables. The owners of new services are searched in the given way.
    fn read(&mut self, kind: SearchKind) -> Result<Vec<Update>> {
        let users = Users::read();
        let tables = self.query.read_tables(self.depth);
        self.tables.record(&tables.sockets);
        let mut selected = SelectedSockets::select(self.query, tables, &users)?;
        let faults = std::mem::take(&mut selected.faults);
        // Which ports are published is then unknown, and not what listens.
        let has_all_published = !faults.iter().any(|fault| fault.operation == LIST_PUBLISHED);
        if !has_all_published {
            selected.keep_published(&self.listed);
        }
        let is_complete =
            faults.iter().all(|fault| selected.limits.contains(fault) || fault.operation == LIST_PUBLISHED);
        let services = group(&selected);
        self.ends = services.values().flatten().filter_map(end).collect();
        let listening = services.values().flatten().filter(|socket| socket.state == SocketState::Listen);
        self.short_lived.record_poll(listening.filter_map(end));

        let actions = self.noticed.listed(services, is_complete, Instant::now());
        let is_end = |action: &Action| matches!(action, Action::End { .. });
        let (ends, others): (Vec<_>, Vec<_>) = actions.into_iter().partition(is_end);
        // What has ended is in the tables of the last poll.
        let mut updates = self.carry_out(ends, kind);
        self.listed = selected;
        updates.extend(self.carry_out(others, kind));
        updates.extend(self.trace_updates(StartTime::Perhaps));
        updates.extend(faults.into_iter().map(Update::PartialError));
        Ok(updates)
    }

    /// The updates that follow from what the search has found.
    ///
    /// # Errors
    /// As for a poll.
    pub(super) fn take_found(&mut self, found: FoundOwners) -> Result<Vec<Update>> {
        // A socket that is being closed has no holder. Its known state holds until its end.
        let is_closing = found.owners.iter().any(|(_, _, owner)| owner.status == OwnerLookup::NotFound);
        let mut updates = if is_closing { self.read(SearchKind::New)? } else { Vec::new() };

        let mut actions = Vec::new();
        for (id, version, owner) in found.owners {
            actions.extend(self.noticed.attributed(&id, version, owner, found.is_final));
        }
        updates.extend(self.carry_out(actions, SearchKind::New));

        if let Some(cost) = found.everything {
            self.full = Some(Instant::now() + cost * FULL_SHARE);
        }
        updates.extend(found.fault.map(Update::PartialError));
        Ok(updates)
    }

    /// When the next report is due whose owner is pending.
    pub(super) fn next_report(&self) -> Option<Instant> {
        self.noticed.next_report()
    }

    /// The reports that are due.
    pub(super) fn take_due(&mut self) -> Vec<Update> {
        let actions = self.noticed.due(Instant::now());
        self.carry_out(actions, SearchKind::New)
    }

    /// The service that an action wants to be searched.
    fn searched(&self, action: Action) -> Option<SearchedService> {
        let Action::Search { id, version } = action else { return None };
        let sockets = self.noticed.sockets(&id).to_vec();
        Some(SearchedService { id, version, sockets })
    }

    fn carry_out(&mut self, actions: Vec<Action>, kind: SearchKind) -> Vec<Update> {
        let mut wanted = Vec::new();
        let mut reports = HashSet::new();
        let mut ends = Vec::new();
        for action in actions {
            match action {
                Action::Search { .. } => wanted.extend(self.searched(action)),
                Action::Report(id) => _ = reports.insert(id),
                Action::End { id, untold } => {
                    if untold {
                        reports.insert(id.clone());
                    }
                    ends.push(id);
                }
            }
        }

        if let Some(search) = self.search.as_ref().filter(|_| !wanted.is_empty()) {
            if matches!(kind, SearchKind::First | SearchKind::Everything) {
                self.full = None;
            }
            search.request(SearchRequest { kind, services: wanted, named: self.short_lived.openers() });
        }

        let mut updates = self.describe(&reports);
        for id in ends {
            self.holders.forget(id.as_raw());
            updates.push(Update::Remove(id));
        }
        updates
    }

    /// The updates with these services as they are now.
    fn describe(&mut self, ids: &HashSet<ServiceId>) -> Vec<Update> {
        if ids.is_empty() {
            return Vec::new();
        }
        let Self { query, depth, noticed, listed, holders, short_lived, .. } = self;
        let namespaces = &listed.namespaces;
        let is_wanted = |socket: &&Socket| ids.contains(id_of(socket, namespaces).as_str());
        let sockets: Vec<Socket> = listed.sockets.iter().filter(is_wanted).cloned().collect();
        let owner_of = |sockets: &[&Socket]| {
            let owner = sockets.first().and_then(|first| noticed.owner(&id_of(first, namespaces)));
            owner.cloned().unwrap_or_else(|| Attribution::without_processes(OwnerLookup::Pending))
        };

        let mut left = ids.clone();
        let mut updates = Vec::new();
        let builder = RowBuilder::new(query, *depth, Users::read(), namespaces);
        let (faults, _) = builder.rows(&sockets, &mut { owner_of }, &mut |mut service| {
            left.remove(&service.id);
            assign_opener(&mut service, noticed, short_lived);
            holders.note(&service);
            updates.push(Update::Upsert(service.erase()));
            ControlFlow::Continue(())
        });

        // What is held by no selected process.
        updates.extend(left.into_iter().map(Update::Remove));
        updates.extend(faults.into_iter().map(Update::PartialError));
        updates
    }
}

/// The next result of the search; never, if there is none.
pub(super) async fn next_found(found: Option<&mut FoundReceiver>) -> Result<FoundOwners> {
    match found {
        None => std::future::pending().await,
        Some(found) => match found.recv().await {
            Some(result) => result,
            None => {
                let why = std::io::Error::other("its thread ended");
                Err(Error::io("search the owners of sockets", why, "this is a bug in portolan: please report it"))
            }
        },
    }
}

/// Assigns the process that began to listen to a listener for which the search found no holder, or found none before its end.
/// A listener that is being closed has no holder any more.
fn assign_opener(service: &mut Service<LocalDetail>, noticed: &NoticedServices, short_lived: &ShortLived) {
    let is_unknown = match service.detail.owner {
        OwnerLookup::NotAsked => false,
        OwnerLookup::Pending => noticed.owner(service.id.as_raw()).is_none(),
        _ => true,
    };
    if !is_unknown || !service.detail.processes.is_empty() {
        return;
    }

    let at = service.endpoints.first().and_then(|endpoint| match endpoint.address {
        Address::Ip(ip) if endpoint.transport == Transport::Tcp => Some((ip, endpoint.port?)),
        _ => None,
    });
    if let Some(opener) = at.and_then(|at| short_lived.opener(at)) {
        opener.assign_to(service);
    }
}

/// Whether a listener there is selected, by its address alone.
fn is_selected(selection: Option<&Selection<'_>>, (ip, port): LocalEndpoint) -> bool {
    port != 0 && selection.is_some_and(|selection| selection.takes(&Socket::listening(ip, port), &Namespace::default()))
}

/// The kernel dropped events.
fn lost() -> PartialError {
    PartialError {
        operation: "report every short-lived listener".to_owned(),
        cause: "the kernel dropped events, because too many came at once".to_owned(),
        hint: "the list of current listeners is complete".to_owned(),
    }
}

fn end(socket: &Socket) -> Option<LocalEndpoint> {
    match socket.address {
        Address::Ip(ip) => Some((ip, socket.port)),
        Address::Unix(_) | Address::Name(_) | Address::Other(_) => None,
    }
}

/// The sockets of each service.
fn group(selected: &SelectedSockets) -> ServiceSockets {
    let mut services = ServiceSockets::default();
    for socket in &selected.sockets {
        // The number of a namespace is valid for one poll only; its identity is in the id.
        let mut kept = Socket { netns: 0, ..socket.clone() };
        clear_measurements(&mut kept);
        services.entry(id_of(socket, &selected.namespaces).into()).or_default().push(kept);
    }

    // The kernel lists them in no stable order.
    for sockets in services.values_mut() {
        sockets.sort_unstable_by_key(|socket| socket.inode);
    }

    services
}
