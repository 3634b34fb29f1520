//! The evidence of an endpoint: enough to score it again on another machine and another day.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::block_cause::BlockCause;
use crate::check::dns::{DeadAddress, DnsObservation};
use crate::check::{Circuit, Observation, stability};
use crate::model::{CheckName, CheckStatus, Figures, Health, Report, TlsFacts};

/// The evidence of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// The observation of each check, in the order in which the checks ran.
    #[serde(rename = "seen")]
    pub(crate) observations: Vec<Observation>,
    /// The checks that apply and did not run, because they were not requested or had nothing left to check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<CheckName>,
    /// The requested checks that could not run, and why.
    #[serde(rename = "hindered", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) blocked: BTreeMap<CheckName, BlockCause>,
    /// The age of the oldest part in milliseconds, if a part is from an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
    /// The reports of a program's own checks. They cannot be scored again, because they keep no observation.
    #[serde(skip)]
    pub(super) custom: Vec<Report>,
    /// Whether the run ended before one of the program's own checks did.
    #[serde(skip)]
    pub(super) custom_is_cut_short: bool,
    /// Whether no check may contact the endpoint.
    #[serde(skip)]
    pub(crate) is_refused: bool,
    /// Whether no check ran this time, so that this is earlier evidence.
    #[serde(skip)]
    pub(super) is_carried_over: bool,
}

impl Evidence {
    /// Adds an observation, and merges it with an earlier one of the same check.
    pub(crate) fn add(&mut self, observation: Observation) {
        match self.observations.iter_mut().find(|other| other.name() == observation.name()) {
            Some(before) => before.merge(observation),
            None => self.observations.push(observation),
        }
    }

    /// Records which address of the name the other checks used.
    pub(super) fn set_used(&mut self, address: IpAddr) {
        if let Some(dns) = self.dns() {
            dns.used = Some(address);
        }
    }

    /// Records the addresses of the name that accept no connections, while another one does.
    pub(super) fn set_dead(&mut self, dead: Vec<DeadAddress>) {
        if let Some(dns) = self.dns().filter(|_| !dead.is_empty()) {
            dns.set_dead(dead);
        }
    }

    fn dns(&mut self) -> Option<&mut DnsObservation> {
        self.observations.iter_mut().find_map(|observation| match observation {
            Observation::Dns(dns) => Some(dns),
            _ => None,
        })
    }

    /// Records why a check could not run.
    pub(crate) fn block(&mut self, check: CheckName, cause: impl Into<String>) {
        self.blocked.insert(check, BlockCause::Local(cause.into()));
    }

    /// Records that no check may contact the endpoint. What was seen before, such as its address, is no health of it.
    pub(super) fn refuse(&mut self, checks: &[CheckName], cause: &str) {
        self.is_refused = true;
        self.observations.clear();
        for check in checks {
            self.block(*check, cause);
        }
    }

    /// Records that a part of the evidence has this age.
    pub(crate) fn record_age(&mut self, age: Duration) {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.age_ms = Some(self.age_ms.unwrap_or(0).max(age_ms));
    }

    /// Whether the endpoint was usable in each of the last samples, in order: one less than count for its history.
    pub(crate) fn recent_results(&self) -> Vec<bool> {
        let stability = self.observations.iter().find_map(|observation| match observation {
            Observation::Stability(stability) => Some(stability.results.as_slice()),
            _ => None,
        });
        let results = stability.unwrap_or_default();
        results[results.len().saturating_sub(stability::WINDOW - 1)..].to_vec()
    }

    /// Whether the endpoint changed between usable and unusable at most once in the last samples.
    pub(super) fn is_settled(&self) -> bool {
        self.recent_results().windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1
    }

    /// Whether the run ended before a check did.
    pub(super) fn is_cut_short(&self) -> bool {
        self.custom_is_cut_short || self.blocked.values().any(BlockCause::is_end_of_run)
    }

    /// The same evidence after `age`, for an endpoint that was not checked this time.
    pub(crate) fn carry_over(&self, age: Duration, circuit: Circuit) -> Self {
        let mut evidence = Self { is_carried_over: true, ..self.clone() };
        evidence.record_age(Duration::from_millis(self.age_ms.unwrap_or(0)) + age);
        evidence.add(Observation::Stability(stability::StabilityObservation { results: Vec::new(), circuit }));
        evidence
    }

    /// The scheduler lag, in microseconds, of each latency that meets its target only because of it.
    pub(crate) fn excused_by(&self) -> impl Iterator<Item = u64> {
        self.observations.iter().flat_map(Observation::excused_by)
    }

    /// Whether a check made an observation.
    pub(crate) fn has(&self, check: CheckName) -> bool {
        self.observations.iter().any(|observation| observation.name() == check)
    }

    /// The health of the endpoint, without the findings of the `ignored` codes.
    pub(crate) fn health(&self, ignored: &[String]) -> Health {
        let reports = CheckName::ALL.into_iter().filter_map(|check| self.report(check));
        let reports: Vec<Report> = reports.chain(self.custom.iter().cloned()).collect();
        Health { age_ms: self.age_ms, figures: self.figures(), tls: self.tls(), ..Health::of(&reports, ignored) }
    }

    /// What the server showed of itself in TLS.
    fn tls(&self) -> Option<Arc<TlsFacts>> {
        self.observations.iter().find_map(|observation| match observation {
            Observation::Tls(tls) => tls.facts.clone(),
            _ => None,
        })
    }

    /// What the checks measured, in the order of the phases.
    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for check in CheckName::ALL {
            let observation = self.observations.iter().find(|observation| observation.name() == check);
            if let Some(observation) = observation {
                observation.add_figures(&mut figures);
            }
        }
        figures
    }

    fn report(&self, check: CheckName) -> Option<Report> {
        let observation = self.observations.iter().find(|observation| observation.name() == check);
        if let Some(observation) = observation.filter(|_| self.is_conclusive()) {
            return Some(observation.report());
        }

        let ran = match self.blocked.get(&check) {
            Some(cause) => CheckStatus::Hindered(cause.to_string()),
            None if self.skipped.contains(&check) => CheckStatus::NotWanted,
            None => return None,
        };
        Some(Report { check: check.as_str(), ran, findings: Vec::new() })
    }

    /// Whether the observations describe the present: stability alone does not if no other check could run.
    fn is_conclusive(&self) -> bool {
        self.blocked.is_empty() || self.observations.iter().any(|other| other.name() != CheckName::Stability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HealthState;

    fn stable(results: Vec<bool>) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.add(Observation::Stability(stability::StabilityObservation { results, circuit: Circuit::Closed }));
        evidence
    }

    #[test]
    fn a_good_history_is_not_the_health_of_an_unchecked_endpoint() {
        let mut evidence = stable(vec![true; 10]);
        assert_eq!(evidence.health(&[]).state, HealthState::Healthy);

        evidence.block(CheckName::Http, "no descriptors");
        let health = evidence.health(&[]);
        assert_eq!((health.state, health.score, health.complete), (HealthState::Unknown, None, false));
        assert_eq!(evidence.recent_results(), [true; 10], "it counts again once a check runs");
    }

    #[test]
    fn evidence_that_is_carried_over_ages() {
        let later = stable(vec![true, false]).carry_over(Duration::from_secs(3), Circuit::Open);
        let later = later.carry_over(Duration::from_secs(4), Circuit::Open);
        assert_eq!((later.age_ms, later.recent_results()), (Some(7_000), vec![true, false]));

        let health = later.health(&[]);
        assert_eq!((health.score, health.age_ms), (Some(25), Some(7_000)), "{health:?}");
    }

    /// Evidence that earlier versions wrote gives the same findings.
    #[test]
    fn old_evidence_scores_the_same() {
        for (observation, code, score) in [
            (r#"{"check":"grpc","service":"","us":1,"answer":{"failed":"gRPC status 16: who?"}}"#, "grpc-timeout", 20),
            (r#"{"check":"grpc","service":"","us":1,"answer":"timed-out"}"#, "grpc-timeout", 20),
            (r#"{"check":"script","program":"sh","us":1,"end":{"exit":2},"said":"no"}"#, "script-failed", 30),
            (r#"{"check":"protocol","protocol":"redis","us":1,"answer":{"unwell":"x"}}"#, "protocol-unwell", 30),
            (
                r#"{"check":"tcp","goal_us":5000,"connects":["refused",{"made":{"us":10,"late_us":0}}]}"#,
                "tcp-mostly-failing",
                55,
            ),
            (
                r#"{"check":"dns","name":"a.test","address":null,"goal_us":9,"answers":[{"resolver":"r","took":{"us":1,"late_us":0},"said":{"addresses":["10.0.0.1","::1"]}}],"ipv6":{"address":"::1","dead":"refused"}}"#,
                "dns-ipv6-dead",
                96,
            ),
        ] {
            let evidence: Evidence = serde_json::from_str(&format!("{{\"seen\":[{observation}]}}")).unwrap();
            let health = evidence.health(&[]);
            let codes: Vec<&str> = health.findings.iter().map(crate::model::Finding::code).collect();
            assert_eq!((codes, health.score), (vec![code], Some(score)), "{observation}");
        }

        let failed = r#"{"seen":[{"check":"dns","name":"a.test","address":null,"goal_us":9,"answers":[{"resolver":"r","took":{"us":1,"late_us":0},"said":{"failed":"Server Failure"}}],"ipv6":null}]}"#;
        let health = serde_json::from_str::<Evidence>(failed).unwrap().health(&[]);
        assert_eq!((health.findings[0].code(), health.score, health.complete), ("dns-timeout", None, false));
    }
}
