//! Listeners that a trace tells of and no look has seen.
//!
//! A look sees only what is there when it comes. What is heard to begin waits here for a look to see it; what is heard to
//! end before that is reported too, by what the trace said of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::trace::{Trace, TraceEvent, process_of};
use crate::clean::Untrusted;
use crate::model::{
    Address, Endpoint, LocalDetail, OwnerLookup, Process, Scope, Service, SocketState, Transport, Update,
};

/// Where something listens.
pub(super) type LocalEndpoint = (IpAddr, u16);

/// More than these wait for no look: it comes within milliseconds.
const MAX_BYTES: usize = 10_000;

/// So many looks later than it was heard, what none of them has seen has ended by what is heard before the next one. If it
/// has not, it never was here: a thread of ours began to listen for another network namespace.
const MAX_SAMPLES: u8 = 3;

#[derive(Default)]
pub(super) struct ShortLived {
    waiting: HashMap<LocalEndpoint, PendingOwner, FixedState>,
    /// How many sockets there are, by the last look and what was heard since.
    there: HashMap<LocalEndpoint, u32, FixedState>,
    /// Who began to listen at places that the last look has seen for the first time since.
    openers: HashMap<LocalEndpoint, ListenEvent, FixedState>,
    /// Something has begun that only a look can tell of.
    wants_look: bool,
}

struct PendingOwner {
    opener: ListenEvent,
    /// How many looks have not seen it.
    unseen: u8,
    /// Something has ended there, perhaps in another network namespace.
    ended: bool,
}

/// The process that began to listen.
#[derive(Clone)]
pub(super) struct ListenEvent {
    pid: u32,
    name: Untrusted,
}

/// When something that is heard to begin did so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StartTime {
    /// Since the last look.
    Since,
    /// While the last look was made, which may have seen it.
    Perhaps,
}

impl ShortLived {
    /// Takes what was heard at places that are `wanted`, and tells what that comes to.
    pub(super) fn take(
        &mut self,
        trace: &Trace,
        heard: Vec<TraceEvent>,
        begun: StartTime,
        wanted: impl Fn(LocalEndpoint) -> bool,
    ) -> Vec<Update> {
        let mut updates = Vec::new();
        for heard in heard {
            let end = (heard.ip, heard.port);
            if !wanted(end) {
                continue;
            }
            match (heard.began, trace.is_here(&heard)) {
                (true, Some(true)) => self.began(end, &heard, begun),
                // It had begun to listen before it went: what is still there, a look sees at once.
                (true, None) => self.wants_look |= !self.there.contains_key(&end),
                (false, Some(true)) => self.ended(end, &mut updates),
                // The last to hold a socket may be in another network namespace than it: a look tells.
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

    fn began(&mut self, end: LocalEndpoint, heard: &TraceEvent, begun: StartTime) {
        let opener = || ListenEvent { pid: process_of(heard.thread).unwrap_or(heard.thread), name: heard.name.clone() };
        match self.there.get_mut(&end) {
            Some(_) if begun == StartTime::Perhaps => {
                self.openers.entry(end).or_insert_with(opener);
            }
            // One more at the same place.
            Some(sockets) => (*sockets, self.wants_look) = (*sockets + 1, true),
            None if self.waiting.len() < MAX_BYTES => {
                self.waiting.insert(end, PendingOwner { opener: opener(), unseen: 0, ended: false });
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

    /// Whether something was heard of that only a look can tell.
    pub(super) fn is_waiting(&self) -> bool {
        self.wants_look || !self.waiting.is_empty()
    }

    /// A look is about to be made.
    pub(super) fn looks(&mut self) {
        self.wants_look = false;
    }

    /// Takes what a look has seen.
    pub(super) fn looked(&mut self, ends: impl Iterator<Item = LocalEndpoint>) {
        self.there.clear();
        ends.for_each(|end| *self.there.entry(end).or_default() += 1);
        let seen = self.waiting.extract_if(|end, _| self.there.contains_key(end));
        self.openers = seen.map(|(end, waiting)| (end, waiting.opener)).collect();
    }

    /// Who began to listen at a place that the last look has seen, where that was heard of lately.
    pub(super) fn opener(&self, end: LocalEndpoint) -> Option<&ListenEvent> {
        self.openers.get(&end)
    }

    /// Tells what no look will ever see.
    pub(super) fn settle(&mut self) -> Vec<Update> {
        let mut updates = Vec::new();
        self.waiting.retain(|end, waiting| {
            if waiting.ended {
                updates.extend(waiting.come_and_gone(*end));
            }
            waiting.unseen += 1;
            !waiting.ended && waiting.unseen < MAX_SAMPLES
        });
        updates
    }
}

impl ListenEvent {
    /// Makes the process the owner of a service. Other holders are unknown.
    pub(super) fn own(&self, service: &mut Service<LocalDetail>) {
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
            user: None,
            started: None,
            memory_bytes: None,
            cpu_ms: None,
            parents: Vec::new(),
            not_utf8: Vec::new(),
        };
        Arc::new([Arc::new(process)])
    }
}

impl PendingOwner {
    /// As much as a trace tells of it.
    fn come_and_gone(&self, end: LocalEndpoint) -> [Update; 2] {
        let endpoint = endpoint(end);
        let detail = LocalDetail {
            owner: OwnerLookup::Known,
            processes: self.opener.processes(),
            processes_complete: false,
            user: None,
            unit: None,
            container: None,
            scope: Scope::of(end.0),
            state: SocketState::Listen,
            interfaces: Vec::new(),
            exposed: None,
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

/// As listings have it, for what is bound to no device: a trace does not tell.
fn id(endpoint: &Endpoint) -> String {
    format!("local/tcp/{endpoint}")
}
