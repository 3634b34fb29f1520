//! What services that are watched were asked, and what they said.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::process;
use std::sync::Arc;

use super::notes::unasked;
use super::reach::{Reach, Reacher, is_askable};
use crate::model::{Endpoint, Identity, LocalDetail, Process, Service, ServiceId, Update};
use crate::probe::{IdentifyPool, IdentifyResult, PortTarget, SkipReason};

/// Services that come and go. Each endpoint is asked once, and once more when another program may have taken its place.
#[derive(Default)]
pub(super) struct IdentifyWatch {
    services: HashMap<ServiceId, KnownService>,
    /// Whose endpoint a number is.
    places: HashMap<u64, ServiceId>,
    /// Endpoints that there was no room for yet, in the order in which they came.
    waiting: BTreeMap<u64, PortTarget>,
    /// The last number that was given.
    last: u64,
    /// Whether to leave out the guess from the port number while an identity is pending.
    guessless: bool,
}

/// A service as its source knows it, and what each of its endpoints said, in their order.
struct KnownService {
    service: Service,
    tracks: Vec<EndpointTrack>,
}

struct EndpointTrack {
    /// What its answer is known by; never given to another.
    number: u64,
    /// Whether it was such as can be asked: a port may be listed that is closed.
    askable: bool,
    /// Whether an answer is to come.
    open: bool,
    /// Who was there when it was asked, where that is known.
    holders: Arc<[Arc<Process>]>,
    identity: Option<Box<Identity>>,
}

impl IdentifyWatch {
    /// Nothing yet. `guessless`: leave out guesses, because checks would rely on them.
    pub(super) fn new(guessless: bool) -> Self {
        Self { guessless, ..Self::default() }
    }

    /// Takes what the source says; what there is to tell, with what is known of each service.
    pub(super) fn hear(&mut self, updates: Vec<Update>) -> Vec<Update> {
        // The namespaces of this machine come and go too.
        let mut reacher = Reacher::default();
        let tell = |update| match update {
            Update::Reset(services) => {
                let named: HashSet<&ServiceId> = services.iter().map(|service| &service.id).collect();
                let gone = self.services.keys().filter(|id| !named.contains(id));
                gone.cloned().collect::<Vec<_>>().iter().for_each(|id| self.forget(id));
                Update::Reset(services.into_iter().map(|service| self.learn(service, &mut reacher)).collect())
            }
            Update::Upsert(service) => Update::Upsert(self.learn(service, &mut reacher)),
            Update::Remove(id) => {
                self.forget(&id);
                Update::Remove(id)
            }
            fault @ Update::PartialError(_) => fault,
        };
        updates.into_iter().map(tell).collect()
    }

    /// Takes identification results and returns the updates. A service with several endpoints is reported when the last of
    /// them is done.
    pub(super) fn take(&mut self, answers: impl Iterator<Item = IdentifyResult>) -> Vec<Update> {
        let (mut updates, mut touched) = (Vec::new(), BTreeSet::new());
        for IdentifyResult { key: (number, _), identity } in answers {
            // The endpoint has gone or was replaced: its result is obsolete.
            let Some(id) = self.places.get(&number) else { continue };
            let Some(KnownService { service, tracks }) = self.services.get_mut(id) else { continue };
            let mut both = service.endpoints.iter().zip(tracks);
            let Some((endpoint, track)) = both.find(|(_, track)| track.number == number) else { continue };
            track.open = false;
            match identity {
                Ok(identity) => track.identity = identity.map(Box::new),
                // If that is so, its source tells.
                Err(SkipReason::Gone | SkipReason::Spared) => {}
                Err(SkipReason::Local(error)) => updates.push(Update::PartialError(unasked(endpoint, &error))),
            }
            touched.insert(id);
        }
        let known = touched.into_iter().filter_map(|id| self.services.get(id));
        let whole = known.filter(|known| !known.tracks.iter().any(|track| track.open));
        updates.extend(whole.map(|known| Update::Upsert(known.item(self.guessless))));
        updates
    }

    /// Hands in what waits, as far as there is room.
    pub(super) fn ask(&mut self, crew: &IdentifyPool) {
        while let Some(next) = self.waiting.first_entry() {
            if !crew.try_ask((*next.key(), 0), next.get()) {
                return;
            }
            next.remove();
        }
    }

    /// Takes in a service as its source describes it now; with what is known of it.
    fn learn(&mut self, service: Service, reacher: &mut Reacher) -> Service {
        let mut old: Vec<(Endpoint, EndpointTrack)> = match self.services.remove(&service.id) {
            Some(KnownService { service, tracks }) => service.endpoints.into_iter().zip(tracks).collect(),
            None => Vec::new(),
        };
        let holders = service.detail.downcast_ref::<LocalDetail>().map(|local| Arc::clone(&local.processes));
        let holders = holders.unwrap_or_default();
        let mut tracks = Vec::new();
        for endpoint in &service.endpoints {
            let askable = is_askable(&service, endpoint);
            let before = old.iter().position(|(old, _)| is_same_place(old, endpoint)).map(|at| old.remove(at).1);
            tracks.push(match before {
                Some(mut track) if track.askable == askable && shares(&track.holders, &holders, is_same_process) => {
                    if track.holders.is_empty() {
                        track.holders = Arc::clone(&holders);
                    }
                    track
                }
                before => {
                    // The same program, begun anew, most likely is what it was.
                    let keeps = |track: &EndpointTrack| {
                        track.askable && askable && shares(&track.holders, &holders, is_same_program)
                    };
                    let identity =
                        before.as_ref().filter(|track| keeps(track)).and_then(|track| track.identity.clone());
                    self.let_go(before.iter());
                    self.begin(&service, endpoint, &holders, identity, reacher)
                }
            });
        }
        self.let_go(old.iter().map(|(_, track)| track));
        let known = KnownService { service, tracks };
        let item = known.item(self.guessless);
        self.services.insert(item.id.clone(), known);
        item
    }

    /// Has an endpoint asked, if it can be.
    fn begin(
        &mut self,
        service: &Service,
        endpoint: &Endpoint,
        holders: &Arc<[Arc<Process>]>,
        identity: Option<Box<Identity>>,
        reacher: &mut Reacher,
    ) -> EndpointTrack {
        self.last += 1;
        let number = self.last;
        // A socket that asks others may be seen before it is bound to whom it asks.
        let is_own = holders.iter().any(|holder| holder.pid == process::id());
        let reach = if is_own { Reach::Not(None) } else { reacher.reach(service, endpoint) };
        let open = matches!(reach, Reach::To(_));
        if let Reach::To(asked) = reach {
            self.places.insert(number, service.id.clone());
            self.waiting.insert(number, asked);
        }
        EndpointTrack { number, askable: is_askable(service, endpoint), open, holders: Arc::clone(holders), identity }
    }

    fn forget(&mut self, id: &ServiceId) {
        let gone = self.services.remove(id);
        self.let_go(gone.iter().flat_map(|known| &known.tracks));
    }

    /// Whatever is said there is of no use any more.
    fn let_go<'t>(&mut self, tracks: impl Iterator<Item = &'t EndpointTrack>) {
        for EndpointTrack { number, .. } in tracks {
            self.places.remove(number);
            self.waiting.remove(number);
        }
    }
}

impl KnownService {
    /// The service with what its endpoints said.
    fn item(&self, guessless: bool) -> Service {
        let mut service = self.service.clone();
        for (endpoint, track) in service.endpoints.iter_mut().zip(&self.tracks) {
            if let Some(identity) = &track.identity {
                endpoint.identity = Some(identity.clone());
            } else if guessless && track.open {
                endpoint.port_service = None;
            }
        }
        service
    }
}

/// Whether two descriptions are of one endpoint, and of one instance behind it.
fn is_same_place(a: &Endpoint, b: &Endpoint) -> bool {
    let pod = |endpoint: &Endpoint| endpoint.instance.as_ref().and_then(|instance| instance.pod.clone());
    (&a.address, a.port, a.transport, &a.interface) == (&b.address, b.port, b.transport, &b.interface)
        && pod(a) == pod(b)
}

/// Whether some process of then is among those of now; where one of them is not known, nothing says otherwise. Those that
/// a server starts and ends as it serves change nothing.
fn shares(then: &[Arc<Process>], now: &[Arc<Process>], is_same: fn(&Process, &Process) -> bool) -> bool {
    then.is_empty() || now.is_empty() || then.iter().any(|then| now.iter().any(|now| is_same(then, now)))
}

fn is_same_process(a: &Process, b: &Process) -> bool {
    let started = a.started.zip(b.started).is_none_or(|(a, b)| a == b);
    a.pid == b.pid && started && is_same_program(a, b)
}

/// By the file that it runs, where that is known: a process may change its name.
fn is_same_program(a: &Process, b: &Process) -> bool {
    a.exe.as_ref().zip(b.exe.as_ref()).map_or_else(|| a.name == b.name, |(a, b)| a == b)
}
