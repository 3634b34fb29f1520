//! The page docs/migration.md: its commands, run in their order against real programs.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::eureka::{EurekaServer, address_of, python_client};
use crate::serve::{Server, wait_until};
use crate::sources::json_http::send;
use crate::sources::programs::{Program, consul, consul_path};
use crate::support::{Ended, output, portolan_path};

/// Consul's API of the new server on the page.
const NEW_CONSUL: &str = "127.0.0.1:8501";
/// The address of the instance on the page, and those of this test: `drift` connects to them.
const INSTANCE: &str = "10.0.0.1";
const ONE: &str = "127.0.0.91";
const TWO: &str = "127.0.0.92";

/// The commands of a section of the page, in their order.
fn commands(section: &str) -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/migration.md")).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let lines = rest.split("\n## ").next().unwrap().lines();
    lines.filter_map(|line| line.trim_start().strip_prefix("$ ")).map(ToOwned::to_owned).collect()
}

/// The next command, which must begin so.
#[track_caller]
fn next(commands: &mut impl Iterator<Item = String>, start: &str) -> String {
    let command = commands.next().unwrap_or_else(|| panic!("the page ends before {start}"));
    assert!(command.starts_with(start), "{command}, not {start}");
    command
}

/// A server by a command of the page, which needs free ports here.
fn serve(command: &str) -> Server {
    let mut shell = Command::new("/bin/sh");
    let program = portolan_path();
    let command = command.replacen("portolan", &program.display().to_string(), 1);
    shell.arg("-c").arg(format!("exec {command} --data :memory: --port 0")).env_clear();
    shell.env("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false");
    Server::from_command(shell).unwrap_or_else(|said| panic!("{command}: {said}"))
}

/// The registries of the page for Consul: the old one and the new one.
struct Registries {
    old: Program,
    new: Server,
    /// Where the new one has Consul's API.
    api: SocketAddr,
}

impl Registries {
    /// A command of the page, with the addresses of this test.
    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        let (portolan, consul) = (portolan_path(), consul_path());
        let path = [&portolan, &consul].map(|program| program.parent().unwrap().display().to_string()).join(":");
        shell
            .arg("-c")
            .arg(command.replace(NEW_CONSUL, &self.api.to_string()).replace(INSTANCE, ONE))
            .env_clear()
            .env("PATH", path);
        shell
            .env("CONSUL_HTTP_ADDR", self.old.address.to_string())
            .env("PORTOLAN_REGISTRY", self.new.address.to_string());
        shell.env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::null());
        shell
    }

    /// What a command prints that must succeed.
    #[track_caller]
    fn run(&self, command: &str) -> String {
        let Output { status, stdout, stderr } = output(&mut self.shell(command));
        let said = String::from_utf8(stdout).unwrap();
        assert!(status.success(), "{command}: {said} {}", String::from_utf8_lossy(&stderr));
        said
    }

    fn start(&self, command: &str) -> Ended {
        let child: Child =
            self.shell(&format!("exec {command}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Ended(child)
    }

    /// The addresses of `web` in the new registry, and whether each is a copy.
    fn web(&self) -> Vec<(String, bool)> {
        let instances = self.new.discover("service_name=web&include_unhealthy=true");
        let mut web: Vec<(String, bool)> = instances
            .iter()
            .map(|one| (one["address"].as_str().unwrap().to_owned(), one["metadata"]["synced_from"].is_string()))
            .collect();
        web.sort();
        web
    }
}

/// An agent brings what it registers into the catalog a moment later.
fn wait_for_catalog(address: SocketAddr, instances: usize) {
    wait_until(|| {
        let listed = send(address, "GET", "/v1/catalog/service/web", None, &Value::Null);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed.as_array().is_some_and(|listed| listed.len() == instances)
    });
}

#[test]
fn the_steps_from_consul_lead_to_the_new_server() {
    let mut steps = commands("From Consul").into_iter();
    let old = consul();
    for (id, address) in [("web-1", ONE), ("web-2", TWO)] {
        let body = json!({ "ID": id, "Name": "web", "Address": address, "Port": 80 });
        send(old.address, "PUT", "/v1/agent/service/register", None, &body);
    }
    wait_for_catalog(old.address, 2);
    let new = serve(&next(&mut steps, "portolan serve").replace(NEW_CONSUL, "127.0.0.1:0"));
    wait_until(|| new.log().contains("Consul's API on "));
    let log = new.log();
    let (_, api) = log.split_once("Consul's API on http://").expect("it has Consul's API");
    let api = api.split_whitespace().next().unwrap().parse().unwrap();
    let registries = Registries { old, new, api };

    let planned = registries.run(&next(&mut steps, "portolan sync"));
    assert!(planned.contains("2 to add") && registries.web().is_empty(), "{planned}");
    let sync = registries.start(&next(&mut steps, "portolan sync"));
    let copies = [(ONE.to_owned(), true), (TWO.to_owned(), true)];
    wait_until(|| registries.web() == copies);

    assert!(registries.run(&next(&mut steps, "CONSUL_HTTP_ADDR=")).lines().any(|line| line == "web"));
    registries.run(&next(&mut steps, "portolan drift"));

    registries.run(&next(&mut steps, "CONSUL_HTTP_ADDR="));
    let twice = [(ONE.to_owned(), false), (ONE.to_owned(), true), (TWO.to_owned(), true)];
    wait_until(|| registries.web() == twice);
    let deregister = next(&mut steps, "consul services deregister");
    registries.run(&deregister);
    wait_for_catalog(registries.old.address, 1);
    let confirm = next(&mut steps, "portolan sync");
    registries.run(&confirm);
    let moved = [(ONE.to_owned(), false), (TWO.to_owned(), true)];
    wait_until(|| registries.web() == moved);

    // The same for the other program: then nothing is left in the old Consul, and no copy in the new server.
    let body = json!({ "ID": "web-2", "Name": "web", "Address": TWO, "Port": 80 });
    send(registries.api, "PUT", "/v1/agent/service/register", None, &body);
    registries.run(&deregister.replace("web-1", "web-2"));
    wait_for_catalog(registries.old.address, 0);
    registries.run(&confirm);
    let all = [(ONE.to_owned(), false), (TWO.to_owned(), false)];
    wait_until(|| registries.web() == all);
    assert_eq!(registries.run(&next(&mut steps, "consul catalog")).trim(), "consul");
    drop(sync);
    assert_eq!((registries.web().as_slice(), steps.next()), (all.as_slice(), None));
}

/// A name that leads to one server, and later to another.
struct MovingName {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
}

impl MovingName {
    fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = Self { address: listener.local_addr().unwrap(), server: Arc::new(Mutex::new(server)) };
        let server = Arc::clone(&name.server);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = *server.lock().unwrap();
                thread::spawn(move || pass(&client, server));
            }
        });
        name
    }
}

/// Passes bytes on in both directions.
fn pass(mut client: &TcpStream, server: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(std::net::Shutdown::Both)
    });
    io::copy(&mut client, &mut &server)?;
    server.shutdown(std::net::Shutdown::Write)
}

/// A real client of Eureka, which is not restarted. The old server is one that speaks as Eureka does.
#[test]
fn the_steps_from_eureka_lead_to_the_new_server() {
    let mut steps = commands("From Eureka").into_iter();
    let old = EurekaServer::start();
    let name = MovingName::of(old.address);
    let mut client = python_client(name.address);
    assert_eq!(old.rest.discover("service_name=shop").len(), 1);

    let new = serve(&next(&mut steps, "portolan serve --eureka").replace("--eureka", "--eureka 127.0.0.1:0"));
    *name.server.lock().unwrap() = address_of(&new);
    old.rest.kill();
    wait_until(|| new.discover("service_name=shop").len() == 1);

    let mut list = Command::new(portolan_path());
    list.args(next(&mut steps, "portolan services").split(' ').skip(1)).env_clear();
    let listed = output(list.env("PORTOLAN_REGISTRY", new.address.to_string()).env("PORTOLAN_CONFIG", "/dev/null"));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("shop"), "{listed}");
    // The client reads the lists of the new server too.
    new.register(&json!({ "id": "b1", "name": "billing", "address": "10.0.0.9", "port": 1, "ttl": 0 }).to_string());
    assert_eq!(client.ask("see billing 1"), "10.0.0.9:1");
    assert_eq!(steps.next(), None);
}
