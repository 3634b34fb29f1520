//! What is to be asked, and by which thread.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use super::absent::Absent;
use super::counts::Counts;
use super::done::Done;
use super::pace::Pace;
use crate::model::{Addresses, PortState, Ports, ProbeOrder, Transport};
use crate::net::OtherNamespace;

/// The ports of one transport that every host is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlanPart {
    pub(super) transport: Transport,
    pub(super) ports: Ports,
}

/// Everything that is to be asked; all threads read it.
#[derive(Debug)]
pub(super) struct ScanPlan {
    pub(super) addresses: Addresses,
    pub(super) order: ProbeOrder,
    /// How many addresses; with their ports at most what `u64` counts.
    pub(super) hosts: u64,
    pub(super) pace: Pace,
    /// Hand over closed, filtered and unreachable ports too, not only count them.
    pub(super) all: bool,
    /// What the kernel gives to our own sockets.
    pub(super) ephemeral: RangeInclusive<u16>,
    pub(super) deadline: Option<Instant>,
    pub(super) threads: usize,
    /// Look first whether somebody is at each address.
    pub(super) ping: bool,
    /// The ports that each host is asked for.
    pub(super) ports: Ports,
    /// TCP or UDP.
    pub(super) transport: Transport,
    /// By half connections.
    pub(super) syn: bool,
    /// What need not be asked, and where to note what has been.
    pub(super) done: Option<Arc<Done>>,
    /// How many ports of each host are in which state.
    pub(super) counts: Option<Arc<Counts>>,
    /// Hosts that did not show themselves: noted by whoever looks for them, left out by whoever comes after.
    pub(super) absent: Option<Arc<Absent>>,
    /// The network namespace to ask in, where it is not one's own.
    pub(super) namespace: Option<Arc<OtherNamespace>>,
}

impl ScanPlan {
    /// How many questions there are, without those of runs before.
    pub(super) fn questions(&self) -> u64 {
        let before = self.done.as_ref().map_or(0, |done| done.count());
        self.hosts.saturating_mul(self.ports.len() as u64).saturating_sub(before)
    }

    /// Whether a run before this one has asked a port already.
    pub(super) fn is_done(&self, host: u64, port: u16) -> bool {
        self.done.as_ref().is_some_and(|done| done.has(host, port))
    }

    /// Notes that a port has ended, and what was found of it handed over.
    pub(super) fn note(&self, host: u64, port: u16, state: PortState) {
        if let Some(counts) = &self.counts {
            counts.count(host, state);
        }
        if let Some(done) = &self.done {
            done.set(host, port);
        }
    }

    /// How many ports of a host are not asked yet.
    pub(super) fn left(&self, host: u64) -> u64 {
        match &self.done {
            Some(done) => self.ports.iter().filter(|&port| !done.has(host, port)).count() as u64,
            None => self.ports.len() as u64,
        }
    }

    /// Whether nobody has shown up at an address when it was looked for.
    pub(super) fn is_absent(&self, host: u64) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.has(host))
    }

    /// Where to ask the host with that number for a port.
    pub(super) fn address(&self, host: u64, port: u16) -> SocketAddr {
        // A number that there is no address for is never given out.
        let (ip, zone) = self.addresses.get_zoned(host.into()).unwrap_or((IpAddr::from([0, 0, 0, 0]), 0));
        match ip {
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, zone).into(),
            IpAddr::V4(_) => SocketAddr::new(ip, port),
        }
    }

    /// What one thread asks: its own hosts where there are enough of them, so that each host has one window; its own
    /// ports of every host where there are few.
    pub(super) fn share(&self, thread: usize) -> Share {
        let (thread, threads) = (thread as u64, self.threads as u64);
        if has_own_hosts(self.hosts, self.threads, self.ping) {
            Share { first_host: thread, host_stride: threads, first_step: 0, step_stride: 1 }
        } else {
            let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            Share { first_host: 0, host_stride: 1, first_step: narrow(thread), step_stride: narrow(threads) }
        }
    }
}

/// Whether each thread takes hosts of its own.
pub(super) fn has_own_hosts(hosts: u64, threads: usize, ping: bool) -> bool {
    ping || hosts >= threads as u64 * 4
}

/// A thread's part: every so-manieth host, or every so-manieth port of each.
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
                order: ProbeOrder::new(hosts.into(), &ports, 3),
                hosts: hosts.into(),
                ports,
                pace: Pace::new(TimingTemplate::Normal, Duration::from_secs(1), None, None, threads),
                all: false,
                ephemeral: 1..=1,
                deadline: None,
                threads,
                ping,
                transport: Transport::Tcp,
                syn: false,
                done: None,
                counts: None,
                absent: None,
                namespace: None,
            };
            let mut seen = BTreeSet::new();
            for share in (0..threads).map(|thread| plan.share(thread)) {
                for place in (share.first_host..plan.hosts).step_by(usize::try_from(share.host_stride).unwrap()) {
                    let host = plan.order.host(place);
                    for step in (share.first_step..plan.order.steps()).step_by(share.step_stride as usize) {
                        prop_assert!(seen.insert(plan.address(host, plan.order.port(host, step))));
                    }
                }
            }
            prop_assert_eq!(seen.len(), plan.ports.len() * hosts as usize);
        }
    }
}
