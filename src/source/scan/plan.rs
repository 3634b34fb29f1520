//! What a scan probes, and how its threads divide the work.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use super::absent::Absent;
use super::counts::Counts;
use super::done::FinishedProbes;
use super::pace::ScanTiming;
use crate::model::{Addresses, PortState, Ports, ProbeOrder, Reason, Transport};
use crate::net::{OtherNamespace, ProbeSender, TunnelProxy};
use crate::source::KnownPorts;

/// One scan, shared by all its threads.
#[derive(Debug)]
pub(super) struct ScanPlan {
    pub(super) addresses: Addresses,
    /// What connects to the ports, if not this machine.
    pub(super) proxy: Option<TunnelProxy>,
    pub(super) order: ProbeOrder,
    /// The number of addresses; times the number of ports it fits in a `u64`.
    pub(super) hosts: u64,
    pub(super) pace: ScanTiming,
    /// Report closed, filtered and unreachable ports too, not only their number.
    pub(super) all: bool,
    /// Open ports of an earlier scan: silence there is reported too.
    pub(super) known: Arc<KnownPorts>,
    /// The ports that the kernel gives to local sockets.
    pub(super) ephemeral: RangeInclusive<u16>,
    pub(super) deadline: Option<Instant>,
    pub(super) threads: usize,
    /// Run host discovery first.
    pub(super) ping: bool,
    /// The TCP ports that it tries.
    pub(super) ping_ports: Vec<u16>,
    /// Report the hosts that are up, and scan no port.
    pub(super) lists_hosts: bool,
    /// The ports to scan on each host.
    pub(super) ports: Ports,
    /// TCP or UDP.
    pub(super) transport: Transport,
    /// Scan with half-open connections.
    pub(super) syn: bool,
    /// What probes are sent from.
    pub(super) sender: ProbeSender,
    /// Finished probes; the scan skips them and adds to them.
    pub(super) done: Option<Arc<FinishedProbes>>,
    /// The number of ports of each host in each state.
    pub(super) counts: Option<Arc<Counts>>,
    /// Hosts that did not answer host discovery: the plan that runs it sets them, later plans skip them.
    pub(super) absent: Option<Arc<Absent>>,
    /// The network namespace to scan in, if it is not the current one.
    pub(super) namespace: Option<Arc<OtherNamespace>>,
}

impl ScanPlan {
    /// The number of probes, without those of earlier runs.
    pub(super) fn probes(&self) -> u64 {
        if self.lists_hosts {
            return self.hosts;
        }
        let before = self.done.as_ref().map_or(0, |done| done.count());
        self.hosts.saturating_mul(self.ports.len() as u64).saturating_sub(before)
    }

    /// Whether the scan lists ports in that state.
    pub(super) fn lists(&self, state: PortState) -> bool {
        self.all || matches!(state, PortState::Open | PortState::Up)
    }

    /// The address of a port whose result the consumer gets. What a resumed scan does not list follows at its end.
    pub(super) fn reported(&self, state: PortState, address: impl FnOnce() -> SocketAddr) -> Option<SocketAddr> {
        if self.lists(state) {
            return Some(address());
        }
        let may_be_known = self.done.is_none() && is_silence(state) && !self.known.is_empty();
        may_be_known.then(address).filter(|at| self.known.contains(&(at.ip(), at.port(), self.transport)))
    }

    /// The ports of an earlier scan that this one could not get to report: those of absent hosts, and those that the run
    /// before a resumed one found silent.
    pub(super) fn unreported(&self) -> impl Iterator<Item = (SocketAddr, Reason)> {
        let here = self.known.iter().filter(move |(_, port, transport)| {
            *transport == self.transport && self.ports.contains(*port) && !self.lists_hosts
        });
        here.filter_map(move |&(ip, port, transport)| {
            let host = u64::try_from(self.addresses.position(ip)?).ok()?;
            let state = self.done.as_ref().and_then(|done| done.state(host, port, transport));
            let reason = match state {
                None if self.is_absent(host) => Reason::NoResponse,
                Some(PortState::NoAnswer) => Reason::NoAnswer,
                Some(PortState::Unreachable) => Reason::HostUnreachable,
                Some(PortState::Filtered) => Reason::NoResponse,
                _ => return None,
            };
            Some((SocketAddr::new(ip, port), reason)).filter(|_| !self.lists(reason.state()))
        })
    }

    /// Whether an earlier run has scanned the port.
    pub(super) fn is_done(&self, host: u64, port: u16) -> bool {
        self.done.as_ref().is_some_and(|done| done.has(host, port))
    }

    /// Records that a port has finished, after its result was handed over.
    pub(super) fn note(&self, host: u64, port: u16, state: PortState) {
        if let Some(counts) = &self.counts {
            counts.count(host, state);
        }
        if let Some(done) = &self.done {
            done.set(host, port, state);
        }
    }

    /// The number of ports of a host that are still to scan. Where only hosts are listed, the host counts as one.
    pub(super) fn left(&self, host: u64) -> u64 {
        match &self.done {
            _ if self.lists_hosts => 1,
            Some(done) => self.ports.iter().filter(|&port| !done.has(host, port)).count() as u64,
            None => self.ports.len() as u64,
        }
    }

    /// Whether the host did not answer host discovery.
    pub(super) fn is_absent(&self, host: u64) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.has(host))
    }

    /// The address to probe for a host's number and a port.
    pub(super) fn address(&self, host: u64, port: u16) -> SocketAddr {
        // Host numbers always have an address; the fallback never occurs.
        let (ip, zone) = self.addresses.get_zoned(host.into()).unwrap_or((IpAddr::from([0, 0, 0, 0]), 0));
        match ip {
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, zone).into(),
            IpAddr::V4(_) => SocketAddr::new(ip, port),
        }
    }

    /// One thread's share: its own hosts if there are enough of them, so that each host has one window; otherwise its own
    /// ports of every host.
    pub(super) fn share(&self, thread: usize) -> Share {
        let (thread, threads) = (thread as u64, self.threads as u64);
        if has_own_hosts(self.hosts, self.threads, self.ping) {
            Share { first_host: thread, host_stride: threads, first_step: 0, step_stride: 1 }
        } else {
            let (first_step, step_stride) = (narrow(thread), narrow(threads));
            Share { first_host: 0, host_stride: 1, first_step, step_stride }
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Whether a state leaves open whether something listens.
fn is_silence(state: PortState) -> bool {
    matches!(state, PortState::Filtered | PortState::Unreachable | PortState::NoAnswer)
}

/// Whether each thread takes hosts of its own.
pub(super) fn has_own_hosts(hosts: u64, threads: usize, ping: bool) -> bool {
    ping || hosts >= threads as u64 * 4
}

/// One thread's share: every n-th host, or every n-th port of each host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) first_host: u64,
    pub(super) host_stride: u64,
    pub(super) first_step: u32,
    pub(super) step_stride: u32,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::AddressRange;
    use crate::source::scan::pace::TimingTemplate;

    proptest! {
        #[test]
        fn the_shares_of_all_threads_are_everything_once(hosts in 1_u32..30, ports in 1_u16..40, threads in 1_usize..5, ping: bool) {
            let block = AddressRange::new([10, 0, 0, 0].into(), std::net::Ipv4Addr::from_bits(0x0a00_0000 + hosts - 1).into());
            let ports: Ports = (1..=ports).collect();
            let plan = ScanPlan {
                addresses: Addresses::new(block),
                proxy: None,
                order: ProbeOrder::new(hosts.into(), &ports, 3),
                hosts: hosts.into(),
                ports,
                pace: ScanTiming::new(TimingTemplate::Normal, Duration::from_secs(1), None, None, threads),
                all: false,
                known: Arc::default(),
                ephemeral: 1..=1,
                deadline: None,
                threads,
                ping,
                ping_ports: Vec::new(),
                lists_hosts: false,
                transport: Transport::Tcp,
                syn: false,
                sender: ProbeSender::default(),
                done: None,
                counts: None,
                absent: None,
                namespace: None,
            };

            let mut seen = BTreeSet::new();
            for share in (0..threads).map(|thread| plan.share(thread)) {
                for index in (share.first_host..plan.hosts).step_by(usize::try_from(share.host_stride).unwrap()) {
                    let host = plan.order.host(index);
                    for step in (share.first_step..plan.order.steps()).step_by(share.step_stride as usize) {
                        prop_assert!(seen.insert(plan.address(host, plan.order.port(host, step))));
                    }
                }
            }

            prop_assert_eq!(seen.len(), plan.ports.len() * hosts as usize);
        }
    }
}
