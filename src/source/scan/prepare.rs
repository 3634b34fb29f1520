//! From options to plans.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::absent::Absent;
use super::counts::Counts;
use super::namespaces::NamespaceAddresses;
use super::options::Scan;
use super::pace::Pace;
use super::plan::{PlanPart, ScanPlan, has_own_hosts};
use super::resume::{Resume, ResumeState};
use super::scan_counts::StopReason;
use super::summary::{self, MANY, Summary};
use super::{reading, targets};
use crate::clean::{Untrusted, clean};
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Addresses, DEFAULT_TOP, PartialError, Ports, ProbeOrder, Transport};
use crate::net::ephemeral_ports;
use crate::probe::payload;
use crate::source::ListContext;

/// With fewer questions another thread costs more than it brings.
const WORTH_A_THREAD: u64 = 512;
/// With fewer ports it takes as long to look for a host as to ask them.
const WORTH_A_PING: usize = 16;
/// Threads beyond this only wait for each other in the kernel.
const MAX_THREADS: usize = 4;

/// What options come to.
pub(super) struct PreparedScan {
    /// One after another: this network namespace's TCP, then its UDP, then the same of others. Empty: none of the names is
    /// known.
    pub(super) plans: Vec<ScanPlan>,
    pub(super) summary: Summary,
    pub(super) names: BTreeMap<IpAddr, Untrusted>,
    pub(super) faults: Vec<PartialError>,
    /// What could not be looked at for want of rights.
    pub(super) limit: Option<PartialError>,
    /// Whether every network namespace of this machine is asked.
    pub(super) everywhere: bool,
    /// The file that tells of this scan.
    pub(super) resume: Option<Resume>,
}

impl PreparedScan {
    fn without_plan(faults: Vec<PartialError>) -> Self {
        let (summary, names) = (Summary::default(), BTreeMap::new());
        Self { plans: Vec::new(), summary, names, faults, limit: None, everywhere: false, resume: None }
    }

    /// The end came before all targets were known.
    fn unread(cut: StopReason) -> Self {
        Self::without_plan(vec![summary::unread(cut)])
    }
}

impl Scan {
    /// What to probe. The user confirms a large scan.
    pub(super) fn prepare(&self, context: &ListContext) -> Result<PreparedScan> {
        let deadline = self.deadline.map(|deadline| Instant::now() + deadline);
        let left = self.resume.as_deref().map(ResumeState::read).transpose()?.flatten();
        let parts = match &left {
            Some(left) if !self.chooses_ports() && (!self.udp || left.is_of_udp()) => left.parts.clone(),
            _ => self.parts()?,
        };
        let asked = match self.asked(left.as_ref(), &context.cancel, deadline)? {
            Ok(asked) => asked,
            Err(cut) => return Ok(PreparedScan::unread(cut)),
        };
        let targets::ScanTargets { addresses, names, mut faults, mut elsewhere, limit, mut everywhere } = asked;
        if self.resume.is_some() && !elsewhere.is_empty() {
            faults.push(summary::left_out(elsewhere.len()));
            elsewhere.clear();
            everywhere = false;
        }
        if addresses.is_empty() && elsewhere.is_empty() {
            if faults.is_empty() {
                let hint = "look at what --exclude and -4 or -6 leave over";
                return Err(Error::usage("these targets", "no address is left of them", hint));
            }
            return Ok(PreparedScan::without_plan(faults));
        }
        let summary = self.allowed(&addresses, &elsewhere, &parts, context)?;
        let begin_resume = |path| Resume::begin(path, left, &parts, &addresses, &names);
        let resume = self.resume.as_deref().map(begin_resume).transpose()?;
        let before = resume.iter().flat_map(Resume::all_done).map(|done| done.count()).sum();
        let summary = Summary { before, ..summary };
        let mut plans = self.plans(&addresses, &parts, deadline, None, resume.as_ref());
        for there in elsewhere {
            plans.extend(self.plans(&there.addresses, &parts, deadline, Some(&there), None));
        }
        Ok(PreparedScan { plans, summary, names, faults, limit, everywhere, resume })
    }

    /// How much is to be asked, if that may be.
    fn allowed(
        &self,
        addresses: &Addresses,
        elsewhere: &[NamespaceAddresses],
        parts: &[PlanPart],
        context: &ListContext,
    ) -> Result<Summary> {
        let hosts = elsewhere.iter().fold(addresses.len(), |sum, there| sum.saturating_add(there.addresses.len()));
        let ports: u64 = parts.iter().map(|part| part.ports.len() as u64).sum();
        let probes = hosts.saturating_mul(ports.into());
        let said = format!("{} of {} are {probes} questions", summary::ports(ports), summary::hosts(hosts));
        if probes > MANY && !self.yes && !context.confirm(&format!("{said}. Ask them?")) {
            let hint = "choose fewer targets or ports, or say --yes";
            return Err(Error::usage("these targets", format!("{said}, more than {MANY}"), hint));
        }
        let (Ok(hosts), Ok(probes)) = (u64::try_from(hosts), u64::try_from(probes)) else {
            return Err(Error::usage("these targets", format!("{said}, more than can be counted"), "choose fewer"));
        };
        Ok(Summary { hosts, ports, probes, before: 0 })
    }

    /// What to ask in one network namespace.
    fn plans(
        &self,
        addresses: &Addresses,
        parts: &[PlanPart],
        deadline: Option<Instant>,
        elsewhere: Option<&NamespaceAddresses>,
        resume: Option<&Resume>,
    ) -> Vec<ScanPlan> {
        let hosts = u64::try_from(addresses.len()).unwrap_or(u64::MAX);
        let ports: usize = parts.iter().map(|part| part.ports.len()).sum();
        let ping = !self.no_ping && hosts > 1 && ports > WORTH_A_PING && elsewhere.is_none();
        let absent = if ping { Absent::new(hosts) } else { None };
        let plan = |part: &PlanPart, ping: bool, number: Option<usize>| {
            let udp = part.transport == Transport::Udp;
            let probes = hosts.saturating_mul(part.ports.len() as u64);
            let threads = threads(if ping { probes.saturating_add(hosts) } else { probes }, hosts, ping, udp);
            let sharers = if has_own_hosts(hosts, threads, ping) { 1 } else { u32::try_from(threads).unwrap_or(1) };
            let pace = Pace::new(self.pace, self.timeout, self.retries, self.rate.map(Into::into), threads);
            ScanPlan {
                order: ProbeOrder::new(hosts, &part.ports, RandomState::new().hash_one(hosts)),
                ports: part.ports.clone(),
                hosts,
                pace: Pace { sharers, same: self.syn && !udp, ..pace },
                all: self.lists_all(),
                ephemeral: elsewhere.map_or_else(ephemeral_ports, |there| there.ephemeral.clone()),
                deadline,
                threads,
                ping,
                addresses: addresses.clone(),
                transport: part.transport,
                syn: self.syn,
                done: number.and_then(|number| resume.and_then(|resume| resume.done(number))),
                counts: Counts::new(hosts),
                absent: absent.clone(),
                namespace: elsewhere.map(|there| Arc::clone(&there.namespace)),
            }
        };
        let mut plans = Vec::new();
        if ping && parts.iter().all(|part| part.transport == Transport::Udp) {
            // Whoever asks UDP ports does not look for hosts: that is done before, without asking them for a TCP port.
            plans.push(plan(&PlanPart { transport: Transport::Tcp, ports: Ports::default() }, true, None));
        }
        let numbered = parts.iter().zip(0..);
        plans.extend(numbered.map(|(part, number)| plan(part, ping && part.transport == Transport::Tcp, Some(number))));
        plans
    }

    /// The ports to ask, TCP before UDP.
    fn parts(&self) -> Result<Vec<PlanPart>> {
        let (tcp, udp) = match (&self.ports, self.top_ports) {
            (Some(ports), _) => ports.of(self.udp),
            (None, _) if self.udp => {
                (Ports::default(), (1..=u16::MAX).filter(|&port| payload(port).is_some()).collect())
            }
            (None, top) => (Ports::top(top.unwrap_or(DEFAULT_TOP)), Ports::default()),
        };
        if self.udp && !tcp.is_empty() {
            return Err(Error::usage(
                "--udp",
                "ports of TCP are asked for too",
                "leave --udp out: U: marks those of UDP",
            ));
        }
        if self.syn && tcp.is_empty() {
            return Err(Error::usage("--syn", "no port of TCP is asked for", "leave it out, or ask for some"));
        }
        let of = |transport, ports: Ports| {
            let ports = self.exclude_ports.as_ref().map_or_else(|| ports.clone(), |excluded| ports.without(excluded));
            PlanPart { transport, ports }
        };
        let mut parts = vec![of(Transport::Tcp, tcp), of(Transport::Udp, udp)];
        parts.retain(|part| !part.ports.is_empty());
        if parts.is_empty() {
            return Err(Error::usage("--exclude-ports", "no port is left", "leave out fewer, or ask for more"));
        }
        Ok(parts)
    }

    fn chooses_ports(&self) -> bool {
        self.ports.is_some() || self.top_ports.is_some() || self.exclude_ports.is_some()
    }

    /// The targets that are named, or those of the run that is gone on with.
    fn asked(
        &self,
        left: Option<&ResumeState>,
        cancel: &Cancel,
        deadline: Option<Instant>,
    ) -> Result<reading::ReadResult> {
        match (left, &self.resume) {
            _ if !self.targets.is_empty() || self.interface.is_some() => reading::read(self, cancel, deadline),
            (Some(ResumeState { addresses, names, .. }), _) => {
                let (addresses, names) = (addresses.clone(), names.clone());
                Ok(Ok(targets::ScanTargets { addresses, names, ..targets::ScanTargets::default() }))
            }
            (None, Some(path)) => {
                let what = format!("--resume '{}'", clean(&path.to_string_lossy()));
                let why = "it is not there, and no target is named";
                Err(Error::usage(what, why, "name targets, to begin a scan that can be gone on with"))
            }
            (None, None) => reading::read(self, cancel, deadline),
        }
    }
}

/// How many threads so many questions are worth.
fn threads(probes: u64, hosts: u64, ping: bool, udp: bool) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let worth = usize::try_from(probes / WORTH_A_THREAD).unwrap_or(usize::MAX).max(1);
    // Who looks for a host asks its ports too. Datagrams are sent no faster than one thread can.
    let most = match (ping, udp) {
        (_, true) => 1,
        (true, _) => usize::try_from(hosts).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    cores.min(worth).min(most)
}
