//! Listeners that a trace tells of and no look has seen.
//!
//! A look sees only what is there when it comes. What is heard to begin waits here for a look to see it; what is heard to
//! end before that is told all the same, by what the trace said of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::trace::{Heard, Trace, process_of};
use crate::clean::Untrusted;
use crate::model::{Address, Endpoint, LocalDetail, Owner, Process, Scope, Service, SocketState, Transport, Update};

/// Where something listens.
pub(super) type End = (IpAddr, u16);

/// More than these wait for no look: it comes within milliseconds.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct ShortLived {
    waiting: HashMap<End, Waiting, FixedState>,
    /// How many sockets the last look has seen, without those that were heard to end since.
    there: HashMap<End, u32, FixedState>,
    /// Something has begun by a thread that had gone before we asked where it was: a look tells.
    unplaced: bool,
}

struct Waiting {
    pid: u32,
    name: Untrusted,
    /// Something has ended there, perhaps in another network namespace.
    ended: bool,
}

impl ShortLived {
    /// Takes what was heard at places that are `wanted`, and tells what that comes to.
    pub(super) fn take(&mut self, trace: &Trace, heard: Vec<Heard>, wanted: impl Fn(End) -> bool) -> Vec<Update> {
        let mut updates = Vec::new();
        for heard in heard {
            let end = (heard.ip, heard.port);
            if !wanted(end) {
                continue;
            }
            match (heard.began, trace.is_here(&heard)) {
                (true, Some(true)) if !self.there.contains_key(&end) && self.waiting.len() < MOST => {
                    let pid = process_of(heard.thread).unwrap_or(heard.thread);
                    self.waiting.insert(end, Waiting { pid, name: heard.name, ended: false });
                }
                // It had begun to listen before it went: what is still there, a look sees at once.
                (true, None) => self.unplaced |= !self.there.contains_key(&end),
                (false, Some(true)) => self.ended(end, &mut updates),
                // The last to hold a socket may be in another network namespace than it: a look tells.
                (false, _) => {
                    if let Some(waiting) = self.waiting.get_mut(&end) {
                        waiting.ended = true;
                    }
                }
                _ => {}
            }
        }
        updates
    }

    fn ended(&mut self, end: End, updates: &mut Vec<Update>) {
        if let Some(waiting) = self.waiting.remove(&end) {
            updates.extend(waiting.come_and_gone(end));
        } else if let Some(sockets) = self.there.get_mut(&end) {
            *sockets = sockets.saturating_sub(1);
            if *sockets == 0 {
                self.there.remove(&end);
                updates.push(Update::Remove(id(&endpoint(end))));
            }
        }
    }

    /// Whether something was heard of that no look has seen.
    pub(super) fn is_waiting(&self) -> bool {
        self.unplaced || !self.waiting.is_empty()
    }

    /// Takes what a look has seen.
    pub(super) fn looked(&mut self, ends: impl Iterator<Item = End>) {
        self.there.clear();
        ends.for_each(|end| *self.there.entry(end).or_default() += 1);
    }

    /// Lets go what looks have seen, and tells what they never will.
    pub(super) fn settle(&mut self) -> Vec<Update> {
        self.unplaced = false;
        let mut updates = Vec::new();
        let there = &self.there;
        self.waiting.retain(|end, waiting| {
            let seen = there.contains_key(end);
            if waiting.ended && !seen {
                updates.extend(waiting.come_and_gone(*end));
            }
            !seen && !waiting.ended
        });
        updates
    }
}

impl Waiting {
    /// As much as a trace tells of it.
    fn come_and_gone(&self, end: End) -> [Update; 2] {
        let endpoint = endpoint(end);
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
        let detail = LocalDetail {
            owner: Owner::Known,
            processes: Arc::new([Arc::new(process)]),
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
        let service =
            Service { name: Some(self.name.clone()), ..Service::new(id(&endpoint), "local", vec![endpoint], detail) };
        let id = service.id.clone();
        [Update::Upsert(service.erase()), Update::Remove(id)]
    }
}

fn endpoint((ip, port): End) -> Endpoint {
    Endpoint::new(Address::Ip(ip), Some(port), Transport::Tcp)
}

/// As listings have it, for what is bound to no device: a trace does not tell.
fn id(endpoint: &Endpoint) -> String {
    format!("local/tcp/{endpoint}")
}
