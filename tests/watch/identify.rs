//! `--watch --identify`: each service is identified once, and reported as soon as it replies.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::{fs, thread};

use rustix::process::Signal;
use serde_json::Value;

use crate::checks::{WELL, Web};
use crate::support::{Ended, HANG, Isolation, Scene};
use crate::watched::{Watched, listener};

const SSH: &str = "SSH-2.0-OpenSSH_9.9";
const SMTP: &str = "220 mail.test ESMTP Postfix";

/// A server of this process that greets, or is silent until the test gives it something to send.
pub struct Greeter {
    port: u16,
    id: String,
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    greeting: Option<&'static str>,
    came: usize,
    silent: Vec<TcpStream>,
}

impl Greeter {
    pub fn at(scene: &Scene, address: &str, greeting: Option<&'static str>) -> Self {
        let (listener, id) = listener(scene, address);
        let shared = Arc::<Shared>::default();
        shared.state.lock().unwrap().greeting = greeting;
        let (accepts, state) = (listener.try_clone().unwrap(), Arc::clone(&shared));
        thread::spawn(move || serve(&accepts, &state));
        Self { port: listener.local_addr().unwrap().port(), id, listener, shared }
    }

    fn new(scene: &Scene, greeting: &'static str) -> Self {
        Self::at(scene, "127.0.0.1:0", Some(greeting))
    }

    /// How many connections came so far.
    fn came(&self) -> usize {
        self.shared.state.lock().unwrap().came
    }

    /// Waits for a connection.
    fn wait_for_one(&self) {
        let state = self.shared.state.lock().unwrap();
        let (state, _) = self.shared.changed.wait_timeout_while(state, HANG, |state| state.came == 0).unwrap();
        assert!(state.came > 0, "no connection to {}", self.id);
    }

    /// Sends this to every open connection, and to each that comes from now on.
    pub fn say(&self, greeting: &'static str) {
        let mut state = self.shared.state.lock().unwrap();
        state.greeting = Some(greeting);
        state.silent.drain(..).for_each(|stream| greet(stream, greeting));
    }

    /// Stops listening; existing connections stay.
    fn close(&self) {
        // The thread that accepts has a copy of it, which this wakes.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).expect("it listens");
    }
}

fn serve(listener: &TcpListener, shared: &Shared) {
    while let Ok((stream, _)) = listener.accept() {
        let mut state = shared.state.lock().unwrap();
        state.came += 1;
        shared.changed.notify_all();
        match state.greeting {
            Some(greeting) => greet(stream, greeting),
            None => state.silent.push(stream),
        }
    }
}

/// Greets, and ignores everything that follows.
fn greet(mut stream: TcpStream, greeting: &str) {
    let _ = stream.write_all(format!("{greeting}\r\n").as_bytes());
    thread::spawn(move || {
        // The other end closes when it has read enough.
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.shutdown(Shutdown::Both);
    });
}

fn start(scene: &Scene, args: &str) -> Watched {
    Watched::start(scene.portolan().args("--tcp --identify --interval 50ms").args(args))
}

/// The protocol of an item's first endpoint.
fn protocol(line: &Value) -> &Value {
    &line["item"]["endpoints"][0]["service"]["protocol"]
}

/// The next line with an identification of this service.
fn answered(watched: &mut Watched, id: &str) -> Value {
    watched.until(|line| line["item"]["id"] == id && line["type"] == "updated" && tells_identity(line))
}

fn tells_identity(line: &Value) -> bool {
    let changed = line["changed"].as_array().into_iter().flatten().filter_map(Value::as_str);
    changed.into_iter().any(|field| field.contains("].service"))
}

#[test]
fn an_identification_is_reported_once_as_an_update() {
    let scene = Scene::new();
    let first = Greeter::new(&scene, SSH);
    let mut watched = start(&scene, "");
    let line = answered(&mut watched, &first.id);
    assert_eq!((protocol(&line), &line["changed"]), (&"ssh".into(), &serde_json::json!(["endpoints[0].service"])));
    let service = &line["item"]["endpoints"][0]["service"];
    assert_eq!((&service["product"], &service["version"]), (&"OpenSSH".into(), &"9.9".into()), "{line}");
    let asked = first.came();
    let second = Greeter::new(&scene, SMTP);
    let added = watched.until(|line| line["item"]["id"] == second.id);
    assert_eq!(
        (&added["type"], protocol(&added)),
        (&"added".into(), &Value::Null),
        "the event does not wait for it: {added}"
    );
    assert_eq!(protocol(&answered(&mut watched, &second.id)), "smtp");
    second.close();
    let removed = watched.until(|line| line["type"] == "removed");
    assert_eq!((&removed["item"]["id"], protocol(&removed)), (&second.id.clone().into(), &"smtp".into()));
    assert_eq!(first.came(), asked, "it is not probed again");
    watched.signal(Signal::INT);
    while let Some(line) = watched.next() {
        assert!(!tells_identity(&line), "reported before: {line}");
    }
}

#[test]
fn a_late_reply_is_not_credited_to_the_next_service() {
    let scene = Scene::new();
    // No other probe is sent, and nothing waits for a greeting.
    let probe = "[[probe]]\nprotocol = 'acme'\nports = [7001]\nsend = '?'\npattern = '^ACME (?<version>[0-9]+)'\n";
    let probes = scene.dir().join("probes.toml");
    fs::write(&probes, probe).unwrap();
    let old = Greeter::at(&scene, "127.0.0.1:7001", None);
    let id = old.id.clone();
    let mut watched = start(&scene, &format!("--probes {}", probes.display()));
    old.wait_for_one();
    old.close();
    assert_eq!(watched.about(&id)["type"], "removed");
    let new = Greeter::at(&scene, "127.0.0.1:7001", None);
    assert_eq!(watched.about(&id)["type"], "added");
    new.wait_for_one();
    old.say("ACME 1");
    // When this one is identified, the late reply has arrived.
    let other = Greeter::at(&scene, "127.0.0.2:7001", Some("ACME 3"));
    let mut about = Vec::new();
    while watched.history.changes.last() != Some(&("updated".to_owned(), other.id.clone())) {
        about.extend(watched.next().filter(|line| line["item"]["id"] == *id));
    }
    let misled = about.iter().find(|line| tells_identity(line));
    assert!(misled.is_none(), "it has sent nothing: {misled:?}");
    new.say("ACME 2");
    let line = answered(&mut watched, &id);
    assert_eq!(line["item"]["endpoints"][0]["service"]["version"], "2", "{line}");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn a_silent_service_delays_no_other() {
    let scene = Scene::new();
    let silent: Vec<_> = (0..50).map(|_| Greeter::at(&scene, "127.0.0.1:0", None)).collect();
    let mut watched = start(&scene, "--intensity all");
    silent.iter().for_each(Greeter::wait_for_one);
    let quick = Greeter::new(&scene, SSH);
    assert_eq!(protocol(&answered(&mut watched, &quick.id)), "ssh");
    quick.close();
    assert_eq!(watched.until(|line| line["type"] == "removed")["item"]["id"], quick.id);
    let told_of = |greeter: &&Greeter| watched.history.changes.contains(&("updated".to_owned(), greeter.id.clone()));
    assert_eq!(silent.iter().filter(told_of).count(), 0, "they are still being identified");
    // Nor does it delay the end.
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn an_unchanged_service_is_not_identified_again() {
    let scene = Scene::new();
    let (first, second) = (Greeter::new(&scene, SSH), Greeter::new(&scene, SMTP));
    let file = scene.dir().join("services.toml");
    let service = |name: &str, port: u16| format!("[[service]]\nname = '{name}'\nendpoints = ['127.0.0.1:{port}']\n");
    fs::write(&file, service("first", first.port)).unwrap();
    let run = scene.file().arg(file.to_str().unwrap()).args("--identify --interval 50ms");
    let mut watched = Watched::start(run);
    let line = watched.until(tells_identity);
    assert_eq!(protocol(&line), "ssh");
    let asked = first.came();
    fs::remove_file(&file).unwrap();
    watched.until(|line| line["type"] == "stale");
    fs::write(&file, service("first", first.port)).unwrap();
    watched.until(|line| line["type"] == "synced");
    // When the second is identified, the first would have been probed.
    fs::write(&file, service("first", first.port) + &service("second", second.port)).unwrap();
    let line = watched.until(tells_identity);
    assert_eq!((&line["item"]["name"], protocol(&line)), (&"second".into(), &"smtp".into()));
    assert_eq!(first.came(), asked);
    // At another address, another process may serve.
    fs::write(&file, service("first", second.port)).unwrap();
    let line = watched.until(|line| tells_identity(line) && protocol(line) != &Value::Null);
    assert_eq!((&line["item"]["name"], protocol(&line)), (&"first".into(), &"smtp".into()));
    let (status, history) = watched.end(Signal::INT);
    assert_eq!((status.code(), history.count("added"), history.count("removed")), (Some(0), 2, 1), "{history:?}");
}

/// It is listed all the time, and so there is no added or removed event.
#[test]
fn a_port_that_opens_again_is_identified_again() {
    let scene = Scene::new();
    let scan = scene.scan().args("127.0.0.1 -p 7001 --all --identify --interval 50ms");
    let mut watched = Watched::start(scan);
    let id = "scan/tcp/127.0.0.1:7001";
    for (greeting, word) in [(SSH, "ssh"), (SMTP, "smtp")] {
        let server = Greeter::at(&scene, "127.0.0.1:7001", Some(greeting));
        let line = watched.until(|line| protocol(line) != &Value::Null);
        assert_eq!((&line["item"]["id"], protocol(&line)), (&id.into(), &word.into()), "{line}");
        server.close();
        let line = watched.until(|line| line["item"]["detail"]["state"] == "closed");
        assert_eq!(protocol(&line), &Value::Null, "{line}");
    }
    let (status, history) = watched.end(Signal::INT);
    assert_eq!((status.code(), history.count("added"), history.count("removed")), (Some(0), 1, 0), "{history:?}");
}

/// A process that serves at what is its standard input.
fn process(listener: &TcpListener, greeting: &str) -> Ended {
    let held = OwnedFd::from(listener.try_clone().unwrap());
    let script =
        "open(S, '+<&=', 0); while (accept(C, S)) { syswrite(C, \"$ARGV[0]\\r\\n\"); sysread(C, $x, 999); close(C) }";
    let mut perl = Command::new("perl");
    perl.args(["-e", script, greeting]).stdin(Stdio::from(held));
    Ended(perl.stdout(Stdio::null()).spawn().expect("perl starts"))
}

#[test]
fn a_service_with_another_process_is_identified_again() {
    let scene = Scene::new();
    let (held, id) = listener(&scene, "127.0.0.1:0");
    let old = process(&held, SSH);
    drop(held);
    let mut watched = start(&scene, "");
    assert_eq!(protocol(&answered(&mut watched, &id)), "ssh");
    // Between two polls, another takes its place.
    watched.stop();
    drop(old);
    let (held, same) = listener(&scene, id.trim_start_matches("local/tcp/"));
    let new = process(&held, SMTP);
    drop(held);
    watched.signal(Signal::CONT);
    assert_eq!(same, id);
    let line = watched.until(|line| line["item"]["id"] == *id && protocol(line) == "smtp");
    assert_eq!(line["item"]["detail"]["processes"][0]["pid"], new.0.id(), "{line}");
    assert_eq!(watched.end(Signal::INT).1.count("removed"), 0);
}

#[test]
fn a_service_in_another_namespace_is_identified_there() {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    scene.sh("mount -t tmpfs tmpfs /run; ip netns add blue; ip netns exec blue ip link set lo up");
    let here = Greeter::at(&scene, "127.0.0.1:7000", Some(SSH));
    let script = "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(7000, inet_aton('127.0.0.1'))); \
                  listen(S, 9); while (accept(C, S)) { syswrite(C, \"220 blue ESMTP Postfix\\r\\n\"); sysread(C, $x, 999) }";
    let run = scene.portolan().args("--tcp --all-netns --identify --interval 50ms --until");
    let run = run.arg("item.endpoints[].service.protocol=smtp");
    let mut watched = Watched::start(run);
    assert_eq!(protocol(&answered(&mut watched, &here.id)), "ssh");
    let mut there = scene.command("ip");
    there.args(["netns", "exec", "blue", "perl", "-e", script]).stdin(Stdio::null()).stdout(Stdio::null());
    let _there = Ended(there.spawn().expect("ip starts"));
    let line = answered(&mut watched, "local/net:blue/tcp/127.0.0.1:7000");
    assert_eq!((protocol(&line), watched.next()), (&"smtp".into(), None));
}

#[test]
fn checks_follow_what_a_service_says() {
    let scene = Scene::new();
    let mut watched = start(&scene, "--validate");
    let _web = Web::at(&scene, "127.0.0.1:7001", |_, _| WELL);
    let covered = |line: &Value| line["item"]["endpoints"][0]["health"]["coverage"].to_string();
    let line = watched.until(|line| covered(line).contains("http"));
    assert_eq!((protocol(&line), &line["item"]["health"]["state"]), (&"http".into(), &"healthy".into()), "{line}");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// A server that closes every connection would be unhealthy as the usual protocol of its port. Identifying it takes longer.
#[test]
fn no_guessed_protocol_is_checked_during_identification() {
    let scene = Scene::new();
    let mut watched = start(&scene, "--validate");
    let (server, id) = listener(&scene, "127.0.0.1:80");
    thread::spawn(move || server.incoming().for_each(drop));
    let line = watched.until(|line| {
        assert_ne!(line["item"]["health"]["state"], "unhealthy", "{line}");
        line["item"]["id"] == *id && line["item"]["endpoints"][0]["service"].is_object()
    });
    assert_eq!((protocol(&line), &line["item"]["health"]["state"]), (&Value::Null, &"healthy".into()), "{line}");
    assert_eq!(line["item"]["endpoints"][0]["service_guess"], "http", "{line}");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn lines_and_conditions_include_the_identification() {
    let scene = Scene::new();
    let _server = Greeter::at(&scene, "127.0.0.1:7001", Some(SSH));
    let until = "item.endpoints[].service.protocol=ssh and item.endpoints[].service.version~^9";
    let ran = scene.portolan().args("--tcp --watch --identify --until").arg(until).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let last = ran.text().lines().last().unwrap();
    assert!(last.contains("Z  updated  tcp 127.0.0.1:7001  "), "{last}");
    assert!(last.contains("  service=ssh  version=\"OpenSSH 9.9\"  process="), "{last}");
    assert!(last.ends_with("  changed=endpoints[0].service"), "{last}");
}

#[test]
fn a_command_gets_the_identification_as_a_change() {
    let scene = Scene::new();
    let server = Greeter::new(&scene, SSH);
    let got = scene.dir().join("got");
    let run = scene.portolan().args("--tcp --watch --identify --count 1 -o name --exec");
    let ran = run.arg(&format!("tee {}", got.display())).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.text(), format!("added {0}\nupdated {0}\n", server.id));
    let event: Value = serde_json::from_str(&fs::read_to_string(got).unwrap()).unwrap();
    assert_eq!((&event["type"], protocol(&event)), (&"updated".into(), &"ssh".into()), "{event}");
}

/// The other end is never written to: the watch ends in time, and says that it saw nothing.
#[test]
fn a_probe_file_that_never_ends_delays_nothing() {
    let scene = Scene::new();
    scene.sh(&format!("mkfifo {}/probes", scene.dir().display()));
    let probes = format!("--tcp --watch --identify --for 100ms --probes {}/probes", scene.dir().display());
    let ran = scene.portolan().args(&probes).run();
    assert_eq!((ran.code, ran.text()), (Some(3), ""));
    assert!(ran.stderr.starts_with("error: cannot list the services of local within 100ms: "), "{}", ran.stderr);
    let ran = scene.portolan().args("--watch --identify --probes /nowhere").run();
    assert_eq!((ran.code, ran.text()), (Some(3), ""));
    assert!(ran.stderr.starts_with("error: cannot read the probes in /nowhere: "), "{}", ran.stderr);
}
