//! The servers: each of them at a free port of 127.0.0.1, ended with its owner.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::json_http::send;
use crate::support::{HANG, TempDir, output, portolan_path, tool};

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _dir: Option<TempDir>,
}

/// What is known of a process from `/proc`.
pub struct Usage {
    pub cpu: Duration,
    pub resident_mb: f64,
}

impl Server {
    /// A registry of portolan's own, with its data in a file of this folder.
    pub fn portolan(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(portolan_path());
        command.args(["serve", "--port", "0", "--data"]).arg(folder.join("registry.db")).args(options);
        command.env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("portolan starts");

        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listens = lines.find(|line| line.contains("listens on http://")).expect("it listens");
        // What it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let address = listens.rsplit_once("http://").and_then(|(_, address)| address.parse().ok());
        Self { address: address.expect("an address"), child, _dir: None }
    }

    /// Consul's agent as a server of its own.
    pub fn consul() -> Self {
        let dir = TempDir::new();
        let ports: Vec<u16> = (0..5).map(|_| free_port()).collect();
        let config = json!({
            "node_name": "n1", "data_dir": dir.path().join("data"), "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
            "server": true, "bootstrap_expect": 1, "disable_update_check": true, "log_level": "err",
            "limits": { "http_max_conns_per_client": 2_000 }, "performance": { "raft_multiplier": 1 },
            "ports": { "http": ports[0], "dns": -1, "grpc": -1, "https": -1, "serf_lan": ports[1], "serf_wan": -1, "server": ports[2] },
        });
        let file = dir.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("the configuration is written");
        let mut command = Command::new(consul_path());
        command.args(["agent", "-config-file"]).arg(file);
        let server = Self::start(command, SocketAddr::from(([127, 0, 0, 1], ports[0])), Some(dir));
        send(server.address, "GET", "/v1/catalog/nodes", &Value::Null);
        server
    }

    /// A server of etcd.
    pub fn etcd() -> Self {
        let dir = TempDir::new();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (client, peer) = (format!("http://{address}"), format!("http://127.0.0.1:{}", free_port()));
        let mut command = tool("etcd");
        command.arg("--data-dir").arg(dir.path().join("data")).args(["--log-level", "error"]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]);
        let server = Self::start(command, address, Some(dir));
        send(server.address, "POST", "/v3/kv/range", &json!({ "key": "AA==" }));
        server
    }

    /// r-nacos, where it is installed. It expects no heartbeats for an hour.
    pub fn rnacos() -> Option<Self> {
        let dir = TempDir::new();
        // The console's port is not needed, and must be free all the same.
        let [http, grpc, console] = [(); 3].map(|()| free_port());
        let mut command = Command::new(installed("rnacos")?);
        command.current_dir(dir.path()).env("RNACOS_DATA_DIR", dir.path().join("data"));
        command.env("RNACOS_HTTP_PORT", http.to_string()).env("RNACOS_GRPC_PORT", grpc.to_string());
        command.env("RNACOS_HTTP_CONSOLE_PORT", console.to_string()).env("RUST_LOG", "error");
        command.env("RNACOS_RAFT_NODE_ADDR", format!("127.0.0.1:{grpc}"));
        for time in ["HEALTH", "INSTANCE"] {
            command.env(format!("RNACOS_NAMING_{time}_TIMEOUT_SECOND"), "3600");
        }
        Some(Self::start(command, SocketAddr::from(([127, 0, 0, 1], http)), Some(dir)))
    }

    /// A server that only sends these bytes.
    pub fn bare(body: &[u8]) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("body");
        std::fs::write(&file, body).expect("the body is written");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--bare").arg(file).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts");
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next();
        Self { address: line.unwrap().unwrap().parse().unwrap(), child, _dir: Some(dir) }
    }

    fn start(mut command: Command, address: SocketAddr, dir: Option<TempDir>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < HANG, "it does not listen at {address}");
            thread::sleep(Duration::from_millis(20));
        }
        Self { address, child, _dir: dir }
    }

    /// What its process used until now.
    pub fn usage(&self) -> Usage {
        let file = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap();
        let stat = file("stat");
        let after_name = stat.rsplit_once(')').unwrap().1.split_whitespace().collect::<Vec<_>>();
        // Fields 14 and 15 of proc(5), in ticks of 10 ms.
        let ticks: u64 = after_name[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        let status = file("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
        Usage { cpu: Duration::from_millis(ticks * 10), resident_mb: kilobytes / 1e3 }
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn consul_path() -> PathBuf {
    // `cargo bench` builds into the same folder as `cargo test`, whose tools are beside its profiles.
    let exe = std::env::current_exe().unwrap();
    let tools = exe.ancestors().nth(3).expect("the target folder").join("tools");
    let path = tools.join("consul");
    assert!(path.is_file(), "consul is not installed: tests/support/get_consul {}", tools.display());
    path
}

/// A program that is compared with where it is installed.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let file = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    if file.is_none() {
        println!("{name} is not installed, and not compared with");
    }
    file
}

pub fn consul_version() -> String {
    let out = output(Command::new(consul_path()).arg("version"));
    format!("consul    {}\n", String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or("unknown"))
}

/// Registers instances of services of a thousand each: `bench-0`, `bench-1` and so on.
pub fn fill(server: &Server, from: usize, count: usize) {
    for first in (from..from + count).step_by(500) {
        let operations: Vec<Value> = (first..(first + 500).min(from + count))
            .map(|number| json!({ "register": instance(&format!("bench-{}", number / 1_000), number, true) }))
            .collect();
        let reply = send(server.address, "POST", "/api/v1/bulk", &json!({ "operations": operations }));
        assert!(!reply.contains("\"error\""), "{reply}");
    }
}

/// A registration like those of the requirements, for an hour.
pub fn instance(service: &str, number: usize, has_check: bool) -> Value {
    let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let mut body = json!({
        "id": format!("00000000-0000-4000-8000-{number:012}"), "name": service, "version": "1.2.0", "address": address,
        "port": 8080, "tags": ["api", "blue"], "metadata": { "region": "eu" }, "ttl": 3600,
    });
    if has_check {
        body["health_checks"] = json!([{ "check_type": "ttl" }]);
    }
    body
}
