//! The listing itself: look, choose, find owners, put together.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::fast::FixedState;
use rustix::io::Errno;

use super::activation::SocketUnits;
use super::cgroup::Membership;
use super::options::{Local, SortKey};
use super::owners::{Holders, Owners};
use super::select::{self, Selection};
use super::socket::{Socket, Wanted};
use super::tables::{Namespace, SocketTables, look};
use super::users::Users;
use super::walk::WalkError;
use crate::clean::Untrusted;
use crate::error::{Error, Result, plain};
use crate::model::{
    Address, Backlog, Completeness, DetailLevel, Endpoint, LocalDetail, OwnerLookup, PartialError, Process, Service,
    SocketState, Transport,
};

/// How whole a listing is.
pub(super) struct ListingOutcome {
    pub(super) completeness: Completeness,
    pub(super) errors: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
}

/// Lists what listens here, and hands each service to `out`. When `stop` says so, what is known by then is handed
/// out and marked as incomplete.
pub(super) fn list(
    query: &Local,
    depth: DetailLevel,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
) -> Result<ListingOutcome> {
    query.check()?;
    let users = Users::read();
    let selected = SelectedSockets::look(query, depth, &users)?;
    describe(selected, query, depth, users, stop, out)
}

/// What is there and wanted, by all that is known without its processes.
pub(super) struct SelectedSockets {
    pub(super) sockets: Vec<Socket>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) faults: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
}

impl SelectedSockets {
    pub(super) fn look(query: &Local, depth: DetailLevel, users: &Users) -> Result<Self> {
        let selection = Selection::new(query, users)?;
        let SocketTables { mut sockets, namespaces, faults, limits } =
            look(&query.wanted(depth), query.needs_interfaces(depth), query.all_netns);
        if namespaces.iter().all(|namespace| namespace.unread.is_none()) {
            selection.check_interface(&namespaces)?;
        }
        sockets.retain(|socket| selection.takes(socket, &namespaces[usize::from(socket.netns)].interfaces));
        Ok(Self { sockets, namespaces, faults, limits })
    }
}

/// Finds the owners of what was seen, and hands each service to `out`.
pub(super) fn describe(
    selected: SelectedSockets,
    query: &Local,
    depth: DetailLevel,
    users: Users,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
) -> Result<ListingOutcome> {
    let SelectedSockets { mut sockets, namespaces, faults: mut errors, limits: denied } = selected;
    let unread: Vec<PartialError> = namespaces.iter().filter_map(|namespace| namespace.unread.clone()).collect();
    let mut owners = if query.needs_owners(depth) && !sockets.is_empty() {
        let owners = find_owners(&mut sockets, query, depth, &users, stop)?;
        errors.extend(owners.unfinished.map(unfinished));
        owners
    } else {
        Owners::not_asked()
    };
    let mut sorted: Vec<&Socket> = sockets.iter().collect();
    sorted.sort_unstable_by(|a, b| order(a, b).then(a.inode.cmp(&b.inode)));
    let groups = sorted.chunk_by(|a, b| order(a, b) == Ordering::Equal);
    let mut groups: Vec<_> = groups.map(|sockets| AddressGroup::of(sockets, &mut owners)).collect();
    let assembly = RowBuilder { query, depth, users, namespaces, owners, units: OnceCell::new() };
    let mut limits = assembly.limits(&mut groups);
    // Rows are missing for want of owners only where they are chosen by them.
    errors.extend(limits.iter().filter(|_| query.process.is_some()).cloned());
    limits.extend(denied);
    limits.extend(assembly.namespaces.iter().any(|namespace| namespace.by_text).then(read_as_text));
    // Rows are missing for want of interfaces only where they are chosen by them.
    let chosen = query.exposed || query.interface.is_some();
    if chosen {
        errors.extend(unread);
    } else {
        limits.extend(unread);
    }
    if !matches!(query.sort, SortKey::Port) {
        // They are in the order of ports, and stay so where the keys are equal.
        groups.sort_by_cached_key(|group| assembly.key(group));
    }
    for group in &groups {
        if out(assembly.service(group)).is_break() {
            break;
        }
    }
    let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    Ok(ListingOutcome { completeness, errors, limits })
}

/// Finds the owners, and drops the sockets that were closed while we looked.
fn find_owners(
    sockets: &mut Vec<Socket>,
    query: &Local,
    depth: DetailLevel,
    users: &Users,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Owners> {
    let owners =
        Owners::find(sockets, depth == DetailLevel::Full || query.process.is_some(), users, stop).map_err(|err| {
            let hint = err
                .raw_os_error()
                .map_or("portolan needs /proc to be mounted", |code| hint_for(Errno::from_raw_os_error(code)));
            Error::io("read the processes in /proc", err, hint)
        })?;
    if owners.absent == Some(OwnerLookup::NotFound) && sockets.iter().any(|socket| owners.is_absent(socket.inode)) {
        let wanted = Wanted { connections: false, ..query.wanted(depth) };
        let again = look(&wanted, false, query.all_netns);
        // Where the second look is not whole, what it does not show may be there all the same.
        if again.faults.is_empty() {
            let alive: HashSet<u32, FixedState> = again.sockets.into_iter().map(|socket| socket.inode).collect();
            sockets.retain(|socket| !owners.is_absent(socket.inode) || alive.contains(&socket.inode));
        }
    }
    Ok(owners)
}

/// Says why the search for owners did not come to its end.
fn unfinished(why: WalkError) -> PartialError {
    let what = "look into every process";
    match why {
        WalkError::Stopped => fault(what, "stopped", "let it finish"),
        WalkError::Failed(error) => fault(what, &plain(&error.into()), hint_for(error)),
    }
}

/// What to try where rights are missing; who is root already has to look elsewhere.
pub(in crate::source) fn hint_for_rights(hint: &'static str) -> &'static str {
    if rustix::process::geteuid().is_root() {
        "some processes are shut off from this root too, by a user namespace or a security module"
    } else {
        hint
    }
}

/// What to try where the operating system failed us.
fn hint_for(error: Errno) -> &'static str {
    match error {
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (ulimit -n)",
        Errno::NOMEM => "this machine is out of memory; try again",
        _ => "try again; if it stays, look at what guards /proc here",
    }
}

fn read_as_text() -> PartialError {
    fault(
        "see bound devices, control groups and backlogs, nor tell odd names of Unix-domain sockets for certain",
        "netlink is refused or has not all tables, and /proc/net does not tell",
        "run outside of a sandbox that refuses it, or load the kernel's *_diag modules",
    )
}

fn fault(what: &str, why: &str, hint: &str) -> PartialError {
    PartialError { operation: what.to_owned(), cause: why.to_owned(), hint: hint.to_owned() }
}

/// The sockets of one address, and who holds them.
struct AddressGroup<'s> {
    sockets: &'s [&'s Socket],
    holders: Arc<Holders>,
    /// Some of its sockets has no known holder.
    unknown: bool,
}

impl<'s> AddressGroup<'s> {
    fn of(sockets: &'s [&'s Socket], owners: &mut Owners) -> Self {
        let (holders, unknown) = owners.of(sockets);
        Self { sockets, holders, unknown }
    }

    /// What its sockets say, where all of them say the same: several users may share an address.
    fn agreed<T: PartialEq>(&self, say: impl Fn(&Socket) -> Option<T>) -> Option<T> {
        let said = say(self.first());
        self.sockets.iter().all(|socket| say(socket) == said).then_some(said)?
    }

    fn first(&self) -> &Socket {
        self.sockets[0]
    }

    fn principal(&self) -> Option<&Process> {
        principal(&self.holders.processes)
    }
}

/// Whether a pattern fits one of the names that a process has: the kernel's, which is cut off after 15 bytes, that
/// of the file it runs, or the first word of its command line.
fn matches(glob: &glob::Pattern, process: &Process) -> bool {
    let base = |path: &str| path.rsplit('/').next().is_some_and(|name| glob.matches(name));
    let command = process.command.as_ref().and_then(|command| command.as_raw().split(' ').next());
    glob.matches(process.name.as_raw())
        || process.exe.as_ref().is_some_and(|exe| base(exe.as_raw().trim_end_matches(" (deleted)")))
        || command.is_some_and(|word| base(word.trim_end_matches(':')))
}

/// A value to sort by. All of one listing are of one kind, beside `None`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Number(u32),
    Address(Address),
    Text(Untrusted),
    None,
}

/// The process that a listener is best known by: not the service manager that only keeps its socket.
pub(super) fn principal(processes: &[Arc<Process>]) -> Option<&Process> {
    processes.iter().find(|process| !is_manager(process)).or(processes.first()).map(|process| &**process)
}

/// Whether a process is the service manager. In a container, process 1 is the application itself.
fn is_manager(process: &Process) -> bool {
    process.pid == 1 && process.name.as_raw() == "systemd"
}

struct RowBuilder<'a> {
    query: &'a Local,
    depth: DetailLevel,
    users: Users,
    namespaces: Vec<Namespace>,
    owners: Owners,
    /// Read when the first listener needs them.
    units: OnceCell<SocketUnits>,
}

impl RowBuilder<'_> {
    /// Where a listener runs, and what it is called: its container, else its service unit, else its process; never
    /// its port.
    fn name(&self, group: &AddressGroup<'_>) -> (Option<Untrusted>, Membership) {
        let mut member = self.owners.membership(group.sockets, &group.holders);
        let processes = &group.holders.processes;
        if processes.len() == 1 && is_manager(&processes[0]) {
            let units = self.units.get_or_init(SocketUnits::read);
            let first = group.first();
            if let Some(service) = units.service(first.transport, &first.address, first.port) {
                member.unit = Some(service.into());
            }
        }
        if let Some(container) = &member.container {
            return (Some(container.to_string().into()), member);
        }
        let unit =
            member.unit.as_ref().filter(|_| !member.of_user).and_then(|unit| unit.as_raw().strip_suffix(".service"));
        let name = unit.map(Untrusted::from).or_else(|| group.principal().map(|process| process.name.clone()));
        (name, member)
    }

    /// Leaves out what `--process` does not match, and says what could not be seen.
    fn limits(&self, groups: &mut Vec<AddressGroup<'_>>) -> Vec<PartialError> {
        let total = groups.len();
        let unknown = groups.iter().filter(|group| group.unknown).count();
        if let Some(glob) = &self.query.process {
            groups.retain(|group| group.holders.processes.iter().any(|process| matches(glob, process)));
        }
        // That a process we may not look into holds a socket beside its known owners cannot be told, and is said by
        // `processes_complete`: on a machine with one shut-off process it would else stand below every listing.
        if unknown == 0 || self.owners.absent != Some(OwnerLookup::NoPermission) {
            return Vec::new();
        }
        let what = format!("see the owners of {unknown} of {total} services");
        let why = match &self.query.process {
            Some(glob) => {
                format!("no permission, so '{}' could not be compared with them", crate::clean::clean(glob.as_str()))
            }
            None => "no permission".to_owned(),
        };
        let hint = hint_for_rights("run as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE");
        vec![fault(&what, &why, hint)]
    }

    /// What a listener is sorted by; what has none comes last.
    fn key(&self, group: &AddressGroup<'_>) -> SortValue {
        let first = group.first();
        let text = |text: Option<Untrusted>| text.map_or(SortValue::None, SortValue::Text);
        match self.query.sort {
            SortKey::Port => SortValue::Number(first.port.into()),
            SortKey::Address => SortValue::Address(first.address.clone()),
            SortKey::Proto => SortValue::Number(first.transport as u32),
            SortKey::Name => text(self.name(group).0),
            SortKey::Process => text(group.principal().map(|process| process.name.clone())),
            SortKey::Pid => group.principal().map_or(SortValue::None, |process| SortValue::Number(process.pid)),
            SortKey::User => text(group.agreed(|socket| socket.uid).map(|uid| self.users.user(uid).to_string().into())),
        }
    }

    fn service(&self, group: &AddressGroup<'_>) -> Service<LocalDetail> {
        let endpoint = endpoint(group.first(), &self.namespaces);
        let (name, member) = self.name(group);
        let (id, detail) = (id(group.first(), &endpoint, &self.namespaces), self.detail(group, member));
        Service { name, ..Service::new(id, "local", vec![endpoint], detail) }
    }

    fn detail(&self, group: &AddressGroup<'_>, member: Membership) -> LocalDetail {
        let first = group.first();
        let namespace = &self.namespaces[usize::from(first.netns)];
        let full = self.depth == DetailLevel::Full;
        let state = group.sockets.iter().map(|socket| socket.state).min().unwrap_or(first.state);
        let listens = state == SocketState::Listen;
        let queued = || group.sockets.iter().map(|socket| socket.receive_queue).fold(0, u32::saturating_add);
        let limit = group.sockets.iter().map(|socket| socket.backlog_limit).reduce(|a, b| Some(a?.saturating_add(b?)));
        let bound = select::bound(first);
        LocalDetail {
            owner: if group.unknown { self.owners.absent.unwrap_or(OwnerLookup::NotAsked) } else { OwnerLookup::Known },
            processes: Arc::clone(&group.holders.processes),
            processes_complete: self.owners.absent == Some(OwnerLookup::NotFound) && !group.unknown,
            user: group.agreed(|socket| socket.uid).map(|uid| self.users.user(uid)),
            unit: member.unit,
            container: member.container,
            scope: select::scope(first),
            state,
            interfaces: bound
                .filter(|_| full)
                .map(|bound| namespace.interfaces.names_leading_to(bound))
                .unwrap_or_default(),
            exposed: select::exposed(first, &namespace.interfaces).filter(|_| full && namespace.unread.is_none()),
            v6_only: group.agreed(|socket| socket.v6_only),
            netns: namespace.identity.clone(),
            backlog: limit.flatten().filter(|_| listens).map(|limit| Backlog { used: queued(), limit }),
            receive_queue: (first.transport == Transport::Udp).then(queued),
            connections: if full { self.connections(group, namespace) } else { None },
            sockets: u32::try_from(group.sockets.len()).unwrap_or(u32::MAX),
        }
    }

    /// How many connections are established to a listener. For UDP, how many of its sockets are connected to a peer,
    /// where such were asked for.
    fn connections(&self, group: &AddressGroup<'_>, namespace: &Namespace) -> Option<u32> {
        if group.first().transport != Transport::Udp {
            return namespace.connections.to(group.first());
        }
        let connected = group.sockets.iter().filter(|socket| socket.state == SocketState::Connected).count();
        u32::try_from(connected).ok().filter(|_| self.query.state.contains(&SocketState::Connected))
    }
}

/// Where a socket serves.
fn endpoint(socket: &Socket, namespaces: &[Namespace]) -> Endpoint {
    let port = (socket.transport != Transport::Unix).then_some(socket.port);
    let interface = device(socket, namespaces);
    Endpoint { interface, ..Endpoint::new(socket.address.clone(), port, socket.transport) }
}

/// The interface that a socket is bound to: its name, or its number where it has gone.
fn device(socket: &Socket, namespaces: &[Namespace]) -> Option<Untrusted> {
    let index = socket.device.filter(|&index| index != 0)?;
    let name = namespaces[usize::from(socket.netns)].interfaces.device(Some(index));
    Some(name.map_or_else(|| index.to_string().into(), Untrusted::from))
}

/// The id of the service that a socket is part of.
pub(super) fn id_of(socket: &Socket, namespaces: &[Namespace]) -> String {
    id(socket, &endpoint(socket, namespaces), namespaces)
}

/// `local/tcp/127.0.0.1:5432`, `local/tcp/0.0.0.0%eth0:80`, `local/net:blue/udp/[::]:53`, `local/unix/@name`,
/// `local/unix/dgram:/run/log`
fn id(socket: &Socket, endpoint: &Endpoint, namespaces: &[Namespace]) -> String {
    let mut id = String::with_capacity(40);
    id.push_str("local/");
    // Writing to a String cannot fail.
    if let Some(identity) = &namespaces[usize::from(socket.netns)].identity {
        let _ = write!(id, "net:{identity}/");
    }
    let _ = write!(id, "{}/", socket.transport.as_str());
    match &socket.unix {
        Some(name) => name.write_id(&mut id),
        None => {
            let _ = write!(id, "{endpoint}");
        }
    }
    id
}

/// The order of sockets; those that are equal share an address and are one service.
fn order(a: &Socket, b: &Socket) -> Ordering {
    (a.port, a.transport)
        .cmp(&(b.port, b.transport))
        .then_with(|| a.address.cmp(&b.address))
        .then_with(|| (&a.unix, a.device, a.netns).cmp(&(&b.unix, b.device, b.netns)))
}
