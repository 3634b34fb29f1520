//! Traffic: strategies of services, switches and shifts, as clients, DNS, exports and operators see them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Server;
use super::server::folder;
use crate::support::{HANG, output, portolan_path, tool};

/// Two instances of version 1.2, one of 1.3.
fn fleet(server: &Server) {
    for (at, version, weight) in [(1, "1.2", 1), (2, "1.2", 3), (3, "1.3", 5)] {
        let body = json!({ "id": format!("web-{at}"), "name": "web", "version": version, "address": format!("10.0.0.{at}"),
            "port": 80, "weight": weight, "ttl": 0 });
        server.register(&body.to_string());
    }
}

/// What a command prints, which ends with this code.
#[track_caller]
fn ran(server: &Server, words: &str, code: i32) -> String {
    let mut command = Command::new(portolan_path());
    command.args(words.split_whitespace()).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    command.arg(format!("--registry=portolan://{}", server.address));
    let out = output(&mut command);
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert_eq!(out.status.code(), Some(code), "{words}: {said}");
    said
}

fn traffic(server: &Server) -> Value {
    let reply = server.get("/api/v1/services/web/traffic");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].clone()
}

fn weights(server: &Server) -> Vec<u64> {
    let state = traffic(server);
    state["instances"].as_array().unwrap().iter().map(|one| one["weight"].as_u64().unwrap()).collect()
}

/// How often each address is first in `count` answers.
fn firsts(server: &Server, count: usize) -> BTreeMap<String, usize> {
    let mut firsts = BTreeMap::new();
    for _ in 0..count {
        let first = server.discover("service_name=web&limit=1")[0]["address"].as_str().unwrap().to_owned();
        *firsts.entry(first).or_default() += 1;
    }
    firsts
}

/// I22, I23 and part 4 of the server's balancing: the strategy of a service holds for clients that ask for none, is kept,
/// and every pick is counted, also those of instances that are gone.
#[test]
fn a_service_has_a_strategy_of_its_own() {
    let data = folder();
    let file = data.path().join("registry.db");
    let server = Server::on_file(&file);
    fleet(&server);
    let strategy = |server: &Server| server.get("/api/v1/load-balancer/web").json()["data"].clone();
    assert_eq!((&strategy(&server)["strategy"], &strategy(&server)["is_own"]), (&json!("round_robin"), &json!(false)));

    let set = server.send("PUT", "/api/v1/load-balancer/web", Some(r#"{"strategy": "weighted"}"#));
    assert_eq!((set.status, set.json()["data"]["strategy"].clone()), (200, json!("weighted_round_robin")));
    let expected: BTreeMap<String, usize> =
        [("10.0.0.1".to_owned(), 10), ("10.0.0.2".to_owned(), 30), ("10.0.0.3".to_owned(), 50)].into();
    assert_eq!(firsts(&server, 90), expected);
    let asked = server.get("/api/v1/discover?service_name=web&load_balancing_strategy=random").json();
    assert_eq!(asked["data"]["strategy"], "random", "a client that asks for another gets it");

    server.send("DELETE", "/api/v1/services/web-3", None);
    let stats = server.get("/api/v1/load-balancer/web/stats").json()["data"].clone();
    let picks: u64 = stats["instances"].as_array().unwrap().iter().map(|one| one["picks"].as_u64().unwrap()).sum();
    let gone = stats["gone"].as_u64().unwrap();
    assert!(gone >= 50, "{stats}");
    assert_eq!((picks + gone, stats["requests"].as_u64().unwrap()), (91, 91));
    assert_eq!(server.send("DELETE", "/api/v1/load-balancer/web/stats", None).status, 204);
    assert_eq!(server.get("/api/v1/load-balancer/web/stats").json()["data"]["requests"], 0);

    for (name, body, status, part) in [
        ("web", r#"{"strategy": "best"}"#, 400, "round_robin, weighted_round_robin"),
        ("web", r#"{"strategy": "peak_ewma"}"#, 400, "only clients see"),
        ("web", "{}", 400, "strategy"),
        ("gone", r#"{"strategy": "random"}"#, 404, "gone"),
    ] {
        let reply = server.send("PUT", &format!("/api/v1/load-balancer/{name}"), Some(body));
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(reply.text().contains(part), "{}", reply.text());
    }

    server.kill();
    let server = Server::on_file(&file);
    assert_eq!(strategy(&server)["strategy"], "weighted_round_robin", "it is kept");
    let reset = server.send("DELETE", "/api/v1/load-balancer/web", None);
    assert_eq!(reset.json()["data"]["is_own"], false);
}

/// K5: one change, which clients of every kind see.
#[test]
fn a_switch_is_seen_by_clients_dns_and_exports() {
    let server = Server::with(["--data", ":memory:", "--dns", "127.0.0.1:0"]);
    fleet(&server);
    let shown = ran(&server, "services switch web --to 1.3", 0);
    assert!(shown.contains("calls go to  version 1.3"), "{shown}");
    assert_eq!(weights(&server), [0, 0, 10_000]);

    assert_eq!(firsts(&server, 20), [("10.0.0.3".to_owned(), 20)].into());
    assert_eq!(server.discover("service_name=web").len(), 3, "the others stay in the list, at its end");
    let resolved = ran(&server, "resolve web --count 9", 0);
    assert!(resolved.contains("10.0.0.3:80") && !resolved.contains("10.0.0.1:80"), "{resolved}");
    let exported = ran(&server, "export nginx web", 0);
    assert!(exported.contains("10.0.0.3:80") && !exported.contains("10.0.0.2:80"), "{exported}");
    for kind in ["A", "SRV"] {
        let answered = dig(&server, kind);
        let others = answered.contains("10.0.0.1") || answered.contains("0a000001");
        assert!(!others && answered.lines().count() == 1, "{kind}: {answered}");
    }

    let reset = ran(&server, "services switch web --reset", 0);
    assert!(!reset.contains("calls go to"), "{reset}");
    assert_eq!(weights(&server), [1, 3, 5]);
    let refused = ran(&server, "services switch web --to 2.0", 5);
    assert!(refused.contains("no instance of default/web has the version 2.0"), "{refused}");
    ran(&server, "services switch web", 2);
}

/// F24: the strategy of a service is shown, set and given back by the command line, with the counts behind it.
#[test]
fn the_strategy_of_a_service_is_set_by_hand() {
    let server = Server::in_memory();
    fleet(&server);
    let shown = ran(&server, "services balance web", 0);
    assert!(
        shown.starts_with("default/web\n  strategy  round_robin (the default of the server)\n  requests  0\n"),
        "{shown}"
    );

    let set = ran(&server, "services balance web ip_hash", 0);
    assert!(set.contains("strategy  ip_hash (set for this service)"), "{set}");
    let asked = "/api/v1/discover?service_name=web&include_unhealthy=true&key=a";
    let first = |reply: Value| reply["data"]["services"][0]["id"].as_str().unwrap().to_owned();
    let chosen = first(server.get(asked).json());
    assert_eq!(first(server.get(asked).json()), chosen);
    let counted: Value = serde_json::from_str(&ran(&server, "services balance web --json", 0)).unwrap();
    let picks: BTreeMap<&str, u64> = counted["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| (instance["id"].as_str().unwrap(), instance["picks"].as_u64().unwrap()))
        .collect();
    assert_eq!((counted["requests"].as_u64(), picks[&*chosen]), (Some(2), 2), "{counted}");

    let reset = ran(&server, "services balance default/web --default --reset-counts", 0);
    assert!(reset.contains("round_robin (the default of the server)\n  requests  0\n"), "{reset}");
    let unknown = ran(&server, "services balance web best", 5);
    assert!(unknown.contains("hint: "), "{unknown}");
    assert!(ran(&server, "services balance nothing", 5).contains("no service has the name nothing"));
    ran(&server, "services balance web random --default", 2);
}

fn dig(server: &Server, kind: &str) -> String {
    let log = server.log();
    let address: SocketAddr = log.split_once("DNS on ").unwrap().1.split(": ").next().unwrap().parse().unwrap();
    let mut dig = tool("dig");
    dig.args(["+short", "+time=20", "@127.0.0.1", "-p", &address.port().to_string(), "web.service.portolan", kind]);
    let out = output(&mut dig);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// K6: 90/10 by the default strategies, of the server and of resolvers, also after kill -9; then back.
#[test]
fn a_canary_gets_its_share_survives_a_kill_and_goes_back() {
    let data = folder();
    let file = data.path().join("registry.db");
    let server = Server::on_file(&file);
    fleet(&server);
    let shown = ran(&server, "services shift web --to 1.3 --steps 10,50,100 --every 1h", 0);
    assert!(shown.contains("running: 10 % to version 1.3, step 1 of 3"), "{shown}");
    assert_eq!(weights(&server), [2_250, 6_750, 1_000]);
    assert_eq!(firsts(&server, 200)["10.0.0.3"], 20);
    let resolved = ran(&server, "resolve web --count 200", 0);
    let canary = resolved.matches("10.0.0.3:80").count();
    assert!((19..=21).contains(&canary), "{canary} of 200: {resolved}");

    let before = traffic(&server);
    server.kill();
    let server = Server::on_file(&file);
    assert_eq!(traffic(&server), before);
    let refused = ran(&server, "services switch web --to 1.2", 5);
    assert!(refused.contains("services shift NAME --abort"), "{refused}");

    assert!(ran(&server, "services shift web --pause", 0).contains("paused: 10 %"));
    assert!(ran(&server, "services shift web --resume", 0).contains("running: 10 %"));
    assert!(ran(&server, "services shift web --abort", 0).contains("aborted, to version 1.3"));
    assert_eq!(weights(&server), [1, 3, 5]);
    ran(&server, "services shift web --abort", 5);
    ran(&server, "services shift web --to 1.3 --steps 50,10", 5);
    ran(&server, "services shift web --to 1.3", 2);

    ran(&server, "services shift web --to 1.3 --steps 30 --every 1h", 0);
    assert!(ran(&server, "services shift web --finish", 0).contains("calls go to  version 1.3"));
    assert_eq!(weights(&server), [0, 0, 10_000]);
}

#[track_caller]
fn until(server: &Server, what: &str, is_it: impl Fn(&Value) -> bool) {
    let begun = Instant::now();
    while !is_it(&traffic(server)) {
        assert!(begun.elapsed() < HANG, "{what}: {} {}", traffic(server), server.log());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The server goes on by itself while the canary is healthy, and back when its score falls.
#[test]
fn the_server_judges_a_canary_by_its_checks() {
    let data = folder();
    let server = Server::with_checks(data.path(), "");
    let [stable, canary] = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let checks = json!([{ "check_type": "tcp", "interval": 1, "timeout": 1, "failure_threshold": 2 }]);
    for (version, listener) in [("1.2", &stable), ("1.3", &canary)] {
        let body = json!({ "id": version, "name": "web", "version": version, "address": "127.0.0.1",
            "port": listener.local_addr().unwrap().port(), "ttl": 0, "health_checks": checks });
        server.register(&body.to_string());
    }

    ran(&server, "services shift web --to 1.3 --steps 10,50 --every 1s --abort-below 80", 0);
    until(&server, "it goes on", |state| state["shift"]["step"] == 2);
    assert_eq!(weights(&server), [5_000, 5_000]);
    until(&server, "the score is shown", |state| state["shift"]["score"].as_u64().is_some_and(|score| score >= 80));

    drop(canary);
    until(&server, "it goes back", |state| state["shift"]["phase"] == "aborted");
    assert_eq!(weights(&server), [1, 1]);
    let reason = traffic(&server)["shift"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("version 1.3"), "{reason}");
    assert!(server.log().contains("traffic changed"), "{}", server.log());
}

#[test]
fn requests_that_cannot_be_carried_out_say_why() {
    let server = Server::in_memory();
    fleet(&server);
    let shift = "/api/v1/services/web/shift";
    for (method, path, body, status, part) in [
        ("GET", "/api/v1/services/gone/traffic", None, 404, "unknown_service"),
        ("PUT", "/api/v1/services/web/traffic", Some("{}"), 400, "\"field\":\"to\""),
        ("PUT", "/api/v1/services/web/traffic", Some(r#"{"to": {"version": "1.3", "tag": "x"}}"#), 400, "not both"),
        ("PUT", "/api/v1/services/web/traffic", Some(r#"{"to": {"version": ">= x"}}"#), 400, "to.version"),
        ("PUT", "/api/v1/services/web/traffic", Some(r#"{"to": {"tag": "x"}}"#), 409, "no_target"),
        ("POST", shift, Some(r#"{"to": {"version": "1.3"}}"#), 400, "\"field\":\"steps\""),
        ("POST", shift, Some(r#"{"to": {"version": "1.3"}, "steps": [10], "every": "0s"}"#), 400, "every"),
        ("POST", shift, Some(r#"{"to": {"version": "1.3"}, "steps": [10], "abort_below": 101}"#), 400, "abort_below"),
        ("PUT", shift, Some(r#"{"action": "stop"}"#), 400, "pause, resume, abort or finish"),
        ("PUT", shift, Some(r#"{"action": "abort"}"#), 409, "no_shift"),
    ] {
        let reply = server.send(method, path, body);
        assert_eq!(reply.status, status, "{method} {path} {body:?}: {}", reply.text());
        assert!(reply.text().contains(part), "{method} {path} {body:?}: {}", reply.text());
    }
    assert_eq!(weights(&server), [1, 3, 5]);
}
