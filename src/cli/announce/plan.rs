//! What is to be registered of what listens: a pure function of the rules and the listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::rules::Rule;
use crate::cli::instance_id::instance_id;
use crate::model::{Address, Endpoint, HostPort, LocalDetail, Registration, Service, SocketState};

/// This machine, as the registry knows it.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// Its name, a part of the ids: they stay the same when portolan starts again.
    pub(super) name: String,
    /// The address that others reach it at.
    pub(super) address: IpAddr,
    /// Whether registrations name it as their node.
    pub(super) is_node: bool,
}

/// What is to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AnnouncePlan {
    /// By id.
    pub(super) registrations: BTreeMap<String, Registration>,
    /// Listeners that a rule matches and that others cannot reach.
    pub(super) unreachable: BTreeSet<String>,
}

impl AnnouncePlan {
    /// What the rules say of these listeners. The first rule that matches a listener counts.
    pub(super) fn new<'s>(rules: &[Rule], services: impl Iterator<Item = &'s Service>, machine: &Machine) -> Self {
        let mut plan = Self::default();
        let mut ranks: BTreeMap<String, u8> = BTreeMap::new();
        for service in services {
            let Some(detail) = service.detail.downcast_ref::<LocalDetail>() else { continue };
            // A listener of another network namespace has an address of its own there.
            if detail.state != SocketState::Listen || detail.netns.is_some() {
                continue;
            }
            for endpoint in &service.endpoints {
                let rule = rules.iter().find(|rule| rule.matches(service, endpoint, detail));
                if let Some(rule) = rule {
                    plan.add(rule, endpoint, machine, &mut ranks);
                }
            }
        }

        plan
    }

    /// Adds a listener, unless another one with the same port is reached better.
    fn add(&mut self, rule: &Rule, endpoint: &Endpoint, machine: &Machine, ranks: &mut BTreeMap<String, u8>) {
        let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) else { return };
        let Some((address, rank)) = reached_at(rule, *ip, machine) else {
            self.unreachable.insert(format!("{} {endpoint}", rule.name));
            return;
        };

        let id = instance_id(&[&machine.name, &rule.name, &port.to_string()]);
        if ranks.get(&id).is_none_or(|known| rank < *known) {
            let place = HostPort { address, interface: None, port: Some(port) };
            ranks.insert(id.clone(), rank);
            let node = machine.is_node.then(|| machine.name.clone());
            self.registrations.insert(id.clone(), Registration { node, ..rule.registration(id, place) });
        }
    }
}

/// The address that clients connect to, and how good it is: the least is the best. `None` if only this machine reaches it.
fn reached_at(rule: &Rule, ip: IpAddr, machine: &Machine) -> Option<(Address, u8)> {
    if let Some(given) = &rule.address {
        return Some((given.parse().map_or_else(|_| Address::Name(given.as_str().into()), Address::Ip), 0));
    }
    let ip = ip.to_canonical();
    if ip.is_unspecified() {
        return Some((Address::Ip(machine.address), 1));
    }
    (!ip.is_loopback()).then_some((Address::Ip(ip), if ip.is_ipv4() { 2 } else { 3 }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::rules;
    use super::*;
    use crate::model::{OwnerLookup, Process, Scope, Transport};

    const RULES: &str = r#"
[[service]]
name = "web"
tags = ["api"]
check = "http:/health"
ttl = "15s"
match = { port = 8080, process = "ngin*" }

[[service]]
name = "db"
address = "db.example"
match = { unit = "postgres*.service", port = "5432,6432" }
"#;

    fn rules_of(text: &str) -> crate::error::Result<Vec<Rule>> {
        let folder = std::env::temp_dir().join(format!("portolan-rules-{}-{:p}", std::process::id(), text.as_ptr()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("rules.toml");
        fs::write(&file, text).unwrap();
        let rules = rules::read(&file, "--register");
        fs::remove_dir_all(folder).unwrap();
        rules
    }

    fn listener(address: &str, port: u16, process: &str, unit: Option<&str>) -> Service {
        let process = Process {
            pid: 42,
            name: process.into(),
            command: None,
            exe: None,
            cwd: None,
            user: None,
            started: None,
            memory_bytes: None,
            cpu_ms: None,
            parents: Vec::new(),
            not_utf8: Vec::new(),
            unread: Vec::new(),
        };
        let detail = LocalDetail {
            owner: OwnerLookup::Known,
            processes: [process.into()].into(),
            processes_complete: true,
            user: None,
            unit: unit.map(Into::into),
            unit_user: None,
            container: None,
            scope: Scope::All,
            state: SocketState::Listen,
            interfaces: Vec::new(),
            exposed: None,
            firewall: None,
            forwards_to: Vec::new(),
            mptcp: false,
            protocol: None,
            v6_only: None,
            netns: None,
            backlog: None,
            receive_queue: None,
            connections: None,
            sockets: 1,
        };
        let endpoint = Endpoint::new(Address::Ip(address.parse().unwrap()), Some(port), Transport::Tcp);

        Service::new(format!("local/tcp/{address}:{port}"), "local", vec![endpoint], detail).erase()
    }

    fn plan(listeners: &[Service]) -> AnnouncePlan {
        let machine = Machine { name: "host 1".to_owned(), address: "10.0.0.9".parse().unwrap(), is_node: false };
        AnnouncePlan::new(&rules_of(RULES).unwrap(), listeners.iter(), &machine)
    }

    #[test]
    fn the_first_rule_whose_conditions_all_hold_counts() {
        let known = plan(&[
            listener("0.0.0.0", 8080, "nginx", None),
            listener("::", 8080, "nginx", None),
            listener("0.0.0.0", 8080, "apache", None),
            listener("127.0.0.1", 6432, "pgbouncer", Some("postgresql.service")),
            listener("0.0.0.0", 5432, "postgres", None),
        ]);
        let places: Vec<(&str, String)> =
            known.registrations.iter().map(|(id, registration)| (id.as_str(), registration.place())).collect();
        assert_eq!(
            places,
            [("host-1:db:6432", "db.example:6432".to_owned()), ("host-1:web:8080", "10.0.0.9:8080".to_owned())]
        );
        let web = &known.registrations["host-1:web:8080"];

        assert_eq!((web.tags.len(), web.checks.len(), web.protocol.as_deref()), (1, 1, Some("http")));
        assert_eq!(web.ttl, Some(std::time::Duration::from_secs(15)));
        assert!(known.unreachable.is_empty());
    }

    /// What only this machine reaches is not announced to others, unless the rule says where they reach it.
    #[test]
    fn a_loopback_listener_is_named_and_not_announced() {
        let known = plan(&[listener("127.0.0.1", 8080, "nginx", None)]);
        assert!(known.registrations.is_empty());
        assert_eq!(known.unreachable.into_iter().collect::<Vec<_>>(), ["web 127.0.0.1:8080"]);
        let both = plan(&[listener("10.0.0.5", 8080, "nginx", None), listener("0.0.0.0", 8080, "nginx", None)]);
        assert_eq!(both.registrations["host-1:web:8080"].place(), "10.0.0.9:8080");
    }

    #[test]
    fn rules_that_cannot_be_used_are_named_with_their_place() {
        for (text, place, why) in [
            ("", "rules.toml", "missing field `service`"),
            ("service = []", "rules.toml", "no [[service]]"),
            ("[[service]]\nname = \"web\"\nmatch = {}\n", "[[service]] 1", "its match is empty"),
            ("[[service]]\nname = \"web\"\nmatch = { prot = 80 }\n", "rules.toml:3", "unknown field `prot`"),
            (
                "[[service]]\nname = \"web\"\nmatch = { port = 80 }\ncheck = \"htp\"\n",
                "rules.toml:",
                "there is no such check",
            ),
            ("[[service]]\nname = \"a b\"\nmatch = { port = 80 }\n", "[[service]] 1", "name"),
        ] {
            let error = rules_of(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(why), "{text}: {error}");
        }
    }
}
