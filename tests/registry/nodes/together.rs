//! Three servers under writes: one history for all clients, whichever server they talk to, also if one of them is killed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::database::shared;
use super::history::{Acknowledged, History};
use super::node::{Watcher, index_of, list, node, node_with, registration, three, try_send, wait_for_the_same_index};
use crate::serve::Server;

/// What the clients that write know at the end.
#[derive(Default)]
pub(super) struct Writes {
    acknowledged: Mutex<Vec<Acknowledged>>,
    replies: Mutex<Vec<Vec<u64>>>,
}

/// Ends what waits for a flag, also when the test fails: a scope waits for its threads.
pub(super) struct StopOnDrop<'f>(pub(super) &'f AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Registers, changes and removes instances at each server until it is stopped.
pub(super) fn write_until(stop: &AtomicBool, client: usize, servers: &Mutex<Vec<SocketAddr>>, writes: &Writes) {
    let mut own_replies = Vec::new();
    let mut last_server = None;
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let server = {
            let servers = servers.lock().unwrap();
            servers[(client + round / 10) % servers.len()]
        };
        if last_server.replace(server) != Some(server) {
            writes.replies.lock().unwrap().push(std::mem::take(&mut own_replies));
        }

        // Ids are shared by all clients: they register, change and remove each other's.
        let id = format!("i-{}", (client * 7 + round * 3) % 11);
        let path = format!("/api/v1/services/{id}");
        let reply = match round % 5 {
            0 | 1 => try_send(server, "POST", "/api/v1/services", &registration(&id, 0)),
            2 => try_send(server, "PUT", &path, r#"{"status":"draining"}"#),
            3 => try_send(server, "POST", &format!("{path}/heartbeat"), ""),
            _ => try_send(server, "DELETE", &path, ""),
        };
        let Some((status, index, value)) = reply else { continue };
        assert!(matches!(status, 200 | 201 | 204 | 404 | 503), "{status} {value}");
        own_replies.extend(index);
        if status == 201 {
            // A server that is killed may send half of a reply.
            let number = |field: &str| value["data"][field].as_u64();
            let (Some(generation), Some(index)) = (number("generation"), number("index")) else { continue };
            writes.acknowledged.lock().unwrap().push(Acknowledged { id, generation, index });
        }
    }
    writes.replies.lock().unwrap().push(own_replies);
}

/// The history, once all servers and watchers are at the end of it.
pub(super) fn gather(nodes: &[&Server], watchers: Vec<Watcher>, writes: Writes) -> History {
    let index = wait_for_the_same_index(nodes);
    let logs = watchers.into_iter().map(|watcher| watcher.finish(index)).collect();
    History {
        logs,
        acknowledged: writes.acknowledged.into_inner().unwrap(),
        lists: nodes.iter().map(|node| list(node)).collect(),
        replies: writes.replies.into_inner().unwrap(),
    }
}

#[test]
fn clients_of_all_servers_read_one_history_also_if_a_server_is_killed() {
    let database = shared();
    let url = database.create();
    let mut nodes = three(&url);
    let servers = Arc::new(Mutex::new(nodes.iter().map(|node| node.address).collect::<Vec<_>>()));
    let watchers: Vec<Watcher> = (0..3).map(|first| Watcher::start(Arc::clone(&servers), first)).collect();
    let (writes, stop) = (Writes::default(), AtomicBool::new(false));

    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for client in 0..4 {
            let (stop, servers, writes) = (&stop, &servers, &writes);
            scope.spawn(move || write_until(stop, client, servers, writes));
        }
        // A server is killed in the middle of its writes, and comes back.
        for round in 1..=3_u64 {
            let wanted = index_of(&nodes[1]) + 60;
            crate::serve::wait_until(|| index_of(&nodes[1]) >= wanted);
            let at = usize::try_from(round % 2 * 2).unwrap();
            nodes.remove(at).kill();
            let again = node(&url, ["a", "b", "c"][at]);
            servers.lock().unwrap()[at] = again.address;
            nodes.insert(at, again);
        }
        let wanted = index_of(&nodes[1]) + 60;
        crate::serve::wait_until(|| index_of(&nodes[1]) >= wanted);
    });

    let nodes: Vec<&Server> = nodes.iter().collect();
    let history = gather(&nodes, watchers, writes);
    assert_eq!(history.problems(), [] as [String; 0]);
    assert!(history.acknowledged.len() > 20 && history.logs.iter().all(|log| log.0.len() > 100));
    let stored = database.sql(&url, "SELECT last_index, (SELECT count(*) FROM portolan.record) FROM portolan.meta");
    assert_eq!(stored, format!("{}|{}", history.lists[0].index, history.lists[0].instances.len()));
}

#[test]
fn a_read_with_the_index_of_a_write_sees_it_on_every_server() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    let read = |node: &Server, id: &str, index: u64| {
        let request = format!(
            "GET /api/v1/services/{id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Portolan-Min-Index: {index}\r\n\r\n"
        );
        crate::serve::exchange(node.address, request.as_bytes())
    };
    for round in 0..30 {
        let id = format!("i-{round}");
        let index = nodes[round % 3].register(&registration(&id, 30))["index"].as_u64().unwrap();
        for node in &nodes {
            let reply = read(node, &id, index);
            assert_eq!((reply.status, reply.header("x-portolan-stale")), (200, None), "{}", reply.text());
        }
        // Without an index, on the server that acknowledged it.
        assert_eq!(nodes[round % 3].get(&format!("/api/v1/services/{id}")).status, 200);
    }

    let reply = read(&nodes[0], "i-0", 1_000_000);
    assert_eq!(reply.status, 200, "it is answered with what there is");
    assert!(reply.header("x-portolan-stale").is_some(), "{}", reply.head);
    assert_eq!(read(&nodes[0], "i-0", 0).header("x-portolan-stale"), None);
    let wrong = b"GET /api/v1/services HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Portolan-Min-Index: -1\r\n\r\n";
    let reply = crate::serve::exchange(nodes[0].address, wrong);
    assert_eq!((reply.status, reply.json()["error"]["field"].as_str()), (400, Some("X-Portolan-Min-Index")));
}

/// The rules hold under the lock of all writers: servers that know of different instances do not each fill a service.
#[test]
fn the_limit_of_a_service_is_one_for_all_servers() {
    const LIMIT: usize = 7;
    let (database, folder) = (shared(), crate::serve::folder());
    let (url, file) = (database.create(), folder.path().join("serve.toml"));
    std::fs::write(&file, format!("[registry.registration]\nmax_instances_per_service = {LIMIT}\n")).unwrap();
    let nodes = ["a", "b"].map(|name| node_with(&url, name, &["--config", file.to_str().unwrap()]));

    let statuses: Vec<u16> = thread::scope(|scope| {
        let sent: Vec<_> = (0..4 * LIMIT)
            .map(|number| {
                let address = nodes[number % 2].address;
                let body = registration(&format!("i-{number}"), 0);
                scope.spawn(move || try_send(address, "POST", "/api/v1/services", &body).unwrap().0)
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(201), count(409)), (LIMIT, 3 * LIMIT), "{statuses:?}");
    wait_for_the_same_index(&nodes.each_ref());
    assert!(nodes.iter().all(|node| list(node).instances.len() == LIMIT));
    assert_eq!(database.sql(&url, "SELECT count(*) FROM portolan.record"), LIMIT.to_string());
}

#[test]
fn the_status_shows_how_far_each_server_is_behind() {
    let database = shared();
    let url = database.create();
    let nodes = ["a", "b"].map(|name| node(&url, name));
    let behind = |of: &str| {
        let status = nodes[0].get("/api/v1/status").json()["data"].clone();
        let servers = status["servers"].as_array().unwrap().clone();
        let server = servers.into_iter().find(|server| server["node"] == of)?;
        server["behind"].as_u64()
    };

    // A server says once a second what it knows: the one that writes meanwhile is ahead of it.
    crate::serve::wait_until(|| {
        nodes[0].register(&registration(&uuid::Uuid::new_v4().to_string(), 0));
        behind("b").is_some_and(|changes| changes > 0)
    });
    crate::serve::wait_until(|| ["a", "b"].map(behind) == [Some(0), Some(0)]);
}

#[test]
fn a_change_of_history_begins_anew_for_everyone() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    let servers = Arc::new(Mutex::new(vec![nodes[0].address]));
    for number in 0..5 {
        nodes[0].register(&registration(&format!("i-{number}"), 0));
    }
    let watcher = Watcher::start(servers, 0);
    wait_for_the_same_index(&nodes.iter().collect::<Vec<_>>());

    // What a promotion with loss leaves.
    let lost = "DELETE FROM portolan.event WHERE number > 3; DELETE FROM portolan.record WHERE id IN ('i-3', 'i-4');
        UPDATE portolan.meta SET last_index = 3";
    let before = database.sql(&url, "SELECT epoch FROM portolan.meta");
    database.sql(&url, lost);
    let epoch = || database.sql(&url, "SELECT epoch FROM portolan.meta");
    crate::serve::wait_until(|| epoch() != before);
    let epoch = epoch();
    crate::serve::wait_until(|| {
        nodes.iter().all(|node| {
            let status = node.get("/api/v1/status").json()["data"].clone();
            status["epoch"] == epoch.as_str() && status["instances"] == 3
        })
    });

    let again = nodes[2].post("/api/v1/services/i-4/heartbeat", "");
    assert_eq!(again.status, 404, "its program registers again");
    let index = nodes[1].register(&registration("i-4", 0))["index"].as_u64().unwrap();
    assert_eq!(index, 4);
    watcher.wait_for(|line| {
        line.contains(r#""index":4,"type":"added""#) && line.contains(r#""id":"i-4""#) && line.contains("cause")
    });
    watcher.wait_for(|line| line.contains(&epoch));
    let log = watcher.end();
    assert_eq!(database.sql(&url, "SELECT epoch FROM portolan.meta"), epoch, "it changed once");
    let resets = log.0.iter().filter(|line| line.contains(r#""type":"reset""#)).count();
    assert_eq!(resets, 2, "{:#?}", log.0);
    assert_eq!(
        History { logs: vec![log], lists: vec![list(&nodes[0])], ..History::default() }.problems(),
        [] as [String; 0]
    );
}
