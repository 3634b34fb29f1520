//! Wrong arguments are refused: code 2, nothing on standard output, an error and a hint.

use std::fs;

use crate::{TempDir, portolan};

#[track_caller]
fn refused(args: &[&str], error: &str, hint: &str) {
    let ran = portolan(["validate"].iter().chain(args));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert_eq!(ran.stderr, format!("error: cannot use {error}\nhint: {hint}\n"));
}

#[test]
fn options() {
    let at = "127.0.0.1:9";
    let checks = "the values are dns, tcp, tls, http, grpc, protocol, script, stability";
    refused(
        &[at, "--check", "htp"],
        "--check 'htp': there is no such value",
        &format!("did you mean 'http'? {checks}"),
    );
    refused(&[at, "--min-score", "101"], "--min-score '101': it is not a score", "write a number from 0 to 100");
    let listed = "`portolan explain` lists all codes";
    refused(
        &[at, "--ignore", "http-5x"],
        "--ignore 'http-5x': no finding has that code",
        &format!("did you mean http-5xx? {listed}"),
    );
    let why = "--expect-body 'a(': it is not a regular expression: unclosed group";
    refused(&[at, "--expect-body", "a("], why, "see the syntax at docs.rs/regex");
    let why = "--expect-status '700': it is not a list of HTTP statuses from 100 to 599";
    refused(&[at, "--expect-status", "700"], why, "write statuses as 200, 200-299, 2xx or 2xx,304");
    refused(
        &[at, "--timeout", "soon"],
        "--timeout 'soon': it is not a duration",
        "write one as 500ms, 2s, 1m or 7d; a plain number is seconds",
    );
    let why = "--no-check: --check requests tcp too";
    refused(&[at, "--check", "tcp", "--no-check", "tcp"], why, "leave one of them out");
    let why = "--explain: it is an output format, and another one is requested";
    refused(&[at, "--explain", "--json"], why, "leave one of them out");
    refused(
        &[at, "--pin", "abc"],
        "--pin 'abc': it is not a SHA-256 fingerprint",
        "write 64 hexadecimal digits, as from openssl x509 -fingerprint -sha256",
    );
    refused(
        &[at, "--resolver", "dns"],
        "--resolver 'dns': it is not an address",
        "write 10.0.0.53, 127.0.0.1:5353 or [::1]:5353",
    );
    refused(&[at, "--header", "hush"], "--header '***': it has no colon", "write it as 'Name: value'");
}

#[test]
fn targets() {
    let forms =
        "write host:port, a URL, SOURCE/NAME (as in portolan/web), a services file, or - for JSON on standard input";
    refused(&["http:///health"], "target 'http:///health': it has no host", "write it as https://host:port/path");
    refused(&["gopher://a/"], "target 'gopher://a/': unknown scheme gopher", "write it as https://host:port/path");
    let hint = "write it as https://host:port/path";
    let error = "target 'postgrs://a:1': unknown scheme postgrs (did you mean postgres?)";
    refused(&["postgrs://a:1"], error, hint);
    refused(&["127.0.0.1"], "target '127.0.0.1': the port is missing", forms);
    refused(&["::1"], "target '::1': the port is missing", forms);
    refused(&["a:0"], "target 'a:0': the port is not a number from 1 to 65535", forms);
    refused(&["a:70000"], "target 'a:70000': the port is not a number from 1 to 65535", forms);
    refused(
        &["unix:///run/x"],
        "target 'unix:///run/x': a Unix-domain socket cannot be checked",
        "`portolan wait` connects to it",
    );
    refused(&["consol/web"], "target 'consol/web': there is no such source", forms);

    // They were unknown without a reason, with exit code 0.
    for target in ["224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80", "http://239.1.2.3/"] {
        let why = format!("target '{target}': no connection reaches a multicast or broadcast address");
        refused(&[target], &why, "write the address of one host");
    }
}

#[test]
fn files() {
    let directory = TempDir::new();
    let put = |name: &str, content: &str| {
        let path = directory.path(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let file = put("a.toml", "[[service]]\nname = 'a'\nendpoint = ['a:1']\n");
    let why = format!("{file}:3:1: service 'a': endpoint: there is no key 'endpoint'");
    refused(&[&file], &why, "did you mean endpoints?");
    let file = put("b.yaml", "service:\n- name: a\n  endpoints: []\n  ask: {pth: /x}\n");
    let ran = portolan(["validate", &file]);
    assert!(ran.stderr.contains("b.yaml:4:") && ran.stderr.contains("hint: did you mean path?"), "{}", ran.stderr);
    let file = put("group.toml", "[[service]]\nname = 'a'\nendpoints = ['127.0.0.1:9', '224.0.0.1:80']\n");
    let why = "service 'a': endpoints: '224.0.0.1:80': no connection reaches a multicast or broadcast address";
    refused(&[&file], &format!("{file}: {why}"), "write the address of one host");
    let file = put("none.pem", "hello");
    let why = format!("--ca '{file}': it contains no certificate, or one that cannot be parsed");
    refused(
        &["127.0.0.1:9", "--ca", &file],
        &why,
        "name a file with one or more certificates (-----BEGIN CERTIFICATE-----)",
    );
    for (name, content) in [
        ("deep.toml", "a=".to_owned() + &"[".repeat(100_000)),
        ("deep.yaml", "[".repeat(100_000)),
        ("empty.yaml", String::new()),
    ] {
        let file = put(name, &content);
        assert_eq!(portolan(["validate", &file]).code, Some(2), "{name}");
    }
    fs::write(directory.path("utf16.toml"), b"\xff\xfea\0").unwrap();
    for path in [directory.path("utf16.toml"), directory.path("."), "/dev/zero".into()] {
        let link = directory.path("link.toml");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(path, &link).unwrap();
        assert_eq!(portolan(["validate", &link.display().to_string()]).code, Some(2));
    }
}
