//! What a watch of this machine has seen so far: a cheap look at the socket tables, and who holds them only for what
//! changed.
//!
//! Looking at the tables costs a few hundred microseconds. Going through the descriptors of all processes costs a
//! hundred times that, so it is done only when a socket is new, one of the processes has changed, or as seldom as keeps
//! its share of the processor small.

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
use super::tables::look;
use super::trace::Trace;
use super::users::Users;
use crate::error::Result;
use crate::model::{
    Address, DetailLevel, LocalDetail, OwnerLookup, PartialError, Service, ServiceId, SocketState, Transport, Update,
};

/// Looking at everything anew takes at most one part in so many.
const FULL_SHARE: u32 = 10_000;
/// So many glances in a row leave TCP out where a trace tells of it and has told nothing: the kernel goes through its table
/// of listeners for each, which is more than half of what watching a thousand of them costs.
const WITHOUT_TCP: u32 = 9;

/// What was seen so far.
pub(super) struct SocketWatcher<'q> {
    query: &'q Local,
    depth: DetailLevel,
    /// The connection to the kernel that glances are made with; `None`: it has to be made.
    diag: Option<SockDiag>,
    /// What the table of TCP, and the others, came to when they were last glanced at; `None`: they were not.
    prints: [Option<u64>; 2],
    /// So many more glances may leave TCP out.
    without_tcp: u32,
    /// The tables as they were, to compare where no glance is possible; `None`: unknown.
    table: Option<Vec<Socket>>,
    /// The sockets of each service, by its id.
    services: HashMap<ServiceId, Vec<Socket>, FixedState>,
    /// Where they are.
    ends: HashSet<LocalEndpoint, FixedState>,
    holders: HolderTable,
    /// Where it may not be had, a look an interval has to do.
    trace: Option<Trace>,
    short_lived: ShortLived,
    /// When to look at everything anew.
    full: Instant,
}

impl<'q> SocketWatcher<'q> {
    /// Begins to listen, where it may.
    pub(super) fn new(query: &'q Local, depth: DetailLevel) -> Self {
        let wanted = query.wanted(depth);
        // Otherwise a trace could tell nothing that is wanted.
        let is_traceable = wanted.tcp && wanted.listen && !query.all_netns;
        Self {
            query,
            depth,
            diag: None,
            prints: [None; 2],
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

    /// Whether something listens there, by the last look.
    pub(super) fn has(&self, end: LocalEndpoint) -> bool {
        self.ends.contains(&end)
    }

    /// Waits for the trace to tell something.
    pub(super) async fn told(&self) -> std::io::Result<()> {
        match &self.trace {
            Some(trace) => trace.ready().await,
            None => std::future::pending().await,
        }
    }

    /// Goes on without a trace.
    pub(super) fn hear_no_more(&mut self) {
        self.trace = None;
        self.look_well();
    }

    /// Something is not as it was: the next look leaves nothing out.
    pub(super) fn look_well(&mut self) {
        self.without_tcp = 0;
    }

    /// What the trace has told since it was asked last. What it says is gone is looked at anew.
    pub(super) fn hear(&mut self) -> Vec<Update> {
        self.hear_of(StartTime::Since)
    }

    fn hear_of(&mut self, begun: StartTime) -> Vec<Update> {
        let Some(trace) = &mut self.trace else { return Vec::new() };
        let Ok(heard) = trace.heard() else {
            self.hear_no_more();
            return Vec::new();
        };
        if heard.listeners.is_empty() && !heard.lost {
            return Vec::new();
        }
        // Also where it tells of another namespace: a thread there may have a socket of ours.
        self.without_tcp = 0;
        let lost = heard.lost.then(lost);
        let query = self.query;
        let selection = Selection::new(query, &Users::read()).ok();
        // What only a look can judge is left to looks.
        let by_place = query.process.is_none() && query.user.is_none() && query.interface.is_none() && !query.exposed;
        let wanted = |(ip, port): LocalEndpoint| {
            let takes =
                |selection: &Selection<'_>| selection.takes(&Socket::listening(ip, port), &Interfaces::default());
            by_place && port != 0 && selection.as_ref().is_some_and(takes)
        };
        let updates = self.short_lived.take(trace, heard.listeners, begun, wanted);
        for update in &updates {
            if let Update::Remove(id) = update
                && self.services.remove(id).is_some()
            {
                (self.prints, self.table) = ([None; 2], None);
            }
        }
        updates.into_iter().chain(lost.map(Update::PartialError)).collect()
    }

    /// Whether something was heard of that no look has seen.
    pub(super) fn is_waiting(&self) -> bool {
        self.short_lived.is_waiting()
    }

    /// What was heard of and no look will ever see.
    pub(super) fn settle(&mut self) -> Vec<Update> {
        self.short_lived.settle()
    }

    /// What is to be said now.
    pub(super) fn look(&mut self) -> Result<Vec<Update>> {
        if self.short_lived.is_waiting() {
            self.look_well();
        }
        self.short_lived.looks();
        if Instant::now() >= self.full {
            return self.look_at_everything();
        }
        let wanted = Wanted { connections: false, ..self.query.wanted(self.depth) };
        let changed = self.holders.changed();
        if self.glance(&wanted) && changed.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = look(&wanted, false, self.query.all_netns);
        seen.sockets.iter_mut().for_each(still);
        if self.table.as_ref() == Some(&seen.sockets) && changed.is_empty() {
            return Ok(faults(&seen.faults, &seen.limits).map(Update::PartialError).collect());
        }
        self.table = Some(seen.sockets);
        self.look_at_changes(Some(&changed))
    }

    /// Whether all that is glanced at is as it was; it is not where that cannot be told so cheaply.
    fn glance(&mut self, wanted: &Wanted) -> bool {
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
        let before = self.prints;
        if with_tcp {
            self.prints[0] = self.print(&tcp);
        }
        self.prints[1] = self.print(&others);
        self.prints == before && self.prints.iter().all(Option::is_some)
    }

    /// What the tables come to now.
    fn print(&mut self, wanted: &Wanted) -> Option<u64> {
        let mut diag = self.diag.take().or_else(|| SockDiag::open().ok())?;
        // After a failure the rest of an answer may still come, so it is asked nothing more.
        let print = diag.fingerprint(wanted).ok();
        self.diag = print.is_some().then_some(diag);
        print
    }

    fn look_at_everything(&mut self) -> Result<Vec<Update>> {
        let spent = processor_time();
        self.holders = HolderTable::default();
        let updates = self.look_at_changes(None);
        let cost = processor_time().saturating_sub(spent);
        self.full = Instant::now() + cost * FULL_SHARE;
        updates
    }

    /// Describes what is new, gone or otherwise not as it was, and what `changed` without its sockets showing it; `None`:
    /// everything.
    fn look_at_changes(&mut self, changed: Option<&HashSet<ServiceId>>) -> Result<Vec<Update>> {
        let users = Users::read();
        let mut selected = SelectedSockets::look(self.query, self.depth, &users)?;
        let all = changed.is_none() || self.services.is_empty();
        let whole = faults(&selected.faults, &selected.limits).next().is_none();
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
            known.keys().filter(|id| whole && !services.contains_key(*id)).cloned().collect();
        // Closed during this look, or held by no process that was asked for.
        gone.extend(open.into_iter().map(ServiceId::from));
        self.ends = services.values().flatten().filter_map(end).collect();
        // What closed while we looked was not told, and waits for word of its end.
        let told = services.iter().filter(|(id, _)| !unseen.contains(id.as_raw()));
        let listening = told.flat_map(|(_, sockets)| sockets).filter(|socket| socket.state == SocketState::Listen);
        self.short_lived.looked(listening.filter_map(end));
        self.services = services;
        let since = self.hear_of(StartTime::Perhaps);
        self.own(&mut described);
        // Whoever closes it no longer had it. What is known of it holds until its end, which comes next.
        described.retain(|service| {
            !service.detail.processes.is_empty()
                || !known.contains_key(&service.id)
                || !removes(&since, service.id.as_raw())
        });

        let described = described.into_iter().map(Service::erase);
        let mut updates: Vec<Update> = if all && whole {
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

    /// Gives a listener without a known holder the process that began to listen there. It may be closing already, and then
    /// no process holds it any more.
    fn own(&mut self, described: &mut [Service<LocalDetail>]) {
        for service in described.iter_mut().filter(|service| has_no_owner(&service.detail)) {
            let at = service.endpoints.first().and_then(|endpoint| match endpoint.address {
                Address::Ip(ip) if endpoint.transport == Transport::Tcp => Some((ip, endpoint.port?)),
                _ => None,
            });
            if let Some(opener) = at.and_then(|at| self.short_lived.opener(at)) {
                opener.own(service);
                self.holders.note(service);
            }
        }
    }
}

/// What this process has taken of the processors so far. Where it is stopped for a while, or others have the processors,
/// a look takes long and costs nothing.
pub(super) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Whether the search for owners found none.
fn has_no_owner(detail: &LocalDetail) -> bool {
    detail.processes.is_empty() && detail.owner != OwnerLookup::NotAsked
}

fn removes(updates: &[Update], id: &str) -> bool {
    updates.iter().any(|update| matches!(update, Update::Remove(gone) if gone == id))
}

/// More happened than the kernel keeps for us.
fn lost() -> PartialError {
    PartialError {
        operation: "tell every listener that came and went".to_owned(),
        cause: "too many came at once".to_owned(),
        hint: "the listeners that exist now are complete".to_owned(),
    }
}

/// Leaves out what is only measured.
fn still(socket: &mut Socket) {
    socket.receive_queue = 0;
}

fn end(socket: &Socket) -> Option<LocalEndpoint> {
    match socket.address {
        Address::Ip(ip) => Some((ip, socket.port)),
        Address::Unix(_) | Address::Name(_) => None,
    }
}

/// What could not be read although it should be. What permission is missing for is left out.
fn faults<'f>(faults: &'f [PartialError], limits: &'f [PartialError]) -> impl Iterator<Item = PartialError> + 'f {
    faults.iter().filter(|fault| !limits.contains(fault)).cloned()
}

/// The sockets of each service.
fn group(selected: &SelectedSockets) -> HashMap<ServiceId, Vec<Socket>, FixedState> {
    let mut services = HashMap::<ServiceId, Vec<Socket>, FixedState>::default();
    for socket in &selected.sockets {
        // The number of a namespace is good for one look only; its identity is in the id.
        let mut kept = Socket { netns: 0, ..socket.clone() };
        still(&mut kept);
        services.entry(id_of(socket, &selected.namespaces).into()).or_default().push(kept);
    }
    // The kernel lists them in no order that lasts.
    for sockets in services.values_mut() {
        sockets.sort_unstable_by_key(|socket| socket.inode);
    }
    services
}
