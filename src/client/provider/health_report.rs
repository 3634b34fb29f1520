//! What the health monitor of a server found.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::model::{Finding, HealthState};

/// What is asked of a server's health monitor. A name is an id, or that of a service: `web`, or `shop/web` with its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthRequest<'n> {
    /// What it found so far.
    Show(&'n str),
    /// A check at once.
    Check(&'n str),
    /// A check of everything at once.
    CheckAll,
}

/// The health of instances.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthReport {
    /// Whether every check ended in time.
    pub finished: bool,
    /// How many instances the server left out of a long list. It lists the unhealthy ones first.
    pub omitted: u64,
    /// The instances.
    pub instances: Vec<InstanceHealth>,
}

/// The health of one instance. A server of another version may leave fields out: they are empty then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceHealth {
    /// Its id.
    pub id: String,
    /// The name of its service.
    pub service_name: String,
    /// The namespace of its service.
    #[serde(default)]
    pub namespace: String,
    /// Where it is.
    pub address: String,
    /// 1 to 65535.
    pub port: u16,
    /// The worst of its status, lease, node, own report and checks.
    pub health: HealthState,
    /// Whether it gets calls as a healthy one.
    #[serde(default)]
    pub healthy: bool,
    /// 0 to 100: the lowest of the last results of its checks; `None` if it has none.
    #[serde(default)]
    pub score: Option<u8>,
    /// The score as a letter, with a `?` if a check could not run.
    #[serde(default)]
    pub grade: Option<String>,
    /// Why it is not healthy.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Whether its checks run at an interval.
    #[serde(default)]
    pub monitored: Option<bool>,
    /// The server that runs its checks, if several share the registry: only that one has scores and results.
    #[serde(default)]
    pub checked_by: Option<String>,
    /// Its checks.
    #[serde(default)]
    pub checks: Vec<CheckHealth>,
    /// Past results, the newest first.
    #[serde(default)]
    pub history: Vec<PastCheckResult>,
    /// Everything else that the server says.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A check of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckHealth {
    /// Its name, or its type.
    pub name: String,
    /// The confirmed state.
    pub state: HealthState,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
    /// Its last result.
    #[serde(default)]
    pub last: Option<LastCheckResult>,
    /// Everything else that the server says.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The last result of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastCheckResult {
    /// When it ended.
    pub at: String,
    /// How long it took.
    pub duration_ms: f64,
    /// What the score means.
    pub state: HealthState,
    /// `None` if it could not run.
    #[serde(default)]
    pub score: Option<u8>,
    /// Problems, the dearest first.
    #[serde(default, deserialize_with = "list_or_null")]
    pub findings: Vec<Finding>,
    /// Why parts of it could not run.
    #[serde(default, deserialize_with = "list_or_null")]
    pub hindered: Vec<String>,
    /// Everything else that the server says, such as the evidence.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A past result of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastCheckResult {
    /// When it ended.
    pub at: String,
    /// The name of the check.
    #[serde(default)]
    pub name: Option<String>,
    /// What the score means.
    pub state: HealthState,
    /// `None` if it could not run.
    #[serde(default)]
    pub score: Option<u8>,
    /// How long it took.
    pub duration_ms: f64,
    /// The code of the finding that cost most.
    #[serde(default)]
    pub finding: Option<String>,
    /// Everything else that the server says.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

fn list_or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The reply is about an instance, or lists those of a service.
#[cfg_attr(not(feature = "registry"), allow(dead_code))]
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum HealthReply {
    Several {
        #[serde(default)]
        finished: Option<bool>,
        #[serde(default)]
        omitted: u64,
        services: Vec<InstanceHealth>,
    },
    One(Box<OneHealth>),
}

#[cfg_attr(not(feature = "registry"), allow(dead_code))]
#[derive(Deserialize)]
pub(super) struct OneHealth {
    #[serde(default)]
    finished: Option<bool>,
    #[serde(flatten)]
    instance: InstanceHealth,
}

impl From<HealthReply> for HealthReport {
    fn from(reply: HealthReply) -> Self {
        match reply {
            HealthReply::Several { finished, omitted, services } => {
                Self { finished: finished.unwrap_or(true), omitted, instances: services }
            }
            HealthReply::One(one) => {
                Self { finished: one.finished.unwrap_or(true), omitted: 0, instances: vec![one.instance] }
            }
        }
    }
}
