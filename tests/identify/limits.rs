//! Shortages of this machine: descriptors, threads, permission to connect.

use std::process::Command;

use crate::own::{Peers, mute};
use crate::support::{Outcome, Scene, TempDir, output, portolan_path, tool};

/// Every command that needs a runtime, at a port of this machine.
fn commands(port: u16) -> Vec<String> {
    let commands = [
        format!("scan 127.0.0.1 -p {port} --identify"),
        format!("discover local --tcp -p {port} --identify"),
        format!("discover local --tcp -p {port} --watch --for 1ms"),
        format!("discover local --tcp -p {port} --validate"),
        format!("validate 127.0.0.1:{port}"),
        "discover k8s --kubeconfig kubeconfig".to_owned(),
    ];
    let k8s = cfg!(feature = "k8s");
    commands.into_iter().filter(|line| k8s || !line.contains("k8s")).collect()
}

/// A scan needs no runtime before it has found a port.
const STARTS: [&str; 2] = ["error: cannot start a runtime: ", "error: cannot scan 1 of 1 port: Too many open files"];

/// The error of a command that runs short.
fn refused(command: &mut Command, hint: &str) {
    let outcome = Outcome::new(output(command));
    let said = &outcome.stderr;
    assert!(!said.contains("panicked") && outcome.code == Some(3), "{command:?}: {:?}: {said}", outcome.code);
    let mut lines = said.lines();
    assert!(lines.next().is_some_and(|line| STARTS.iter().any(|start| line.starts_with(start))), "{command:?}: {said}");
    assert!(lines.next().is_some_and(|line| line.starts_with("hint: ") && line.contains(hint)), "{command:?}: {said}");
}

const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}], \
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]}";

#[test]
fn too_few_descriptors_are_reported() {
    let peers = Peers::new();
    let port = peers.serve(mute).address.port();
    let dir = TempDir::new();
    std::fs::write(dir.path().join("kubeconfig"), KUBECONFIG).unwrap();
    for line in commands(port) {
        let mut command = tool("sh");
        command.args(["-c", r#"ulimit -n 8 && exec "$@""#, "sh"]).arg(portolan_path());
        refused(command.args(line.split(' ')).current_dir(dir.path()).env_clear(), "ulimit -n");
    }
}

/// X6: a shortage that begins after the limits were looked at: of a system call that tokio needs.
#[test]
fn a_refused_system_call_is_one_line_and_no_panic() {
    let peers = Peers::new();
    let line = format!("validate 127.0.0.1:{}", peers.serve(mute).address.port());

    for (call, error, hint) in [
        ("epoll_create1", "ENOMEM", "memory"),
        ("epoll_create1", "EMFILE", "ulimit -n"),
        ("epoll_ctl", "ENOMEM", "memory"),
        ("epoll_ctl", "ENOSPC", "max_user_watches"),
        ("socketpair", "EMFILE", "ulimit -n"),
        ("socketpair", "ENFILE", "ulimit -n"),
        ("eventfd2", "EMFILE", "ulimit -n"),
    ] {
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}"));
        let mut command = tool("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]).arg(portolan_path());
        refused(command.args(line.split(' ')).env_clear(), hint);
    }
}

#[test]
fn too_few_threads_are_reported() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:7000");
    // This limit does not apply to root.
    let portolan = scene.portolan().args("--tcp --identify").by_nobody().under("prlimit", &["--nproc=1:1"]);
    refused(&mut portolan.command(), "ulimit -u");
}

#[test]
fn a_forbidden_connection_is_not_waited_for() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.5:7000 udp=127.0.0.6:161");
    // A rule before the one by which the kernel reaches itself; and datagrams that a filter swallows.
    scene.sh("ip rule add pref 1 to 127.0.0.5 prohibit; ip rule add pref 2 lookup local; ip rule del pref 0");
    scene.sh("nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c ip daddr 127.0.0.6 drop'");

    // A shortage of this machine itself would be retried for half a minute.
    let outcome = scene.portolan().args("-p 7000,161 --identify --json").under("timeout", &["25"]).run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    for (what, why) in [("127.0.0.5:7000", "Permission denied"), ("127.0.0.6:161", "Operation not permitted")] {
        let told = outcome.stderr.lines().any(|line| line.contains(&format!("identify {what}: {why}")));
        assert!(told && outcome.stderr.contains("hint: look for a sandbox"), "{what}: {}", outcome.stderr);
    }
}
