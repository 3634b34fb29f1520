//! schemathesis generates requests by the description of the API, and compares what comes back with it.

use std::process::Stdio;

use super::Server;
use crate::consul::clients_folder;
use crate::support::{TempDir, tool};

/// The description is true for generated requests: every check, all operations but two. The stream of events never ends, and
/// a configuration may be waited for.
#[test]
fn requests_by_the_description_are_answered_as_described() {
    let said = generated("examples,coverage,fuzzing", 3);
    assert!(requests(&said).is_some_and(|count| count > 1_000), "{said}");
}

/// What one request makes, the next ones use: an instance that was registered is there, and one that was removed is gone.
#[test]
fn requests_that_follow_from_one_another_are_answered_as_described() {
    let said = generated("stateful", 60);
    assert!(requests(&said).is_some_and(|count| count > 200), "{said}");
}

/// What schemathesis says after requests of these phases, in which it finds nothing.
fn generated(phases: &str, examples: u32) -> String {
    let (server, dir) = (Server::in_memory(), TempDir::new());
    // Prometheus and Envoy get no list while nothing was ever registered.
    server.register(r#"{"name": "web", "address": "10.0.0.1", "port": 80, "ttl": 0}"#);
    // It takes 15 s on an idle machine.
    let mut run = tool("timeout");
    run.args(["600", "python3"]);
    run.env("PYTHONPATH", clients_folder().join("schemathesis"));
    run.current_dir(dir.path()).stdin(Stdio::null()).args(["-m", "schemathesis.cli", "--config-file"]);
    run.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/serve/schemathesis.toml")).arg("run");
    run.arg(format!("http://{}/openapi.json", server.address));
    run.args(["--checks", "all", "--phases", phases, "--max-examples", &examples.to_string()]);
    run.args(["--exclude-operation-id", "followEvents", "--exclude-operation-id", "readConfig"]);
    run.args(["--generation-deterministic", "--no-shrink", "--continue-on-failure", "--no-color"]);
    run.args(["--request-timeout", "120"]);

    let out = run.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// How many requests it sent.
fn requests(said: &str) -> Option<u32> {
    said.lines().find_map(|line| line.trim().split_once(" generated, ")?.0.parse().ok())
}
