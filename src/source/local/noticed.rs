//! The rule of a watch: what to report of each service, what to search owners for, and when. A pure function of its state,
//! an event and the time; `watcher.rs` does what it says.
//!
//! Noticing never waits for the search for owners. A new service is reported once its owner is known, and within
//! [`ReportDelay`] with a pending owner; then the owner follows as one update.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::FixedState;
use tokio::time::Instant;

use super::owners::Attribution;
use super::socket::Socket;
use crate::model::{OwnerLookup, ServiceId};

/// The sockets of each service.
pub(super) type ServiceSockets = HashMap<ServiceId, Vec<Socket>, FixedState>;

/// What to do next, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Report that a service has ended; `untold`: after reporting it, because that has not been done yet.
    End { id: ServiceId, untold: bool },
    /// Report the current state of a service.
    Report(ServiceId),
    /// Search the owner of a service; the result refers to this version of its sockets.
    Search { id: ServiceId, version: u64 },
}

/// How long a report waits for an owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportDelay {
    /// At the first poll.
    pub(super) first: Duration,
    /// Later.
    pub(super) later: Duration,
}

/// The services that a watch knows.
pub(super) struct NoticedServices {
    services: HashMap<ServiceId, NoticedService, FixedState>,
    /// When a change is reported, whether the owner is known or not.
    due: HashMap<ServiceId, Instant, FixedState>,
    delay: ReportDelay,
    /// Whether owners are requested at all.
    needs_owners: bool,
    last_version: u64,
    has_polled: bool,
}

/// A service, as the last poll listed it.
struct NoticedService {
    sockets: Vec<Socket>,
    /// Grows with each change of its sockets.
    version: u64,
    owner: Attribution,
    is_reported: bool,
}

impl NoticedServices {
    pub(super) fn new(delay: ReportDelay, needs_owners: bool) -> Self {
        Self {
            services: HashMap::default(),
            due: HashMap::default(),
            delay,
            needs_owners,
            last_version: 0,
            has_polled: false,
        }
    }

    /// A poll has listed these services. `is_complete`: those that it did not list have ended.
    pub(super) fn listed(&mut self, services: ServiceSockets, is_complete: bool, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        if is_complete {
            let mut gone: Vec<ServiceId> =
                self.services.keys().filter(|id| !services.contains_key(*id)).cloned().collect();
            gone.sort_unstable();
            actions.extend(gone.iter().flat_map(|id| self.ended(id)));
        }

        let delay = if self.has_polled { self.delay.later } else { self.delay.first };
        self.has_polled = true;
        let mut changed: Vec<(ServiceId, Vec<Socket>)> = services
            .into_iter()
            .filter(|(id, sockets)| self.services.get(id).is_none_or(|known| known.sockets != *sockets))
            .collect();
        changed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (id, sockets) in changed {
            self.change(id, sockets, now + delay, &mut actions);
        }
        actions
    }

    /// A service is new, or its sockets have changed.
    fn change(&mut self, id: ServiceId, sockets: Vec<Socket>, report_by: Instant, actions: &mut Vec<Action>) {
        let status = if self.needs_owners { OwnerLookup::Pending } else { OwnerLookup::NotAsked };
        let unknown = Attribution::without_processes(status);
        let new = match self.services.remove(&id) {
            None => NoticedService { sockets, version: 0, owner: unknown, is_reported: false },
            Some(known) => {
                let (before, after) = (inodes(&known.sockets), inodes(&sockets));
                if before == after {
                    // The same sockets with other properties, held by the same processes.
                    let is_pending = known.owner.status == OwnerLookup::Pending;
                    self.services.insert(id.clone(), NoticedService { sockets, ..known });
                    if !is_pending || !self.due.contains_key(&id) {
                        actions.push(self.report(id));
                    }
                    return;
                }

                let kept = if before.is_disjoint(&after) { unknown } else { known.owner };
                let owner = Attribution { status, is_complete: false, ..kept };
                NoticedService { sockets, version: 0, owner, is_reported: known.is_reported }
            }
        };

        self.last_version += 1;
        let version = self.last_version;
        self.services.insert(id.clone(), NoticedService { version, ..new });
        if self.needs_owners {
            self.due.entry(id.clone()).or_insert(report_by);
            actions.push(Action::Search { id, version });
        } else {
            actions.push(self.report(id));
        }
    }

    fn report(&mut self, id: ServiceId) -> Action {
        self.due.remove(&id);
        if let Some(service) = self.services.get_mut(&id) {
            service.is_reported = true;
        }
        Action::Report(id)
    }

    /// The search found the owner of a version of a service. `is_final`: it looked at every process.
    pub(super) fn attributed(
        &mut self,
        id: &ServiceId,
        version: u64,
        found: Attribution,
        is_final: bool,
    ) -> Vec<Action> {
        let Some(service) = self.services.get_mut(id).filter(|service| service.version == version) else {
            return Vec::new();
        };
        let was_pending = service.owner.status == OwnerLookup::Pending;
        // The first processes found are no news about a service whose owner is known.
        if !is_final && !was_pending {
            return Vec::new();
        }

        service.owner = found;
        // What is not reported yet can still be reported with all of its processes.
        if is_final || !self.due.contains_key(id) { vec![self.report(id.clone())] } else { Vec::new() }
    }

    /// The kernel reported that this service has ended.
    pub(super) fn ended(&mut self, id: &ServiceId) -> Vec<Action> {
        self.due.remove(id);
        let ended = self.services.remove(id).into_iter();
        ended.map(|service| Action::End { id: id.clone(), untold: !service.is_reported }).collect()
    }

    /// The processes of these services have changed.
    pub(super) fn holders_changed(&self, ids: &HashSet<ServiceId>) -> Vec<Action> {
        let known = ids.iter().filter_map(|id| Some((id, self.services.get(id)?)));
        known.map(|(id, service)| Action::Search { id: id.clone(), version: service.version }).collect()
    }

    /// Searches the owners of all services anew.
    pub(super) fn everything(&self) -> Vec<Action> {
        let services = self.services.iter();
        services.map(|(id, service)| Action::Search { id: id.clone(), version: service.version }).collect()
    }

    /// When a report is due whose owner is pending.
    pub(super) fn next_report(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// The reports that are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Action> {
        let mut due: Vec<ServiceId> = self.due.iter().filter(|(_, by)| **by <= now).map(|(id, _)| id.clone()).collect();
        due.sort_unstable();
        due.into_iter().map(|id| self.report(id)).collect()
    }

    /// The owner of a service, as far as it is known.
    pub(super) fn owner(&self, id: &str) -> Option<&Attribution> {
        self.services.get(id).map(|service| &service.owner)
    }

    /// The sockets of a service.
    pub(super) fn sockets(&self, id: &ServiceId) -> &[Socket] {
        self.services.get(id).map(|service| service.sockets.as_slice()).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

fn inodes(sockets: &[Socket]) -> HashSet<u32> {
    sockets.iter().map(|socket| socket.inode).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Process;

    const DELAY: ReportDelay = ReportDelay { first: Duration::from_secs(10), later: Duration::from_millis(100) };
    const INTERVAL: Duration = Duration::from_secs(1);

    fn socket(inode: u32) -> Socket {
        Socket { inode, ..Socket::listening([127, 0, 0, 1].into(), 1) }
    }

    fn listing(services: &[(&str, &[u32])]) -> ServiceSockets {
        services
            .iter()
            .map(|(id, inodes)| ((*id).to_owned().into(), inodes.iter().copied().map(socket).collect()))
            .collect()
    }

    fn owned() -> Attribution {
        let process = Process {
            pid: 7,
            name: "x".into(),
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
        Attribution {
            status: OwnerLookup::Known,
            processes: Arc::new([Arc::new(process)]),
            ..Attribution::without_processes(OwnerLookup::Known)
        }
    }

    fn report(id: &str) -> Action {
        Action::Report(id.to_owned().into())
    }

    /// What a world of services that come and go at these moments sees of a watch whose searches take this long.
    struct Simulation {
        now: Instant,
        noticed: NoticedServices,
        /// By their time: what the search will have found.
        results: BTreeMap<(Instant, u64), (ServiceId, bool)>,
        search: Vec<Duration>,
        searches: usize,
        /// By service: the reports with a pending owner, those with a known one, and the ends; and when it was first reported.
        told: BTreeMap<ServiceId, ([usize; 3], Instant)>,
    }

    impl Simulation {
        fn new(search: Vec<Duration>) -> Self {
            let now = Instant::now();
            let noticed = NoticedServices::new(DELAY, true);
            Self { now, noticed, results: BTreeMap::new(), search, searches: 0, told: BTreeMap::new() }
        }

        fn do_all(&mut self, actions: Vec<Action>) {
            for action in actions {
                match action {
                    Action::Search { id, version } => {
                        self.searches += 1;
                        let takes = self.search[self.searches % self.search.len()];
                        self.results.insert((self.now + takes / 4, version), (id.clone(), false));
                        self.results.insert((self.now + takes, version), (id, true));
                    }
                    Action::Report(id) => {
                        let is_pending = self.noticed.owner(id.as_raw()).unwrap().status == OwnerLookup::Pending;
                        self.told.entry(id).or_insert(([0; 3], self.now)).0[usize::from(!is_pending)] += 1;
                    }
                    Action::End { id, untold } => {
                        let told = self.told.entry(id).or_insert(([0; 3], self.now));
                        told.0[0] += usize::from(untold);
                        told.0[2] += 1;
                    }
                }
            }
        }

        /// Passes what happens until then, in order.
        fn run_until(&mut self, until: Instant) {
            loop {
                let result = self.results.first_key_value().map(|((at, version), _)| (*at, *version));
                let due = self.noticed.next_report().filter(|at| *at <= until);
                match result.filter(|(at, _)| *at <= until && due.is_none_or(|due| *at <= due)) {
                    Some(key) => {
                        self.now = key.0;
                        let (id, is_final) = self.results.remove(&key).unwrap();
                        let actions = self.noticed.attributed(&id, key.1, owned(), is_final);
                        self.do_all(actions);
                    }
                    None if due.is_some() => {
                        self.now = due.unwrap();
                        let actions = self.noticed.due(self.now);
                        self.do_all(actions);
                    }
                    None => return self.now = until,
                }
            }
        }
    }

    #[test]
    fn a_service_whose_owner_is_found_in_time_is_reported_once() {
        let (mut noticed, now) = (NoticedServices::new(DELAY, true), Instant::now());
        let actions = noticed.listed(listing(&[("a", &[1])]), true, now);
        assert_eq!(actions, [Action::Search { id: "a".to_owned().into(), version: 1 }]);
        assert_eq!(noticed.attributed(&"a".to_owned().into(), 1, owned(), false), [], "more may be found");
        assert_eq!(noticed.attributed(&"a".to_owned().into(), 1, owned(), true), [report("a")]);
        assert_eq!(noticed.next_report(), None);
        assert_eq!(noticed.listed(listing(&[("a", &[1])]), true, now), []);
    }

    #[test]
    fn a_result_for_earlier_sockets_is_ignored() {
        let (mut noticed, now) = (NoticedServices::new(DELAY, true), Instant::now());
        noticed.listed(listing(&[("a", &[1])]), true, now);
        noticed.listed(listing(&[("a", &[2])]), true, now);
        assert_eq!(noticed.attributed(&"a".to_owned().into(), 1, owned(), true), []);
        assert_eq!(noticed.due(now + DELAY.first), [report("a")]);
        assert_eq!(noticed.attributed(&"a".to_owned().into(), 2, owned(), false), [report("a")], "the owner follows");
    }

    #[test]
    fn an_incomplete_listing_ends_nothing() {
        let (mut noticed, now) = (NoticedServices::new(DELAY, false), Instant::now());
        assert_eq!(noticed.listed(listing(&[("a", &[1])]), true, now), [report("a")], "no owner was requested");
        assert_eq!(noticed.listed(listing(&[]), false, now), []);
        let end = Action::End { id: "a".to_owned().into(), untold: false };
        assert_eq!(noticed.listed(listing(&[]), true, now), [end]);
    }

    proptest! {
        /// Whatever the search costs, each service that a poll lists is reported in time, its owner in one update at most, and
        /// its end once.
        #[test]
        fn noticing_never_waits_for_the_search(
            lives in prop::collection::vec((1_u64..20, 1_u64..6), 1..40),
            search in prop::collection::vec((0_u64..60_000).prop_map(Duration::from_millis), 1..10),
        ) {
            let mut world = Simulation::new(search);
            let begin = world.now;
            world.do_all(Vec::new());
            let _ = world.noticed.listed(ServiceSockets::default(), true, begin);
            for tick in 1_u64..30 {
                world.run_until(begin + INTERVAL * u32::try_from(tick).unwrap());
                let alive = lives.iter().enumerate().filter(|(_, (from, lasts))| (*from..from + lasts).contains(&tick));
                let alive = alive.map(|(number, _)| (format!("{number:02}"), u32::try_from(number).unwrap()));
                let services = alive.map(|(id, inode)| (id.into(), vec![socket(inode)])).collect();
                let actions = world.noticed.listed(services, true, world.now);
                world.do_all(actions);
            }

            world.run_until(begin + INTERVAL * 30);
            prop_assert_eq!(world.told.len(), lives.len());
            for ((_, ([pending, known, ends], first)), (from, _)) in world.told.iter().zip(&lives) {
                prop_assert_eq!(*ends, 1);
                prop_assert!(*pending <= 1 && *pending + *known >= 1);
                prop_assert!(*first <= begin + INTERVAL * u32::try_from(*from).unwrap() + DELAY.later);
            }
        }
    }
}
