//! Requests that the differential test sends: random ones, the same for both servers.

use serde_json::{Value, json};

/// Pseudo-random numbers from a seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(sides).unwrap()).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.roll(items.len())].clone()
    }
}

/// A request.
#[derive(Debug)]
pub struct Sent {
    pub method: &'static str,
    pub path: String,
    pub body: Value,
}

const NAMES: [&str; 3] = ["web", "db", "api v2"];
/// An id belongs to one name: the first letter.
const IDS: [&str; 6] = ["w1", "w/2", "d1", "d 2", "a1", "a/3"];
const CHECKS: [&str; 8] = ["service:w1", "service:d1", "k1", "k2", "nc", "zz", "service:w/2", "service:w1:1"];

const QUERIES: [&str; 22] = [
    "stale",
    "consistent",
    "pretty",
    "passing",
    "passing=x",
    "passing=false",
    "tag=blue",
    "tag=green",
    "dc=dc1",
    "dc=zz",
    "near=_agent",
    "node-meta=consul-network-segment:",
    "node-meta=rack:a",
    "index=0",
    "index=x",
    "index=-1",
    "wait=1",
    "wait=3s",
    "ns=x",
    "max_stale=5",
    "max_stale=5s",
    "unknown=1",
];

fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20").replace('/', "%2F")
}

pub fn request(dice: &mut Dice) -> Sent {
    let put = |path: String, body: Value| Sent { method: "PUT", path, body };
    match dice.roll(100) {
        0..22 => {
            let query = dice.pick(&["", "", "?replace-existing-checks=true"]);
            put(format!("/v1/agent/service/register{query}"), service(dice))
        }
        22..27 => {
            let id = dice.pick(&["w1", "d1", "w/2", "web", "zz"]);
            put(format!("/v1/agent/service/deregister/{}", encoded(id)), Value::Null)
        }
        27..34 => put("/v1/agent/check/register".to_owned(), agent_check(dice)),
        34..46 => {
            let (report, id) = (dice.pick(&["pass", "warn", "fail"]), encoded(dice.pick(&CHECKS)));
            let note = dice.pick(&["", "?note=hello%20you"]);
            put(format!("/v1/agent/check/{report}/{id}{note}"), Value::Null)
        }
        46..49 => {
            let body = dice.pick(&[
                json!({ "Status": "passing", "Output": "o" }),
                json!({ "status": "critical" }),
                json!({ "Status": "x" }),
                json!({ "Bad": 1 }),
                Value::Null,
            ]);
            put(format!("/v1/agent/check/update/{}", encoded(dice.pick(&CHECKS))), body)
        }
        49..51 => put(format!("/v1/agent/check/deregister/{}", encoded(dice.pick(&CHECKS))), Value::Null),
        51..55 => {
            let query = dice.pick(&["?enable=true", "?enable=true&reason=r", "?enable=false", "", "?enable=x"]);
            let id = encoded(dice.pick(&["w1", "d1", "zz"]));
            put(format!("/v1/agent/service/maintenance/{id}{query}"), Value::Null)
        }
        55..57 => {
            let query = dice.pick(&["?enable=true&reason=z", "?enable=false", "?enable=false", ""]);
            put(format!("/v1/agent/maintenance{query}"), Value::Null)
        }
        57..63 => put("/v1/catalog/register".to_owned(), catalog_registration(dice)),
        63..66 => {
            let mut body = json!({ "Node": dice.pick(&["f1", "f2", "zz"]) });
            match dice.roll(10) {
                0..4 => body["ServiceID"] = json!(dice.pick(&NAMES)),
                4..6 => body["CheckID"] = json!("e1"),
                _ => {}
            }
            put("/v1/catalog/deregister".to_owned(), body)
        }
        _ => read(dice),
    }
}

fn read(dice: &mut Dice) -> Sent {
    let name = encoded(dice.pick(&["web", "db", "api v2", "zz"]));
    let node = dice.pick(&["n1", "f1", "f2", "zz"]);
    let id = encoded(dice.pick(&IDS));
    let state = dice.pick(&["any", "passing", "critical", "warning", "odd", ""]);
    let path = dice.pick(&[
        "/v1/agent/services".to_owned(),
        "/v1/agent/checks".to_owned(),
        format!("/v1/agent/service/{id}"),
        format!("/v1/agent/health/service/id/{id}"),
        format!("/v1/agent/health/service/id/{id}?format=text"),
        format!("/v1/agent/health/service/name/{name}"),
        "/v1/catalog/nodes".to_owned(),
        "/v1/catalog/services".to_owned(),
        format!("/v1/catalog/service/{name}"),
        "/v1/catalog/service/".to_owned(),
        format!("/v1/catalog/node/{node}"),
        format!("/v1/catalog/node-services/{node}"),
        "/v1/catalog/datacenters".to_owned(),
        format!("/v1/health/node/{node}"),
        format!("/v1/health/checks/{name}"),
        format!("/v1/health/service/{name}"),
        format!("/v1/health/service/{name}"),
        "/v1/health/service/".to_owned(),
        format!("/v1/health/state/{state}"),
        "/v1/status/leader".to_owned(),
        "/v1/status/peers".to_owned(),
        "/v1/nope".to_owned(),
        "/v1/catalog/service".to_owned(),
    ]);
    let method = if path.starts_with("/v1/catalog/") && dice.chance(7) {
        dice.pick(&["POST", "OPTIONS", "PUT", "DELETE", "HEAD"])
    } else {
        "GET"
    };

    let mut queries: Vec<String> = QUERIES.iter().filter(|_| dice.chance(4)).map(|query| (*query).to_owned()).collect();
    queries.extend(filter(dice, &path));
    let mark = if path.contains('?') { "&" } else { "?" };
    let query = if queries.is_empty() { String::new() } else { format!("{mark}{}", queries.join("&")) };
    Sent { method, path: format!("{path}{query}"), body: Value::Null }
}

/// A filter that fits the path, or one that does not.
fn filter(dice: &mut Dice, path: &str) -> Option<String> {
    if !dice.chance(25) {
        return None;
    }
    let fitting: &[&str] = match path.split('/').skip(2).take(2).collect::<Vec<_>>()[..] {
        ["agent", "services"] => &["Service == web", "Port != 3", "\"blue\" in Tags", "Meta is empty", "Nope == 1"],
        ["catalog", "nodes"] => {
            &["Node matches \"^n\"", "Meta.rack == a", "Address == \"10.1.1.1\"", "TaggedAddresses is empty"]
        }
        ["catalog", "service"] => {
            &["ServiceTags contains blue", "ServicePort == 7 or ServiceName == db", "not ServiceID == w1"]
        }
        ["catalog", "node"] => &["Service == db", "EnableTagOverride == true"],
        ["health", "service"] => &[
            "Service.Tags is not empty",
            "Checks.Status == passing",
            "Node.Meta.rack != a and Service.Port == 1",
            "(Service.ID == w1 or Service.ID == d1) and blue not in Service.Tags",
            "Service.Meta.version == \"1.0\"",
            "bad",
            "Service.Port == x",
        ],
        ["health", _] => &[
            "Status == critical",
            "ServiceName == web and Name != c",
            "Notes is empty",
            "CheckID matches \"^service\"",
        ],
        _ => return None,
    };
    let text = dice.pick(fitting).replace('"', "%22").replace('=', "%3D").replace(' ', "+").replace('^', "%5E");
    Some(format!("filter={text}"))
}

fn service(dice: &mut Dice) -> Value {
    let name = dice.pick(&NAMES);
    let mut body = json!({ "Name": name });
    if dice.chance(80) {
        let own: Vec<&str> = IDS.into_iter().filter(|id| id[..1] == name[..1]).collect();
        body["ID"] = json!(dice.pick(&own));
    }
    if dice.chance(70) {
        body["Port"] = json!(dice.roll(9) + 1);
    }
    if dice.chance(50) {
        body["Tags"] = dice.pick(&[json!(["blue"]), json!(["blue", "green"]), json!([]), json!(["v1"])]);
    }
    if dice.chance(40) {
        body["Address"] = json!(dice.pick(&["127.0.0.1", "127.0.0.1", "::1", "host.example", "0.0.0.0"]));
    }
    if dice.chance(30) {
        body["Meta"] = dice.pick(&[
            json!({ "version": "1.0" }),
            json!({ "a": "b" }),
            json!({ "bad key": "x" }),
            json!({ "consul-x": "y" }),
        ]);
    }
    if dice.chance(30) {
        body["Weights"] = dice.pick(&[
            json!({ "Passing": 3, "Warning": 2 }),
            json!({ "Passing": 0 }),
            json!({ "Passing": 1, "Warning": 0 }),
        ]);
    }
    if dice.chance(40) {
        body["Check"] = check(dice);
    }
    if dice.chance(25) {
        body["Checks"] = json!([check(dice), check(dice)]);
    }
    if dice.chance(10) {
        body["EnableTagOverride"] = json!(true);
    }
    if dice.chance(4) {
        body["Nope"] = json!(1);
    }
    if !dice.chance(10) {
        return body;
    }
    let fields = body.as_object().unwrap().clone();
    fields.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect::<serde_json::Map<_, _>>().into()
}

fn check(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({ "TTL": "1h" }),
        json!({ "TTL": "1h", "Status": "passing" }),
        json!({ "TTL": "1h", "Status": "warning", "Notes": "n" }),
        json!({ "CheckID": "k1", "Name": "c", "TTL": "30m" }),
        json!({ "CheckID": "k2", "Name": "c", "TTL": "30m" }),
        json!({ "TTL": "1h", "DeregisterCriticalServiceAfter": "1h" }),
        json!({ "TTL": "1h", "deregister_critical_service_after": "90m" }),
        json!({ "TTL": 3_600_000_000_000_i64 }),
        json!({ "ttl": "x" }),
        json!({ "TTL": "5m", "Interval": "1s" }),
        json!({ "Foo": 1 }),
        json!({ "TCP": "127.0.0.1:9" }),
        json!({ "TTL": "1h", "Status": "odd" }),
    ])
}

fn agent_check(dice: &mut Dice) -> Value {
    let mut body = check(dice);
    body.as_object_mut().unwrap().remove("CheckID");
    body["Name"] = json!(dice.pick(&["nc", "mc"]));
    if dice.chance(50) {
        body["ID"] = json!(dice.pick(&["k1", "k2"]));
    }
    if dice.chance(60) {
        body["ServiceID"] = json!(dice.pick(&["w1", "d1", "zz"]));
    }
    body
}

fn catalog_registration(dice: &mut Dice) -> Value {
    let mut body = json!({ "Node": dice.pick(&["f1", "f2"]), "Address": "10.1.1.1" });
    if dice.chance(20) {
        body["NodeMeta"] = json!({ "rack": "a" });
    }
    let name = dice.pick(&NAMES);
    let has_service = dice.chance(70);
    if has_service {
        body["Service"] = json!({ "Service": name, "Port": 7 });
        if dice.chance(30) {
            body["Service"]["Tags"] = json!(["blue"]);
        }
    }
    if dice.chance(50) {
        body["Check"] =
            json!({ "Name": "ext", "CheckID": "e1", "Status": dice.pick(&["passing", "warning", "critical", ""]) });
        if has_service && dice.chance(80) {
            body["Check"]["ServiceID"] = json!(name);
        } else if dice.chance(30) {
            body["Check"]["ServiceID"] = json!("zz");
        }
    }
    match dice.roll(20) {
        0 | 1 => drop(body.as_object_mut().unwrap().remove("Address")),
        2 => body["SkipNodeUpdate"] = json!(true),
        3 => body["Datacenter"] = json!("zz"),
        4 => body["Service"] = json!({ "ID": "x" }),
        _ => {}
    }
    body
}
