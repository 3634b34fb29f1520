//! `--fleet`: the findings of all hosts, as their agents report them to a server.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::clean::clean;
use crate::client::{DriftQuery, FleetDrift, FleetFinding, RegistryServer};
use crate::drift::{COLUMNS, DriftCounts};
use crate::error::Result;
use crate::model::{
    Address, Certainty, Column, Completeness, DRIFT_KINDS, DriftDetail, DriftState, Endpoint, Finding, HostPort,
    PartialError, Service, Transport, Untrusted,
};
use crate::source::{ItemSink, ListContext, ListFuture, Source, with_runtime};

/// The findings of all hosts.
pub(super) struct Fleet {
    server: RegistryServer,
    /// Only these; empty: all.
    hosts: Vec<String>,
    shows_all: bool,
    /// Of the last listing.
    counts: Arc<Mutex<DriftCounts>>,
}

impl Fleet {
    pub(super) fn new(server: RegistryServer, hosts: Vec<String>, shows_all: bool) -> Self {
        Self { server, hosts, shows_all, counts: Arc::default() }
    }

    /// The findings of the last listing that hold.
    pub(super) fn counts(&self) -> DriftCounts {
        self.counts.lock().clone()
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let read = context.cancel.run_until_cancelled(self.read()).await;
        let Some(fleet) = read else { return Ok(Completeness::Incomplete) };
        let fleet = fleet?;

        let findings =
            fleet.counts.iter().map(|(code, count)| (code.clone(), usize::try_from(*count).unwrap_or(usize::MAX)));
        *self.counts.lock() = DriftCounts { findings: findings.collect(), ..DriftCounts::default() };
        let completeness = report_gaps(&fleet, &self.hosts, out);
        let shown = fleet.findings.into_iter().filter(|finding| self.shows_all || finding.state != UNKNOWN);
        // After a `Break` there is nothing more to stop.
        let _ = shown.map(service).try_for_each(|service| out.service(service));
        Ok(completeness)
    }

    /// The answers about each host that was named, or about all.
    async fn read(&self) -> Result<FleetDrift> {
        let mut queries: Vec<DriftQuery> = Vec::new();
        for host in &self.hosts {
            queries.push(DriftQuery { host: Some(host.clone()), ..DriftQuery::default() });
        }
        if queries.is_empty() {
            queries.push(DriftQuery::default());
        }

        let mut all = FleetDrift::default();
        for query in &queries {
            let one = self.server.drift(query).await?;
            let is_known = query.host.is_none() || !one.hosts.is_empty() || !one.cannot_tell.is_empty();
            if let Some(host) = query.host.as_ref().filter(|_| !is_known) {
                return Err(unknown_host(host));
            }
            all.hosts.extend(one.hosts);
            all.findings.extend(one.findings);
            all.omitted += one.omitted;
            all.cannot_tell.extend(one.cannot_tell);
            for (code, count) in one.counts {
                *all.counts.entry(code).or_default() += count;
            }
        }
        Ok(all)
    }
}

/// The state of a finding whose agent is silent.
const UNKNOWN: &str = "unknown";

fn unknown_host(host: &str) -> crate::error::Error {
    crate::error::Error::NotFound {
        what: format!("the host {}", clean(host)),
        why: "no agent reports on it, and no registration names it".to_owned(),
        hint: "`portolan drift --fleet` without --host lists the hosts".to_owned(),
    }
}

/// Reports what could not be looked at: of the hosts that were named, or of all. A missing or silent agent and what an agent
/// could not read make the answer incomplete.
fn report_gaps(fleet: &FleetDrift, named: &[String], out: &mut dyn ItemSink) -> Completeness {
    let mut completeness = Completeness::Complete;
    if fleet.hosts.is_empty() && named.is_empty() {
        let cause = "no agent reports to this registry".to_owned();
        out.partial_error(partial("determine the drift of any host", cause, "start `portolan agent` on each host"));
        completeness = Completeness::Incomplete;
    }
    for name in named.iter().filter(|name| !fleet.hosts.iter().any(|host| host.host.eq_ignore_ascii_case(name))) {
        let operation = format!("determine the drift of {}", clean(name));
        let cause = format!("no agent reports on {}", clean(name));
        out.partial_error(partial(&operation, cause, "start `portolan agent` on that host"));
        completeness = Completeness::Incomplete;
    }
    for host in &fleet.hosts {
        if host.agent != "reporting" {
            let cause = format!("its agent sent no report for {} s; it had {} findings", host.age, host.findings);
            let hint = "start `portolan agent` there, or forget the host with DELETE /api/v1/drift/HOST";
            out.partial_error(partial(&format!("determine the drift of {}", host.host), cause, hint));
            completeness = Completeness::Incomplete;
        }
        for gap in &host.gaps {
            out.partial_error(partial(
                &format!("determine all drift of {}", host.host),
                gap.clone(),
                "check its agent",
            ));
            completeness = Completeness::Incomplete;
        }
    }
    if fleet.omitted > 0 {
        let hint = "name hosts with --host";
        out.partial_error(partial("list all findings", format!("there are {} more", fleet.omitted), hint));
        completeness = Completeness::Incomplete;
    }

    for unseen in &fleet.cannot_tell {
        let count =
            if unseen.instances == 1 { "1 instance".to_owned() } else { format!("{} instances", unseen.instances) };
        let place = unseen.host.as_ref().map(|host| format!(" of {host}")).unwrap_or_default();
        out.note(format!("cannot tell for {count}{place}: {}", unseen.reason));
    }
    completeness
}

fn partial(operation: &str, cause: String, hint: &str) -> PartialError {
    PartialError { operation: operation.to_owned(), cause, hint: hint.to_owned() }
}

/// A finding as every format writes it.
fn service(finding: FleetFinding) -> Service {
    let FleetFinding { host, state, first_reported, reported, .. } = finding;
    let text = |text: Option<String>| text.map(Untrusted::from);
    let is_unknown = state == UNKNOWN;
    let listening = if reported.code == "drift-not-listening" { Certainty::No } else { Certainty::Unknown };
    let detail = DriftDetail {
        state: if is_unknown { DriftState::CannotTell } else { DriftState::Differs },
        host: Some(host.as_str().into()),
        registered: if reported.instance.is_some() { Certainty::Yes } else { Certainty::Unknown },
        listening: if is_unknown { Certainty::Unknown } else { listening },
        registry: text(reported.registry),
        instance: text(reported.instance),
        command: text(reported.command),
        since: reported.since.or(first_reported),
        reason: is_unknown.then(|| "the agent of its host is silent".into()),
        ..DriftDetail::default()
    };

    let mut endpoint = reported.address.as_deref().and_then(endpoint);
    if let Some(endpoint) = &mut endpoint {
        endpoint.ready &= detail.listening != Certainty::No;
    }
    let id = format!("drift/{host}/{}", reported.id);
    let mut service = Service::new(id, "drift", endpoint.into_iter().collect(), detail).erase();
    service.name = text(reported.service);
    service.namespace = text(reported.namespace);
    if !is_unknown && let Some(kind) = DRIFT_KINDS.iter().find(|kind| kind.code == reported.code) {
        service.findings = vec![Finding::new(kind, reported.text)];
    }
    service
}

fn endpoint(address: &str) -> Option<Endpoint> {
    let place: HostPort = address.parse().ok()?;
    let transport = if matches!(place.address, Address::Unix(_)) { Transport::Unix } else { Transport::Tcp };
    Some(Endpoint::new(place.address, place.port, transport))
}

impl Source for Fleet {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(with_runtime(self.list_into(context, out)))
    }
}
