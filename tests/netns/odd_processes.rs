//! Processes and namespaces that do not look like others.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Ended, Isolation, Lines, Scene, fixture_path, needs_root};

/// The numbers of unshare(2) and exit(2).
const CALLS: [&str; 2] = if cfg!(target_arch = "aarch64") { ["97", "93"] } else { ["272", "60"] };

/// A program that prints `ready` once it listens.
fn perl(command: &mut Command, script: &str) -> Ended {
    let script = script.replace("UNSHARE", CALLS[0]).replace("EXIT", CALLS[1]);
    let listen = "use threads; use Socket; $| = 1; sub serve { socket(S, PF_INET, SOCK_STREAM, 0); \
                  bind(S, sockaddr_in(80, INADDR_ANY)) && listen(S, 5) or die; print \"ready\\n\"; sleep 1000 }";
    command.args(["-e", &format!("{listen}\n{script}")]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("perl starts");
    Lines::of(&mut child).until("ready");
    Ended(child)
}

#[test]
fn a_thread_with_a_descriptor_table_of_its_own_is_found() {
    let scene = Scene::new();
    // CLONE_FILES
    let script = "threads->create(sub { syscall(UNSHARE, 0x400) == 0 or die; serve() })->join";
    let owner = perl(&mut scene.command("perl"), script);
    let listing = scene.portolan().args("--tcp").list();
    let row = listing.row("tcp 0.0.0.0:80");
    assert_eq!(row.detail("owner"), "known");
    assert_eq!(row.pids().into_iter().collect::<Vec<_>>(), [owner.0.id()]);
}

#[test]
fn a_process_whose_first_thread_has_ended_is_described() {
    let scene = Scene::new();
    let owner = perl(&mut scene.command("perl"), "threads->create(\\&serve)->detach; syscall(EXIT, 0)");
    let listing = scene.portolan().args("--tcp").list();
    let process = &listing.row("tcp 0.0.0.0:80").detail("processes")[0];
    assert_eq!((&process["pid"], &process["name"]), (&json!(owner.0.id()), &json!("perl")));
    assert!(process["exe"].as_str().is_some_and(|exe| exe.contains("perl")), "{process}");
    assert!(process["command"].as_str().is_some_and(|command| command.contains("perl -e")), "{process}");
}

#[test]
fn a_namespace_that_only_a_thread_is_in_is_found() {
    needs_root("it makes a network namespace");
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    // CLONE_NEWNET
    let script = "threads->create(sub { syscall(UNSHARE, 0x40000000) == 0 or die; serve() })->join";
    let _owner = perl(&mut scene.command("perl"), script);
    let outcome = scene.portolan().args("--tcp --all-netns --json").run();
    let listing = outcome.listing();
    let rows: Vec<_> = listing.rows.iter().filter(|row| row.detail("netns").is_object()).collect();
    assert_eq!(rows.len(), 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("only an open socket keeps alive"), "{}", outcome.stderr);
}

#[test]
fn without_a_process_table_the_sockets_are_listed_and_that_is_said() {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    let _fixture = scene.fixture("tcp=127.0.0.1:80 udp=127.0.0.1:53");
    scene.sh("mount -t tmpfs none /proc");
    let outcome = scene.portolan().args("--json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{document}");
    assert!(items.iter().all(|item| item["detail"]["owner"] == "unfinished"), "{document}");
    assert!(
        outcome.stderr.contains("error: cannot read the processes in /proc: it contains no process"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn both_users_of_a_socket_are_shown_and_selected() {
    needs_root("it runs a process as another user");
    let scene = Scene::new();
    let _fixture = scene.fixture("give=tcp:127.0.0.1:80 uid=65534 [ name=dropped ] tcp=127.0.0.1:81");
    let keeps = |user: &str| scene.portolan().args("--tcp --user").arg(user).list().keys();
    assert_eq!(keeps("65534"), ["tcp 127.0.0.1:80"]);
    assert_eq!(keeps("root"), ["tcp 127.0.0.1:80", "tcp 127.0.0.1:81"]);
    let table = scene.portolan().args("--tcp -p 80").run();
    assert!(table.text().contains("root,nobody"), "{}", table.text());
}

/// A parent that starts its server again: the port is free for a moment only.
#[test]
fn kill_names_the_parent_that_starts_the_process_again() {
    let scene = Scene::new();
    let script = format!("while :; do {} tcp=127.0.0.1:8001; done", fixture_path().display());
    let mut command = scene.command("sh");
    let mut parent = command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Its server ends when this is dropped.
    let _stdin = parent.stdin.take();
    Lines::of(&mut parent).until("ready");
    let parent = Ended(parent);

    let killed = scene.runs(&["kill"]).args("8001 --yes --timeout 60s").run();
    assert_eq!(killed.code, Some(1), "{}", killed.stderr);
    let (again, hint) = ("error: port 8001 is served again, by ", "hint: tell sh to stop it, or end sh first: kill ");
    assert!(killed.stderr.contains(again) && killed.stderr.contains(" of parent sh (pid "), "{}", killed.stderr);
    assert!(killed.stderr.contains(hint), "{}", killed.stderr);
    drop(parent);
}
