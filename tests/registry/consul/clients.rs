//! Clients of Consul from PyPI and npm, unchanged: the same program against the real Consul and against ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::client::ConsulServer;
use crate::sources::json_http::send;
use crate::sources::programs::consul;
use crate::support::{output, tool};

/// Where `tests/support/get_clients` puts them.
pub fn clients_folder() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("tools");
    let folder = tools.join("clients");
    assert!(folder.is_dir(), "the clients are not installed: tests/support/get_clients {}", tools.display());
    folder
}

/// The lines that a program prints which uses a client against this server.
fn lines(mut program: Command, script: &str, address: SocketAddr) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/consul").join(script);
    program.arg(script).args([address.ip().to_string(), address.port().to_string()]);
    let output = output(&mut program);
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{said}");
    text.lines().map(str::to_owned).collect()
}

/// Runs the same program against both, and compares what it printed.
fn compare(program: impl Fn() -> Command, script: &str, steps: usize) {
    let (real, own) = (consul(), ConsulServer::start());
    send(real.address, "PUT", "/v1/agent/service/register", None, &serde_json::json!({ "Name": "ready" }));
    while send(real.address, "GET", "/v1/health/service/ready", None, &Value::Null) == "[]\n" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    send(real.address, "PUT", "/v1/agent/service/deregister/ready", None, &Value::Null);

    let expected = lines(program(), script, real.address);
    assert_eq!(lines(program(), script, own.address), expected);
    assert_eq!(expected.len(), steps, "{expected:?}");
}

/// python3 with a client of PyPI.
fn python(package: &str) -> Command {
    let mut command = tool("python3");
    command.env("PYTHONPATH", clients_folder().join(package));
    command
}

#[test]
fn py_consul_does_the_same_as_with_consul() {
    compare(|| python("py-consul"), "client.py", 15);
}

#[test]
fn python_consul_does_the_same_as_with_consul() {
    compare(|| python("python-consul"), "client.py", 15);
}

#[test]
fn the_consul_client_of_npm_does_the_same_as_with_consul() {
    let node = || {
        let mut command = tool("node");
        command.env("NODE_PATH", clients_folder().join("node_modules"));
        command
    };
    compare(node, "client.js", 10);
}
