//! The listing itself: read the socket tables, select, find owners, build rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::ControlFlow;

use foldhash::fast::FixedState;
use rustix::io::Errno;

use super::hints;
use super::options::{Local, SortKey};
use super::owners::Owners;
use super::rows::{AddressGroup, RowBuilder, order};
use super::select::Selection;
use super::socket::{Socket, Wanted};
use super::tables::{Namespace, SocketTables, read_tables};
use super::users::Users;
use super::walk::WalkError;
use crate::error::{Error, Result, plain};
use crate::model::{Completeness, DetailLevel, LocalDetail, OwnerLookup, PartialError, Service};

/// How complete a listing is.
pub(super) struct ListingOutcome {
    pub(super) completeness: Completeness,
    pub(super) errors: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
}

/// Lists the listeners of this machine and passes each service to `out`. Once `stop` returns true, the services known by
/// then are passed on and marked as incomplete.
pub(super) fn list(
    query: &Local,
    depth: DetailLevel,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
) -> Result<ListingOutcome> {
    query.check()?;
    let users = Users::read();
    let selected = SelectedSockets::read(query, depth, &users)?;
    describe(selected, query, depth, users, stop, out)
}

/// The sockets that pass every filter that needs no process.
pub(super) struct SelectedSockets {
    pub(super) sockets: Vec<Socket>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) faults: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
}

impl SelectedSockets {
    pub(super) fn read(query: &Local, depth: DetailLevel, users: &Users) -> Result<Self> {
        let selection = Selection::new(query, users)?;
        let SocketTables { mut sockets, namespaces, faults, limits } =
            read_tables(&query.wanted(depth), query.needs_interfaces(depth), query.all_netns);

        if namespaces.iter().all(|namespace| namespace.unread.is_none()) {
            selection.check_interface(&namespaces)?;
        }
        sockets.retain(|socket| selection.takes(socket, &namespaces[usize::from(socket.netns)].interfaces));

        Ok(Self { sockets, namespaces, faults, limits })
    }
}

/// Finds the owners of the selected sockets, and passes each service to `out`.
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
    let builder = RowBuilder::new(query, depth, users, &namespaces, owners);

    let mut limits = builder.keep_processes(&mut groups);
    // Unknown owners make rows missing only if the rows are selected by owner.
    errors.extend(limits.iter().filter(|_| query.process.is_some()).cloned());
    limits.extend(denied);
    limits.extend(namespaces.iter().any(|namespace| namespace.by_text).then(read_as_text));
    // Unknown interfaces make rows missing only if the rows are selected by interface.
    if query.exposed || query.interface.is_some() {
        errors.extend(unread);
    } else {
        limits.extend(unread);
    }

    if !matches!(query.sort, SortKey::Port) {
        // They are in the order of ports, and stay so where the keys are equal.
        groups.sort_by_cached_key(|group| builder.sort_value(group));
    }
    for group in &groups {
        if out(builder.service(group)).is_break() {
            break;
        }
    }

    let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    Ok(ListingOutcome { completeness, errors, limits })
}

/// Finds the owners, and drops the sockets that were closed meanwhile.
fn find_owners(
    sockets: &mut Vec<Socket>,
    query: &Local,
    depth: DetailLevel,
    users: &Users,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Owners> {
    let full = depth == DetailLevel::Full || query.process.is_some();
    let owners = Owners::find(sockets, full, users, stop).map_err(|error| {
        let hint = error
            .raw_os_error()
            .map_or("portolan needs /proc to be mounted", |code| hints::for_error(Errno::from_raw_os_error(code)));
        Error::io("read the processes in /proc", error, hint)
    })?;

    if owners.absent == Some(OwnerLookup::NotFound) && sockets.iter().any(|socket| owners.is_absent(socket.inode)) {
        let wanted = Wanted { connections: false, ..query.wanted(depth) };
        let again = read_tables(&wanted, false, query.all_netns);
        // If the second read is incomplete, a socket that it does not show may still exist.
        if again.faults.is_empty() {
            let alive: HashSet<u32, FixedState> = again.sockets.into_iter().map(|socket| socket.inode).collect();
            sockets.retain(|socket| !owners.is_absent(socket.inode) || alive.contains(&socket.inode));
        }
    }

    Ok(owners)
}

/// Why the search for owners is incomplete.
fn unfinished(why: WalkError) -> PartialError {
    let (why, hint) = match why {
        WalkError::Stopped => ("stopped".to_owned(), "let it finish"),
        WalkError::Failed(error) => (plain(&error.into()), hints::for_error(error)),
    };
    PartialError { operation: "read every process".to_owned(), cause: why, hint: hint.to_owned() }
}

fn read_as_text() -> PartialError {
    PartialError {
        operation: "read bound devices, control groups, backlogs and unusual names of Unix-domain sockets".to_owned(),
        cause: "netlink is refused or lacks some tables, and /proc/net does not contain them".to_owned(),
        hint: "run outside of a sandbox that refuses it, or load the kernel's *_diag modules".to_owned(),
    }
}
