//! Clusters that several tests start from.

use crate::double::{Double, Resource};
use crate::objects::{namespace, pod, service, slice};

/// The namespaces `shop` and `bank`, and in `shop` the service `web` with one endpoint, which is its pod.
pub fn shop() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put_all(Resource::NAMESPACES, ["shop", "bank"].map(namespace));
    store.put(Resource::SERVICES, service("shop", "web"));
    store.put(Resource::SLICES, slice("shop", "web", "a", 1, 1));
    store.put(Resource::PODS, pod("shop", "web-1", "web"));
    drop(store);
    double
}
