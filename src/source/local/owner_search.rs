//! The search for owners of a watch: on a thread of its own, most likely holders first, and rationed. Nothing waits for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use foldhash::fast::FixedState;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::list::{unfinished, unreadable};
use super::owners::{Attribution, Owners, SocketGroups};
use super::ration::{Ration, in_order, likely};
use super::runtimes::ContainerNames;
use super::socket::Socket;
use super::users::Users;
use super::walk::{Inodes, MAX_THREADS, Walk, WalkRequest};
use crate::error::{Error, Result};
use crate::model::{PartialError, ServiceId};

/// Number of processes that are visited before new requests are looked at.
const CHUNK: usize = 16;
/// A process that was first listed before this time is no longer new.
const YOUNG: Duration = Duration::from_secs(5);
/// Maximum number of new services that join a pass.
const MAX_LATE: usize = 1000;
/// Maximum number of processes named by the kernel that are looked into for one request.
const MAX_NAMED: usize = 256;
/// Number of processes that are remembered as holders: they are likely to open more sockets.
const MAX_RECENT: usize = 16;

/// Services whose owners are wanted.
pub(super) struct SearchRequest {
    pub(super) kind: SearchKind,
    pub(super) services: Vec<SearchedService>,
    /// Processes that the kernel named.
    pub(super) named: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchKind {
    /// All services, at once and whatever it costs.
    First,
    /// New services: the first holder found is reported too.
    New,
    /// Known services, some of whose processes have changed.
    Again,
    /// Known services whose processes have new children, which the request names: only if one of these holds a service too,
    /// it is searched again.
    Children,
    /// All services.
    Everything,
}

#[derive(Clone)]
pub(super) struct SearchedService {
    pub(super) id: ServiceId,
    /// Returned with the result.
    pub(super) version: u64,
    pub(super) sockets: Vec<Socket>,
}

/// What the search has found.
pub(super) struct FoundOwners {
    pub(super) owners: Vec<(ServiceId, u64, Attribution)>,
    /// It looked at every process.
    pub(super) is_final: bool,
    /// The processor time that the search of all services took.
    pub(super) everything: Option<Duration>,
    /// Why it is incomplete.
    pub(super) fault: Option<PartialError>,
}

/// Where the results come. An error ends the search.
pub(super) type FoundReceiver = mpsc::UnboundedReceiver<Result<FoundOwners>>;

/// The search, as its user sees it; it ends when this and the receiver are dropped.
pub(super) struct OwnerSearch(Sender<SearchRequest>);

impl OwnerSearch {
    /// Starts the thread. `full`: every fact of a process is wanted; `names`: those of containers are.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub(super) fn start(full: bool, names: bool) -> Result<(Self, FoundReceiver)> {
        let (requests, incoming) = channel();
        let (results, found) = mpsc::unbounded_channel();
        let search = SearchThread::new(full, names, results);
        thread::Builder::new()
            .name("owners".to_owned())
            .spawn(move || search.run(&incoming))
            .map_err(|error| Error::io("start a thread", error, "raise the limit of processes (ulimit -u)"))?;
        Ok((Self(requests), found))
    }

    pub(super) fn request(&self, request: SearchRequest) {
        // If the search has failed, its error is the next result.
        let _ = self.0.send(request);
    }
}

struct SearchThread {
    full: bool,
    /// `None`: not wanted.
    names: Option<ContainerNames>,
    /// What was reported about names that could not be read.
    reported: Vec<PartialError>,
    results: mpsc::UnboundedSender<Result<FoundOwners>>,
    ration: Ration,
    /// Requests whose most likely holders were not looked at.
    fresh: Vec<SearchRequest>,
    /// Requests whose children were not looked at.
    families: Vec<SearchRequest>,
    /// Requests for the next pass.
    waiting: Vec<SearchRequest>,
    pass: Option<Pass>,
    /// The last holders found, the latest one last.
    recent: VecDeque<u32>,
    /// When each process was first listed,
    first_seen: HashMap<u32, Instant, FixedState>,
    /// and its number of descriptors at the last search for new services.
    descriptors: HashMap<u32, i64, FixedState>,
}

/// A visit of all processes.
struct Pass {
    services: Vec<SearchedService>,
    /// New services that came while it runs: the processes that are still to be visited may hold them.
    late: Vec<SearchedService>,
    /// New services for which no holder was reported.
    unreported: HashSet<ServiceId, FixedState>,
    groups: SocketGroups,
    inodes: Inodes,
    walk: Walk,
    /// Processes to visit, the next one last.
    left: Vec<u32>,
    cost: Duration,
    is_first: bool,
    has_everything: bool,
}

impl SearchThread {
    fn new(full: bool, names: bool, results: mpsc::UnboundedSender<Result<FoundOwners>>) -> Self {
        let ration = Ration::new(Instant::now());

        Self {
            full,
            names: names.then(ContainerNames::default),
            reported: Vec::new(),
            results,
            ration,
            fresh: Vec::new(),
            families: Vec::new(),
            waiting: Vec::new(),
            pass: None,
            recent: VecDeque::new(),
            first_seen: HashMap::default(),
            descriptors: HashMap::default(),
        }
    }

    fn run(mut self, requests: &Receiver<SearchRequest>) {
        if let Ok(walk) = Walk::open()
            && let Ok(pids) = walk.pids()
        {
            self.descriptors = walk.descriptors_of(&pids);
        }

        while self.take_requests(requests) {
            let before = thread_time();
            let is_free = self.pass.as_ref().is_some_and(|pass| pass.is_first);
            if let Err(error) = self.step() {
                let _ = self.results.send(Err(unreadable(error)));
                return;
            }
            if !is_free {
                self.ration.spend(thread_time().saturating_sub(before), Instant::now());
            }
        }
    }

    /// Waits until there is work, and for the ration; `false` once nothing waits for results any more.
    fn take_requests(&mut self, requests: &Receiver<SearchRequest>) -> bool {
        loop {
            let has_requests = !(self.fresh.is_empty() && self.families.is_empty() && self.waiting.is_empty());
            let is_idle = !has_requests && self.pass.is_none();
            let is_free = self.pass.as_ref().is_some_and(|pass| pass.is_first);
            let delay = if is_free { Duration::ZERO } else { self.ration.delay(Instant::now()) };

            let request = if is_idle {
                requests.recv().ok()
            } else if delay.is_zero() {
                match requests.try_recv() {
                    Ok(request) => Some(request),
                    Err(TryRecvError::Empty) => return !self.results.is_closed(),
                    Err(TryRecvError::Disconnected) => None,
                }
            } else {
                match requests.recv_timeout(delay) {
                    Ok(request) => Some(request),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            };

            match request {
                Some(request) => match request.kind {
                    SearchKind::New => self.fresh.push(request),
                    SearchKind::Children => self.families.push(request),
                    SearchKind::First | SearchKind::Again | SearchKind::Everything => self.waiting.push(request),
                },
                None => return false,
            }
        }
    }

    /// One piece of each kind of work, so that neither waits for the other for long.
    fn step(&mut self) -> io::Result<()> {
        // Together, so that a crowd of processes is listed once for all of them.
        if let Some(request) = SearchRequest::merge(self.fresh.drain(..)) {
            self.visit_likely(&request)?;
            if let Some(pass) = &mut self.pass {
                pass.join(&request);
            }
            self.waiting.push(request);
        }

        for request in std::mem::take(&mut self.families) {
            self.visit_children(request)?;
        }

        let mut pass = match self.pass.take() {
            Some(pass) => pass,
            None if self.waiting.is_empty() => return Ok(()),
            None => Pass::begin(std::mem::take(&mut self.waiting))?,
        };
        if self.advance(&mut pass)? {
            self.finish(pass)?;
        } else {
            self.pass = Some(pass);
        }
        Ok(())
    }

    /// Looks whether new children of known holders hold the services too; these are searched again.
    fn visit_children(&mut self, request: SearchRequest) -> io::Result<()> {
        let SearchRequest { mut services, mut named, .. } = request;
        named.truncate(MAX_NAMED);
        let sockets = services.iter().flat_map(|service| &service.sockets);
        let inodes: Inodes = sockets.map(|socket| (socket.inode, false)).collect();

        let mut walk = Walk::open()?;
        walk.visit(&named, &WalkRequest { inodes: &inodes, full: false, threads: 1, stop: &|| false });
        services.retain(|service| service.sockets.iter().any(|socket| walk.has_holder(socket.inode)));
        if !services.is_empty() {
            self.waiting.push(SearchRequest { kind: SearchKind::Again, services, named: Vec::new() });
        }
        Ok(())
    }

    /// Looks for the owners of new services where they most likely are.
    fn visit_likely(&mut self, request: &SearchRequest) -> io::Result<()> {
        let groups = SocketGroups::of(request.services.iter().flat_map(|service| &service.sockets));
        let inodes = groups.inodes(request.services.iter().flat_map(|service| &service.sockets));
        let mut walk = Walk::open()?;
        let walk_request = self.walk_request(&inodes, 1);
        for &pid in request.named.iter().take(MAX_NAMED).chain(self.recent.iter().rev()) {
            if has_all_holders(&walk, request) {
                break;
            }
            if !walk.has_visited(pid) {
                walk.visit(&[pid], &walk_request);
            }
        }

        // With thousands of processes, listing them costs more than looking into a few of them.
        if !has_all_holders(&walk, request) {
            let pids = walk.pids()?;
            let changed = self.changed(&walk, &pids);
            let young = self.young(pids);
            let mut pids = likely(&changed, &groups.processes(), &young, last_pid());
            pids.retain(|pid| !walk.has_visited(*pid));
            walk.visit(&pids, &walk_request);
        }

        let found = request.services.iter().filter(|service| has_holders(&walk, service)).collect();
        self.report_first(found, walk, &groups);
        Ok(())
    }

    /// The processes among these whose number of descriptors has changed since the last call: one of them may have opened a
    /// socket.
    fn changed(&mut self, walk: &Walk, pids: &[u32]) -> Vec<u32> {
        let now = walk.descriptors_of(pids);
        let pids = pids.iter().copied();
        let changed =
            pids.filter(|pid| self.descriptors.get(pid).is_some_and(|before| now.get(pid) != Some(before))).collect();
        self.descriptors = now;
        changed
    }

    /// The processes among these that are new. Older ones are no more likely to open a socket than any other.
    fn young(&mut self, mut pids: Vec<u32>) -> Vec<u32> {
        let now = Instant::now();
        let mut first_seen = HashMap::default();
        for &pid in &pids {
            first_seen.insert(pid, self.first_seen.get(&pid).copied().unwrap_or(now));
        }
        self.first_seen = first_seen;
        pids.retain(|pid| self.first_seen.get(pid).is_some_and(|since| now.saturating_duration_since(*since) < YOUNG));
        pids
    }

    /// Visits some more processes; whether these were the last ones.
    fn advance(&mut self, pass: &mut Pass) -> io::Result<bool> {
        let before = thread_time();
        let (chunk, threads) = if pass.is_first { (usize::MAX, MAX_THREADS) } else { (CHUNK, 1) };
        let mut pids = pass.left.split_off(pass.left.len().saturating_sub(chunk));
        pids.reverse();
        let request = self.walk_request(&pass.inodes, threads);
        pass.walk.visit(&pids, &request);

        let is_over = pass.left.is_empty();
        if is_over {
            pass.walk.finish(&request)?;
        }
        self.report_new(pass);
        pass.cost += thread_time().saturating_sub(before);
        Ok(is_over)
    }

    /// Reports new services whose first holders were just found.
    fn report_new(&mut self, pass: &mut Pass) {
        let Pass { services, late, unreported, walk, groups, .. } = pass;
        if unreported.is_empty() {
            return;
        }
        let is_found = |service: &&SearchedService| unreported.contains(&service.id) && has_holders(walk, service);
        let found: Vec<&SearchedService> = services.iter().chain(&*late).filter(is_found).collect();
        if !found.is_empty() {
            unreported.retain(|id| found.iter().all(|service| service.id != *id));
            self.report_first(found, walk.so_far(), groups);
        }
    }

    /// Reports the first holders of new services.
    fn report_first(&mut self, services: Vec<&SearchedService>, walk: Walk, groups: &SocketGroups) {
        if services.is_empty() {
            return;
        }
        let mut owners = Owners::of_walk(walk, self.full, groups.clone(), &Users::read());
        let mut found = FoundOwners { owners: Vec::new(), is_final: false, everything: None, fault: None };

        for service in services {
            let mut owner =
                Attribution { is_complete: false, ..owners.attribute(&service.sockets.iter().collect::<Vec<_>>()) };
            self.name_container(&mut owner);
            self.remember(&owner);
            found.owners.push((service.id.clone(), service.version, owner));
        }
        self.send(found);

        self.report_unnamed();
    }

    fn remember(&mut self, owner: &Attribution) {
        let [process] = &*owner.processes else { return };
        self.recent.retain(|&pid| pid != process.pid);
        self.recent.push_back(process.pid);
        if self.recent.len() > MAX_RECENT {
            self.recent.pop_front();
        }
    }

    /// Reports the result of a whole pass.
    fn finish(&mut self, pass: Pass) -> io::Result<()> {
        let Pass { services, groups, walk, cost, has_everything, .. } = pass;
        let mut owners = Owners::of_walk(walk, self.full, groups, &Users::read());
        let fault = owners.unfinished.map(unfinished);
        let attribute = |service: SearchedService| {
            let mut owner = owners.attribute(&service.sockets.iter().collect::<Vec<_>>());
            self.name_container(&mut owner);
            self.remember(&owner);
            (service.id, service.version, owner)
        };

        let found = services.into_iter().map(attribute).collect();
        self.send(FoundOwners { owners: found, is_final: true, everything: has_everything.then_some(cost), fault });
        self.report_unnamed();
        Ok(())
    }

    fn name_container(&mut self, owner: &mut Attribution) {
        if let Some(names) = &mut self.names {
            names.describe(&mut owner.member);
        }
    }

    /// Reports once why names of containers could not be read.
    fn report_unnamed(&mut self) {
        let names = self.names.iter();
        let causes: Vec<PartialError> = names.flat_map(|names| names.errors().chain(names.limits())).cloned().collect();
        for cause in &causes {
            if !self.reported.contains(cause) {
                let fault = Some(cause.clone());
                self.send(FoundOwners { owners: Vec::new(), is_final: false, everything: None, fault });
            }
        }
        self.reported = causes;
    }

    fn send(&self, found: FoundOwners) {
        // The watch may have ended.
        let _ = self.results.send(Ok(found));
    }

    fn walk_request<'a>(&self, inodes: &'a Inodes, threads: usize) -> WalkRequest<'a> {
        WalkRequest { inodes, full: self.full, threads, stop: &|| false }
    }
}

impl Pass {
    /// A pass for all of these requests.
    fn begin(requests: Vec<SearchRequest>) -> io::Result<Self> {
        let mut unreported = HashSet::default();
        let mut services = HashMap::<ServiceId, SearchedService, FixedState>::default();
        let is_first = requests.iter().any(|request| request.kind == SearchKind::First);
        let has_everything = is_first || requests.iter().any(|request| request.kind == SearchKind::Everything);
        for SearchRequest { kind, services: wanted, .. } in requests {
            for service in wanted {
                if kind == SearchKind::New {
                    unreported.insert(service.id.clone());
                }
                // The latest version counts.
                if services.get(&service.id).is_none_or(|known| known.version <= service.version) {
                    services.insert(service.id.clone(), service);
                }
            }
        }

        let services: Vec<SearchedService> = services.into_values().collect();
        let groups = SocketGroups::of(services.iter().flat_map(|service| &service.sockets));
        let inodes = groups.inodes(services.iter().flat_map(|service| &service.sockets));
        let walk = Walk::open()?;
        let pids = walk.pids()?;

        let mut left = if unreported.is_empty() {
            pids
        } else {
            let new = services.iter().filter(|service| unreported.contains(&service.id));
            let uids: HashSet<u32> = new.flat_map(|service| &service.sockets).filter_map(|socket| socket.uid).collect();
            let user_of = walk.users_of(&pids);
            in_order(pids, last_pid(), |pid| user_of.get(&pid).is_some_and(|uid| uids.contains(uid)))
        };
        left.reverse();
        let (late, cost) = (Vec::new(), Duration::ZERO);
        Ok(Self { services, late, unreported, groups, inodes, walk, left, cost, is_first, has_everything })
    }

    /// Looks for the first holders of new services too.
    fn join(&mut self, request: &SearchRequest) {
        for service in request.services.iter().take(MAX_LATE.saturating_sub(self.late.len())) {
            self.inodes.extend(service.sockets.iter().map(|socket| (socket.inode, true)));
            self.unreported.insert(service.id.clone());
            self.late.push(service.clone());
        }
    }
}

impl SearchRequest {
    /// One request for new services in place of several; the latest version of a service counts. `None`: there are none.
    fn merge(requests: impl Iterator<Item = Self>) -> Option<Self> {
        let mut services = HashMap::<ServiceId, SearchedService, FixedState>::default();
        let mut named = Vec::new();
        for request in requests {
            named.splice(0..0, request.named);
            services.extend(request.services.into_iter().map(|service| (service.id.clone(), service)));
        }
        let services: Vec<SearchedService> = services.into_values().collect();
        (!services.is_empty()).then_some(Self { kind: SearchKind::New, services, named })
    }
}

fn has_all_holders(walk: &Walk, request: &SearchRequest) -> bool {
    request.services.iter().all(|service| has_holders(walk, service))
}

/// Whether a holder of each of its sockets was found.
fn has_holders(walk: &Walk, service: &SearchedService) -> bool {
    service.sockets.iter().all(|socket| walk.has_holder(socket.inode))
}

/// The process id that was given last, in our namespace: the last field of `0.20 0.18 0.12 1/80 11206`.
fn last_pid() -> u32 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().last().and_then(|pid| pid.parse().ok()).unwrap_or(u32::MAX)
}

/// Processor time of the calling thread. While it is stopped, or waits for a processor, work takes long and costs nothing.
pub(super) fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: u64, ids: &[&str], named: &[u32]) -> SearchRequest {
        let services =
            ids.iter().map(|id| SearchedService { id: (*id).to_owned().into(), version, sockets: Vec::new() });
        SearchRequest { kind: SearchKind::New, services: services.collect(), named: named.to_vec() }
    }

    #[test]
    fn requests_that_came_meanwhile_are_one() {
        assert!(SearchRequest::merge(std::iter::empty()).is_none());
        let requests = [request(1, &["a", "b"], &[5]), request(2, &["b", "c"], &[9, 8])];
        let SearchRequest { kind, mut services, named } = SearchRequest::merge(requests.into_iter()).unwrap();
        services.sort_by(|a, b| a.id.cmp(&b.id));
        let services: Vec<(&str, u64)> =
            services.iter().map(|service| (service.id.as_raw(), service.version)).collect();
        assert_eq!((kind, services), (SearchKind::New, vec![("a", 1), ("b", 2), ("c", 2)]));
        assert_eq!(named, [9, 8, 5], "the latest first");
    }
}
