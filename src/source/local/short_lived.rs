//! Listeners that the trace reports and no poll has found.
//!
//! A poll finds only listeners that exist at that moment. A listener whose begin was traced waits here for a poll to find
//! it; if its end is traced first, it is reported with what the trace says of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::trace::{Trace, TraceEvent, process_of};
use crate::clean::Untrusted;
use crate::model::{
    Address, Endpoint, LocalDetail, OwnerLookup, Process, Scope, Service, SocketState, Transport, Update,
};

/// The address and port of a listener.
pub(super) type LocalEndpoint = (IpAddr, u16);

/// Maximum number of listeners that wait for a poll, which comes within milliseconds.
const MAX_WAITING: usize = 10_000;

/// A listener that this many polls have not found has ended before the next one. If its end was not traced by then, it
/// never was here: one of our threads began to listen in another network namespace.
const MAX_POLLS: u8 = 3;

#[derive(Default)]
pub(super) struct ShortLived {
    waiting: HashMap<LocalEndpoint, PendingOwner, FixedState>,
    /// Number of sockets at each address, by the last poll and the events since.
    there: HashMap<LocalEndpoint, u32, FixedState>,
    /// The processes that began to listen at these addresses, as far as that was traced.
    openers: HashMap<LocalEndpoint, ListenEvent, FixedState>,
    /// Those of addresses that the last poll found for the first time.
    new_openers: Vec<u32>,
    /// Something has begun that only a poll can describe.
    needs_poll: bool,
}

struct PendingOwner {
    opener: ListenEvent,
    /// Number of polls that have not found it.
    missed_polls: u8,
    /// A listener ended there, perhaps in another network namespace.
    ended: bool,
}

/// The process that began to listen.
#[derive(Clone)]
pub(super) struct ListenEvent {
    pid: u32,
    name: Untrusted,
}

/// When a traced listener began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StartTime {
    /// Since the last poll.
    Since,
    /// During the last poll, which may have found it.
    Perhaps,
}

impl ShortLived {
    /// Applies trace events at `wanted` addresses and returns the updates that follow from them.
    pub(super) fn take(
        &mut self,
        trace: &Trace,
        events: Vec<TraceEvent>,
        begun: StartTime,
        wanted: impl Fn(LocalEndpoint) -> bool,
    ) -> Vec<Update> {
        let mut updates = Vec::new();
        for event in events {
            let end = (event.ip, event.port);
            if !wanted(end) {
                continue;
            }

            match (event.began, trace.is_here(&event)) {
                (true, Some(true)) => self.began(end, &event, begun),
                // The process has ended since: a poll shows at once whether the listener is still there.
                (true, None) => self.needs_poll |= !self.there.contains_key(&end),
                (false, Some(true)) => self.ended(end, &mut updates),
                // The last holder of a socket may be in another network namespace than the socket: a poll shows.
                (false, _) => {
                    if let Some(waiting) = self.waiting.get_mut(&end) {
                        waiting.ended = true;
                    }
                }
                (true, Some(false)) => {}
            }
        }

        updates
    }

    fn began(&mut self, end: LocalEndpoint, event: &TraceEvent, begun: StartTime) {
        match self.there.get_mut(&end) {
            Some(_) if begun == StartTime::Perhaps => {
                self.openers.entry(end).or_insert_with(|| ListenEvent::of(event));
            }
            // One more at the same address.
            Some(sockets) => (*sockets, self.needs_poll) = (*sockets + 1, true),
            None if self.waiting.len() < MAX_WAITING => {
                self.waiting
                    .insert(end, PendingOwner { opener: ListenEvent::of(event), missed_polls: 0, ended: false });
            }
            None => {}
        }
    }

    fn ended(&mut self, end: LocalEndpoint, updates: &mut Vec<Update>) {
        if let Some(waiting) = self.waiting.remove(&end) {
            updates.extend(waiting.come_and_gone(end));
        } else if let Some(sockets) = self.there.get_mut(&end) {
            *sockets = sockets.saturating_sub(1);
            if *sockets == 0 {
                self.there.remove(&end);
                updates.push(Update::Remove(id(&endpoint(end)).into()));
            }
        }
    }

    /// Whether a poll is needed to describe a traced listener.
    pub(super) fn is_waiting(&self) -> bool {
        self.needs_poll || !self.waiting.is_empty()
    }

    /// A poll is about to begin.
    pub(super) fn begin_poll(&mut self) {
        self.needs_poll = false;
    }

    /// Records the addresses that a poll has found.
    pub(super) fn record_poll(&mut self, ends: impl Iterator<Item = LocalEndpoint>) {
        self.there.clear();
        ends.for_each(|end| *self.there.entry(end).or_default() += 1);
        self.openers.retain(|end, _| self.there.contains_key(end));
        let found = self.waiting.extract_if(|end, _| self.there.contains_key(end));
        self.new_openers.clear();
        for (end, waiting) in found {
            self.new_openers.push(waiting.opener.pid);
            self.openers.insert(end, waiting.opener);
        }
    }

    /// The processes that began to listen at addresses that the last poll found for the first time.
    pub(super) fn openers(&self) -> Vec<u32> {
        self.new_openers.clone()
    }

    /// The process that began to listen at an address of the last poll, if that was traced.
    pub(super) fn opener(&self, end: LocalEndpoint) -> Option<&ListenEvent> {
        self.openers.get(&end)
    }

    /// Returns the updates for listeners that no poll will ever find.
    pub(super) fn settle(&mut self) -> Vec<Update> {
        let mut updates = Vec::new();
        self.waiting.retain(|end, waiting| {
            if waiting.ended {
                updates.extend(waiting.come_and_gone(*end));
            }
            waiting.missed_polls += 1;
            !waiting.ended && waiting.missed_polls < MAX_POLLS
        });
        updates
    }
}

impl ListenEvent {
    fn of(event: &TraceEvent) -> Self {
        Self { pid: process_of(event.thread).unwrap_or(event.thread), name: event.name.clone() }
    }

    /// Makes the process the owner of a service. Other holders are unknown.
    pub(super) fn assign_to(&self, service: &mut Service<LocalDetail>) {
        service.detail.owner = OwnerLookup::Known;
        service.detail.processes = self.processes();
        service.detail.processes_complete = false;
        service.name.get_or_insert_with(|| self.name.clone());
    }

    fn processes(&self) -> Arc<[Arc<Process>]> {
        let process = Process {
            pid: self.pid,
            name: self.name.clone(),
            command: None,
            exe: None,
            cwd: None,
            user: None,
            started: None,
            memory_bytes: None,
            cpu_ms: None,
            parents: Vec::new(),
            not_utf8: Vec::new(),
            unread: Vec::new(),
        };

        Arc::new([Arc::new(process)])
    }
}

impl PendingOwner {
    /// The two updates for a listener that only the trace knows.
    fn come_and_gone(&self, end: LocalEndpoint) -> [Update; 2] {
        let endpoint = endpoint(end);
        let detail = LocalDetail {
            owner: OwnerLookup::Known,
            processes: self.opener.processes(),
            processes_complete: false,
            user: None,
            unit: None,
            unit_user: None,
            container: None,
            scope: Scope::of(end.0),
            state: SocketState::Listen,
            interfaces: Vec::new(),
            exposed: None,
            firewall: None,
            forwards_to: Vec::new(),
            mptcp: false,
            protocol: None,
            v6_only: None,
            netns: None,
            backlog: None,
            receive_queue: None,
            connections: None,
            sockets: 1,
        };

        let name = Some(self.opener.name.clone());
        let service = Service { name, ..Service::new(id(&endpoint), "local", vec![endpoint], detail) };
        let id = service.id.clone();
        [Update::Upsert(service.erase()), Update::Remove(id)]
    }
}

fn endpoint((ip, port): LocalEndpoint) -> Endpoint {
    Endpoint::new(Address::Ip(ip), Some(port), Transport::Tcp)
}

/// The id that a listing gives a socket without a device: a trace does not report the device.
fn id(endpoint: &Endpoint) -> String {
    format!("local/tcp/{endpoint}")
}
