//! `--proxy`: connections by real proxies, in the namespace of the scene.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{HANG, Outcome, Scene, finish, kill, output, tool};

/// A proxy that is ended with the test.
struct Proxy(Option<Child>);

impl Proxy {
    /// Starts a program of the scene, and waits until its port accepts connections.
    fn start(scene: &Scene, program: &str, args: &[&str], port: u16) -> Self {
        let mut command = scene.command(tool(program).get_program());
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let proxy = Self(Some(command.spawn().unwrap()));
        let begun = Instant::now();
        let connects = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        while !output(scene.command(tool("bash").get_program()).args(["-c", &connects])).status.success() {
            assert!(begun.elapsed() < HANG, "{program} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            kill(child.id(), Signal::TERM);
            finish(child);
        }
    }
}

fn scan(scene: &Scene, args: &str) -> Outcome {
    scene.scan().args(args).run()
}

/// The states by port: `22 open`.
fn states(outcome: &Outcome) -> Vec<String> {
    let document = outcome.document();
    let items = document["items"].as_array().unwrap();
    let line = |item: &serde_json::Value| {
        format!(
            "{} {} {}",
            item["endpoints"][0]["port"],
            item["detail"]["state"].as_str().unwrap(),
            item["detail"]["reason"].as_str().unwrap()
        )
    };
    items.iter().map(line).collect()
}

#[test]
fn a_socks_proxy_says_what_is_open_and_what_is_refused() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22 tcp=127.0.0.1:8080 tcp=[::1]:8081");
    let _proxy = Proxy::start(&scene, "microsocks", &["-i", "127.0.0.1", "-p", "1080"], 1080);
    let ran = scan(&scene, "127.0.0.1 -p 22,80,8080 --all --json --proxy socks5://127.0.0.1:1080");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(states(&ran), ["22 open syn-ack", "80 closed refused", "8080 open syn-ack"]);

    let v6 = scan(&scene, "::1 -p 8081,8082 --all --json --proxy socks5h://127.0.0.1:1080");
    assert_eq!(states(&v6), ["8081 open syn-ack", "8082 closed refused"], "{}", v6.stderr);
    // Every port of a large range, over a few connections at a time.
    let many = scan(&scene, "127.0.0.1 -p 1-2000 --json --proxy socks5://127.0.0.1:1080");
    assert_eq!(states(&many), ["22 open syn-ack", "1080 open syn-ack"], "{}", many.stderr);
}

#[test]
fn a_socks_proxy_may_want_a_password() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22");
    let args = ["-i", "127.0.0.1", "-p", "1080", "-u", "me", "-P", "s3cret"];
    let _proxy = Proxy::start(&scene, "microsocks", &args, 1080);
    let ran = scan(&scene, "127.0.0.1 -p 22 --json --proxy socks5://me:s3cret@127.0.0.1:1080");
    assert_eq!((ran.code, states(&ran)), (Some(0), vec!["22 open syn-ack".to_owned()]), "{}", ran.stderr);

    for (user, why) in
        [("", "it requires a user and a password"), ("me:s3cres@", "it refuses the user or the password")]
    {
        let ran = scan(&scene, &format!("127.0.0.1 -p 22 --proxy socks5://{user}127.0.0.1:1080"));
        assert_eq!((ran.code, ran.text()), (Some(3), ""), "{}", ran.stderr);
        let said = format!("error: cannot use the proxy 127.0.0.1:1080: {why}\n");
        assert!(ran.stderr.starts_with(&said) && !ran.stderr.contains("s3cre"), "{}", ran.stderr);
    }
}

#[test]
fn an_http_proxy_connects_and_does_not_say_why_not() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22");
    let settings = "Port 8888\nListen 127.0.0.1\nTimeout 10\nMaxClients 50\nAllow 127.0.0.1\nConnectPort 22\nConnectPort 80\nConnectPort 8888\n";
    let file = scene.dir().join("tinyproxy.conf");
    std::fs::write(&file, settings).unwrap();
    let _proxy = Proxy::start(&scene, "tinyproxy", &["-d", "-c", &file.display().to_string()], 8888);
    let ran = scan(&scene, "127.0.0.1 -p 22,80,443 --all --json --proxy http://127.0.0.1:8888");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(states(&ran), ["22 open syn-ack", "80 unreachable proxy-failed", "443 unreachable proxy-failed"]);
}

/// A proxy that is away, or is none, says nothing about any port; and nothing goes past it.
#[test]
fn a_proxy_that_cannot_be_used_is_an_error() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22");
    let away = scan(&scene, "127.0.0.1 -p 22 --proxy socks5://127.0.0.1:9");
    assert_eq!((away.code, away.text()), (Some(3), ""), "{}", away.stderr);
    assert!(
        away.stderr.starts_with("error: cannot use the proxy 127.0.0.1:9: connection refused\n"),
        "{}",
        away.stderr
    );

    let other = scan(&scene, "127.0.0.1 -p 22 --timeout 500ms --deadline 2s --proxy socks5://127.0.0.1:22");
    assert!(other.code == Some(3) && !other.text().contains("22"), "{}", other.stderr);
    for more in ["--identify", "--validate", "--syn", "-U", "--discover-only"] {
        let ran = scan(
            &scene,
            &format!("127.0.0.1 -p 22 --proxy socks5://127.0.0.1:1 {more}")
                .replace("-p 22", if more == "--discover-only" || more == "-U" { "" } else { "-p 22" }),
        );
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{more}: {}", ran.stderr);
    }
    let local = scan(&scene, "local -p 22 --proxy socks5://127.0.0.1:1");
    assert_eq!(local.code, Some(2), "{}", local.stderr);
}
