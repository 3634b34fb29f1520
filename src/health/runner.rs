//! Runs one check of one endpoint, with retries, a cache, and the scheduler lag of this process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Evidence;
use super::lag::SchedulerLag;
use super::trusts::Trusts;
use crate::check::{CheckContext, CheckResult, CheckTarget, LocalFailure, Observation, dns};
use crate::engine::{Cache, CacheOptions, Clock, Key, KeyRef, Retry, RetryDecision};
use crate::model::{CheckLimits, CheckName};

/// The number of observations to cache.
const MAX_CACHED: u64 = 65_536;
/// How many times to run a check during which the local runtime stalled.
const MAX_STALLS: u32 = 3;
/// A stall of this part of the timeout may have hidden the reply.
const STALL_PART: u32 = 2;

/// Runs checks.
#[derive(Debug)]
pub(super) struct CheckRunner {
    context: CheckContext,
    /// The trust of services that have their own.
    trusts: Trusts,
    /// The number of retries after no reply.
    retries: u32,
    /// How long to cache results of DNS and TLS; `None` caches nothing.
    cache_ttl: Option<Duration>,
    cache: Cache<Key, PastObservation>,
    clock: Clock,
    lag: SchedulerLag,
}

/// An earlier observation.
#[derive(Debug)]
struct PastObservation {
    observation: Observation,
    at: Duration,
}

/// One check to run.
#[derive(Clone, Copy, Debug)]
pub(super) enum CheckRequest<'a> {
    /// Resolves a name.
    Name { name: &'a str, address: Option<IpAddr>, target_us: u64 },
    /// Runs a check against a target.
    Check(CheckName, &'a CheckTarget),
}

impl CheckRequest<'_> {
    /// The limits of the service under check.
    fn limits(&self) -> Option<&CheckLimits> {
        match self {
            Self::Check(_, target) => Some(&target.spec.limits),
            Self::Name { .. } => None,
        }
    }

    /// Whether this process has to run between the probe and the reply. The kernel connects by itself.
    fn needs_scheduling(&self) -> bool {
        !matches!(self, Self::Check(CheckName::Tcp, _))
    }

    /// Whether the request may be repeated.
    fn is_safe(&self) -> bool {
        match self {
            Self::Check(CheckName::Http, target) => {
                matches!(target.spec.method_name(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
            }
            Self::Check(..) | Self::Name { .. } => true,
        }
    }
}

impl CheckRunner {
    /// Must be called within a tokio runtime.
    pub(super) fn new(context: CheckContext, retries: u32, cache_ttl: Option<Duration>, clock: Clock) -> Self {
        let cache = Cache::new(CacheOptions::new(MAX_CACHED), clock.clone());
        Self { context, trusts: Trusts::default(), retries, cache_ttl, cache, clock, lag: SchedulerLag::start() }
    }

    /// The context of a service with limits or a trust of its own.
    fn context_of(&self, limits: &CheckLimits) -> CheckResult<Option<CheckContext>> {
        if limits.timeout.is_none() && !limits.has_own_trust() {
            return Ok(None);
        }

        let timeout = limits.timeout.unwrap_or(self.context.timeout);
        let roots = self.trusts.of(limits, &self.context.roots)?;
        Ok(Some(CheckContext { timeout, roots, ..self.context.clone() }))
    }

    async fn run(&self, request: CheckRequest<'_>) -> CheckResult<Observation> {
        match request {
            CheckRequest::Check(check, target) => {
                let context = self.context_of(&target.spec.limits)?;
                crate::check::run(check, target, context.as_ref().unwrap_or(&self.context)).await
            }
            CheckRequest::Name { name, address, target_us } => {
                dns::resolve(name, address, target_us, &self.context).await.map(Observation::Dns)
            }
        }
    }

    /// Runs the check once and records scheduler lag; repeats it if the local runtime stalled past the timeout.
    async fn run_measured(&self, request: CheckRequest<'_>) -> CheckResult<Observation> {
        for _ in 0..MAX_STALLS {
            let lag = self.lag.measure();
            let mut observation = self.run(request).await?;

            let may_have_missed_reply = observation.is_silent() && request.needs_scheduling();
            let timeout = request.limits().and_then(|limits| limits.timeout).unwrap_or(self.context.timeout);
            if !may_have_missed_reply || lag.stalled() < timeout / STALL_PART {
                observation.set_lag(lag.total());
                return Ok(observation);
            }
            if !request.is_safe() {
                break;
            }
        }
        Err(LocalFailure("this machine was too busy to receive the reply".to_owned()))
    }

    /// Retries a check that got no reply.
    pub(super) async fn run_with_retries(&self, request: CheckRequest<'_>) -> CheckResult<Observation> {
        let retries = request.limits().and_then(|limits| limits.retries).unwrap_or(self.retries);
        let attempts = if request.is_safe() { retries.saturating_add(1) } else { 1 };
        let retry = Retry { attempts, total: Duration::MAX, cap: Duration::from_secs(1), ..Retry::default() };

        match retry.run(Retry::random_seed(), |_| self.attempt(request), |_| RetryDecision::Yes).await {
            Ok(result) => result,
            Err(error) => error.into_error().ok_or_else(|| LocalFailure("no time was left for the check".to_owned())),
        }
    }

    /// Runs the check once. An observation without a reply is the error that is retried.
    async fn attempt(&self, request: CheckRequest<'_>) -> Result<CheckResult<Observation>, Observation> {
        match self.run_measured(request).await {
            Ok(observation) if observation.is_silent() => Err(observation),
            result => Ok(result),
        }
    }

    /// Runs the check unless a recent result is cached; the evidence records its age.
    pub(super) async fn run_cached(
        &self,
        namespace: &str,
        key: &str,
        evidence: &mut Evidence,
        request: CheckRequest<'_>,
    ) -> CheckResult<Observation> {
        let Some(ttl) = self.cache_ttl else { return self.run_with_retries(request).await };
        let key = KeyRef { namespace, key, version: 0 };
        if let Some(past) = self.cache.get(&key) {
            evidence.record_age(self.clock.now().saturating_sub(past.at));
            return Ok(past.observation.clone());
        }

        let observation = self.run_with_retries(request).await?;
        if !observation.is_silent() {
            let past = PastObservation { observation: observation.clone(), at: self.clock.now() };
            self.cache.insert(&key, Arc::new(past), ttl);
        }
        Ok(observation)
    }
}
