//! The settings of a server: what is refused before anything starts, what wins, and that the sample file is read.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Server;
use super::server::folder;
use crate::support::{TempDir, hold, output, portolan_path};

/// The sample of the document, word for word.
pub const SAMPLE: &str = r#"server:
  host: "0.0.0.0"
  port: 8080
  shutdown_timeout: 30

registry:
  registration:
    default_ttl: 30
    heartbeat_interval: 10
    grace_period: 15

  discovery:
    cache_ttl: 60
    refresh_interval: 30
    enable_caching: true

  health_checks:
    enabled: true
    default_interval: 30
    timeout: 5
    failure_threshold: 3
    success_threshold: 2

load_balancer:
  default_strategy: "round_robin"

database:
  postgres:
    url: "postgresql://postgres:password@localhost:5432/ai_core"
    max_connections: 20

  redis:
    url: "redis://localhost:6379"
    database: 0
    prefix: "service_discovery:"

auth:
  jwt:
    secret: "${JWT_SECRET}"
    expiration: 3600

  rbac:
    enabled: true
    default_role: "viewer"

monitoring:
  metrics:
    enabled: true
    path: "/metrics"

  tracing:
    enabled: true
    jaeger_endpoint: "http://jaeger:14268/api/traces"

  logging:
    level: "info"
    format: "json"
"#;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a run said.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn serve(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Run {
    let mut command = Command::new(portolan_path());
    // Root would otherwise write to the state directory of this machine.
    command.arg("serve").args(args).env_clear().env("STATE_DIRECTORY", folder.join("state"));
    command.envs(env.iter().copied()).current_dir(folder);
    let output = output(&mut command);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A file with this text, and the options that name it.
fn refused(folder: &Path, text: &str) -> Run {
    fs::write(folder.join("serve.yaml"), text).unwrap();
    serve(folder, &["--data", ":memory:", "--config", "serve.yaml"], &[])
}

/// Exit code 2, one line with the error, one with the hint, and nothing started.
#[track_caller]
fn assert_refused(run: &Run, what: &str, parts: &[&str]) {
    assert_eq!(run.code, Some(2), "{what}: {}", run.stderr);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{what}: {}", run.stderr);
    assert!(lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{what}: {}", run.stderr);
    for part in parts {
        assert!(run.stderr.contains(part), "{what}: '{part}' is not in {}", run.stderr);
    }
    assert_eq!(run.stdout, "", "{what}");
}

#[test]
fn bad_settings_files_are_refused_with_their_place() {
    let folder = folder();
    let folder = folder.path();

    for (text, parts) in [
        ("server: [", &["serve.yaml:"] as &[&str]),
        ("- a\n- b\n", &["is a section with keys, not a list"]),
        ("server:\n  prot: 1\n", &["serve.yaml:2:3", "there is no key 'prot' in [server]", "did you mean port?"]),
        ("servr:\n  port: 1\n", &["serve.yaml:1:1", "did you mean server?"]),
        ("server: 7440\n", &["server is a section with keys, not a number"]),
        ("server:\n  port: 1\n  port: 2\n", &["serve.yaml:"]),
        ("server:\n  port: \"http\"\n", &["serve.yaml:2:3", "server.port cannot be 'http'", "0 to 65535"]),
        ("server:\n  port: 70000\n", &["server.port cannot be '70000'"]),
        ("server:\n  port: true\n", &["server.port takes a number, not true or false"]),
        ("server:\n  host: \"example.org\"\n", &["server.host cannot be 'example.org'", "it is not an IP address"]),
        ("server:\n  shutdown_timeout: -5\n", &["server.shutdown_timeout cannot be '-5'", "it is not a duration"]),
        ("server:\n  shutdown_timeout: soon\n", &["it is not a duration"]),
        ("server:\n  limits:\n    connections: 0\n", &["server.limits.connections cannot be '0'"]),
        ("server:\n  listen: [\"127.0.0.1\"]\n", &["it is not an address with a port"]),
        ("server:\n  port: 1\n  listen: [\"127.0.0.1:1\"]\n", &["cannot be combined with a host or a port"]),
        ("server:\n  listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n", &["it lists an address twice"]),
        ("server:\n  host: \"0.0.0.0\"\n", &["0.0.0.0:7440", "without authentication", "--insecure"]),
        (
            "server:\n  dns:\n    listen: [\"0.0.0.0:5353\"]\n",
            &["the DNS address 0.0.0.0:5353", "could read the registry without authentication", "--dns-public"],
        ),
        (
            "server:\n  dns:\n    listen: [\"127.0.0.1\"]\n",
            &["server.dns.listen cannot be '127.0.0.1'", "it is not an address with a port"],
        ),
        ("server:\n  dns:\n    domain: \"a b\"\n", &["server.dns.domain cannot be 'a b'", "it is not a domain of DNS"]),
        ("server:\n  dns:\n    domain: \"\"\n", &["server.dns.domain cannot be ''"]),
        ("server:\n  dns:\n    domain: 10.in-addr.arpa\n", &["it is not a domain of DNS"]),
        ("server:\n  dns:\n    ttl: soon\n", &["server.dns.ttl cannot be 'soon'", "it is not a duration"]),
        (
            "server:\n  cluster: a b\n  dns:\n    listen: [\"127.0.0.1:0\"]\n",
            &["server.cluster cannot be 'a b'", "it is a part of names"],
        ),
        (
            "server:\n  consul:\n    node_id: x\n",
            &["serve.yaml:3:5", "server.consul.node_id cannot be 'x'", "it is not a UUID"],
        ),
        ("server:\n  consul:\n    node_meta: [rack]\n", &["server.consul.node_meta cannot be 'rack'", "it has no ="]),
        ("server:\n  consul:\n    node_meta: [\"a b=c\"]\n", &["Key contains invalid characters"]),
        ("auth:\n  jwt:\n    secret: \"${JWT_SECRET}\"\n", &["serve.yaml:3:5", "the variable JWT_SECRET is not set"]),
        (
            "auth:\n  jwt:\n    secret: \"short\"\n",
            &["auth.jwt.secret cannot be '***'", "only 5 bytes", "openssl rand"],
        ),
        ("auth:\n  jwt:\n    secret: \"\"\n", &["it is empty"]),
        ("auth:\n  jwt:\n    secret_file: nothing\n", &["auth.jwt.secret_file cannot be 'nothing'", "No such file"]),
        (
            "auth:\n  jwt:\n    algorithms: [none]\n    keys_file: x\n",
            &["auth.jwt.algorithms cannot be 'none'", "HS256, RS256, ES256, EdDSA"],
        ),
        ("auth:\n  jwt:\n    keys_file: nothing\n", &["nothing: there is no such file", "authentication"]),
        ("auth:\n  rbac:\n    default_role: viewr\n", &["did you mean viewer?", "admin, operator, viewer"]),
        ("load_balancer:\n  default_strategy: round_robbin\n", &["did you mean round_robin?"]),
        (
            "registry:\n  health_checks:\n    default_interval: 3\n    timeout: 5\n",
            &["the interval of 3 s is shorter than the timeout of 5 s"],
        ),
        (
            "registry:\n  registration:\n    default_ttl: 15\n",
            &["registry.registration.default_ttl cannot be '15'", "shorter than two heartbeat intervals of 10 s"],
        ),
        ("registry:\n  registration:\n    deregister_after: 30\n", &["it is shorter than a minute"]),
        ("registry:\n  health_checks:\n    failure_threshold: 0\n", &["failure_threshold cannot be '0'"]),
        ("monitoring:\n  logging:\n    level: inof\n", &["did you mean info?"]),
        ("monitoring:\n  logging:\n    format: xml\n", &["the words are text, json"]),
        ("monitoring:\n  metrics:\n    path: metrics\n", &["it is not a path"]),
        ("monitoring:\n  metrics:\n    path: /api/v1/status\n", &["the API has that path"]),
        ("database:\n  file: a.db\n  postgres:\n    url: postgres://h/d\n", &["--data"]),
        ("database:\n  postgres:\n    url: mysql://h/d\n", &["no database has this URL", "sqlite:FILE"]),
    ] {
        // The last two rows are about databases: the option must not decide there.
        let run = if text.starts_with("database") {
            fs::write(folder.join("serve.yaml"), text).unwrap();
            serve(folder, &["--config", "serve.yaml"], &[])
        } else {
            refused(folder, text)
        };
        let parts = if text.contains("file: a.db") { &["leave one of the two databases out"] } else { parts };
        assert_refused(&run, text, parts);
    }
}

#[test]
fn bad_options_variables_and_places_are_refused() {
    let folder = folder();
    let folder = folder.path();
    fs::create_dir(folder.join("directory")).unwrap();
    fs::write(folder.join("latin1.yaml"), b"server:\n  node: caf\xe9\n").unwrap();
    fs::write(folder.join("not-a-database"), "hello, this is a text of some length\n".repeat(100)).unwrap();
    fs::write(folder.join("file"), "").unwrap();

    for (args, env, parts) in [
        (
            &["--config", "nothing.yaml"] as &[&str],
            &[] as &[(&str, &str)],
            &["nothing.yaml", "No such file"] as &[&str],
        ),
        (&["--config", "directory"], &[], &["it is a directory"]),
        (&["--config", "latin1.yaml"], &[], &["it is not UTF-8"]),
        (&["--port", "99999"], &[], &["--port '99999'", "0 to 65535"]),
        (&["--port", "1", "--listen", "127.0.0.1:1"], &[], &["--listen"]),
        (&["--listen", "0.0.0.0:0"], &[], &["without authentication"]),
        (&["--listen", "192.0.2.1:7440", "--insecure"], &[], &["this machine has no such address"]),
        (&["--database-url", "mongodb://h/d"], &[], &["no database has this URL"]),
        (&["--database-url", "postgresql://u:hidden@h:many/d"], &[], &["--database-url", "its URL cannot be read"]),
        (&["--database-url", "postgresql://u:hidden@h/d?colour=1"], &[], &["unknown option `colour`"]),
        (
            &["--port", "0"],
            &[
                ("DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
                ("PORTOLAN__DATABASE__POSTGRES__PASSWORD_FILE", "nothing"),
            ],
            &["PASSWORD_FILE='nothing'", "No such file"],
        ),
        (&["--database-url", "postgresql://h/d", "--data", "x.db"], &[], &["--data"]),
        (&["--data", "postgresql://u:hidden@h/d"], &[], &["--data 'postgresql://***@h/d'", "a URL", "--database-url"]),
        (&["--data", "postgres:/u:hidden@h/d", "--check"], &[], &["--data", "a URL", "--database-url"]),
        (&["--data", "sqlite://u:hidden@h/d"], &[], &["--data", "a URL", "--database-url"]),
        (&[], &[("PORTOLAN__DATABASE__FILE", "mysql://u:hidden@h/d")], &["DATABASE__FILE", "a URL", "--database-url"]),
        (&["--database-url", "sqlite://u:hidden@h/d"], &[], &["no user and no password", "sqlite:FILE"]),
        (&["--log-level", "loud"], &[], &["--log-level 'loud'", "off, error, warn, info, debug, trace"]),
        (&["--log-format", "xml"], &[], &["text, json"]),
        (&["--shutdown-timeout", "0"], &[], &["--shutdown-timeout"]),
        (&["--max-connections", "many"], &[], &["--max-connections 'many'"]),
        (&["--inscure"], &[], &["--insecure"]),
        (&["--auth", "--insecure"], &[], &["--insecure: auth.rbac.enabled (set by --auth)", "--dns-public"]),
        (
            &["--insecure"],
            &[("PORTOLAN__AUTH__KEYS_FILE", "keys.json")],
            &["auth.keys_file (set by PORTOLAN__AUTH__KEYS_FILE)"],
        ),
        (&["--auth", "--dns", "0.0.0.0:0"], &[], &["without authentication", "add --dns-public"]),
        (&["--json"], &[], &["--check"]),
        (&["--port", "0", "--data", "directory"], &[], &["directory"]),
        (&["--port", "0", "--data", "not-a-database"], &[], &["it is not a database"]),
        (&["--port", "0", "--data", "file/registry.db"], &[], &["its directory cannot be created"]),
        (&["--port", "0"], &[("STATE_DIRECTORY", "relative")], &["--data FILE"]),
        (&[], &[("PORTOLAN__SERVER__PROT", "1")], &["PORTOLAN__SERVER__PROT", "did you mean PORTOLAN__SERVER__PORT?"]),
        (&[], &[("PORTOLAN__SERVER__PORT", "x")], &["PORTOLAN__SERVER__PORT='x'"]),
        (&[], &[("SERVICE_DISCOVERY__MONITORING__LOGGING__LEVEL", "x y")], &["it is not a log level"]),
        (&["--data", ":memory:"], &[("JWT_SECRET", "your-secret-key-here")], &["JWT_SECRET=***", "only 20 bytes"]),
        // A secret that no one can read, not even root.
        (
            &["--data", ":memory:"],
            &[("PORTOLAN__AUTH__JWT__SECRET_FILE", "directory")],
            &["PORTOLAN__AUTH__JWT__SECRET_FILE='directory'", "Is a directory", "name a readable file"],
        ),
        (&["--tls-key", "file"], &[], &["there is no certificate", "--tls-cert"]),
        (&["--tls-cert", "file"], &[], &["TLS", "'file' contains no certificate", "--tls-cert and --tls-key"]),
        (&["--tls-cert", "nothing"], &[], &["'nothing' cannot be read"]),
        (&["--port", "0"], &[("DATABASE_URL", "postgres://u:hidden@h:many/d")], &["its URL cannot be read"]),
    ] {
        let run = serve(folder, args, env);
        assert_refused(&run, &format!("{args:?} {env:?}"), parts);
        assert!(!run.stderr.contains("hidden") && !run.stderr.contains(SECRET), "{}", run.stderr);
    }
    let mut left = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.all(|name| !name.contains(':')), "no file is made of a URL");

    // What only looks like a secret is masked in the summary too.
    let run = serve(folder, &["--check", "--data", "u:hidden@h/d"], &[]);
    assert!(run.code == Some(0) && !run.stdout.contains("hidden"), "{}", run.stdout);

    // A file that nobody may read is refused; root may read all.
    let secret = folder.join("secret");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if !is_root() {
        let run = serve(folder, &[], &[("PORTOLAN__AUTH__JWT__SECRET_FILE", "secret")]);
        assert_refused(&run, "an unreadable secret", &["Permission denied"]);
    }
}

fn is_root() -> bool {
    crate::support::is_root()
}

#[test]
fn a_port_in_use_is_named_with_its_holder() {
    let folder = folder();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let holder = hold(held.into());
    let run = serve(folder.path(), &["--data", "registry.db", "--port", &port], &[]);
    let pid = format!("(pid {})", holder.0.id());
    assert_refused(&run, "a port in use", &["it is in use by ", &pid, &format!("portolan who {port}"), "--port"]);

    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let holder = hold(held.into());
    let pid = format!("(pid {})", holder.0.id());
    let run = serve(folder.path(), &["--data", "registry.db", "--port", "0", "--dns", &address], &[]);
    assert_refused(&run, "a UDP port in use", &[&format!("the DNS address {address} (set by --dns)"), &pid]);
    assert!(!folder.path().join("registry.db").exists(), "nothing was started");
}

/// Rows L1, L3-L8, L12 and C37-C39: the sample is read as it is, and what it asks for is done, refused or named.
#[test]
fn the_documents_sample_is_read_word_for_word() {
    let folder = folder();
    fs::write(folder.path().join("service-discovery.yaml"), SAMPLE).unwrap();
    let config = ["--config", "service-discovery.yaml"];
    let with = |more: &[&str]| serve(folder.path(), &[&config, more].concat(), &[("JWT_SECRET", SECRET)]);

    let run = with(&["--check"]);
    let data = "# data: PostgreSQL postgresql://postgres@localhost:5432/ai_core";
    assert!(run.code == Some(0) && run.stdout.lines().any(|line| line == data), "{}", run.stdout);
    let run = with(&["--data", ":memory:", "--check"]);
    assert!(run.stdout.contains("tokens of the issuer portolan"), "{}", run.stdout);

    let run = with(&["--data", ":memory:", "--insecure"]);
    assert_refused(&run, "authentication and its absence", &["auth.jwt.secret (set by JWT_SECRET)", "leave one"]);
    let run = with(&["--data", ":memory:", "--check"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for line in [
        "server.port = 8080  # service-discovery.yaml:3:3",
        "server.insecure = false  # default",
        "registry.registration.grace_period = 15  # service-discovery.yaml:10:5",
        "database.postgres.url = postgresql://***@localhost:5432/ai_core  # service-discovery.yaml:29:5",
        "auth.jwt.secret = ***  # JWT_SECRET",
        "server.limits.idle_timeout = 75s  # default",
        "# listens on 0.0.0.0:8080",
        "# data: memory",
    ] {
        assert!(run.stdout.lines().any(|known| known == line), "{line} is not in\n{}", run.stdout);
    }
    let pool = "the connection pool of database.postgres (a server uses two connections)";
    let off = |run: &Run| run.stdout.lines().find(|line| line.starts_with("# off: ")).unwrap().to_owned();
    for part in ["PostgreSQL", "TLS", "Redis", "trace export", "the cache of registry.discovery", pool] {
        assert!(off(&run).contains(part), "{part} is not named: {}", off(&run));
    }
    // Row L5: each of the keys of the pool is named, also alone.
    for key in ["MAX_CONNECTIONS", "IDLE_TIMEOUT"] {
        let name = format!("PORTOLAN__DATABASE__POSTGRES__{key}");
        let run = serve(folder.path(), &["--data", ":memory:", "--check"], &[(&name, "300")]);
        assert!(off(&run).contains(pool), "{key}: {}", off(&run));
    }
    assert!(!off(&serve(folder.path(), &["--data", ":memory:", "--check"], &[])).contains(pool));
    assert!(!run.stdout.contains(SECRET) && !run.stdout.contains(":password@"), "{}", run.stdout);

    let run = with(&["--data", ":memory:", "--check", "--json"]);
    let items: Value = serde_json::from_str(&run.stdout).unwrap();
    let port = items["items"].as_array().unwrap().iter().find(|item| item["key"] == "server.port").unwrap();
    assert_eq!((&port["value"], &port["origin"]), (&"8080".into(), &"service-discovery.yaml:3:3".into()));
}

/// Row L19: flag > environment > file > default; L13 and L14: the names of variables; C41: the overlay.
#[test]
fn a_flag_beats_a_variable_which_beats_a_file() {
    let folder = folder();
    fs::write(folder.path().join("serve.toml"), "[server]\nport = 1001\nnode = \"file\"\ncluster = \"file\"\n")
        .unwrap();
    fs::write(folder.path().join("serve.production.toml"), "[server]\nport = 1002\n").unwrap();
    let value = |args: &[&str], env: &[(&str, &str)], key: &str| {
        let args = [&["--check", "--data", ":memory:", "--config", "serve.toml"], args].concat();
        let run = serve(folder.path(), &args, env);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let start = format!("{key} = ");
        run.stdout.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    };

    assert_eq!(value(&[], &[], "server.port"), "1001  # serve.toml:2:1");
    assert_eq!(value(&["--environment", "production"], &[], "server.port"), "1002  # serve.production.toml:2:1");
    assert_eq!(value(&["--environment", "staging"], &[], "server.port"), "1001  # serve.toml:2:1");
    let old = ("SERVICE_DISCOVERY__SERVER__PORT", "1003");
    let new = ("PORTOLAN__SERVER__PORT", "1004");
    assert_eq!(value(&[], &[old], "server.port"), "1003  # SERVICE_DISCOVERY__SERVER__PORT");
    assert_eq!(value(&[], &[old, new], "server.port"), "1004  # PORTOLAN__SERVER__PORT");
    assert_eq!(value(&["--port", "1005"], &[old, new], "server.port"), "1005  # --port");
    assert_eq!(value(&[], &[], "server.node"), "file  # serve.toml:3:1");
    assert_eq!(value(&["--node", "flag"], &[], "server.node"), "flag  # --node");

    let level = "monitoring.logging.level";
    assert_eq!(value(&[], &[], level), "info  # default");
    assert_eq!(value(&[], &[("RUST_LOG", "warn")], level), "warn  # RUST_LOG");
    let specific = ("PORTOLAN__MONITORING__LOGGING__LEVEL", "error");
    assert_eq!(value(&[], &[("RUST_LOG", "warn"), specific], level), "error  # PORTOLAN__MONITORING__LOGGING__LEVEL");
    assert_eq!(value(&["--debug"], &[specific], level), "debug  # --debug");
    assert_eq!(value(&["--debug", "--log-level", "trace"], &[], level), "trace  # --log-level");
    let url = "database.postgres.url";
    assert_eq!(value(&[], &[("DATABASE_URL", "sqlite:x.db")], url), "sqlite:x.db  # DATABASE_URL");
    let specific = ("PORTOLAN__DATABASE__POSTGRES__URL", "sqlite:y.db");
    let expected = "sqlite:y.db  # PORTOLAN__DATABASE__POSTGRES__URL";
    assert_eq!(value(&[], &[("DATABASE_URL", "sqlite:x.db"), specific], url), expected);
}

/// The credentials directory of systemd (`LoadCredential=`): a file of it is named with its variable.
#[test]
fn a_secret_is_read_from_the_credentials_directory() {
    let (folder, credentials) = (folder(), folder());
    fs::write(credentials.path().join("jwt"), SECRET).unwrap();
    fs::write(folder.path().join("serve.yaml"), "auth:\n  jwt:\n    secret_file: \"${CREDENTIALS_DIRECTORY}/jwt\"\n")
        .unwrap();
    let directory = credentials.path().to_string_lossy().into_owned();
    let args = ["--check", "--config", "serve.yaml", "--data", ":memory:"];
    let run = serve(folder.path(), &args, &[("CREDENTIALS_DIRECTORY", &directory)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stdout.contains(SECRET), "{}", run.stdout);

    fs::remove_file(credentials.path().join("jwt")).unwrap();
    let run = serve(folder.path(), &args, &[("CREDENTIALS_DIRECTORY", &directory)]);
    assert!(run.code == Some(2) && run.stderr.contains("/jwt"), "{}", run.stderr);
}

/// A secret that others choose is none; one that others read is said to be so.
#[test]
fn files_with_secrets_are_for_their_owner() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let files = ["secret", "keys.json", "registry.db"];
    fs::write(path("secret"), SECRET).unwrap();
    fs::write(
        path("keys.json"),
        r#"{"keys":[{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#,
    )
    .unwrap();
    fs::write(path("registry.db"), "").unwrap();
    let settings = "auth: { jwt: { secret_file: secret, keys_file: keys.json } }\ndatabase: { file: registry.db }\n";
    fs::write(path("serve.yaml"), settings).unwrap();
    let with_modes = |modes: [u32; 3]| {
        for (file, mode) in files.into_iter().zip(modes) {
            fs::set_permissions(path(file), fs::Permissions::from_mode(mode)).unwrap();
        }
        serve(folder.path(), &["--check", "--config", "serve.yaml"], &[])
    };

    let run = with_modes([0o600; 3]);
    assert!(run.code == Some(0) && !run.stdout.contains("warning: "), "{}{}", run.stdout, run.stderr);
    let run = with_modes([0o440, 0o640, 0o600]);
    assert!(run.code == Some(0) && !run.stdout.contains("warning: "), "{}{}", run.stdout, run.stderr);
    let run = with_modes([0o644; 3]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for (file, key) in files.into_iter().zip(["auth.jwt.secret_file", "auth.jwt.keys_file", "the database"]) {
        let line = run.stdout.lines().find(|line| line.contains(&format!("{file} ({key})"))).unwrap_or_default();
        assert!(line.contains("every user of this machine may read") && line.contains("chmod o-r"), "{}", run.stdout);
    }
    let run = with_modes([0o600, 0o600, 0o666]);
    assert!(run.code == Some(0) && run.stdout.contains("other users may write"), "{}{}", run.stdout, run.stderr);
    let run = with_modes([0o666, 0o600, 0o600]);
    assert!(run.code == Some(2) && run.stderr.contains("other users may write it (chmod go-w"), "{}", run.stderr);
}

/// `*` would let every web page of the world change a registry that asks for no key, and a pattern would match nothing.
#[test]
fn an_origin_is_one_origin_and_any_origin_needs_authentication() {
    let folder = folder();
    let origins = |origin: &str, more: &str| format!("server:\n  cors: {{ allowed_origins: [\"{origin}\"] }}\n{more}");
    let run = refused(folder.path(), &origins("*", ""));
    assert!(run.code == Some(2) && run.stderr.contains("every web page could change the registry"), "{}", run.stderr);
    let run = refused(folder.path(), &origins("https://*.example", ""));
    assert!(run.code == Some(2) && run.stderr.contains("'https://*.example' is not an origin"), "{}", run.stderr);

    fs::write(folder.path().join("serve.yaml"), origins("*", "auth: { keys_file: keys.json }\n")).unwrap();
    let run = serve(folder.path(), &["--check", "--data", ":memory:", "--config", "serve.yaml"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// Where the data is by default, and that a start says it.
#[test]
fn a_start_says_where_it_listens_where_the_data_is_and_what_is_off() {
    let folder = folder();
    let state = folder.path().join("state");
    let data = |env: &[(&str, &str)]| {
        let run = serve(folder.path(), &["--check"], env);
        let line = run.stdout.lines().find_map(|line| line.strip_prefix("# data: SQLite file ")).unwrap_or_default();
        line.to_owned()
    };
    let path = |part: &str| state.join(part).to_string_lossy().into_owned();
    let given = state.to_string_lossy().into_owned();
    assert_eq!(data(&[("STATE_DIRECTORY", &given)]), path("registry.db"));
    let none = ("STATE_DIRECTORY", "");
    assert_eq!(data(&[none, ("XDG_STATE_HOME", &given)]), path("portolan/registry.db"));
    let at_home =
        if is_root() { "/var/lib/portolan/registry.db".to_owned() } else { path(".local/state/portolan/registry.db") };
    assert_eq!(data(&[none, ("HOME", &given)]), at_home);
    assert!(!state.exists(), "a check makes nothing");

    let server = Server::with([std::ffi::OsStr::new("--data"), state.join("deep/registry.db").as_os_str()]);
    server.register(r#"{"name":"web","address":"10.0.0.1","port":80}"#);
    let mode = fs::metadata(state.join("deep")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the folder is for its owner");
    let deadline = std::time::Instant::now() + crate::support::HANG;
    while !server.log().contains("instance registered") {
        assert!(std::time::Instant::now() < deadline, "{}", server.log());
    }
    let log = server.log();
    assert!(log.contains("registry.db (0 instances, index 0)"), "{log}");
    assert!(log.contains("off: authentication, TLS, health checks"), "this test turned them off: {log}");
    drop::<TempDir>(folder);
}
