//! The filters of a listing as a document keeps them, and what such filters keep: for comparisons between listings.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::options::Local;
use super::peers;
use super::rows::matches;
use crate::model::{
    Address, ConnectionDetail, Detail, Endpoint, Filters, LocalDetail, Ports, Scope, Selector, Service, SocketPatterns,
    SocketState, User,
};

/// The filters among the options, by their names.
pub(super) fn of(query: &Local) -> Filters {
    let Local {
        ports, common_ports, tcp, udp, unix, udplite, raw, packet, vsock, state, process, user, interface, ..
    } = query;
    let states: Vec<&str> = state.iter().map(|state| state.as_str()).collect();
    let values = [
        ("ports", ports.as_ref().map(ToString::to_string)),
        ("sockets", query.sockets.as_ref().map(ToString::to_string)),
        ("state", (!states.is_empty()).then(|| states.join(","))),
        ("process", process.as_ref().map(ToString::to_string)),
        ("user", user.clone()),
        ("interface", interface.clone()),
    ];
    let flags = [
        ("common_ports", *common_ports),
        ("tcp", *tcp),
        ("udp", *udp),
        ("unix", *unix),
        ("udplite", *udplite),
        ("raw", *raw),
        ("packet", *packet),
        ("vsock", *vsock),
        ("skip_loopback", query.skip_loopback),
        ("skip_private", query.skip_private),
        ("exposed", query.exposed),
        ("all_netns", query.all_netns),
        ("connections", query.connections),
    ];

    let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(name, _)| (name.to_owned(), true.to_string()));
    values.chain(flags).collect()
}

/// What a listing with these filters keeps; `None`: they are not those of a listing of this machine.
pub(super) fn selector(filters: &Filters) -> Option<Selector> {
    let query = read(filters)?;
    Some(Box::new(move |service| keeps(&query, service)))
}

/// The options that such filters stand for; `None`: they are not those of a listing of this machine.
pub(super) fn read(filters: &Filters) -> Option<Local> {
    let mut query = Local::default();
    for (name, value) in filters {
        let flag = match name.as_str() {
            "ports" => {
                query.ports = Some(value.parse::<Ports>().ok()?);
                continue;
            }
            "sockets" => {
                query.sockets = Some(value.parse::<SocketPatterns>().ok()?);
                continue;
            }
            "state" => {
                query.state = value.split(',').map(state).collect::<Option<_>>()?;
                continue;
            }
            "process" => {
                query.process = Some(glob::Pattern::new(value).ok()?);
                continue;
            }
            "user" => {
                query.user = Some(value.clone());
                continue;
            }
            "interface" => {
                query.interface = Some(value.clone());
                continue;
            }
            "common_ports" => &mut query.common_ports,
            "tcp" => &mut query.tcp,
            "udp" => &mut query.udp,
            "unix" => &mut query.unix,
            "udplite" => &mut query.udplite,
            "raw" => &mut query.raw,
            "packet" => &mut query.packet,
            "vsock" => &mut query.vsock,
            "skip_loopback" => &mut query.skip_loopback,
            "skip_private" => &mut query.skip_private,
            "exposed" => &mut query.exposed,
            "all_netns" => &mut query.all_netns,
            "connections" => &mut query.connections,
            _ => return None,
        };
        *flag = value == "true";
    }

    Some(query)
}

fn state(name: &str) -> Option<SocketState> {
    let states = [SocketState::Listen, SocketState::Unconnected, SocketState::Connected, SocketState::Published];
    states.into_iter().find(|state| state.as_str() == name)
}

/// Whether the filters keep a service, as far as its description says; what is not described is kept.
fn keeps(query: &Local, service: &Service) -> bool {
    let Some(endpoint) = service.endpoints.first() else { return true };
    let connection: Option<ConnectionDetail> = typed(&service.detail);
    if query.connections != connection.is_some() {
        return false;
    }
    if let (Some(connection), Address::Ip(ip)) = (connection, &endpoint.address) {
        let name = query.user.as_deref().unwrap_or_default();
        let own = (*ip, endpoint.port.unwrap_or(0));
        return peers::keeps(query, endpoint.transport, own, &connection, &|user: &User| is_user(user, name));
    }
    let wanted = query.wanted(crate::model::DetailLevel::Names);
    let is_wanted = wanted.has_transport(endpoint.transport);
    let port = endpoint.port.unwrap_or(0);
    let has_port = query.ports.as_ref().is_none_or(|ports| ports.contains(port))
        && (!query.common_ports || Ports::common().contains(port))
        && query.sockets.as_ref().is_none_or(|sockets| is_among(sockets, endpoint));
    let Some(detail) = typed::<LocalDetail>(&service.detail) else { return is_wanted && has_port };

    is_wanted
        && has_port
        && wanted.has(detail.state)
        && query.process.as_ref().is_none_or(|glob| detail.processes.iter().any(|process| matches(glob, process)))
        && query.user.as_ref().is_none_or(|user| has_user(&detail, user))
        && query.interface.as_ref().is_none_or(|name| detail.interfaces.iter().any(|known| known.as_raw() == name))
        && !(query.skip_loopback && detail.scope == Scope::Loopback)
        && !(query.skip_private && detail.scope == Scope::Private)
        && !(query.exposed && detail.exposed == Some(false))
        && (query.all_netns || detail.netns.is_none())
}

fn is_among(sockets: &SocketPatterns, endpoint: &Endpoint) -> bool {
    match (&endpoint.address, endpoint.port) {
        (Address::Ip(ip), Some(port)) => sockets.matches(endpoint.transport, *ip, port),
        _ => false,
    }
}

/// The facts of a listener or a connection, also where they come from a document.
fn typed<D: Detail + Clone + DeserializeOwned>(detail: &Arc<dyn Detail>) -> Option<D> {
    match detail.downcast_ref::<D>() {
        Some(detail) => Some(detail.clone()),
        None => serde_json::from_value(serde_json::to_value(detail).ok()?).ok(),
    }
}

/// Whether a user made the socket or runs a process that holds it.
fn has_user(detail: &LocalDetail, name: &str) -> bool {
    let holders = detail.processes.iter().filter_map(|process| process.user.as_ref());
    detail.user.iter().chain(holders).any(|user| is_user(user, name))
}

fn is_user(user: &User, name: &str) -> bool {
    user.name.as_ref().is_some_and(|known| known.as_raw() == name) || user.uid.to_string() == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_back() {
        let query = Local {
            ports: Some("22,80-90".parse().unwrap()),
            process: Some(glob::Pattern::new("nginx*").unwrap()),
            state: vec![SocketState::Listen],
            udp: true,
            all_netns: true,
            ..Local::default()
        };
        let filters = of(&query);
        assert_eq!(filters.len(), 5);

        assert_eq!(of(&read(&filters).unwrap()), filters);
        assert!(of(&Local::default()).is_empty());
        assert!(read(&Filters::from([("berths".to_owned(), "12".to_owned())])).is_none());
    }
}
