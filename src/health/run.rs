//! Runs every check of one endpoint.

use std::net::{IpAddr, SocketAddr};
use std::slice;
use std::sync::Arc;

use super::evidence::Evidence;
use super::plan::{CheckPlan, HostLocation, goals, plan};
use super::runner::CheckRequest;
use super::validator::{EndpointValidator, Subject};
use crate::check::{CheckResult, CheckTarget, Circuit, Layer, LocalFailure, Observation, stability};
use crate::engine::{Breaker, BreakerState, CallOutcome, KeyRef, Shutdown};
use crate::model::CheckName;
use crate::net::Route;

/// The most addresses of a name that are tried in turn, as a client does.
const MAX_ADDRESSES: usize = 4;

impl EndpointValidator {
    /// Runs every check that applies to an endpoint, as far as there is time.
    pub(super) async fn look(&self, subject: &Subject, stopping: &Shutdown) -> Evidence {
        let mut evidence = Evidence::default();
        let has_history = self.options.samples > 1 || self.options.again.is_some();
        let Subject { endpoint, ask, way, .. } = subject;
        let Some(plan) = plan(endpoint, ask, way, has_history, &self.own) else {
            return evidence;
        };
        let why = match way {
            Route::Closed(why) => Some(*why),
            Route::Through(..) if !plan.wanted.contains(&CheckName::Http) => Some("only HTTP is asked by that way"),
            _ => None,
        };
        if let Some(why) = why {
            evidence.hindered.insert(CheckName::Http, why.to_owned());
            return evidence;
        }
        evidence.skipped.clone_from(&plan.unwanted);
        let over = async {
            match self.over {
                Some(over) => tokio::time::sleep_until(over).await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            biased;
            () = stopping.stopping() => Some("the run was stopped"),
            () = over => Some("the run's deadline passed"),
            () = self.look_at(&plan, subject, &mut evidence) => None,
        };
        for check in &plan.wanted {
            if !evidence.has(*check) && !evidence.hindered.contains_key(check) {
                match why {
                    Some(why) => drop(evidence.hindered.insert(*check, why.to_owned())),
                    None => evidence.skipped.push(*check),
                }
            }
        }
        evidence
    }

    async fn look_at(&self, plan: &CheckPlan, subject: &Subject, evidence: &mut Evidence) {
        let before = subject.before.as_ref();
        let mut results = before.map_or_else(Vec::new, |before| before.evidence.recent_results());
        let addresses = self.addresses(plan, evidence).await;
        let Some(first) = addresses.first() else {
            // A name that does not resolve is a result; a resolver that could not be asked is not.
            let is_unresolved = self.options.again.is_some() && evidence.seen.iter().any(is_dead);
            results.extend(is_unresolved.then_some(false));
            return keep(plan, results, Circuit::Closed, evidence);
        };
        let mut aim = CheckTarget { address: SocketAddr::new(*first, plan.port), ..plan.aim.clone() };
        aim.latency = goals(*first, &plan.aim.spec.goal, &self.own);
        let breaker = self.breaker(&aim);
        let remembered = results.len();
        for sample in 0..self.options.samples.max(1) {
            let Ok(permit) = breaker.permit() else { break };
            let others = if sample == 0 { &addresses[1..addresses.len().min(MAX_ADDRESSES)] } else { &[] };
            match self.sample(&mut aim, plan, others, evidence).await {
                Some(usable) => {
                    permit.record(if usable { CallOutcome::Success } else { CallOutcome::Failure });
                    results.push(usable);
                }
                None => permit.record(CallOutcome::Local),
            }
        }
        let circuit = circuit(&breaker);
        // An open breaker answers from what was seen last.
        if let Some(before) = before.filter(|_| results.len() == remembered && evidence.hindered.is_empty()) {
            *evidence = before.evidence.left_alone(before.at.elapsed(), circuit);
        } else {
            keep(plan, results, circuit, evidence);
        }
    }

    fn breaker(&self, aim: &CheckTarget) -> Arc<Breaker> {
        let key = format!("{} {}", aim.address, aim.name.as_deref().unwrap_or_default());
        self.breakers.of(&KeyRef { namespace: "endpoint", key: &key, version: 0 })
    }

    /// Where the endpoint is. What its name leads to is part of the evidence, where that is wanted.
    async fn addresses(&self, plan: &CheckPlan, evidence: &mut Evidence) -> Vec<IpAddr> {
        let (name, address) = match &plan.host {
            HostLocation::At(ip, Some(name)) if plan.wanted.contains(&CheckName::Dns) => (name, Some(*ip)),
            HostLocation::At(ip, _) => return vec![*ip],
            HostLocation::Named(name) => match name.parse() {
                Ok(ip) => return vec![ip],
                Err(_) => (name, None),
            },
        };
        let goal_us = plan.aim.latency.answer_us;
        let key = format!("{name} {}", address.map(|ip| ip.to_string()).unwrap_or_default());
        let question = CheckRequest::Name { name, address, goal_us, port: plan.port };
        match self.asking.remembering("dns", &key, evidence, question).await {
            Ok(Observation::Dns(seen)) => {
                let found = seen.addresses();
                if plan.wanted.contains(&CheckName::Dns) {
                    evidence.add(Observation::Dns(seen));
                } else if found.is_empty() {
                    evidence.hindered.insert(CheckName::Dns, format!("{name} does not resolve"));
                }
                address.map_or(found, |address| vec![address])
            }
            Ok(_) => Vec::new(),
            Err(LocalFailure(why)) => {
                evidence.hindered.insert(CheckName::Dns, why);
                address.into_iter().collect()
            }
        }
    }

    /// Looks once with every check that is wanted. Returns whether a client could have used it; `None` where this side
    /// could not look.
    async fn sample(
        &self,
        aim: &mut CheckTarget,
        plan: &CheckPlan,
        others: &[IpAddr],
        evidence: &mut Evidence,
    ) -> Option<bool> {
        let mut usable = true;
        let mut others = others.iter();
        for &check in plan.wanted.iter().filter(|check| !matches!(check, CheckName::Dns | CheckName::Stability)) {
            // Once is enough for what does not change between two looks.
            if check == CheckName::Tls && evidence.has(check) {
                continue;
            }
            match self.look_with(check, aim, &mut others, evidence).await {
                Ok(is_dead) => usable &= !is_dead,
                Err(LocalFailure(why)) => {
                    evidence.hindered.insert(check, why);
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

    /// Looks with one check; whether no client can use the endpoint, by that. Where nothing connects, the next address
    /// has its turn.
    async fn look_with(
        &self,
        check: CheckName,
        aim: &mut CheckTarget,
        others: &mut slice::Iter<'_, IpAddr>,
        evidence: &mut Evidence,
    ) -> CheckResult<bool> {
        loop {
            let seen = self.look_once(check, aim, evidence).await?;
            let is_dead = is_dead(&seen);
            evidence.add(seen);
            match others.next().filter(|_| is_dead && check == CheckName::Tcp) {
                Some(other) => aim.address.set_ip(*other),
                None => return Ok(is_dead),
            }
        }
    }

    async fn look_once(
        &self,
        check: CheckName,
        aim: &CheckTarget,
        evidence: &mut Evidence,
    ) -> CheckResult<Observation> {
        let question = CheckRequest::Check(check, aim);
        if check != CheckName::Tls {
            return self.asking.insisting(question).await;
        }
        let how = match aim.layer {
            Layer::StartTls(_) => "starttls",
            _ => "tls",
        };
        let key = format!("{} {} {}", aim.address, aim.name.as_deref().unwrap_or_default(), aim.grpc);
        self.asking.remembering(how, &key, evidence, question).await
    }
}

/// Whether no client can use the endpoint, by what a check saw.
fn is_dead(seen: &Observation) -> bool {
    seen.findings().iter().any(|finding| finding.cap().is_some_and(|cap| cap < 50))
}

/// Notes how steady the endpoint is, where that is wanted.
fn keep(plan: &CheckPlan, results: Vec<bool>, circuit: Circuit, evidence: &mut Evidence) {
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
