//! Identification of the services of a watch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;

use super::notes::local_error;
use super::reach::{Reach, Reacher, can_be_probed};
use crate::model::{Endpoint, Identity, LocalDetail, Process, Service, ServiceId, Untrusted, Update};
use crate::probe::{IdentifyPool, IdentifyResult, PortTarget, SkipReason};

/// The services of a watch. Each endpoint is probed once, and again when another program may have taken its place.
#[derive(Default)]
pub(super) struct IdentifyWatch {
    services: HashMap<ServiceId, KnownService>,
    /// The service of each endpoint number.
    owners: HashMap<u64, ServiceId>,
    /// Endpoints that wait for room in the pool, in the order in which they appeared.
    waiting: BTreeMap<u64, PortTarget>,
    /// The last endpoint number.
    last: u64,
    /// Whether to leave out the guess from the port number while an identity is pending.
    guessless: bool,
}

/// A service as its source reports it, and the state of each of its endpoints, in the same order.
struct KnownService {
    service: Service,
    tracks: Vec<EndpointTrack>,
}

struct EndpointTrack {
    /// Identifies its result; never reused.
    number: u64,
    /// Whether it can be probed; a source may list a closed port.
    probeable: bool,
    /// Whether its result is pending.
    pending: bool,
    /// The processes that held it when it was probed, if known.
    holders: Arc<[Arc<Process>]>,
    identity: Option<Box<Identity>>,
}

impl IdentifyWatch {
    /// An empty watch. `guessless`: leave out guesses, because checks would rely on them.
    pub(super) fn new(guessless: bool) -> Self {
        Self { guessless, ..Self::default() }
    }

    /// Takes updates of the source and returns them with the known identities.
    pub(super) fn add_identities(&mut self, updates: Vec<Update>) -> Vec<Update> {
        // Fresh each time, because network namespaces come and go too.
        let mut reacher = Reacher::default();
        updates.into_iter().map(|update| self.add_identity(update, &mut reacher)).collect()
    }

    fn add_identity(&mut self, update: Update, reacher: &mut Reacher) -> Update {
        match update {
            Update::Reset(services) => {
                let named: HashSet<&ServiceId> = services.iter().map(|service| &service.id).collect();
                let gone = self.services.keys().filter(|id| !named.contains(id));
                gone.cloned().collect::<Vec<_>>().iter().for_each(|id| self.forget(id));
                Update::Reset(services.into_iter().map(|service| self.learn(service, reacher)).collect())
            }
            Update::Upsert(service) => Update::Upsert(self.learn(service, reacher)),
            Update::Remove(id) => {
                self.forget(&id);
                Update::Remove(id)
            }
            other @ (Update::PartialError(_) | Update::Recovered(_)) => other,
        }
    }

    /// Takes identification results and returns the updates. A service with several endpoints is reported when the last of
    /// them is done.
    pub(super) fn record(&mut self, results: impl Iterator<Item = IdentifyResult>) -> Vec<Update> {
        let (mut updates, mut touched) = (Vec::new(), BTreeSet::new());
        for IdentifyResult { key: (number, _), identity } in results {
            // The endpoint has gone or was replaced: its result is obsolete.
            let Some(id) = self.owners.get(&number) else { continue };
            let Some(KnownService { service, tracks }) = self.services.get_mut(id) else { continue };
            let mut both = service.endpoints.iter().zip(tracks);
            let Some((endpoint, track)) = both.find(|(_, track)| track.number == number) else { continue };
            track.pending = false;
            match identity {
                Ok(identity) => track.identity = identity.map(Box::new),
                // The source reports it when the service is gone.
                Err(SkipReason::Gone | SkipReason::Spared) => {}
                Err(SkipReason::Local(error)) => updates.push(Update::PartialError(local_error(endpoint, &error))),
            }
            touched.insert(id);
        }

        let known = touched.into_iter().filter_map(|id| self.services.get(id));
        let whole = known.filter(|known| !known.tracks.iter().any(|track| track.pending));
        updates.extend(whole.map(|known| Update::Upsert(known.item(self.guessless))));
        updates
    }

    /// Starts the waiting probes for which the pool has room.
    pub(super) fn start_waiting(&mut self, pool: &IdentifyPool) {
        while let Some(next) = self.waiting.first_entry() {
            if !pool.try_ask((*next.key(), 0), next.get()) {
                return;
            }
            next.remove();
        }
    }

    /// Records a service as its source reports it now, and returns it with the known identities.
    fn learn(&mut self, service: Service, reacher: &mut Reacher) -> Service {
        let known = self.services.remove(&service.id);
        let has_same_end = known.as_ref().is_some_and(|known| end_of(&known.service) == end_of(&service));
        let mut old: Vec<(Endpoint, EndpointTrack)> = match known {
            Some(KnownService { service, tracks }) => service.endpoints.into_iter().zip(tracks).collect(),
            None => Vec::new(),
        };
        let holders = service.detail.downcast_ref::<LocalDetail>().map(|local| Arc::clone(&local.processes));
        let holders = holders.unwrap_or_default();

        let mut tracks = Vec::new();
        for endpoint in &service.endpoints {
            let probeable = can_be_probed(&service, endpoint);
            let before = old.iter().position(|(old, _)| is_same_place(old, endpoint)).map(|at| old.remove(at).1);
            tracks.push(match before {
                Some(mut track)
                    if track.probeable == probeable
                        && has_same_end
                        && shares(&track.holders, &holders, is_same_process)
                        // Its owner was pending, and turns out to be this process.
                        && !(track.holders.is_empty() && is_own(&holders)) =>
                {
                    if track.holders.is_empty() {
                        track.holders = Arc::clone(&holders);
                    }
                    track
                }
                before => {
                    // A restarted program most likely has the same identity.
                    let restarted = before.as_ref().filter(|track| {
                        let is_same = has_same_end && shares(&track.holders, &holders, is_same_program);
                        track.probeable && probeable && is_same
                    });
                    let identity = restarted.and_then(|track| track.identity.clone());
                    self.forget_tracks(before.iter());
                    self.start(&service, endpoint, &holders, identity, reacher)
                }
            });
        }

        self.forget_tracks(old.iter().map(|(_, track)| track));
        let known = KnownService { service, tracks };
        let item = known.item(self.guessless);
        self.services.insert(item.id.clone(), known);
        item
    }

    /// Queues a probe of an endpoint, if it can be probed.
    fn start(
        &mut self,
        service: &Service,
        endpoint: &Endpoint,
        holders: &Arc<[Arc<Process>]>,
        identity: Option<Box<Identity>>,
        reacher: &mut Reacher,
    ) -> EndpointTrack {
        self.last += 1;
        let number = self.last;
        // Our own probes' sockets may be listed before they are connected.
        let reach = if is_own(holders) { Reach::Not(None) } else { reacher.reach(service, endpoint) };

        let pending = matches!(reach, Reach::To(_));
        if let Reach::To(target) = reach {
            self.owners.insert(number, service.id.clone());
            self.waiting.insert(number, target);
        }

        EndpointTrack {
            number,
            probeable: can_be_probed(service, endpoint),
            pending,
            holders: Arc::clone(holders),
            identity,
        }
    }

    fn forget(&mut self, id: &ServiceId) {
        let gone = self.services.remove(id);
        self.forget_tracks(gone.iter().flat_map(|known| &known.tracks));
    }

    /// Drops endpoints, so that their results are ignored.
    fn forget_tracks<'t>(&mut self, tracks: impl Iterator<Item = &'t EndpointTrack>) {
        for EndpointTrack { number, .. } in tracks {
            self.owners.remove(number);
            self.waiting.remove(number);
        }
    }
}

impl KnownService {
    /// The service with the identities of its endpoints.
    fn item(&self, guessless: bool) -> Service {
        let mut service = self.service.clone();
        for (endpoint, track) in service.endpoints.iter_mut().zip(&self.tracks) {
            if let Some(identity) = &track.identity {
                endpoint.identity = Some(identity.clone());
            } else if guessless && track.pending {
                endpoint.port_service = None;
            }
        }
        service
    }
}

/// Whether both describe the same endpoint and the same instance behind it.
fn is_same_place(a: &Endpoint, b: &Endpoint) -> bool {
    (&a.address, a.port, a.transport, &a.interface) == (&b.address, b.port, b.transport, &b.interface)
        && pod_of(a) == pod_of(b)
}

/// Where rules of the firewall lead a published port.
fn end_of(service: &Service) -> Option<SocketAddr> {
    service.detail.downcast_ref::<LocalDetail>()?.own_end()
}

fn pod_of(endpoint: &Endpoint) -> Option<&Untrusted> {
    endpoint.instance.as_ref().and_then(|instance| instance.pod.as_ref())
}

fn is_own(holders: &[Arc<Process>]) -> bool {
    holders.iter().any(|holder| holder.pid == process::id())
}

/// Whether any earlier process is still there; also true if the processes are unknown. Worker processes that a server starts
/// and ends make no difference.
fn shares(then: &[Arc<Process>], now: &[Arc<Process>], is_same: fn(&Process, &Process) -> bool) -> bool {
    then.is_empty() || now.is_empty() || then.iter().any(|then| now.iter().any(|now| is_same(then, now)))
}

fn is_same_process(a: &Process, b: &Process) -> bool {
    let started = a.started.zip(b.started).is_none_or(|(a, b)| a == b);
    a.pid == b.pid && started && is_same_program(a, b)
}

/// Compares the executables if known, because a process may change its name.
fn is_same_program(a: &Process, b: &Process) -> bool {
    a.exe.as_ref().zip(b.exe.as_ref()).map_or_else(|| a.name == b.name, |(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::model::{Address, OwnerLookup, SocketState, Transport};
    use crate::source::Local;

    /// A port that a rule of the firewall leads to another process.
    fn published(to: &str) -> Update {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let local = Local { ports: Some([port].into_iter().collect()), tcp: true, ..Local::default() };
        let mut detail = local.listing().unwrap().services.remove(0).detail;
        let holder = Process { pid: 1, started: None, ..Process::clone(&detail.processes[0]) };
        detail.processes = [Arc::new(holder)].into();
        (detail.state, detail.owner) = (SocketState::Published, OwnerLookup::Known);
        detail.forwards_to = vec![to.parse().unwrap()];

        let endpoint = Endpoint::new(Address::Ip([0, 0, 0, 0].into()), Some(8080), Transport::Tcp);
        Update::Upsert(Service::new("local/tcp/0.0.0.0:8080", "local", vec![endpoint], detail).erase())
    }

    fn protocol(updates: &[Update]) -> Option<&str> {
        let [Update::Upsert(service)] = updates else { panic!("one service: {updates:?}") };
        service.endpoints[0].identity.as_ref().map(|identity| identity.protocol())
    }

    /// The same process may serve both ends.
    #[test]
    fn a_rule_that_leads_to_another_end_has_another_identity() {
        let mut watch = IdentifyWatch::new(false);
        watch.add_identities(vec![published("172.17.0.2:22")]);
        let identity = Ok(Some(Identity::of("ssh")));
        let known = watch.record(std::iter::once(IdentifyResult { key: (1, 0), identity }));
        assert_eq!(protocol(&known), Some("ssh"));
        watch.waiting.clear();
        assert_eq!(protocol(&watch.add_identities(vec![published("172.17.0.2:22")])), Some("ssh"));
        assert!(watch.waiting.is_empty(), "it is probed once");

        assert_eq!(protocol(&watch.add_identities(vec![published("172.17.0.2:80")])), None);
        let probed: Vec<String> = watch.waiting.values().map(|target| target.address.to_string()).collect();
        assert_eq!(probed, ["172.17.0.2:80"]);
    }
}
