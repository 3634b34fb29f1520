//! Whether the name of an endpoint resolves to it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::resolvers::{DnsResponse, ResolverReply, all_addresses};
use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, LocalFailure};
use super::{BuiltInCheck, findings};
use crate::model::{Figures, Finding, Group};
use crate::net::is_localhost;

findings! { Group::Dns;
    UNRESOLVED = "dns-unresolved", cap 40, "The name does not resolve.",
        "check the spelling of the name and its zone";
    TIMEOUT = "dns-timeout", 0, "The resolver does not reply. This says nothing about the service.",
        "check the resolver, or use another one (--resolver)";
    FAILED = "dns-failed", 0, "The resolver replies with an error. This says nothing about the service.",
        "check the zone and its name servers, or use another resolver (--resolver)";
    ADDRESS_MISSING = "dns-address-missing", 6, "The name does not resolve to the address of the endpoint.",
        "check whether the DNS record or the endpoint is out of date";
    DISAGREE = "dns-disagree", 4, "Resolvers return different addresses.",
        "check the name servers of the zone, and wait until cached records expire";
    ADDRESS_DEAD = "dns-address-dead", 4, "Some addresses of the name do not accept connections, but another one does.",
        "start the service there, or remove the record";
    IPV6_DEAD = "dns-ipv6-dead", 4, "The name has an IPv6 address that does not accept connections.",
        "make the service reachable over IPv6, or remove the AAAA record";
    SLOW = "dns-slow", 2, "The lookup exceeds the latency target.",
        "check the resolver";
}

/// Evidence of a name lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsObservation {
    pub(crate) name: String,
    /// The declared address of the endpoint, if any.
    pub(crate) address: Option<IpAddr>,
    /// The latency target of a lookup, in microseconds.
    #[serde(rename = "goal_us")]
    pub(crate) target_us: u64,
    /// One reply per resolver.
    #[serde(rename = "answers")]
    pub(crate) replies: Vec<ResolverReply>,
    /// An IPv6 address that accepts no connections, if the name has both IPv4 and IPv6 addresses.
    pub(crate) ipv6: Option<Ipv6>,
    /// The other addresses that accept no connections, while one of the name does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dead: Vec<DeadAddress>,
    /// The address that the other checks used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<IpAddr>,
}

/// An address that does not accept connections, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadAddress {
    pub(crate) address: IpAddr,
    pub(crate) error: String,
}

/// An IPv6 address and whether it accepts connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ipv6 {
    pub(crate) address: IpAddr,
    /// Why the connection failed.
    #[serde(rename = "dead")]
    pub(crate) error: Option<String>,
}

/// Queries every resolver for the addresses of `name`. `address` is the declared address of the endpoint.
pub(crate) async fn resolve(
    name: &str,
    address: Option<IpAddr>,
    target_us: u64,
    context: &CheckContext,
) -> CheckResult<DnsObservation> {
    let replies = context.resolvers.query(name).await.map_err(LocalFailure)?;
    Ok(DnsObservation { name: name.to_owned(), address, target_us, replies, ipv6: None, dead: Vec::new(), used: None })
}

impl BuiltInCheck for DnsObservation {
    fn add_figures(&self, figures: &mut Figures) {
        figures.address = self.used;
        figures.latency_us.name = scale::median(self.replies.iter().map(|reply| reply.latency.measured()));
    }

    fn findings(&self) -> Vec<Finding> {
        let name = &self.name;
        let conclusive: Vec<&ResolverReply> = self.replies.iter().filter(|reply| reply.is_conclusive()).collect();
        let Some(first) = conclusive.first() else {
            let has_error = self.replies.iter().any(|reply| matches!(reply.response, DnsResponse::Error(_)));
            let kind = if has_error { &FAILED } else { &TIMEOUT };
            return self.local_failure().map(|cause| Finding::new(kind, cause)).into_iter().collect();
        };

        let addresses = self.addresses();
        if addresses.is_empty() {
            return vec![Finding::new(&UNRESOLVED, format!("{name} does not resolve ({})", first.resolver))];
        }

        let mut findings = Vec::new();
        if let Some(other) = conclusive.iter().find(|reply| reply.addresses() != first.addresses()) {
            let text = format!("{} and {} return different addresses for {name}", first.resolver, other.resolver);
            findings.push(Finding::new(&DISAGREE, text));
        }
        if let Some(address) = self.address.filter(|address| !addresses.contains(address)) {
            findings.push(Finding::new(&ADDRESS_MISSING, format!("{name} does not resolve to {address}")));
        }
        if let Some(Ipv6 { address, error: Some(error) }) = &self.ipv6 {
            findings.push(Finding::new(&IPV6_DEAD, format!("AAAA {address} does not accept connections: {error}")));
        }

        if !self.dead.is_empty() {
            findings.push(Finding::new(&ADDRESS_DEAD, dead_text(name, &self.dead)));
        }

        findings.extend(self.slow());
        findings
    }

    /// Whether no resolver replied at all.
    fn is_silent(&self) -> bool {
        self.replies.iter().all(|reply| reply.response == DnsResponse::TimedOut)
    }

    /// Why the lookup was inconclusive.
    fn local_failure(&self) -> Option<String> {
        if self.replies.iter().any(ResolverReply::is_conclusive) {
            return None;
        }

        let failure = self.replies.iter().find_map(|reply| match &reply.response {
            DnsResponse::Error(code) => Some(format!("{} replies {code} for {}", reply.resolver, self.name)),
            DnsResponse::Failed(cause) => Some(format!("{}: {cause}", reply.resolver)),
            _ => None,
        });
        failure.or_else(|| {
            let resolvers: Vec<&str> = self.replies.iter().map(|reply| reply.resolver.as_str()).collect();
            Some(format!("no reply for {} from {}", self.name, resolvers.join(", ")))
        })
    }

    fn latencies(&self) -> Vec<Latency> {
        self.replies.iter().filter(|reply| reply.is_conclusive()).map(|reply| reply.latency).collect()
    }

    fn latency_target(&self) -> u64 {
        self.target_us
    }

    fn set_lag(&mut self, lag_us: u64) {
        for reply in &mut self.replies {
            reply.latency.set_lag(lag_us);
        }
    }
}

impl DnsObservation {
    /// The addresses from all resolvers, IPv4 first.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        all_addresses(&self.replies)
    }

    /// Records the addresses that accept no connections, while another one does.
    pub(crate) fn set_dead(&mut self, mut dead: Vec<DeadAddress>) {
        // A server of this machine may listen on one of the two loopback addresses.
        if is_localhost(&self.name) {
            return;
        }

        let has_ipv4 = self.addresses().iter().any(IpAddr::is_ipv4);
        if let Some(at) = dead.iter().position(|dead| has_ipv4 && dead.address.is_ipv6()) {
            let DeadAddress { address, error } = dead.remove(at);
            self.ipv6 = Some(Ipv6 { address, error: Some(error) });
        }
        self.dead = dead;
    }

    fn slow(&self) -> Option<Finding> {
        let slowest = self.latencies().into_iter().map(Latency::net).max().unwrap_or(0);
        let (took, target) = (scale::format_micros(slowest), scale::format_micros(self.target_us));
        (slowest > self.target_us).then(|| Finding::new(&SLOW, format!("looked up in {took}; the target is {target}")))
    }
}

/// Names the dead addresses, as many as fit into a line.
fn dead_text(name: &str, dead: &[DeadAddress]) -> String {
    const MAX_NAMED: usize = 4;
    let named = dead.iter().take(MAX_NAMED).map(|DeadAddress { address, error }| format!("{address} ({error})"));
    let named = named.collect::<Vec<_>>().join(", ");

    let more = match dead.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = if dead.len() == 1 { "does" } else { "do" };
    format!("of {name}, {named}{more} {verb} not accept connections")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn observation(responses: impl IntoIterator<Item = DnsResponse>) -> DnsObservation {
        let replies = (1..).zip(responses).map(|(n, response)| ResolverReply {
            resolver: format!("127.0.0.{n}:53"),
            latency: Latency::from_micros(10),
            response,
        });

        DnsObservation {
            name: "web.test".into(),
            address: None,
            target_us: 100,
            replies: replies.collect(),
            ipv6: None,
            dead: Vec::new(),
            used: None,
        }
    }

    fn at(addresses: &[&str]) -> DnsResponse {
        DnsResponse::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    #[test]
    fn replies_are_compared() {
        assert_eq!(codes(&observation([at(&["10.0.0.1"])])), [""; 0]);
        assert_eq!(codes(&observation([DnsResponse::None])), ["dns-unresolved"]);
        assert_eq!(codes(&observation([at(&["10.0.0.1"]), DnsResponse::None])), ["dns-disagree"]);
        assert_eq!(codes(&observation([at(&["10.0.0.1"]), at(&["10.0.0.2"])])), ["dns-disagree"]);
        assert_eq!(codes(&observation([at(&["10.0.0.1"]), DnsResponse::TimedOut])), [""; 0], "silence is no reply");

        let missing = DnsObservation { address: Some([10, 0, 0, 9].into()), ..observation([at(&["10.0.0.1"])]) };
        assert_eq!(codes(&missing), ["dns-address-missing"]);
        assert_eq!(codes(&DnsObservation { target_us: 9, ..observation([at(&["10.0.0.1"])]) }), ["dns-slow"]);

        let ipv6 = Some(Ipv6 { address: "::1".parse().unwrap(), error: Some("refused".into()) });
        assert_eq!(codes(&DnsObservation { ipv6, ..observation([at(&["10.0.0.1", "::1"])]) }), ["dns-ipv6-dead"]);
    }

    #[test]
    fn dead_addresses_are_named() {
        let dead = |texts: &[&str]| -> Vec<DeadAddress> {
            texts.iter().map(|ip| DeadAddress { address: ip.parse().unwrap(), error: "refused".to_owned() }).collect()
        };
        let mut both = observation([at(&["10.0.0.1", "10.0.0.2", "fd00::1"])]);
        both.set_dead(dead(&["10.0.0.2", "fd00::1"]));
        assert_eq!(codes(&both), ["dns-ipv6-dead", "dns-address-dead"]);
        let text = both.findings()[1].text.to_string();
        assert_eq!(text, "of web.test, 10.0.0.2 (refused) does not accept connections");

        let mut local = DnsObservation { name: "Localhost.".into(), ..observation([at(&["127.0.0.1", "::1"])]) };
        local.set_dead(dead(&["127.0.0.1"]));
        assert_eq!(codes(&local), [""; 0], "a server may listen on one of the loopback addresses");
    }

    #[test]
    fn a_silent_resolver_says_nothing_about_the_service() {
        for response in [DnsResponse::TimedOut, DnsResponse::Failed("refused".into())] {
            let silent = observation([response]);
            assert_eq!(codes(&silent), ["dns-timeout"]);
            assert!(silent.local_failure().is_some());
        }

        let refused = observation([DnsResponse::TimedOut, DnsResponse::Error("REFUSED".into())]);
        assert_eq!(codes(&refused), ["dns-failed"]);
        assert_eq!(refused.local_failure().as_deref(), Some("127.0.0.2:53 replies REFUSED for web.test"));
        assert_eq!(observation([DnsResponse::None]).local_failure(), None);
    }
}
