//! Kubeconfigs that kubectl takes, and those that no client can use: never a panic, and no token where none belongs.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use crate::double::{Double, Resource, Rights, TOKEN};
use crate::objects::{namespace, service, slice};
use crate::portolan::Portolan;
use crate::support::{TempDir, output, tool};

const SERVER_HINT: &str = "write its server as https://HOST:6443";

/// A cluster with a service in the namespace `default`.
fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    store.put(Resource::NAMESPACES, namespace("default"));
    store.put(Resource::SERVICES, service("default", "web"));
    store.put(Resource::SLICES, slice("default", "web", "a", 1, 1));
    drop(store);
    double
}

fn with(text: &str) -> Portolan {
    Portolan::without_kubeconfig().file("config", text).args("--kubeconfig config")
}

fn fails(text: &str, why: &str, hint: &str) {
    with(text).fails(2, &format!("use kubeconfig 'config': {why}"), hint);
}

/// kubectl and portolan find the service with this kubeconfig and these files beside it.
#[track_caller]
fn both_find_it(text: &str, files: &[(&str, &str)], environment: &[(&str, &str)]) {
    let home = TempDir::new();
    fs::write(home.path().join("config"), text).unwrap();
    let mut kubectl = tool("kubectl");
    kubectl.env_clear().env("HOME", home.path()).env("KUBECONFIG", "config").current_dir(home.path());
    let mut portolan = Portolan::without_kubeconfig().file("config", text).env("KUBECONFIG", "config");
    for (name, content) in files {
        fs::write(home.path().join(name), content).unwrap();
        portolan = portolan.file(name, content);
    }
    for (name, value) in environment {
        kubectl.env(name, value);
        portolan = portolan.env(name, value);
    }

    let out = output(kubectl.args(["get", "services", "-o", "name"]));
    let (said, complaint) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(said, "service/web\n", "kubectl: {complaint}");
    assert_eq!(portolan.services().into_keys().collect::<Vec<_>>(), ["k8s/default/web"]);
}

#[test]
fn a_token_with_a_line_end_is_sent_without_it() {
    let text = cluster_text(|text| text.replace(&format!("token: {TOKEN}"), &format!("token: |\n      {TOKEN}")));
    assert_eq!(with(&text.1).services().len(), 1);
}

/// A cluster, and an edited kubeconfig of it.
fn cluster_text(edit: impl FnOnce(&str) -> String) -> (Double, String) {
    let double = cluster();
    let text = edit(&double.kubeconfig().text());
    (double, text)
}

#[test]
fn a_token_that_no_request_can_carry_is_an_error_and_not_a_panic() {
    let (double, text) = cluster_text(|text| text.replace(TOKEN, "\"a\\nb\""));
    let why = "its token is invalid: it contains a line break or another control character";
    fails(&text, why, "check the credentials of the kubeconfig's user");
    assert!(double.seen().is_empty());
}

#[test]
fn a_server_that_is_no_url_or_has_no_port_is_an_error_and_nothing_is_asked() {
    let double = cluster();
    let server = |server: &str| double.kubeconfig().server(server).text();
    fails(&server("http://127.0.0.1:65979"), "its server has the invalid port '65979'", SERVER_HINT);
    fails(&server("127.0.0.1:99999"), "its server has the invalid port '99999'", SERVER_HINT);
    fails(&server("ftp://127.0.0.1:1"), "its server has another scheme than http or https", SERVER_HINT);
    fails(&server("127.0.0.1:1/base"), "its server is neither a URL nor HOST:PORT", SERVER_HINT);
    fails(&server("\"\""), "its cluster has no server", SERVER_HINT);
    fails(&server("https://"), "its server is not a URL", SERVER_HINT);
}

/// A server in plain text that stores what it receives.
fn plain_server() -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = vec![0; 16 << 10];
        let count = stream.read(&mut bytes).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        String::from_utf8_lossy(&bytes[..count]).to_ascii_lowercase()
    });
    (address, received)
}

#[test]
fn no_credentials_are_sent_in_plain_text_and_a_server_without_a_scheme_is_plain_text() {
    let double = cluster();
    for scheme in ["http://", ""] {
        let (address, received) = plain_server();
        let ran = Portolan::with(&double.kubeconfig().server(&format!("{scheme}{address}"))).run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(5), 2), "{ran:?}");
        let why = "the server requires credentials, and portolan sends none in plain text (401 Unauthorized)\n";
        assert!(ran.stderr.contains(why), "{ran:?}");
        let request = received.join().unwrap();
        assert!(request.starts_with("get /api/v1/namespaces/default/services?"), "{request}");
        assert!(request.contains("\r\nuser-agent: portolan/"), "{request}");
        assert!(!request.contains("authorization"), "{request}");
    }
}

#[test]
fn an_empty_namespace_is_the_default_one() {
    let double = cluster();
    both_find_it(&double.kubeconfig().namespace("\"\"").text(), &[], &[]);
}

#[test]
fn a_namespace_that_is_a_path_is_refused() {
    let double = cluster();
    let text = double.kubeconfig().namespace("../../version").text();
    fails(&text, "the namespace '../../version' of its context is not a namespace name", "name one with -n");
    assert!(double.seen().is_empty());
}

#[test]
fn empty_parts_of_a_list_of_files_are_skipped() {
    let double = cluster();
    for list in [":config", "config:", "absent::config", ":./config:"] {
        both_find_it(&double.kubeconfig().text(), &[], &[("KUBECONFIG", list)]);
    }
    let home = Portolan::new(&double).env("KUBECONFIG", ":");
    assert_eq!(home.services().len(), 1, "a list without a file is none");
}

#[test]
fn empty_values_are_unset() {
    let empty = "\n    certificate-authority: \"\"\n    tls-server-name: \"\"\n    proxy-url: \"\"\n    server:";
    let (_double, text) = cluster_text(|text| {
        let user =
            "    client-certificate: \"\"\n    client-key-data: \"\"\n    tokenFile: \"\"\n    as: \"\"\n    token:";
        text.replace("\n    server:", empty).replace("    token:", user)
    });
    both_find_it(&text, &[], &[]);
}

#[test]
fn base64_with_line_breaks_is_taken() {
    let double = cluster();
    double.access().user("jane", "unused", Rights { all: true, ..Rights::default() });
    let text = double.kubeconfig().certificate(&double.authority().client("jane")).text();
    let mut broken = String::new();
    for line in text.lines() {
        match line.split_once("-data: ") {
            Some((key, data)) => {
                broken.extend([key, "-data: |\n"]);
                for part in data.as_bytes().chunks(64) {
                    broken.extend(["      ", std::str::from_utf8(part).unwrap(), "\n"]);
                }
            }
            None => broken.extend([line, "\n"]),
        }
    }
    assert_eq!(broken.matches("-data: |").count(), 3, "{broken}");
    both_find_it(&broken, &[], &[]);
    let (_double, text) =
        cluster_text(|text| text.replace("certificate-authority-data: ", "certificate-authority-data: ?"));
    let hint = "`kubectl config view --raw` shows it; it must be a PEM file";
    fails(&text, "its certificate-authority-data is not base64", hint);
}

#[test]
fn a_token_file_wins_over_a_token_and_a_token_replaces_one_that_cannot_be_read() {
    let files = |token: &str| cluster_text(|text| text.replace(TOKEN, &format!("{token}\n    tokenFile: token")));
    let (_double, text) = files("stale");
    both_find_it(&text, &[("token", TOKEN)], &[]);
    both_find_it(&text, &[("token", &format!("{TOKEN}\n"))], &[]);
    let (_double, text) = files(TOKEN);
    both_find_it(&text, &[], &[]);
    both_find_it(&text, &[("token", "\n")], &[]);
    let (_double, text) = cluster_text(|text| text.replace(&format!("token: {TOKEN}"), "tokenFile: token"));
    let hint = "name a kubeconfig with --kubeconfig, or set KUBECONFIG";
    fails(&text, "its file 'token': No such file or directory", hint);
}

#[test]
fn an_empty_token_is_not_sent() {
    let double = cluster();
    double.access().user("system:anonymous", "unused", Rights { all: true, ..Rights::default() });
    let text = double.kubeconfig().token("\"\"").text();
    assert_eq!(with(&text).services().len(), 1, "a rejected token would be 401");
}

#[test]
fn a_token_makes_the_credential_program_unnecessary() {
    let double = cluster();
    let text = double.kubeconfig().exec("/nonexistent/program").token(TOKEN).text();
    both_find_it(&text, &[], &[]);
}

#[test]
fn a_token_and_a_password_contradict_each_other() {
    let (_double, text) = cluster_text(|text| text.replace(TOKEN, &format!("{TOKEN}\n    username: jane")));
    let why = "its user has both a token and a password; only one of them can be sent";
    fails(&text, why, "check the credentials of the kubeconfig's user");
}

/// An HTTP proxy that connects every host to this address, and the requests that it received.
fn proxy(to: SocketAddr) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut client), Ok(mut server)) = (stream, TcpStream::connect(to)) else { return };
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|count| count == 1) {
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
            if sender.send(text).is_err() || client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
                return;
            }
            let (mut replies, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut replies, &mut back));
            thread::spawn(move || std::io::copy(&mut client, &mut server));
        }
    });
    (address, requests)
}

#[test]
fn the_proxy_of_the_environment_is_used_as_by_kubectl() {
    let double = cluster();
    let text = double.kubeconfig().server("https://api.example:6443").text();
    let text = text.replace("    server:", "    tls-server-name: 127.0.0.1\n    server:");
    let (address, requests) = proxy(double.address());
    for (name, value) in [("HTTPS_PROXY", format!("http://{address}")), ("https_proxy", address.to_string())] {
        both_find_it(&text, &[], &[(name, &value), ("NO_PROXY", "other.example")]);
        let received: Vec<String> = requests.try_iter().collect();
        assert!(received.len() >= 2, "both use it: {received:?}");
        assert!(received.iter().all(|request| request == "CONNECT api.example:6443 HTTP/1.1"), "{received:?}");
    }

    let on_loopback = double.kubeconfig().text();
    both_find_it(&on_loopback, &[], &[("HTTPS_PROXY", "http://127.0.0.1:1")]);
    let invalid = with(&text).env("HTTPS_PROXY", "http://127.0.0.1:70000");
    let hint = "write it as http://proxy.example:3128, or exclude the server with NO_PROXY";
    invalid.fails(2, "use HTTPS_PROXY: it has the invalid port '70000'", hint);
}

#[test]
fn a_client_certificate_of_version_1_is_named() {
    let directory = TempDir::new();
    let openssl = |words: &str| {
        let status = Command::new("openssl").args(words.split(' ')).current_dir(directory.path()).output().unwrap();
        assert!(status.status.success(), "{words}: {}", String::from_utf8_lossy(&status.stderr));
    };
    openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=jane");
    openssl("x509 -req -in request.pem -signkey key.pem -out client.pem -days 2");
    let file = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let (_double, text) = cluster_text(|text| {
        text.replace(&format!("token: {TOKEN}"), "client-certificate: client.pem\n    client-key: key.pem")
    });
    let portolan = with(&text).file("client.pem", file("client.pem")).file("key.pem", file("key.pem"));
    portolan.fails(
        2,
        "use these credentials: the client certificate has version 1 of X.509, and portolan's TLS library requires version 3",
        "issue it again with an extension: `openssl x509 -req` writes version 3 with -extfile",
    );
}
