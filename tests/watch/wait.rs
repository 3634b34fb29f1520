//! `portolan wait`: its conditions, its exit codes, and its messages.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;

use crate::support::{Lines, Outcome, Scene, TempDir, UNPRIVILEGED_UID, hear, kill, needs_root, output, portolan_path};

fn wait(args: &[&str]) -> Command {
    let mut command = Command::new(portolan_path());
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("wait").args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Outcome {
    Outcome::new(output(&mut wait(args)))
}

/// A closed port while this lives: it is bound, but does not listen.
fn unused() -> (socket2::Socket, String) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    (socket, address)
}

#[test]
fn a_listener_ends_the_wait() {
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let v6 = TcpListener::bind("[::1]:0").unwrap();
    let dir = TempDir::new();
    let path = dir.path().join("x.sock");
    let _unix = UnixListener::bind(&path).unwrap();
    let targets = [v4.local_addr().unwrap().to_string(), v6.local_addr().unwrap().to_string()];
    let ran = run(&[&targets[0], &targets[1], path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.text()), (Some(0), ""));
    assert_eq!(ran.stderr.matches(" accepts connections after ").count(), 3, "{}", ran.stderr);
    let ran = run(&[&targets[0], "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn it_waits_until_a_listener_appears() {
    let (socket, address) = unused();
    let child = wait(&[&address, "--", "echo", "up"]).spawn().unwrap();
    socket.listen(1).unwrap();
    let ran = Outcome::new(hear(child, "wait"));
    assert_eq!((ran.code, ran.text()), (Some(0), "up\n"));
}

#[test]
fn it_becomes_the_command() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut child = wait(&[&address, "--", "sh", "-c", "echo $$; trap 'exit 7' TERM; while :; do sleep 0.01; done"])
        .spawn()
        .unwrap();
    let lines = Lines::of(&mut child);
    assert_eq!(lines.next(), Some(child.id().to_string()), "the same process");

    kill(child.id(), Signal::TERM);
    // The trap may be set a moment after the line; the signal is not lost, because the shell has its default action again.
    let status = crate::support::finish(child).unwrap();
    assert!(status.code() == Some(7) || std::os::unix::process::ExitStatusExt::signal(&status) == Some(15), "{status}");
    for (program, code, why) in [
        ("/nowhere", 127, "No such file or directory"),
        ("nowhere", 127, "No such file or directory"),
        ("/dev/null", 126, "Permission denied"),
    ] {
        let ran = run(&[&address, "--", program]);
        assert_eq!(ran.code, Some(code), "the exit codes of shells");
        assert!(ran.stderr.contains(&format!("error: cannot run '{program}': {why}\nhint: ")), "{}", ran.stderr);
    }
}

#[test]
fn a_timeout_reports_the_tries_and_runs_no_command() {
    let (_socket, address) = unused();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap().to_string();
    let ran = run(&[&there, &address, "/nowhere/x.sock", "--timeout", "500ms", "--", "echo", "up"]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""));
    let error = format!("error: {address} did not accept connections within 500 ms: connection refused (tried ");
    let (line, rest) = ran.stderr.split_once(&error).expect(&ran.stderr);
    assert!(line.starts_with(&format!("{there} accepts connections")));
    assert!(rest.contains(" times)\nhint: check that it runs and where it listens"), "{rest}");
    let error = "error: /nowhere/x.sock did not accept connections within 500 ms: no such socket (tried ";
    assert!(rest.contains(error), "{rest}");
}

/// A silent peer: its backlog is full, or it accepts a request and never replies.
#[test]
fn a_try_that_never_ends_is_reported() {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(address).unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", mute.local_addr().unwrap());

    let ran = run(&[&address.to_string(), &url, "--timeout", "1s"]);
    assert_eq!(ran.code, Some(1));
    let error = format!("error: {address} did not accept connections within 1 s: no reply");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    let error = format!("error: {url} did not become healthy within 1 s: ");
    let (_, why) = ran.stderr.split_once(&error).expect(&ran.stderr);

    // The check's own time ends with the wait's.
    assert!(why.starts_with("no reply") || why.starts_with("scored 0 ("), "{}", ran.stderr);
}

/// W1: what accepts and never replies was never seen to be healthy.
#[test]
fn a_silent_listener_is_not_healthy() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = mute.local_addr().unwrap();
    let dir = TempDir::new();
    let (file, empty) = (dir.path().join("services.toml"), dir.path().join("empty.yaml"));
    std::fs::write(&file, format!("[[services]]\nname = \"x\"\nendpoints = [\"{at}\"]\nprotocol = \"http\"\n"))
        .unwrap();

    std::fs::write(&empty, "services: []\n").unwrap();
    let targets =
        ["http", "https", "redis", "grpc", "grpcs", "smtp", "postgresql"].map(|scheme| format!("{scheme}://{at}"));
    let files = [file, empty].map(|path| path.to_str().unwrap().to_owned());
    for target in targets.iter().chain(&files) {
        // Longer than one try, so that a try ends with its own verdict.
        for options in [&["--timeout", "3500ms"][..], &["--timeout", "300ms", "--min-score", "50"]] {
            let ran = run(&[&[target.as_str()], options, &["--", "echo", "STARTED"]].concat());
            assert!(matches!(ran.code, Some(1 | 2)) && ran.text().is_empty(), "{target} {options:?}: {}", ran.stderr);
        }
    }
}

/// W4: only a refusal is gone. A hung server with a full backlog is silent.
#[test]
fn a_full_backlog_is_not_gone() {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(address).unwrap();
    let ran = run(&["--gone", &address.to_string(), "--timeout", "4s", "--", "echo", "STARTED"]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    let error = format!("error: {address} is not known to be gone after 4 s: no reply");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    drop(full);
    assert_eq!(run(&["--gone", &address.to_string(), "--timeout", "4s"]).code, Some(0));
}

/// W3: a service whose owner is hidden may be the one that is waited for, or checked.
#[test]
fn a_hidden_owner_is_not_gone() {
    needs_root("it runs portolan as another user");
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8001");
    let portolan = scene.public_copy(&portolan_path(), "portolan".as_ref());
    let (user, group) = (format!("--reuid={UNPRIVILEGED_UID}"), format!("--regid={UNPRIVILEGED_UID}"));
    let unprivileged = |args: &[&str]| {
        let mut command = scene.command("setpriv");
        command.args([&user, &group, "--clear-groups", "--bounding-set=-all", "--"]).arg(&portolan).args(args);
        Outcome::new(output(&mut command))
    };

    let ran = unprivileged(&["wait", "--gone", "local/nginx", "--timeout", "500ms", "--", "echo", "STARTED"]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("CAP_") || ran.stderr.contains("cannot"), "{}", ran.stderr);

    // "No service has that name" was a claim about services that it could not see.
    for target in ["local/nginx", "local/fixture"] {
        let ran = unprivileged(&["validate", target, "-o", "name"]);
        assert_eq!((ran.code, ran.text()), (Some(3), ""), "{target}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot see the owners of 1 of 1 services"), "{target}: {}", ran.stderr);
    }
}

#[test]
fn gone_waits_until_the_port_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = run(&[&address, "--gone", "--timeout", "300ms"]);
    assert_eq!(ran.code, Some(1));
    let error = format!("error: {address} still accepts connections after 300 ms\n");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    let child = wait(&[&address, "--gone"]).spawn().unwrap();
    drop(listener);
    let ran = Outcome::new(hear(child, "wait --gone"));
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains(" is gone after "), "{}", ran.stderr);
}

#[test]
fn signals_end_it() {
    let (_socket, address) = unused();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let dir = TempDir::new();
        let fifo = UnixListener::bind(dir.path().join("up")).unwrap();
        let child = wait(&[&address, dir.path().join("up").to_str().unwrap()]).spawn().unwrap();
        // It has begun: signals are caught by now.
        fifo.accept().unwrap();
        kill(child.id(), signal);
        assert_eq!(Outcome::new(hear(child, "wait")).code, Some(code));
    }
}

#[test]
fn an_invalid_target_is_refused() {
    for (target, why) in [
        ("db", "cannot use TARGET 'db': the port is missing"),
        ("5432", "cannot use TARGET '5432': the host is missing"),
        ("db:0", "cannot use TARGET 'db:0': the port is not a number from 1 to 65535"),
        ("db/x:80", "cannot use TARGET 'db/x:80': it is neither an address nor a host name"),
        ("http:///x", "cannot use TARGET 'http:///x': it has no host"),
        ("gopher://h", "cannot use TARGET 'gopher://h': unknown scheme gopher"),
        ("unix://", "cannot use TARGET 'unix://': it has no path"),
    ] {
        let ran = run(&[target]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.starts_with(&format!("error: {why}")), "{}", ran.stderr);
    }

    assert_eq!(run(&[]).code, Some(2));
}

#[test]
fn what_a_source_has_by_a_name_is_checked_or_gone() {
    let (socket, address) = unused();
    let id = format!("local/tcp/{address}");
    let ran = run(&[&id, "--timeout", "6s"]);
    assert_eq!(ran.code, Some(1));
    let error = format!("error: {id} did not become healthy within 6 s: no service has that name (tried ");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    assert_eq!(run(&[&id, "--gone"]).code, Some(0));
    let child = wait(&[&id]).spawn().unwrap();
    socket.listen(9).unwrap();
    let ran = Outcome::new(hear(child, "wait"));

    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.starts_with(&format!("{id} accepts connections (tcp only: ")), "{}", ran.stderr);
    let ran = run(&[&id, "--gone", "--timeout", "6s"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains(&format!("error: {id} is still listed after 6 s\n")), "{}", ran.stderr);
    let child = wait(&[&id, "--gone"]).spawn().unwrap();
    drop(socket);
    assert_eq!(Outcome::new(hear(child, "wait --gone")).code, Some(0));
    let ran = run(&["scan/x"]);

    assert!(ran.code == Some(2) && ran.stderr.contains("<TARGET>... is missing"), "{}", ran.stderr);
}

#[test]
fn a_target_with_a_check_must_be_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let status = Arc::new(Mutex::new("500 Failed"));
    let shared = Arc::clone(&status);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                let status = *shared.lock().unwrap();
                let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
            }
        }
    });
    let url = format!("http://{address}/health");
    let ran = run(&[&url, "--timeout", "500ms", "--", "echo", "up"]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""));
    let error =
        format!("error: {url} did not become healthy within 500 ms: scored 0 (GET /health returns 500) (tried ");

    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    assert_eq!(run(&[&address.to_string()]).code, Some(0), "it only has to accept connections");
    let child = wait(&[&url, "--min-score", "60"]).spawn().unwrap();
    *status.lock().unwrap() = "200 OK";
    let ran = Outcome::new(hear(child, "wait"));
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains(&format!("{url} scores at least 60 after ")), "{}", ran.stderr);

    for (args, why) in [
        (&[&*url, "--gone"][..], "--gone does not apply to a URL or a services file"),
        (&["/run/x.sock", "--min-score", "80"], "a socket path cannot be checked"),
        (&["db:1", "--min-score", "101"], "it is not a score"),
        (&["db:1", "--min-score", "80", "--gone"], "it cannot be combined with"),
    ] {
        let ran = run(args);
        assert!(ran.code == Some(2) && ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
}

/// An HTTP server that gives each request to `reply`, which returns a status line and a body.
fn http_server(reply: fn(&str) -> (&'static str, &'static str)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            thread::spawn(move || {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let (status, body) = reply(&String::from_utf8_lossy(&request[..length]));
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    format!("http://{address}/health")
}

/// A page that needs longer than an attempt takes otherwise, such as the first one of a development server.
#[test]
fn a_slow_reply_is_waited_for() {
    let url = http_server(|_| {
        thread::sleep(std::time::Duration::from_millis(3_300));
        ("200 OK", "")
    });
    let ran = run(&[&url, "--timeout", "60s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(" is healthy after "), "{}", ran.stderr);
}

#[test]
fn a_reply_that_requires_credentials_is_not_healthy_unless_it_is_expected() {
    let url = http_server(|request| {
        let is_known = request.to_ascii_lowercase().contains("authorization: bearer t0");
        if is_known { ("200 OK", r#"{"status":"DOWN"}"#) } else { ("401 Unauthorized", "") }
    });
    let ran = run(&[&url, "--timeout", "300ms"]);
    let error = "did not become healthy within 300 ms: replies with 401 (credentials required) (tried ";
    assert!(ran.code == Some(1) && ran.stderr.contains(error), "{}", ran.stderr);

    let header = ["--header", "Authorization: Bearer t0"];
    for options in [&["--expect-status", "401"][..], &["--min-score", "80"], &header] {
        let ran = run(&[&[&*url, "--timeout", "20s"], options].concat());
        assert_eq!(ran.code, Some(0), "{options:?}: {}", ran.stderr);
    }
    let ran = run(&[&[&*url, "--timeout", "300ms", "--expect-json", "/status=UP"][..], &header].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);

    // A host and a port are checked as the options say.
    let host = url.strip_prefix("http://").unwrap().trim_end_matches("/health");
    let ran = run(&[&[host, "--timeout", "20s", "--path", "/health"][..], &header].concat());
    assert!(ran.code == Some(0) && ran.stderr.contains(" is healthy after "), "{}", ran.stderr);
    let ran = run(&[host, "--min-score", "80"]);
    assert!(ran.code == Some(0) && ran.stderr.contains(" accepts connections (tcp only: "), "{}", ran.stderr);
    let ran = run(&[host, "--gone", "--path", "/health"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("--gone sends no request"), "{}", ran.stderr);
}

/// U1: passwords are shown by no command, and in no message.
#[test]
fn passwords_are_never_shown() {
    let (_socket, address) = unused();
    let urls = [
        format!("postgresql://u:s3cret@{address}/db"),
        format!("amqp://u:s3cret@{address}/%2f"),
        format!("http://u:s3cret@{address}/?token=s3cret"),
        format!("redis://:s3cr/s3cret@{address}/0"),
        format!("gopher://u:s3cret@{address}"),
        "mongodb://u:s3cret@a.test:x/db".to_owned(),
        "mongodb+srv://u:s3cret@a.test/db".to_owned(),
    ];
    for url in &urls {
        for args in
            [&["wait", url, "--timeout", "0.1"][..], &["validate", url, "--json"], &["scan", "127.0.0.1", "-p", url]]
        {
            let mut command = Command::new(portolan_path());
            let ran = Outcome::new(output(command.env_clear().env("PATH", "/usr/bin:/bin").args(args)));
            assert!(
                !format!("{}{}", ran.text(), ran.stderr).contains("s3cret"),
                "{args:?}: {}{}",
                ran.text(),
                ran.stderr
            );
        }
    }

    let ran = run(&[&urls[0], "--timeout", "0.1"]);
    let error = format!(
        "error: postgresql://***@{address}/db did not become healthy within 100 ms: scored 0 (connection refused)"
    );
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
}

/// W10, U4: every spelling that others take for a socket or a service.
#[test]
fn sockets_and_connection_strings_are_waited_for() {
    let dir = TempDir::new();
    let path = dir.path().join("x.sock");
    let _unix = UnixListener::bind(&path).unwrap();
    let path = path.to_str().unwrap();

    let name = format!("portolan-wait-{}", std::process::id());
    let packets = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
    packets.bind(&socket2::SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
    packets.listen(1).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let targets = [
        path.to_owned(),
        format!("unix://{path}"),
        format!("unix:{path}"),
        format!("@{name}"),
        format!("unix:@{name}"),
        format!("tcp://{at}"),
    ];
    let ran = run(&[&targets.each_ref().map(String::as_str)[..], &["--timeout", "60"]].concat());
    assert_eq!((ran.code, ran.text()), (Some(0), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), targets.len(), "each is named: {}", ran.stderr);

    // W1: a listener that never replies is none of these.
    let silent = [
        format!("amqp://guest:guest@{at}/"),
        format!("mongodb://u:p@{at},{at}/db?replicaSet=r"),
        format!("kafka://{at}"),
    ];
    let ran = run(&[&silent.each_ref().map(String::as_str)[..], &["--timeout", "700ms"]].concat());
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("did not become healthy").count(), silent.len(), "{}", ran.stderr);
    assert!(!ran.stderr.contains("guest"), "{}", ran.stderr);
}

/// W10: a terminal shows what is waited for; a pipe gets the result alone.
#[test]
fn a_terminal_shows_what_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let up = listener.local_addr().unwrap();
    let (_socket, down) = unused();
    let portolan = portolan_path();
    let wait = format!("'{}' wait {up} {down} --timeout 2", portolan.display());
    let mut script = crate::support::tool("script");
    script.args(["-qefc", &wait, "/dev/null"]).env_clear().env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = Outcome::new(output(&mut script));

    let text = ran.text();
    assert!(text.contains(&format!("{up} accepts connections after ")), "{text}");
    assert!(text.contains(&format!("waiting 1 s of 2 s for {down} (connection refused)")), "{text}");
    assert!(text.contains(&format!("error: {down} did not accept")), "the line leaves no trace: {text}");
}
