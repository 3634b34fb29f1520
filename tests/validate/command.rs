//! `portolan validate` as a user runs it, against servers of the test's own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::peer::{Peer, answer, closed_port};
use crate::pki::{Authority, Shown};
use crate::{TempDir, portolan};

/// The codes of the findings of the only endpoint, and its score.
fn judged(args: &[&str]) -> (Vec<String>, Option<u64>) {
    let ran = portolan(["validate", "--json", "--timeout", "400ms", "--retries", "0"].iter().chain(args));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let health = &document["items"][0]["endpoints"][0]["health"];
    let codes = health["findings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned());
    // The speed of this machine must not affect the test.
    (codes.filter(|code| !code.contains("latency")).collect(), health["score"].as_u64())
}

fn codes(args: &[&str]) -> Vec<String> {
    judged(args).0
}

#[test]
fn statuses_and_what_they_cost() {
    let peer = Peer::http(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            "/ok" => {
                answer("200 OK", "Content-Type: application/json\r\n", r#"{"status":"ok","checks":[{"ready":true}]}"#)
            }
            "/empty" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "/later" => answer("503 Busy", "Retry-After: 5\r\n", "OK"),
            "/broken" => answer("500 No", "", "OK"),
            "/slow-down" => answer("429 Slow", "", ""),
            path if path.starts_with("/secret") => answer("401 Who", "", ""),
            "/odd" => answer("999 Odd", "", ""),
            "/fail" => answer("200 OK", "", "FAIL"),
            "/two-lengths" => b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
            _ => answer("404 Not", "", ""),
        }
    });
    let at = |path: &str| codes(&[&peer.url(path)]);
    assert_eq!(at("/ok"), [""; 0]);
    assert_eq!(at("/empty"), [""; 0]);
    assert_eq!(at("/later"), ["http-unavailable"]);
    assert_eq!(at("/broken"), ["http-5xx"]);
    assert_eq!(at("/slow-down"), ["http-throttled"]);
    assert_eq!(at("/secret"), ["http-auth-required"]);
    // Credentials of any kind that a server refuses are wrong, not missing.
    assert_eq!(at("/secret?page=1"), ["http-auth-required"]);
    assert_eq!(at("/secret?api_key=wrong"), ["http-unexpected-status"]);
    for header in
        ["Authorization: Bearer x", "Cookie: a=b", "X-Api-Key: x", "X-Auth-Token: x", "Proxy-Authorization: x"]
    {
        assert_eq!(codes(&[&peer.url("/secret"), "--header", header]), ["http-unexpected-status"], "{header}");
    }
    assert_eq!(codes(&[&peer.url("/secret"), "--header", "X-Request-Id: 7"]), ["http-auth-required"]);
    assert_eq!(at("/odd"), ["http-unexpected-status"]);
    assert_eq!(at("/gone"), ["http-not-found"]);
    assert_eq!(at(""), ["http-no-root"]);
    assert_eq!(at("/two-lengths"), ["http-invalid"]);
    let url = peer.url("/ok");
    assert_eq!(codes(&[&url, "--expect-json", "/status=ok,", "--expect-status", "200"]), ["http-assertion-failed"]);
    let well = [
        "--expect-json",
        "/status=ok",
        "--expect-json",
        "/checks/0/ready=true",
        "--expect-header",
        "content-type: json",
    ];
    assert_eq!(codes(&[&[url.as_str()], &well[..]].concat()), [""; 0]);
    assert_eq!(codes(&[&url, "--expect-header", "x-missing"]), ["http-assertion-failed"]);
    assert_eq!(codes(&[&peer.url("/fail"), "--expect-body", "^OK$"]), ["http-assertion-failed"]);
    assert_eq!(codes(&[&peer.url("/broken"), "--expect-status", "500"]), [""; 0]);
    assert_eq!(codes(&[&peer.url("/broken"), "--ignore", "http-5xx"]), [""; 0]);

    // A reply that was stated is owed, also where credentials or the path may be missing.
    for stated in [["--expect-status", "200"], ["--expect-json", "/status=ok"], ["--expect-header", "x-any"]] {
        let at = |path: &str| codes(&[&[peer.url(path).as_str()], &stated[..]].concat());
        assert_eq!(
            (at("/secret"), at("")),
            (vec!["http-unexpected-status".to_owned()], vec!["http-not-found".to_owned()])
        );
    }
}

/// What is ignored of a certificate must not make a check that never ran pass.
#[test]
fn the_request_is_sent_although_the_certificate_is_ignored() {
    let peer = Shown::self_signed(|_| ()).serve();
    let url = format!("https://{}", peer.target());
    let ignored = [url.as_str(), "--ignore", "cert-untrusted", "--ignore", "cert-name-mismatch"];
    assert_eq!(codes(&ignored), [""; 0]);
    assert_eq!(codes(&[&ignored[..], &["--expect-body", "NOPE"]].concat()), ["http-assertion-failed"]);
}

#[test]
fn redirects_are_followed_only_where_that_is_safe() {
    let seen = Peer::http(|head| {
        let clean = !head.to_lowercase().contains("authorization") && !head.to_lowercase().contains("cookie");
        answer(if clean { "200 OK" } else { "500 Leaked" }, "", "")
    });
    let other = seen.url("/landed");
    let peer = Peer::http(move |head| match head.split(' ').nth(1).unwrap_or_default() {
        "/loop" => answer("302 Found", "Location: /loop\r\n", ""),
        "/ping" => answer("302 Found", "Location: /pong\r\n", ""),
        "/pong" => answer("302 Found", "Location: /ping\r\n", ""),
        "/file" => answer("302 Found", "Location: file:///etc/passwd\r\n", ""),
        "/link-local" => answer("302 Found", "Location: http://169.254.169.254/latest/meta-data\r\n", ""),
        "/other" => answer("307 Other", &format!("Location: {other}\r\n"), ""),
        path if path.starts_with("/far") => answer("302 Found", &format!("Location: {path}x\r\n"), ""),
        "/huge" => answer("302 Found", &format!("Location: /{}\r\n", "x".repeat(1 << 20)), ""),
        "/to-ok" => answer("301 Moved", "Location: /ok\r\n", ""),
        _ => answer("200 OK", "", "ok"),
    });
    let at = |path: &str, follow: &[&str]| codes(&[&[peer.url(path).as_str()], follow].concat());
    let follow = ["--follow", "--header", "Authorization: Bearer x", "--header", "Cookie: a=b"];
    assert_eq!(at("/to-ok", &[]), [""; 0], "a redirect is well by itself");

    assert_eq!(at("/to-ok", &["--follow", "--expect-body", "ok"]), [""; 0]);
    for path in ["/loop", "/ping", "/file", "/link-local", "/far"] {
        assert_eq!(at(path, &follow), ["http-redirect-unsafe"], "{path}");
    }
    assert_eq!(at("/huge", &follow), ["http-invalid"]);
    assert_eq!(at("/other", &follow), [""; 0], "credentials stay with their host");

    assert!(seen.accepted() > 0);
}

/// H2 (RFC 9110, 15.4): the method after a redirect, as curl and browsers send it.
#[test]
fn a_redirect_may_change_the_method_to_get() {
    let peer = Peer::http(|head| {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
        match path.strip_prefix('/').and_then(|code| code.parse::<u16>().ok()) {
            Some(303) if method == "GET" => answer("200 OK", "Method: GET\r\n", ""),
            Some(303) => answer("303 Other", "Location: /303\r\n", ""),
            Some(code) => answer(&format!("{code} Moved"), "Location: /end\r\n", ""),
            None => answer("200 OK", &format!("Method: {method}\r\n"), ""),
        }
    });

    for (method, code, after) in [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("HEAD", 302, "HEAD"),
    ] {
        let (url, expected) = (peer.url(&format!("/{code}")), format!("method: ^{after}$"));
        let args = [&url, "--method", method, "--follow", "--expect-header", &expected, "--expect-status", "200"];
        assert_eq!(codes(&args), [""; 0], "{method} {code}");
    }
}

/// H3: the Host of one origin, and anything that may be a credential, does not go to another.
#[test]
fn only_harmless_headers_follow_to_another_origin() {
    let other = Peer::http(|head| {
        let head = head.to_lowercase();
        let leaks = ["shop.test", "x-api-key", "secret"].iter().any(|word| head.contains(word));
        let is_kept = head.contains("accept-language: de") && head.contains("user-agent: probe");
        answer(if !leaks && is_kept { "200 OK" } else { "500 Leaked" }, "", "")
    });
    let landing = other.url("/landed");
    let peer = Peer::http(move |head| {
        let is_named = head.to_lowercase().contains("host: shop.test");
        match head.split(' ').nth(1).unwrap_or_default() {
            "/far" => answer("302 Found", &format!("Location: {landing}\r\n"), ""),
            "/near" => answer("302 Found", "Location: /end\r\n", ""),
            _ => answer(if is_named { "200 OK" } else { "500 Other" }, "", ""),
        }
    });

    let headers =
        ["Host: shop.test", "X-Api-Key: secret", "Accept-Language: de", "User-Agent: probe", "X-Trace: secret"];
    let headers: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
    for path in ["/far", "/near"] {
        let url = peer.url(path);
        assert_eq!(codes(&[&[url.as_str(), "--follow"], headers.as_slice()].concat()), [""; 0], "{path}");
    }
}

#[test]
fn peers_that_are_no_http_server() {
    let mute = Peer::serving(|_stream| {
        thread::sleep(Duration::from_mins(1));
    });
    assert_eq!(codes(&[&mute.target(), "--protocol", "http"]), ["http-timeout"]);
    let ssh = Peer::serving(|mut stream| drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")));
    assert_eq!(codes(&[&ssh.target(), "--protocol", "http"]), ["http-invalid"]);
    let endless = Peer::serving(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 8192]).is_ok() {}
    });
    assert_eq!(codes(&[&endless.target(), "--protocol", "http"]), [""; 0], "the rest of an endless body is not read");

    let broken = Peer::http(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
    assert_eq!(codes(&[&broken.target(), "--protocol", "http"]), ["http-invalid"]);
    let plain = Peer::http(|_| answer("400 Bad", "", ""));
    assert_eq!(codes(&[&plain.target(), "--protocol", "https"]), ["tls-handshake-failed"]);
    assert_eq!(judged(&[&closed_port().to_string()]), (vec!["tcp-refused".to_owned()], Some(0)));
}

#[test]
fn protocols_that_say_whether_they_are_well() {
    let redis = |answer: &'static [u8]| {
        Peer::serving(move |mut stream| {
            let mut question = [0; 6];
            std::io::Read::read_exact(&mut stream, &mut question).unwrap();
            assert_eq!(&question, b"PING\r\n");
            stream.write_all(answer).unwrap();
        })
    };
    let ask = |peer: &Peer| codes(&[&format!("redis://{}", peer.address)]);
    assert_eq!(ask(&redis(b"+PONG\r\n")), [""; 0]);

    assert_eq!(ask(&redis(b"-NOAUTH Authentication required.\r\n")), [""; 0], "it is alive, and only wants a password");
    assert_eq!(ask(&redis(b"-LOADING Redis is loading the dataset in memory\r\n")), ["protocol-unwell"]);
    assert_eq!(ask(&redis(b"\x1b[2J\n")), ["protocol-unwell"]);
}

#[test]
fn scripts_have_limits_and_end_as_a_group() {
    let peer = Peer::serving(drop);
    let run = |script: &[&str]| codes(&[&[peer.target().as_str(), "--check", "script", "--script"], script].concat());
    assert_eq!(run(&["true"]), [""; 0]);
    assert_eq!(run(&["false"]), ["script-warning"]);
    assert_eq!(run(&["sh", "-c", "exit 2"]), ["script-failed"]);
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]), ["script-failed"]);
    assert_eq!(run(&["sh", "-c", "sleep 60 & wait"]), ["script-timeout"]);

    assert_eq!(run(&["yes"]), ["script-timeout"], "endless output");
    assert_eq!(run(&["sh", "-c", "yes | head -c 1000000; yes | head -c 1000000 >&2"]), [""; 0], "much output");
    assert_eq!(run(&["sh", "-c", "test \"$PORTOLAN_TARGET_ADDRESS\" = 127.0.0.1"]), [""; 0]);
    let missing = portolan(["validate", "--json", &peer.target(), "--check", "script", "--script", "/no/such/program"]);
    let document: Value = serde_json::from_str(&missing.stdout).unwrap();
    let health = &document["items"][0]["endpoints"][0]["health"];

    assert_eq!(
        (&health["score"], &health["complete"], &health["state"]),
        (&Value::Null, &false.into(), &"unknown".into())
    );
}

#[test]
fn no_process_outlives_a_script() {
    let directory = TempDir::new();
    let mark = directory.path("alive");
    let script = format!("(sleep 2; echo alive > {}) & sleep 60", mark.display());
    let peer = Peer::serving(drop);
    assert_eq!(codes(&[&peer.target(), "--check", "script", "--script", "sh", "-c", &script]), ["script-timeout"]);
    // The grandchild would have written by the end of another script that waits as long.
    let waited =
        portolan(["validate", &peer.target(), "--check", "script", "--timeout", "30s", "--script", "sleep", "3"]);
    assert_eq!(waited.code, Some(0));
    assert!(!mark.exists(), "a grandchild lived on");
}

#[test]
fn thresholds_and_the_words_that_go_with_them() {
    let (good, closed) = (Peer::serving(drop), closed_port().to_string());
    let ran = portolan(["validate", &good.target(), &closed, "--min-score", "50", "-o", "name"]);
    assert_eq!(ran.code, Some(1));
    // The load of this machine must not affect the test.
    let said: Vec<&str> = ran.stderr.lines().filter(|line| !line.contains("this machine was busy")).collect();
    assert_eq!(said[..2], ["2 services", "1 healthy, 1 unhealthy"]);
    assert_eq!(said.last(), Some(&"1 service scored below --min-score 50"));
    assert_eq!(portolan(["validate", &good.target(), "--min-score", "50", "-q"]).code, Some(0));
    let ran = portolan(["validate", &closed, "--explain"]);
    let expected = format!(
        "{closed}  F 0 unhealthy\n  {closed}  F 0 (uncapped 100) unhealthy  coverage: tcp -dns -stability\n    \
         cap 0 tcp-refused  connection refused\n      hint: start the service, or check the port and the firewall\n"
    );
    assert_eq!(ran.stdout, expected);
}

#[test]
fn samples_show_how_steady_it_is() {
    let flip = std::sync::atomic::AtomicUsize::new(0);
    let peer = Peer::http(move |head| {
        // A connection without a request is the TCP check's.
        if head.is_empty() {
            return Vec::new();
        }
        let odd = flip.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 == 1;
        answer(if odd { "500 No" } else { "200 OK" }, "", "")
    });
    let found = codes(&[&peer.url("/"), "--samples", "10"]);
    assert!(found.contains(&"flapping-8".to_owned()) && found.contains(&"success-below-95".to_owned()), "{found:?}");

    let down = closed_port().to_string();
    let found = codes(&[&down, "--samples", "10"]);
    assert!(found.contains(&"circuit-open".to_owned()), "{found:?}");
}

#[test]
fn output_of_another_portolan_is_accepted() {
    let peer = Peer::serving(drop);
    let port = peer.address.port().to_string();
    let listed = portolan(["discover", "scan", "127.0.0.1", "-p", &port, "--json"]).stdout;
    let feed = |text: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portolan"));
        child
            .args(["validate", "-", "--json"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = feed(&listed);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["items"][0]["id"], format!("scan/tcp/{}", peer.address));

    assert_eq!(document["items"][0]["source"], "scan");
    assert_eq!(document["items"][0]["endpoints"][0]["health"]["score"], 100);
    let told = feed(&listed.replace("\"complete\":true", "\"complete\":false"));
    assert_eq!(told.status.code(), Some(3), "what is not whole stays so");
    let nonsense = feed("{\"id\":");

    assert_eq!((nonsense.status.code(), nonsense.stdout.len()), (Some(2), 0));
}

/// The services of a document by their ids, without health.
fn without_health(document: &str) -> Vec<Value> {
    let mut document: Value = serde_json::from_str(document).unwrap_or_else(|error| panic!("{error}: {document}"));
    let mut items = document["items"].as_array_mut().map(std::mem::take).unwrap();
    for item in &mut items {
        item.as_object_mut().unwrap().remove("health");
        for endpoint in item["endpoints"].as_array_mut().unwrap() {
            endpoint.as_object_mut().unwrap().remove("health");
        }
    }
    items.sort_by_key(|item| item["id"].to_string());
    items
}

/// Pipes a listing through `portolan validate - --json`; everything but health stays as it was.
fn assert_only_health_changes(directory: &TempDir, listed: &str) {
    let file = directory.path("listed.json");
    fs::write(&file, listed).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    let output = command.args(["validate", "-", "--json"]).env_clear().stdin(fs::File::open(&file).unwrap());
    let validated = String::from_utf8(output.output().unwrap().stdout).unwrap();

    let document: Value = serde_json::from_str(&validated).unwrap();
    assert_eq!(without_health(&validated), without_health(listed));
    for item in document["items"].as_array().unwrap() {
        assert_eq!(item["health"]["score"], 100, "health is that of this run: {item}");
    }
}

#[test]
fn a_listing_of_this_machine_keeps_everything_but_its_health() {
    let (directory, peer) = (TempDir::new(), Peer::serving(drop));
    let port = peer.address.port().to_string();
    let listed = portolan(["discover", "local", "-p", &port, "--json"]).stdout;
    let items = without_health(&listed);
    assert_eq!((items.len(), &items[0]["source"]), (1, &Value::from("local")));
    assert!(items[0]["detail"]["processes"].is_array(), "{listed}");

    assert_only_health_changes(&directory, &listed);
}

#[test]
fn a_listing_of_a_services_file_keeps_everything_but_its_health() {
    let (directory, peer) = (TempDir::new(), Peer::serving(drop));
    let file = directory.path("services.toml");
    let endpoint = format!("{{ address = '{}', weight = 9 }}", peer.address);
    fs::write(&file, format!("[[service]]\nname = 'shop'\nendpoints = [{endpoint}]\n")).unwrap();

    let listed = portolan(["discover", "file", &file.display().to_string(), "--json"]).stdout;
    let items = without_health(&listed);
    assert_eq!((items.len(), &items[0]["source"]), (1, &Value::from("file")), "{listed}");
    assert_eq!(items[0]["endpoints"][0]["weight"], 9);
    assert_only_health_changes(&directory, &listed);
}

#[test]
fn a_source_that_this_program_does_not_know_stays_as_it_was() {
    let (directory, peer) = (TempDir::new(), Peer::serving(drop));
    let port = peer.address.port();
    let instance = r#"{"id":"i-1","serving":true,"terminating":false,"version":"1.2.3","tags":["blue"],"metadata":{"team":"a"},"node":"n1","zone":"z1"}"#;
    let endpoint = format!(
        r#"{{"address":"127.0.0.1","port":{port},"interface":null,"transport":"tcp","ready":true,"service_guess":null,"instance":{instance},"health":{{"state":"unhealthy","score":7,"uncapped":7,"grade":"F","complete":true,"not_covered":[],"coverage":[],"findings":[],"hindered":[]}}}}"#
    );
    let finding = r#"{"code":"pier-closed","points":3,"cap":null,"text":"east pier","hint":"open it"}"#;
    let listed = format!(
        r#"{{"schema":"portolan/v1","items":[{{"id":"harbour/1","name":"web","namespace":null,"source":"harbour","endpoints":[{endpoint}],"findings":[{finding}],"detail":{{"berths":12,"tide":1.5}}}}],"complete":true,"errors":[],"limits":[]}}"#
    );

    assert_only_health_changes(&directory, &listed);
}

#[test]
fn what_identification_found_stays_with_its_endpoint() {
    let directory = TempDir::new();
    let peer = Authority::root("Root").issue(rcgen::KeyPair::generate().unwrap(), |_| ()).serve();
    let port = peer.address.port().to_string();
    let listed = portolan(["scan", "127.0.0.1", "-p", &port, "--identify", "--json"]).stdout;
    let (told, seen) = (directory.path("told.json"), directory.path("seen"));
    fs::write(&told, &listed).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["validate", "-", "--json", "--evidence"]).arg(&seen).env_clear();

    let output = command.stdin(fs::File::open(&told).unwrap()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let service =
        |text: &str| serde_json::from_str::<Value>(text).unwrap()["items"][0]["endpoints"][0]["service"].clone();
    let identified = service(&listed);
    assert!(identified["tls"]["certificates"][0]["sha256"].is_string(), "{identified}");
    assert_eq!(service(&said), identified);
    let written = fs::read_dir(&seen).unwrap().next().unwrap().unwrap().path();

    assert_eq!(portolan(["score", &written.display().to_string(), "--json"]).stdout, said);
}

#[cfg(feature = "k8s")]
#[test]
fn what_a_source_found_stays_with_its_service() {
    let directory = TempDir::new();
    let peer = Peer::serving(drop);
    let told = serde_json::json!({
        "id": "k8s/shop/web", "name": "web", "source": "k8s",
        "endpoints": [{"address": "127.0.0.1", "port": peer.address.port(), "transport": "tcp"}],
        "findings": [{"code": "k8s-one-node", "text": "both on one node"}, {"code": "unknown-code", "text": "x"}],
    });
    let file = directory.path("told");
    fs::write(&file, told.to_string()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_portolan"));
    let seen = directory.path("seen");
    child.args(["validate", "-", "--json", "--evidence"]).arg(&seen).env_clear().stdin(fs::File::open(&file).unwrap());
    let said = String::from_utf8(child.output().unwrap().stdout).unwrap();

    let document: Value = serde_json::from_str(&said).unwrap();
    let item = &document["items"][0];
    let codes = |item: &Value| -> Vec<Value> {
        item["findings"].as_array().unwrap().iter().map(|found| found["code"].clone()).collect()
    };
    assert_eq!(codes(item), ["k8s-one-node", "unknown-code"]);
    assert_eq!(item["findings"][0]["text"], "both on one node");
    assert_eq!(item["health"]["score"], 100, "a source's findings take no points");
    let written = fs::read_dir(&seen).unwrap().next().unwrap().unwrap().path();

    assert_eq!(portolan(["score", &written.display().to_string(), "--json"]).stdout, said);
}

#[test]
fn evidence_gives_the_same_bytes_again() {
    let directory = TempDir::new();
    let peer = Peer::http(|_| answer("503 Busy", "Retry-After: 1\r\n", ""));
    let seen = directory.path("seen");
    let args = ["--samples", "3", "--json", "--ignore", "http-latency-1x", "--evidence"];
    let url = peer.url("/x");
    let seen_words = seen.display().to_string();
    let first = portolan([&["validate", &url], &args[..], &[&seen_words]].concat());
    let file = fs::read_dir(&seen).unwrap().next().unwrap().unwrap().path();

    drop(peer);
    let again = portolan(["score", &file.display().to_string(), "--json"]);
    assert_eq!((first.code, again.code), (Some(1), Some(1)));
    assert_eq!(again.stdout, first.stdout);
    assert!(first.stdout.contains("http-unavailable"));
    let forged = fs::read_to_string(&file).unwrap().replace("portolan-score/1", "portolan-score/2");
    fs::write(&file, forged).unwrap();

    assert_eq!(portolan(["score", &file.display().to_string()]).code, Some(2));
}

#[test]
fn a_services_file_says_what_to_ask() {
    let directory = TempDir::new();
    let peer =
        Peer::http(
            |head| if head.starts_with("HEAD /health ") { answer("204 Ok", "", "") } else { answer("404 No", "", "") },
        );
    let file = directory.path("services.yaml");
    let text = format!(
        "service:\n- name: shop\n  endpoints: ['{0}', {{address: '{1}', weight: 0}}]\n  ask: {{path: /health, method: HEAD, expect-status: 204, header: ['Authorization: Bearer hush']}}\n",
        peer.address,
        closed_port(),
    );
    fs::write(&file, text).unwrap();
    let ran = portolan(["validate", &file.display().to_string(), "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();

    let item = &document["items"][0];
    assert_eq!((&item["id"], &item["source"]), (&"file/shop".into(), &"file".into()));
    assert_eq!(item["endpoints"][1]["health"]["findings"][0]["code"], "tcp-refused");
    assert!(!ran.stdout.contains("hush") && !ran.stderr.contains("hush"), "a secret is never shown");
    let listed = portolan(["discover", "file", &file.display().to_string(), "-o", "name"]);

    assert_eq!(listed.stdout, "file/shop\n");
}

#[test]
fn a_deadline_leaves_nothing_unsaid() {
    // A listener that never accepts is silent once its queue is full.
    let mute = Peer::serving(|_stream| thread::sleep(Duration::from_mins(1)));
    let ran = portolan([
        "validate",
        &mute.target(),
        "--protocol",
        "http",
        "--timeout",
        "1m",
        "--deadline",
        "300ms",
        "--json",
    ]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let health = &document["items"][0]["endpoints"][0]["health"];

    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()));
    assert_eq!(health["coverage"], serde_json::json!(["tcp"]));
    assert_eq!(health["hindered"], serde_json::json!(["http: the run's deadline passed"]));
}

/// What was stated about a reply decides the exit code, however usable the service is; a required score decides instead.
#[test]
fn a_missed_expectation_fails_the_run() {
    let peer = Peer::http(|head| answer(if head.contains("/gone") { "404 No" } else { "200 OK" }, "", "ok"));
    let (url, gone) = (peer.url("/"), peer.url("/gone"));
    let (url, gone) = (url.as_str(), gone.as_str());
    let run = |args: &[&str]| portolan(["validate", "--no-check", "dns"].iter().chain(args));

    for (url, expected) in [(url, "201"), (gone, "200")] {
        let ran = run(&[url, "--expect-status", expected, "--explain"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("D 60"), "the score stays: {ran:?}");
        assert!(ran.stderr.contains("1 endpoint missed a stated expectation, which fails the run"), "{ran:?}");
    }
    assert_eq!(run(&[url, "--expect-status", "200"]).code, Some(0));
    assert_eq!(run(&[gone]).code, Some(0), "nothing was stated");
    assert_eq!(run(&[url, "--expect-status", "201", "--min-score", "50"]).code, Some(0));
    assert_eq!(run(&[url, "--expect-status", "201", "--ignore", "http-unexpected-status"]).code, Some(0));
}

#[test]
fn wait_names_every_service_that_is_not_ready() {
    let directory = TempDir::new();
    let file = directory.path("services.toml");
    let good = Peer::http(|_| answer("200 OK", "", "ok"));
    let (one, other) = (closed_port(), closed_port());
    let service = |name: &str, at: &str| format!("[[service]]\nname = '{name}'\nendpoints = ['{at}']\n");
    let text = service("first", &format!("tcp://{one}"))
        + &service("good", &good.url("/"))
        + &service("last", &format!("tcp://{other}"));
    fs::write(&file, text).unwrap();

    let ran = portolan(["wait", file.to_str().unwrap(), "--timeout", "500ms"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("first scored 0 (connection refused); last scored 0 (connection refused)"), "{ran:?}");
}

/// A list of hosts, as other tools take it.
#[test]
fn targets_of_a_file_are_checked_with_the_others() {
    let directory = TempDir::new();
    let list = directory.path("hosts.txt");
    let (one, other) = (Peer::http(|_| answer("200 OK", "", "ok")), Peer::http(|_| answer("200 OK", "", "ok")));
    fs::write(&list, format!("# the shop\n\n{}   the first\n{}\n", one.url("/a"), other.url("/b"))).unwrap();

    let word = format!("@{}", list.display());
    let junit = directory.path("report.xml");
    let ran = portolan(
        ["validate", "--no-check", "dns", &word, &one.url("/c"), "--json", "-o"]
            .into_iter()
            .chain([&*format!("junit={}", junit.display())]),
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["items"].as_array().unwrap().len(), 3, "{document}");

    // The paths tell the endpoints of one host apart.
    let report = fs::read_to_string(&junit).unwrap();
    for name in [format!("{}/a", one.target()), format!("{}/b", other.target()), format!("{}/c", one.target())] {
        assert!(report.contains(&format!("name=\"{name}\"")), "{name}: {report}");
    }
    let gone = portolan(["validate", "@/nonexistent/hosts.txt"]);
    assert!(
        gone.code == Some(2) && gone.stderr.starts_with("error: cannot use target '@/nonexistent/hosts.txt': "),
        "{gone:?}"
    );
}

/// A source that accepts connections and never replies keeps no run beyond its deadline.
#[test]
fn a_deadline_bounds_the_listing_of_a_source_too() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .env_clear()
        .env("CONSUL_HTTP_ADDR", silent.local_addr().unwrap().to_string())
        .args(["validate", "consul/web", "--deadline", "500ms"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("cannot list consul/web: there was no complete reply before the deadline"), "{stderr}");
}
