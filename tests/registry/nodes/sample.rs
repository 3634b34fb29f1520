//! The settings file of the API's first document, word for word, with a PostgreSQL and a Redis.

use std::fs;

use jiff::Timestamp;
use serde_json::json;

use super::database::shared;
use super::node::registration;
use super::redis_server::Redis;
use crate::serve::{Reply, SAMPLE, SECRET, Server, exchange, folder, token, wait_until};

fn send(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let credential = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {credential}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(server.address, head.as_bytes())
}

/// Rows L1, L5, L6 and L12: a server runs with it. Only its own address and those of its databases differ.
#[test]
fn a_server_runs_with_the_documents_sample() {
    let (database, redis, folder) = (shared(), Redis::start(), folder());
    let (url, file) = (database.create(), folder.path().join("service-discovery.yaml"));
    fs::write(&file, SAMPLE).unwrap();
    let place = format!("redis://127.0.0.1:{}", redis.port);
    let args = ["--config", file.to_str().unwrap(), "--host", "127.0.0.1", "--database-url", &url, "--redis", &place];
    // The keys of this portolan are in the state directory.
    let state = folder.path().to_str().unwrap();
    // A database of Redis beside the first, so that the number counts.
    let variables = [("JWT_SECRET", SECRET), ("STATE_DIRECTORY", state), ("PORTOLAN__DATABASE__REDIS__DATABASE", "1")];
    let server = Server::with_variables(args, &variables);

    let now = Timestamp::now().as_second();
    let claims = json!({ "iss": "portolan", "aud": "portolan", "sub": "ci", "exp": now + 600 });
    let viewer = token(&claims);
    let mut claims = claims;
    claims["role"] = "operator".into();
    let operator = token(&claims);
    let status = |token: &str, method: &str, body: &str| send(&server, token, method, "/api/v1/services", body).status;
    assert_eq!((status("", "GET", ""), status("wrong", "GET", "")), (401, 401));
    assert_eq!(status(&viewer, "GET", ""), 200, "default_role: viewer");
    let body = registration("i", 0);
    assert_eq!((status("", "POST", &body), status(&viewer, "POST", &body)), (401, 403));
    assert_eq!(status(&operator, "POST", &body), 201);
    assert_eq!(send(&server, "", "GET", "/health", "").status, 200);

    let shown = send(&server, &viewer, "GET", "/api/v1/status", "").json()["data"].clone();
    for (field, value) in [("default_ttl", 30.0), ("grace_period", 15.0), ("heartbeat_interval", 10.0)] {
        assert_eq!(shown["registration"][field].as_f64(), Some(value), "{field}: {shown}");
    }
    assert_eq!(shown["default_strategy"], "round_robin");
    assert_eq!(send(&server, &viewer, "GET", "/metrics", "").status, 200);

    let redis_of = |server: &Server| send(server, &viewer, "GET", "/api/v1/status", "").json()["data"]["redis"].clone();
    wait_until(|| redis_of(&server)["connected"] == true);
    assert_eq!(redis_of(&server)["url"], format!("{place}/1"));
    assert_eq!(status(&operator, "POST", &registration("j", 0)), 201);
    let keys = || redis.ask_database(1, &["KEYS", "*"]);
    wait_until(|| keys().contains("service_discovery:default:changes"));
    assert!(keys().lines().all(|key| key.starts_with("service_discovery:default:")), "{}", keys());
    assert_eq!(redis.ask_database(0, &["DBSIZE"]), "0");

    // Row L5: two connections instead of a pool: one writes, and one listens.
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let connections = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    let connections: u32 = database.sql("postgres", &connections).parse().unwrap();
    assert!((1..=2).contains(&connections), "{connections} connections to PostgreSQL");
    // The log is JSON, and names what it does without.
    let log = server.log();
    let started = log.lines().find(|line| line.contains("\"started\"")).unwrap();
    let started: serde_json::Value = serde_json::from_str(started).unwrap();
    for part in ["the cache of registry.discovery", "the connection pool of database.postgres", "TLS", "trace export"] {
        assert!(started.to_string().contains(part), "{part} is not named: {started}");
    }
    assert!(!log.contains(SECRET), "{log}");
    assert_eq!(server.stop().code(), Some(0));
}
