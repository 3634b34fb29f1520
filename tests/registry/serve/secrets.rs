//! Row N15: secrets show nowhere, also not in a log at the level trace.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use rustix::process::Signal;

use super::Server;
use super::access::{id, web};
use super::server::{exchange, folder, wait_until};
use crate::support::{kill, output, portolan_path};

/// Each is a secret in another place.
const SECRET: &str = "canary-jwt-secret-0123456789abcdef";
const DATABASE: &str = "canary-database-password";
const REDIS: &str = "canary-redis-password";
const WRONG_KEY: &str = "ptl_00000000_canary-wrong-key";
const WRONG_TOKEN: &str = "canary.wrong.token";
const QUERY_TOKEN: &str = "canary-query-token";
const CONSUL_TOKEN: &str = "canary-consul-token";
const BASIC: &str = "Y2FuYXJ5OnBhc3N3b3Jk";
const REQUEST_ID: &str = "canary request id";

/// Two free addresses, for listeners whose address a log in JSON does not say.
fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap())
}

/// Everything that the server and the commands about it say, in both formats of the log.
#[test]
fn no_secret_shows_in_a_log_an_error_a_metric_the_audit_log_or_the_settings() {
    for format in ["text", "json"] {
        let folder = folder();
        let keys = folder.path().join("keys.json");
        let config = folder.path().join("serve.yaml");
        let settings = format!(
            "database:\n  redis: {{ url: \"redis://user:{REDIS}@127.0.0.1:1/0\" }}\nauth:\n  keys_file: {}\n  jwt: {{ secret: {SECRET} }}\n",
            keys.display()
        );
        fs::write(&config, settings).unwrap();
        let made = Command::new(portolan_path())
            .args(["key", "create", "--name", "admin", "--role", "admin", "--keys-file"])
            .arg(&keys)
            .env_clear()
            .output()
            .unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let secret_part = key.rsplit('_').next().unwrap().to_owned();

        let database = format!("postgresql://user:{DATABASE}@127.0.0.1:1/none");
        let env = [("DATABASE_URL", database.as_str()), ("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false")];
        let config = config.to_str().unwrap();
        let [consul, eureka] = free_addresses();
        let args = [
            "--data",
            ":memory:",
            "--config",
            config,
            "--consul",
            &consul.to_string(),
            "--eureka",
            &eureka.to_string(),
            "--log-level",
            "trace",
            "--log-format",
            format,
        ];
        let server = Server::with_environment(args, &env);

        let mut said = Vec::new();
        let send = |line: &str, headers: &str, body: &str| {
            let request = format!(
                "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let reply = exchange(server.address, request.as_bytes());
            format!("{}\n{}", reply.head, reply.text())
        };
        let admin = format!("Authorization: Bearer {key}\r\n");
        said.push(send("POST /api/v1/services", &admin, &web(&id(1), "web", "default")));
        for headers in [
            format!("Authorization: Bearer {WRONG_KEY}\r\n"),
            format!("Authorization: Bearer {WRONG_TOKEN}\r\n"),
            format!("Authorization: Basic {BASIC}\r\n"),
            format!("X-API-Key: {WRONG_KEY}\r\n"),
            format!("X-Consul-Token: {CONSUL_TOKEN}\r\n"),
            format!("X-Request-Id: {REQUEST_ID}\r\n"),
        ] {
            for line in
                ["GET /api/v1/services", "DELETE /nothing", &format!("GET /v1/catalog/services?token={QUERY_TOKEN}")]
            {
                said.push(send(line, &headers, ""));
            }
        }
        // The other listeners: Consul's clients send a token in a header or in the query, Eureka's in the URL of their settings.
        let other = |address: SocketAddr, line: &str, headers: &str| {
            let request =
                format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: 0\r\n\r\n");
            let reply = exchange(address, request.as_bytes());
            format!("{}\n{}", reply.head, reply.text())
        };
        for line in [
            format!("GET /v1/catalog/services?token={QUERY_TOKEN}"),
            format!("PUT /v1/agent/service/deregister/x?token={QUERY_TOKEN}"),
            "GET /v1/health/service/web".to_owned(),
        ] {
            let refused = other(consul, &line, &format!("X-Consul-Token: {CONSUL_TOKEN}\r\n"));
            assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
            said.push(refused);
        }
        for line in ["GET /eureka/apps", "DELETE /eureka/apps/WEB/i1"] {
            let refused = other(eureka, line, &format!("Authorization: Basic {BASIC}\r\n"));
            assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
            said.push(refused);
        }
        for path in
            ["/metrics", "/api/v1/status", "/openapi.json", "/health?deep=true", "/api/v1/events?format=ndjson&since=x"]
        {
            said.push(send(&format!("GET {path}"), &admin, ""));
        }
        kill(server.pid(), Signal::HUP);
        let records = || send("GET /api/v1/audit", &admin, "");
        wait_until(|| records().contains("unauthenticated") && records().contains("authenticated"));
        said.push(records());

        let registry = format!("portolan://{}", server.address);
        for (arguments, token) in [
            (vec!["serve", "--check", "--config", config, "--data", ":memory:"], None),
            (vec!["serve", "--check", "--config", config, "--data", ":memory:", "--json"], None),
            (vec!["audit", "--all", "-o", "ndjson", "--registry", &registry], Some(key.as_str())),
            (vec!["audit", "verify", "--registry", &registry], Some(WRONG_KEY)),
            (vec!["status", "--registry", &registry], Some(WRONG_TOKEN)),
            (vec!["key", "list", "--all", "--keys-file", keys.to_str().unwrap()], None),
        ] {
            let mut command = Command::new(portolan_path());
            command.args(&arguments).env_clear().envs(env).envs(token.map(|token| ("PORTOLAN_TOKEN", token)));
            let ran = output(&mut command);
            said.push(String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned());
        }
        said.push(server.log());
        assert!(said.iter().any(|text| text.contains("request refused")), "the log is among it");

        let secrets = [
            SECRET,
            DATABASE,
            REDIS,
            "canary-wrong-key",
            WRONG_TOKEN,
            QUERY_TOKEN,
            CONSUL_TOKEN,
            BASIC,
            REQUEST_ID,
            &secret_part,
        ];
        for (text, secret) in said.iter().flat_map(|text| secrets.iter().map(move |secret| (text, *secret))) {
            assert!(!text.contains(secret), "{secret} ({format}): {text}");
        }
    }
}

/// The memory of a server holds keys and passwords: a crash leaves none of it in a file.
#[test]
fn no_core_dump_is_left() {
    let server = Server::in_memory();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
}
