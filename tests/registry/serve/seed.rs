//! The commands and the programs of the API's first document, word for word. Only the address of the server differs.

use std::process::Command;

use serde_json::Value;

use super::server::folder;
use super::{Server, exchange};
use crate::support::{Scene, output, portolan_path, tool};

/// The body of the document's registration.
const REGISTRATION: &str = r#"{
  "name": "user-service",
  "version": "1.2.0",
  "address": "192.168.1.100",
  "port": 8080,
  "protocol": "http",
  "weight": 100,
  "ttl": 30,
  "health_check": {
    "check_type": "http",
    "interval": 30,
    "timeout": 5,
    "failure_threshold": 3,
    "success_threshold": 2,
    "config": {
      "type": "http",
      "path": "/health",
      "method": "GET",
      "expected_status": 200
    }
  },
  "metadata": {
    "environment": "production",
    "region": "us-west-2"
  }
}"#;

/// The document's commands, in its order. `{id}` and `{service}` are filled in.
const COMMANDS: [(&str, u16); 18] = [
    ("curl -X GET http://localhost:8080/health", 200),
    (
        "curl -X POST http://localhost:8080/api/v1/services -H \"Content-Type: application/json\" -d @examples/register-service.json",
        201,
    ),
    ("curl -X GET \"http://localhost:8080/api/v1/discover?service_name=test-service\"", 200),
    ("curl -X GET http://localhost:8080/api/v1/services", 200),
    (
        "curl -X PUT http://localhost:8080/api/v1/services/{id} -H \"Content-Type: application/json\" -d '{\"status\": \"maintenance\", \"weight\": 50}'",
        200,
    ),
    ("curl -X POST http://localhost:8080/api/v1/services/{id}/monitoring", 200),
    ("curl -X DELETE http://localhost:8080/api/v1/services/{id}/monitoring", 204),
    ("curl -X GET http://localhost:8080/api/v1/health-monitor/stats", 200),
    ("curl -X GET http://localhost:8080/api/v1/load-balancer/{service_name}/stats", 200),
    ("curl -X DELETE http://localhost:8080/api/v1/load-balancer/{service_name}/stats", 204),
    ("curl -X GET http://localhost:8080/health", 200),
    ("curl -X GET http://localhost:8080/api/v1/status", 200),
    ("curl -X GET http://localhost:8080/api/v1/health-monitor/stats", 200),
    ("curl -X POST http://localhost:8080/api/v1/services/{id}/health", 200),
    ("curl -X GET http://localhost:8080/api/v1/services/{id}", 200),
    ("curl -X GET http://localhost:8080/api/v1/load-balancer/{service}/stats", 200),
    ("curl -X GET http://localhost:8080/api/v1/services/{service}/instances", 200),
    ("curl -X DELETE http://localhost:8080/api/v1/services/{id}", 204),
];

/// The server runs the checks of what the commands register, whose address is not one of this machine: all of it is in a
/// network that only this test has.
#[test]
fn the_documents_commands_run_unchanged() {
    let scene = Scene::new();
    scene.sh("ip address add 192.168.1.100/32 dev lo");
    // What answers `GET /health` at the address of the registration.
    let _instance = serve_in(&scene, &["--listen", "192.168.1.100:8080", "--insecure"]);
    let server = serve_in(&scene, &["--port", "0"]);

    let mut id = String::new();
    for (command, status) in COMMANDS {
        let command = command
            .replace("localhost:8080", &server.address.to_string())
            .replace("{id}", &id)
            .replace("{service_name}", "test-service")
            .replace("{service}", "test-service");
        let said = run_with_status(&scene, &command);
        assert!(said.ends_with(&status.to_string()), "{command}: {said}");

        if status == 201 {
            id = data(&said)["id"].as_str().unwrap().to_owned();
        }
        if command.contains("discover") {
            assert!(said.contains(&id), "it is registered, so it is found: {said}");
        }
        if command.ends_with("/health-monitor/stats") {
            assert_eq!(
                (&data(&said)["enabled"], &data(&said)["registered_checks"]),
                (&true.into(), &1.into()),
                "{said}"
            );
        }
        if command.contains("POST") && command.ends_with("/health") {
            let check = data(&said)["checks"][0].clone();
            assert_eq!((&check["check_type"], &check["last"]["state"]), (&"http".into(), &"healthy".into()), "{said}");
            // The command before stopped the checks at intervals.
            assert_eq!((&data(&said)["finished"], &data(&said)["monitored"]), (&true.into(), &false.into()), "{said}");
        }
    }
}

/// A server that keeps everything in memory and runs the checks of registrations.
fn serve_in(scene: &Scene, args: &[&str]) -> Server {
    let mut command = scene.command(portolan_path());
    command.args(["serve", "--data", ":memory:"]).args(args).env_clear();
    Server::from_command(command).unwrap_or_else(|said| panic!("the server did not start: {said}"))
}

/// What a command of curl prints, with the status of the reply at its end.
fn run_with_status(scene: &Scene, command: &str) -> String {
    let with_status = command.replacen("curl", "curl -s -w '%{http_code}'", 1);
    let run = output(scene.command("sh").args(["-c", &with_status]).current_dir(env!("CARGO_MANIFEST_DIR")));
    String::from_utf8(run.stdout).unwrap()
}

/// The `data` of a reply with its status at its end.
fn data(said: &str) -> Value {
    let body: Value = serde_json::from_str(&said[..said.len() - 3]).unwrap();
    body["data"].clone()
}

/// The requests of the API reference: registration, discovery with every parameter, and the heartbeat with its body.
#[test]
fn the_documents_requests_are_understood() {
    let server = Server::in_memory();
    let instance = server.register(REGISTRATION);
    assert_eq!((&instance["weight"], &instance["metadata"]["region"]), (&100.into(), &"us-west-2".into()));
    assert_eq!(instance["health_checks"][0]["config"]["path"], "/health");

    let query = "service_name=user-service&version=1.2.0&load_balancing_strategy=round_robin&limit=5";
    assert_eq!(server.discover(query)[0]["id"], instance["id"]);
    let id = instance["id"].as_str().unwrap();
    let body = format!(r#"{{ "service_id": "{id}", "status": "healthy" }}"#);
    assert_eq!(server.post(&format!("/api/v1/services/{id}/heartbeat"), &body).status, 200);

    // The clients of today write the same over HTTP/1.0 too.
    let request = format!("GET /api/v1/discover?{query} HTTP/1.0\r\n\r\n");
    assert_eq!(exchange(server.address, request.as_bytes()).status, 200);
}

/// The document's Python, with a call at its end.
const PYTHON: &str = r#"
import requests
import random

def discover_service(service_name, strategy="round_robin"):
    response = requests.get(
        f"http://service-discovery:8080/api/v1/discover",
        params={
            "service_name": service_name,
            "load_balancing_strategy": strategy,
            "include_unhealthy": False,
            "limit": 10
        }
    )

    if response.status_code == 200:
        data = response.json()
        services = data["data"]["services"]
        if services:
            return random.choice(services)  # Client-side selection

    return None

print(discover_service("user-service")["port"], discover_service("nothing"))
"#;

/// The document's Go, with a call at its end.
const GO: &str = r#"
package main

import (
    "bytes"
    "encoding/json"
    "net/http"
)

type ServiceRegistration struct {
    Name     string            `json:"name"`
    Version  string            `json:"version"`
    Address  string            `json:"address"`
    Port     int              `json:"port"`
    Protocol string            `json:"protocol"`
    Metadata map[string]string `json:"metadata"`
}

func registerService() error {
    registration := ServiceRegistration{
        Name:     "my-service",
        Version:  "1.0.0",
        Address:  "192.168.1.100",
        Port:     8080,
        Protocol: "http",
        Metadata: map[string]string{
            "environment": "production",
        },
    }

    jsonData, _ := json.Marshal(registration)
    resp, err := http.Post(
        "http://service-discovery:8080/api/v1/services",
        "application/json",
        bytes.NewBuffer(jsonData),
    )
    _ = resp

    return err
}

func main() {
    if err := registerService(); err != nil {
        panic(err)
    }
}
"#;

fn with_address(program: &str, server: &Server) -> String {
    let replaced = program.replace("service-discovery:8080", &server.address.to_string());
    assert_ne!(replaced, program);
    replaced
}

/// A Python that has the library of the document.
fn python() -> Command {
    let has_requests = |name: &&str| {
        let mut command = Command::new(name);
        command.args(["-c", "import requests"]).output().is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_requests);
    Command::new(found.expect("no Python has `requests`: apt-get install python3-requests"))
}

#[test]
fn the_documents_python_runs_unchanged() {
    let server = Server::in_memory();
    server.register(REGISTRATION);
    let run = output(python().args(["-c", &with_address(PYTHON, &server)]));
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert_eq!(said.trim(), "8080 None");
}

#[test]
fn the_documents_go_runs_unchanged() {
    let server = Server::in_memory();
    let folder = folder();
    let file = folder.path().join("main.go");
    std::fs::write(&file, with_address(GO, &server)).unwrap();
    let mut go = tool("go");
    go.arg("run").arg(&file).current_dir(folder.path());
    go.env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", std::env::temp_dir().join("portolan-go-cache"))
        .env("GO111MODULE", "off");
    let run = output(&mut go);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(server.discover("service_name=my-service")[0]["metadata"]["environment"], "production");
}
