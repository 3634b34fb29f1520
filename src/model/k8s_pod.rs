//! What a Kubernetes API tells of a pod.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Detail, words};
use crate::clean::Untrusted;

/// The facts of a pod, beside its endpoints: each port that a container writes down, at each address of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sPodDetail {
    /// `Pod`.
    #[serde(rename = "type", deserialize_with = "words::word")]
    pub kind: Cow<'static, str>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`, as the API has it.
    pub phase: Untrusted,
    /// Why it is not well, where the API says: `CrashLoopBackOff`, `Evicted`.
    pub reason: Option<Untrusted>,
    /// Whether it takes requests.
    pub ready: bool,
    /// Whether it is being ended.
    pub terminating: bool,
    /// The machine that it runs on, once it has one.
    pub node: Option<Untrusted>,
    /// What made it: `ReplicaSet/web-6d4b75cb6d`.
    pub controller: Option<Untrusted>,
    /// The containers that run as long as it does.
    pub containers: Vec<K8sContainer>,
    /// The services of its namespace that choose it, of those that are listed.
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
    /// How often it was begun anew.
    pub restarts: u32,
}
