//! Whether the name of an endpoint resolves to it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::resolvers::{DnsResponse, ResolverReply};
use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, LocalFailure};
use super::{BuiltInCheck, findings};
use crate::model::{Finding, Group};
use crate::net::{ConnectError, Deadline, dial};

findings! { Group::Dns;
    UNRESOLVED = "dns-unresolved", cap 40, "The name does not resolve.",
        "check the spelling of the name and its zone";
    TIMEOUT = "dns-timeout", 0, "The resolver does not reply. This says nothing about the service.",
        "check the resolver, or use another one (--resolver)";
    ADDRESS_MISSING = "dns-address-missing", 6, "The name does not resolve to the address of the endpoint.",
        "check whether the DNS record or the endpoint is out of date";
    DISAGREE = "dns-disagree", 4, "Resolvers return different addresses.",
        "check the name servers of the zone, and wait until cached records expire";
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
    /// The result of connecting over IPv6, if the name has both IPv4 and IPv6 addresses.
    pub(crate) ipv6: Option<Ipv6>,
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
    Ok(DnsObservation { name: name.to_owned(), address, target_us, replies, ipv6: None })
}

/// Connects to the first IPv6 address if the name has IPv4 addresses too.
pub(crate) async fn check_ipv6(observation: &mut DnsObservation, port: u16, context: &CheckContext) {
    let addresses = observation.addresses();
    let Some(v6) = addresses.iter().find(|ip| ip.is_ipv6()).filter(|_| addresses.iter().any(IpAddr::is_ipv4)) else {
        return;
    };

    let error = match dial((*v6, port).into(), None, Deadline::after(context.timeout)).await {
        Ok(_) | Err(ConnectError::Reset) => None,
        Err(error @ (ConnectError::Refused | ConnectError::TimedOut)) => Some(error.to_string()),
        // This machine may have no IPv6 connectivity.
        Err(ConnectError::Unreachable | ConnectError::Local(_)) => return,
    };
    observation.ipv6 = Some(Ipv6 { address: *v6, error });
}

impl BuiltInCheck for DnsObservation {
    fn findings(&self) -> Vec<Finding> {
        let name = &self.name;
        let conclusive: Vec<&ResolverReply> = self.replies.iter().filter(|reply| reply.is_conclusive()).collect();
        let Some(first) = conclusive.first() else {
            return self.local_failure().map(|cause| Finding::new(&TIMEOUT, cause)).into_iter().collect();
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
        let mut all: Vec<IpAddr> = self.replies.iter().flat_map(ResolverReply::addresses).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn slow(&self) -> Option<Finding> {
        let slowest = self.latencies().into_iter().map(Latency::net).max().unwrap_or(0);
        let (took, target) = (scale::format_micros(slowest), scale::format_micros(self.target_us));
        (slowest > self.target_us).then(|| Finding::new(&SLOW, format!("lookup took {took} > target {target}")))
    }
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
    fn a_silent_resolver_says_nothing_about_the_service() {
        for response in [DnsResponse::TimedOut, DnsResponse::Failed("refused".into())] {
            let silent = observation([response]);
            assert_eq!(codes(&silent), ["dns-timeout"]);
            assert!(silent.local_failure().is_some());
        }
        assert_eq!(observation([DnsResponse::None]).local_failure(), None);
    }
}
