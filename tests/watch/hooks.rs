//! Hooks for each change, `--exec` and `--webhook`; and the condition that ends a watch, `--until`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{HANG, Lines, Scene, finish, kill};
use crate::watched::{inside, listener};

/// A shell script in the scene, for `--exec`.
fn script(scene: &Scene, text: &str) -> String {
    let path = scene.dir().join("handle");
    fs::write(&path, text).unwrap();
    format!("sh {}", path.display())
}

// With a filter on processes, a listener is reported once its owner is known, in one event.

#[test]
fn a_command_gets_each_change_in_order_and_nothing_of_the_beginning() {
    let scene = Scene::new();
    let (_first, _) = listener(&scene, "127.0.0.1:7000");
    let got = scene.dir().join("got");
    // A slow command: the next change must wait for it.
    let run = script(
        &scene,
        &format!("read line; sleep 0.2; echo \"$line\" >> {}; echo heard; echo heard >&2", got.display()),
    );
    let portolan =
        scene.portolan().args("--watch --json --process * --interval 20ms --count 4").arg("--exec").arg(&run);
    let mut child = portolan.spawn();
    let lines = Lines::of(&mut child);
    while !lines.next().unwrap().contains("synced") {}
    for _ in 0..2 {
        // Of another process: what this one opens, a child that another test starts holds for a moment.
        let second = scene.fixture("tcp=127.0.0.1:7001");
        assert!(lines.next().unwrap().contains("local/tcp/127.0.0.1:7001"));
        second.end();
        assert!(lines.next().unwrap().contains("local/tcp/127.0.0.1:7001"));
    }
    assert_eq!(lines.next(), None, "the command's output is not mixed with the events");
    assert_eq!(finish(child).unwrap().code(), Some(0));
    let got = fs::read_to_string(got).unwrap();
    let got: Vec<Value> = got.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        got.iter().map(|event| (event["type"].as_str().unwrap(), event["item"]["id"].as_str().unwrap())).collect();
    let id = "local/tcp/127.0.0.1:7001";
    assert_eq!(told, [("added", id), ("removed", id), ("added", id), ("removed", id)]);
}

/// Owners are resolved only where a hook asks for them.
#[test]
fn hooks_and_conditions_get_all_details_in_every_format() {
    let scene = Scene::new();
    let (_first, _) = listener(&scene, "127.0.0.1:7000");
    let got = scene.dir().join("got");
    let run = script(&scene, &format!("cat > {}", got.display()));
    let mut child =
        scene.portolan().args("--watch -o name --process * --interval 20ms --count 1").arg("--exec").arg(&run).spawn();
    let lines = Lines::of(&mut child);
    // The services present at the start are reported in one batch.
    assert_eq!(lines.next().unwrap(), "added local/tcp/127.0.0.1:7000");
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:7001");
    assert_eq!(lines.next().unwrap(), "added local/tcp/127.0.0.1:7001");
    assert_eq!(finish(child).unwrap().code(), Some(0));
    let event: Value = serde_json::from_str(&fs::read_to_string(got).unwrap()).unwrap();
    assert_eq!(event["item"]["detail"]["processes"][0]["name"], "harbour", "{event}");
    let ran = scene.portolan().args("--watch -o name --until item.detail.processes.name=harbour --for 1m").run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_failing_command_is_reported_and_the_watch_goes_on() {
    let scene = Scene::new();
    let mut child = scene.portolan().args("--watch -o name --interval 20ms").arg("--exec").arg("false").spawn();
    let lines = Lines::of(&mut child);
    // Nothing is written before the first change, so wait until it restarts.
    let (_first, id) = listener(&scene, "127.0.0.1:7001");
    assert_eq!(lines.next().unwrap(), format!("added {id}"));
    let (_second, id) = listener(&scene, "127.0.0.1:7002");
    assert_eq!(lines.next().unwrap(), format!("added {id}"));
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "error: cannot deliver an event to 'false': it exited with code 1");
    kill(child.id(), Signal::INT);
    assert_eq!(finish(child).unwrap().code(), Some(0));
}

/// A command that never ends, and more changes than the queue holds.
#[test]
fn changes_dropped_by_a_slow_command_are_reported() {
    let scene = Scene::new();
    let file = scene.dir().join("services.toml");
    fs::write(&file, "service = []\n").unwrap();
    let run = scene.file().arg(file.to_str().unwrap()).args("--watch --json --interval 10ms");
    let mut child = run.arg("--exec").arg("sleep 1000").spawn();
    let lines = Lines::of(&mut child);
    while !lines.next().unwrap().contains("synced") {}
    let service = |n: u16| format!("[[service]]\nname = 'n{n}'\nendpoints = ['127.0.1.1:{}']\n", 10_000 + n);
    let text: String = (0..1500).map(service).collect();
    fs::write(scene.dir().join("draft"), text).unwrap();
    fs::rename(scene.dir().join("draft"), &file).unwrap();
    for _ in 0..1500 {
        assert!(lines.next().unwrap().contains("added"));
    }
    kill(child.id(), Signal::INT);
    while lines.next().is_some() {}
    let said = hear_errors(child);
    assert!(said.contains("cannot deliver events to 'sleep': the watch ended with 1000 undelivered"), "{said}");
    assert!(said.contains("it is too slow; 500 events were dropped"), "{said}");
}

fn hear_errors(mut child: std::process::Child) -> String {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(finish(child).unwrap().code(), Some(0));
    said
}

/// A server in a scene that replies to each request with the next of these statuses, and prints what it received.
struct Hearer {
    address: SocketAddr,
    requests: Receiver<String>,
}

impl Hearer {
    fn start(scene: &Scene, statuses: &'static [&'static str]) -> Self {
        let listener = inside(scene, || TcpListener::bind("127.0.0.1:0")).unwrap();
        let (send, requests) = channel();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for status in statuses {
                let (stream, _) = listener.accept().unwrap();
                let _ = send.send(answer(stream, status));
            }
        });
        Self { address, requests }
    }

    fn next(&self) -> String {
        self.requests.recv_timeout(HANG).expect("a request")
    }
}

fn answer(stream: impl Read + Write, status: &str) -> String {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let begin = request.len();
        stream.read_line(&mut request).unwrap();
        let line = request[begin..].to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let _ = write!(stream.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    let _ = stream.get_mut().flush();
    request + &String::from_utf8(body).unwrap()
}

#[test]
fn a_webhook_is_tried_again_and_gets_each_change() {
    let scene = Scene::new();
    let hearer = Hearer::start(&scene, &["500 No", "503 No\r\nRetry-After: 0", "204 Yes", "404 No", "307 Moved"]);
    let url = format!("http://{}/secret?key=1", hearer.address);
    let child = scene
        .portolan()
        .args("--watch --tcp -p 7001-7009 --json --process * --interval 20ms --count 3")
        .arg("--webhook")
        .arg(&url);
    let mut child = child.spawn();
    let lines = Lines::of(&mut child);
    while !lines.next().unwrap().contains("synced") {}
    let id = "local/tcp/127.0.0.1:7001".to_owned();
    let first = scene.fixture("tcp=127.0.0.1:7001");
    for _ in 0..3 {
        let request = hearer.next();
        assert!(request.starts_with("POST /secret?key=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("Host: {}\r\n", hearer.address)), "{request}");
        assert!(request.contains("Content-Type: application/json\r\n"), "{request}");
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&body["type"], &body["item"]["id"]), (&"added".into(), &Value::from(id.clone())));
    }
    first.end();
    assert!(hearer.next().contains("\"removed\""));
    let _second = scene.fixture("tcp=127.0.0.1:7002");
    assert!(hearer.next().contains("127.0.0.1:7002"));
    while lines.next().is_some() {}
    let said = hear_errors(child);
    let expected = format!("error: cannot deliver an event to http://{}: it replied with status 404\n", hearer.address);
    assert!(said.starts_with(&expected), "{said}");
    assert!(said.contains("it replied with status 307\nhint: use the URL that it redirects to"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

/// A server with an untrusted certificate gets no data; one that the system trusts does.
#[test]
fn a_webhook_with_tls_is_sent_only_to_whom_the_system_trusts() {
    let scene = Scene::new();
    let (issuer, root) = authority();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let config = std::sync::Arc::new(config);
    let roots = scene.dir().join("roots.pem");
    for (trusted, expected) in [(false, "a signature is invalid"), (true, "")] {
        // The roots of the system as OpenSSL's variables name them.
        let text = if trusted { root.clone() } else { authority().1 };
        fs::write(&roots, text).unwrap();
        let listener_tls = inside(&scene, || TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("https://{}/", listener_tls.local_addr().unwrap());
        let config = std::sync::Arc::clone(&config);
        let server = thread::spawn(move || serve_tls(&listener_tls, config));
        let roots_variable = format!("SSL_CERT_FILE={}", roots.display());
        let portolan = scene.portolan().under("env", &[&roots_variable]);
        let mut child = portolan
            .args("--watch --tcp -p 7001 --json --process * --interval 20ms --count 1")
            .arg("--webhook")
            .arg(&url)
            .spawn();
        let lines = Lines::of(&mut child);
        while !lines.next().unwrap().contains("synced") {}
        let (_first, id) = listener(&scene, "127.0.0.1:7001");
        let got = server.join().unwrap();
        assert_eq!(got.is_some_and(|request| request.contains(&id)), trusted);
        let said = hear_errors(child);
        assert!(said.contains(expected) && said.is_empty() == trusted, "{said}");
    }
}

/// A certificate authority, and its own certificate.
fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// The data of the first client, if it goes on after the handshake.
fn serve_tls(listener: &TcpListener, config: std::sync::Arc<rustls::ServerConfig>) -> Option<String> {
    let (stream, _): (TcpStream, _) = listener.accept().unwrap();
    let connection = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    Some(answer(stream, "200 OK"))
}

#[test]
fn a_condition_ends_it() {
    let scene = Scene::new();
    let (first, _) = listener(&scene, "127.0.0.1:7001");
    let watch = |args: &[&str]| {
        let portolan = scene.portolan().args("--watch -o name --interval 20ms");
        args.iter().fold(portolan, |portolan, arg| portolan.arg(arg))
    };
    let ran = watch(&["--until", "item.endpoints[].port=7001"]).run();
    assert_eq!(
        (ran.code, ran.text()),
        (Some(0), "added local/tcp/127.0.0.1:7001\n"),
        "services present at the start count"
    );
    let ran = watch(&["--until", "item.endpoints[].port=7002", "--until", "services>1", "--for", "4s"]).run();
    assert_eq!(ran.code, Some(1), "it never came");
    let mut child = watch(&["--until", "type=removed and item.endpoints[].port=7001"]).spawn();
    let lines = Lines::of(&mut child);
    assert_eq!(lines.next().unwrap(), "added local/tcp/127.0.0.1:7001");
    drop(first);
    assert_eq!(lines.next().unwrap(), "removed local/tcp/127.0.0.1:7001");
    assert_eq!((lines.next(), finish(child).unwrap().code()), (None, Some(0)));
}

#[test]
fn invalid_hooks_are_refused() {
    let scene = Scene::new();
    for (args, error) in [
        (&["--exec", "true"][..], "cannot use --exec: it requires --watch"),
        (&["--watch", "--exec", "/nowhere"], "cannot use --exec '/nowhere': no executable program has that name"),
        (&["--watch", "--exec", "'x"], "cannot use --exec ''x': a quote is not closed"),
        (&["--watch", "--exec", ""], "cannot use --exec '': the command is empty"),
        (&["--watch", "--webhook", "x"], "cannot use --webhook 'x': it is not a URL"),
        (&["--watch", "--webhook", "http://"], "cannot use --webhook 'http://': it is not a URL: empty host"),
        (&["--watch", "--webhook", "http://a:b@x/"], "cannot use --webhook 'http://***@x/': user names and passwords"),
        (&["--watch", "--until", ""], "cannot use --until ''"),
        (&["--watch", "--until", "type~("], "cannot use --until 'type~('"),
        (&["--watch", "--until", "nothing=1"], "cannot use --until 'nothing=1': an event has no field 'nothing'"),
        (&["--watch", "--until", "type=dded"], "cannot use --until 'type=dded': an event has no type 'dded'"),
        (&["--watch", "--webhook", "ftp://x"], "cannot use --webhook 'ftp://x': only http and https are supported"),
        (&["--watch", "--until", "type"], "cannot use --until 'type': it compares with nothing"),
        (&["--watch", "--since", "7"], "cannot use '--since': portolan discover local has no such option"),
    ] {
        let ran = args.iter().fold(scene.portolan(), |portolan, arg| portolan.arg(arg)).run();
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(&format!("error: {error}")), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.lines().count() == 2 && ran.stderr.contains("\nhint: "), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
}
