//! The clients of PyPI and npm, unchanged: register, renew, discover by lists and by changes, register again, leave.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::json;

use super::EurekaServer;
use crate::consul::clients_folder;
use crate::serve::wait_until;
use crate::support::{Ended, Lines, tool};

/// A running client, which answers commands.
pub struct Program {
    _child: Ended,
    input: ChildStdin,
    lines: Lines,
}

impl Program {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child: Child = command.spawn().unwrap();
        let (input, lines) = (child.stdin.take().unwrap(), Lines::of(&mut child));
        let program = Self { _child: Ended(child), input, lines };
        assert_eq!(program.answer(), "started");
        program
    }

    /// The next line that is meant for the test: clients print others.
    fn answer(&self) -> String {
        loop {
            let line = self.lines.next().expect("the client runs");
            if let Some(answer) = line.strip_prefix("=> ") {
                return answer.to_owned();
            }
        }
    }

    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").unwrap();
        self.answer()
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/eureka").join(name)
}

fn shop(server: &EurekaServer) -> Vec<serde_json::Value> {
    server.rest.discover("service_name=shop")
}

/// What a client does from its start to its end.
fn lives(server: &EurekaServer, mut client: Program) {
    let own = shop(server);
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!((&own[0]["address"], &own[0]["port"]), (&json!("10.0.0.7"), &json!(8080)));
    assert_eq!((&own[0]["health"], &own[0]["metadata"]["region"]), (&json!("healthy"), &json!("eu")));

    assert_eq!(client.ask("see billing 1"), "10.0.0.9:1");
    server.billing("b2", 2);
    server.billing("b3", 3);
    assert_eq!(client.ask("see billing 3"), "10.0.0.9:1 10.0.0.9:2 10.0.0.9:3");
    server.rest.send("DELETE", "/api/v1/services/b2", None);
    assert_eq!(client.ask("see billing 2"), "10.0.0.9:1 10.0.0.9:3");

    // A heartbeat of an instance that the server has lost: the client registers again.
    let path = format!("/api/v1/services/{}", own[0]["id"].as_str().unwrap());
    assert!(server.rest.send("DELETE", &path, None).status < 300);
    wait_until(|| shop(server).len() == 1);

    // Once it has seen this, its next heartbeat is a second away: it cannot stop during one.
    server.billing("b4", 4);
    assert_eq!(client.ask("see billing 3"), "10.0.0.9:1 10.0.0.9:3 10.0.0.9:4");
    assert_eq!(client.ask("stop"), "stopped");
    wait_until(|| shop(server).is_empty());
}

/// The client of PyPI, for a server at an address.
pub fn python_client(address: SocketAddr) -> Program {
    let mut command = tool("python3");
    command.arg(script("client.py")).arg(format!("http://{address}/eureka/"));
    command.env("PYTHONPATH", clients_folder().join("py_eureka_client"));
    Program::start(command)
}

#[test]
fn py_eureka_client_works_unchanged() {
    let server = EurekaServer::start();
    server.billing("b1", 1);
    lives(&server, python_client(server.address));
}

#[test]
fn eureka_js_client_works_unchanged() {
    for mode in ["all", "delta"] {
        let server = EurekaServer::start();
        server.billing("b1", 1);
        let mut command = tool("node");
        command.arg(script("client.js")).args([&server.address.port().to_string(), mode]);
        command.env("NODE_PATH", clients_folder().join("node_modules"));
        lives(&server, Program::start(command));
    }
}
