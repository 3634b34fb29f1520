//! TLS of the server, as curl and portolan's own client see it.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};

use super::Server;
use super::server::{exchange, folder, wait_until};
use crate::support::{TempDir, output, portolan_path, tool};

/// An authority, and what it issues.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(super) pem: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::named("authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate with the name of its issuer for a self-signed one.
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes `NAME.pem`, a certificate for 127.0.0.1 with its key.
    pub(super) fn issue(&self, folder: &Path, name: &str) {
        self.issue_for(folder, name, &[]);
    }

    /// The same with more names.
    fn issue_for(&self, folder: &Path, name: &str, names: &[SanType]) {
        let mut params = params(name);
        params.subject_alt_names.extend_from_slice(names);
        self.sign(folder, name, &params);
    }

    /// The same, valid until `end`, in seconds since 1970.
    fn issue_until(&self, folder: &Path, name: &str, end: i64) {
        let mut params = params(name);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(end.unsigned_abs());
        self.sign(folder, name, &params);
    }

    fn sign(&self, folder: &Path, name: &str, params: &CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        // As a certificate manager does it: the new file takes the place of the old one at once.
        let draft = folder.join("draft");
        fs::write(&draft, format!("{}{}", certificate.pem(), key.serialize_pem())).unwrap();
        fs::rename(draft, folder.join(format!("{name}.pem"))).unwrap();
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server with the certificate `server.pem`.
pub(super) fn start(folder: &TempDir, more: &[&str]) -> Server {
    let certificate = folder.path().join("server.pem");
    let args = ["--data", ":memory:", "--tls-cert", certificate.to_str().unwrap()];
    Server::with([&args, more].concat())
}

/// The exit code and the output of curl.
fn curl(server: &Server, folder: &TempDir, args: &[&str]) -> (Option<i32>, String) {
    curl_path(server, folder, "/health", args)
}

pub(super) fn curl_path(server: &Server, folder: &TempDir, path: &str, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("https://{}{path}", server.address);
    let ran = output(tool("curl").current_dir(folder.path()).args(["-sSi", "--cacert", "ca.pem"]).args(args).arg(url));
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// Row N9: the certificate is replaced while the server runs, and no connection is lost by it.
#[test]
fn a_replaced_certificate_is_used_for_new_connections_and_open_ones_go_on() {
    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    authority.issue(folder.path(), "server");
    let server = start(&folder, &[]);

    for versions in [["--tlsv1.3", "--http1.1"].as_slice(), &["--tlsv1.2", "--tls-max", "1.2"]] {
        let (code, text) = curl(&server, &folder, versions);
        assert_eq!(code, Some(0), "{versions:?}: {text}");
        let text = text.to_lowercase();
        for line in [
            "http/1.1 200",
            "strict-transport-security: max-age=31536000",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
    let plain = exchange(server.address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(plain.status, 400);
    assert_eq!(plain.json()["error"]["code"], "tls_required");
    // The load generator has no TLS, and says so plainly for either spelling.
    for scheme in ["http", "https"] {
        let mut bench = Command::new(portolan_path());
        bench.args(["bench", "discover", "--server", &format!("{scheme}://{}", server.address)]).env_clear();
        let refused = output(&mut bench);
        let text = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains("the server speaks TLS, and the load is sent without it\nhint: "), "{text}");
    }

    // An event stream of portolan's own client, opened with the old certificate.
    let mut watch = Command::new(portolan_path());
    let address = format!("https://{}", server.address);
    watch.args([
        "discover",
        "portolan",
        "--watch",
        "-o",
        "ndjson",
        "--until",
        "item.name=second",
        "--address",
        &address,
        "--ca",
        "ca.pem",
    ]);
    watch.current_dir(folder.path()).env_clear().stdout(std::process::Stdio::piped());
    let watch = watch.spawn().unwrap();
    let register = |name: &str| {
        let body = format!(r#"{{"name":"{name}","address":"10.0.0.1","port":80}}"#);
        let url = format!("https://{}/api/v1/services", server.address);
        let ran = output(tool("curl").args(["-sSk", "-H", "Content-Type: application/json", "-d", &body, &url]));
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    register("first");

    let other = Authority::new();
    other.issue(folder.path(), "server");
    wait_until(|| server.log().contains("new connections get the changed certificate"));
    let (code, text) = curl(&server, &folder, &[]);
    assert!(code != Some(0) && !text.contains("healthy"), "{code:?} {text}");
    fs::write(folder.path().join("ca.pem"), &other.pem).unwrap();
    assert_eq!(curl(&server, &folder, &[]).0, Some(0));
    register("second");
    let seen = watch.wait_with_output().unwrap();
    let seen = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.contains("second") && !seen.contains("\"stale\""), "{seen}");

    // A half-written file changes nothing.
    fs::write(folder.path().join("server.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    wait_until(|| server.log().contains("the certificate stays"));
    assert_eq!(curl(&server, &folder, &[]).0, Some(0));
}

/// The figure after a name in the metrics.
#[track_caller]
fn metric(metrics: &str, name: &str) -> i64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name} is not in\n{metrics}")).parse().unwrap()
}

/// An operator sees when the certificate expires: in the metrics, in the status and in `doctor`. All follow a new file.
#[test]
fn the_end_of_the_certificate_is_shown_and_follows_a_new_one() {
    const DAY: i64 = 86_400;

    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    authority.issue_until(folder.path(), "server", now + 90 * DAY);
    let server = start(&folder, &[]);
    let expiry = || {
        let (_, text) = curl_path(&server, &folder, "/metrics", &[]);
        metric(&text, "portolan_certificate_expiry_timestamp_seconds")
    };
    let portolan = |args: &[&str]| {
        let mut command = Command::new(portolan_path());
        command.args(args).current_dir(folder.path()).env_clear().env("STATE_DIRECTORY", folder.path());
        command.env("PORTOLAN_REGISTRY", format!("https://{}", server.address)).env("PORTOLAN_CACERT", "ca.pem");
        String::from_utf8(output(&mut command).stdout).unwrap()
    };
    assert_eq!(expiry(), now + 90 * DAY);
    let status = portolan(&["status"]);
    assert!(status.contains("certificate         expires 2") && status.contains("Z, in "), "{status}");
    let doctor = portolan(&["doctor"]);
    assert!(doctor.contains("ok           certificate    the server's certificate expires 2"), "{doctor}");

    authority.issue_until(folder.path(), "server", now + 5 * DAY);
    wait_until(|| expiry() == now + 5 * DAY);
    let doctor = portolan(&["doctor"]);
    assert!(doctor.contains("warn         certificate "), "{doctor}");
    let status: serde_json::Value = serde_json::from_str(&portolan(&["status", "--json"])).unwrap();
    let left = status["status"]["certificate"]["expires_in_seconds"].as_i64().unwrap();
    assert!((4 * DAY..=5 * DAY).contains(&left), "{status}");

    // Without TLS there is none.
    let plain = Server::in_memory();
    assert!(!plain.get("/metrics").text().contains("portolan_certificate_expiry"));
    assert!(plain.get("/api/v1/status").json()["data"]["certificate"].is_null());
}

/// Row N11: the header fields of each answer, also of errors; HSTS only over TLS.
#[test]
fn each_answer_has_the_header_fields_that_protect_browsers() {
    let server = Server::in_memory();
    for path in ["/health", "/api/v1/services", "/nothing", "/api/v1/services?limit=x"] {
        let reply = server.get(path);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(reply.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert!(
            reply.header("x-request-id").is_some() && reply.header("strict-transport-security").is_none(),
            "{path}"
        );
    }
}

/// With authorities for clients, only a client with their certificate gets an answer.
#[test]
fn a_client_needs_a_certificate_where_the_server_asks_for_one() {
    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    for name in ["server", "client"] {
        authority.issue(folder.path(), name);
    }
    Authority::new().issue(folder.path(), "stranger");
    let ca = folder.path().join("ca.pem");
    let server = start(&folder, &["--tls-client-ca", ca.to_str().unwrap()]);

    assert_eq!(curl(&server, &folder, &["--cert", "client.pem"]).0, Some(0));
    for args in [&[] as &[&str], &["--cert", "stranger.pem"]] {
        let (code, text) = curl(&server, &folder, args);
        assert!(code != Some(0) && !text.contains("healthy"), "{args:?}: {code:?} {text}");
    }
}

/// Each handshake that fails is counted by its reason. The log has the address of the client and the reason in words, but not
/// a line for each.
#[test]
fn failed_handshakes_are_counted_and_named() {
    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    for name in ["server", "client"] {
        authority.issue(folder.path(), name);
    }
    let stranger = Authority::named("another authority");
    stranger.issue(folder.path(), "stranger");
    fs::write(folder.path().join("other.pem"), &stranger.pem).unwrap();
    let ca = folder.path().join("ca.pem");
    let server = start(&folder, &["--tls-client-ca", ca.to_str().unwrap()]);
    let failed = |reason: &str| {
        let (_, text) = curl_path(&server, &folder, "/metrics", &["--cert", "client.pem"]);
        metric(&text, &format!("portolan_failed_handshakes_total{{reason=\"{reason}\"}}"))
    };

    for (reason, args, words) in [
        ("no_client_certificate", &[] as &[&str], "the client has no certificate"),
        (
            "client_certificate",
            &["--cert", "stranger.pem"],
            "the client's certificate is refused: the certificate's issuer is not trusted",
        ),
        (
            "server_certificate",
            &["--cert", "client.pem", "--cacert", "other.pem"],
            "the client refuses the certificate of this server",
        ),
        ("incompatible", &["--cert", "client.pem", "--tls-max", "1.2", "--ciphers", "AES128-SHA"], "in common"),
    ] {
        assert_ne!(curl(&server, &folder, args).0, Some(0), "{reason}");
        wait_until(|| failed(reason) == 1);
        wait_until(|| server.log().contains(words));
        let line = server.log().lines().find(|line| line.contains(words)).unwrap().to_owned();
        assert!(line.contains("WARN") && line.contains("peer=127.0.0.1:"), "{line}");
    }
    assert_eq!(exchange(server.address, b"GET / HTTP/1.1\r\n\r\n").status, 400);
    wait_until(|| failed("plain_http") == 1);
    wait_until(|| server.log().contains("the client speaks HTTP without TLS"));

    // A check that only connects is counted.
    drop(TcpStream::connect(server.address).unwrap());
    wait_until(|| failed("closed") == 1);
    assert!(!server.log().contains("closed the connection"), "{}", server.log());

    for _ in 0..9 {
        curl(&server, &folder, &[]);
    }
    wait_until(|| failed("no_client_certificate") == 10);
    let lines = server.log().matches("the client has no certificate").count();
    assert!((5..10).contains(&lines), "{}", server.log());
    assert_eq!(curl(&server, &folder, &["--cert", "client.pem"]).0, Some(0));
}

/// A handshake costs the server far more than the client, so each address has a limit of its own.
#[test]
fn an_address_that_begins_too_many_handshakes_is_cut_off_before_them() {
    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    authority.issue(folder.path(), "server");
    let settings = folder.path().join("serve.toml");
    fs::write(&settings, "[server.limits]\nhandshakes_per_second_per_address = 1\n").unwrap();
    let server = start(&folder, &["--config", settings.to_str().unwrap()]);

    // The beginning of a ClientHello, and nothing more.
    let begun: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(&[22, 3, 1]).unwrap();
            stream
        })
        .collect();
    wait_until(|| limited_handshakes(&server, &folder) > 0);
    wait_until(|| server.log().contains("the address begins too many handshakes"));
    drop(begun);
}

/// How many handshakes were not taken, as a client at another address reads it.
fn limited_handshakes(server: &Server, folder: &TempDir) -> i64 {
    let (code, text) = curl_path(server, folder, "/metrics", &["--interface", "127.0.0.2"]);
    assert_eq!(code, Some(0), "another address is not limited: {text}");
    metric(&text, "portolan_failed_handshakes_total{reason=\"limited\"}")
}

/// Names of client certificates have roles and scopes, as keys have, and stand in the audit log.
#[test]
fn a_client_certificate_permits_what_its_rule_says() {
    let folder = folder();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let uri = SanType::URI("spiffe://shop/agent".try_into().unwrap());
    let dns = SanType::DnsName("watcher.internal".try_into().unwrap());
    authority.issue(folder.path(), "server");
    authority.issue(folder.path(), "admin");
    authority.issue(folder.path(), "other");
    authority.issue_for(folder.path(), "agent", &[uri]);
    authority.issue_for(folder.path(), "watcher", &[dns]);
    let settings = folder.path().join("serve.yaml");
    let rules = "auth:\n  keys_file: keys.json\n  certificates:\n    - CN=admin role=admin\n    - DNS=watcher.internal role=viewer\n    - URI=spiffe://shop/agent role=operator namespace=shop\n";
    fs::write(&settings, rules).unwrap();
    let ca = folder.path().join("ca.pem");
    let more = ["--tls-client-ca", ca.to_str().unwrap(), "--config", settings.to_str().unwrap()];
    let server = start(&folder, &more);

    let send = |who: &str, method: &str, path: &str, body: &str| {
        let url = format!("https://{}{path}", server.address);
        let mut curl = tool("curl");
        curl.current_dir(folder.path()).args([
            "-sSk",
            "-w",
            "\n%{http_code}",
            "-X",
            method,
            "--cert",
            &format!("{who}.pem"),
        ]);
        let ran = output(curl.args(["-H", "Content-Type: application/json", "-d", body, &url]));
        let text = String::from_utf8(ran.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse::<u16>().unwrap(), body.to_owned())
    };
    let web = |namespace: &str| format!(r#"{{"name":"web","namespace":"{namespace}","address":"10.0.0.1","port":80}}"#);
    for (who, method, path, body, status) in [
        ("agent", "POST", "/api/v1/services", web("shop"), 201),
        ("agent", "POST", "/api/v1/services", web("pay"), 403),
        ("watcher", "POST", "/api/v1/services", web("shop"), 403),
        ("watcher", "GET", "/api/v1/services", String::new(), 200),
        ("other", "GET", "/api/v1/services", String::new(), 401),
        ("other", "GET", "/health", String::new(), 200),
        ("agent", "GET", "/api/v1/audit", String::new(), 403),
    ] {
        let (found, text) = send(who, method, path, &body);
        assert_eq!(found, status, "{who} {method} {path}: {text}");
    }
    wait_until(|| send("admin", "GET", "/api/v1/audit", "").1.contains("certificate without a rule"));
    let (_, audit) = send("admin", "GET", "/api/v1/audit", "");
    assert!(
        audit.contains("certificate URI=spiffe://shop/agent") && audit.contains("certificate DNS=watcher.internal")
    );

    // A key counts before the certificate, also a wrong one.
    let url = format!("https://{}/api/v1/services", server.address);
    let mut curl = tool("curl");
    curl.current_dir(folder.path()).args(["-sSk", "-o", "/dev/null", "-w", "%{http_code}", "--cert", "admin.pem"]);
    let ran = output(curl.args(["-H", "Authorization: Bearer ptl_0_0", &url]));
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "401");

    let without_ca = Server::try_with(["--data", ":memory:", "--config", settings.to_str().unwrap()]).err().unwrap();
    assert!(
        without_ca.contains("the server requests no client certificates") && without_ca.contains("--tls-client-ca"),
        "{without_ca}"
    );
}
