//! The listing itself: read the socket tables, select, find owners, build rows.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;

use foldhash::fast::FixedState;
use rustix::io::Errno;

use super::all_tables::read_tables;
use super::hints;
use super::options::Local;
use super::owners::{Attribution, Owners};
use super::rows::RowBuilder;
use super::runtimes::ContainerNames;
use super::select::Selection;
use super::socket::{Socket, SocketQuery};
use super::tables::{Namespace, SocketTables};
use super::users::Users;
use super::walk::WalkError;
use crate::error::{Error, Result, plain};
use crate::model::{Completeness, DetailLevel, LocalDetail, OwnerLookup, PartialError, Service};

/// How complete a listing is.
pub(super) struct ListingOutcome {
    pub(super) completeness: Completeness,
    pub(super) errors: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
    /// Whether the ports that rules of the firewall publish are known.
    pub(super) published_known: bool,
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
#[derive(Default)]
pub(super) struct SelectedSockets {
    pub(super) sockets: Vec<Socket>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) faults: Vec<PartialError>,
    pub(super) limits: Vec<PartialError>,
}

impl SelectedSockets {
    /// Those of freshly read tables.
    pub(super) fn read(query: &Local, depth: DetailLevel, users: &Users) -> Result<Self> {
        Self::select(query, query.read_tables(depth), users)
    }

    pub(super) fn select(query: &Local, tables: SocketTables, users: &Users) -> Result<Self> {
        let selection = Selection::new(query, users)?;
        let SocketTables { mut sockets, namespaces, faults, limits } = tables;

        if namespaces.iter().all(|namespace| namespace.unread.is_none()) {
            selection.check_interface(&namespaces)?;
        }
        sockets.retain(|socket| selection.takes(socket, &namespaces[usize::from(socket.netns)]));

        Ok(Self { sockets, namespaces, faults, limits })
    }

    /// Keeps the published ports of an earlier reading.
    pub(super) fn keep_published(&mut self, earlier: &Self) {
        let published = earlier.sockets.iter().filter(|socket| socket.is_published());
        let missing = published.filter(|known| !self.sockets.iter().any(|one| is_same_rule(one, known)));
        let missing: Vec<Socket> = missing.cloned().collect();
        self.sockets.extend(missing);
    }
}

fn is_same_rule(one: &Socket, other: &Socket) -> bool {
    (one.transport, &one.address, one.port, one.forwards_to)
        == (other.transport, &other.address, other.port, other.forwards_to)
}

/// Finds the owners of the selected sockets, and passes each service to `out`.
fn describe(
    mut selected: SelectedSockets,
    query: &Local,
    depth: DetailLevel,
    users: Users,
    stop: &(dyn Fn() -> bool + Sync),
    out: &mut dyn FnMut(Service<LocalDetail>) -> ControlFlow<()>,
) -> Result<ListingOutcome> {
    let mut errors = std::mem::take(&mut selected.faults);
    let mut owners = if query.needs_owners(depth) && !selected.sockets.is_empty() {
        // The sockets are there all the same.
        find_owners(&mut selected.sockets, query, depth, &users, stop).unwrap_or_else(|error| {
            errors.push(PartialError::from(&error));
            Owners::unread()
        })
    } else {
        Owners::not_asked()
    };

    errors.extend(owners.unfinished.map(unfinished));
    let builder = RowBuilder::new(query, depth, users, &selected.namespaces);
    let mut names = query.runtime.then(ContainerNames::default);
    let mut attribute = |sockets: &[&Socket]| attribute(&mut owners, names.as_mut(), sockets);
    let (missing, mut limits) = builder.rows(&selected.sockets, &mut attribute, out);
    errors.extend(missing);
    errors.extend(names.iter().flat_map(ContainerNames::errors).cloned());
    limits.extend(names.iter().flat_map(ContainerNames::limits).cloned());
    limits.append(&mut selected.limits);
    let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    let published_known = selected.namespaces.iter().all(|namespace| !namespace.forwards);
    Ok(ListingOutcome { completeness, errors, limits, published_known })
}

/// The owner of sockets, with the name of its container if names are wanted.
fn attribute(owners: &mut Owners, names: Option<&mut ContainerNames>, sockets: &[&Socket]) -> Attribution {
    let mut owner = owners.attribute(sockets);
    if let Some(names) = names {
        names.describe(&mut owner.member);
    }
    owner
}

/// Finds the owners, and drops the sockets that were closed meanwhile.
fn find_owners(
    sockets: &mut Vec<Socket>,
    query: &Local,
    depth: DetailLevel,
    users: &Users,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Owners> {
    let owners = Owners::find(sockets, query.needs_all_facts(depth), users, stop).map_err(unreadable)?;

    if owners.absent == Some(OwnerLookup::NotFound) && sockets.iter().any(|socket| owners.is_absent(socket.inode)) {
        let wanted = SocketQuery { connections: false, ..query.wanted(depth) };
        let again = read_tables(&wanted, false, query.all_netns);
        // If the second read is incomplete, a socket that it does not show may still exist.
        if again.faults.is_empty() {
            let alive: HashSet<u32, FixedState> = again.sockets.into_iter().map(|socket| socket.inode).collect();
            sockets.retain(|socket| !owners.is_absent(socket.inode) || alive.contains(&socket.inode));
        }
    }

    Ok(owners)
}

/// The process table cannot be read at all.
pub(super) fn unreadable(error: io::Error) -> Error {
    let hint = error
        .raw_os_error()
        .map_or("portolan needs /proc to be mounted", |code| hints::for_error(Errno::from_raw_os_error(code)));
    Error::io("read the processes in /proc", error, hint)
}

/// Why the search for owners is incomplete.
pub(super) fn unfinished(why: WalkError) -> PartialError {
    let (why, hint) = match why {
        WalkError::Stopped => ("stopped".to_owned(), "let it finish"),
        WalkError::Failed(error) => (plain(&error.into()), hints::for_error(error)),
    };
    PartialError { operation: "read every process".to_owned(), cause: why, hint: hint.to_owned() }
}
