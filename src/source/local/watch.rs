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
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, sleep_until};

use super::closings::Closings;
use super::holders::Holders;
use super::interfaces::Interfaces;
use super::list::{Selected, describe, id_of};
use super::look::look;
use super::netlink::SockDiag;
use super::options::Local;
use super::select::Selection;
use super::short_lived::{End, ShortLived};
use super::socket::{Socket, Wanted};
use super::trace::Trace;
use super::users::Users;
use crate::error::Result;
use crate::model::{Address, Depth, Fault, Feed, SocketState, Update};

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
    // Where it may not be had, a look an interval has to do.
    let mut trace = eye.wants_trace().then(|| Trace::begin().ok()).flatten();
    feed.take(eye.look()?);
    loop {
        let (begun, spent) = (Instant::now(), processor_time());
        let heard = eye.hear(&mut trace);
        let seen = eye.look()?;
        let unseen = eye.short_lived.settle();
        feed.take(heard.into_iter().chain(seen).chain(unseen).collect());
        let cost = processor_time().saturating_sub(spent);
        let (soonest, next) = (Instant::now() + cost * SHARE, begun + interval);
        let mut due = next.max(soonest);
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                told = told(&mut trace) => {
                    if told.is_err() {
                        trace = None;
                    }
                    // At once: a process that is gone cannot be asked which namespace it was in.
                    let heard = eye.hear(&mut trace);
                    // What happens in other namespaces is no reason to look.
                    if !heard.is_empty() || eye.short_lived.is_waiting() {
                        due = soonest;
                    }
                    if !heard.is_empty() {
                        feed.take(heard);
                    }
                }
                error = closed(&mut closings, &eye) => {
                    if error.is_some() {
                        (closings, listen_again) = (None, Instant::now() + FLOODED);
                    } else {
                        due = soonest;
                    }
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

/// What this process has taken of the processors so far. Where it is stopped for a while, or others have the processors,
/// a look takes long and costs nothing.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Waits for the trace to tell something.
async fn told(trace: &mut Option<Trace>) -> std::io::Result<()> {
    match trace {
        Some(trace) => trace.ready().await,
        None => std::future::pending().await,
    }
}

/// What was seen so far.
struct Eye<'q> {
    query: &'q Local,
    depth: Depth,
    /// The connection to the kernel that glances are made with; `None`: it has to be made.
    diag: Option<SockDiag>,
    /// What the tables came to at the last glance; `None`: there was none.
    print: Option<u64>,
    /// The tables as they were, to compare where no glance is possible.
    table: Vec<Socket>,
    /// The sockets of each service, by its id.
    services: HashMap<String, Vec<Socket>, FixedState>,
    /// Where they are.
    ends: HashSet<(IpAddr, u16), FixedState>,
    holders: Holders,
    short_lived: ShortLived,
    /// When to look at everything anew.
    full: Instant,
}

impl<'q> Eye<'q> {
    fn new(query: &'q Local, depth: Depth) -> Self {
        Self {
            query,
            depth,
            diag: None,
            print: None,
            table: Vec::new(),
            services: HashMap::default(),
            ends: HashSet::default(),
            holders: Holders::default(),
            short_lived: ShortLived::default(),
            full: Instant::now(),
        }
    }

    /// Whether a trace could tell anything that is wanted.
    fn wants_trace(&self) -> bool {
        let wanted = self.query.wanted(self.depth);
        wanted.tcp && wanted.listen && !self.query.all_netns
    }

    /// What the trace has told since it was asked last. What it says is gone is looked at anew.
    fn hear(&mut self, trace: &mut Option<Trace>) -> Vec<Update> {
        let Some(listening) = trace else { return Vec::new() };
        let Ok(heard) = listening.heard() else {
            *trace = None;
            return Vec::new();
        };
        if heard.listeners.is_empty() && !heard.lost {
            return Vec::new();
        }
        let lost = heard.lost.then(lost);
        let query = self.query;
        let selection = Selection::new(query, &Users::read()).ok();
        // What only a look can judge is left to looks.
        let by_place = query.process.is_none() && query.user.is_none() && query.interface.is_none() && !query.exposed;
        let wanted = |(ip, port): End| {
            let takes =
                |selection: &Selection<'_>| selection.takes(&Socket::listening(ip, port), &Interfaces::default());
            by_place && port != 0 && selection.as_ref().is_some_and(takes)
        };
        let updates = self.short_lived.take(listening, heard.listeners, wanted);
        for update in &updates {
            if let Update::Remove(id) = update
                && self.services.remove(id).is_some()
            {
                (self.print, self.table) = (None, Vec::new());
            }
        }
        updates.into_iter().chain(lost.map(Update::Fault)).collect()
    }

    /// What is to be said now.
    fn look(&mut self) -> Result<Vec<Update>> {
        if Instant::now() >= self.full {
            return self.look_at_everything();
        }
        let wanted = Wanted { connections: false, ..self.query.wanted(self.depth) };
        let changed = self.holders.changed();
        let before = self.print;
        if self.glance(&wanted).is_some_and(|now| Some(now) == before) && changed.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = look(&wanted, false, self.query.all_netns);
        seen.sockets.iter_mut().for_each(still);
        if seen.sockets == self.table && changed.is_empty() {
            return Ok(faults(&seen.faults, &seen.limits).map(Update::Fault).collect());
        }
        self.table = seen.sockets;
        self.look_at_changes(&changed)
    }

    /// What the tables come to now; `None` where that cannot be told so cheaply.
    fn glance(&mut self, wanted: &Wanted) -> Option<u64> {
        self.print = None;
        if self.query.all_netns {
            return None;
        }
        let mut diag = self.diag.take().or_else(|| SockDiag::open().ok())?;
        // After a failure the rest of an answer may still come, so it is asked nothing more.
        self.print = diag.fingerprint(wanted).ok();
        self.diag = self.print.is_some().then_some(diag);
        self.print
    }

    fn look_at_everything(&mut self) -> Result<Vec<Update>> {
        let spent = processor_time();
        self.services.clear();
        self.holders = Holders::default();
        let updates = self.look_at_changes(&HashSet::new());
        let cost = processor_time().saturating_sub(spent);
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
        let unseen: HashSet<String> = open.iter().map(|&id| id.to_owned()).collect();
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
        // What closed while we looked was not told, and waits for word of its end.
        let told = services.iter().filter(|(id, _)| !unseen.contains(*id));
        let listening = told.flat_map(|(_, sockets)| sockets).filter(|socket| socket.state == SocketState::Listen);
        self.short_lived.looked(listening.filter_map(end));
        self.services = services;
        Ok(updates)
    }
}

/// More happened than the kernel keeps for us.
fn lost() -> Fault {
    Fault {
        what: "tell every listener that came and went".to_owned(),
        why: "too many came at once".to_owned(),
        hint: "what is there is told all the same".to_owned(),
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
