//! 200 listeners and 200 registrations with 12 planted faults of each kind: each is found, and nothing else.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::world::{EACH, Fault, World, inside, scene};
use super::{Findings, Ran, drift, finding, place, run};
use crate::serve::wait_until;
use crate::sources::contract::base64;
use crate::sources::json_http::send;
use crate::sources::programs::{consul, etcd, portolan_without_grace};
use crate::support::{Scene, UNPRIVILEGED_UID, needs_root, tool};

/// The faults that every registry shows.
const ALWAYS: [Fault; 6] = [
    Fault::NotListening,
    Fault::Unregistered,
    Fault::LoopbackOnly,
    Fault::WrongProcess,
    Fault::Refuses,
    Fault::Certificate,
];
/// The faults of registries that know ids, nodes and leases.
const WITH_IDS: [Fault; 3] = [Fault::ForeignAddress, Fault::NoCheck, Fault::Duplicate];
/// The node of this machine in these registries.
const NODE: &str = "n1";
/// The faults of registries that keep what was not renewed.
const WITH_STATES: [Fault; 1] = [Fault::Stale];
/// The faults that only checks show.
const WITH_CHECKS: [Fault; 1] = [Fault::CheckFails];

#[track_caller]
fn assert_found(found: &Findings, expected: &Findings, ran: &Ran) {
    let missed: Vec<_> = expected.difference(found).collect();
    let false_ones: Vec<_> = found.difference(expected).collect();
    assert!(missed.is_empty() && false_ones.is_empty(), "missed {missed:?}, false {false_ones:?}\n{}", ran.stderr);
}

/// As root, exactly the planted faults are found. `without`: faults that the registry cannot have.
#[track_caller]
fn assert_all_found(world: &World, registry: &str, without: &[Fault]) {
    let ran = drift(&[registry, "--json", "--node", NODE]);
    assert_found(&ran.findings(), &world.expected(without), &ran);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);

    for fault in world.planted.iter().map(|planted| planted.fault).filter(|fault| *fault != Fault::None) {
        assert!(world.planted.iter().filter(|planted| planted.fault == fault).count() >= EACH, "{fault:?}");
    }
}

/// Without rights, the holders are hidden, and that is said.
#[track_caller]
fn assert_hidden_is_unknown(world: &World, (registry, without): (&str, &[Fault]), scene: &Scene) {
    let program = scene.public_copy(Path::new(env!("CARGO_BIN_EXE_portolan")), OsStr::new("portolan"));
    let mut nobody = tool("setpriv");
    nobody.args([
        "--reuid",
        UNPRIVILEGED_UID,
        "--regid",
        UNPRIVILEGED_UID,
        "--clear-groups",
        "--bounding-set=-all",
        "--",
    ]);
    let ran = run(nobody.arg(program).args(["drift", registry, "--json", "--all", "--node", NODE]));

    let hidden = [Fault::WrongProcess];
    assert_found(&ran.findings(), &world.expected(&[&hidden[..], without].concat()), &ran);
    let items = ran.items();
    for planted in world.planted.iter().filter(|planted| hidden.contains(&planted.fault)) {
        let item = items.iter().find(|item| place(item) == planted.place()).expect("an item");
        assert_eq!(item["detail"]["state"], "cannot-tell", "{item}");
        assert!(item["detail"]["reason"].as_str().unwrap().contains("hidden"), "{item}");
    }
}

fn at(provider: &str, address: SocketAddr) -> String {
    format!("{provider}://{address}")
}

#[test]
fn every_planted_fault_is_found_in_consul_and_nothing_else() {
    needs_root("it enters a network namespace");
    let scene = scene();
    inside(&scene, || {
        let world = World::new(&[&ALWAYS[..], &WITH_IDS, &WITH_STATES, &WITH_CHECKS].concat(), scene.dir());
        let server = consul();
        world.register_in_consul(server.address);
        let registry = at("consul", server.address);
        assert_all_found(&world, &registry, &[]);
        assert_hidden_is_unknown(&world, (&registry, &[]), &scene);
    });
}

#[test]
fn every_planted_fault_is_found_in_etcd_portolan_and_a_file_and_nothing_else() {
    needs_root("it enters a network namespace");
    let scene = scene();
    inside(&scene, || {
        let world = World::new(&[&ALWAYS[..], &WITH_IDS, &WITH_STATES].concat(), scene.dir());
        let (one, other) = (etcd(), portolan_without_grace());
        world.register_in_etcd(one.address, base64);
        world.register_in_portolan(other.address);
        wait_until(|| {
            let list = send(other.address, "GET", "/api/v1/services", None, &Value::Null);
            list.matches("\"expired\":true").count() == EACH
        });
        // What is not renewed, etcd removes.
        let renewed = [Fault::Stale];
        for (registry, without) in [(at("etcd", one.address), &renewed[..]), (at("portolan", other.address), &[])] {
            assert_all_found(&world, &registry, without);
            assert_hidden_is_unknown(&world, (&registry, without), &scene);
        }

        // A registry that is gone takes its findings with it, and no other.
        let both = [at("etcd", one.address), at("portolan", other.address)];
        drop(other);
        let ran = drift(&[&both[0], &both[1], "--json", "--node", NODE]);
        let codes = world.expected(&[Fault::Unregistered, Fault::Stale]);
        assert_found(&ran.findings(), &codes, &ran);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    });

    inside(&scene, || {
        let world = World::new(&ALWAYS, scene.dir());
        let file = scene.dir().join("services.toml");
        std::fs::write(&file, world.services_file()).unwrap();
        let registry = format!("file:{}", file.display());
        assert_all_found(&world, &registry, &[]);
        assert_hidden_is_unknown(&world, (&registry, &[]), &scene);
        let formats = drift(&["--file", file.to_str().unwrap(), "-o", "ndjson"]);
        let lines = formats.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(lines.filter_map(|item| finding(&item)).collect::<Findings>(), world.expected(&[]));
        assert_formats(&file, scene.dir(), world.expected(&[]).len());
    });
}

/// Every format writes every finding.
fn assert_formats(services: &Path, dir: &Path, count: usize) {
    let file = |name: &str| dir.join(name);
    let specs = ["junit", "prometheus", "html", "csv", "nmap-xml", "yaml", "svg"]
        .map(|name| format!("{name}={}", file(name).display()));
    let mut words = vec!["--file", services.to_str().unwrap(), "--fail-on", "none"];
    for spec in &specs {
        words.extend(["-o", spec.as_str()]);
    }
    let ran = drift(&words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), count + 1, "a head, and one line per finding");
    assert!(ran.stderr.contains(&format!("{count} findings")), "{}", ran.stderr);

    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    assert_eq!(read("junit").matches("<failure type=\"drift-").count(), count);
    assert_eq!(read("prometheus").matches("portolan_drift{code=\"drift-").count(), count);
    assert_eq!(read("csv").matches(",drift,drift-").count(), count);
    assert_eq!(read("yaml").matches("\n- id: ").count(), count);
    assert!(read("svg").contains(&format!("chart of {count} ")), "{}", read("svg"));
    // The document says open or closed of each port: never open where nothing listens.
    let nmap = read("nmap-xml");
    assert_eq!(nmap.matches("state=\"closed\"").count(), 3 * EACH, "not listening, loopback only, refusing: {nmap}");

    let page = read("html");
    assert!(page.contains(&format!("<title>{count} results</title>")) && page.contains("default-src 'none'"), "{page}");
    assert!(page.contains(&format!("<strong>{count}</strong> differs")), "{page}");
    assert_eq!(page.matches("<tr class=\"unhealthy\">").count(), count);
    for fault in ALWAYS {
        let bar = format!("aria-label=\"findings {}\"></meter><span>{EACH}</span>", fault.codes()[0]);
        assert!(page.contains(&bar), "{bar}: {page}");
    }
}
