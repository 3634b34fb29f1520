//! Runs every check of one endpoint.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::block_cause::BlockCause;
use super::evidence::Evidence;
use super::plan::{CheckPlan, HostLocation, latency_targets, plan};
use super::runner::CheckRequest;
use super::validator::{EndpointValidator, Subject};
use crate::check::{CheckResult, CheckTarget, Circuit, Layer, LocalFailure, Observation, Race, failed_race, stability};
use crate::engine::{Breaker, BreakerState, CallOutcome, KeyRef, Shutdown};
use crate::model::{CheckLimits, CheckName, CheckSpec};
use crate::net::{Deadline, Route};

/// How long an address may stay silent while another one of its name replied: enough for one lost packet.
const MAX_SILENCE: Duration = Duration::from_millis(1_500);

impl EndpointValidator {
    /// Runs every check that applies to an endpoint, until the run ends.
    pub(crate) async fn check(&self, subject: &Subject, stopping: &Shutdown) -> Evidence {
        let mut evidence = Evidence::default();
        let Subject { endpoint, spec, route, .. } = subject;
        let Some(plan) = plan(endpoint, spec, route, self.keeps_history(spec), &self.own) else {
            return evidence;
        };

        if let Some(cause) = blocked_by_route(route, &plan) {
            evidence.block(CheckName::Http, cause);
            return evidence;
        }

        evidence.skipped.clone_from(&plan.unwanted);
        // Observations are large: a list with room to grow would take most of the memory of a long run.
        evidence.observations.reserve_exact(plan.wanted.len());
        let end_of_run = tokio::select! {
            biased;
            () = stopping.stopping() => Some(BlockCause::Stopped),
            () = self.deadline() => Some(BlockCause::DeadlinePassed),
            () = self.run_plan(&plan, subject, &mut evidence) => None,
        };

        for check in &plan.wanted {
            if !evidence.has(*check) && !evidence.blocked.contains_key(check) {
                match &end_of_run {
                    Some(cause) => drop(evidence.blocked.insert(*check, cause.clone())),
                    None => evidence.skipped.push(*check),
                }
            }
        }
        evidence
    }

    /// Whether an endpoint has several samples, in this run or over several.
    fn keeps_history(&self, spec: &CheckSpec) -> bool {
        self.samples(spec) > 1 || self.options.again.is_some()
    }

    /// The samples of an endpoint: more than one in a watch would only delay the next look.
    fn samples(&self, spec: &CheckSpec) -> u32 {
        let own = spec.limits.samples.filter(|_| self.options.again.is_none());
        own.unwrap_or(self.options.samples).max(1)
    }

    /// Waits until the deadline of the run; forever if it has none.
    async fn deadline(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    async fn run_plan(&self, plan: &CheckPlan, subject: &Subject, evidence: &mut Evidence) {
        let previous = subject.previous.as_ref();
        let mut results = previous.map_or_else(Vec::new, |previous| previous.evidence.recent_results());

        let mut addresses = self.addresses(plan, evidence).await;
        let refusals = addresses.iter().filter_map(|ip| self.options.addresses.refusal(*ip));
        if let Some(refusal) = refusals.last() {
            addresses.retain(|ip| self.options.addresses.refusal(*ip).is_none());
            if addresses.is_empty() {
                return evidence.refuse(&plan.wanted, refusal);
            }
        }
        let Some(first) = addresses.first() else {
            // A name that does not resolve is a result; a resolver that could not be queried is not.
            let is_unresolved = self.options.again.is_some()
                && evidence.observations.iter().any(|one| is_dead(one, &subject.spec.limits.ignore));
            results.extend(is_unresolved.then_some(false));
            return add_stability(plan, results, Circuit::Closed, evidence);
        };

        // No time limit of a check has begun: waiting for other checks of this run counts against no peer.
        let limited = if self.options.limits_bursts { addresses.as_slice() } else { &[] };
        let _slots = self.slots.take(limited, plan.port).await;
        let timeout = plan.target.spec.limits.timeout.unwrap_or(self.options.timeout);
        let mut race = Race::new(&addresses, plan.port, Deadline::after(timeout));
        let winner = if addresses.len() > 1 { race.winner().await } else { None };
        let ip = winner.unwrap_or(*first);
        evidence.set_used(ip);
        let mut target = CheckTarget { address: SocketAddr::new(ip, plan.port), ..plan.target.clone() };
        target.latency = latency_targets(ip, &plan.target.spec.goal, &self.own);

        let failed = (addresses.len() > 1 && winner.is_none()).then(|| failed_race(&race, target.latency.connect_us));
        // One sample of one run has nothing to skip.
        let breaker = self.keeps_history(&subject.spec).then(|| self.breaker(&target, subject.index));
        let remembered = results.len();
        // The silent addresses are waited for while the checks run.
        let patience = self.patience();
        let names_dead = winner.is_some() && evidence.has(CheckName::Dns);
        let (dead, ()) = tokio::join!(
            async { if names_dead { race.dead(patience).await } else { Vec::new() } },
            self.take_samples(&target, plan, failed, breaker.as_deref(), (&mut results, evidence)),
        );
        evidence.set_dead(dead);

        let circuit = breaker.as_deref().map_or(Circuit::Closed, circuit);
        // While the circuit is open there is no new sample, so the earlier evidence stays.
        if let Some(previous) = previous.filter(|_| results.len() == remembered && evidence.blocked.is_empty()) {
            *evidence = previous.evidence.carry_over(previous.at.elapsed(), circuit);
        } else {
            add_stability(plan, results, circuit, evidence);
        }
    }

    /// How long to wait for silent addresses. The deadline must not pass meanwhile.
    fn patience(&self) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()) / 2);
        MAX_SILENCE.min(self.options.timeout).min(left.unwrap_or(MAX_SILENCE))
    }

    /// Takes every sample. `failed` is the first result of the TCP check, if it is known already.
    async fn take_samples(
        &self,
        target: &CheckTarget,
        plan: &CheckPlan,
        mut failed: Option<CheckResult<Observation>>,
        breaker: Option<&Breaker>,
        (results, evidence): (&mut Vec<bool>, &mut Evidence),
    ) {
        for _ in 0..self.samples(&target.spec) {
            // The caller's schedule may decide when an endpoint that fails is tried again.
            let Some(breaker) = breaker.filter(|_| self.options.skips_failing) else {
                self.sample(target, plan, failed.take(), evidence).await;
                continue;
            };
            let Ok(permit) = breaker.permit() else { break };
            match self.sample(target, plan, failed.take(), evidence).await {
                Some(usable) => {
                    permit.record(if usable { CallOutcome::Success } else { CallOutcome::Failure });
                    results.push(usable);
                }
                None => permit.record(CallOutcome::Local),
            }
        }
    }

    /// The breaker of one endpoint: others at the same address, with other paths, may well be fine.
    fn breaker(&self, target: &CheckTarget, index: usize) -> Arc<Breaker> {
        let key = format!("{index} {} {}", target.address, target.name.as_deref().unwrap_or_default());
        self.breakers.of(&KeyRef { namespace: "endpoint", key: &key, version: 0 })
    }

    /// The addresses of the endpoint. If the DNS check is requested, the lookup is part of the evidence.
    async fn addresses(&self, plan: &CheckPlan, evidence: &mut Evidence) -> Vec<IpAddr> {
        let (name, address) = match &plan.host {
            HostLocation::At(ip, Some(name)) if plan.wanted.contains(&CheckName::Dns) => (name, Some(*ip)),
            HostLocation::At(ip, _) => return vec![*ip],
            HostLocation::Named(name) => match name.parse() {
                Ok(ip) => return vec![ip],
                Err(_) => (name, None),
            },
        };

        let target_us = plan.target.latency.answer_us;
        let key = format!("{name} {}", address.map(|ip| ip.to_string()).unwrap_or_default());
        let request = CheckRequest::Name { name, address, target_us };
        match self.runner.run_cached("dns", &key, evidence, request).await {
            Ok(Observation::Dns(observation)) => {
                let addresses = observation.addresses();
                if plan.wanted.contains(&CheckName::Dns) {
                    evidence.add(Observation::Dns(observation));
                } else if addresses.is_empty() {
                    evidence.block(CheckName::Dns, format!("{name} does not resolve"));
                }
                address.map_or(addresses, |address| vec![address])
            }
            Ok(_) => Vec::new(),
            Err(LocalFailure(cause)) => {
                evidence.block(CheckName::Dns, cause);
                address.into_iter().collect()
            }
        }
    }

    /// Runs every requested check once. Returns whether a client could use the endpoint; `None` if a check could not run.
    /// `connected` is the result of the TCP check, if it is known already.
    async fn sample(
        &self,
        target: &CheckTarget,
        plan: &CheckPlan,
        mut connected: Option<CheckResult<Observation>>,
        evidence: &mut Evidence,
    ) -> Option<bool> {
        let mut usable = true;
        for &check in plan.wanted.iter().filter(|check| !matches!(check, CheckName::Dns | CheckName::Stability)) {
            // Versions and certificates do not change between two samples.
            if check == CheckName::Tls && evidence.has(check) {
                continue;
            }

            let known = connected.take_if(|_| check == CheckName::Tcp);
            let observed = match known {
                Some(known) => known,
                None => self.observe(check, target, evidence).await,
            };
            match observed {
                Ok(observation) => {
                    usable &= !is_dead(&observation, &target.spec.limits.ignore);
                    evidence.add(observation);
                }
                Err(LocalFailure(cause)) => {
                    evidence.block(check, cause);
                    return None;
                }
            }

            // Without a connection or a handshake the other checks cannot pass; a script has its own way to connect.
            if !usable && matches!(check, CheckName::Tcp | CheckName::Tls) && !plan.wanted.contains(&CheckName::Script)
            {
                break;
            }
        }
        Some(usable)
    }

    async fn observe(
        &self,
        check: CheckName,
        target: &CheckTarget,
        evidence: &mut Evidence,
    ) -> CheckResult<Observation> {
        let request = CheckRequest::Check(check, target);
        if check != CheckName::Tls {
            return self.runner.run_with_retries(request).await;
        }

        let namespace = match target.layer {
            Layer::StartTls(_) => "starttls",
            _ => "tls",
        };
        let CheckLimits { ca, pin, .. } = &target.spec.limits;
        let name = target.name.as_deref().unwrap_or_default();
        let key = format!("{} {name} {} {ca:?} {pin:?}", target.address, target.grpc);
        self.runner.run_cached(namespace, &key, evidence, request).await
    }
}

/// Why no check can run over this route, if so.
fn blocked_by_route(route: &Route, plan: &CheckPlan) -> Option<&'static str> {
    match route {
        Route::Closed(cause) => Some(*cause),
        Route::Through(..) if !plan.wanted.contains(&CheckName::Http) => Some("the proxy carries only HTTP checks"),
        _ => None,
    }
}

/// Whether an observation shows that no client can use the endpoint. A finding that is ignored shows nothing: the checks after
/// it run.
fn is_dead(observation: &Observation, ignored: &[String]) -> bool {
    let findings = observation.findings();
    let mut counted = findings.iter().filter(|finding| !ignored.iter().any(|code| code == finding.code()));
    counted.any(|finding| finding.cap().is_some_and(|cap| cap < 50))
}

/// Adds the history of the endpoint, if the check is requested.
fn add_stability(plan: &CheckPlan, results: Vec<bool>, circuit: Circuit, evidence: &mut Evidence) {
    if plan.wanted.contains(&CheckName::Stability) && !results.is_empty() {
        evidence.add(Observation::Stability(stability::StabilityObservation { results, circuit }));
    }
}

fn circuit(breaker: &Breaker) -> Circuit {
    match breaker.state() {
        BreakerState::Closed => Circuit::Closed,
        BreakerState::Open => Circuit::Open,
        BreakerState::HalfOpen => Circuit::HalfOpen,
    }
}
