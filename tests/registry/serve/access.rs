//! Who may do what: keys, tokens, roles and scopes, on every route.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

use super::Server;
use super::server::{Reply, exchange, folder, wait_until};
use crate::support::{TempDir, hear, portolan_path, tool};

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The roles without limits. The role `agent` is limited to hosts: see the tests of agents.
const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// A folder with keys, and a server that reads them.
pub struct Guarded {
    pub server: Server,
    folder: TempDir,
}

impl Guarded {
    pub fn start() -> Self {
        Self::with("")
    }

    /// A server with more settings.
    pub fn with(more: &str) -> Self {
        let folder = folder();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        fs::write(folder.path().join("serve.toml"), format!("{}{more}", settings(folder.path()))).unwrap();
        let config = folder.path().join("serve.toml");
        let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
        Self { server, folder }
    }

    pub fn key_command(&self, args: &[&str]) -> Output {
        let file = self.folder.path().join("keys.json");
        let mut command = Command::new(portolan_path());
        command.arg("key").args(args).arg("--keys-file").arg(file).env_clear();
        command.output().unwrap()
    }

    /// Makes a key, and waits until the server knows it.
    pub fn key(&self, args: &[&str]) -> String {
        let made = self.key_command(&[&["create", "--name", "test"], args].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        wait_until(|| self.send(Some(&key), "GET", "/api/v1/status", None).status != 401);
        key
    }

    pub fn send(&self, key: Option<&str>, method: &str, path: &str, body: Option<&str>) -> Reply {
        self.send_with(key, "", method, path, body)
    }

    /// The same with more header lines.
    pub fn send_with(&self, key: Option<&str>, lines: &str, method: &str, path: &str, body: Option<&str>) -> Reply {
        let credential = key.map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n"));
        let body = body.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {lines}{credential}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(self.server.address, head.as_bytes())
    }
}

fn settings(folder: &Path) -> String {
    format!(
        "[auth]\nkeys_file = \"{0}/keys.json\"\n[auth.jwt]\nsecret_file = \"{0}/secret\"\nissuer = \"issuer\"\n",
        folder.display()
    )
}

pub fn web(id: &str, name: &str, namespace: &str) -> String {
    json!({ "id": id, "name": name, "namespace": namespace, "address": "10.0.0.1", "port": 80 }).to_string()
}

pub fn id(number: u8) -> String {
    format!("0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e{number:02x}")
}

/// A token with these claims, signed with [`SECRET`].
pub fn token(claims: &Value) -> String {
    let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The permissions of the roles, as docs/serve.md has them.
fn permits(role: &str, permission: &str) -> bool {
    match role {
        "viewer" => matches!(permission, "discover" | "read_status"),
        "operator" => permission != "administer",
        _ => true,
    }
}

/// Rows N7 and N8: each operation of the API with each role, with a wrong key and without one. A unit test holds that the
/// description of the API names every route that is served, with the permission that it needs.
#[test]
fn each_operation_is_open_to_the_roles_with_its_permission_and_to_no_one_else() {
    let guarded = Guarded::start();
    let keys: Vec<String> = ROLES.iter().map(|role| guarded.key(&["--role", role])).collect();
    let wrong = format!("{}0", keys[2]);
    let api = guarded.send(None, "GET", "/openapi.json", None).json();

    let mut operations = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        // Endless otherwise: a wrong parameter is read after the permission.
        let query = if path == "/api/v1/events" { "?since=x" } else { "" };
        let target = format!("{}{query}", path.replace("{id}", &id(0)).replace("{name}", "web"));
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let method = method.to_uppercase();
            let status = |key: Option<&str>| guarded.send(key, &method, &target, Some("{}")).status;
            let Some(permission) = operation["x-permission"].as_str() else {
                assert_eq!(path, "/health");
                assert_eq!(status(None), 200);
                continue;
            };

            assert_eq!((status(None), status(Some(&wrong))), (401, 401), "{method} {path}");
            for (role, key) in ROLES.iter().zip(&keys) {
                let status = status(Some(key));
                let is_let_through = !matches!(status, 0 | 401 | 403);
                assert_eq!(
                    is_let_through,
                    permits(role, permission),
                    "{role}: {method} {path} needs {permission}: {status}"
                );
            }
        }
    }
    assert!(operations >= 17, "{operations}");

    let refused = guarded.send(Some(&keys[0]), "POST", "/api/v1/services", Some(&web(&id(1), "web", "default")));
    let error = refused.json()["error"].clone();
    assert_eq!(
        (error["code"].as_str(), error["hint"].as_str()),
        (Some("forbidden"), Some("use a key with the role operator or a stronger one"))
    );
    let parts = guarded.send(None, "GET", "/health?deep=true", None).json();
    assert_eq!(
        (&parts["parts"]["store"]["status"], &parts["parts"]["store"]["kind"]),
        (&json!("healthy"), &Value::Null)
    );
    let refused = guarded.send(None, "GET", "/api/v1/services", None);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"portolan\""));
    let log = guarded.server.log();
    assert!(log.contains("request refused") && !keys.iter().any(|key| log.contains(&key[17..])), "{log}");
}

/// Row N8: a caller with a scope neither sees nor changes what is outside it, by any route, and learns no foreign name.
#[test]
fn a_scope_hides_what_is_outside_it_on_every_route() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let shop = guarded.key(&["--role", "operator", "--namespace", "shop", "--service", "web-"]);
    let send = |key: &str, method: &str, path: &str, body: Option<&str>| guarded.send(Some(key), method, path, body);
    for (number, name, namespace) in [(1, "web-own", "shop"), (2, "web-foreign", "pay"), (3, "secret", "shop")] {
        let body = web(&id(number), name, namespace);
        assert_eq!(send(&admin, "POST", "/api/v1/services", Some(&body)).status, 201);
    }
    let (own, foreign) = (id(1), id(2));

    for path in [
        "/api/v1/services".to_owned(),
        "/api/v1/services?instances=false".to_owned(),
        "/api/v1/query?explain=true".to_owned(),
        "/api/v1/query?namespace=pay".to_owned(),
        "/api/v1/discover?service_name=web-foreign&namespace=pay".to_owned(),
        "/api/v1/discover?service_name=secret&namespace=shop&include_unhealthy=true".to_owned(),
        "/api/v1/services/web-foreign/instances?namespace=pay".to_owned(),
        "/api/v1/services/web-foreign?namespace=pay".to_owned(),
        format!("/api/v1/services/{foreign}"),
        "/api/v1/load-balancer/web-foreign/stats?namespace=pay".to_owned(),
        "/api/v1/status".to_owned(),
        "/metrics".to_owned(),
    ] {
        let text = send(&shop, "GET", &path, None).text();
        // What the client wrote itself it may read back in an error.
        let told = ["10.0.0.1", id(3).as_str()].iter().any(|part| text.contains(part)) && !text.contains(&own);
        assert!(!told && !text.contains("\"web-foreign\"") && !text.contains("\"secret\""), "{path}: {text}");
    }
    let figures = |key: &str| {
        let status = send(key, "GET", "/api/v1/status", None).json()["data"].clone();
        let [services, instances, unknown] = ["/services", "/instances", "/health/unknown"]
            .map(|figure| status.pointer(figure).unwrap().as_u64().unwrap());
        assert_eq!(status["local_registry"], json!({ "services": services, "instances": instances }));
        [services, instances, unknown]
    };
    assert_eq!(figures(&admin)[..2], [3, 3]);
    assert_eq!(figures(&shop)[..2], [1, 1], "also the number of what is outside is not told");
    let listed = send(&shop, "GET", "/api/v1/services", None).json();
    assert_eq!(listed["data"]["services"].as_array().unwrap().len(), 1);

    // A foreign id is one that does not exist, for reads and for each kind of write.
    for (method, path, body) in [
        ("GET", format!("/api/v1/services/{foreign}"), None),
        ("PUT", format!("/api/v1/services/{foreign}"), Some(r#"{"weight":9}"#)),
        ("POST", format!("/api/v1/services/{foreign}/heartbeat"), None),
        ("DELETE", format!("/api/v1/services/{foreign}"), None),
    ] {
        let unknown = path.replace(&foreign, &id(9));
        let (foreign_reply, unknown_reply) = (send(&shop, method, &path, body), send(&shop, method, &unknown, body));
        assert_eq!(foreign_reply.status, 404, "{method} {path}");
        let without_ids = |reply: &Reply| reply.text().replace(&foreign, "ID").replace(&id(9), "ID");
        assert_eq!(without_ids(&foreign_reply), without_ids(&unknown_reply), "{method} {path}");
    }

    // Names outside the scope cannot be registered, nor taken over by their id.
    for (body, status, code) in [
        (web(&id(4), "web-new", "pay"), 403, "outside_scope"),
        (web(&id(4), "new", "shop"), 403, "outside_scope"),
        (web(&foreign, "web-mine", "shop"), 409, "id_taken"),
        (web(&id(5), "web-new", "shop"), 201, ""),
    ] {
        let reply = send(&shop, "POST", "/api/v1/services", Some(&body));
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        assert!(code.is_empty() || reply.json()["error"]["code"] == code);
        assert!(!reply.text().contains("web-foreign"));
    }
    let operations = json!({ "operations": [
        { "deregister": { "id": foreign } },
        { "heartbeat": { "id": own } },
        { "register": { "id": id(6), "name": "x", "namespace": "shop", "address": "10.0.0.1", "port": 1 } },
        { "heartbeat": { "id": foreign } },
    ] });
    let results = send(&shop, "POST", "/api/v1/bulk", Some(&operations.to_string())).json();
    let statuses: Vec<u64> = results["data"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [404, 200, 403, 404]);
    assert_eq!(send(&admin, "GET", &format!("/api/v1/services/{foreign}"), None).json()["data"]["weight"], 1);
}

/// Each operation of the description, with a key whose scope holds nothing of what there is: it reads nothing of it, and
/// changes nothing of it.
#[test]
fn no_operation_shows_or_changes_what_is_outside_a_scope() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let keys = ["viewer", "operator", "admin"].map(|role| guarded.key(&["--role", role, "--namespace", "shop"]));
    let send = |key: &str, method: &str, path: &str, body: Option<&str>| guarded.send(Some(key), method, path, body);
    let instance = json!({ "id": id(1), "name": "foreign", "namespace": "pay", "address": "10.47.1.1", "port": 80, "version": "1.2.3",
        "tags": ["canary-tag"], "metadata": { "key": "canary-value" }, "ttl": 0 });
    assert_eq!(send(&admin, "POST", "/api/v1/services", Some(&instance.to_string())).status, 201);
    for path in ["/api/v1/config/foreign", "/api/v1/config/portolan"] {
        let body = if path.ends_with("foreign") { r#"{"canary":"canary-config"}"# } else { "{}" };
        assert_eq!(send(&admin, "PUT", path, Some(body)).status, 201);
    }
    assert_eq!(send(&admin, "GET", "/api/v1/discover?service_name=foreign&namespace=pay", None).status, 200);
    let state = || {
        let paths = [
            format!("/api/v1/services/{}", id(1)),
            "/api/v1/services/foreign/traffic?namespace=pay".to_owned(),
            "/api/v1/load-balancer/foreign?namespace=pay".to_owned(),
            "/api/v1/load-balancer/foreign/stats?namespace=pay".to_owned(),
            "/api/v1/config/foreign/history".to_owned(),
            "/api/v1/config/portolan/history".to_owned(),
            "/api/v1/log-level".to_owned(),
        ];
        paths.map(|path| send(&admin, "GET", &path, None).json()["data"].clone())
    };
    let before = state();

    // Each is complete for some operation, and wrong for the others.
    let bodies = [
        json!({}),
        instance.clone(),
        json!({ "id": id(1), "name": "mine", "namespace": "shop", "address": "10.0.0.1", "port": 80 }),
        json!({ "status": "maintenance", "weight": 9 }),
        json!({ "status": "unhealthy" }),
        json!({ "to": { "version": "1.2.3" } }),
        json!({ "action": "abort" }),
        json!({ "strategy": "random" }),
        json!({ "version": 1 }),
        json!({ "level": "trace" }),
        json!({ "operations": [{ "deregister": { "id": id(1) } }, { "heartbeat": { "id": id(1), "status": "unhealthy" } }, { "register": instance }] }),
    ];
    let api = guarded.send(None, "GET", "/openapi.json", None).json();
    let mut requests = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let known = operation["parameters"].as_array().cloned().unwrap_or_default();
            let takes = |name: &str| known.iter().any(|parameter| parameter["name"] == name);
            // A stream is endless, unless it ends at once with an error.
            let queries = if path == "/api/v1/events" {
                vec!["?config=foreign"]
            } else {
                let queries = [
                    ("namespace", "?namespace=pay"),
                    ("service_name", "?service_name=foreign&namespace=pay&include_unhealthy=true"),
                    ("explain", "?explain=true&name=foreign"),
                    ("service", "?service=foreign"),
                    ("raw", "?raw=true"),
                ];
                std::iter::once("")
                    .chain(queries.iter().filter(|(name, _)| takes(name)).map(|(_, query)| *query))
                    .collect()
            };
            for name in if path.contains('{') {
                vec![id(1), "foreign".to_owned(), "portolan".to_owned()]
            } else {
                vec![String::new()]
            } {
                for query in &queries {
                    let target = format!("{}{query}", path.replace("{id}", &name).replace("{name}", &name));
                    for (key, body) in keys.iter().flat_map(|key| bodies.iter().map(move |body| (key, body))) {
                        // A viewer is refused whatever it sends.
                        if (method == "GET" || key == &keys[0]) && body != &bodies[0] {
                            continue;
                        }
                        requests += 1;
                        let reply = send(key, &method, &target, Some(&body.to_string()));
                        let text = reply.text();
                        let shown = ["canary", "10.47.1.1"].iter().find(|part| text.contains(**part));
                        assert_eq!(shown, None, "{method} {target} {body}: {text}");
                    }
                }
            }
        }
    }
    assert!(requests > 500, "{requests}");
    assert_eq!(state(), before);
}

/// A stream shows the scope only, and ends with the key.
#[test]
fn events_stay_in_the_scope_and_end_when_the_key_is_revoked() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let shop = guarded.key(&["--role", "viewer", "--namespace", "shop"]);
    for (number, namespace) in [(1, "shop"), (2, "pay")] {
        guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&web(&id(number), "web", namespace)));
    }

    let address = guarded.server.address;
    let request = format!(
        "GET /api/v1/events?format=ndjson&since=0 HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer {shop}\r\nConnection: close\r\n\r\n"
    );
    let stream = std::thread::spawn(move || exchange(address, request.as_bytes()));
    let key_id = shop.split('_').nth(1).unwrap().to_owned();
    let streams = || guarded.send(Some(&admin), "GET", "/api/v1/status", None).json()["data"]["event_streams"].clone();
    wait_until(|| streams() == 1);
    let revoked = guarded.key_command(&["revoke", &key_id]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    wait_until(|| guarded.send(Some(&shop), "GET", "/api/v1/services", None).status == 401);
    // The stream notices with its next event.
    guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&web(&id(3), "web", "shop")));

    let text = stream.join().unwrap().text();
    assert!(text.contains(&id(1)) && !text.contains(&id(2)) && !text.contains(&id(3)), "{text}");
}

/// A stream that was opened with a wider scope ends when its key gets a narrower one.
#[test]
fn events_end_when_their_key_permits_less() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let wide = guarded.key(&["--role", "viewer", "--namespace", "shop", "--namespace", "pay"]);
    let address = guarded.server.address;
    let request = format!(
        "GET /api/v1/events?format=ndjson HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer {wide}\r\nConnection: close\r\n\r\n"
    );
    let stream = std::thread::spawn(move || exchange(address, request.as_bytes()));
    let streams = || guarded.send(Some(&admin), "GET", "/api/v1/status", None).json()["data"]["event_streams"].clone();
    wait_until(|| streams() == 1);

    let file = guarded.folder.path().join("keys.json");
    let mut keys: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let key = keys["keys"].as_array_mut().unwrap().last_mut().unwrap();
    key["scope"] = json!({ "namespaces": ["shop"] });
    fs::write(&file, keys.to_string()).unwrap();
    guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&web(&id(1), "web", "pay")));
    let listed = || guarded.send(Some(&wide), "GET", "/api/v1/services", None).text().contains(&id(1));
    wait_until(|| !listed());

    // The stream notices with its next event, and does not show it.
    guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&web(&id(2), "web", "pay")));
    assert!(!stream.join().unwrap().text().contains(&id(2)));
}

/// Row N6: tokens by the secret, beside keys.
#[test]
fn a_token_is_taken_until_it_expires() {
    let guarded = Guarded::start();
    let now = Timestamp::now().as_second();
    let claims = json!({ "iss": "issuer", "aud": "portolan", "sub": "ci", "exp": now + 600, "role": "operator" });
    let register = |token: &str| {
        guarded.send(Some(token), "POST", "/api/v1/services", Some(&web(&id(1), "web", "default"))).status
    };
    assert_eq!(register(&token(&claims)), 201);

    for (name, value, status) in [
        ("exp", json!(now - 60), 401),
        ("iss", json!("other"), 401),
        ("aud", json!("other"), 401),
        ("role", json!("viewer"), 403),
        ("role", Value::Null, 403),
        ("services", json!(["api-"]), 403),
    ] {
        let mut changed = claims.clone();
        changed[name] = value.clone();
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(register(&token(&changed)), status, "{name} = {value}");
    }
    let whole = token(&claims);
    let (message, _) = whole.rsplit_once('.').unwrap();
    assert_eq!(register(&format!("{message}.")), 401);
}

/// A key of RSA, as openssl makes it, with its parts for a JSON Web Key Set.
struct RsaKey {
    file: PathBuf,
    modulus: String,
}

impl RsaKey {
    fn new(folder: &Path, name: &str) -> Self {
        let file = folder.join(name);
        openssl(
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file.to_str().unwrap()],
            b"",
        );
        let said = openssl(&["rsa", "-in", file.to_str().unwrap(), "-noout", "-modulus"], b"");
        let digits = String::from_utf8(said).unwrap().trim().trim_start_matches("Modulus=").to_owned();
        let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        Self { file, modulus: URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>()) }
    }

    /// The file of keys with this one alone, under a name.
    fn set(&self, kid: &str) -> String {
        let key = json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": self.modulus, "e": "AQAB" });
        json!({ "keys": [key] }).to_string()
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "typ": "JWT", "kid": kid }).to_string());
        let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = openssl(&["dgst", "-sha256", "-sign", self.file.to_str().unwrap()], message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What openssl answers to this input.
fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = tool("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let ran = hear(child, "openssl");
    assert!(ran.status.success(), "openssl {args:?}");
    ran.stdout
}

/// Row N6: tokens that openssl signed with RSA, whose key is chosen by its name from a file that is read again when it changes.
#[test]
fn tokens_are_verified_by_a_set_of_keys_that_is_read_again() {
    let folder = folder();
    let (first, second) = (RsaKey::new(folder.path(), "first"), RsaKey::new(folder.path(), "second"));
    let set = folder.path().join("keys.jwks");
    fs::write(&set, first.set("first")).unwrap();
    let config = folder.path().join("serve.toml");
    let settings = format!("[auth.jwt]\nkeys_file = \"{}\"\nissuer = \"issuer\"\n", set.display());
    fs::write(&config, settings + "[auth.rbac]\ndefault_role = \"operator\"\n").unwrap();
    let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
    let claims = json!({ "iss": "issuer", "aud": "portolan", "sub": "ci", "exp": Timestamp::now().as_second() + 600 });
    let ask = |token: &str, method: &str, path: &str, body: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(server.address, head.as_bytes())
    };
    let status = |token: &str| ask(token, "GET", "/api/v1/services", "").status;
    let (of_first, of_second) = (first.token("first", &claims), second.token("second", &claims));
    assert_eq!((status(&of_first), status(&of_second)), (200, 401));
    assert_eq!(status(&second.token("first", &claims)), 401, "another key with the name of the first");
    // Row L8: without a role in the token, it is that of the settings.
    assert_eq!(ask(&of_first, "POST", "/api/v1/services", &web(&id(1), "web", "default")).status, 201);

    fs::write(&set, second.set("second")).unwrap();
    wait_until(|| status(&of_second) == 200);
    assert_eq!(status(&of_first), 401, "its key is gone");
    let mut admin = claims;
    admin["role"] = json!("admin");
    let records = || ask(&second.token("second", &admin), "GET", "/api/v1/audit", "").text();
    wait_until(|| records().contains("change_token_keys"));

    // A file that cannot be used changes nothing.
    fs::write(&set, "{").unwrap();
    wait_until(|| server.log().contains("keys.jwks"));
    assert_eq!(status(&of_second), 200);
}

/// Keys are shown once, kept as hashes in a file of their owner, and a damaged file lets no one in.
#[test]
fn the_file_of_keys_holds_no_secret_and_is_changed_as_a_whole() {
    let guarded = Guarded::start();
    let key = guarded.key(&["--role", "operator", "--expires", "90d", "--service", "shop-"]);
    let path = guarded.folder.path().join("keys.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(key.rsplit('_').next().unwrap()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let listed = String::from_utf8(guarded.key_command(&["list"]).stdout).unwrap();
    for part in ["ID", key.split('_').nth(1).unwrap(), "operator", "services shop-*", "active"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    for (args, parts) in [
        (&["revoke", "0000"] as &[&str], &["0000", "no key has this id", "hint:"] as &[&str]),
        (&["revoke", "test"], &["no key has this id", "it is the name of "]),
        (&["create", "--name", " "], &["--name", "1 to 100 characters"]),
        (&["create", "--name", "x", "--role", "owner"], &["owner", "viewer, agent, operator, admin"]),
        (&["create", "--name", "x", "--role", "agent"], &["--role agent", "for one host"]),
        (&["create", "--name", "x", "--service", ""], &["an empty text would be no limit"]),
        (&["create", "--name", "x", "--service", "shop-*"], &["'shop-*': it has no wildcards", "--service shop-:"]),
        (&["create", "--name", "x", "--namespace", "pro?"], &["--namespace 'pro?'", "a whole name"]),
    ] {
        let run = guarded.key_command(args);
        let said = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(2), "{args:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{args:?}: {said}");
    }

    // The keys that the server knows stay when the file is damaged; a new server does not start with it.
    fs::write(&path, "{").unwrap();
    wait_until(|| guarded.server.log().contains("the changed file cannot be used"));
    assert_eq!(guarded.send(Some(&key), "GET", "/api/v1/services", None).status, 200);
    assert_eq!(guarded.send(None, "GET", "/api/v1/services", None).status, 401);
    let config = guarded.folder.path().join("serve.toml");
    let said = Server::try_with(["--data", ":memory:", "--config", config.to_str().unwrap()]).err().unwrap();
    assert!(said.contains("keys.json: it is not a key file") && said.contains("portolan key create"), "{said}");
}

/// A key that is limited to hosts resets no counts, which are of all hosts; one that is limited to services learns of the
/// hosts of these services only.
#[test]
fn a_limited_key_resets_no_counts_of_all_hosts_and_sees_no_foreign_host() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let of_host = guarded.key(&["--role", "admin", "--host", "web1"]);
    let shop = guarded.key(&["--role", "operator", "--service", "shop-"]);
    for (number, name, node) in [(1, "shop-cart", "web1"), (2, "pay", "web2")] {
        let body = json!({ "id": id(number), "name": name, "address": "10.0.0.1", "port": 80, "node": node });
        assert_eq!(guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&body.to_string())).status, 201);
        let report = json!({ "host": node, "interval": 10, "gaps": ["a gap of this host"], "findings": [] });
        assert_eq!(guarded.send(Some(&admin), "POST", "/api/v1/drift", Some(&report.to_string())).status, 204);
    }

    let reset = |key: &str| guarded.send(Some(key), "DELETE", "/api/v1/load-balancer/pay/stats", None).status;
    assert_eq!((reset(&of_host), reset(&admin)), (403, 204));

    let hosts = |key: &str| {
        let hosts = guarded.send(Some(key), "GET", "/api/v1/drift", None).json()["data"]["hosts"].clone();
        let hosts = hosts.as_array().unwrap().iter();
        hosts.map(|host| (host["host"].clone(), host["gaps"].as_array().unwrap().len())).collect::<Vec<_>>()
    };
    assert_eq!(hosts(&shop), [(json!("web1"), 0)]);
    let all = vec![(json!("web1"), 1), (json!("web2"), 1)];
    assert_eq!((hosts(&admin), hosts(&of_host)), (all.clone(), all), "a limit to hosts is none to what is read");
}

/// Each setting below `auth` turns authentication on, whether or not there is anything to check tokens with.
#[test]
fn a_setting_of_authentication_never_leaves_a_server_open() {
    let folder = folder();
    let check = |settings: &str| {
        let file = folder.path().join("serve.yaml");
        fs::write(&file, format!("auth: {settings}\n")).unwrap();
        let mut command = Command::new(portolan_path());
        command.args(["serve", "--check", "--data", ":memory:", "--config"]).arg(&file);
        let run = command.env_clear().env("STATE_DIRECTORY", folder.path()).output().unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap())
    };

    for settings in [
        "{rbac: {default_role: viewer}}",
        "{jwt: {issuer: me}}",
        "{jwt: {audience: me}}",
        "{jwt: {expiration: 5m}}",
        "{jwt: {algorithms: [EdDSA]}}",
    ] {
        let (code, text) = check(settings);
        assert!(code == Some(0) && text.contains("# authentication: API keys of "), "{settings}: {text}");
        assert_eq!(text.contains("tokens (there is no auth.jwt.secret_file"), settings.contains("jwt"), "{text}");
    }
    let (code, text) = check("{jwt: {algorithms: [none]}}");
    assert!(code == Some(2) && text.contains("auth.jwt.algorithms cannot be 'none'"), "{text}");
    assert!(check("{rbac: {enabled: false}}").1.contains("off: authentication"));
}

/// A check may lead to this machine only if no API that takes checks is reached from another one.
#[test]
fn own_addresses_are_checked_only_if_every_api_is_on_loopback() {
    for (wide, is_allowed) in [
        (&["--consul", "127.0.0.1:0", "--eureka", "127.0.0.1:0"] as &[&str], true),
        (&["--consul", "0.0.0.0:0"], false),
        (&["--eureka", "0.0.0.0:0"], false),
        (&["--consul", "127.0.0.1:0", "--eureka", "0.0.0.0:0"], false),
    ] {
        let server = Server::with([&["--data", ":memory:", "--insecure"], wide].concat());
        let stats = server.get("/api/v1/health-monitor/stats").json()["data"].clone();
        assert_eq!(stats["allow_own_addresses"], is_allowed, "{wide:?}: {stats}");
    }
}

/// With authentication a server may listen beyond this machine, and says that credentials are readable on the way.
#[test]
fn a_server_with_authentication_may_listen_beyond_this_machine() {
    let folder = folder();
    let data = folder.path().join("keys.json");
    let check = |more: &[&str]| {
        let mut command = Command::new(portolan_path());
        command.args(["serve", "--check", "--data", ":memory:", "--host", "0.0.0.0"]).args(more);
        command.env_clear().env("PORTOLAN__AUTH__KEYS_FILE", &data).output().unwrap()
    };
    let run = check(&[]);
    let text = String::from_utf8(run.stdout).unwrap();

    assert_eq!(run.status.code(), Some(0));
    assert!(text.contains("# authentication: API keys of ") && text.contains("unencrypted"), "{text}");
    let run = check(&["--insecure"]);
    let text = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot use --insecure: auth.keys_file") && text.contains("--dns-public"), "{text}");

    let run = check(&["--dns", "0.0.0.0:5399"]);
    let text = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.code() == Some(2) && text.contains("add --dns-public"), "{text}");
    let run = check(&["--dns", "0.0.0.0:5399", "--dns-public"]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.code() == Some(0) && text.contains("# authentication: API keys of "), "{text}");
}

/// A foreign id and an unknown one take the same way: neither reaches the writer, whose work takes time, and both leave the
/// same record.
#[test]
fn a_foreign_id_costs_the_server_the_same_work_as_an_unknown_one() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let shop = guarded.key(&["--role", "operator", "--namespace", "shop"]);
    guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&web(&id(1), "secret", "pay")));
    let rejected = || {
        let metrics = guarded.send(Some(&admin), "GET", "/metrics", None).text();
        metrics.lines().find(|line| line.starts_with("portolan_rejected_writes_total")).unwrap().to_owned()
    };

    let before = rejected();
    for id in [id(1), id(2)] {
        let path = format!("/api/v1/services/{id}");
        assert_eq!(guarded.send(Some(&shop), "DELETE", &path, None).status, 404);
        assert_eq!(guarded.send(Some(&shop), "PUT", &path, Some(r#"{"weight":9}"#)).status, 404);
        assert_eq!(rejected(), before, "the writer did not see it");
    }
    guarded.send(Some(&admin), "DELETE", &format!("/api/v1/services/{}", id(2)), None);
    assert_ne!(rejected(), before, "an unknown id of a caller without a scope does reach it");

    let of = |wanted: &str| {
        let records =
            guarded.send(Some(&admin), "GET", "/api/v1/audit?who=key", None).json()["data"]["records"].clone();
        let key = format!("key {}", shop.split('_').nth(1).unwrap());
        let mut found = Vec::new();
        for record in records.as_array().unwrap() {
            if record["target"] == wanted && record["who"].as_str().unwrap().starts_with(&key) {
                found.push((record["action"].clone(), record["result"].clone(), record["detail"].clone()));
            }
        }
        found
    };
    wait_until(|| of(&id(1)).len() == 2 && of(&id(2)).len() == 2);
    assert_eq!(of(&id(1)), of(&id(2)));
}
