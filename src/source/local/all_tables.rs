//! Everything that listens: the socket tables, and the ports that the firewall publishes.

use super::published;
use super::socket::SocketQuery;
use super::tables::{SocketTables, read_other_namespaces, read_this_namespace};

/// Reads one's own namespace, and with `all` every other one. `interfaces`: whether to read the addresses of their
/// interfaces.
pub(super) fn read_tables(wanted: &SocketQuery, interfaces: bool, all: bool) -> SocketTables {
    let mut tables = SocketTables::default();
    let own = SocketQuery { firewall: wanted.firewall || wanted.published, ..*wanted };
    let (sockets, namespace, faults) = read_this_namespace(&own, interfaces);
    tables.take(sockets, namespace, faults);
    if wanted.published {
        published::add(&mut tables, wanted);
    }
    if all {
        read_other_namespaces(wanted, interfaces, &mut tables);
    }
    tables
}
