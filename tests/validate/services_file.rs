//! Services files as people write them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

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
