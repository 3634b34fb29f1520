//! Turns options into plans.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::absent::Absent;
use super::counts::Counts;
use super::done::FinishedProbes;
use super::namespaces::NamespaceAddresses;
use super::options::Scan;
use super::pace::ScanTiming;
use super::plan::{ScanPlan, has_own_hosts};
use super::plan_part::PlanPart;
use super::reading;
use super::resume::{Resume, ResumeState};
use super::scan_counts::{ScanCounts, StopReason};
use super::summary::{self, MANY, Summary};
use super::targets::{HostNames, ScanTargets};
use super::worker::PING_PORTS;
use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Address, Addresses, DEFAULT_TOP, PartialError, Ports, ProbeOrder, ProxyUrl, Transport};
use crate::net::{ProbeSender, TunnelProxy, ephemeral_ports, is_on_link, resolve};
use crate::probe::payload;
use crate::source::ListContext;

/// With fewer probes another thread costs more than it saves.
const WORTH_A_THREAD: u64 = 512;
/// With fewer ports of fewer hosts host discovery takes as long as the scan itself.
const WORTH_A_PING: (u64, u64) = (16, 4);
/// At most as many ports of the scan are tried by host discovery as well: a host may reply at none but these.
const MAX_PING_PORTS: usize = 16;
/// More threads only wait for each other in the kernel.
const MAX_THREADS: usize = 4;

/// A scan that is ready to run.
pub(super) struct PreparedScan {
    /// In order: TCP in this network namespace, then UDP, then both in other namespaces. Empty if no target name resolved.
    pub(super) plans: Vec<ScanPlan>,
    pub(super) summary: Summary,
    pub(super) names: HostNames,
    pub(super) faults: Vec<PartialError>,
    /// A missing permission.
    pub(super) limit: Option<PartialError>,
    /// Whether the scan covers every network namespace of this machine.
    pub(super) everywhere: bool,
    /// The state file of this scan.
    pub(super) resume: Option<Resume>,
    /// The ports of earlier runs in each state.
    pub(super) earlier: ScanCounts,
}

impl PreparedScan {
    fn without_plan(faults: Vec<PartialError>) -> Self {
        let (summary, names) = (Summary::default(), HostNames::new());
        Self {
            plans: Vec::new(),
            summary,
            names,
            faults,
            limit: None,
            everywhere: false,
            resume: None,
            earlier: ScanCounts::default(),
        }
    }

    /// The scan ended before all targets were read.
    fn unread(stop: StopReason) -> Self {
        Self::without_plan(vec![summary::unread(stop)])
    }
}

impl Scan {
    /// Reads targets and ports and divides them into plans. The user confirms a large scan.
    pub(super) fn prepare(&self, context: &ListContext) -> Result<PreparedScan> {
        let deadline = self.deadline.map(|deadline| Instant::now() + deadline);
        let previous = self.resume.as_deref().map(ResumeState::read).transpose()?.flatten();
        let parts = match &previous {
            Some(previous) if !self.chooses_ports() && (!self.udp || previous.is_of_udp()) => previous.parts.clone(),
            _ if self.discover_only => Vec::new(),
            _ => self.parts()?,
        };

        let targets = match self.scan_targets(previous.as_ref(), &context.cancel, deadline)? {
            Ok(targets) => targets,
            Err(stop) => return Ok(PreparedScan::unread(stop)),
        };
        let ScanTargets { addresses, with_port, names, mut faults, mut others, limit, mut everywhere } = targets;
        let proxy = self.proxy.as_ref().map(proxy_at_its_address).transpose()?;
        let groups = self.sharded(self.groups(&addresses, &parts, with_port))?;

        if self.resume.is_some() && !others.is_empty() {
            faults.push(summary::skipped_namespaces(others.len()));
            others.clear();
            everywhere = false;
        }
        if groups.is_empty() && others.is_empty() {
            if faults.is_empty() {
                let hint = "check --exclude and -4 or -6";
                return Err(Error::usage("these targets", "they contain no address to scan", hint));
            }
            return Ok(PreparedScan::without_plan(faults));
        }

        let summary = self.confirmed_size(&groups, &others, &parts, context)?;
        let resume = match self.resume.as_deref() {
            Some(_) if self.shard.is_some() => {
                let why = "a --resume file holds a whole scan";
                return Err(Error::usage("--resume", why, "leave --shard or --resume out"));
            }
            Some(_) if groups.len() != 1 || addresses.is_empty() => {
                let why = "targets with a port of their own cannot be resumed";
                return Err(Error::usage("--resume", why, "give the ports with -p, or leave --resume out"));
            }
            Some(path) => Some(Resume::begin(path, previous, &parts, &addresses, &names)?),
            None => None,
        };
        let before = resume.iter().flat_map(Resume::all_done).map(|done| done.count()).sum();
        let earlier = resume.as_ref().map(Resume::earlier).unwrap_or_default();
        let summary = Summary { before, ..summary };

        let mut plans = Vec::new();
        for TargetGroup { addresses, parts } in &groups {
            plans.extend(self.plans(addresses, parts, deadline, (None, proxy.as_ref()), resume.as_ref()));
        }
        for other in others {
            plans.extend(self.plans(&other.addresses, &parts, deadline, (Some(&other), None), None));
        }
        for plan in &mut plans {
            plan.known = Arc::clone(&context.known_ports);
        }

        Ok(PreparedScan { plans, summary, names, faults, limit, everywhere, resume, earlier })
    }

    /// The targets by the ports to scan there.
    fn groups(
        &self,
        addresses: &Addresses,
        parts: &[PlanPart],
        with_port: BTreeMap<u16, Addresses>,
    ) -> Vec<TargetGroup> {
        if self.discover_only {
            let all = with_port.values().fold(addresses.clone(), |all, more| all.with(more.ranges()));
            let groups = (!all.is_empty()).then(|| TargetGroup { addresses: all, parts: Vec::new() });
            return groups.into_iter().collect();
        }

        let transport = if self.udp { Transport::Udp } else { Transport::Tcp };
        let mut groups = Vec::new();
        if !addresses.is_empty() {
            groups.push(TargetGroup { addresses: addresses.clone(), parts: parts.to_vec() });
        }

        // Several ports of the same hosts are one group.
        let mut by_addresses: Vec<(Addresses, Vec<u16>)> = Vec::new();
        for (port, mut only) in with_port {
            if parts.iter().any(|part| part.transport == transport && part.ports.contains(port)) {
                only = only.without(addresses);
            }
            match by_addresses.iter_mut().find(|(known, _)| *known == only) {
                Some((_, ports)) => ports.push(port),
                None if only.is_empty() => {}
                None => by_addresses.push((only, vec![port])),
            }
        }

        groups.extend(by_addresses.into_iter().map(|(addresses, ports)| TargetGroup {
            addresses,
            parts: vec![PlanPart { transport, ports: ports.into_iter().collect() }],
        }));
        groups
    }

    /// This machine's part of a shared scan.
    fn sharded(&self, groups: Vec<TargetGroup>) -> Result<Vec<TargetGroup>> {
        let Some(shard) = self.shard else { return Ok(groups) };
        let parts = groups.iter().map(|TargetGroup { addresses, parts }| {
            let (addresses, parts) = shard.part(addresses, parts).ok_or_else(|| {
                let hint = "divide the targets into more parts, or name fewer";
                Error::usage(format!("--shard {shard}"), "it has too many addresses", hint)
            })?;
            Ok(TargetGroup { addresses, parts })
        });
        let mut groups = parts.collect::<Result<Vec<_>>>()?;

        groups.retain(|group| !group.addresses.is_empty() && (self.discover_only || !group.parts.is_empty()));
        if groups.is_empty() {
            let hint = "divide the scan into fewer parts";
            return Err(Error::usage(format!("--shard {shard}"), "nothing is left for this part", hint));
        }
        Ok(groups)
    }

    /// The size of the scan, confirmed if it is large.
    fn confirmed_size(
        &self,
        groups: &[TargetGroup],
        others: &[NamespaceAddresses],
        parts: &[PlanPart],
        context: &ListContext,
    ) -> Result<Summary> {
        let mut sets = groups.iter().map(|group| &group.addresses);
        let first = sets.next().cloned().unwrap_or_default();
        let all = sets.fold(first, |all, more| all.with(more.ranges()));
        let hosts = others.iter().fold(all.len(), |sum, other| sum.saturating_add(other.addresses.len()));

        let is_here = others.is_empty() && self.proxy.is_none();
        let others = others.iter().map(|other| (other.addresses.len(), self.probes_per_host(parts)));
        let groups = groups.iter().map(|group| (group.addresses.len(), self.probes_per_host(&group.parts)));
        let groups: Vec<(u128, u64)> = groups.chain(others).collect();
        let probes =
            groups.iter().fold(0_u128, |sum, (hosts, ports)| sum.saturating_add(hosts.saturating_mul((*ports).into())));

        // Where not every host has the same ports, all of them together are named.
        let same = groups.iter().all(|(_, ports)| Some(*ports) == groups.first().map(|(_, ports)| *ports));
        let ports = match groups.first() {
            Some((_, ports)) if same => *ports,
            _ => u64::try_from(probes).unwrap_or(u64::MAX),
        };
        let size = if self.discover_only {
            summary::addresses(hosts)
        } else {
            format!("{} of {} are {probes} probes", summary::ports(ports), summary::hosts(hosts))
        };

        if probes > MANY && !self.yes && !context.confirm(&format!("{size}. Scan them?")) {
            let discovers = groups.iter().all(|(hosts, ports)| self.discovers(*hosts, *ports));
            let hint = if discovers && is_here && !self.discover_only {
                "add --yes: of hosts that do not reply to host discovery, no port is scanned (--discover-only lists the hosts that are up); or choose fewer targets or ports"
            } else {
                "choose fewer targets or ports, or add --yes"
            };
            return Err(Error::usage("these targets", format!("{size}, more than {MANY}"), hint));
        }
        let (Ok(hosts), Ok(probes)) = (u64::try_from(hosts), u64::try_from(probes)) else {
            return Err(Error::usage("these targets", format!("{size}, more than portolan can count"), "choose fewer"));
        };

        Ok(Summary { hosts, ports, probes, before: 0, hosts_only: self.discover_only })
    }

    /// Whether to discover hosts before scanning `ports` ports on each of `hosts` hosts.
    fn discovers(&self, hosts: u128, ports: u64) -> bool {
        let is_worth_it = ports > WORTH_A_PING.0 || hosts > u128::from(WORTH_A_PING.1);
        self.discover_only || (!self.no_ping && hosts > 1 && is_worth_it)
    }

    fn probes_per_host(&self, parts: &[PlanPart]) -> u64 {
        if self.discover_only { 1 } else { number_of_ports(parts) }
    }

    /// The plans for one network namespace.
    fn plans(
        &self,
        addresses: &Addresses,
        parts: &[PlanPart],
        deadline: Option<Instant>,
        (other, proxy): (Option<&NamespaceAddresses>, Option<&TunnelProxy>),
        resume: Option<&Resume>,
    ) -> Vec<ScanPlan> {
        let hosts = u64::try_from(addresses.len()).unwrap_or(u64::MAX);
        // Host discovery would not go through the proxy.
        let is_here = other.is_none() && proxy.is_none();
        let ping = self.discover_only || (is_here && self.discovers(addresses.len(), number_of_ports(parts)));
        let common = PlanInput {
            addresses,
            hosts,
            deadline,
            other,
            proxy,
            absent: if ping { Absent::new(hosts) } else { None },
        };

        let mut plans = Vec::new();
        if ping && parts.iter().all(|part| part.transport == Transport::Udp) {
            // So does one that only lists hosts.
            // A UDP plan has no host discovery: a TCP plan without ports runs it first.
            let discovery = PlanPart { transport: Transport::Tcp, ports: Ports::default() };
            plans.push(self.plan(&common, &discovery, true, None));
        }

        for (number, part) in parts.iter().enumerate() {
            let done = resume.and_then(|resume| resume.done(number));
            plans.push(self.plan(&common, part, ping && part.transport == Transport::Tcp, done));
        }

        plans
    }

    fn plan(&self, input: &PlanInput<'_>, part: &PlanPart, ping: bool, done: Option<Arc<FinishedProbes>>) -> ScanPlan {
        let &PlanInput { addresses, hosts, deadline, other, proxy, ref absent } = input;
        let udp = part.transport == Transport::Udp;
        let probes = hosts.saturating_mul(part.ports.len() as u64);
        let threads = match proxy {
            Some(_) => 1,
            None => threads(if ping { probes.saturating_add(hosts) } else { probes }, hosts, ping, udp),
        };
        let sharers = if has_own_hosts(hosts, threads, ping) { 1 } else { u32::try_from(threads).unwrap_or(1) };
        let pace = ScanTiming::new(self.pace, self.timeout, self.retries, self.rate.map(Into::into), threads);
        // Only a single host: looking up many would take longer than it saves. UDP ports may think before they reply.
        let is_near = hosts == 1 && !udp && other.is_none() && proxy.is_none();
        let is_near = is_near && addresses.get(0).is_some_and(|ip| is_on_link(ip).unwrap_or(false));
        let pace = if is_near { pace.on_link() } else { pace };

        ScanPlan {
            order: ProbeOrder::new(hosts, &part.ports, RandomState::new().hash_one(hosts)),
            ports: part.ports.clone(),
            hosts,
            pace: ScanTiming { sharers, same: self.syn && !udp, ..pace },
            all: self.lists_all(),
            known: Arc::default(),
            ephemeral: other.map_or_else(ephemeral_ports, |other| other.ephemeral.clone()),
            deadline,
            threads,
            ping,
            ping_ports: if ping { ping_ports(part) } else { Vec::new() },
            lists_hosts: self.discover_only,
            addresses: addresses.clone(),
            proxy: proxy.cloned(),
            transport: part.transport,
            syn: self.syn,
            sender: ProbeSender { address: self.source_address, port: self.source_port },
            counts: Counts::of(hosts, part, done.as_deref()),
            done,
            absent: absent.clone(),
            namespace: other.map(|other| Arc::clone(&other.namespace)),
        }
    }

    /// The ports to scan, TCP before UDP.
    fn parts(&self) -> Result<Vec<PlanPart>> {
        let (tcp, udp) = match (&self.ports, self.top_ports) {
            (Some(ports), _) => ports.of(self.udp),
            (None, Some(top)) if self.udp => (Ports::default(), Ports::top_udp(top)),
            (None, None) if self.udp => {
                (Ports::default(), (1..=u16::MAX).filter(|&port| payload(port).is_some()).collect())
            }
            (None, top) => (Ports::top(top.unwrap_or(DEFAULT_TOP)), Ports::default()),
        };

        if self.udp && !tcp.is_empty() {
            return Err(Error::usage("--udp", "--ports includes TCP ports", "leave --udp out: U: marks UDP ports"));
        }

        if self.syn && tcp.is_empty() {
            return Err(Error::usage("--syn", "--ports includes no TCP port", "leave --syn out, or add a TCP port"));
        }

        let mut parts = vec![self.part(Transport::Tcp, tcp), self.part(Transport::Udp, udp)];
        parts.retain(|part| !part.ports.is_empty());
        if parts.is_empty() {
            return Err(Error::usage(
                "--exclude-ports",
                "it leaves no port to scan",
                "exclude fewer ports, or add some",
            ));
        }

        Ok(parts)
    }

    /// One transport's ports, without the excluded ones.
    fn part(&self, transport: Transport, ports: Ports) -> PlanPart {
        match &self.exclude_ports {
            Some(excluded) => PlanPart { transport, ports: ports.without(excluded) },
            None => PlanPart { transport, ports },
        }
    }

    fn chooses_ports(&self) -> bool {
        self.ports.is_some() || self.top_ports.is_some() || self.exclude_ports.is_some()
    }

    /// The targets of the command line, or those of the run to resume.
    fn scan_targets(
        &self,
        previous: Option<&ResumeState>,
        cancel: &Cancel,
        deadline: Option<Instant>,
    ) -> Result<reading::ReadResult> {
        match (previous, &self.resume) {
            _ if !self.targets.is_empty() || self.interface.is_some() => reading::read(self, cancel, deadline),
            (Some(ResumeState { addresses, names, .. }), _) => {
                let (addresses, names) = (addresses.clone(), names.clone());
                Ok(Ok(ScanTargets { addresses, names, ..ScanTargets::default() }))
            }
            (None, Some(path)) => {
                let what = format!("--resume '{}'", clean(&path.to_string_lossy()));
                let why = "the file does not exist, and there is no target";
                Err(Error::usage(what, why, "add targets to start a scan that can be resumed"))
            }
            (None, None) => reading::read(self, cancel, deadline),
        }
    }
}

/// The number of ports that each host has in these parts.
fn number_of_ports(parts: &[PlanPart]) -> u64 {
    parts.iter().map(|part| part.ports.len() as u64).sum()
}

/// The ports that host discovery tries: the usual ones, and those of the scan if they are few.
fn ping_ports(part: &PlanPart) -> Vec<u16> {
    let is_few = part.ports.len() <= MAX_PING_PORTS;
    let own = part.ports.iter().filter(|port| is_few && !PING_PORTS.contains(port));
    PING_PORTS.into_iter().chain(own).collect()
}

/// Hosts of which the same ports are scanned.
struct TargetGroup {
    addresses: Addresses,
    parts: Vec<PlanPart>,
}

/// The input that all plans of one network namespace share.
struct PlanInput<'a> {
    addresses: &'a Addresses,
    hosts: u64,
    deadline: Option<Instant>,
    other: Option<&'a NamespaceAddresses>,
    proxy: Option<&'a TunnelProxy>,
    absent: Option<Arc<Absent>>,
}

/// The proxy with the address that its name has here.
///
/// # Errors
/// If the name does not resolve.
fn proxy_at_its_address(url: &ProxyUrl) -> Result<TunnelProxy> {
    let hint = "check its spelling, or name its address";
    let port = url.host.port.unwrap_or_default();
    let ip = match &url.host.address {
        Address::Ip(ip) => *ip,
        Address::Name(name) | Address::Unix(name) | Address::Other(name) => {
            let found = resolve(name.as_raw());
            let found =
                found.map_err(|error| Error::usage(format!("--proxy '{}'", url.host), error.to_string(), hint))?;
            let first = found.into_iter().next();
            first.ok_or_else(|| Error::usage(format!("--proxy '{}'", url.host), "it has no address", hint))?
        }
    };

    Ok(TunnelProxy { url: url.clone(), address: SocketAddr::new(ip, port) })
}

/// The number of threads worth using.
fn threads(probes: u64, hosts: u64, ping: bool, udp: bool) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let worth = usize::try_from(probes / WORTH_A_THREAD).unwrap_or(usize::MAX).max(1);
    // Host discovery and port scan of a host share a thread. UDP datagrams go out no faster than one thread sends them.
    let max = match (ping, udp) {
        (_, true) => 1,
        (true, _) => usize::try_from(hosts).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    cores.min(worth).min(max)
}
