//! Whether the name of an endpoint leads to it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::findings;
use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, LocalFailure};
use crate::model::{Finding, Group};
use crate::net::{ConnectError, Deadline, dial};

findings! { Group::Dns;
    UNRESOLVED = "dns-unresolved", cap 40, "The name does not resolve.",
        "look at its spelling, and at the zone";
    TIMEOUT = "dns-timeout", 0, "The resolver does not answer, which says nothing of the service.",
        "look at the resolver, or name another (--resolver)";
    ADDRESS_MISSING = "dns-address-missing", 6, "The address is not among those that the name resolves to.",
        "look whether the record is old, or the endpoint";
    DISAGREE = "dns-disagree", 4, "Resolvers give different answers.",
        "look at the zone's servers, and wait for old answers to time out";
    IPV6_DEAD = "dns-ipv6-dead", 4, "An IPv6 address is published, and does not connect.",
        "make it work over IPv6, or take the AAAA record out";
    SLOW = "dns-slow", 2, "The look-up takes longer than its goal.",
        "look at the resolver";
}

/// What looking a name up showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    pub(crate) name: String,
    /// The address that the endpoint is said to have, where it is said.
    pub(crate) address: Option<IpAddr>,
    /// The longest that a look-up should take, in microseconds.
    pub(crate) goal_us: u64,
    /// What each resolver said.
    pub(crate) answers: Vec<ResolverReply>,
    /// Whether an IPv6 address that is published beside IPv4 connects.
    pub(crate) ipv6: Option<Ipv6>,
}

/// What one resolver said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolverReply {
    /// `127.0.0.1:53`.
    pub(crate) resolver: String,
    pub(crate) took: Latency,
    pub(crate) said: DnsResponse,
}

/// What a resolver says of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DnsResponse {
    /// These addresses, sorted; at least one.
    Addresses(Vec<IpAddr>),
    /// There is no such name, or it has no address.
    None,
    /// It could not say; the text says why.
    Failed(String),
    /// Nothing.
    TimedOut,
}

/// An IPv6 address, and whether it connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ipv6 {
    pub(crate) address: IpAddr,
    /// Why it does not.
    pub(crate) dead: Option<String>,
}

/// Asks every resolver for the addresses of `name`. `address` is the one that the endpoint is said to have.
pub(crate) async fn look(
    name: &str,
    address: Option<IpAddr>,
    goal_us: u64,
    kit: &CheckContext,
) -> CheckResult<Observation> {
    let answers = kit.resolvers.ask(name).await.map_err(LocalFailure)?;
    Ok(Observation { name: name.to_owned(), address, goal_us, answers, ipv6: None })
}

/// Whether the first IPv6 address connects, where there are IPv4 ones beside it.
pub(crate) async fn look_at_ipv6(seen: &mut Observation, port: u16, kit: &CheckContext) {
    let addresses = seen.addresses();
    let Some(v6) = addresses.iter().find(|ip| ip.is_ipv6()).filter(|_| addresses.iter().any(IpAddr::is_ipv4)) else {
        return;
    };
    let dead = match dial((*v6, port).into(), None, Deadline::after(kit.timeout)).await {
        Ok(_) | Err(ConnectError::Reset) => None,
        Err(error @ (ConnectError::Refused | ConnectError::TimedOut)) => Some(error.to_string()),
        // It may well be this machine that has no IPv6.
        Err(ConnectError::Unreachable | ConnectError::Local(_)) => return,
    };
    seen.ipv6 = Some(Ipv6 { address: *v6, dead });
}

impl Observation {
    /// The addresses that the name has by any resolver, IPv4 first.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self.answers.iter().flat_map(ResolverReply::addresses).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(crate) fn judge(&self) -> Vec<Finding> {
        let name = &self.name;
        let heard: Vec<&ResolverReply> = self.answers.iter().filter(|answer| answer.is_an_answer()).collect();
        let Some(first) = heard.first() else {
            return self.hindrance().map(|why| Finding::new(&TIMEOUT, why)).into_iter().collect();
        };
        let addresses = self.addresses();
        if addresses.is_empty() {
            return vec![Finding::new(&UNRESOLVED, format!("{name} does not resolve ({})", first.resolver))];
        }
        let mut found = Vec::new();
        if let Some(other) = heard.iter().find(|answer| answer.addresses() != first.addresses()) {
            let text = format!("{} and {} give different addresses for {name}", first.resolver, other.resolver);
            found.push(Finding::new(&DISAGREE, text));
        }
        if let Some(address) = self.address.filter(|address| !addresses.contains(address)) {
            found.push(Finding::new(&ADDRESS_MISSING, format!("{address} is not among the addresses of {name}")));
        }
        if let Some(Ipv6 { address, dead: Some(why) }) = &self.ipv6 {
            found.push(Finding::new(&IPV6_DEAD, format!("AAAA {address} is published, and does not connect: {why}")));
        }
        let slowest = self.times().map(Latency::charged).max().unwrap_or(0);
        if slowest > self.goal_us {
            let text = format!("look-up took {} > goal {}", scale::shown(slowest), scale::shown(self.goal_us));
            found.push(Finding::new(&SLOW, text));
        }
        found
    }

    /// Why nothing is known of the name, where no resolver said anything.
    pub(crate) fn hindrance(&self) -> Option<String> {
        if self.answers.iter().any(ResolverReply::is_an_answer) {
            return None;
        }
        let why = self.answers.iter().find_map(|answer| match &answer.said {
            DnsResponse::Failed(why) => Some(format!("{}: {why}", answer.resolver)),
            _ => None,
        });
        let silent = || self.answers.iter().map(|answer| answer.resolver.as_str()).collect::<Vec<_>>().join(", ");
        Some(why.unwrap_or_else(|| format!("no answer for {} from {}", self.name, silent())))
    }

    /// Whether no resolver answered at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answers.iter().all(|answer| answer.said == DnsResponse::TimedOut)
    }

    /// How long each answer took.
    pub(super) fn times(&self) -> impl Iterator<Item = Latency> {
        self.answers.iter().filter(|answer| answer.is_an_answer()).map(|answer| answer.took)
    }

    /// Takes word of what this side was late by during the look.
    pub(super) fn set_late(&mut self, late_us: u64) {
        for answer in &mut self.answers {
            answer.took.set_late(late_us);
        }
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

/// The first address that any resolver gives, IPv4 before IPv6.
pub(super) fn first_address(answers: &[ResolverReply]) -> Option<IpAddr> {
    answers.iter().flat_map(ResolverReply::addresses).min().copied()
}

impl ResolverReply {
    fn addresses(&self) -> &[IpAddr] {
        if let DnsResponse::Addresses(addresses) = &self.said { addresses } else { &[] }
    }

    fn is_an_answer(&self) -> bool {
        matches!(self.said, DnsResponse::Addresses(_) | DnsResponse::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn seen(said: impl IntoIterator<Item = DnsResponse>) -> Observation {
        let answer = |(n, said)| ResolverReply { resolver: format!("127.0.0.{n}:53"), took: Latency::of(10), said };
        let answers = (1..).zip(said).map(answer).collect();
        Observation { name: "web.test".into(), address: None, goal_us: 100, answers, ipv6: None }
    }

    fn at(addresses: &[&str]) -> DnsResponse {
        DnsResponse::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    #[test]
    fn answers_by_what_they_agree_on() {
        assert_eq!(codes(&seen([at(&["10.0.0.1"])]).judge()), [""; 0]);
        assert_eq!(codes(&seen([DnsResponse::None]).judge()), ["dns-unresolved"]);
        assert_eq!(codes(&seen([at(&["10.0.0.1"]), DnsResponse::None]).judge()), ["dns-disagree"]);
        assert_eq!(codes(&seen([at(&["10.0.0.1"]), at(&["10.0.0.2"])]).judge()), ["dns-disagree"]);
        assert_eq!(codes(&seen([at(&["10.0.0.1"]), DnsResponse::TimedOut]).judge()), [""; 0], "silence is no answer");
        let missing = Observation { address: Some([10, 0, 0, 9].into()), ..seen([at(&["10.0.0.1"])]) };
        assert_eq!(codes(&missing.judge()), ["dns-address-missing"]);
        assert_eq!(codes(&Observation { goal_us: 9, ..seen([at(&["10.0.0.1"])]) }.judge()), ["dns-slow"]);
        let dead = Some(Ipv6 { address: "::1".parse().unwrap(), dead: Some("refused".into()) });
        assert_eq!(codes(&Observation { ipv6: dead, ..seen([at(&["10.0.0.1", "::1"])]) }.judge()), ["dns-ipv6-dead"]);
    }

    #[test]
    fn a_resolver_that_is_silent_says_nothing_of_the_service() {
        for said in [DnsResponse::TimedOut, DnsResponse::Failed("refused".into())] {
            let silent = seen([said]);
            assert_eq!(codes(&silent.judge()), ["dns-timeout"]);
            assert!(silent.hindrance().is_some());
        }
        assert_eq!(seen([DnsResponse::None]).hindrance(), None);
    }
}
