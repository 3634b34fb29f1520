//! Many servers of one registry, simulated with the rules that they run: what they store in PostgreSQL, what they read of it,
//! and whether a lease of a program that lives ever ends. `docs/cluster.md` has the figures.

use std::sync::Arc;
use std::time::Duration;

use super::outbox::{self, Outbox};
use crate::model::{Registration, Timestamp};
use crate::registry::{Command, Now, Rules, State};
use crate::store::{StoredLease, encode_renewals};

/// How the heartbeats of an instance find a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routing {
    /// All to the same one.
    ToOne,
    /// Each to any of them, as behind a load balancer that divides requests.
    ToAny,
}

/// A registry: each program sends a heartbeat every `heartbeat` seconds.
#[derive(Clone, Copy, Debug)]
struct Plan {
    servers: usize,
    instances: usize,
    ttl: u64,
    heartbeat: u64,
    routing: Routing,
}

/// What reached PostgreSQL in a time.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    seconds: u64,
    portions: u64,
    renewals: u64,
    bytes: u64,
}

/// A server that does not run: its registry, and what it has to store.
struct VirtualServer {
    state: State,
    outbox: Outbox,
    is_alive: bool,
}

struct VirtualCluster {
    plan: Plan,
    servers: Vec<VirtualServer>,
    ids: Vec<Arc<str>>,
    /// What was stored in the last second: server and leases. The others have not read it.
    unread: Vec<(usize, Vec<StoredLease>)>,
    random: u64,
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: u64) -> Now {
    Now {
        elapsed: seconds(second),
        wall: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second.cast_signed()),
    }
}

impl VirtualCluster {
    /// All instances are registered, and every server knows them.
    fn new(plan: Plan) -> Self {
        let mut state = State::new(Rules { grace: seconds(15), ..Rules::default() });
        let ids: Vec<Arc<str>> =
            (0..plan.instances).map(|number| format!("00000000-0000-4000-8000-{number:012}").into()).collect();
        for (number, id) in ids.iter().enumerate() {
            let name = format!("service-{}", number / 100);
            let registration = Registration::new(&name, "10.0.0.5:80".parse().unwrap());
            let registration = registration.id(&**id).ttl(seconds(plan.ttl));
            state.step(Command::Register(Arc::new(registration)), at(0)).unwrap();
        }

        let servers = (0..plan.servers)
            .map(|_| VirtualServer { state: state.clone(), outbox: Outbox::default(), is_alive: true })
            .collect();
        Self { plan, servers, ids, unread: Vec::new(), random: 7 }
    }

    /// The server that takes a heartbeat.
    fn route(&mut self, instance: usize) -> usize {
        let first = match self.plan.routing {
            Routing::ToOne => instance,
            Routing::ToAny => {
                // Knuth's MMIX generator; its high bits are good enough here.
                self.random =
                    self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(self.random >> 33).unwrap()
            }
        };
        let count = self.servers.len();
        (0..count).map(|next| (first + next) % count).find(|at| self.servers[*at].is_alive).unwrap()
    }

    /// Lets one second pass. `dies`: a server that ends in it, with the heartbeats that it has taken and not stored.
    fn pass(&mut self, second: u64, dies: Option<usize>, traffic: &mut Traffic) {
        let now = at(second);
        let heartbeat = self.plan.heartbeat;
        let due = (0..self.ids.len()).filter(|number| (*number as u64 + second).is_multiple_of(heartbeat));
        for instance in due {
            let server = self.route(instance);
            let id = Arc::clone(&self.ids[instance]);
            let renewal = Command::Renew { id: Arc::clone(&id), generation: None, report: None };
            let server = &mut self.servers[server];
            server.state.step(renewal, now).unwrap();
            server.outbox.renew(id);
        }

        if let Some(dies) = dies {
            self.servers[dies].is_alive = false;
        }

        for (writer, leases) in std::mem::take(&mut self.unread) {
            let leases: Vec<_> = leases.iter().filter_map(|lease| known_after(lease, seconds(1))).collect();
            for (_, server) in
                self.servers.iter_mut().enumerate().filter(|(at, server)| *at != writer && server.is_alive)
            {
                for lease in &leases {
                    server.state.confirm_lease(lease, now);
                }
            }
        }

        traffic.seconds += 1;
        for (at, server) in self.servers.iter_mut().enumerate().filter(|(_, server)| server.is_alive) {
            let (_, leases) = server.outbox.send(&server.state, now.elapsed);
            server.outbox.sent();
            traffic.portions += u64::from(!leases.is_empty());
            traffic.renewals += leases.len() as u64;
            traffic.bytes += encode_renewals(&leases).len() as u64;
            self.unread.push((at, leases));
        }
    }

    /// Leases that a server would let end now.
    fn ending(&self, second: u64) -> usize {
        let alive = self.servers.iter().filter(|server| server.is_alive);
        alive.map(|server| server.state.due_leases(seconds(second), Duration::ZERO, usize::MAX).len()).sum()
    }
}

/// A stored lease, as it is read some time later.
fn known_after(lease: &StoredLease, time: Duration) -> Option<crate::registry::LeaseRemainder> {
    outbox::known(&StoredLease { lasts: lease.lasts.saturating_sub(time), ..lease.clone() })
}

/// What a registry stores in a minute, after a minute in which all begins. No lease may end.
fn run(plan: Plan) -> Traffic {
    let mut fleet = VirtualCluster::new(plan);
    let mut traffic = Traffic::default();
    for second in 1..=60 {
        fleet.pass(second, None, &mut Traffic::default());
        assert_eq!(fleet.ending(second), 0, "{plan:?} at {second}");
    }
    for second in 61..=120 {
        fleet.pass(second, None, &mut traffic);
        assert_eq!(fleet.ending(second), 0, "{plan:?} at {second}");
    }
    traffic
}

/// The load of PostgreSQL per second, scaled to `instances`: renewals and bytes stored, and bytes that all servers read.
fn of_instances(plan: Plan, instances: u64) -> [u64; 3] {
    let traffic = run(plan);
    let [renewals, bytes] =
        [traffic.renewals, traffic.bytes].map(|count| count * instances / plan.instances as u64 / traffic.seconds);
    assert!(traffic.portions <= plan.servers as u64 * traffic.seconds, "a server stores one row a second");
    [renewals, bytes, bytes * (plan.servers as u64 - 1)]
}

fn close(measured: u64, documented: u64) -> bool {
    measured.abs_diff(documented) <= documented / 20
}

#[test]
fn what_many_servers_store_and_read_is_what_the_documentation_says() {
    let few = Plan { servers: 3, instances: 3_000, ttl: 10, heartbeat: 3, routing: Routing::ToOne };
    let slow = Plan { ttl: 30, heartbeat: 10, ..few };
    let many = Plan { servers: 100, instances: 300, ..slow };
    let divided = Plan { routing: Routing::ToAny, ..many };

    for (plan, instances, documented) in [
        (few, 100_000, [6_667, 373_333, 746_667]),
        (slow, 100_000, [5_000, 280_000, 560_000]),
        (many, 1_000_000, [50_000, 2_800_000, 277_200_000]),
        // Each server sees an instance for the first time in a long while, and stores it.
        (divided, 1_000_000, [100_000, 5_600_000, 554_400_000]),
    ] {
        let measured = of_instances(plan, instances);
        let is_close = measured.iter().zip(documented).all(|(measured, documented)| close(*measured, documented));
        assert!(is_close, "{plan:?}: {measured:?}, documented {documented:?}");
    }
}

#[test]
fn a_server_that_dies_among_a_hundred_ends_no_lease() {
    for routing in [Routing::ToOne, Routing::ToAny] {
        let mut fleet = VirtualCluster::new(Plan { servers: 100, instances: 150, ttl: 10, heartbeat: 3, routing });
        for second in 1..=60 {
            let dies = (second % 10 == 0).then(|| usize::try_from(second / 10).unwrap());
            fleet.pass(second, dies, &mut Traffic::default());
            assert_eq!(fleet.ending(second), 0, "{routing:?} at {second}");
        }
    }
}

/// A server stores the renewals that it takes, and none that came elsewhere: otherwise each server would store all of them.
#[test]
fn what_came_elsewhere_is_not_stored_again() {
    let mut fleet =
        VirtualCluster::new(Plan { servers: 2, instances: 1, ttl: 30, heartbeat: 1_000, routing: Routing::ToOne });
    let id = Arc::clone(&fleet.ids[0]);
    let mut stored = [0, 0];
    for second in 1..=120 {
        // At the first server once, and then at the second.
        let at_first = usize::from(second > 1);
        if second % 10 == 1 {
            let server = &mut fleet.servers[at_first];
            let renewal = Command::Renew { id: Arc::clone(&id), generation: None, report: None };
            server.state.step(renewal, at(second)).unwrap();
            server.outbox.renew(Arc::clone(&id));
        }
        fleet.pass(second, None, &mut Traffic::default());
        for (server, leases) in &fleet.unread {
            stored[*server] += leases.len();
        }
    }
    assert_eq!((stored[0], fleet.ending(120)), (1, 0), "{stored:?}");
    assert!((4..=7).contains(&stored[1]), "{stored:?}");
}
