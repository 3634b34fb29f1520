//! Processes that come and go during a listing.

use crate::support::{Isolation, Listing, Scene, Truth, assert_same, fixture_path};

/// The rows that stay, and that every other row has the right name: a worker of the storm is called after its port.
fn stays(listing: &Listing, storm: std::ops::Range<u16>) -> (Truth, usize) {
    let mut named = 0;
    for row in &listing.rows {
        let port = u16::try_from(row.0["endpoints"][0]["port"].as_u64().unwrap()).unwrap();
        if !storm.contains(&port) {
            continue;
        }
        for process in row.processes() {
            named += 1;
            assert_eq!(process["name"], format!("s{port}"), "a wrong name: {}", row.0);
            let told = format!("name=s{port} tcp=127.0.0.1:{port}");
            // A process that is just ending has no command line left.
            if let Some(command) = process["command"].as_str().filter(|command| !command.is_empty()) {
                assert!(command.ends_with(&told), "a wrong command line: {}", row.0);
            }
        }
        let name = row.name();
        assert!(name.is_none() || name == Some(&format!("s{port}")) || row.detail("owner") != "known", "{}", row.0);
    }
    (listing.truth().filter(|what| !storm.contains(&what.rsplit_once(':').unwrap().1.parse().unwrap())), named)
}

#[test]
fn processes_that_exit_during_the_walk_cause_no_error_and_no_wrong_row() {
    let scene = Scene::new();
    let stable = scene.fixture("tcp=127.0.0.1:8001 udp=127.0.0.1:8002 repeat=20 [ many=2@{i} fds=50 ]");
    let _storm = scene.fixture("storm=100000@9000,alive=8,threads=2");
    for run in 0..100 {
        let outcome = scene.portolan().args("--json").run();
        let (said, _) = stays(&outcome.listing(), 9_000..11_000);
        assert_same(&said, &stable.truth);
        assert!(!outcome.stderr.to_lowercase().contains("error"), "run {run}: {}", outcome.stderr);
    }
}

/// A scene whose process ids wrap around after about a dozen processes: those below 300 are left out after the first
/// round, and those above 315 do not exist.
struct SmallWorld {
    scene: Scene,
    own_limit: bool,
}

impl SmallWorld {
    fn new() -> Self {
        let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        // Before 6.14 the limit is the whole machine's and must not be touched: there the counter is set back.
        let own_limit = (numbers.next(), numbers.next()) >= (Some(6), Some(14));
        if own_limit {
            scene.sh("echo 316 > /proc/sys/kernel/pid_max");
        }
        Self { scene, own_limit }
    }

    fn come_round(&self) {
        if !self.own_limit {
            self.scene.sh("echo 300 > /proc/sys/kernel/ns_last_pid");
        }
    }
}

#[test]
fn under_a_storm_of_reused_process_ids_no_name_is_wrong() {
    let world = SmallWorld::new();
    let stable = world.scene.fixture("tcp=127.0.0.1:8001 repeat=3 share [ ]");
    let storm = world.scene.fixture("storm=60000@20000,alive=6");
    // The names are only evidence if many rows have one.
    let (mut runs, mut named) = (0, 0);
    while named < 400 && runs < 3_000 {
        world.come_round();
        let (said, seen) = stays(&world.scene.portolan().list(), 20_000..22_000);
        assert_same(&said, &stable.truth);
        named += seen;
        runs += 1;
    }
    assert!(named >= 400, "{runs} runs saw only {named} processes of the storm");
    storm.end();
}

#[test]
fn a_process_id_that_is_used_again_between_two_looks_gives_no_wrong_name() {
    let world = SmallWorld::new();
    let stable = world.scene.fixture("tcp=127.0.0.1:8001 share [ ]");
    let storm = world.scene.fixture("storm=60000@20000,alive=6");
    // Between finding a descriptor and asking whose it is there are microseconds, which a storm seldom hits. So each
    // run is held up for a while at another one of the files that it opens: where that is the one which tells the
    // name, its process has gone by then and its id gone on.
    for run in 0..180 {
        world.come_round();
        let inject = format!("inject=openat:delay_enter=15000:when={}", 10 + run % 60);
        let held_up = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-e", &inject];
        let (said, _) = stays(&world.scene.portolan().under("strace", &held_up).list(), 20_000..22_000);
        assert_same(&said, &stable.truth);
    }
    storm.end();
}

#[test]
fn a_process_that_replaces_itself_keeps_its_listener() {
    let scene = Scene::new();
    // The descriptor goes through exec: the same process, another program and name.
    let script =
        format!("exec {} [ leave name=before tcp=127.0.0.1:8001 share [ name=after ] ]", fixture_path().display());
    let mut command = scene.command("sh");
    let fixture = crate::support::Fixture::start(command.args(["-c", &script]));
    for _ in 0..20 {
        let listing = scene.portolan().list();
        assert_same(&listing.truth(), &fixture.truth);
        assert_eq!(listing.row("tcp 127.0.0.1:8001").name(), Some("after"));
    }
}
