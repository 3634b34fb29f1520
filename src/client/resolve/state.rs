//! The state of a resolver: what the registry said last, what calls have shown, and the set that follows from both.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::call::{Call, CallFlags};
use super::changes::{ChangeFeed, ChangeReceiver};
use super::counts::{EndpointCounts, PickError};
use super::ejection::{EjectionEvent, EjectionOptions};
use super::filters::{EndpointFilters, stays_in_zone};
use super::members::{Member, MemberContext, MemberRecords, OutcomeSink};
use super::pick_set::{PickSet, SetStatus};
use crate::balance::{Backend, Backends, Balancer, PickKey};
use crate::catalog::Snapshot;
use crate::engine::{Clock, Retry, saturating_nanos};
use crate::model::{Endpoint, PartialError};

/// What a resolver does if no endpoint is healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllUnhealthy {
    /// Nothing gets calls.
    #[default]
    None,
    /// All get calls, as if they were healthy.
    All,
    /// Those that were healthy last get calls, even if the registry no longer lists them.
    LastGood,
}

impl AllUnhealthy {
    /// Its name in settings: `last_good`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::LastGood => "last_good",
        }
    }
}

/// What a resolver was asked for.
#[derive(Debug)]
pub(super) struct ResolverRules {
    pub(super) filters: EndpointFilters,
    pub(super) balancer: Arc<dyn Balancer>,
    pub(super) ejection: EjectionOptions,
    pub(super) on_all_unhealthy: AllUnhealthy,
    pub(super) clock: Clock,
}

/// The state of a resolver.
#[derive(Debug)]
pub(super) struct ResolverState {
    service: Arc<str>,
    rules: ResolverRules,
    set: ArcSwap<PickSet>,
    known: Mutex<KnownMembers>,
    /// Changes with the set.
    published: watch::Sender<()>,
    changes: Arc<ChangeFeed>,
    this: Weak<Self>,
}

/// What the set is made from.
#[derive(Debug, Default)]
struct KnownMembers {
    endpoints: Vec<Arc<Endpoint>>,
    /// The healthy endpoints of the last set that had any.
    last_good: Vec<Arc<Endpoint>>,
    records: MemberRecords,
    status: SetStatus,
    stale: Option<Arc<PartialError>>,
}

impl ResolverState {
    pub(super) fn new(service: &str, rules: ResolverRules) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            service: service.into(),
            rules,
            set: ArcSwap::default(),
            known: Mutex::default(),
            published: watch::Sender::new(()),
            changes: Arc::new(ChangeFeed::new(service)),
            this: this.clone(),
        })
    }

    pub(super) fn service(&self) -> &Arc<str> {
        &self.service
    }

    pub(super) fn set(&self) -> Arc<PickSet> {
        self.set.load_full()
    }

    /// Notified with every new set.
    pub(super) fn published(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }

    /// The changes from now on, which begin with the present endpoints.
    pub(super) fn changes(&self) -> ChangeReceiver {
        ChangeFeed::subscribe(&self.changes)
    }

    /// The number of watches.
    pub(super) fn watches(&self) -> usize {
        self.changes.receivers()
    }

    /// Takes over what the registry says.
    pub(super) fn update(&self, snapshot: &Snapshot) {
        let mut known = self.known.lock();
        let stale = snapshot.stale().cloned().map(Arc::new);
        known.status = match (snapshot.is_synced(), &stale) {
            (true, _) => SetStatus::Ready,
            (false, Some(error)) => SetStatus::Unavailable(Arc::clone(error)),
            (false, None) => SetStatus::NotReady,
        };
        known.stale = stale;

        let services = snapshot.services().iter().filter(|service| service.has_name(&self.service));
        known.endpoints = unique(services.flat_map(|service| &service.endpoints));
        self.publish(&mut known);
    }

    /// Makes a new set.
    fn publish(&self, known: &mut KnownMembers) {
        let set = Arc::new(self.build(known));
        // Events follow the set, so that a watch that reads the set never finds an older one.
        self.set.store(Arc::clone(&set));
        self.changes.publish(&set);
        self.published.send_replace(());
    }

    fn build(&self, known: &mut KnownMembers) -> PickSet {
        let filters = &self.rules.filters;
        let mut counts = EndpointCounts::default();
        let matching: Vec<Arc<Endpoint>> =
            filters.matching(&known.endpoints, &mut counts).into_iter().map(Arc::clone).collect();
        let healthy: Vec<Arc<Endpoint>> =
            matching.iter().filter(|endpoint| filters.is_healthy(endpoint)).map(Arc::clone).collect();
        counts.usable = healthy.len();
        let in_zone = matching.iter().filter(|endpoint| filters.is_near(endpoint)).count();

        let (usable, is_fallback) = self.usable(known, healthy, &matching);
        let context = self.member_context();
        let members: Vec<Arc<Member>> =
            usable.iter().map(|endpoint| known.records.member(endpoint, &context)).collect();
        known.records.retain(known.endpoints.iter().chain(&known.last_good));

        let (members, left_out) = known.records.split_off_ejected(members, &self.rules.ejection);
        counts.breaker_open = left_out.len();
        let next_trial = known.records.next_trial(&left_out).map_or(u64::MAX, |(at, _)| saturating_nanos(at));

        let members = self.near(members, in_zone);
        let backends = members.iter().map(|member| Backend {
            id: Arc::clone(&member.key),
            weight: member.endpoint.weight.unwrap_or(1),
            load: Arc::clone(&member.load),
        });
        let is_split = members.iter().any(|member| is_of_split(&member.endpoint));
        let backends = Backends::new(backends.collect(), self.rules.clock.clone()).split(is_split);
        // Clients that start together must not all begin with the same endpoint; the shift leaves the count room.
        let backends = backends.starting_at(Retry::random_seed() >> 1);

        PickSet {
            status: known.status.clone(),
            stale: known.stale.clone(),
            counts,
            is_fallback,
            picker: Some(self.rules.balancer.picker(&backends)),
            members: members.into(),
            left_out: left_out.into(),
            next_trial: AtomicU64::new(next_trial),
            matching,
        }
    }

    fn member_context(&self) -> MemberContext<'_> {
        let outcomes: Weak<Self> = Weak::clone(&self.this);
        let balancer = &self.rules.balancer;
        MemberContext {
            clock: &self.rules.clock,
            measures_latency: balancer.uses_latency(),
            counts_calls: balancer.uses_load(),
            outcomes,
        }
    }

    /// The endpoints that calls may go to, and whether these are not the healthy ones.
    fn usable(
        &self,
        known: &mut KnownMembers,
        healthy: Vec<Arc<Endpoint>>,
        matching: &[Arc<Endpoint>],
    ) -> (Vec<Arc<Endpoint>>, bool) {
        if !healthy.is_empty() {
            known.last_good.clone_from(&healthy);
            return (healthy, false);
        }

        match self.rules.on_all_unhealthy {
            AllUnhealthy::None => (healthy, false),
            AllUnhealthy::All => (matching.to_vec(), true),
            AllUnhealthy::LastGood => (known.last_good.clone(), true),
        }
    }

    /// The members in the preferred zone, if enough of its `in_zone` endpoints can take calls; otherwise all.
    fn near(&self, members: Vec<Arc<Member>>, in_zone: usize) -> Vec<Arc<Member>> {
        let filters = &self.rules.filters;
        let near: Vec<Arc<Member>> =
            members.iter().filter(|member| filters.is_near(&member.endpoint)).map(Arc::clone).collect();

        let stays = near.len() < members.len() && stays_in_zone(near.len(), in_zone);
        if stays { near } else { members }
    }

    /// Picks an endpoint from the present set.
    pub(super) fn try_pick(&self, key: PickKey<'_>) -> Result<Call, PickError> {
        let set = self.set.load();
        let next_trial = set.next_trial.load(Ordering::Relaxed);
        if next_trial != u64::MAX
            && let Some(call) = self.try_trial(&set, next_trial)
        {
            return Ok(call);
        }

        match set.pick(key) {
            Some(member) => Ok(Call::start(Arc::clone(member), set.flags())),
            None => Err(set.error(&self.service)),
        }
    }

    /// Gives a call to an endpoint that was left out, if its time has come.
    #[cold]
    fn try_trial(&self, set: &PickSet, next_trial: u64) -> Option<Call> {
        let now = self.rules.clock.now();
        if saturating_nanos(now) < next_trial {
            return None;
        }

        let mut known = self.known.lock();
        let (at, member) = known.records.next_trial(&set.left_out)?;
        let member = Arc::clone(member);
        // Another call may have taken this one meanwhile.
        let is_due =
            at <= now && known.records.record(&member.key, EjectionEvent::TrialStarted, now, &self.rules.ejection);
        let next = known.records.next_trial(&set.left_out).map_or(u64::MAX, |(at, _)| saturating_nanos(at));
        set.next_trial.store(next, Ordering::Relaxed);

        let flags = CallFlags { is_trial: true, ..set.flags() };
        is_due.then(|| Call::start(member, flags))
    }
}

impl OutcomeSink for ResolverState {
    #[cold]
    fn record(&self, key: &str, event: EjectionEvent) {
        let mut known = self.known.lock();
        if known.records.record(key, event, self.rules.clock.now(), &self.rules.ejection) {
            self.publish(&mut known);
        }
    }
}

/// Endpoints in the order of their addresses, each address once: what several registrations claim is called once.
fn unique<'e>(endpoints: impl Iterator<Item = &'e Endpoint>) -> Vec<Arc<Endpoint>> {
    let mut all: Vec<(String, &Endpoint)> = endpoints.map(|endpoint| (endpoint.to_string(), endpoint)).collect();
    // The usable one of an address comes first.
    all.sort_by(|(one, a), (other, b)| one.cmp(other).then(b.is_usable().cmp(&a.is_usable())));

    let mut seen = HashSet::new();
    all.retain(|(address, _)| seen.insert(address.clone()));
    all.into_iter().map(|(_, endpoint)| Arc::new(endpoint.clone())).collect()
}

/// Whether the registry splits the traffic of its service: the weights then hold for every strategy.
fn is_of_split(endpoint: &Endpoint) -> bool {
    endpoint.instance.as_ref().is_some_and(|instance| instance.own_weight.is_some())
}
