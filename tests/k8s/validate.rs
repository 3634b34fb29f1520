//! Checks of endpoints: directly where this host reaches them, otherwise through the API server.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::double::{Double, Fault, Resource, Rights, StopReason, TOKEN};
use crate::kubectl::kubectl_says;
use crate::objects::{endpoint, namespace, pod, service, slice_of};
use crate::portolan::{Portolan, by_id};
use crate::support::{Ended, Lines, TempDir, hear, make_program, output, portolan_path, tool};

/// A web server on loopback that gives the same reply to every request until the test ends.
pub fn web(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}

fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A loopback port that never completes a connection: its queue is full.
pub struct Silent(Socket, Vec<TcpStream>);

impl Silent {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let mut silent = Self(socket, Vec::new());
        while let Ok(taken) = TcpStream::connect_timeout(&silent.address(), std::time::Duration::from_millis(300)) {
            silent.1.push(taken);
        }
        silent
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

/// A service whose endpoints are at these addresses; `by_hand`: without a selector and pods.
fn put(double: &Double, name: &str, by_hand: bool, at: &[SocketAddr]) {
    let mut service = service("shop", name);
    if by_hand {
        service["spec"]["selector"] = Value::Null;
    }
    let mut store = double.store();
    store.put(Resource::SERVICES, service);

    for (number, at) in at.iter().enumerate() {
        let mut endpoint = endpoint(name, &at.ip().to_string());
        let pod_name = format!("{name}-{number}");
        endpoint["targetRef"]["name"] = json!(pod_name);
        if by_hand {
            endpoint["targetRef"] = Value::Null;
        }
        let port = json!([{"name": "http", "port": at.port(), "protocol": "TCP"}]);
        store.put(Resource::SLICES, slice_of("shop", name, &number.to_string(), "IPv4", &json!([endpoint]), &port));
        let mut pod = pod("shop", &pod_name, name);
        pod["status"]["podIP"] = json!(at.ip().to_string());
        store.put(Resource::PODS, pod);
    }
}

fn cluster() -> Double {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double
}

fn codes(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn a_manual_endpoint_that_refuses_is_reported() {
    let double = cluster();
    put(&double, "manual", true, &[web("200 OK"), closed()]);
    put(&double, "chosen", false, &[closed()]);
    let (document, ran) = Portolan::new(&double).args("-n shop --validate").json();
    assert_eq!((ran.code, &document["complete"]), (Some(1), &true.into()), "some are unhealthy: {ran:?}");
    let services = by_id(&document);
    let manual = &services["k8s/shop/manual"];

    assert_eq!(codes(&manual["findings"]), ["k8s-endpoint-refused"]);
    let text = manual["findings"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("127.0.0.1:") && text.ends_with(": connection refused"), "{text}");
    assert_eq!(services["k8s/shop/chosen"]["findings"], Value::Null, "of pods the cluster's own probes tell");
    let unasked = Portolan::new(&double).args("-n shop").services();

    assert_eq!(unasked["k8s/shop/manual"]["findings"], Value::Null, "no connection was made");
}

#[test]
fn a_listing_piped_through_validate_keeps_everything_but_its_health() {
    let double = cluster();
    put(&double, "manual", true, &[web("200 OK"), closed()]);
    let (listed, _) = Portolan::new(&double).args("-n shop --validate").json();
    let directory = TempDir::new();
    let file = directory.path().join("listed.json");
    fs::write(&file, listed.to_string()).unwrap();

    let mut command = Command::new(portolan_path());
    let ran = command.args(["validate", "-", "--json"]).env_clear().stdin(fs::File::open(&file).unwrap());
    let validated: Value = serde_json::from_slice(&ran.output().unwrap().stdout).unwrap();

    let item = &listed["items"][0];
    assert_eq!(item["source"], "k8s");
    assert_eq!(codes(&item["findings"]), ["k8s-endpoint-refused"]);
    assert!(item["endpoints"][0]["instance"].is_object(), "{item}");
    let without_health = |item: &Value| {
        let mut item = item.clone();
        item.as_object_mut().unwrap().remove("health");
        for endpoint in item["endpoints"].as_array_mut().unwrap() {
            assert!(endpoint.as_object_mut().unwrap().remove("health").is_some());
        }
        item
    };
    assert_eq!(without_health(&validated["items"][0]), without_health(item));
}

#[test]
fn an_unreachable_endpoint_is_not_unhealthy() {
    let double = cluster();
    let (lone, beside) = (Silent::new(), Silent::new());
    put(&double, "far", false, &[lone.address()]);
    put(&double, "half", false, &[web("200 OK"), beside.address()]);
    let (document, ran) = Portolan::new(&double).args("-n shop --validate").json();
    let services = by_id(&document);
    let far = &services["k8s/shop/far"];
    assert_eq!((&far["health"]["state"], &far["health"]["score"]), (&json!("unknown"), &Value::Null));

    let why = "tcp: unreachable from here: the address is internal to the cluster";
    assert_eq!(far["endpoints"][0]["health"]["hindered"], json!([why]));
    let note = "1 of them cannot be reached from here; --via api-proxy sends HTTP through the API server";
    assert!(ran.stderr.contains(note), "{ran:?}");
    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()), "what could not be judged is no success");
    let half = services["k8s/shop/half"]["endpoints"].as_array().unwrap();
    let states: Vec<&str> = half.iter().map(|endpoint| endpoint["health"]["state"].as_str().unwrap()).collect();

    assert!(states.contains(&"unhealthy"), "one endpoint is reachable, so the other is down: {half:?}");
}

#[test]
fn the_api_servers_proxy_asks_pods_and_services() {
    let double = cluster();
    put(&double, "web", false, &[web("200 OK")]);
    put(&double, "sick", false, &[web("500 Oh")]);
    put(&double, "dead", false, &[closed()]);
    put(&double, "manual", true, &[web("204 No Content")]);
    let (document, ran) = Portolan::new(&double).args("-n shop --validate --via api-proxy").json();
    let services = by_id(&document);
    let of = |name: &str| {
        let health = &services[&format!("k8s/shop/{name}")]["endpoints"][0]["health"];
        assert_eq!(health["coverage"], json!(["http"]), "{health}");
        (health["score"].as_u64().unwrap() >= 80, codes(&health["findings"]))
    };
    assert!(of("web").0 && of("manual").0, "{services:#?}");

    assert_eq!(of("sick"), (false, vec!["http-5xx"]));
    assert_eq!(of("dead"), (false, vec!["http-invalid"]));
    assert_eq!(ran.code, Some(1), "some are unhealthy: {ran:?}");
    let asked: Vec<String> =
        double.seen().into_iter().map(|seen| seen.path).filter(|path| path.contains("/proxy")).collect();
    let port = services["k8s/shop/web"]["endpoints"][0]["port"].as_u64().unwrap();
    // kubectl finds the same behind the same paths.
    for place in [format!("pods/web-0:{port}"), "services/web:http".to_owned(), "services/web:80".to_owned()] {
        let path = format!("get --raw /api/v1/namespaces/shop/{place}/proxy/");
        assert_eq!(kubectl_says(&double, &path), b"ok", "{place}");
    }
    assert!(asked.contains(&format!("/api/v1/namespaces/shop/pods/web-0:{port}/proxy/")), "{asked:?}");

    assert!(asked.contains(&"/api/v1/namespaces/shop/services/manual:http/proxy/".to_owned()), "{asked:?}");
}

#[test]
fn what_does_not_pass_the_proxy_says_why() {
    let double = cluster();
    put(&double, "web", false, &[web("200 OK")]);
    let rights = ["services", "endpointslices", "pods"]
        .into_iter()
        .fold(Rights::default(), |rights, resource| rights.in_namespace(resource, "shop"));
    double.access().user("viewer", "v", rights.clone());
    let asked = || Portolan::with(&double.kubeconfig().token("v")).args("-n shop --validate --via api-proxy");
    let (document, _) = asked().json();
    let health = &document["items"][0]["endpoints"][0]["health"];
    assert_eq!((&health["state"], &health["score"]), (&json!("unknown"), &Value::Null));
    let why = health["hindered"][0].as_str().unwrap();
    let said = "http: the API server's proxy: pods/proxy \"web-0\" is forbidden: User \"viewer\" cannot get resource \
                \"pods/proxy\"";
    assert!(why.starts_with(said), "{why}");
    double.access().user("viewer", "v", rights.in_namespace("pods/proxy", "shop"));
    assert_eq!(asked().json().0["items"][0]["health"]["state"], "healthy");
    // A port of another protocol gets no HTTP request.
    let mut database = service("shop", "db");
    database["spec"]["ports"] = json!([{"name": "db", "port": 5432, "targetPort": 5432}]);
    double.store().put(Resource::SERVICES, database);
    let port = json!([{"name": "db", "port": 5432, "protocol": "TCP"}]);
    let slice = slice_of("shop", "db", "a", "IPv4", &json!([endpoint("db", "127.0.0.1")]), &port);
    double.store().put(Resource::SLICES, slice);
    let services = by_id(&asked().json().0);
    let hindered = &services["k8s/shop/db"]["endpoints"][0]["health"]["hindered"];
    assert_eq!(hindered, &json!(["http: the proxy carries only HTTP checks"]));
}

/// portolan that goes through the API server, with credentials from a shell script of these lines.
fn by_program(double: &Double, script: &str) -> Portolan {
    let portolan = Portolan::without_kubeconfig().file("credentials", format!("#!/bin/sh\n{script}\n"));
    let program = portolan.path("credentials");
    make_program(&program);
    let text = double.kubeconfig().exec(program.to_str().unwrap()).text();
    let portolan = portolan.file("config", text).file("token", TOKEN);
    portolan.args("-n shop --kubeconfig config --allow-exec --validate --via api-proxy")
}

const CREDENTIALS: &str =
    "echo '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"'$(cat token)'\"}}'; echo x >> runs";

#[test]
fn slow_credentials_do_not_count_against_the_endpoint() {
    let double = cluster();
    put(&double, "web", false, &[web("200 OK"), web("200 OK")]);
    // Its second run is for the proxy, and takes longer than a check may.
    let (child, home) = by_program(&double, &format!("[ ! -e runs ] || sleep 4; {CREDENTIALS}")).arg("--json").start();
    let out = hear(child, "portolan");
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(document["items"][0]["health"]["state"], "healthy", "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(fs::read_to_string(home.path().join("runs")).unwrap(), "x\nx\n");
}

#[test]
fn credentials_that_ran_out_are_got_again() {
    let double = cluster();
    put(&double, "web", false, &[web("200 OK")]);
    let portolan = by_program(&double, CREDENTIALS).args("--watch --json --interval 50ms");
    let (mut child, home) = portolan.start();
    let lines = Lines::of(&mut child);
    let _child = Ended(child);
    let until = |kind: &str, state: &str| {
        let read = || serde_json::from_str::<Value>(&lines.next().expect("it goes on")).unwrap();
        let is_it = |line: &Value| line["type"] == kind && line["item"]["health"]["state"] == state;
        std::iter::repeat_with(read).find(is_it).unwrap()
    };

    until("added", "healthy");
    double.access().rotate_tokens();
    let line = until("updated", "unknown");
    assert!(line.to_string().contains("the API server's proxy"), "{line}");
    fs::write(home.path().join("token"), "another").unwrap();
    double.access().user("admin", "another", Rights { all: true, ..Rights::default() });

    until("updated", "healthy");
}

/// The result of `--via api-proxy` for the only endpoint.
fn by_proxy(double: &Double) -> Value {
    let (document, _) = Portolan::new(double).args("-n shop --validate --via api-proxy").json();
    document["items"][0]["endpoints"][0]["health"].clone()
}

#[test]
fn faults_of_the_api_server_do_not_count_against_the_endpoint() {
    let says = |fault: Fault, why: &str| {
        let double = cluster();
        put(&double, "web", false, &[web("200 OK")]);
        double.faults().add("/proxy/", usize::MAX, fault);
        let health = by_proxy(&double);
        assert_eq!((&health["state"], &health["score"]), (&json!("unknown"), &Value::Null), "{health}");
        let said = health["hindered"][0].as_str().unwrap();
        assert!(said.starts_with("http: the API server's proxy: ") && said.ends_with(why), "{said}");
    };
    says(Fault::TooManyRequests, "the server is busy (429)");
    says(Fault::Status(500, "InternalError", "etcdserver: request timed out"), "etcdserver: request timed out");
    says(Fault::Status(400, "BadRequest", "address not allowed"), "address not allowed");
    let unreached = "error trying to reach service: dial tcp 10.1.1.1:80: connect: connection refused";

    let double = cluster();
    put(&double, "web", false, &[web("200 OK")]);
    double.faults().add("/proxy/", usize::MAX, Fault::Status(503, "ServiceUnavailable", unreached));
    assert_eq!(codes(&by_proxy(&double)["findings"]), ["http-invalid"], "of the endpoint it says this");
}

#[test]
fn a_silent_endpoint_differs_from_a_hanging_api_server() {
    // The peer is silent, or closes early: the API server replies for it.
    for (fault, code) in [(Fault::Stall, "http-timeout"), (Fault::CutAfter(10, StopReason::Fin), "http-invalid")] {
        let double = cluster();
        put(&double, "web", false, &[web("200 OK")]);
        double.faults().add("/proxy/", usize::MAX, fault.clone());
        let health = by_proxy(&double);
        assert_eq!((&health["state"], codes(&health["findings"])), (&json!("unhealthy"), vec![code]), "{fault:?}");
        // The API server goes silent too, after the connection is made.
        double.faults().add("/version", 1, Fault::Nothing);
        double.faults().add("/version", usize::MAX, Fault::Stall);
        let health = by_proxy(&double);
        let why = json!(["http: the API server's proxy: no reply in time"]);
        assert_eq!((&health["state"], &health["hindered"]), (&json!("unknown"), &why), "{fault:?}");
    }
}

#[test]
fn the_deadline_is_that_of_checks_too() {
    let double = cluster();
    let silent = Silent::new();
    put(&double, "far", false, &[silent.address()]);
    let (document, ran) = Portolan::new(&double).args("-n shop --validate --deadline 1s").json();
    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()), "{ran:?}");
    let hindered = &document["items"][0]["endpoints"][0]["health"]["hindered"];
    assert_eq!(hindered, &json!(["tcp: the run's deadline passed", "http: the run's deadline passed"]));
    // A route that is never established takes no longer either.
    double.faults().add("/version", usize::MAX, Fault::Stall);
    let (document, ran) = Portolan::new(&double).args("-n shop --validate --via api-proxy --deadline 1s").json();
    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()), "{ran:?}");
}

#[test]
fn the_way_is_only_good_for_checks() {
    let double = cluster();
    let error = "use --via: it applies only to checks";
    Portolan::new(&double).args("--via api-proxy").fails(2, error, "add --validate, or leave it out");
    assert!(double.seen().is_empty());
}

/// A port with this name and appProtocol, at a server that fails in HTTP and accepts connections.
fn put_port(double: &Double, service_name: &str, port_name: &str, app_protocol: Option<&str>) {
    let failing = web("500 Oh");
    let says =
        output(tool("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &format!("http://{failing}/")]));
    assert_eq!(says.stdout, b"500");

    let mut declared = service("shop", service_name);
    declared["spec"]["ports"] = json!([{"name": port_name, "port": 80, "targetPort": failing.port(), "protocol": "TCP", "appProtocol": app_protocol}]);
    let port = json!([{"name": port_name, "port": failing.port(), "protocol": "TCP"}]);
    let endpoints = json!([endpoint(service_name, "127.0.0.1")]);
    let mut store = double.store();
    store.put(Resource::SERVICES, declared);
    store.put(Resource::SLICES, slice_of("shop", service_name, "a", "IPv4", &endpoints, &port));
}

/// FAULTS W6: a server that replies 500 on an odd port, whose port is declared as HTTP.
#[test]
fn the_declared_protocol_decides_the_check() {
    let double = cluster();
    put_port(&double, "by-name", "http", None);
    put_port(&double, "by-prefix", "http-metrics", None);
    put_port(&double, "by-protocol", "web", Some("http"));
    put_port(&double, "websocket", "live", Some("kubernetes.io/ws"));
    put_port(&double, "contradiction", "http", Some("tcp"));
    put_port(&double, "undeclared", "web", None);

    let (document, ran) = Portolan::new(&double).args("-n shop --validate").json();
    assert_eq!((ran.code, &document["complete"]), (Some(1), &true.into()), "some are unhealthy: {ran:?}");
    let services = by_id(&document);
    let of = |name: &str| {
        let health = &services[&format!("k8s/shop/{name}")]["endpoints"][0]["health"];
        (health["coverage"].to_string(), codes(&health["findings"]).contains(&"http-5xx"))
    };
    for name in ["by-name", "by-prefix", "by-protocol", "websocket"] {
        assert_eq!(of(name), (r#"["tcp","http"]"#.to_owned(), true), "{name}");
    }
    for name in ["contradiction", "undeclared"] {
        assert_eq!(of(name), (r#"["tcp"]"#.to_owned(), false), "{name}");
    }
    let listed = Portolan::new(&double).args("-n shop").services();
    assert_eq!(listed["k8s/shop/by-protocol"]["endpoints"][0]["instance"]["protocol"], "http");
}

/// FAULTS K5: a service that its cluster sends no request to is not healthy, whatever its endpoints reply.
#[test]
fn a_service_that_no_client_can_use_scores_0() {
    let double = cluster();
    put(&double, "used", false, &[web("200 OK")]);
    put(&double, "asleep", false, &[web("200 OK")]);
    put(&double, "draining", false, &[web("200 OK")]);
    let change = |name: &str, conditions: Value| {
        let mut store = double.store();
        let mut slice = store.get(Resource::SLICES, "shop", &format!("{name}-0")).unwrap().value.clone();
        slice["endpoints"][0]["conditions"] = conditions;
        store.put(Resource::SLICES, slice);
    };
    change("asleep", json!({"ready": false, "serving": false, "terminating": false}));
    // Without a ready endpoint, kube-proxy sends requests to those that still serve.
    change("draining", json!({"ready": false, "serving": true, "terminating": true}));
    double.store().put(Resource::SERVICES, service("shop", "empty"));

    let (document, ran) = Portolan::new(&double).args("-n shop --validate").json();
    let services = by_id(&document);
    let of = |name: &str| {
        let service = &services[&format!("k8s/shop/{name}")];
        (service["health"]["score"].as_u64(), codes(&service["findings"]))
    };
    assert!(of("used").0 >= Some(80) && of("draining").0 >= Some(80), "{document}");
    assert_eq!(of("asleep"), (Some(0), vec!["k8s-none-ready"]));
    assert_eq!(of("empty"), (Some(0), vec!["k8s-no-pod"]));
    assert!(ran.stderr.contains("    0  asleep  cap 0 k8s-none-ready  none of 1 endpoints is ready\n"), "{ran:?}");

    let junit = Portolan::new(&double).args("-n shop --validate -o junit").run().stdout;
    let case = r#"<testcase classname="k8s.shop.asleep" name="service">"#;
    assert!(junit.contains(case) && junit.contains(r#"<failure type="k8s-none-ready""#), "{junit}");
    assert!(junit.contains(r#"classname="k8s.shop.used""#), "{junit}");
}

/// W10: from outside the cluster, `wait` reaches what the API server reaches.
#[test]
fn wait_goes_through_the_api_server() {
    let double = cluster();
    put(&double, "web", false, &[web("200 OK")]);
    put(&double, "sick", false, &[web("500 Oh")]);
    let home = TempDir::new();
    fs::create_dir(home.path().join(".kube")).unwrap();
    fs::write(home.path().join(".kube/config"), double.kubeconfig().namespace("shop").text()).unwrap();
    let wait = |args: &[&str]| {
        let mut command = Command::new(portolan_path());
        output(command.env_clear().env("HOME", home.path()).arg("wait").args(args))
    };

    let ran = wait(&["k8s/shop/web", "--via", "api-proxy"]);
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(double.seen().iter().any(|seen| seen.path.contains("/pods/web-0:")), "the request goes through the proxy");
    let ran = wait(&["k8s/shop/sick", "--via", "api-proxy", "--timeout", "0.5"]);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let error = "error: k8s/shop/sick did not become healthy within 500 ms: scored 0 (GET ";
    assert!(ran.status.code() == Some(1) && stderr.contains(error), "{stderr}");
    let ran = wait(&["127.0.0.1:1", "--via", "api-proxy"]);
    assert_eq!(ran.status.code(), Some(2));
}
