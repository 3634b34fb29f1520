//! How fast instances are found.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Options;
use crate::json_http::send;
use crate::load::{bench, latency_header, latency_line, median, report, wrk};
use crate::servers::{Server, instance};
use crate::support::{HANG, TempDir};

const DISCOVER: &str = "/api/v1/discover?service_name=web";
const NACOS_LIST: &str = "/nacos/v1/ns/instance/list?serviceName=web&healthyOnly=true";
const CONSUL_HEALTH: &str = "/v1/health/service/web?passing=1";

/// The servers of a comparison, each with the same instances, whose answers were checked.
struct Peers {
    portolan: Server,
    bare: Server,
    consul: Server,
    etcd: Server,
    rnacos: Option<Server>,
    _folder: TempDir,
}

impl Peers {
    fn with(instances: usize) -> Self {
        let folder = TempDir::new();
        let portolan = Server::portolan(folder.path(), &[], &[]);
        let (consul, etcd, rnacos) = (Server::consul(), Server::etcd(), Server::rnacos());
        for number in 0..instances {
            let body = instance("web", number, true);
            send(portolan.address, "POST", "/api/v1/services", &body);
            let service = json!({ "ID": body["id"], "Name": "web", "Address": body["address"], "Port": 8080,
                "Tags": body["tags"], "Meta": { "region": "eu", "version": "1.2.0" }, "Check": { "TTL": "1h", "Status": "passing" } });
            send(consul.address, "PUT", "/v1/agent/service/register", &service);
            let (key, value) = (base64(&format!("/services/web/{number:04}")), base64(&body.to_string()));
            send(etcd.address, "POST", "/v3/kv/put", &json!({ "key": key, "value": value }));
            if let Some(rnacos) = &rnacos {
                send(rnacos.address, "POST", &nacos_instance(&body), &Value::Null);
            }
        }

        let answer = send(portolan.address, "GET", DISCOVER, &Value::Null);
        let bare = Server::bare(answer.as_bytes());
        let own: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(own["data"]["services"].as_array().unwrap().len(), instances);
        assert_eq!(send(bare.address, "GET", "/", &Value::Null), answer);
        // The agent passes registrations on to the catalog a little later.
        let begun = Instant::now();
        while count(&send(consul.address, "GET", CONSUL_HEALTH, &Value::Null)) != instances {
            assert!(
                begun.elapsed() < HANG,
                "Consul does not list the instances: {}",
                send(consul.address, "GET", CONSUL_HEALTH, &Value::Null)
            );
        }
        let range: Value = serde_json::from_str(&send(etcd.address, "POST", "/v3/kv/range", &range())).unwrap();
        assert_eq!(range["count"], instances.to_string());
        if let Some(rnacos) = &rnacos {
            let list: Value = serde_json::from_str(&send(rnacos.address, "GET", NACOS_LIST, &Value::Null)).unwrap();
            assert_eq!(list["hosts"].as_array().map(Vec::len), Some(instances), "{list}");
        }
        Self { portolan, bare, consul, etcd, rnacos, _folder: folder }
    }
}

fn count(list: &str) -> usize {
    serde_json::from_str::<Value>(list).ok().and_then(|list| list.as_array().map(Vec::len)).unwrap_or(0)
}

/// The request that registers an instance with r-nacos, with the same content.
fn nacos_instance(body: &Value) -> String {
    let [address, id] = ["address", "id"].map(|field| body[field].as_str().unwrap());
    // A JSON object: its quotes and braces are written as `%` and their code.
    let metadata =
        format!("%7B%22id%22:%22{id}%22,%22version%22:%221.2.0%22,%22region%22:%22eu%22,%22tags%22:%22api,blue%22%7D");
    format!("/nacos/v1/ns/instance?serviceName=web&ip={address}&port=8080&metadata={metadata}")
}

/// All keys of the service.
fn range() -> Value {
    json!({ "key": base64("/services/web/"), "range_end": base64("/services/web0") })
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Requests a second, and the ratios of the rounds.
pub fn throughput(options: &Options) -> String {
    let mut text = String::new();
    for (instances, goal) in [(1, 5.0), (10, 15.0)] {
        let peers = Peers::with(instances);
        let range = range().to_string();
        let mut measured = vec![
            ("portolan serve, discover", &peers.portolan, DISCOVER, None),
            ("bare axum, the same bytes", &peers.bare, "/", None),
            ("Consul, health/service", &peers.consul, CONSUL_HEALTH, None),
            ("etcd, kv/range", &peers.etcd, "/v3/kv/range", Some(range.as_str())),
        ];
        measured.extend(peers.rnacos.as_ref().map(|rnacos| ("r-nacos, instance/list", rnacos, NACOS_LIST, None)));
        let round = |_| -> Vec<f64> {
            measured.iter().map(|(_, server, path, body)| wrk(server.address, path, *body, options.seconds)).collect()
        };
        let rounds: Vec<Vec<f64>> = (0..options.runs).map(round).collect();

        let _ = writeln!(text, "{instances} instances of the service: median of {} rounds", options.runs);
        for (at, (name, ..)) in measured.iter().enumerate() {
            let rate = median(rounds.iter().map(|round| round[at]).collect());
            let ratio = median(rounds.iter().map(|round| round[0] / round[at]).collect());
            let goal = match at {
                1 => "goal 0.7".to_owned(),
                2 => format!("goal {goal}"),
                _ => String::new(),
            };
            let _ = writeln!(text, "  {name:<32} {rate:>10.0}/s   portolan is {ratio:>6.2} of it   {goal}");
        }
    }
    text
}

/// Latencies at 70 % of the maximum, alone and during writes.
pub fn latency(options: &Options) -> String {
    let folder = TempDir::new();
    let server = Server::portolan(folder.path(), &[], &[]);
    for number in 0..10 {
        send(server.address, "POST", "/api/v1/services", &instance("web", number, true));
    }
    let url = format!("http://{}", server.address);
    let seconds = options.seconds;
    // The maximum of the load generator itself and the server together, on this machine.
    let most = report(bench(&url, &format!("discover --closed --duration {seconds}s")));
    let rate = most["answered_per_second"].as_f64().unwrap_or(0.0) * 0.7;
    let words = format!("discover --rate {rate:.0} --duration {seconds}s");

    let mut text = latency_header();
    let alone = report(bench(&url, &words));
    text.push_str(&latency_line(&format!("{rate:.0} requests/s"), &alone, "latency"));
    let writing = bench(&url, &format!("register --rate 1000 --duration {}s --warm-up 0", seconds + 1));
    let during = report(bench(&url, &words));
    let writes = report(writing);
    text.push_str(&latency_line("the same during 1,000 writes/s", &during, "latency"));
    text.push_str(&latency_line("those writes", &writes, "latency"));
    let goal = format!(
        "goal: p99 < 2 ms in both; send delay p99 {:.2} ms\n",
        crate::load::millis(&alone, "send_delay", "p99_us")
    );
    text + &goal
}
