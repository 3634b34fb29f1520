//! Names without regard to case, and addresses: what DNS looks services, nodes and hosts up by, and agents their instances.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rpds::{HashTrieMapSync, RedBlackTreeSetSync};

use super::selected_addresses::SelectedAddresses;
use crate::model::{HostQuery, RegisteredInstance, is_of_any_host};

/// What DNS and agents look up. Copies share their structure.
#[derive(Clone, Debug)]
pub(super) struct NameIndex {
    /// The names of services by `NAMESPACE/NAME` in lower case. Nearly always there is one.
    services: Groups<Box<str>, ServiceName, SelectedAddresses>,
    /// The instances of each node, by its name in lower case, and their addresses.
    nodes: Groups<Box<str>, Arc<str>, Vec<IpAddr>>,
    /// The instances at each address, and their names as DNS writes them.
    hosts: Groups<IpAddr, Arc<str>, WrittenNames>,
    /// The instances that may be of any host.
    of_any_host: RedBlackTreeSetSync<Arc<str>>,
}

impl NameIndex {
    pub(super) fn new() -> Self {
        Self {
            services: HashTrieMapSync::new_sync(),
            nodes: HashTrieMapSync::new_sync(),
            hosts: HashTrieMapSync::new_sync(),
            of_any_host: RedBlackTreeSetSync::new_sync(),
        }
    }

    /// The namespaces and names of the services with this name, in lower case. A group changes with each change of its
    /// services.
    pub(super) fn services(&self, namespace: &str, name: &str) -> Option<&NameGroup<ServiceName, SelectedAddresses>> {
        self.services.get(format!("{namespace}/{name}").as_str())
    }

    /// The ids of the instances on the node with this name, in lower case. A group changes with each change of its instances.
    pub(super) fn node(&self, name: &str) -> Option<&NameGroup<Arc<str>, Vec<IpAddr>>> {
        self.nodes.get(name)
    }

    /// The ids of the instances at this address. A group changes with each change of its instances.
    pub(super) fn address(&self, ip: IpAddr) -> Option<&NameGroup<Arc<str>, WrittenNames>> {
        self.hosts.get(&ip)
    }

    /// The ids of the instances that may be of a host.
    pub(super) fn of_host(&self, host: &HostQuery) -> BTreeSet<&Arc<str>> {
        let nodes = self.nodes.iter().filter(|(node, _)| host.is_node(node)).map(|(_, group)| &group.members);
        let hosts = host.addresses.iter().filter_map(|ip| self.hosts.get(ip));
        let own = nodes.chain(hosts.map(|group| &group.members));
        own.chain([&self.of_any_host]).flat_map(RedBlackTreeSetSync::iter).collect()
    }

    pub(super) fn add_service(&mut self, namespace: &Arc<str>, name: &Arc<str>) {
        insert(&mut self.services, service_key(namespace, name), (Arc::clone(namespace), Arc::clone(name)));
    }

    pub(super) fn remove_service(&mut self, namespace: &Arc<str>, name: &Arc<str>) {
        remove(&mut self.services, &service_key(namespace, name), &(Arc::clone(namespace), Arc::clone(name)));
    }

    pub(super) fn add_instance(&mut self, instance: &RegisteredInstance) {
        if let Some(node) = node(instance) {
            insert(&mut self.nodes, node, Arc::clone(&instance.id));
        }
        if let Some(ip) = ip(instance) {
            insert(&mut self.hosts, ip, Arc::clone(&instance.id));
        }
        if is_of_any_host(&instance.registration) {
            self.of_any_host.insert_mut(Arc::clone(&instance.id));
        }
    }

    pub(super) fn remove_instance(&mut self, instance: &RegisteredInstance) {
        if let Some(node) = node(instance) {
            remove(&mut self.nodes, &node, &instance.id);
        }
        if let Some(ip) = ip(instance) {
            remove(&mut self.hosts, &ip, &instance.id);
        }
        self.of_any_host.remove_mut(&instance.id);
    }
}

/// Names as DNS writes them.
pub(super) type WrittenNames = Vec<Box<[u8]>>;

/// The namespace and the name of a service.
type ServiceName = (Arc<str>, Arc<str>);

/// What has one name, and the answer about it. A change makes another group: an answer holds as long as its group does.
#[derive(Debug)]
pub(super) struct NameGroup<V: Ord, A> {
    members: RedBlackTreeSetSync<V>,
    answer: OnceLock<A>,
}

impl<V: Ord, A> NameGroup<V, A> {
    fn new(members: RedBlackTreeSetSync<V>) -> Self {
        Self { members, answer: OnceLock::new() }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &V> {
        self.members.iter()
    }

    /// The answer, which the first that asks for it makes.
    pub(super) fn answer(&self, make: impl FnOnce() -> A) -> &A {
        self.answer.get_or_init(make)
    }
}

/// Groups by a key; a key without members is not kept.
type Groups<K, V, A> = HashTrieMapSync<K, NameGroup<V, A>>;

fn insert<K: Eq + Hash, V: Ord, A>(groups: &mut Groups<K, V, A>, key: K, value: V) {
    let known = groups.get(&key).map(|group| group.members.clone());
    let mut members = known.unwrap_or_else(RedBlackTreeSetSync::new_sync);
    members.insert_mut(value);
    groups.insert_mut(key, NameGroup::new(members));
}

fn remove<K: Clone + Eq + Hash, V: Ord, A>(groups: &mut Groups<K, V, A>, key: &K, value: &V) {
    let Some(mut members) = groups.get(key).map(|group| group.members.clone()) else { return };
    members.remove_mut(value);
    if members.is_empty() {
        groups.remove_mut(key);
    } else {
        groups.insert_mut(key.clone(), NameGroup::new(members));
    }
}

fn service_key(namespace: &str, name: &str) -> Box<str> {
    format!("{}/{}", namespace.to_ascii_lowercase(), name.to_ascii_lowercase()).into()
}

fn node(instance: &RegisteredInstance) -> Option<Box<str>> {
    instance.registration.node.as_ref().map(|node| node.to_ascii_lowercase().into())
}

fn ip(instance: &RegisteredInstance) -> Option<IpAddr> {
    instance.registration.address.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}
