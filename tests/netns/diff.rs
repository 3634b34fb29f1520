//! `--diff` with filters: what was not asked for is neither opened nor closed.

use crate::support::{Outcome, Scene};

/// Lists into a file of the scene.
fn keep(scene: &Scene, file: &str, args: &str) {
    let place = scene.dir().join(file);
    let kept = scene.portolan().args(args).arg("-o").arg(&format!("json={}", place.display())).run();
    assert_eq!(kept.code, Some(0), "{args}: {}", kept.stderr);
}

fn compare(scene: &Scene, file: &str, args: &str) -> Outcome {
    let place = scene.dir().join(file);
    scene.portolan().args(args).arg("--fail-changed").arg("--diff").arg(&place.display().to_string()).run()
}

const LISTENERS: &str = "name=alpha tcp=127.0.0.1:22 udp=127.0.0.1:53 tcp=0.0.0.0:8080 [ name=beta tcp=127.0.0.1:9100 ] \
     tcp=10.1.2.3:7000 unix=stream:@harbour";
const FILTERS: &[&str] = &[
    "-p 22",
    "--common-ports",
    "--process beta",
    "--udp",
    "--tcp",
    "--user root",
    "--user 65534",
    "--interface wan0",
    "--skip-loopback",
    "--skip-private",
    "--exposed",
    "--state listen",
    "-p 8000-9999 --process alpha",
];

#[test]
fn filters_are_kept_and_what_they_leave_out_is_no_difference() {
    let scene = Scene::new();
    scene.sh("ip link add wan0 type veth peer name wan1; ip link set wan0 up; ip link set wan1 up
        ip addr add 10.1.2.3/24 dev wan0");
    let _fixture = scene.fixture(LISTENERS);
    keep(&scene, "all", "");

    for filters in FILTERS {
        let filtered = compare(&scene, "all", filters);
        assert_eq!(filtered.code, Some(0), "{filters}: {}{}", filtered.text(), filtered.stderr);
        assert!(filtered.stderr.contains("0 opened, 0 closed, 0 changed"), "{filters}: {}", filtered.stderr);

        keep(&scene, "some", filters);
        let whole = compare(&scene, "some", "");
        assert_eq!(whole.code, Some(0), "{filters}: {}{}", whole.text(), whole.stderr);
        assert!(whole.stderr.contains("0 opened, 0 closed, 0 changed"), "{filters}: {}", whole.stderr);
    }
}

/// Without root neither the owners nor the rules of the firewall are known: nothing was added when they are.
#[test]
fn what_one_run_could_not_see_is_no_difference() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=alpha tcp=127.0.0.1:22 tcp=0.0.0.0:8080");
    let hidden = scene.portolan().by_nobody().args("-o json").run();
    assert!(hidden.text().contains("no-permission"), "{}", hidden.text());
    std::fs::write(scene.dir().join("hidden"), hidden.text()).unwrap();

    let seen = compare(&scene, "hidden", "");
    assert_eq!(seen.code, Some(0), "{}{}", seen.text(), seen.stderr);
    assert!(seen.stderr.contains("0 opened, 0 closed, 0 changed"), "{}", seen.stderr);
}

#[test]
fn what_filters_keep_is_compared() {
    let scene = Scene::new();
    let first = scene.fixture("tcp=127.0.0.1:22 tcp=127.0.0.1:8080");
    keep(&scene, "before", "");
    first.end();
    let _second = scene.fixture("tcp=127.0.0.1:23 tcp=127.0.0.1:9090");
    let low = compare(&scene, "before", "-p 1-100 -o name");
    assert_eq!(low.code, Some(1), "{}", low.stderr);
    let mut lines: Vec<&str> = low.text().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["added local/tcp/127.0.0.1:23", "removed local/tcp/127.0.0.1:22"]);
}

/// Two documents of the same machine: memory, processor time and the like differ, and are no change.
#[test]
fn two_stored_listings_are_compared() {
    let scene = Scene::new();
    let first = scene.fixture("tcp=127.0.0.1:22 tcp=127.0.0.1:8080");
    keep(&scene, "before.json", "");
    keep(&scene, "again.json", "");
    first.end();
    let _second = scene.fixture("tcp=127.0.0.1:23 tcp=127.0.0.1:9090");
    keep(&scene, "after.json", "");
    keep(&scene, "low.json", "-p 1-100");

    let file = |name: &str| scene.dir().join(name).display().to_string();
    let compared = |new: &str, old: &str| {
        let compared = scene.file().arg(&file(new)).arg("--diff").arg(&file(old)).args("--fail-changed -o name").run();
        let mut lines: Vec<String> = compared.text().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        (compared.code, lines, compared.stderr)
    };
    let (code, lines, stderr) = compared("again.json", "before.json");
    assert_eq!((code, lines), (Some(0), Vec::new()), "{stderr}");
    let (code, lines, stderr) = compared("low.json", "before.json");
    assert_eq!(
        (code, lines),
        (Some(1), ["added local/tcp/127.0.0.1:23", "removed local/tcp/127.0.0.1:22"].map(str::to_owned).to_vec()),
        "{stderr}"
    );
    let (code, lines, stderr) = compared("after.json", "before.json");
    assert_eq!((code, lines.len()), (Some(1), 4), "{lines:?} {stderr}");
}
