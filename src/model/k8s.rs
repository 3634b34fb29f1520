//! Facts about a Kubernetes service from the API.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Detail, Transport};
use crate::clean::Untrusted;

/// The facts of a Kubernetes service, beside its endpoints: those stand in the [`Service`](crate::Service), each with an
/// [`Instance`](crate::model::Instance) that has its pod, node and zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sDetail {
    /// The type of the service.
    #[serde(rename = "type")]
    pub kind: K8sServiceType,
    /// Whether it has no address of its own (`clusterIP: None`): its name leads to the endpoints themselves.
    pub headless: bool,
    /// Its addresses within the cluster, the main one first.
    pub cluster_ips: Vec<IpAddr>,
    /// Its addresses and names outside the cluster: those of its load balancer and `externalIPs`.
    pub external: Vec<Untrusted>,
    /// The target name of an `ExternalName` service.
    pub external_name: Option<Untrusted>,
    /// Its own labels.
    #[serde(default)]
    pub labels: BTreeMap<Untrusted, Untrusted>,
    /// The labels that select its pods; empty if its endpoints are managed by other means.
    pub selector: BTreeMap<Untrusted, Untrusted>,
    /// Whether its endpoints are called before they are ready and until they are gone (`publishNotReadyAddresses`).
    pub publish_not_ready: bool,
    /// Its ports.
    pub ports: Vec<K8sPort>,
    /// The origin of its endpoints.
    pub endpoints_from: EndpointsFrom,
}

impl Detail for K8sDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }

    fn labels(&self) -> Option<&BTreeMap<Untrusted, Untrusted>> {
        Some(&self.labels)
    }
}

/// The type of a Kubernetes service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum K8sServiceType {
    /// Reachable from within the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// Also reachable from outside, by a port of every node.
    NodePort,
    /// Also reachable from outside, through the cloud's load balancer.
    LoadBalancer,
    /// An alias of another name, without address and endpoints.
    ExternalName,
}

impl K8sServiceType {
    /// Its name in Kubernetes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

/// One of the ports of a Kubernetes service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct K8sPort {
    /// Its name, required if the service has several ports.
    pub name: Option<Untrusted>,
    /// The port number at the service's addresses.
    pub port: u16,
    /// The target port of the pods.
    pub target: Option<TargetPort>,
    /// The port number at every node, for `NodePort` and `LoadBalancer`.
    pub node_port: Option<u16>,
    /// Its transport.
    pub transport: Transport,
    /// The application protocol that its owner declares: `kubernetes.io/h2c`, `https`.
    pub app_protocol: Option<Untrusted>,
}

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetPort {
    /// By its number.
    Number(u16),
    /// By the name of a container port.
    Name(Untrusted),
}

impl fmt::Display for TargetPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// The origin of a service's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointsFrom {
    /// Its EndpointSlices.
    Slices,
    /// Its Endpoints, as on a server that has no slices.
    Endpoints,
    /// Unknown: not all of them could be read.
    Unknown,
}
