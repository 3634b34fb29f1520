//! HTTP as a client does it: what curl sends and takes, portolan sends and takes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::peer::{Peer, answer};
use crate::portolan;

/// The health of the only endpoint, by the HTTP check alone. Nothing here may end by its timeout.
pub(crate) fn health(args: &[&str]) -> Value {
    let always = ["validate", "--json", "--timeout", "50s", "--retries", "0", "--check", "http"];
    let ran = portolan(always.iter().chain(args));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    document["items"][0]["endpoints"][0]["health"].clone()
}

/// The codes of its findings that do not depend on latency.
pub(crate) fn codes_of(health: &Value) -> Vec<String> {
    let findings = health["findings"].as_array().unwrap_or_else(|| panic!("{health}"));
    let codes = findings.iter().map(|found| found["code"].as_str().unwrap().to_owned());
    codes.filter(|code| !code.contains("latency")).collect()
}

fn codes(args: &[&str]) -> Vec<String> {
    codes_of(&health(args))
}

/// The exit code of curl, and the status of the last response.
fn curl(args: &[&str]) -> (i32, String) {
    let always = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60"];
    let ran = Command::new("curl").args(always).args(args).env_clear().output().expect("curl is installed");
    (ran.status.code().unwrap(), String::from_utf8(ran.stdout).unwrap())
}

/// Method and path, the header fields by lower-case name, and the body.
type Request = (String, BTreeMap<String, String>, String);

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let first = line.trim_end().to_owned();

    let mut fields = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let old = fields.insert(name.to_lowercase(), value.trim().to_owned());
        assert_eq!(old, None, "{name} was sent twice");
    }

    let length = fields.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, fields, String::from_utf8(body).unwrap()))
}

#[test]
fn requests_are_those_of_curl() {
    let heard: Arc<Mutex<Vec<Request>>> = Arc::default();
    let peer = Peer::serving({
        let heard = Arc::clone(&heard);
        move |mut stream| {
            if let Some(request) = read_request(&stream) {
                heard.lock().unwrap().push(request);
                let _ = stream.write_all(&answer("200 OK", "", ""));
            }
        }
    });
    let url = peer.url("/a?b=c");
    let cases: [(&[&str], &[&str]); 14] = [
        (&[], &[]),
        (&["--method", "POST"], &["-X", "POST", "-d", "", "-H", "Content-Type:"]),
        (&["--body", "a=b"], &["--data-raw", "a=b", "-H", "Content-Type:"]),
        (&["--body", "-é\n"], &["--data-raw", "-é\n", "-H", "Content-Type:"]),
        (
            &["--body", "{\"a\":1}", "--header", "Content-Type: application/json"],
            &["--data-raw", "{\"a\":1}", "-H", "Content-Type: application/json"],
        ),
        (&["--method", "PUT", "--body", "x"], &["-X", "PUT", "--data-raw", "x", "-H", "Content-Type:"]),
        (&["--method", "GET", "--body", "x"], &["-X", "GET", "--data-raw", "x", "-H", "Content-Type:"]),
        (&["--method", "DELETE"], &["-X", "DELETE"]),
        (&["--method", "HEAD"], &["-I"]),
        (&["--header", "Accept: text/plain"], &["-H", "Accept: text/plain"]),
        (&["--header", "accept:"], &["-H", "accept:"]),
        (&["--header", "Host: shop.test"], &["-H", "Host: shop.test"]),
        (&["--header", "User-Agent: probe"], &["-H", "User-Agent: probe"]),
        (&["--header", "Cookie: a=b", "--header", "X-Api-Key: k"], &["-H", "Cookie: a=b", "-H", "X-Api-Key: k"]),
    ];
    for (ours, curls) in cases {
        assert_eq!(codes(&[&[url.as_str()], ours].concat()), [""; 0], "{ours:?}");
        assert_eq!(curl(&[&[url.as_str()], curls].concat()).0, 0, "{curls:?}");

        let mut requests = std::mem::take(&mut *heard.lock().unwrap());
        for (_, fields, _) in &mut requests {
            // curl asks for neither.
            fields.retain(|name, _| !matches!(name.as_str(), "accept-encoding" | "connection"));
            if fields.get("user-agent").is_some_and(|agent| agent != "probe") {
                fields.insert("user-agent".to_owned(), "own".to_owned());
            }
        }
        let [ours_sent, curls_sent] = requests.try_into().unwrap();
        assert_eq!(ours_sent, curls_sent, "{ours:?}");
    }
}

#[test]
fn framing_headers_are_refused() {
    for header in ["Content-Length: 5", "transfer-encoding: chunked"] {
        let ran = portolan(["validate", "http://127.0.0.1:9/", "--header", header]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("portolan sends this header itself") && ran.stderr.contains("--body"), "{ran:?}");
    }
}

#[test]
fn cookies_live_as_long_as_a_redirect_chain() {
    let peer = Peer::http(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let cookie = head.lines().find_map(|line| line.strip_prefix("Cookie: ").or(line.strip_prefix("cookie: ")));
        let cookie = cookie.unwrap_or_default();
        match path.as_str() {
            "/self" | "/given" if cookie.contains("s=1") => answer("200 OK", "", ""),
            "/self" | "/given" => answer("302 Found", &format!("Location: {path}\r\nSet-Cookie: s=1; Path=/\r\n"), ""),
            "/other" => answer("302 Found", "Location: /end\r\nSet-Cookie: s=1\r\nSet-Cookie: t=2\r\n", ""),
            "/end" if cookie.contains("s=1") && cookie.contains("t=2") => answer("200 OK", "", ""),
            "/elsewhere" => answer("302 Found", "Location: /end\r\nSet-Cookie: s=1; Path=/deep; t=2\r\n", ""),
            "/always" => answer("302 Found", "Location: /always\r\nSet-Cookie: s=1\r\n", ""),
            "/counter" => {
                let count: u32 = cookie.strip_prefix("n=").map_or(0, |count| count.parse().unwrap());
                answer("302 Found", &format!("Location: /counter\r\nSet-Cookie: n={}\r\n", count + 1), "")
            }
            "/gone" if cookie.is_empty() && head.contains('?') => answer("200 OK", "", ""),
            "/loop" => answer("302 Found", "Location: /loop\r\n", ""),
            _ => answer("500 No", "", ""),
        }
    });
    for path in ["/self", "/given", "/other", "/elsewhere", "/always", "/counter", "/loop"] {
        let url = peer.url(path);
        let found = codes(&[&url, "--follow", "--expect-status", "200"]);
        let (code, status) = curl(&["-L", "-b", "", "--max-redirs", "10", &url]);
        assert_eq!(found.is_empty(), code == 0 && status == "200", "{path}: {found:?}, curl {code} {status}");
        if code == 47 {
            assert!(found.contains(&"http-redirect-unsafe".to_owned()), "{path}: {found:?}");
        }
        assert_eq!(codes(&[&url]), [""; 0], "{path}: who does not follow is in no loop");
    }
    let with = ["--follow", "--expect-status", "200", "--header", "Cookie: mine=1"];

    assert_eq!(codes(&[&[peer.url("/self").as_str()], &with[..]].concat()), [""; 0]);
}

/// Every reply, its assertions, and the findings. A `?` stands for a state that is unknown.
#[test]
fn replies_are_read_as_clients_read_them() {
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xab, 0x56, 0x2a, 0x2e, 0x49, 0x2c, 0x29, 0x2d, 0x56, 0xb2, 0x52, 0xca,
        0xcf, 0x56, 0xaa, 0x05, 0x00, 0xdd, 0xed, 0x13, 0x1d, 0x0f, 0, 0, 0,
    ];
    let with = |headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let (large, huge) = (" ".repeat(1_200 << 10), " ".repeat(9 << 20));
    let replies: Vec<(&str, Vec<u8>)> = vec![
        ("/json", with("", br#"{"status":"ok","n":1.0}"#)),
        ("/bom", with("Content-Type: application/json\r\n", b"\xef\xbb\xbf{\"status\":\"ok\",\"n\":1}")),
        ("/gzip", with("Content-Encoding: gzip\r\n", &gzip)),
        ("/no-gzip", with("Content-Encoding: gzip\r\n", b"{\"status\":\"ok\"}")),
        ("/brotli", with("Content-Encoding: br\r\n", b"\x0b\x07\x80{\"status\":\"ok\"}\x03")),
        ("/latin", with("Content-Type: text/plain; charset=ISO-8859-1\r\n", b"gr\xfcn")),
        ("/utf-16", with("Content-Type: text/plain; charset=utf-16le\r\n", b"g\0r\0\xfc\0n\0")),
        ("/large", with("", format!("{{\"status\":\"ok\"{large}}}").as_bytes())),
        ("/huge", with("", format!("{{\"status\":\"ok\"{huge}}}").as_bytes())),
        ("/text", with("", b"status: \"ok\"")),
        ("/deep", with("", format!("{{\"status\":\"ok\",\"a\":{}{}}}", "[".repeat(500), "]".repeat(500)).as_bytes())),
        ("/number", with("", b"{\"status\":\"ok\",\"n\":1e400}")),
        ("/coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\n{\"status\":\"ok\"}".to_vec()),
    ];
    let peer = Peer::serving(move |mut stream| {
        let Some((first, ..)) = read_request(&stream) else { return };
        let path = first.split(' ').nth(1).unwrap_or_default();
        if let Some((_, reply)) = replies.iter().find(|(known, _)| *known == path) {
            let _ = stream.write_all(reply);
        }
    });

    let (ok, one) = (["--expect-json", "/status=ok"], ["--expect-json", "/n=1"]);
    for (path, assertion, expected) in [
        ("/json", &ok[..], ""),
        ("/json", &one, ""),
        ("/json", &["--expect-json", "/n=2"], "http-assertion-failed"),
        ("/json", &["--expect-json", "/n=\"1\""], "http-assertion-failed"),
        ("/bom", &ok, ""),
        ("/bom", &["--expect-json", "/n=1.0"], ""),
        ("/bom", &["--expect-body", r#"^\{"status""#], ""),
        ("/gzip", &ok, ""),
        ("/gzip", &["--expect-body", "ok"], ""),
        ("/gzip", &[], ""),
        ("/no-gzip", &ok, "http-assertion-failed"),
        ("/brotli", &ok, "?compressed with br"),
        ("/brotli", &[], ""),
        ("/latin", &["--expect-body", "^grün$"], ""),
        ("/utf-16", &["--expect-body", "^grün$"], ""),
        ("/large", &ok, ""),
        ("/large", &["--expect-body", r"ok[^}]*\}$"], ""),
        ("/huge", &ok, "?longer than 8 MiB, which is portolan's limit"),
        ("/huge", &["--expect-body", "\"ok\""], ""),
        ("/huge", &["--expect-body", "no-such-word"], "?the first 8 MiB of the body do not match no-such-word"),
        ("/huge", &[], ""),
        ("/text", &ok, "http-assertion-failed"),
        ("/deep", &ok, "?exceeds portolan's limits"),
        ("/deep", &["--expect-body", "\"ok\""], ""),
        ("/number", &ok, "?exceeds portolan's limits"),
        ("/coding", &[], "http-invalid"),
    ] {
        let health = health(&[&[peer.url(path).as_str()], assertion].concat());
        if let Some(cause) = expected.strip_prefix('?') {
            assert_eq!((&health["state"], &health["score"]), (&"unknown".into(), &Value::Null), "{path}: {health}");
            assert!(health["hindered"][0].as_str().unwrap().contains(cause), "{path}: {health}");
        } else {
            assert_eq!(codes_of(&health).concat(), expected, "{path} {assertion:?}: {health}");
        }
    }
}

/// Heads up to curl's limits are read, and a longer one is named as what it is.
#[test]
fn the_limits_of_a_head_are_those_of_curl() {
    let peer = Peer::http(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (count, length) = path.trim_start_matches('/').split_once('x').unwrap();
        let field = format!("X-Field: {}\r\n", "v".repeat(length.parse().unwrap()));
        answer("200 OK", &field.repeat(count.parse().unwrap()), "")
    });
    for (path, is_read) in [("/1x70000", true), ("/300x10", true), ("/1000x100", true), ("/4x100000", false)] {
        let url = peer.url(path);
        assert_eq!(curl(&[&url]).0 == 0, is_read, "curl {path}");

        let health = health(&[&url]);
        assert_eq!(codes_of(&health).is_empty(), is_read, "{path}: {health}");
        if !is_read {
            let text = health["findings"][0]["text"].as_str().unwrap();
            assert!(text.contains("300 KiB") && !text.contains("not HTTP"), "{path}: {text}");
        }
    }
}

/// A stream of events has no end: it is matched as it comes.
#[test]
fn event_streams_are_matched_as_they_come() {
    let peer = Peer::serving(|mut stream| {
        let Some((first, ..)) = read_request(&stream) else { return };
        let kind = if first.contains("/lines") { "application/x-ndjson" } else { "text/event-stream" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        if !first.contains("/quiet") {
            for event in ["data: one\n\n", "data: two\n\n"] {
                let _ = write!(stream, "{:x}\r\n{event}\r\n", event.len());
            }
        }
        // The client ends the stream.
        let _ = stream.read(&mut [0]);
    });
    for (path, assertion, expected) in [
        ("/events", &["--expect-body", "data: two"][..], &[""; 0][..]),
        ("/lines", &["--expect-body", "(?m)^data: one$"], &[]),
        ("/events", &[], &[]),
        ("/quiet", &[], &[]),
        ("/quiet", &["--expect-header", "content-type: event-stream"], &[]),
    ] {
        assert_eq!(codes(&[&[peer.url(path).as_str()], assertion].concat()), expected, "{path} {assertion:?}");
    }
    let short = ["--timeout", "300ms", "--expect-body", "data: three"];
    let ran = portolan(
        [&["validate", "--json", "--check", "http", "--retries", "0", &peer.url("/events")], &short[..]].concat(),
    );

    assert!(ran.stdout.contains("no event matches data: three in time"), "{ran:?}");
}

/// HTTP/2 carries the same request.
#[tokio::test(flavor = "multi_thread")]
async fn http2_carries_the_same_request() {
    use http_body_util::{BodyExt, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    async fn reply(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
        let all: Vec<String> = parts.headers.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let text = format!("{} {authority} {} {body}", parts.method, all.join(" "));
        Ok(hyper::Response::new(Full::new(text.into())))
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(reply)));
        }
    });
    for (args, pattern) in [
        (&["--header", "Host: shop.test"][..], r#"^GET shop\.test .*accept="\*/\*""#.to_owned()),
        (&["--header", "Accept: a/b"], format!(r#"^GET {target} accept="a/b"|^GET {target} [^*]*accept="a/b"[^*]*$"#)),
        (&["--body", "hello"], r#"^POST .*content-length="5".* hello$"#.to_owned()),
        (&["--method", "PUT"], r#"^PUT .*content-length="0""#.to_owned()),
    ] {
        let args: Vec<String> = [&[target.as_str(), "--protocol", "h2c", "--expect-body", &pattern], args]
            .concat()
            .into_iter()
            .map(ToOwned::to_owned)
            .collect();
        let health = tokio::task::spawn_blocking(move || health(&args.iter().map(String::as_str).collect::<Vec<_>>()));
        let health = health.await.unwrap();
        assert_eq!(codes_of(&health), [""; 0], "{pattern}: {health}");
    }
    serving.abort();
}

/// The error pages of nginx, Apache and Go say what a status of 400 does not: the port expects TLS, or a certificate.
#[test]
fn an_error_page_says_what_the_connection_lacks() {
    for page in [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        "Client sent an HTTP request to an HTTPS server.\n",
    ] {
        let peer = Peer::http(move |_| answer("400 Bad Request", "", page));
        assert_eq!(codes(&[&peer.url("/")]), ["http-invalid"], "{page}");
        assert_eq!(codes(&[&peer.url("/"), "--expect-status", "400"]), [""; 0], "{page}");
    }
    let other = Peer::http(|_| answer("400 Bad Request", "", "missing parameter"));
    assert_eq!(codes(&[&other.url("/")]), ["http-unexpected-status"]);
}

/// A declared protocol is looked at, or refused: its port alone says nothing.
#[test]
fn a_protocol_without_a_check_is_refused() {
    let peer = Peer::serving(drop);
    for words in [&["--protocol", "nosuch"][..], &["--protocol", "http3"]] {
        let ran = portolan([&["validate", &peer.target()], words].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{words:?}: {ran:?}");
        assert!(ran.stderr.contains("has no check") && ran.stderr.contains("hint: the protocols are"), "{ran:?}");
    }
    let directory = crate::TempDir::new();
    let file = directory.path("s.toml");

    let text = format!("[[service]]\nname = 'a'\nendpoints = '{}'\nprotocol = 'nosuch'\n", peer.address);
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    for command in [&["validate", &file][..], &["wait", &file, "--timeout", "1s"]] {
        let ran = portolan(command.iter().copied());
        assert!(ran.code == Some(2) && ran.stderr.contains("service 'a': protocol: 'nosuch' has no check"), "{ran:?}");
    }
}
