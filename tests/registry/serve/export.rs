//! `portolan export`: the real HAProxy and nginx load what is written, and a watch keeps it true.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Server;
use super::server::folder;
use crate::support::{HANG, finish, kill, output, portolan_path, tool};

fn export(server: &Server, args: &str) -> Command {
    let mut command = Command::new(portolan_path());
    command.arg("export").args(args.split_whitespace()).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    command.arg(format!("--registry=portolan://{}", server.address)).stdin(Stdio::null());
    command
}

fn written(server: &Server, args: &str) -> String {
    let out = output(&mut export(server, args));
    assert_eq!(out.status.code(), Some(0), "{args}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn register(server: &Server, name: &str, address: &str, weight: u16) -> String {
    let body =
        json!({ "name": name, "address": address, "port": 8080, "weight": weight, "ttl": 0, "protocol": "http" });
    server.register(&body.to_string())["id"].as_str().unwrap().to_owned()
}

fn fleet() -> Server {
    let server = Server::in_memory();
    register(&server, "web", "10.0.0.1", 10);
    register(&server, "web", "2001:db8::1", 1_000);
    register(&server, "web", "127.0.0.1", 0);
    let draining = json!({ "name": "web", "address": "10.0.0.9", "port": 1, "ttl": 0, "status": "draining" });
    server.register(&draining.to_string());
    register(&server, "cart.v2", "10.0.0.3", 1);
    server
}

fn run(command: &mut Command) -> String {
    let out = output(command);
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "{said}");
    said
}

#[test]
fn the_proxies_load_what_is_written() {
    let server = fleet();
    let dir = folder();
    let path = |name: &str| dir.path().join(name);

    let haproxy = written(&server, "haproxy web cart.v2");
    assert!(haproxy.contains("    server 10.0.0.1:8080 10.0.0.1:8080 weight 2\n"), "{haproxy}");
    assert!(!haproxy.contains("127.0.0.1") && !haproxy.contains("10.0.0.9"), "it takes no calls: {haproxy}");
    fs::write(path("services.cfg"), &haproxy).unwrap();
    let defaults = "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n\
                    frontend in\n    bind 127.0.0.1:1\n    default_backend web\n";
    fs::write(path("haproxy.cfg"), defaults).unwrap();
    run(tool("haproxy").arg("-c").arg("-f").arg(path("haproxy.cfg")).arg("-f").arg(path("services.cfg")));

    let nginx = written(&server, "nginx web cart.v2");
    fs::write(path("services.conf"), &nginx).unwrap();
    let conf = format!(
        "pid {0}/pid;\nerror_log {0}/log;\nevents {{}}\nhttp {{\n include {0}/services.conf;\n \
         server {{ listen 127.0.0.1:1; location / {{ proxy_pass http://web; }} }}\n}}\n",
        dir.path().display()
    );
    fs::write(path("nginx.conf"), conf).unwrap();
    run(tool("nginx").arg("-t").arg("-c").arg(path("nginx.conf")));

    let envoy: Value = serde_json::from_str(&written(&server, "envoy web cart.v2")).unwrap();
    assert_eq!(envoy["resources"][0]["endpoints"][0]["lb_endpoints"].as_array().unwrap().len(), 2, "{envoy}");
    let traefik = written(&server, "traefik web");
    assert!(traefik.contains("- url: \"http://[2001:db8::1]:8080\"\n            weight: 1000\n"), "{traefik}");
}

#[test]
fn a_service_without_instances_is_an_error_and_the_old_file_stays() {
    let server = fleet();
    let dir = folder();
    let file = dir.path().join("services.cfg");
    fs::write(&file, "old").unwrap();
    let option = format!("--file {}", file.display());

    for (args, code, error) in [
        (format!("haproxy nothing {option}"), 1, "no instance of nothing takes calls"),
        (format!("haproxy web --version 9.9.9 {option}"), 1, "no instance of web takes calls"),
        ("haproxy web --file /gone/x".to_owned(), 2, "its directory does not exist"),
        ("haproxy web --watch".to_owned(), 2, "--file"),
        (format!("haproxy web {option} --reload no-such-program"), 2, "no-such-program"),
        ("haproxy 'a;b'".to_owned(), 2, "is not valid in a proxy configuration"),
        ("haprox web".to_owned(), 2, "haproxy"),
        ("haproxy web --json".to_owned(), 2, "the proxy determines the format"),
    ] {
        let out = output(&mut export(&server, &args));
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args}: {said}");
        assert!(said.starts_with("error: ") && said.contains(error) && said.contains("\nhint: "), "{args}: {said}");
        assert!(out.stdout.is_empty(), "{args}");
    }
    let address = server.address;
    server.kill();
    let mut command = Command::new(portolan_path());
    command.args(["export", "haproxy", "web", "--file"]).arg(&file).arg(format!("--registry=portolan://{address}"));
    let out = output(command.env_clear());
    assert_ne!(out.status.code(), Some(0), "the registry is gone");
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

fn until(file: &Path, what: &str, reached: impl Fn(&str) -> bool) {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if reached(&text) {
            return;
        }
        assert!(begun.elapsed() < HANG, "never: {what}: {text}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_watch_replaces_the_file_and_runs_the_command() {
    let server = Server::in_memory();
    register(&server, "web", "10.0.0.1", 1);
    let dir = folder();
    let (file, copy) = (dir.path().join("services.cfg"), dir.path().join("copy"));
    let mut command = export(&server, "haproxy web --watch");
    // What the proxy would have read.
    command.arg("--file").arg(&file).arg("--reload").arg(format!("cp {} {}", file.display(), copy.display()));
    command.env("PATH", "/usr/bin:/bin");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    until(&copy, "the first instance", |text| text.contains("10.0.0.1:8080"));
    let id = register(&server, "web", "10.0.0.2", 1);
    until(&copy, "the second instance", |text| text.contains("10.0.0.2:8080") && text.contains("10.0.0.1:8080"));
    assert_eq!(server.send("DELETE", &format!("/api/v1/services/{id}"), None).status, 204);
    until(&copy, "the first one alone", |text| !text.contains("10.0.0.2:8080") && text.contains("10.0.0.1:8080"));
    assert_eq!(fs::read(&file).unwrap(), fs::read(&copy).unwrap());

    server.kill();
    thread::sleep(Duration::from_millis(300));
    assert!(fs::read_to_string(&file).unwrap().contains("10.0.0.1:8080"), "the registry is gone, the file stays");
    kill(child.id(), Signal::INT);
    assert_eq!(finish(child).and_then(|status| status.code()), Some(0));
}
