//! What the agents of hosts report to a server of portolan's own.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use super::server_api::{RegistryServer, refused};
use crate::clean::clean;
use crate::error::Result;
use crate::model::{DriftReport, HostQuery, ReportedFinding, Timestamp};
use crate::net::registry_http::{RegistryRequest, path_segment};
use crate::source::PortolanHost;

/// Which findings are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriftQuery {
    /// Only this host.
    pub host: Option<String>,
    /// Only findings with this code.
    pub code: Option<String>,
    /// Only findings of this service.
    pub service: Option<String>,
}

/// Where hosts and the registry disagree, and the instances that no agent can check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FleetDrift {
    /// The hosts whose agents report, or did.
    pub hosts: Vec<FleetHost>,
    /// The findings.
    pub findings: Vec<FleetFinding>,
    /// How many more there are.
    pub omitted: usize,
    /// How many findings hold, by code.
    pub counts: BTreeMap<String, u64>,
    /// Instances that no agent looks at.
    pub cannot_tell: Vec<UnseenInstances>,
}

/// A host whose agent reports, or did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FleetHost {
    /// Its name.
    pub host: String,
    /// `reporting` or `silent`.
    pub agent: String,
    /// When the last report came.
    pub reported_at: Option<Timestamp>,
    /// How long ago that was, in seconds.
    pub age: u64,
    /// What the agent could not look at.
    pub gaps: Vec<String>,
    /// How many findings were reported last.
    pub findings: usize,
}

/// A finding of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FleetFinding {
    /// The name of the host.
    pub host: String,
    /// `present`, or `unknown` if its agent is silent.
    pub state: String,
    /// When it was reported first.
    pub first_reported: Option<Timestamp>,
    /// What was reported.
    #[serde(flatten)]
    pub reported: ReportedFinding,
}

/// Instances that no agent looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UnseenInstances {
    /// Their host; `None` if their registrations name none.
    pub host: Option<String>,
    /// How many they are.
    pub instances: usize,
    /// Why no agent looks at them.
    pub reason: String,
}

impl RegistryServer {
    /// Makes sources of what the registry has of one host. They share the last list, so that a list without a change is
    /// not sent again.
    pub fn hosts(&self) -> impl Fn(HostQuery) -> PortolanHost + Send + Sync + use<> {
        let source = PortolanHost::new(self.http().clone(), self.namespace().map(str::to_owned));
        move |host| source.of(host)
    }

    /// Where the hosts and the registry disagree, as their agents report it.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn drift(&self, query: &DriftQuery) -> Result<FleetDrift> {
        let mut request = RegistryRequest::get("/api/v1/drift");
        for (name, value) in [("host", &query.host), ("code", &query.code), ("service", &query.service)] {
            if let Some(value) = value {
                request = request.query(name, value.clone());
            }
        }
        self.send(&request, "read the drift of the hosts".to_owned()).await
    }

    /// Reports where a host and the registry disagree: all that an agent finds.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as when the key is for another host.
    pub async fn report_drift(&self, report: &DriftReport) -> Result<()> {
        let request = RegistryRequest::post("/api/v1/drift").json(report);
        let sent = self.http().send(&request).await;
        sent.map(drop)
            .map_err(|failure| refused(failure).into_error(format!("report the drift of {}", clean(&report.host))))
    }

    /// Forgets a host that has no agent any more.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or knows no such host.
    pub async fn forget_host(&self, host: &str) -> Result<()> {
        let path = format!("/api/v1/drift/{}", path_segment(host).unwrap_or_default());
        let sent = self.http().send(&RegistryRequest::new(Method::DELETE, path)).await;
        sent.map(drop).map_err(|failure| refused(failure).into_error(format!("forget the host {}", clean(host))))
    }
}
