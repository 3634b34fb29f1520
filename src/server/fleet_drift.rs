//! What the agents of all hosts report, and what no agent looks at: the answer of `drift`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::scoped_view::ScopedView;
use super::times;
use crate::model::DRIFT_KINDS;
use crate::model::json_fields::serialize_duration;
use crate::registry::{AgentState, HostDrift, HostEntry, HostFinding};

/// Where hosts and the registry disagree, and the instances that no agent can check.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct FleetDrift {
    /// The hosts whose agents report, or did.
    pub(super) hosts: Vec<HostLine>,
    pub(super) findings: Vec<FindingLine>,
    /// How many findings are left out, because there are more than `limit`.
    pub(super) omitted: usize,
    /// How many findings hold, by code.
    pub(super) counts: BTreeMap<String, u64>,
    /// Instances that no agent looks at.
    pub(super) cannot_tell: Vec<UnseenLine>,
}

/// A host.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostLine {
    host: String,
    /// `reporting`, or `silent`: it sent no report for three intervals
    agent: &'static str,
    /// RFC 3339
    reported_at: String,
    /// Seconds since the last report
    age: u64,
    /// Seconds between two reports
    #[serde(serialize_with = "serialize_duration")]
    #[schema(value_type = f64)]
    interval: std::time::Duration,
    /// What the agent could not look at
    gaps: Vec<String>,
    /// How many findings were reported last
    findings: usize,
}

/// A finding of a host.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingLine {
    pub(super) host: String,
    /// `present`, or `unknown`: the agent of the host is silent
    pub(super) state: &'static str,
    /// RFC 3339
    first_reported: String,
    /// RFC 3339
    reported_at: String,
    id: String,
    pub(super) code: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// RFC 3339; since when, if the agent knows that
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// Instances that no agent looks at, by their host.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct UnseenLine {
    /// Null: their registrations name none
    pub(super) host: Option<String>,
    pub(super) instances: usize,
    pub(super) reason: &'static str,
}

/// Which findings a client wants.
#[derive(Clone, Debug, Default)]
pub(super) struct DriftQuery {
    pub(super) host: Option<String>,
    /// With its prefix.
    pub(super) code: Option<String>,
    pub(super) service: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) limit: usize,
}

const NO_AGENT: &str = "no agent reports on this host";
const SILENT: &str = "the agent of this host is silent";
const NO_HOST: &str = "the registrations name no host";

impl FleetDrift {
    /// What a caller may see of it.
    pub(super) fn new(view: &ScopedView, query: &DriftQuery, now: Timestamp) -> Self {
        let mut answer = Self::default();
        let own = own_hosts(view);
        for host in view.hosts().filter(|host| query.wants_host(Some(&host.record.host))) {
            let visible: Vec<&HostFinding> =
                host.record.findings.iter().filter(|finding| view.sees_finding(finding)).collect();
            // A caller that is limited to some services sees the hosts that they are on, and no more of them.
            if visible.is_empty() && own.as_ref().is_some_and(|own| !own.contains(&*host.record.host)) {
                continue;
            }
            let mut line = HostLine::new(host, visible.len(), now);
            if own.is_some() {
                line.gaps.clear();
            }
            answer.hosts.push(line);

            for finding in visible.into_iter().filter(|finding| query.wants(finding)) {
                answer.add(host, finding, query.limit);
            }
        }
        answer.cannot_tell = unseen(view, query);
        answer
    }

    fn add(&mut self, host: &HostEntry, finding: &HostFinding, limit: usize) {
        if host.record.agent == AgentState::Reporting {
            *self.counts.entry(finding.reported.code.clone()).or_default() += 1;
        }
        if self.findings.len() < limit {
            self.findings.push(FindingLine::new(host, finding));
        } else {
            self.omitted += 1;
        }
    }
}

/// The hosts of the instances that a caller sees; `None` if it may see all.
fn own_hosts(view: &ScopedView) -> Option<BTreeSet<&str>> {
    if view.has_all_services() {
        return None;
    }
    let instances = view.services().flat_map(|service| service.list());
    Some(instances.filter_map(|instance| instance.instance.registration.node.as_deref()).collect())
}

/// The instances that no agent looks at now.
fn unseen(view: &ScopedView, query: &DriftQuery) -> Vec<UnseenLine> {
    let agents: BTreeMap<&str, &HostDrift> = view.hosts().map(|host| (&*host.record.host, &*host.record)).collect();
    let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let services = view.services().filter(|service| query.wants_service(&service.key.namespace, &service.key.name));
    for instance in services.flat_map(|service| service.list()) {
        let host = instance.instance.registration.node.as_deref();
        let is_seen = host.and_then(|host| agents.get(host)).is_some_and(|host| host.agent == AgentState::Reporting);
        if !is_seen && query.wants_host(host) {
            *counts.entry(host).or_default() += 1;
        }
    }

    let lines = counts.into_iter().map(|(host, instances)| UnseenLine {
        host: host.map(str::to_owned),
        instances,
        reason: match host {
            None => NO_HOST,
            Some(host) if agents.contains_key(host) => SILENT,
            Some(_) => NO_AGENT,
        },
    });
    lines.collect()
}

impl DriftQuery {
    fn wants_host(&self, host: Option<&str>) -> bool {
        self.host.is_none() || self.host.as_deref() == host
    }

    fn wants_service(&self, namespace: &str, service: &str) -> bool {
        self.service.as_deref().is_none_or(|wanted| wanted == service)
            && self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
    }

    fn wants(&self, finding: &HostFinding) -> bool {
        let reported = &finding.reported;
        let namespace = reported.namespace.as_deref().unwrap_or(crate::model::DEFAULT_NAMESPACE);
        self.code.as_ref().is_none_or(|code| *code == reported.code)
            && self.wants_service(namespace, reported.service.as_deref().unwrap_or_default())
    }
}

impl HostLine {
    fn new(host: &HostEntry, findings: usize, now: Timestamp) -> Self {
        let record = &host.record;
        Self {
            host: record.host.to_string(),
            agent: record.agent.as_str(),
            reported_at: times::written(host.reported_at),
            age: now.duration_since(host.reported_at).as_secs().max(0).unsigned_abs(),
            interval: record.interval,
            gaps: record.gaps.clone(),
            findings,
        }
    }
}

impl FindingLine {
    fn new(host: &HostEntry, finding: &HostFinding) -> Self {
        let reported = &finding.reported;
        let kind = DRIFT_KINDS.iter().find(|kind| kind.code == reported.code);
        Self {
            host: host.record.host.to_string(),
            state: if host.record.agent == AgentState::Reporting { "present" } else { "unknown" },
            first_reported: times::written(finding.first_reported),
            reported_at: times::written(host.reported_at),
            id: reported.id.clone(),
            code: reported.code.clone(),
            text: reported.text.clone(),
            hint: kind.map(|kind| kind.hint),
            service: reported.service.clone(),
            namespace: reported.namespace.clone(),
            instance: reported.instance.clone(),
            address: reported.address.clone(),
            registry: reported.registry.clone(),
            holder: reported.holder.clone(),
            command: reported.command.clone(),
            since: reported.since.map(times::written),
        }
    }
}
