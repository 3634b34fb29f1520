//! Facts about a pod from the Kubernetes API.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Detail, words};
use crate::clean::Untrusted;

/// The facts of a pod, besides its endpoints, which are the declared container ports at each address of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sPodDetail {
    /// `Pod`.
    #[serde(rename = "type", deserialize_with = "words::word")]
    pub kind: Cow<'static, str>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`, as in the API.
    pub phase: Untrusted,
    /// The reason from the API why it is not healthy: `CrashLoopBackOff`, `Evicted`.
    pub reason: Option<Untrusted>,
    /// Whether it accepts requests.
    pub ready: bool,
    /// Whether it is terminating.
    pub terminating: bool,
    /// The node that it runs on, once scheduled.
    pub node: Option<Untrusted>,
    /// Its owner: `ReplicaSet/web-6d4b75cb6d`.
    pub controller: Option<Untrusted>,
    /// Its containers, without init containers that have ended.
    pub containers: Vec<K8sContainer>,
    /// The listed services of its namespace that select it.
    pub services: Vec<Untrusted>,
}

impl Detail for K8sPodDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sContainer {
    /// Its name within the pod.
    pub name: Untrusted,
    /// The image that it runs.
    pub image: Option<Untrusted>,
    /// Whether it is ready.
    pub ready: bool,
    /// The number of restarts.
    pub restarts: u32,
}
