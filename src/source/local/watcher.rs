//! State of the local watcher: detects changes by a fingerprint of the socket tables and resolves owners only for
//! changed sockets.
//!
//! A fingerprint costs a few hundred microseconds. Reading the descriptors of all processes costs a hundred times as
//! much, so that happens only when a socket is new, when one of the processes has changed, or rarely enough to keep its
//! share of the processor small.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

use foldhash::fast::FixedState;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::holders::HolderTable;
use super::interfaces::Interfaces;
use super::list::{SelectedSockets, describe};
use super::netlink::SockDiag;
use super::options::Local;
use super::rows::id_of;
use super::select::Selection;
use super::short_lived::{LocalEndpoint, ShortLived, StartTime};
use super::socket::{Socket, Wanted};
use super::tables::read_tables;
use super::trace::Trace;
use super::users::Users;
use crate::error::Result;
use crate::model::{
    Address, DetailLevel, LocalDetail, OwnerLookup, PartialError, Service, ServiceId, SocketState, Transport, Update,
};

/// A full poll takes at most 1/N of one core.
const FULL_SHARE: u32 = 10_000;
/// Number of fingerprints in a row that leave TCP out while a trace is active and silent: each would make the kernel go
/// through its table of listeners, which is more than half of the cost of watching a thousand of them.
const WITHOUT_TCP: u32 = 9;

/// The last known state, and the means to notice that it changed.
pub(super) struct SocketWatcher<'q> {
    query: &'q Local,
    depth: DetailLevel,
    /// The connection to the kernel for fingerprints; `None`: not open.
    diag: Option<SockDiag>,
    /// The last fingerprints of the TCP table and of the others; `None`: not taken yet.
    fingerprints: [Option<u64>; 2],
    /// How many more fingerprints may leave TCP out.
    without_tcp: u32,
    /// The last tables, to compare where no fingerprint is possible; `None`: unknown.
    table: Option<Vec<Socket>>,
    /// The sockets of each service, by its id.
    services: HashMap<ServiceId, Vec<Socket>, FixedState>,
    /// The addresses of those sockets.
    ends: HashSet<LocalEndpoint, FixedState>,
    holders: HolderTable,
    /// `None` without the permission for it; then one poll an interval has to do.
    trace: Option<Trace>,
    short_lived: ShortLived,
    /// When the next full poll is due.
    full: Instant,
}

impl<'q> SocketWatcher<'q> {
    /// Starts the trace, where that is permitted.
    pub(super) fn new(query: &'q Local, depth: DetailLevel) -> Self {
        let wanted = query.wanted(depth);
        // Otherwise a trace has nothing to report.
        let is_traceable = wanted.tcp && wanted.listen && !query.all_netns;
        Self {
            query,
            depth,
            diag: None,
            fingerprints: [None; 2],
            without_tcp: 0,
            table: None,
            services: HashMap::default(),
            ends: HashSet::default(),
            holders: HolderTable::default(),
            trace: is_traceable.then(|| Trace::begin().ok()).flatten(),
            short_lived: ShortLived::default(),
            full: Instant::now(),
        }
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
        self.without_tcp = 0;
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
        self.without_tcp = 0;
        let lost = batch.lost.then(lost);
        let query = self.query;
        let selection = Selection::new(query, &Users::read()).ok();
        // Filters on processes and interfaces need a poll.
        let by_address = query.process.is_none() && query.user.is_none() && query.interface.is_none() && !query.exposed;
        let selection = selection.as_ref().filter(|_| by_address);
        let updates = self.short_lived.take(trace, batch.listeners, begun, |end| is_selected(selection, end));

        for update in &updates {
            if let Update::Remove(id) = update
                && self.services.remove(id).is_some()
            {
                (self.fingerprints, self.table) = ([None; 2], None);
            }
        }

        updates.into_iter().chain(lost.map(Update::PartialError)).collect()
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
        if Instant::now() >= self.full {
            return self.poll_everything();
        }

        let wanted = Wanted { connections: false, ..self.query.wanted(self.depth) };
        let changed = self.holders.changed();
        if self.unchanged(&wanted) && changed.is_empty() {
            return Ok(Vec::new());
        }

        let mut tables = read_tables(&wanted, false, self.query.all_netns);
        tables.sockets.iter_mut().for_each(clear_measurements);
        if self.table.as_ref() == Some(&tables.sockets) && changed.is_empty() {
            return Ok(unexpected_errors(&tables.faults, &tables.limits).map(Update::PartialError).collect());
        }

        self.table = Some(tables.sockets);
        self.resolve_changes(Some(&changed))
    }

    /// Whether the fingerprints are the same as before; `false` also if there are none.
    fn unchanged(&mut self, wanted: &Wanted) -> bool {
        if self.query.all_netns {
            return false;
        }

        let tcp = Wanted { udp: false, unix: false, ..*wanted };
        let others = Wanted { tcp: false, ..*wanted };
        let with_tcp = self.without_tcp == 0;
        self.without_tcp = match &self.trace {
            Some(_) if with_tcp => WITHOUT_TCP,
            Some(_) => self.without_tcp - 1,
            None => 0,
        };

        let before = self.fingerprints;
        if with_tcp {
            self.fingerprints[0] = self.fingerprint(&tcp);
        }
        self.fingerprints[1] = self.fingerprint(&others);
        self.fingerprints == before && self.fingerprints.iter().all(Option::is_some)
    }

    /// The fingerprint of the wanted tables.
    fn fingerprint(&mut self, wanted: &Wanted) -> Option<u64> {
        let mut diag = self.diag.take().or_else(|| SockDiag::open().ok())?;
        // After a failure the rest of a reply may still come, so the connection is not used again.
        let fingerprint = diag.fingerprint(wanted).ok();
        self.diag = fingerprint.is_some().then_some(diag);
        fingerprint
    }

    fn poll_everything(&mut self) -> Result<Vec<Update>> {
        let spent = processor_time();
        self.holders = HolderTable::default();
        let updates = self.resolve_changes(None);
        let cost = processor_time().saturating_sub(spent);
        self.full = Instant::now() + cost * FULL_SHARE;
        updates
    }

    /// Describes services that are new, gone or have other sockets, and those in `changed`; `None`: all services.
    fn resolve_changes(&mut self, changed: Option<&HashSet<ServiceId>>) -> Result<Vec<Update>> {
        let users = Users::read();
        let mut selected = SelectedSockets::read(self.query, self.depth, &users)?;
        let all = changed.is_none() || self.services.is_empty();
        let is_complete = unexpected_errors(&selected.faults, &selected.limits).next().is_none();
        let services = group(&selected);
        let known = std::mem::take(&mut self.services);

        let mut open: HashSet<&str> = HashSet::new();
        for (id, sockets) in &services {
            if all || changed.is_some_and(|changed| changed.contains(id)) || known.get(id) != Some(sockets) {
                open.insert(id.as_raw());
            }
        }

        let namespaces = &selected.namespaces;
        selected.sockets.retain(|socket| open.contains(id_of(socket, namespaces).as_str()));

        let mut described = Vec::new();
        let outcome = describe(selected, self.query, self.depth, users, &|| false, &mut |service| {
            self.holders.note(&service);
            open.remove(service.id.as_raw());
            described.push(service);
            ControlFlow::Continue(())
        })?;

        let unseen: HashSet<String> = open.iter().map(|&id| id.to_owned()).collect();
        let mut gone: Vec<ServiceId> =
            known.keys().filter(|id| is_complete && !services.contains_key(*id)).cloned().collect();
        // Closed during this poll, or held by no selected process.
        gone.extend(open.into_iter().map(ServiceId::from));

        self.ends = services.values().flatten().filter_map(end).collect();
        // A socket that closed during this poll was not reported; the trace reports its end.
        let reported = services.iter().filter(|(id, _)| !unseen.contains(id.as_raw()));
        let listening = reported.flat_map(|(_, sockets)| sockets).filter(|socket| socket.state == SocketState::Listen);
        self.short_lived.record_poll(listening.filter_map(end));
        self.services = services;

        let since = self.trace_updates(StartTime::Perhaps);
        self.assign_owners(&mut described);
        // A socket that is being closed has no holder. Its known state holds until its end, which is the next event.
        described.retain(|service| {
            !service.detail.processes.is_empty()
                || !known.contains_key(&service.id)
                || !removes(&since, service.id.as_raw())
        });

        let described = described.into_iter().map(Service::erase);
        let mut updates: Vec<Update> = if all && is_complete {
            vec![Update::Reset(described.collect())]
        } else {
            for id in &gone {
                self.holders.forget(id.as_raw());
            }
            gone.into_iter().map(Update::Remove).chain(described.map(Update::Upsert)).collect()
        };

        updates.extend(outcome.errors.into_iter().map(Update::PartialError));
        updates.extend(since);
        Ok(updates)
    }

    /// Assigns the process that began to listen to listeners without a known holder. A listener that is being closed has
    /// no holder any more.
    fn assign_owners(&mut self, described: &mut [Service<LocalDetail>]) {
        for service in described.iter_mut().filter(|service| has_no_owner(&service.detail)) {
            let at = service.endpoints.first().and_then(|endpoint| match endpoint.address {
                Address::Ip(ip) if endpoint.transport == Transport::Tcp => Some((ip, endpoint.port?)),
                _ => None,
            });
            if let Some(opener) = at.and_then(|at| self.short_lived.opener(at)) {
                opener.assign_to(service);
                self.holders.note(service);
            }
        }
    }
}

/// CPU time of this process so far. While it is stopped, or waits for a processor, a poll takes long and costs nothing.
pub(super) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Whether the search for owners found none.
fn has_no_owner(detail: &LocalDetail) -> bool {
    detail.processes.is_empty() && detail.owner != OwnerLookup::NotAsked
}

/// Whether a listener there is selected, by its address alone.
fn is_selected(selection: Option<&Selection<'_>>, (ip, port): LocalEndpoint) -> bool {
    port != 0
        && selection.is_some_and(|selection| selection.takes(&Socket::listening(ip, port), &Interfaces::default()))
}

fn removes(updates: &[Update], id: &str) -> bool {
    updates.iter().any(|update| matches!(update, Update::Remove(gone) if gone == id))
}

/// The kernel dropped events.
fn lost() -> PartialError {
    PartialError {
        operation: "report every short-lived listener".to_owned(),
        cause: "the kernel dropped events, because too many came at once".to_owned(),
        hint: "the list of current listeners is complete".to_owned(),
    }
}

/// Clears fields that are only measured.
fn clear_measurements(socket: &mut Socket) {
    socket.receive_queue = 0;
}

fn end(socket: &Socket) -> Option<LocalEndpoint> {
    match socket.address {
        Address::Ip(ip) => Some((ip, socket.port)),
        Address::Unix(_) | Address::Name(_) => None,
    }
}

/// Errors that are not due to a missing permission.
fn unexpected_errors<'f>(
    faults: &'f [PartialError],
    limits: &'f [PartialError],
) -> impl Iterator<Item = PartialError> + 'f {
    faults.iter().filter(|fault| !limits.contains(fault)).cloned()
}

/// The sockets of each service.
fn group(selected: &SelectedSockets) -> HashMap<ServiceId, Vec<Socket>, FixedState> {
    let mut services = HashMap::<ServiceId, Vec<Socket>, FixedState>::default();
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
