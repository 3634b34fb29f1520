//! What a comparison takes: the facts of one look, without a clock and without connections.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::{AddressReply, AllowList, HostView, RegisteredEndpoint};
use crate::clean::Untrusted;
use crate::model::{Finding, LocalDetail, Service};

/// The facts of one look.
#[derive(Clone, Debug)]
pub struct DriftInput {
    /// What each registry says.
    pub registries: Vec<RegistryView>,
    /// The listeners of this machine, and the ports that rules of its firewall lead elsewhere.
    pub listeners: Vec<Service<LocalDetail>>,
    /// Whether the listeners are complete: false if a socket table could not be read.
    pub listeners_complete: bool,
    /// Whether the ports that rules of the firewall publish are among them: false if this machine passes packets on and its
    /// rules could not be read.
    pub published_known: bool,
    /// What is known of this machine.
    pub host: HostView,
    /// The replies, by address and port.
    pub replies: BTreeMap<(IpAddr, u16), AddressReply>,
    /// Listeners that need no registration.
    pub allow: AllowList,
    /// The hosts whose registrations are compared; empty: all.
    pub hosts: Vec<HostFilter>,
    /// The time, for leases and certificates.
    pub now: Timestamp,
}

/// What one registry says.
#[derive(Clone, Debug, Default)]
pub struct RegistryView {
    /// Its name in findings: `consul`, or its URL if there are several of a kind.
    pub name: String,
    /// Its provider: `consul`, `etcd`, `portolan`, `dns`, `k8s`, `file`.
    pub provider: String,
    /// Its address for commands: `127.0.0.1:8500`, or the path of a file; `None` if it is the provider's default.
    pub place: Option<String>,
    /// Whether it was read completely: false if it was down.
    pub complete: bool,
    /// Whether the endpoints are only those that may be of this machine.
    pub is_of_host: bool,
    /// The registered endpoints.
    pub endpoints: Vec<RegisteredEndpoint>,
    /// Problems that the registry itself reports.
    pub findings: Vec<RegistryFinding>,
    /// The names that were looked up, if it cannot list all of them, such as DNS.
    pub looked_up: Option<BTreeSet<String>>,
}

impl RegistryView {
    /// Whether programs register their instances with it, each under an id of its own.
    pub(super) fn takes_registrations(&self) -> bool {
        matches!(self.provider.as_str(), "consul" | "etcd" | "portolan")
    }
}

/// A problem that a registry reports of one of its services.
#[derive(Clone, Debug)]
pub struct RegistryFinding {
    /// The name of the service.
    pub service: Option<Untrusted>,
    /// Its namespace.
    pub namespace: Option<Untrusted>,
    /// The problem.
    pub finding: Finding,
}

/// A host whose registrations are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFilter {
    /// This machine.
    Local,
    /// A node, a host name or an address.
    Named(String),
}

impl HostFilter {
    /// `local`, or the name or address of a host.
    pub fn of(text: &str) -> Self {
        if text.eq_ignore_ascii_case("local") { Self::Local } else { Self::Named(text.to_owned()) }
    }
}
