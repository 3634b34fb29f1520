//! Watching this machine: a cheap look at the socket tables once an interval, and who holds them only for what changed.
//!
//! Looking at the tables costs a few hundred microseconds. Going through the descriptors of all processes costs a
//! hundred times that, so it is done only when a socket is new, one of the processes has changed, or as seldom as keeps
//! its share of the processor small.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use foldhash::fast::FixedState;
use tokio::time::{Instant, sleep_until};

use super::closings::Closings;
use super::holders::Holders;
use super::list::{Selected, describe, id_of};
use super::look::look;
use super::options::Local;
use super::socket::{Socket, Wanted};
use super::users::Users;
use crate::error::Result;
use crate::model::{Address, Depth, Fault, Feed, Update};

/// Looking takes at most one part in so many of one core, however short the interval and however many the sockets.
const SHARE: u32 = 10;
/// Looking at everything anew takes at most one part in so many.
const FULL_SHARE: u32 = 4_000;
/// How long not to listen for closed sockets after too many have closed.
const FLOODED: Duration = Duration::from_mins(1);

/// Watches until the future is dropped.
///
/// # Errors
/// As listing.
pub(super) async fn watch(query: &Local, interval: Duration, feed: &mut dyn Feed) -> Result<()> {
    query.check()?;
    let mut eye = Eye::new(query, feed.depth());
    let mut closings = Closings::join().ok();
    let mut listen_again = Instant::now() + FLOODED;
    loop {
        let begun = Instant::now();
        feed.take(eye.look()?);
        let cost = begun.elapsed();
        let (soonest, next) = (Instant::now() + cost * SHARE, begun + interval);
        tokio::select! {
            () = sleep_until(next.max(soonest)) => {}
            error = closed(&mut closings, &eye) => {
                if error.is_some() {
                    (closings, listen_again) = (None, Instant::now() + FLOODED);
                    sleep_until(next.max(soonest)).await;
                } else {
                    sleep_until(soonest).await;
                }
            }
        }
        if closings.is_none() && Instant::now() >= listen_again {
            (closings, listen_again) = (Closings::join().ok(), Instant::now() + FLOODED);
        }
    }
}

/// Waits for one of the listeners to close; the error says that it is no use any more.
async fn closed(closings: &mut Option<Closings>, eye: &Eye<'_>) -> Option<std::io::Error> {
    match closings {
        Some(closings) => closings.one_of(|ip, port| eye.ends.contains(&(ip, port))).await.err(),
        None => std::future::pending().await,
    }
}

/// What was seen so far.
struct Eye<'q> {
    query: &'q Local,
    depth: Depth,
    /// The tables as they were, to compare.
    table: Vec<Socket>,
    /// The sockets of each service, by its id.
    services: HashMap<String, Vec<Socket>, FixedState>,
    /// Where they are.
    ends: HashSet<(IpAddr, u16), FixedState>,
    holders: Holders,
    /// When to look at everything anew.
    full: Instant,
}

impl<'q> Eye<'q> {
    fn new(query: &'q Local, depth: Depth) -> Self {
        Self {
            query,
            depth,
            table: Vec::new(),
            services: HashMap::default(),
            ends: HashSet::default(),
            holders: Holders::default(),
            full: Instant::now(),
        }
    }

    /// What is to be said now.
    fn look(&mut self) -> Result<Vec<Update>> {
        if Instant::now() >= self.full {
            return self.look_at_everything();
        }
        let wanted = Wanted { connections: false, ..self.query.wanted(self.depth) };
        let mut seen = look(&wanted, false, self.query.all_netns);
        seen.sockets.iter_mut().for_each(still);
        let changed = self.holders.changed();
        if seen.sockets == self.table && changed.is_empty() {
            return Ok(faults(&seen.faults, &seen.limits).map(Update::Fault).collect());
        }
        self.table = seen.sockets;
        self.look_at_changes(&changed)
    }

    fn look_at_everything(&mut self) -> Result<Vec<Update>> {
        let begun = Instant::now();
        self.services.clear();
        self.holders = Holders::default();
        let updates = self.look_at_changes(&HashSet::new());
        let cost = begun.elapsed();
        self.full = Instant::now() + cost * FULL_SHARE;
        updates
    }

    /// Describes what is new, gone or otherwise not as it was, and what `changed` without its sockets showing it.
    fn look_at_changes(&mut self, changed: &HashSet<String>) -> Result<Vec<Update>> {
        let users = Users::read();
        let mut selected = Selected::look(self.query, self.depth, &users)?;
        let all = self.services.is_empty();
        let whole = faults(&selected.faults, &selected.limits).next().is_none();
        let services = group(&selected);
        let known = std::mem::take(&mut self.services);
        let mut open: HashSet<&str> = HashSet::new();
        for (id, sockets) in &services {
            if changed.contains(id) || known.get(id) != Some(sockets) {
                open.insert(id);
            }
        }
        let namespaces = &selected.namespaces;
        selected.sockets.retain(|socket| open.contains(id_of(socket, namespaces).as_str()));
        let mut described = Vec::new();
        let outcome = describe(selected, self.query, self.depth, users, &|| false, &mut |service| {
            self.holders.note(&service);
            open.remove(service.id.as_str());
            described.push(service.erase());
            ControlFlow::Continue(())
        })?;
        let mut updates: Vec<Update> = if all && whole {
            vec![Update::Reset(described)]
        } else {
            let gone = known.keys().filter(|id| whole && !services.contains_key(*id));
            // What closed while we looked, or is held by nobody who was asked for.
            let gone: Vec<String> = gone.cloned().chain(open.into_iter().map(str::to_owned)).collect();
            for id in &gone {
                self.holders.forget(id);
            }
            gone.into_iter().map(Update::Remove).chain(described.into_iter().map(Update::Upsert)).collect()
        };
        updates.extend(outcome.errors.into_iter().map(Update::Fault));
        self.ends = services.values().flatten().filter_map(end).collect();
        self.services = services;
        Ok(updates)
    }
}

/// Leaves out what is only measured.
fn still(socket: &mut Socket) {
    socket.receive_queue = 0;
}

fn end(socket: &Socket) -> Option<(IpAddr, u16)> {
    match socket.address {
        Address::Ip(ip) => Some((ip, socket.port)),
        Address::Unix(_) | Address::Name(_) => None,
    }
}

/// What could not be read although it should be; what rights are missing for never could.
fn faults<'f>(faults: &'f [Fault], limits: &'f [Fault]) -> impl Iterator<Item = Fault> + 'f {
    faults.iter().filter(|fault| !limits.contains(fault)).cloned()
}

/// The sockets of each service.
fn group(selected: &Selected) -> HashMap<String, Vec<Socket>, FixedState> {
    let mut services = HashMap::<String, Vec<Socket>, FixedState>::default();
    for socket in &selected.sockets {
        // The number of a namespace is good for one look only; its identity is in the id.
        let mut kept = Socket { netns: 0, ..socket.clone() };
        still(&mut kept);
        services.entry(id_of(socket, &selected.namespaces)).or_default().push(kept);
    }
    // The kernel lists them in no order that lasts.
    for sockets in services.values_mut() {
        sockets.sort_unstable_by_key(|socket| socket.inode);
    }
    services
}
