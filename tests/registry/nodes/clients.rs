//! Clients that know all servers: one that dies costs them a retry, and nothing that they notice.

use std::sync::Arc;
use std::time::Duration;

use portolan::client::{RegistrationState, Registry};
use portolan::model::{Registration, Timestamp};
use serde_json::Value;

use super::database::shared;
use super::node::{list, three};
use crate::serve::{Server, wait_until};
use crate::support::HANG;

/// When the registry last heard of the instance, according to a server.
fn last_seen(node: &Server) -> Option<Timestamp> {
    let instances = list(node).instances;
    let instance = instances.iter().find(|instance| instance["id"] == "shop-1")?;
    assert_eq!(instance["health"], "healthy", "{instance}");
    instance["metadata"]["last_seen"].as_str().or(instance["last_seen"].as_str())?.parse().ok()
}

/// The names of all services, by one request of a client.
async fn names(registry: &Registry) -> Vec<String> {
    let services = tokio::time::timeout(HANG, registry.services()).await.expect("it answers").expect("it answers");
    services.services.iter().filter_map(|service| Some(service.name.as_ref()?.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_die_cost_a_client_with_a_list_of_them_nothing() {
    let database = shared();
    let url = database.create();
    let mut nodes = three(&url);
    let servers: Vec<String> = nodes.iter().map(|node| node.address.to_string()).collect();
    let registry = Registry::open(&format!("portolan://{}", servers.join(","))).unwrap();
    let shop = Registration::new("shop", "127.0.0.1:18080".parse().unwrap());
    let me = registry.register(shop.id("shop-1").ttl(Duration::from_secs(10))).await.unwrap();
    let resolver = registry.resolve("shop").start().unwrap();
    assert_eq!(resolver.pick(()).await.unwrap().endpoint().to_string(), "127.0.0.1:18080");

    // The first one is the one that it uses.
    for round in 0..2 {
        nodes.remove(0).kill();
        // The next server may not have read yet that the cart of the last round is gone.
        let names = names(&registry).await;
        assert!(
            names.contains(&"shop".to_owned()),
            "round {round}: a read goes on at the next server at once: {names:?}"
        );
        let other = Registration::new("cart", "127.0.0.1:18081".parse().unwrap()).id(format!("cart-{round}"));
        registry.register(other.ttl(Duration::ZERO)).await.unwrap().deregister().await.unwrap();
        assert!(resolver.try_pick(()).is_ok());
    }

    // Heartbeats too: what is left hears of the instance after the others are gone.
    let (left, alone) = (&nodes[0], Timestamp::now());
    wait_until(|| last_seen(left).is_some_and(|seen| seen > alone));
    assert!(matches!(*me.states().borrow(), RegistrationState::Active { registrations: 1 }), "it never was lost");
    me.deregister().await.unwrap();
    wait_until(|| list(left).instances == [] as [Value; 0]);
    drop(Arc::clone(&database));
}
