//! One look at the socket tables, in one's own network namespace or in all of them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::FixedState;

use super::interfaces::Interfaces;
use super::netlink::{LocalEnd, SockDiag};
use super::socket::{Socket, Wanted};
use super::{netns, procnet};
use crate::model::{Address, Fault, NetworkNamespace, Transport};

/// What was there to see.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) sockets: Vec<Socket>,
    /// The namespaces looked into; the first is one's own.
    pub(super) namespaces: Vec<Namespace>,
    pub(super) faults: Vec<Fault>,
}

/// One network namespace.
#[derive(Default)]
pub(super) struct Namespace {
    /// `None` for one's own.
    pub(super) identity: Option<NetworkNamespace>,
    pub(super) interfaces: Interfaces,
    /// Why they could not be listed.
    pub(super) unread: Option<Fault>,
    /// How many connections are established to each address that is listened at; those to an address that nobody
    /// listens at on its own count for every address of their family.
    pub(super) established: HashMap<LocalEnd, u32, FixedState>,
    /// The ports that somebody listens at on every IPv4 address, and on those alone.
    pub(super) listens_on_ipv4: HashSet<u16>,
}

/// Looks into one's own namespace, and with `all` into every other one. `interfaces`: whether their addresses are
/// wanted.
pub(super) fn look(wanted: &Wanted, interfaces: bool, all: bool) -> Seen {
    let mut seen = Seen::default();
    let (sockets, namespace, faults) = look_here(wanted, interfaces);
    seen.take(sockets, namespace, faults);
    if all {
        look_elsewhere(wanted, interfaces, &mut seen);
    }
    seen
}

fn look_elsewhere(wanted: &Wanted, interfaces: bool, seen: &mut Seen) {
    let (others, mut denied) = match netns::others() {
        Ok(found) => found,
        Err(err) => return seen.faults.push(fault("find other network namespaces".to_owned(), &err, "try again")),
    };
    for other in others {
        match other.enter(|| look_here(wanted, interfaces)) {
            Ok(Some((sockets, mut namespace, faults))) => {
                namespace.identity = Some(other.identity);
                seen.take(sockets, namespace, faults);
            }
            Ok(None) => {}
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => denied = true,
            Err(err) => {
                let what = format!("look into network namespace {}", other.identity);
                seen.faults.push(fault(what, &err, "try again, with more open files (ulimit -n)"));
            }
        }
    }
    if denied {
        seen.faults.push(Fault {
            what: "look into other network namespaces".to_owned(),
            why: "no permission".to_owned(),
            hint: "run as root, or leave --all-netns out".to_owned(),
        });
    }
}

impl Seen {
    fn take(&mut self, mut sockets: Vec<Socket>, namespace: Namespace, faults: Vec<Fault>) {
        let index = u16::try_from(self.namespaces.len()).unwrap_or(u16::MAX);
        for socket in &mut sockets {
            socket.netns = index;
        }
        self.sockets.append(&mut sockets);
        self.namespaces.push(namespace);
        self.faults.extend(faults);
    }
}

/// Looks into the namespace of the calling thread. Each table is read through netlink, and where that is refused
/// from `/proc/net`.
fn look_here(wanted: &Wanted, interfaces: bool) -> (Vec<Socket>, Namespace, Vec<Fault>) {
    let mut sockets = Vec::new();
    let mut faults = Vec::new();
    let mut diag = SockDiag::open();
    for (transport, asked) in [(Transport::Tcp, wanted.tcp), (Transport::Udp, wanted.udp)] {
        if asked {
            let by_netlink = |diag: &mut SockDiag, out: &mut _| diag.inet(transport, wanted, out);
            let read = read(&mut diag, &mut sockets, by_netlink, |out| procnet::inet(transport, wanted, out));
            note(&mut faults, read, transport.as_str());
        }
    }
    if wanted.unix {
        let by_netlink = |diag: &mut SockDiag, out: &mut _| diag.unix(wanted, out);
        note(&mut faults, read(&mut diag, &mut sockets, by_netlink, |out| procnet::unix(wanted, out)), "unix");
    }
    let mut established = Vec::new();
    if wanted.connections {
        let by_netlink = |diag: &mut SockDiag, out: &mut _| diag.established(out);
        note(&mut faults, read(&mut diag, &mut established, by_netlink, procnet::established), "established tcp");
    }
    let mut namespace = Namespace::default();
    if !established.is_empty() {
        let any_ipv4 = Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let ipv4 = sockets.iter().filter(|socket| socket.transport == Transport::Tcp && socket.address == any_ipv4);
        namespace.listens_on_ipv4 = ipv4.map(|socket| socket.port).collect();
        namespace.established = by_listener(established, &sockets);
    }
    let devices: Vec<u32> = sockets.iter().map(|socket| socket.device).filter(|&device| device != 0).collect();
    match Interfaces::read(interfaces, &devices) {
        Ok(read) => namespace.interfaces = read,
        Err(err) => {
            let hint = "a sandbox may refuse netlink, which tells them; run outside of it";
            namespace.unread = Some(fault("list network interfaces".to_owned(), &err, hint));
        }
    }
    (sockets, namespace, faults)
}

fn by_listener(established: Vec<LocalEnd>, sockets: &[Socket]) -> HashMap<LocalEnd, u32, FixedState> {
    let mut counts = HashMap::default();
    let listened: HashSet<LocalEnd, FixedState> = sockets
        .iter()
        .filter(|socket| socket.transport == Transport::Tcp)
        .filter_map(|socket| match socket.address {
            Address::Ip(ip) => Some((ip.to_canonical(), socket.port, socket.device)),
            Address::Unix(_) => None,
        })
        .collect();
    let any_ipv6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    for (ip, port, device) in established {
        let any = if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { any_ipv6 };
        // What a listener that is bound to a device accepts is bound to it too. So is what comes from a link-local
        // address, whoever accepts it.
        let bound = [(ip, port, device), (any, port, device), (any_ipv6, port, device)];
        let bound = bound.into_iter().filter(|_| device != 0).find(|end| listened.contains(end));
        let exact = Some((ip, port, 0)).filter(|end| listened.contains(end));
        *counts.entry(bound.or(exact).unwrap_or((any, port, 0))).or_default() += 1;
    }
    counts
}

/// Reads a table through netlink, and where that is refused, be it half-way, from `/proc/net`.
fn read<T>(
    diag: &mut io::Result<SockDiag>,
    out: &mut Vec<T>,
    by_netlink: impl FnOnce(&mut SockDiag, &mut Vec<T>) -> io::Result<()>,
    by_text: impl FnOnce(&mut Vec<T>) -> io::Result<()>,
) -> io::Result<()> {
    let before = out.len();
    if let Ok(netlink) = diag {
        match by_netlink(netlink, out) {
            Ok(()) => return Ok(()),
            // The rest of a broken-off answer may still come and must not be taken for the answer to another
            // question, so this socket is asked nothing more.
            Err(err) => *diag = Err(err),
        }
    }
    // What netlink told before it broke off is told again.
    out.truncate(before);
    by_text(out)
}

fn note(faults: &mut Vec<Fault>, read: io::Result<()>, table: &str) {
    if let Err(err) = read {
        let hint = "a sandbox may refuse both netlink and /proc/net; run outside of it";
        faults.push(fault(format!("list {table} sockets"), &err, hint));
    }
}

fn fault(what: String, err: &io::Error, hint: &str) -> Fault {
    Fault { what, why: err.to_string(), hint: hint.to_owned() }
}
