//! Services files as people write them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rcgen::KeyPair;
use serde_json::Value;

use crate::peer::{Peer, answer};
use crate::pki::{Authority, NAME, put};
use crate::support::{Outcome, TempDir, output, portolan_path};

/// A web server that gives the same reply to every request, and the requests that it got.
fn web(status: &'static str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            if length > 0 {
                let _ = sender.send(String::from_utf8_lossy(&request[..length]).into_owned());
            }
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });

    (address, requests)
}

/// portolan validate with a file of this text, and these words after the file.
fn validate(name: &str, text: &str, words: &[&str]) -> Outcome {
    let directory = TempDir::new();
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    let mut command = Command::new(portolan_path());
    command.env_clear().env("TOKEN", "s3cret").arg("validate").arg(&file).args(words);
    Outcome::new(output(&mut command))
}

fn document(ran: &Outcome) -> Value {
    serde_json::from_str(ran.text()).unwrap_or_else(|error| panic!("{error}: {}{}", ran.text(), ran.stderr))
}

/// H9: one service of a file can be checked alone.
#[test]
fn one_service_is_checked_alone() {
    let (address, _requests) = web("200 OK");
    let text = format!(
        "[[service]]\nname = 'up'\nendpoints = '{address}'\n\
         [[service]]\nname = 'down'\nnamespace = 'x'\nendpoints = '127.0.0.1:1'\n"
    );
    let ran = validate("s.toml", &text, &["up", "--json"]);
    let items = document(&ran)["items"].as_array().unwrap().clone();
    assert_eq!((items.len(), &items[0]["name"], ran.code), (1, &Value::from("up"), Some(0)));

    for word in ["down", "file/x/down"] {
        let ran = validate("s.toml", &text, &[word, "--json", "--min-score", "80"]);
        assert_eq!((document(&ran)["items"][0]["id"].as_str(), ran.code), (Some("file/x/down"), Some(1)), "{word}");
    }
    let ran = validate("s.toml", &text, &["dwn"]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("has no service of that name\nhint: did you mean down?"),
        "{}",
        ran.stderr
    );
}

/// A service is checked although others need variables that are not set, and one error names all of them.
#[test]
fn unset_variables_matter_only_where_they_are_used() {
    let (address, _requests) = web("200 OK");
    let text = format!(
        "[defaults]\nheader = 'Authorization: Bearer ${{API_TOKEN}}'\n\
         [[service]]\nname = 'api'\nendpoints = 'http://{address}/x?key=${{API_KEY}}'\n\
         [[service]]\nname = 'db'\nendpoints = '{address}'\nprotocol = 'tcp'\n"
    );
    let ran = validate("s.toml", &text, &["db", "--json"]);
    assert_eq!((ran.code, document(&ran)["items"][0]["name"].as_str()), (Some(0), Some("db")), "{}", ran.stderr);

    for words in [&[][..], &["api"]] {
        let ran = validate("s.toml", &text, words);
        let error = "s.toml:2:1: these variables are not set: API_TOKEN (defaults.header), API_KEY (service 'api': endpoints)\n\
                     hint: set them, or write defaults, as in ${API_TOKEN:-default}\n";
        assert!(ran.code == Some(2) && ran.stderr.ends_with(error), "{words:?}: {}", ran.stderr);
    }
}

/// H9: variables reach the server, and nothing that is printed.
#[test]
fn values_of_variables_are_never_shown() {
    let (address, requests) = web("500 Oh");
    let text = format!(
        "service:\n- name: a\n  endpoints: \"http://{address}/x?q=${{TOKEN}}\"\n  header: \"X-Key: ${{TOKEN}}\"\n  \
         body: \"${{TOKEN}}\"\n  labels: {{team: shop}}\n"
    );
    for format in ["json", "yaml", "csv", "wide", "explain", "junit", "prometheus"] {
        let ran = validate("s.yaml", &text, &["-o", format]);
        let request = requests.recv().unwrap();
        assert!(request.starts_with("POST /x?q=s3cret HTTP/1.1") && request.contains("s3cret\r\n"), "{request}");
        assert!(!format!("{}{}", ran.text(), ran.stderr).contains("s3cret"), "{format}: {}{}", ran.text(), ran.stderr);
        assert!(ran.text().contains("/x?q=***") || matches!(format, "csv" | "prometheus"), "{format}: {}", ran.text());
    }
}

/// H9: a service has its own min-score, ignored codes and expectations; `[defaults]` apply to the others.
#[test]
fn a_service_has_its_own_limits() {
    let (address, _requests) = web("404 Not Found");
    let service = |more: &str| {
        format!("[defaults]\nprotocol = 'http'\n[[service]]\nname = 'a'\nendpoints = ['{address}']\n{more}\n")
    };
    for (more, score, code) in [
        ("", 98, 0),
        ("min-score = 99", 98, 1),
        ("min-score = 99\nignore = 'http-no-root'", 100, 0),
        ("expect-status = 404", 100, 0),
        ("expect-status = [200, 404]\nsamples = 2", 100, 0),
        ("check = 'tcp'\ntimeout = 1\nretries = 0", 100, 0),
    ] {
        let ran = validate("s.toml", &service(more), &["--json"]);
        let health = &document(&ran)["items"][0]["endpoints"][0]["health"];
        assert_eq!((health["score"].as_i64(), ran.code), (Some(score), Some(code)), "{more}: {health} {}", ran.stderr);
    }
    let ran = validate("s.toml", &service("ignore = 'http-no-rot'"), &[]);

    assert!(
        ran.code == Some(2) && ran.stderr.contains("service 'a': ignore: 'http-no-rot': no finding has that code"),
        "{}",
        ran.stderr
    );
}

/// H9: labels are the labels of metrics and the properties of test cases.
#[test]
fn labels_reach_prometheus_and_junit() {
    let (address, _requests) = web("200 OK");
    let text = format!(
        "[[service]]\nname = 'a'\nendpoints = '{address}'\nlabels = {{ team = 'shop', id = 'x', 'a-b' = 1 }}\n"
    );
    let ran = validate("s.toml", &text, &["-o", "prometheus"]);
    let line = ran.text().lines().find(|line| line.starts_with("portolan_endpoint_health_score{")).unwrap();
    for label in ["team=\"shop\"", "label_id=\"x\"", "a_b=\"1\"", "id=\"file/a\""] {
        assert!(line.contains(label), "{line}");
    }
    let ran = validate("s.toml", &text, &["-o", "junit"]);
    assert!(ran.text().contains(r#"<property name="team" value="shop"/>"#), "{}", ran.text());
}

/// H9: a service has its own authority and its own pin, beside those of the command line.
#[test]
fn a_service_has_its_own_trust() {
    let directory = TempDir::new();
    let (ours, other) = (Authority::root("ours"), Authority::root("other"));
    let shown = ours.issue(KeyPair::generate().unwrap(), |_| {});
    let peer = shown.serve();
    put(directory.path(), "ours.pem", &ours.pem);
    put(directory.path(), "other.pem", &other.pem);
    let digest = ring::digest::digest(&ring::digest::SHA256, &shown.chain[0]);
    let digest: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = digest.concat();

    let file = directory.path().join("s.toml");
    let rows = [
        ("by-authority", "ca = 'ours.pem'".to_owned(), None),
        ("by-foreign-authority", "ca = 'other.pem'".to_owned(), Some("cert-untrusted")),
        ("by-pin", format!("pin = '{digest}'"), None),
        ("by-foreign-pin", format!("pin = '{}'", "0".repeat(64)), Some("cert-pin-mismatch")),
        ("by-default", String::new(), Some("cert-untrusted")),
    ];
    let services = rows.iter().map(|(name, key, _)| {
        format!(
            "[[service]]\nname = '{name}'\nendpoints = 'https://{}/'\nserver-name = '{NAME}'\n{key}\n",
            peer.address
        )
    });
    fs::write(&file, services.collect::<String>()).unwrap();

    let mut command = Command::new(portolan_path());
    command.env_clear().arg("validate").arg(&file).args(["--json", "--no-check", "dns"]);
    let document = document(&Outcome::new(output(&mut command)));
    for (name, _, finding) in rows {
        let item = document["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap();
        let findings = item["endpoints"][0]["health"]["findings"].as_array().unwrap();
        let codes: Vec<&str> = findings.iter().filter_map(|found| found["code"].as_str()).collect();
        assert_eq!(codes.iter().find(|code| code.starts_with("cert-")).copied(), finding, "{name}: {codes:?}");
    }
}

/// H9: intervals and thresholds of a service are its own.
#[test]
fn a_service_has_its_own_interval_and_thresholds() {
    let directory = TempDir::new();
    let file = directory.path().join("s.toml");
    let (often, rarely) = (Peer::http(|_| answer("200 OK", "", "")), Peer::http(|_| answer("200 OK", "", "")));
    // Fails once after each four replies.
    let count = AtomicUsize::new(0);
    let flaky = Peer::http(move |_| {
        let fails = count.fetch_add(1, Ordering::SeqCst) % 4 == 3;
        answer(if fails { "500 No" } else { "200 OK" }, "", "")
    });
    let service = |name: &str, peer: &Peer, more: &str| {
        format!("[[service]]\nname = '{name}'\nendpoints = '{}'\n{more}\n", peer.url("/"))
    };
    let text = service("often", &often, "interval = 0.05")
        + &service("rarely", &rarely, "interval = 3600")
        + &service("calm", &flaky, "interval = 0.05\nfall = 3\nrise = 1");
    fs::write(&file, text).unwrap();

    let mut command = Command::new(portolan_path());
    command.env_clear().arg("validate").arg(&file).args([
        "--watch",
        "--json",
        "--for",
        "4s",
        "--no-check",
        "dns,stability",
    ]);
    let ran = Outcome::new(output(&mut command));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(often.accepted() > 3 && rarely.accepted() <= 3, "{} and {} checks", often.accepted(), rarely.accepted());
    assert!(flaky.accepted() > 8, "{} checks", flaky.accepted());
    let updates = ran.text().lines().filter(|line| line.contains("\"type\":\"updated\"") && line.contains("\"calm\""));
    assert_eq!(updates.count(), 0, "one failure of three in a row is not confirmed: {}", ran.text());
}
