//! Clients that know all servers, or a load balancer before them: one that dies costs them a retry, and nothing that they
//! notice.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use portolan::client::{RegistrationState, Registry};
use portolan::model::{Registration, Timestamp};
use serde_json::Value;

use super::database::shared;
use super::node::{list, node_with, three};
use crate::durability::{in_mount_namespace, workload_folder};
use crate::serve::{Server, folder, wait_until};
use crate::support::{HANG, TempDir, needs_root, output, tool};

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
        assert_eq!(names(&registry).await, ["shop"], "round {round}: a read goes on at the next server at once");
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

/// HAProxy, which gives each request to the next of these servers. It ends with the thread that started it.
fn balance(nodes: &[Server], folder: &Path) -> (Child, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers: Vec<String> =
        nodes.iter().enumerate().map(|(at, node)| format!("  server s{at} {}\n", node.address)).collect();
    let settings = format!(
        "defaults\n  mode http\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\n  retries 3\n  \
         option redispatch 1\n  retry-on all-retryable-errors\nlisten registry\n  bind {address}\n  balance roundrobin\n{}",
        servers.concat()
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, settings).unwrap();

    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "haproxy", "-db", "-f"]).arg(file);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin");
    let balancer = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| TcpStream::connect(address).is_ok());
    (balancer, address)
}

/// Each request goes to another server, which waits until it has seen what this client wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_behind_a_load_balancer_reads_its_own_writes() {
    let (database, folder) = (shared(), folder());
    let nodes = three(&database.create());
    let (mut balancer, address) = balance(&nodes, folder.path());
    let registry = Registry::open(&format!("portolan://{address}")).unwrap();
    for round in 0..50 {
        let cart = Registration::new("cart", "127.0.0.1:18081".parse().unwrap()).id(format!("cart-{round}"));
        let cart = registry.register(cart.ttl(Duration::ZERO)).await.unwrap();
        assert_eq!(names(&registry).await, ["cart"], "round {round}");
        cart.deregister().await.unwrap();
        assert_eq!(names(&registry).await, [""; 0], "round {round}");
    }
    balancer.kill().unwrap();
    balancer.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_behind_a_load_balancer_talks_to_all_servers_and_goes_on_when_one_dies() {
    let (database, folder) = (shared(), folder());
    let url = database.create();
    let mut nodes = three(&url);
    let (mut balancer, address) = balance(&nodes, folder.path());
    let registry = Registry::open(&format!("portolan://{address}")).unwrap();
    let shop = Registration::new("shop", "127.0.0.1:18080".parse().unwrap());
    let me = registry.register(shop.id("shop-1").ttl(Duration::from_secs(10))).await.unwrap();
    let resolver = registry.resolve("shop").start().unwrap();
    assert_eq!(resolver.pick(()).await.unwrap().endpoint().to_string(), "127.0.0.1:18080");

    nodes.remove(0).kill();
    for round in 0..6 {
        let other = Registration::new("cart", "127.0.0.1:18081".parse().unwrap()).id(format!("cart-{round}"));
        registry.register(other.ttl(Duration::ZERO)).await.unwrap().deregister().await.unwrap();
        assert!(names(&registry).await == ["shop"] && resolver.try_pick(()).is_ok(), "round {round}");
    }

    // Heartbeats land at any server that is left: one of them tells the other in time.
    let alone = Timestamp::now();
    wait_until(|| nodes.iter().any(|node| last_seen(node).is_some_and(|seen| seen > alone)));
    assert!(matches!(*me.states().borrow(), RegistrationState::Active { registrations: 1 }), "it never was lost");
    me.deregister().await.unwrap();
    wait_until(|| nodes.iter().all(|node| list(node).instances == [] as [Value; 0]));
    balancer.kill().unwrap();
    balancer.wait().unwrap();
}

#[test]
fn a_client_with_one_name_for_all_servers_goes_on_when_one_dies() {
    needs_root("it replaces /etc/hosts");
    in_mount_namespace("nodes::clients::follow_one_name", TempDir::new().path());
}

/// The name has the addresses of two servers, as one in DNS has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "not a test by itself: the test above starts it with --ignored in a mount namespace"]
async fn follow_one_name() {
    let Some(folder) = workload_folder() else { return };
    let hosts = folder.join("hosts");
    std::fs::write(&hosts, "127.0.0.1 registry\n127.0.0.2 registry\n").unwrap();
    let mounted = output(tool("mount").arg("--bind").arg(&hosts).arg("/etc/hosts"));
    assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));

    let database = shared();
    let url = database.create();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nodes = ["127.0.0.1", "127.0.0.2"].map(|ip| node_with(&url, ip, &["--listen", &format!("{ip}:{port}")]));
    let registry = Registry::open(&format!("portolan://registry:{port}")).unwrap();
    let shop = Registration::new("shop", "127.0.0.1:18080".parse().unwrap());
    let me = registry.register(shop.id("shop-1").ttl(Duration::from_secs(10))).await.unwrap();

    let [first, second] = nodes;
    first.kill();
    wait_until(|| list(&second).instances.len() == 1);
    assert_eq!(names(&registry).await, ["shop"]);
    let alone = Timestamp::now();
    wait_until(|| last_seen(&second).is_some_and(|seen| seen > alone));
    assert!(matches!(*me.states().borrow(), RegistrationState::Active { registrations: 1 }), "it never was lost");
    me.deregister().await.unwrap();
}
