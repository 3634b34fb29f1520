//! Pods, reduced to labels, ports and state. The deserializer skips all other fields.

use std::borrow::Cow;
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::detail::transport;
use super::slim_metadata::slim_metadata;
use crate::model::{K8sPort, TargetPort, Transport};

/// A pod of the API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    #[serde(deserialize_with = "slim_metadata")]
    pub(super) metadata: ObjectMeta,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) init_containers: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: Option<String>,
    pub(super) ports: Option<Vec<ContainerPort>>,
    pub(super) restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) name: Option<String>,
    #[serde(rename = "containerPort")]
    pub(super) number: i32,
    pub(super) protocol: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub(super) phase: Option<String>,
    pub(super) reason: Option<String>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pub(super) pod_ips: Option<Vec<PodIp>>,
    pub(super) conditions: Option<Vec<PodCondition>>,
    pub(super) container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct PodIp {
    pub(super) ip: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct PodCondition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) ready: bool,
    pub(super) restart_count: i32,
    pub(super) state: Option<ContainerState>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<StateReason>,
    pub(super) terminated: Option<StateReason>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct StateReason {
    pub(super) reason: Option<String>,
}

impl Pod {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether all containers have ended and will not run again.
    pub(super) fn has_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// The containers that run for the life of the pod.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> {
        let init_containers = self.spec.init_containers.iter().flatten();
        // An init container that always restarts runs beside the others (Kubernetes, "Sidecar Containers").
        let sidecars = init_containers.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        self.spec.containers.iter().flatten().chain(sidecars)
    }

    fn ports(&self) -> impl Iterator<Item = &ContainerPort> {
        self.containers().flat_map(|container| container.ports.iter().flatten())
    }

    /// Whether some container has that port. A port number need not be declared: a container that declares none may serve any.
    pub(super) fn has(&self, target: &TargetPort, protocol: Transport) -> bool {
        let mut same = self.ports().filter(|port| transport(port.protocol.as_deref()) == protocol);
        match target {
            TargetPort::Name(name) => same.any(|port| port.name.as_deref() == Some(name.as_raw())),
            TargetPort::Number(number) => {
                same.any(|port| port.number == i32::from(*number))
                    || self.containers().any(|container| container.ports.as_ref().is_none_or(Vec::is_empty))
            }
        }
    }

    /// The declared ports of its containers, for messages: `http 8080`.
    pub(super) fn declared_ports(&self) -> impl Iterator<Item = String> {
        self.ports().map(|port| match &port.name {
            Some(name) => format!("{name} {}", port.number),
            None => port.number.to_string(),
        })
    }

    /// Keeps only the fields that findings need.
    pub(super) fn into_slim(self) -> Self {
        Self {
            metadata: ObjectMeta {
                name: self.metadata.name,
                namespace: self.metadata.namespace,
                labels: self.metadata.labels,
                ..ObjectMeta::default()
            },
            spec: PodSpec {
                containers: slim_containers(self.spec.containers),
                init_containers: slim_containers(self.spec.init_containers),
                ..PodSpec::default()
            },
            status: PodStatus { phase: self.status.phase, ..PodStatus::default() },
        }
    }
}

fn slim_containers(containers: Option<Vec<Container>>) -> Option<Vec<Container>> {
    Some(containers?.into_iter().map(slim_container).collect())
}

fn slim_container(container: Container) -> Container {
    Container { ports: container.ports, restart_policy: container.restart_policy, ..Container::default() }
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = <core::Pod as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The facts about the pods of a service that findings need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SelectedPods {
    /// Whether an unfinished pod has the service's labels.
    pub(super) any: bool,
    /// Whether a finished pod has them.
    pub(super) finished: bool,
    /// For each port of the service, whether some pod has its target.
    pub(super) has: Vec<bool>,
    /// Some of the ports that the pods declare.
    pub(super) declared: BTreeSet<String>,
}

/// The number of ports that a finding names.
const MAX_DECLARED: usize = 5;

impl SelectedPods {
    /// For a service with this many ports; no pods yet.
    pub(super) fn of(ports: usize) -> Self {
        Self { has: vec![false; ports], ..Self::default() }
    }

    /// Adds a pod with the service's labels.
    pub(super) fn add(&mut self, pod: &Pod, ports: &[K8sPort]) {
        if pod.has_finished() {
            self.finished = true;
            return;
        }

        self.any = true;
        for (has, port) in self.has.iter_mut().zip(ports) {
            // The default target is the port itself.
            let number = TargetPort::Number(port.port);
            *has = *has || pod.has(port.target.as_ref().unwrap_or(&number), port.transport);
        }

        let mut declared = pod.declared_ports();
        while self.declared.len() < MAX_DECLARED
            && let Some(port) = declared.next()
        {
            self.declared.insert(port);
        }
    }
}
