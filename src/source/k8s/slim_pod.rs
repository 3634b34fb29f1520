//! Pods for findings: the deserializer skips what only rows show.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer};

use super::pods::{Container, ContainerPort, Pod, PodSpec, PodStatus};

/// A pod with the fields of [`Pod::into_slim`].
pub(super) struct SlimPod(pub(super) Pod);

impl<'de> Deserialize<'de> for SlimPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SlimPodFields { metadata, spec, status } = SlimPodFields::deserialize(deserializer)?;
        let Metadata { namespace, name, labels } = metadata;

        Ok(Self(Pod {
            metadata: ObjectMeta { namespace, name, labels, ..ObjectMeta::default() },
            spec: PodSpec {
                containers: spec.containers.map(containers),
                init_containers: spec.init_containers.map(containers),
                ..PodSpec::default()
            },
            status: PodStatus { phase: status.phase, ..PodStatus::default() },
        }))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SlimPodFields {
    metadata: Metadata,
    spec: Spec,
    status: SlimStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    containers: Option<Vec<SlimContainer>>,
    init_containers: Option<Vec<SlimContainer>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SlimContainer {
    ports: Option<Vec<ContainerPort>>,
    restart_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SlimStatus {
    phase: Option<String>,
}

fn containers(containers: Vec<SlimContainer>) -> Vec<Container> {
    let containers = containers.into_iter();
    containers
        .map(|SlimContainer { ports, restart_policy }| Container { ports, restart_policy, ..Container::default() })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slim_pod_is_the_pod_without_what_findings_do_not_need() {
        let pod = json!({
            "metadata": {"namespace": "shop", "name": "web-1", "labels": {"app": "web"}, "annotations": {"a": "b"},
                         "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u"}],
                         "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]},
            "spec": {"nodeName": "node-1",
                     "containers": [{"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 80}]}],
                     "initContainers": [{"name": "proxy", "restartPolicy": "Always", "ports": null}]},
            "status": {"phase": "Running", "podIP": "10.1.1.1", "podIPs": [{"ip": "10.1.1.1"}],
                       "containerStatuses": [{"name": "app", "ready": true}]},
        });
        for pod in [pod, json!({}), json!({"metadata": {"name": "bare"}, "spec": {"containers": null}})] {
            let SlimPod(slim) = serde_json::from_value(pod.clone()).unwrap();
            assert_eq!(slim, serde_json::from_value::<Pod>(pod).unwrap().into_slim());
        }
    }
}
