//! Row N15: secrets show nowhere, also not in a log at the level trace.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
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

/// A key for everything, in this file.
fn admin_key(keys: &Path) -> String {
    let mut command = Command::new(portolan_path());
    command.args(["key", "create", "--name", "admin", "--role", "admin", "--keys-file"]).arg(keys).env_clear();
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

/// What the other listeners answer to wrong secrets: Consul's clients send a token in a header or in the query, Eureka's a
/// name and a password.
fn refused_by_other_listeners(consul: SocketAddr, eureka: SocketAddr) -> Vec<String> {
    let send = |address: SocketAddr, line: &str, header: &str, status: u16| {
        let request =
            format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\nContent-Length: 0\r\n\r\n");
        let reply = exchange(address, request.as_bytes());
        assert_eq!(reply.status, status, "{line}: {}", reply.text());
        format!("{}\n{}", reply.head, reply.text())
    };

    let token = format!("X-Consul-Token: {CONSUL_TOKEN}");
    let of_consul = [
        format!("GET /v1/catalog/services?token={QUERY_TOKEN}"),
        format!("PUT /v1/agent/service/deregister/x?token={QUERY_TOKEN}"),
        "GET /v1/health/service/web".to_owned(),
    ];
    let of_consul = of_consul.iter().map(|line| send(consul, line, &token, 403));

    let password = format!("Authorization: Basic {BASIC}");
    let of_eureka = ["GET /eureka/apps", "DELETE /eureka/apps/WEB/i1"];
    let of_eureka = of_eureka.iter().map(|line| send(eureka, line, &password, 401));
    of_consul.chain(of_eureka).collect()
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
        let key = admin_key(&keys);
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
        said.extend(refused_by_other_listeners(consul, eureka));
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
