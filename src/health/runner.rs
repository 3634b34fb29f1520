//! One check of one endpoint: retries, the cache, and the lag of this side.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Evidence;
use super::lag::SchedulerLag;
use crate::check::{CheckContext, CheckResult, CheckTarget, LocalFailure, Observation, dns};
use crate::engine::{Cache, CacheOptions, Clock, Key, KeyRef, Retry, RetryDecision};
use crate::model::CheckName;

/// As many answers as are remembered at once.
const MAX_REMEMBERED: u64 = 65_536;
/// Silence that this side slept through is listened to again, until it was asked so often.
const MAX_STALLS: u32 = 3;
/// Silence counts as slept through where this side stalled for such a part of the time that it waited.
const SLEPT_THROUGH: u32 = 2;

/// What asks.
#[derive(Debug)]
pub(super) struct CheckRunner {
    pub(super) kit: CheckContext,
    /// How often silence is asked again.
    pub(super) retries: u32,
    /// How long answers of DNS and TLS are remembered; `None` remembers nothing.
    pub(super) cache_ttl: Option<Duration>,
    remembered: Cache<Key, PastObservation>,
    clock: Clock,
    lateness: SchedulerLag,
}

/// What was seen earlier.
#[derive(Debug)]
struct PastObservation {
    seen: Observation,
    at: Duration,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum CheckRequest<'a> {
    /// Where a name leads.
    Name { name: &'a str, address: Option<IpAddr>, goal_us: u64, port: u16 },
    /// What a check is for.
    Check(CheckName, &'a CheckTarget),
}

impl CheckRequest<'_> {
    /// Whether something has to be done here between the question and the answer. The kernel connects by itself.
    fn needs_our_turns(&self) -> bool {
        !matches!(self, Self::Check(CheckName::Tcp, _))
    }

    /// Whether it may be asked as often as one likes.
    fn is_safe(&self) -> bool {
        match self {
            Self::Check(CheckName::Http, aim) => {
                let method = aim.spec.method.as_ref().map_or("GET", |method| method.as_str());
                matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
            }
            Self::Check(..) | Self::Name { .. } => true,
        }
    }
}

impl CheckRunner {
    /// To be called within a tokio runtime.
    pub(super) fn new(kit: CheckContext, retries: u32, cache_ttl: Option<Duration>, clock: Clock) -> Self {
        let remembered = Cache::new(CacheOptions::new(MAX_REMEMBERED), clock.clone());
        Self { kit, retries, cache_ttl, remembered, clock, lateness: SchedulerLag::gauge() }
    }

    async fn look(&self, question: CheckRequest<'_>) -> CheckResult<Observation> {
        match question {
            CheckRequest::Check(check, aim) => crate::check::run(check, aim, &self.kit).await,
            CheckRequest::Name { name, address, goal_us, port } => {
                let mut seen = dns::resolve(name, address, goal_us, &self.kit).await?;
                dns::check_ipv6(&mut seen, port, &self.kit).await;
                Ok(Observation::Dns(seen))
            }
        }
    }

    /// Runs the check once and records scheduler lag; repeats it if the local runtime stalled past the timeout.
    async fn punctual(&self, question: CheckRequest<'_>) -> CheckResult<Observation> {
        for _ in 0..MAX_STALLS {
            let measuring = self.lateness.measure();
            let mut seen = self.look(question).await?;
            let may_be_missed = seen.is_silent() && question.needs_our_turns();
            if !may_be_missed || measuring.stalled() < self.kit.timeout / SLEPT_THROUGH {
                seen.set_lag(measuring.late());
                return Ok(seen);
            }
            if !question.is_safe() {
                break;
            }
        }
        Err(LocalFailure("this machine was too busy to hear the answer".to_owned()))
    }

    /// Retries a check that got no reply.
    pub(super) async fn insisting(&self, question: CheckRequest<'_>) -> CheckResult<Observation> {
        let attempts = if question.is_safe() { self.retries.saturating_add(1) } else { 1 };
        let retry = Retry { attempts, total: Duration::MAX, cap: Duration::from_secs(1), ..Retry::default() };
        let once = |_| async move {
            match self.punctual(question).await {
                Ok(seen) if seen.is_silent() => Err(seen),
                looked => Ok(looked),
            }
        };
        match retry.run(Retry::random_seed(), once, |_| RetryDecision::Yes).await {
            Ok(looked) => looked,
            Err(gave_up) => gave_up.into_error().ok_or_else(|| LocalFailure("there was no time to look".to_owned())),
        }
    }

    /// Runs the check unless a recent result is cached; the evidence notes its age.
    pub(super) async fn remembering(
        &self,
        namespace: &str,
        key: &str,
        evidence: &mut Evidence,
        question: CheckRequest<'_>,
    ) -> CheckResult<Observation> {
        let Some(ttl) = self.cache_ttl else { return self.insisting(question).await };
        let key = KeyRef { namespace, key, version: 0 };
        if let Some(before) = self.remembered.get(&key) {
            evidence.is_as_old_as(self.clock.now().saturating_sub(before.at));
            return Ok(before.seen.clone());
        }
        let seen = self.insisting(question).await?;
        if !seen.is_silent() {
            self.remembered.insert(&key, Arc::new(PastObservation { seen: seen.clone(), at: self.clock.now() }), ttl);
        }
        Ok(seen)
    }
}
