//! `--runtime`: names and images of containers from the sockets of their runtimes. podman and containerd are real; servers that
//! speak the published APIs of Docker (HTTP) and of Kubernetes' runtimes (gRPC) stand for what these two do not do.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use bytes::Bytes;
use serde_json::json;

use crate::support::{Cgroup, Fixture, HANG, Isolation, Lines, Listing, Outcome, Scene, finish};

const ID: &str = "3f4e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7";
const OTHER_ID: &str = "94e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d73";

/// A machine whose `/run` is the test's own, and whose sockets are in the test's folder.
struct Machine {
    scene: Scene,
    folder: PathBuf,
}

impl Machine {
    fn new() -> Self {
        Self::isolated(Isolation { mounts: true, ..Isolation::default() })
    }

    fn isolated(isolation: Isolation) -> Self {
        let scene = Scene::isolated(isolation);
        let folder = scene.dir().join("run");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        scene.sh(&format!("mount --bind {} /run", folder.display()));
        Self { scene, folder }
    }

    /// Listens at a path below `/run`. Each connection is served by a thread; returns the number of connections.
    fn serve(&self, path: &str, serve: impl Fn(UnixStream) + Send + Sync + 'static) -> Arc<AtomicUsize> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let (count, serve) = (Arc::new(AtomicUsize::new(0)), Arc::new(serve));

        let connections = Arc::clone(&count);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });

        count
    }

    fn container(&self, group: &str) -> (Cgroup, Fixture) {
        let group = Cgroup::new(group);
        let fixture = self.scene.fixture_in(&group, "[ name=nginx tcp=0.0.0.0:80 ]");
        (group, fixture)
    }

    fn run(&self, args: &str) -> Outcome {
        self.scene.portolan().args(args).run()
    }
}

/// Reads a request of HTTP and writes a reply.
fn reply(mut stream: UnixStream, reply: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        request.push(byte[0]);
    }
    assert!(request.starts_with(b"GET /containers/json HTTP/1."), "{}", String::from_utf8_lossy(&request));
    let _ = stream.write_all(reply);
}

/// The reply of Docker's `GET /containers/json` (Engine API v1.47), shortened to one container and some of its fields.
fn docker(id: &str, name: &str, image: &str) -> Vec<u8> {
    let container = json!({
        "Id": id, "Names": [format!("/{name}")], "Image": image,
        "ImageID": "sha256:d24003600d6f0f5a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2", "Command": "nginx -g 'daemon off;'",
        "Created": 1_764_460_800, "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
        "Labels": {}, "State": "running", "Status": "Up 2 hours", "HostConfig": {"NetworkMode": "bridge"}, "Mounts": [],
    });
    let body = json!([container]).to_string();
    format!("HTTP/1.0 200 OK\r\nApi-Version: 1.47\r\nContent-Type: application/json\r\n\r\n{body}").into_bytes()
}

/// Keeps a connection open without a word.
fn silence(mut stream: UnixStream) {
    let _ = stream.read_to_end(&mut Vec::new());
    thread::sleep(HANG);
}

#[test]
fn a_container_has_its_name_and_its_image() {
    let machine = Machine::new();
    let asked = machine.serve("docker.sock", |stream| reply(stream, &docker(ID, "web", "nginx:1.29")));
    let (_group, fixture) = machine.container(&format!("docker-{ID}.scope"));

    let listing = machine.run("--json").listing();
    assert_eq!(listing.row("tcp 0.0.0.0:80").detail("container"), &json!({"runtime": "docker", "id": ID, "pod": null}));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "only --runtime asks");

    let listing = machine.run("--runtime --json").listing();
    let expected = json!({"runtime": "docker", "id": ID, "pod": null, "name": "web", "image": "nginx:1.29"});
    assert_eq!(listing.row("tcp 0.0.0.0:80").detail("container"), &expected);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "once for all");

    let table = machine.run("--runtime");
    assert!(table.text().lines().next().unwrap().contains("CONTAINER-NAME  IMAGE"), "{}", table.text());
    assert!(table.text().contains("web") && table.text().contains("nginx:1.29"), "{}", table.text());
    assert!(!machine.run("").text().contains("IMAGE"));
    let wide = machine.run("--runtime -o wide");
    assert!(wide.text().contains("docker-3f4e8a1b2c3d") && wide.text().contains("nginx:1.29"), "{}", wide.text());

    let who = machine.scene.runs(&["who"]).args("80 --runtime").run();
    assert!(who.text().contains("docker-3f4e8a1b2c3d (web, nginx:1.29)"), "{} {}", who.text(), who.stderr);
    fixture.end();
}

#[test]
fn runtimes_are_not_asked_where_no_container_is_listed() {
    let machine = Machine::new();
    let asked = machine.serve("docker.sock", silence);
    let _fixture = machine.scene.fixture("tcp=127.0.0.1:8001");
    assert_eq!(machine.run("--runtime --json").listing().rows.len(), 1);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_silent_runtime_costs_its_own_names_only() {
    let machine = Machine::new();
    machine.serve("docker.sock", silence);
    machine.serve("podman/podman.sock", |stream| reply(stream, &docker(OTHER_ID, "db", "postgres:17")));
    let (_group, _fixture) = machine.container(&format!("docker-{ID}.scope"));
    let group = Cgroup::new(&format!("libpod-{OTHER_ID}.scope"));
    let _other = machine.scene.fixture_in(&group, "[ name=postgres tcp=0.0.0.0:5432 ]");

    let outcome = machine.run("--runtime --json");
    let listing = Listing::new(&outcome.document());
    assert_eq!(listing.row("tcp 0.0.0.0:5432").detail("container")["image"], "postgres:17");
    let silent = listing.row("tcp 0.0.0.0:80").detail("container").clone();
    assert_eq!(silent, json!({"runtime": "docker", "id": ID, "pod": null, "name_unknown": true}));
    assert_eq!(outcome.code, Some(3), "the listing lacks names that were asked for: {}", outcome.stderr);
    let said: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("names of containers")).collect();
    assert_eq!(said.len(), 1, "{}", outcome.stderr);
    assert!(said[0].contains("/run/docker.sock") && said[0].contains("no reply within 3 s"), "{}", outcome.stderr);
    let table = machine.run("--runtime --columns address,container_name,image");
    assert!(
        table.text().lines().any(|line| line.starts_with("0.0.0.0:80 ") && line.contains("unknown")),
        "{}",
        table.text()
    );
}

#[test]
fn hostile_replies_are_bounded_and_cleaned() {
    let names = json!([{"Id": ID, "Names": ["/\u{1b}]0;pwn\u{7}web"], "Image": "x\u{202e}y"}]);
    let escapes = format!("HTTP/1.1 200 OK\r\n\r\n{names}");
    let cases: [(&str, Vec<u8>); 6] = [
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("refuses", b"HTTP/1.1 403 Forbidden\r\n\r\n[]".to_vec()),
        ("not a list", b"HTTP/1.1 200 OK\r\n\r\n{\"Id\":3}".to_vec()),
        ("not a list", [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &b"[".repeat(100_000)].concat()),
        ("longer than", [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &b" ".repeat(17 << 20)].concat()),
        ("", escapes.into_bytes()),
    ];

    for (why, bytes) in cases {
        let machine = Machine::new();
        machine.serve("docker.sock", move |stream| reply(stream, &bytes));
        let (_group, _fixture) = machine.container(&format!("docker-{ID}.scope"));
        let outcome = machine.run("--runtime");
        assert_eq!(outcome.code, Some(if why.is_empty() { 0 } else { 3 }), "{why}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(why), "{why}: {}", outcome.stderr);
        assert_eq!(outcome.text().contains("unknown"), !why.is_empty(), "{why}: {}", outcome.text());
        assert!(!outcome.text().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", outcome.text());
    }
}

#[test]
fn without_permission_the_name_is_unknown_and_one_line_says_so() {
    let machine = Machine::new();
    machine.serve("docker.sock", |stream| reply(stream, &docker(ID, "web", "nginx:1.29")));
    fs::set_permissions(machine.folder.join("docker.sock"), fs::Permissions::from_mode(0o660)).unwrap();
    let (_group, _fixture) = machine.container(&format!("docker-{ID}.scope"));
    let outcome = machine.scene.portolan().by_nobody().args("--runtime --json").run();
    assert_eq!(outcome.listing().row("tcp 0.0.0.0:80").detail("container")["name_unknown"], true);
    let said: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("names of containers")).collect();
    assert!(said.len() == 1 && said[0].contains("no permission"), "{}", outcome.stderr);
    assert_eq!(machine.scene.portolan().by_nobody().args("--runtime --strict").run().code, Some(4));
}

#[test]
fn without_a_runtime_the_name_is_unknown_and_one_line_says_so() {
    let machine = Machine::new();
    let (_group, _fixture) = machine.container(&format!("docker-{ID}.scope"));
    let outcome = machine.run("--runtime");
    assert!(outcome.text().contains("unknown"), "{}", outcome.text());
    assert_eq!(outcome.stderr.matches("there is no socket of docker").count(), 1, "{}", outcome.stderr);
}

/// A field of Protocol Buffers that has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    [bytes, content.to_vec()].concat()
}

/// A `ListContainersResponse` (cri-api v1, api.proto) with one container of a pod.
fn cri_response() -> Bytes {
    let label = |name: &[u8], value: &[u8]| field(8, &[field(1, name), field(2, value)].concat());
    let container = [
        field(1, ID.as_bytes()),
        field(2, OTHER_ID.as_bytes()),
        field(3, &field(1, b"nginx")),
        field(4, &field(1, b"docker.io/library/nginx:1.29")),
        field(5, b"sha256:d24003600d6f"),
        // CONTAINER_RUNNING, and when it was made.
        vec![6 << 3, 1, 7 << 3, 0x80, 0x94, 0xeb, 0xdc, 3],
        label(b"io.kubernetes.pod.name", b"web-0"),
        label(b"io.kubernetes.pod.namespace", b"shop"),
    ];

    framed(&field(1, &container.concat()))
}

/// A `ListContainersResponse` (containerd API v1, containers.proto) with one container, as nerdctl makes it.
fn containerd_response() -> Bytes {
    let label = |name: &[u8], value: &[u8]| field(2, &[field(1, name), field(2, value)].concat());
    let container = [
        field(1, OTHER_ID.as_bytes()),
        label(b"nerdctl/namespace", b"default"),
        label(b"nerdctl/name", b"db"),
        field(3, b"docker.io/library/postgres:17"),
        field(4, &field(1, b"io.containerd.runc.v2")),
    ];
    framed(&field(1, &container.concat()))
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

/// A server of containerd's interface and that of Kubernetes: gRPC over HTTP/2.
fn serve_cri(stream: UnixStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    runtime.block_on(async {
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::UnixStream::from_std(stream).unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let response = match request.uri().path() {
                "/runtime.v1.RuntimeService/ListContainers" => cri_response(),
                "/containerd.services.containers.v1.Containers/List" => {
                    assert_eq!(request.headers()["containerd-namespace"], "default");
                    containerd_response()
                }
                other => panic!("{other} is not asked for"),
            };
            assert_eq!(request.headers()["content-type"], "application/grpc");
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let mut body = respond.send_response(head, false).unwrap();
            body.send_data(response, false).unwrap();
            let trailers = [("grpc-status".parse().unwrap(), "0".parse().unwrap())];
            body.send_trailers(trailers.into_iter().collect::<http::HeaderMap>()).unwrap();
        }
    });
}

#[test]
fn a_container_of_a_pod_has_its_name_with_the_pods() {
    let machine = Machine::new();
    machine.serve("containerd/containerd.sock", serve_cri);
    let (_group, _fixture) = machine.container(&format!("cri-containerd-{ID}.scope"));
    let group = Cgroup::new(&format!("nerdctl-{OTHER_ID}.scope"));
    let _other = machine.scene.fixture_in(&group, "[ name=postgres tcp=0.0.0.0:5432 ]");
    let listing = machine.run("--runtime --json").listing();
    let container = listing.row("tcp 0.0.0.0:80").detail("container");
    assert_eq!(container["name"], "shop/web-0/nginx", "{container}");
    assert_eq!(container["image"], "docker.io/library/nginx:1.29");
    let container = listing.row("tcp 0.0.0.0:5432").detail("container");
    assert_eq!((&container["runtime"], &container["name"]), (&json!("containerd"), &json!("db")), "{container}");
}

#[test]
fn both_ends_of_a_connection_have_the_names_of_their_containers() {
    let machine = Machine::new();
    machine.serve("docker.sock", |stream| reply(stream, &docker(ID, "web", "nginx:1.29")));
    let group = Cgroup::new(&format!("docker-{ID}.scope"));
    let _fixture = machine.scene.fixture_in(&group, "[ name=nginx tcp=127.0.0.1:80,conns=1 ]");
    let document = machine.run("--connections --runtime --json").document();
    let detail = &document["items"][0]["detail"];
    assert_eq!(detail["container"]["name"], "web", "{document}");
    assert_eq!(detail["peer"]["holder"]["container"]["image"], "nginx:1.29", "{document}");
}

#[test]
fn a_watch_reports_the_name_of_a_new_container() {
    let machine = Machine::new();
    machine.serve("docker.sock", |stream| reply(stream, &docker(ID, "web", "nginx:1.29")));
    let watch = machine.scene.portolan().args("--runtime --watch --json --interval 50ms");
    let mut child = watch.spawn();
    let lines = Lines::of(&mut child);
    let next = |wanted: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("the watch ended before {wanted}"));
        if line.contains(wanted) {
            return line;
        }
    };

    next("synced");
    let (_group, _fixture) = machine.container(&format!("docker-{ID}.scope"));
    assert!(next("nginx:1.29").contains("local/tcp/0.0.0.0:80"));
    child.kill().unwrap();
    finish(child);
}

/// The root of a container: the programs of this machine.
const ROOT: &str = "mkdir -p /run/rootfs && cd /run/rootfs && mkdir -p usr proc sys dev tmp etc run
    for dir in bin lib lib64; do [ ! -e /$dir ] || ln -sfn usr/$dir $dir; done";
/// Waits until the program in the container listens.
const LISTENS: &str = "until ss -Hltn | grep -q 127.0.0.1:8099; do sleep 0.05; done";
const PROGRAM: &str = r#"/usr/bin/python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 8099)); s.listen(); time.sleep(600)'"#;

/// A machine on which every process ends with the test, also those that others started.
fn machine_with_processes() -> Machine {
    Machine::isolated(Isolation { pids: true, ..Isolation::default() })
}

#[test]
fn podman_names_its_container() {
    let machine = machine_with_processes();
    let podman = "podman --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --root /run/root \
        --runroot /run/runroot --tmpdir /run/tmp";
    let id = machine.scene.sh(&format!(
        "{ROOT}
         tar -c . | {podman} import -q - portolan.test/web:1 >/dev/null
         mkdir -p /run/podman
         {podman} system service --time=0 unix:///run/podman/podman.sock >/run/log 2>&1 </dev/null &
         {podman} run -d --name web --network host --security-opt seccomp=unconfined -v /usr:/usr:ro \
             portolan.test/web:1 {PROGRAM} 2>/run/log2
         {LISTENS}; until [ -S /run/podman/podman.sock ]; do sleep 0.05; done"
    ));
    let outcome = machine.run("--runtime --json -p 8099");
    let table = machine.run("--runtime -p 8099 --columns address,container,container_name,image");
    machine.scene.sh(&format!(
        "{podman} rm -f -t 0 web >/dev/null 2>&1
         rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent 2>/dev/null || true"
    ));

    let listing = outcome.listing();
    let expected = json!({
        "runtime": "podman", "id": id.trim(), "pod": null, "name": "web", "image": "portolan.test/web:1",
    });
    assert_eq!(listing.row("tcp 127.0.0.1:8099").detail("container"), &expected, "{}", outcome.stderr);
    assert!(table.text().contains("web             portolan.test/web:1"), "{}", table.text());
}

/// A real containerd replies to both requests: Kubernetes has no containers here, `ctr` made one as `nerdctl` does.
#[test]
fn containerd_names_its_container() {
    let machine = machine_with_processes();
    let config = "version = 2\nroot = \"/run/c/root\"\nstate = \"/run/c/state\"\n[grpc]\naddress = \"/run/containerd/containerd.sock\"\n";
    machine.scene.sh(&format!(
        "{ROOT}
         mkdir -p /run/c && printf '{config}' >/run/c/config.toml
         containerd --config /run/c/config.toml >/run/c/log 2>&1 </dev/null &
         until ctr version >/dev/null 2>&1; do sleep 0.05; done
         ctr run -d --rootfs --net-host --label nerdctl/name=db --cgroup portolan-test/nerdctl-{ID} \
             --mount type=bind,src=/usr,dst=/usr,options=rbind:ro /run/rootfs {ID} {PROGRAM} >/run/log2 2>&1
         {LISTENS}"
    ));
    let outcome = machine.run("--runtime --json -p 8099");
    machine.scene.sh(&format!(
        "ctr task kill -s KILL {ID}; until ctr task rm {ID} >/dev/null 2>&1; do sleep 0.05; done; ctr container rm {ID}
         rmdir /sys/fs/cgroup/*/portolan-test 2>/dev/null || true"
    ));

    let listing = outcome.listing();
    let container = listing.row("tcp 127.0.0.1:8099").detail("container");
    assert_eq!((&container["id"], &container["name"]), (&json!(ID), &json!("db")), "{container} {}", outcome.stderr);
    assert!(!outcome.stderr.contains("names of containers"), "{}", outcome.stderr);
}
