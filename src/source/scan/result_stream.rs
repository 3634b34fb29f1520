//! From results to services, as they come or sorted at the end.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::plan::ScanPlan;
use super::resume::Resume;
use super::run::{FoundPort, Run};
use super::summary::Summary;
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, NetworkNamespace, PortState, ScanDetail, ScannedHost, Service};
use crate::net::interface_name;
use crate::source::{ItemSink, Progress};

/// Word of progress goes out at most this often.
const PROGRESS: Duration = Duration::from_millis(100);

/// Takes results of one plan after another, until there are no more or nobody wants more.
pub(super) struct ResultStream<'s> {
    names: &'s BTreeMap<IpAddr, Untrusted>,
    summary: Summary,
    pub(super) resume: Option<Resume>,
    /// What is kept, with its plan's number among the namespaces, until all is there; `None`: it is handed over at once.
    kept: Option<Vec<(usize, FoundPort)>>,
    namespaces: Vec<Option<NetworkNamespace>>,
    pub(super) hosts: Vec<ScannedHost>,
    found: u64,
    /// Of the plans before.
    done: u64,
    heard: bool,
    said: Instant,
    due: Option<Vec<Vec<u64>>>,
}

impl<'s> ResultStream<'s> {
    pub(super) fn new(
        names: &'s BTreeMap<IpAddr, Untrusted>,
        summary: Summary,
        streaming: bool,
        resume: Option<Resume>,
        out: &mut dyn ItemSink,
    ) -> Self {
        let kept = (!streaming).then(Vec::new);
        let (namespaces, hosts, said) = (vec![None], Vec::new(), Instant::now());
        let (found, done, heard, due) = (0, summary.before, true, None);
        let mut this = Self { names, summary, resume, kept, namespaces, hosts, found, done, heard, said, due };
        // What earlier runs found goes before.
        for found in this.resume.as_ref().map(|resume| resume.found().to_vec()).unwrap_or_default() {
            this.found += 1;
            this.heard = this.heard && this.take(found, out);
        }
        this
    }

    /// Takes everything that a run of that plan finds. `false`: nobody wants more.
    pub(super) async fn take_all(&mut self, plan: &ScanPlan, run: &Run, out: &mut dyn ItemSink) -> bool {
        let namespace = plan.namespace.as_ref().map(|namespace| namespace.identity.clone());
        if self.namespaces.last() != Some(&namespace) {
            self.namespaces.push(namespace);
        }
        poll_fn(|context| self.poll(run, context, out)).await;
        self.done += run.done();
        self.count(plan);
        self.heard || self.resume.is_some()
    }

    fn poll(&mut self, run: &Run, context: &mut Context<'_>, out: &mut dyn ItemSink) -> Poll<()> {
        loop {
            if !self.heard {
                run.close();
            }
            if self.said.elapsed() >= PROGRESS {
                self.said = Instant::now();
                if self.due.is_none() {
                    self.due = self.resume.as_ref().and_then(Resume::due);
                }
                let (done, total) = (self.done + run.done(), self.summary.probes);
                out.progress(Progress { done, total, found: self.found });
            }
            match run.poll_next(context) {
                Poll::Ready(Some(port)) => {
                    self.found += 1;
                    if let Some(resume) = &mut self.resume {
                        resume.add(port);
                    }
                    self.heard = self.heard && self.take(port, out);
                    // Nobody hears the rest, but a file must hold it.
                    if !self.heard && self.resume.is_none() {
                        run.close();
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    // Whatever had ended when that was noted was on its way by then, and has been taken by now.
                    if let (Some(resume), Some(bits)) = (&mut self.resume, self.due.take()) {
                        resume.save(&bits);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Hands a result over, or keeps it; whether more are wanted.
    fn take(&mut self, found: FoundPort, out: &mut dyn ItemSink) -> bool {
        let at = self.namespaces.len() - 1;
        match &mut self.kept {
            Some(kept) => {
                kept.push((at, found));
                true
            }
            None => out.service(service(found, self.names, self.namespaces[at].as_ref()).erase()).is_continue(),
        }
    }

    /// Hands over what was kept, sorted.
    pub(super) fn finish(&mut self, out: &mut dyn ItemSink) {
        let Some(mut kept) = self.kept.take() else { return };
        kept.sort_unstable_by_key(|(namespace, found)| (*namespace, found.address, found.transport));
        for (namespace, found) in kept {
            if out.service(service(found, self.names, self.namespaces[namespace].as_ref()).erase()).is_break() {
                return;
            }
        }
    }

    /// Notes how many ports of each host are in which state.
    fn count(&mut self, plan: &ScanPlan) {
        let Some(counts) = &plan.counts else { return };
        for (host, of) in counts.known() {
            let ports = plan.ports.len() as u64;
            let count = |state: PortState| of[state as usize];
            let not_tried = match &plan.done {
                Some(_) => plan.left(host),
                None => ports.saturating_sub(of.iter().sum()),
            };
            let address = plan.address(host, 0).ip();
            self.hosts.push(ScannedHost {
                address,
                host: self.names.get(&address).filter(|_| plan.namespace.is_none()).cloned(),
                netns: plan.namespace.as_ref().map(|namespace| namespace.identity.clone()),
                transport: plan.transport,
                ports,
                open: count(PortState::Open),
                closed: count(PortState::Closed),
                filtered: count(PortState::Filtered),
                unreachable: count(PortState::Unreachable),
                no_answer: count(PortState::NoAnswer),
                not_tried,
            });
        }
    }
}

/// What a scan tells of a port.
pub(super) fn service(
    found: FoundPort,
    names: &BTreeMap<IpAddr, Untrusted>,
    namespace: Option<&NetworkNamespace>,
) -> Service<ScanDetail> {
    let FoundPort { address, transport, reason, rtt_us, attempts } = found;
    let state = reason.state();
    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() > 0 => interface_name(v6.scope_id()),
        _ => None,
    };
    let net = namespace.map(|namespace| format!("net:{namespace}/")).unwrap_or_default();
    let word = transport.as_str();
    let id = match &zone {
        Some(zone) => format!("scan/{net}{word}/[{}%{}]:{}", address.ip(), clean(zone), address.port()),
        None => format!("scan/{net}{word}/{address}"),
    };
    let endpoint = Endpoint {
        ready: state == PortState::Open,
        interface: zone.as_deref().map(Into::into),
        ..Endpoint::new(Address::Ip(address.ip()), Some(address.port()), transport)
    };
    let host = names.get(&address.ip()).filter(|_| namespace.is_none()).cloned();
    let rtt = rtt_us.map(Duration::from_micros);
    let detail = ScanDetail { state, reason, rtt, attempts, host, netns: namespace.cloned() };
    Service::new(id, "scan", vec![endpoint], detail)
}
