//! What a Kubernetes API tells of a service.

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
    /// How it is reached.
    #[serde(rename = "type")]
    pub kind: K8sServiceType,
    /// Whether it has no address of its own (`clusterIP: None`): its name leads to the endpoints themselves.
    pub headless: bool,
    /// Its addresses within the cluster, the main one first.
    pub cluster_ips: Vec<IpAddr>,
    /// Its addresses and names outside of the cluster: those of its load balancer, and those that somebody wrote down.
    pub external: Vec<Untrusted>,
    /// The name that it stands for, where it is an `ExternalName`.
    pub external_name: Option<Untrusted>,
    /// The labels by which it chooses its pods; empty where somebody else says what its endpoints are.
    pub selector: BTreeMap<Untrusted, Untrusted>,
    /// Whether its endpoints are called before they are ready and until they are gone (`publishNotReadyAddresses`).
    pub publish_not_ready: bool,
    /// What it serves.
    pub ports: Vec<K8sPort>,
    /// What its endpoints are known from.
    pub endpoints_from: EndpointsFrom,
}

impl Detail for K8sDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }
}

/// How a Kubernetes service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum K8sServiceType {
    /// From within the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// From outside too, by a port of every node.
    NodePort,
    /// From outside too, by a balancer that the cloud provides.
    LoadBalancer,
    /// By another name: it has no address and no endpoints.
    ExternalName,
}

impl K8sServiceType {
    /// The word for it, as Kubernetes writes it.
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
    /// Its name, which it must have where there are several.
    pub name: Option<Untrusted>,
    /// The number at the service's addresses.
    pub port: u16,
    /// The port of the pods that it leads to.
    pub target: Option<TargetPort>,
    /// The number at every node's addresses, for `NodePort` and `LoadBalancer`.
    pub node_port: Option<u16>,
    /// How it is spoken to.
    pub transport: Transport,
    /// What is spoken there, as its owner says: `kubernetes.io/h2c`, `https`.
    pub app_protocol: Option<Untrusted>,
}

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetPort {
    /// By its number.
    Number(u16),
    /// By the name that a container gives it.
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

/// What the endpoints of a service are known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointsFrom {
    /// Its EndpointSlices.
    Slices,
    /// Its Endpoints, as on a server that has no slices.
    Endpoints,
    /// Nothing: they could not be read, or not all of them.
    Unknown,
}
