//! Without permission no row is lost: only a field is unknown, and a hint says what would show it.

use serde_json::json;

use crate::support::{Fixture, Isolation, Scene, UNPRIVILEGED_UID, assert_same, needs_root};

const OWNERS: &str = "+dac_read_search,+sys_ptrace";

#[test]
fn without_rights_every_row_is_there_with_its_user() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001 udp=[::]:8002,dual tcp=0.0.0.0:8003 repeat=2 share [ ]");
    let outcome = scene.portolan().by_nobody().args("--json").run();
    let listing = outcome.listing();
    assert_same(&listing.truth(), &fixture.truth.without_pids());
    for row in &listing.rows {
        assert_eq!(row.detail("owner"), "no-permission", "{}", row.0);
        assert_eq!(row.detail("user"), &json!({"uid": 0, "name": "root"}), "{}", row.0);
    }
    let about: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("CAP_SYS_PTRACE")).collect();
    assert_eq!(about.len(), 1, "{}", outcome.stderr);
    assert!(about[0].contains("CAP_DAC_READ_SEARCH") && about[0].contains("root"), "{}", outcome.stderr);
    assert!(about[0].contains('3'), "three rows lack their owner: {}", outcome.stderr);
}

#[test]
fn without_rights_the_table_says_so_too() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8001");
    let outcome = scene.portolan().by_nobody().run();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.text().contains("8001") && outcome.text().contains("no permission"), "{}", outcome.text());
    assert_eq!(outcome.stderr.matches("CAP_DAC_READ_SEARCH").count(), 1, "{}", outcome.stderr);
}

#[test]
fn strict_turns_missing_rights_into_a_failure_and_prints_all_the_same() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001");
    let outcome = scene.portolan().by_nobody().args("--strict --json").run();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!(document["complete"], true, "rows are complete");
    assert_same(&crate::support::Listing::new(&document).truth(), &fixture.truth.without_pids());
    let seen = scene.portolan().args("--strict").run();
    assert_eq!(seen.code, Some(0), "root lacks nothing: {}", seen.stderr);
}

#[test]
fn ones_own_processes_are_seen_without_rights() {
    needs_root("it starts a program as another user");
    let scene = Scene::new();
    let program = scene.public_copy(crate::support::fixture_path(), "listeners".as_ref());
    let mut command = scene.command(program);
    let fixture = Fixture::start(
        command.args(format!("tcp=127.0.0.1:8001 uid={UNPRIVILEGED_UID} [ tcp=127.0.0.1:8002 ]").split_whitespace()),
    );
    let listing = scene.portolan().by_nobody().list();
    let (own, foreign) = (listing.row("tcp 127.0.0.1:8002"), listing.row("tcp 127.0.0.1:8001"));
    assert_eq!(own.detail("owner"), "known");
    assert_eq!(own.pids(), fixture.truth.0["tcp 127.0.0.1:8002"]);
    assert_eq!(own.detail("user")["uid"].to_string(), UNPRIVILEGED_UID);
    assert_eq!(foreign.detail("owner"), "no-permission");
    assert!(foreign.pids().is_empty());
}

/// The kernel names the user of every socket: among one's own, none is missing because others hide their processes.
#[test]
fn the_sockets_of_ones_own_user_are_complete_without_rights() {
    needs_root("it starts a program as another user");
    // A process of another test that changes its user would be one of this user that cannot be read.
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    let program = scene.public_copy(crate::support::fixture_path(), "listeners".as_ref());
    let mut command = scene.command(program);
    let _fixture = Fixture::start(
        command.args(format!("tcp=127.0.0.1:8001 uid={UNPRIVILEGED_UID} [ tcp=127.0.0.1:8002 ]").split_whitespace()),
    );

    let own = scene.portolan().by_nobody().args("--json --user").arg(UNPRIVILEGED_UID).run();
    assert_eq!(own.code, Some(0), "{}", own.stderr);
    let document = own.document();
    assert_eq!((&document["complete"], document["items"].as_array().unwrap().len()), (&json!(true), 1));
    // A worker of another user may hold a socket that root made.
    let of_other = scene.portolan().by_nobody().args("--json --user daemon").run();
    assert_eq!((of_other.code, &of_other.document()["complete"]), (Some(3), &json!(false)), "{}", of_other.stderr);

    // The kernel refuses this user the descriptors of a daemon that was root when it began.
    let daemon = "import os, socket, sys\n\
        held = socket.create_server(('127.0.0.1', 8003))\n\
        ends = socket.create_connection(('127.0.0.1', 8003)), held.accept()\n\
        os.setgid(65534); os.setuid(65534)\n\
        print('ready', flush=True); sys.stdin.read()";
    let _daemon = Fixture::start(scene.command("python3").args(["-c", daemon]));
    for connections in ["", "--connections"] {
        let own = scene.portolan().by_nobody().args("--json --user").arg(UNPRIVILEGED_UID).args(connections).run();
        assert_eq!((own.code, &own.document()["complete"]), (Some(3), &json!(false)), "{connections}: {}", own.stderr);
    }
}

#[test]
fn an_address_of_several_users_is_given_to_none_of_them() {
    needs_root("it starts programs as other users");
    let scene = Scene::new();
    let program = scene.public_copy(crate::support::fixture_path(), "listeners".as_ref());
    let mut command = scene.command(program);
    let shared = "udp=0.0.0.0:5353,reuseaddr";
    let fixture = Fixture::start(command.args(
        format!("uid=1 [ name=avahi-x {shared} ] uid={UNPRIVILEGED_UID} [ name=chrome-x {shared} ]").split_whitespace(),
    ));
    let by_root = scene.portolan().list();
    let row = by_root.row("udp 0.0.0.0:5353");
    assert_eq!((row.pids(), row.detail("sockets")), (fixture.truth.0["udp 0.0.0.0:5353"].clone(), &json!(2)));
    assert_eq!((row.detail("owner"), row.detail("user")), (&json!("known"), &json!(null)));

    let outcome = scene.portolan().by_nobody().args("--json --strict").run();
    assert_eq!(outcome.code, Some(4), "one of the two owners is hidden: {}", outcome.stderr);
    let row = &outcome.document()["items"][0];
    assert_eq!(row["detail"]["owner"], "no-permission");
    assert_eq!(row["detail"]["processes"][0]["name"], "chrome-x");
    assert_eq!(row["detail"]["processes_complete"], false);
}

#[test]
fn rows_that_are_chosen_by_an_owner_who_is_hidden_are_missing() {
    let scene = Scene::new();
    let _fixture = scene.fixture("[ name=python3 tcp=127.0.0.1:8001 ]");
    let outcome = scene.portolan().by_nobody().args("--process python* --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!((&outcome.document()["complete"], &outcome.document()["items"]), (&json!(false), &json!([])));
}

#[test]
fn two_capabilities_replace_root() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001 udp=127.0.0.1:8002 repeat=2 share [ fds=10 ]");
    let portolan = scene.portolan().by_nobody_with(
        &format!("--bounding-set=-all,{OWNERS}"),
        &[&format!("--inh-caps=-all,{OWNERS}"), &format!("--ambient-caps=-all,{OWNERS}")],
    );
    let outcome = portolan.args("--strict --json").run();
    assert_same(&outcome.listing().truth(), &fixture.truth);
    assert!(!outcome.stderr.contains("CAP_"), "nothing is missing: {}", outcome.stderr);
}

#[test]
fn one_of_the_two_capabilities_is_no_permission_and_not_outside() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001 udp=127.0.0.1:8002");
    for one in ["+dac_read_search", "+sys_ptrace"] {
        let portolan = scene.portolan().by_nobody_with(
            &format!("--bounding-set=-all,{one}"),
            &[&format!("--inh-caps=-all,{one}"), &format!("--ambient-caps=-all,{one}")],
        );
        let listing = portolan.list();
        assert_same(&listing.truth(), &fixture.truth.without_pids());
        assert!(listing.rows.iter().all(|row| row.detail("owner") == "no-permission"), "{one}: {:?}", listing.rows);
    }
}

#[test]
fn hidden_processes_are_no_permission_and_not_outside() {
    needs_root("it mounts /proc with hidepid");
    // 1: others' processes may not be entered; 2: they are not even there.
    for hidden in [1, 2] {
        let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
        scene.sh(&format!("mount -t proc -o hidepid={hidden} proc /proc"));
        let fixture = scene.fixture("tcp=127.0.0.1:8001 udp=[::1]:8002");
        let listing = scene.portolan().by_nobody().list();
        assert_same(&listing.truth(), &fixture.truth.without_pids());
        for row in &listing.rows {
            assert_eq!(row.detail("owner"), "no-permission", "hidepid={hidden}: {}", row.0);
            assert_eq!(row.detail("user")["uid"], 0, "hidepid={hidden}: {}", row.0);
        }
        assert_same(&scene.portolan().list().truth(), &fixture.truth);
    }
}

#[test]
fn a_holder_in_another_pid_namespace_is_not_found() {
    // A process of the outer PID namespace listens in the network that the inner one looks at.
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    let mut command = crate::support::tool("nsenter");
    command.args([&format!("--target={}", scene.pid()), "--net"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.arg(crate::support::fixture_path()).arg("tcp=127.0.0.1:8001");
    let fixture = Fixture::start(&mut command);
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth.without_pids());
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("owner"), "not-found");
    let strict = scene.portolan().args("--strict").run();
    assert_eq!(strict.code, Some(4), "{}", strict.stderr);
    let why = "cannot see the owners of 1 of 1 services: their processes may be outside of this PID namespace";
    assert!(strict.stderr.contains(why), "{}", strict.stderr);
    // Being root does not help here.
    let ended = scene.runs(&["kill"]).args("8001 --yes").run();
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: run portolan in the PID namespace of the host"), "{}", ended.stderr);
}
