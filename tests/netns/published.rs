//! Published ports: real rules that lead connections to another namespace, as container engines write them, real connections
//! through them, and one row for each with what serves at the other end.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::firewall::connects;
use crate::support::{Cgroup, Fixture, Lines, Listing, Scene, finish, kill};

const ID: &str = "3f4e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7";

/// A host with a neighbour, and a container behind a bridge of its own.
struct Engine {
    host: Scene,
    neighbour: Scene,
    container: Scene,
}

impl Engine {
    fn new() -> Self {
        let engine = Self { host: Scene::new(), neighbour: Scene::new(), container: Scene::new() };
        engine.host.wire_to(&engine.neighbour);
        engine.host.sh(&format!(
            "ip link add docker0 type bridge; ip link set docker0 up
             ip addr add 172.17.0.1/16 dev docker0; ip addr add fd17::1/64 dev docker0 nodad
             ip link add veth1 type veth peer name eth0 netns {}
             ip link set veth1 master docker0 up
             echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
            engine.container.pid()
        ));
        engine.container.sh(
            "ip addr add 172.17.0.2/16 dev eth0; ip addr add fd17::2/64 dev eth0 nodad; ip link set eth0 up
             ip route add default via 172.17.0.1; ip -6 route add default via fd17::1
             until ip link show eth0 | grep -q LOWER_UP; do :; done",
        );

        engine
    }

    /// The rules that Docker writes for `-p 8080:80`.
    fn publish_as_docker(&self) {
        self.host.sh("iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
             iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
             iptables -t nat -A DOCKER -i docker0 -j RETURN
             iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
             iptables -P FORWARD DROP; iptables -N DOCKER
             iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
             iptables -A FORWARD -o docker0 -j DOCKER
             iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
             iptables -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT");
    }

    fn serve(&self, listeners: &str) -> Fixture {
        self.container.fixture(listeners)
    }

    fn list(&self) -> Listing {
        self.host.portolan().list()
    }
}

#[test]
fn a_published_port_is_one_row_with_the_containers_process() {
    let engine = Engine::new();
    engine.publish_as_docker();
    let group = Cgroup::new(&format!("docker-{ID}.scope"));
    let fixture = engine.container.fixture_in(&group, "[ name=nginx tcp=0.0.0.0:80 ]");
    assert!(connects(&engine.neighbour, "10.77.0.1:8080", true));

    let listing = engine.list();
    assert_eq!(listing.rows.len(), 1, "{:?}", listing.rows);
    let row = listing.row("tcp 0.0.0.0:8080");
    assert_eq!(row.id(), "local/tcp/0.0.0.0:8080");
    assert_eq!(row.name(), Some("docker-3f4e8a1b2c3d"));
    assert_eq!(row.pids(), fixture.truth.0["tcp 0.0.0.0:80"]);
    assert_eq!(row.detail("state"), "published");
    assert_eq!(row.detail("forwards_to"), &json!(["172.17.0.2:80"]));
    assert_eq!(row.detail("container")["id"], ID);
    assert_eq!((row.detail("firewall"), row.detail("exposed")), (&json!("open"), &json!(true)));
    assert_eq!((row.detail("sockets"), row.detail("connections")), (&json!(0), &json!(null)));

    for (args, expected) in [
        ("", "172.17.0.2:80"),
        ("-o csv", "172.17.0.2:80"),
        ("-o address", "0.0.0.0:8080"),
        ("--state published --columns address,state", "published"),
        ("--process nginx", "nginx"),
        ("--exposed", "8080"),
    ] {
        let outcome = engine.host.portolan().args(args).run();
        assert!(outcome.text().contains(expected), "{args}: {} {}", outcome.text(), outcome.stderr);
    }
    for args in ["--state listen", "-p 80", "--udp", "--unix", "--process apache*"] {
        assert_eq!(engine.host.portolan().args(args).args("--json").run().document()["items"], json!([]), "{args}");
    }
    fixture.end();
}

#[test]
fn a_proxy_that_listens_at_the_published_port_shares_its_row() {
    let engine = Engine::new();
    engine.publish_as_docker();
    let group = Cgroup::new(&format!("docker-{ID}.scope"));
    let served = engine.container.fixture_in(&group, "[ name=nginx tcp=0.0.0.0:80 ]");
    let proxy = engine.host.fixture("[ name=docker-proxy tcp=0.0.0.0:8080 ]");

    let listing = engine.list();
    let row = listing.row("tcp 0.0.0.0:8080");
    let pids = &proxy.truth.0["tcp 0.0.0.0:8080"] | &served.truth.0["tcp 0.0.0.0:80"];
    assert_eq!((listing.rows.len(), row.pids()), (1, pids));
    assert_eq!((row.detail("state"), row.detail("sockets")), (&json!("listen"), &json!(1)));
    assert_eq!((row.name(), row.detail("forwards_to")), (Some("docker-3f4e8a1b2c3d"), &json!(["172.17.0.2:80"])));
    let table = engine.host.portolan().args("--columns address,process").run();
    assert!(table.text().contains("nginx") && !table.text().contains("docker-proxy"), "{}", table.text());
    served.end();
}

/// Docker behind ufw: what the rules lead on never comes to the rules for input, also where a proxy listens.
#[test]
fn a_published_port_with_a_proxy_behind_closed_input_is_open() {
    let engine = Engine::new();
    engine.publish_as_docker();
    engine.host.sh("iptables -P INPUT DROP");
    let _served = engine.serve("tcp=0.0.0.0:80");
    let _proxy = engine.host.fixture("[ name=docker-proxy tcp=0.0.0.0:8080 tcp=0.0.0.0:8081 ]");
    assert!(connects(&engine.neighbour, "10.77.0.1:8080", true));
    let verdict = |what: &str| {
        let listing = engine.list();
        let row = listing.row(what);
        (row.detail("firewall").clone(), row.detail("exposed").clone())
    };
    assert_eq!(verdict("tcp 0.0.0.0:8080"), (json!("open"), json!(true)));
    assert_eq!(verdict("tcp 0.0.0.0:8081"), (json!("filtered"), json!(false)));

    // A rule that takes only some of the packets leaves the others to the input.
    engine.host.sh("iptables -t nat -F DOCKER
         iptables -t nat -A DOCKER -s 10.77.0.9 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80");
    assert!(!connects(&engine.neighbour, "10.77.0.1:8080", false));
    assert_eq!(verdict("tcp 0.0.0.0:8080"), (json!("partly"), json!(null)));
    engine.host.sh("iptables -t nat -F DOCKER; iptables -P INPUT ACCEPT
         iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
         iptables -I FORWARD -p tcp --dport 80 -j DROP");
    assert!(!connects(&engine.neighbour, "10.77.0.1:8080", false));
    assert_eq!(verdict("tcp 0.0.0.0:8080"), (json!("filtered"), json!(false)));
}

/// The process at the other end does not hold the port: it gets no signal, and is not called a listener.
#[test]
fn a_published_port_is_no_listener_of_the_process_at_its_end() {
    let engine = Engine::new();
    engine.publish_as_docker();
    engine.host.sh("iptables -t nat -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 10.77.0.9:80");
    let served = engine.container.fixture("[ name=nginx tcp=0.0.0.0:80 ]");
    let nginx = *served.truth.0["tcp 0.0.0.0:80"].first().unwrap();

    for port in ["8080", "8081"] {
        let killed = engine.host.runs(&["kill"]).args(port).args("--yes").run();
        let text = format!("nothing listens on TCP port {port}\n");
        assert_eq!((killed.code, killed.stderr), (Some(1), text));
        assert_eq!(engine.host.runs(&["who"]).args(port).args("--pid").run().code, Some(1));
    }
    assert_eq!(engine.list().row("tcp 0.0.0.0:8080").pids(), [nginx].into(), "it still runs");

    let who = engine.host.runs(&["who"]).args("8080").run();
    assert_eq!(who.code, Some(0), "{}", who.stderr);
    let begin = format!("tcp 0.0.0.0:8080 is published to 172.17.0.2:80\n  process     nginx (pid {nginx})");
    assert!(who.text().starts_with(&begin), "{}", who.text());
    let who = engine.host.runs(&["who"]).args("8081").run();
    assert_eq!((who.code, who.text()), (Some(0), "tcp 0.0.0.0:8081 is published to 10.77.0.9:80\n"), "{}", who.stderr);

    // With a proxy, the proxy holds the port.
    let proxy = engine.host.fixture("[ name=docker-proxy tcp=0.0.0.0:8080 ]");
    let killed = engine.host.runs(&["kill"]).args("8080 --yes --timeout 60s").run();
    let pid = proxy.truth.0["tcp 0.0.0.0:8080"].first().unwrap();
    assert_eq!((killed.code, killed.stderr), (Some(0), format!("docker-proxy (pid {pid}) ended\n")));
    assert_eq!(engine.list().row("tcp 0.0.0.0:8080").pids(), [nginx].into());
    served.end();
}

/// Rules for packets that come in do not apply to portolan's own connections.
#[test]
fn a_published_port_is_checked_and_identified_at_its_end() {
    let engine = Engine::new();
    engine.host.sh("iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:9
         iptables -t nat -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 10.77.0.9:9");
    let _served = engine.serve("tcp=0.0.0.0:9");
    assert!(connects(&engine.neighbour, "10.77.0.1:8080", true));

    let checked = engine.host.portolan().args("-p 8080 --validate --json").run();
    let item = &checked.document()["items"][0];
    assert_eq!(
        (checked.code, item["health"]["state"].as_str()),
        (Some(0), Some("healthy")),
        "{item} {}",
        checked.stderr
    );
    let unknown = engine.host.portolan().args("-p 8081 --validate --json").run();
    let item = &unknown.document()["items"][0];
    assert_eq!((unknown.code, item["health"]["state"].as_str()), (Some(3), Some("unknown")), "{item}");
    assert!(unknown.stderr.contains("no process here is known to serve it"), "{}", unknown.stderr);

    let identified = engine.host.portolan().args("-p 8081 --identify").run();
    assert!(identified.stderr.contains("no process here is known to serve them"), "{}", identified.stderr);
}

/// A registration at a published port is served for others, whether or not a connection of the host itself is.
#[test]
fn drift_takes_no_rule_for_a_listener_and_misses_none() {
    let engine = Engine::new();
    engine.publish_as_docker();
    engine.host.sh("iptables -t nat -A PREROUTING -p tcp --dport 30080 -j DNAT --to-destination 10.77.0.9:80");
    let _served = engine.serve("tcp=0.0.0.0:80");
    let file = engine.host.dir().join("services.toml");
    std::fs::write(&file, "[[service]]\nname = \"web\"\nendpoints = [\"10.77.0.1:8080\"]\n").unwrap();
    let drift = || engine.host.runs(&["drift"]).arg(&format!("file:{}", file.display())).args("--all --json");

    let ran = drift().run();
    let document = ran.document();
    let items = document["items"].as_array().unwrap();
    assert_eq!((ran.code, items.len()), (Some(0), 1), "{document} {}", ran.stderr);
    assert_eq!(items[0]["detail"]["state"], "cannot-tell");
    assert!(ran.stderr.contains("a firewall rule forwards its connections elsewhere"), "{}", ran.stderr);

    let ran = drift().by_nobody().run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("firewall rules that cannot be read may publish it"), "{}", ran.stderr);
}

#[test]
fn a_published_port_whose_packets_are_not_passed_on_is_filtered() {
    let engine = Engine::new();
    engine.publish_as_docker();
    engine.host.sh("iptables -I FORWARD -p tcp --dport 80 -j DROP");
    let _fixture = engine.serve("tcp=172.17.0.2:80");
    assert!(!connects(&engine.neighbour, "10.77.0.1:8080", false));
    let listing = engine.list();

    let row = listing.row("tcp 0.0.0.0:8080");
    assert_eq!((row.detail("firewall"), row.detail("exposed")), (&json!("filtered"), &json!(false)));
    // The rules for input do not matter to what is passed on.
    engine.host.sh("iptables -D FORWARD -p tcp --dport 80 -j DROP; iptables -P INPUT DROP");
    assert!(connects(&engine.neighbour, "10.77.0.1:8080", true));

    assert_eq!(engine.list().row("tcp 0.0.0.0:8080").detail("firewall"), "open");
}

/// Rules, and what they publish: the row and the other end.
const RULES: [(&str, &str, &str); 11] = [
    ("tcp dport 8080 dnat to 172.17.0.2:80", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
    ("iifname wire tcp dport 8080 dnat to 172.17.0.2:80", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
    ("ip daddr 10.77.0.1 tcp dport 8080 dnat to 172.17.0.2:80", "tcp 10.77.0.1:8080", "172.17.0.2:80"),
    ("ip daddr 10.77.0.0/24 tcp dport 8080 dnat to 172.17.0.2:80", "tcp 10.77.0.1:8080", "172.17.0.2:80"),
    ("dnat to tcp dport map { 8080 : 172.17.0.2 . 80, 8081 : 172.17.0.3 . 81 }", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
    ("tcp dport { 8080, 8090 } dnat to 172.17.0.2:80", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
    ("tcp dport 8080-8082 dnat to 172.17.0.2", "tcp 0.0.0.0:8080", "172.17.0.2:8080"),
    ("fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
    ("udp dport 5353 dnat to 172.17.0.2:53", "udp 0.0.0.0:5353", "172.17.0.2:53"),
    ("tcp dport 8080 redirect to :9090", "tcp 0.0.0.0:8080", "0.0.0.0:9090"),
    ("th dport 8080 meta l4proto tcp dnat to 172.17.0.2:80", "tcp 0.0.0.0:8080", "172.17.0.2:80"),
];

#[test]
fn every_kind_of_rule_is_read() {
    let engine = Engine::new();
    let _served = engine.serve("tcp=0.0.0.0:80 tcp=0.0.0.0:8080 udp=0.0.0.0:53");
    let _own = engine.host.fixture("tcp=0.0.0.0:9090");

    for (rule, row, target) in RULES {
        engine.host.sh(&format!(
            "nft flush ruleset; nft add table ip t
             nft 'add chain ip t p {{ type nat hook prerouting priority dstnat; }}'; nft 'add rule ip t p {rule}'"
        ));
        let listing = engine.list();
        let row = listing.row(row);
        assert_eq!(row.detail("forwards_to"), &json!([target]), "{rule}");
        assert_eq!(row.pids().len(), 1, "{rule}: {}", row.0);
        if let Some(port) = row.key().strip_prefix("tcp ").and_then(|at| at.rsplit(':').next()) {
            assert!(connects(&engine.neighbour, &format!("10.77.0.1:{port}"), true), "{rule}");
        }
    }
}

#[test]
fn a_published_port_of_ipv6_and_one_of_several_ends() {
    let engine = Engine::new();
    engine.host.sh("ip6tables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination '[fd17::2]:80'
         iptables -t nat -A PREROUTING -p tcp --dport 30080 -m statistic --mode random --probability 0.5 -j DNAT \
             --to-destination 172.17.0.2:80
         iptables -t nat -A PREROUTING -p tcp --dport 30080 -j DNAT --to-destination 172.17.0.3:80");
    let _served = engine.serve("tcp=[::]:80,dual");
    assert!(connects(&engine.neighbour, "[fd77::1]:8080", true));
    let listing = engine.list();
    let row = listing.row("tcp [::]:8080");
    assert_eq!((row.detail("forwards_to"), row.pids().len()), (&json!(["[fd17::2]:80"]), 1));
    let row = listing.row("tcp 0.0.0.0:30080");
    assert_eq!(row.detail("forwards_to"), &json!(["172.17.0.2:80", "172.17.0.3:80"]));
}

#[test]
fn an_end_on_another_machine_has_no_process() {
    let engine = Engine::new();
    engine.host.sh("iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.77.0.9:80
         iptables -t nat -A PREROUTING -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination 10.77.0.9:443");
    let listing = engine.list();
    assert_eq!(listing.rows.len(), 1, "an address that is not this host's is no port of it: {:?}", listing.rows);
    let row = listing.row("tcp 0.0.0.0:8080");
    assert!(row.pids().is_empty() && row.detail("owner") != "known", "{}", row.0);
    assert_eq!(row.detail("exposed"), &json!(null), "portolan cannot know whether anything serves there");
}

/// What opens in another namespace changes nothing here that a watch could see.
#[test]
fn a_watch_learns_what_serves_at_a_published_port_later() {
    let engine = Engine::new();
    engine.publish_as_docker();
    let mut watch = engine.host.portolan().args("--watch --interval 50ms -o ndjson").spawn();
    let lines = Lines::of(&mut watch);
    let next = |is_it: &dyn Fn(&Value) -> bool| loop {
        let event: Value = serde_json::from_str(&lines.next().expect("the watch goes on")).unwrap();
        if is_it(&event) {
            return event;
        }
    };
    let is_port = |event: &Value| event["item"]["id"] == "local/tcp/0.0.0.0:8080";
    let first = next(&is_port);
    assert_eq!(first["item"]["detail"]["processes"], json!([]), "{first}");

    let _served = engine.container.fixture("[ name=nginx tcp=0.0.0.0:80 ]");
    let later = next(&|event| is_port(event) && event["item"]["detail"]["processes"] != json!([]));
    assert_eq!(later["item"]["detail"]["processes"][0]["name"], "nginx", "{later}");
    kill(watch.id(), Signal::INT);
    finish(watch);
}

/// Each port is followed through every rule: beyond the limit that is said, and the rest of the listing is there.
#[test]
fn rules_that_are_too_many_are_said() {
    let engine = Engine::new();
    let rules =
        (0..1_200).map(|number| format!("add rule ip t p tcp dport {} dnat to 172.17.0.2:80\n", 20_000 + number));
    let rules = rules.collect::<Vec<_>>().concat();
    let file = engine.host.dir().join("rules");
    let base = "add table ip t\nadd chain ip t p { type nat hook prerouting priority dstnat; }\n";
    std::fs::write(&file, format!("{base}{rules}")).unwrap();
    engine.host.sh(&format!("nft -f {}", file.display()));
    let _own = engine.host.fixture("tcp=0.0.0.0:9090");

    let outcome = engine.host.portolan().args("--json").run();
    let document = outcome.document();
    assert_eq!((outcome.code, &document["complete"]), (Some(3), &json!(false)), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("its rules are too many to follow"), "{}", outcome.stderr);
    let items = document["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"] == "local/tcp/0.0.0.0:9090"));
    assert!(items.iter().any(|item| item["id"] == "local/tcp/0.0.0.0:20000"));
    assert_eq!(engine.host.portolan().args("--state listen").run().code, Some(0));
}

#[test]
fn without_rights_published_ports_are_missing_and_that_is_said() {
    let engine = Engine::new();
    engine.publish_as_docker();
    let outcome = engine.host.portolan().by_nobody().run();
    assert_eq!(outcome.stderr.matches("the firewall rules").count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("published ports"), "{}", outcome.stderr);
    // A host that passes nothing on has no containers behind it.
    engine.host.sh("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
    let outcome = engine.host.portolan().by_nobody().run();
    assert!(!outcome.stderr.contains("firewall"), "{}", outcome.stderr);
}
