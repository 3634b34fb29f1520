//! What listens on the port to register, where that is a port of this machine: another program, or one that clients do not reach.

use std::net::IpAddr;

use crate::model::{Address, LocalDetail, Ports, Registration, Service, SocketState};
use crate::net::own_addresses;
use crate::source::{Local, collect};

/// The listeners of a port of this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct PortListeners {
    /// The registered address.
    ip: Option<IpAddr>,
    port: u16,
    listeners: Vec<PortListener>,
}

/// A listener.
#[derive(Clone, Debug)]
struct PortListener {
    ip: IpAddr,
    /// Its process: `python3 (pid 1484)`.
    holder: String,
}

impl PortListeners {
    /// Looks at the port of a registration. Of an address of another machine, and where sockets cannot be listed, there is nothing
    /// to say.
    pub(super) async fn of(registration: &Registration) -> Self {
        match registration.address.parse() {
            Ok(ip) => Self::at(ip, registration.port).await,
            Err(_) => Self::default(),
        }
    }

    /// Looks at a port that would be registered with this address.
    pub(super) async fn at(ip: IpAddr, port: u16) -> Self {
        let ip = ip.to_canonical();
        if !ip.is_loopback() && !own_addresses().unwrap_or_default().contains(&ip) {
            return Self::default();
        }

        let ports: Ports = [port].into_iter().collect();
        let local = Local { ports: Some(ports), tcp: true, state: vec![SocketState::Listen], ..Local::default() };
        let services = collect(&local).await.map(|listing| listing.services).unwrap_or_default();
        let listeners = services.iter().filter_map(PortListener::of).collect();
        Self { ip: Some(ip), port, listeners }
    }

    /// That another program holds the port before the one to register starts.
    pub(super) fn held_note(&self) -> Option<String> {
        let ip = self.ip?;
        let held = self.listeners.iter().find(|listener| listener.ip == ip || listener.ip.is_unspecified())?;
        let (port, holder) = (self.port, &held.holder);
        Some(format!(
            "port {port} is held by {holder}, which is registered instead of the program if the program takes another port"
        ))
    }

    /// Whether a program listens on the port at all.
    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// The address of a listener that accepts connections of this machine only, unless it is the registered one.
    pub(super) fn loopback_only(&self) -> Option<IpAddr> {
        self.ip.filter(|ip| !ip.is_loopback())?;
        let first = self.listeners.iter().map(|listener| listener.ip).min_by_key(IpAddr::is_ipv6)?;
        self.listeners.iter().all(|listener| listener.ip.is_loopback()).then_some(first)
    }

    /// That the listener accepts connections of this machine only, at another address than the registered one.
    pub(super) fn loopback_note(&self) -> Option<String> {
        let (ip, own) = (self.ip?, self.loopback_only()?);
        let port = self.port;
        Some(format!("port {port} listens on {own} only, so no client reaches it at {ip}: add --address {own}"))
    }
}

impl PortListener {
    fn of(service: &Service) -> Option<Self> {
        let Address::Ip(ip) = service.endpoints.first()?.address else { return None };
        let process = service.detail.downcast_ref::<LocalDetail>().and_then(LocalDetail::main_process);
        let holder = process.map(|process| format!("{} (pid {})", process.name, process.pid));
        Some(Self { ip: ip.to_canonical(), holder: holder.unwrap_or_else(|| "a hidden process".to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(ip: &str, of: &[&str]) -> PortListeners {
        let listener = |ip: &&str| PortListener { ip: ip.parse().unwrap(), holder: "python3 (pid 7)".to_owned() };
        PortListeners { ip: ip.parse().ok(), port: 3001, listeners: of.iter().map(listener).collect() }
    }

    #[test]
    fn a_port_that_another_program_holds_is_named() {
        for (ip, of, is_held) in [
            ("127.0.0.1", &["127.0.0.1"][..], true),
            ("127.0.0.1", &["0.0.0.0"], true),
            ("192.0.2.1", &["127.0.0.1", "::"], true),
            ("192.0.2.1", &["127.0.0.1"], false),
            ("127.0.0.1", &[], false),
        ] {
            let note = listeners(ip, of).held_note();
            assert_eq!(note.is_some(), is_held, "{ip} {of:?}");
            assert!(note.is_none_or(|note| note.starts_with("port 3001 is held by python3 (pid 7), which ")));
        }
        assert_eq!(PortListeners::default().held_note(), None, "another machine");
    }

    #[test]
    fn a_listener_that_clients_do_not_reach_is_named() {
        assert_eq!(
            listeners("192.0.2.1", &["127.0.0.1"]).loopback_note().unwrap(),
            "port 3001 listens on 127.0.0.1 only, so no client reaches it at 192.0.2.1: add --address 127.0.0.1"
        );
        for (ip, of) in [
            ("127.0.0.1", &["127.0.0.1"][..]),
            ("192.0.2.1", &["127.0.0.1", "192.0.2.1"]),
            ("192.0.2.1", &["::"]),
            ("192.0.2.1", &[]),
        ] {
            assert_eq!(listeners(ip, of).loopback_note(), None, "{ip} {of:?}");
        }
    }
}
