//! Names without regard to case, and addresses: what DNS looks services, nodes and hosts up by, and agents their instances.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rpds::{HashTrieMapSync, RedBlackTreeSetSync};

use crate::model::{HostQuery, RegisteredInstance, is_of_any_host};

/// What DNS and agents look up. Copies share their structure.
#[derive(Clone, Debug)]
pub(super) struct NameIndex {
    /// The names of services by `NAMESPACE/NAME` in lower case. Nearly always there is one.
    services: Sets<Box<str>, (Arc<str>, Arc<str>)>,
    /// The instances of each node, by its name in lower case.
    nodes: HashTrieMapSync<Box<str>, NodeInstances>,
    /// The instances at each address.
    hosts: Sets<IpAddr, Arc<str>>,
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

    /// The namespaces and names of the services with this name, in lower case.
    pub(super) fn services(&self, namespace: &str, name: &str) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        let key = format!("{namespace}/{name}");
        self.services.get(key.as_str()).into_iter().flat_map(RedBlackTreeSetSync::iter)
    }

    /// The addresses of the instances on the node with this name, in lower case. `find` gives an instance by its id; it is
    /// called only by the first that asks since one of them has changed.
    pub(super) fn addresses_on_node<'i>(
        &self,
        name: &str,
        find: impl Fn(&str) -> Option<&'i RegisteredInstance>,
    ) -> &[IpAddr] {
        let Some(node) = self.nodes.get(name) else { return &[] };
        node.addresses.get_or_init(|| {
            let addresses: BTreeSet<IpAddr> = node.ids.iter().filter_map(|id| ip(find(id)?)).collect();
            addresses.into_iter().collect()
        })
    }

    /// The ids of the instances at this address.
    pub(super) fn at_address(&self, ip: IpAddr) -> impl Iterator<Item = &Arc<str>> {
        self.hosts.get(&ip).into_iter().flat_map(RedBlackTreeSetSync::iter)
    }

    /// The ids of the instances that may be of a host.
    pub(super) fn of_host(&self, host: &HostQuery) -> BTreeSet<&Arc<str>> {
        let nodes = self.nodes.iter().filter(|(node, _)| host.is_node(node)).map(|(_, node)| &node.ids);
        let own = nodes.chain(host.addresses.iter().filter_map(|ip| self.hosts.get(ip)));
        own.chain([&self.of_any_host]).flat_map(RedBlackTreeSetSync::iter).collect()
    }

    fn ids_on_node(&self, node: &str) -> RedBlackTreeSetSync<Arc<str>> {
        self.nodes.get(node).map_or_else(RedBlackTreeSetSync::new_sync, |node| node.ids.clone())
    }

    pub(super) fn add_service(&mut self, namespace: &Arc<str>, name: &Arc<str>) {
        insert(&mut self.services, service_key(namespace, name), (Arc::clone(namespace), Arc::clone(name)));
    }

    pub(super) fn remove_service(&mut self, namespace: &Arc<str>, name: &Arc<str>) {
        remove(&mut self.services, &service_key(namespace, name), &(Arc::clone(namespace), Arc::clone(name)));
    }

    pub(super) fn add_instance(&mut self, instance: &RegisteredInstance) {
        if let Some(node) = node(instance) {
            let mut ids = self.ids_on_node(&node);
            ids.insert_mut(Arc::clone(&instance.id));
            self.nodes.insert_mut(node, NodeInstances { ids, addresses: OnceLock::new() });
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
            let mut ids = self.ids_on_node(&node);
            ids.remove_mut(&instance.id);
            if ids.is_empty() {
                self.nodes.remove_mut(&node);
            } else {
                self.nodes.insert_mut(node, NodeInstances { ids, addresses: OnceLock::new() });
            }
        }
        if let Some(ip) = ip(instance) {
            remove(&mut self.hosts, &ip, &instance.id);
        }
        self.of_any_host.remove_mut(&instance.id);
    }
}

/// The instances of a node, and their addresses once a client has asked for them.
#[derive(Clone, Debug)]
struct NodeInstances {
    ids: RedBlackTreeSetSync<Arc<str>>,
    addresses: OnceLock<Vec<IpAddr>>,
}

/// Sets by a key; a key without a set is not kept.
type Sets<K, V> = HashTrieMapSync<K, RedBlackTreeSetSync<V>>;

fn insert<K: Eq + Hash, V: Ord>(sets: &mut Sets<K, V>, key: K, value: V) {
    let mut set = sets.get(&key).cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync);
    set.insert_mut(value);
    sets.insert_mut(key, set);
}

fn remove<K: Clone + Eq + Hash, V: Ord>(sets: &mut Sets<K, V>, key: &K, value: &V) {
    let Some(mut set) = sets.get(key).cloned() else { return };
    set.remove_mut(value);
    if set.is_empty() {
        sets.remove_mut(key);
    } else {
        sets.insert_mut(key.clone(), set);
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
