//! Time and memory to list a large cluster: portolan beside kubectl, on the same API server.
//!
//! `cargo bench --bench k8s` builds and runs it (`-- --help` tells the options). The server is the tests' double, which runs
//! in this process: it takes its share of the processors from both alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(missing_docs)]
#![cfg_attr(not(feature = "k8s"), allow(unused))]

#[path = "../tests/k8s/double/mod.rs"]
#[cfg(feature = "k8s")]
mod double;
#[path = "local/machine.rs"]
mod machine;
#[path = "../tests/k8s/objects.rs"]
#[allow(dead_code)]
mod objects;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use support::{TempDir, output, portolan_path, tool};

const HELP: &str = "cargo bench --bench k8s -- [--runs N] [--save]

  --runs N    counted runs of each command, after one warm-up (default 7)
  --save      also write benches/runs/DATE-k8s.txt
";

const SERVICES: usize = 5_000;
const ENDPOINTS: usize = 50_000;

struct Contender {
    name: &'static str,
    command: Vec<String>,
    times: Vec<f64>,
    /// The most resident memory of any run, in MB.
    peak: f64,
}

#[cfg(not(feature = "k8s"))]
fn main() {}

#[cfg(feature = "k8s")]
fn main() {
    let mut words = std::env::args().skip(1);
    let (mut runs, mut save) = (7, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => runs = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--runs N"),
            "--save" => save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }
    let home = TempDir::new();
    let cluster = cluster();
    fs::write(home.path().join("config"), cluster.kubeconfig().text()).unwrap();
    let mut all = commands(home.path());
    for measured in &all {
        assert_eq!(endpoints(&home, measured), ENDPOINTS, "{}", measured.name);
    }
    for round in 0..=runs {
        for measured in &mut all {
            let (time, peak) = run(&home, measured);
            // The first round only warms up.
            if round > 0 {
                measured.times.push(time);
            }
            measured.peak = measured.peak.max(peak);
        }
    }
    let text = report(&mut all, runs);
    print!("{text}");
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-k8s.txt", machine::today()));
        fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}

/// Services of ten endpoints each, every one of them a pod, in fifty namespaces.
#[cfg(feature = "k8s")]
fn cluster() -> double::Double {
    let cluster = double::Double::start();
    let mut store = cluster.store();
    for at in 0..SERVICES {
        let namespace = format!("team-{:02}", at % 50);
        let name = format!("service-{at:04}");
        let (high, low) = (u8::try_from(at / 256).unwrap(), u8::try_from(at % 256).unwrap());
        let mut slice = objects::slice(&namespace, &name, "abcde", 0, u8::try_from(ENDPOINTS / SERVICES).unwrap());
        for endpoint in slice["endpoints"].as_array_mut().unwrap() {
            let host = endpoint["addresses"][0].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            let address = format!("10.{high}.{low}.{host}");
            let mut pod = objects::pod(&namespace, &format!("{name}-{host}"), &name);
            pod["status"]["podIP"] = address.as_str().into();
            pod["status"]["podIPs"][0]["ip"] = address.as_str().into();
            // Brings the pod to the size of a real one: managed fields, and fields that portolan does not read.
            pod["metadata"]["annotations"] = serde_json::json!({"example.org/notes": "n".repeat(1500)});
            store.put(double::Resource::PODS, pod);
            endpoint["addresses"][0] = address.into();
        }
        store.put(double::Resource::SERVICES, objects::service(&namespace, &name));
        store.put(double::Resource::SLICES, slice);
    }
    drop(store);
    cluster
}

fn commands(home: &Path) -> Vec<Contender> {
    let config = home.join("config").display().to_string();
    let kubectl = tool("kubectl").get_program().to_str().unwrap().to_owned();
    let portolan = portolan_path().display().to_string();
    let command = |name, program: &str, words: &str| {
        let words = words.split(' ').map(str::to_owned);
        let command = [program.to_owned()].into_iter().chain(words).chain(["--kubeconfig".to_owned(), config.clone()]);
        Contender { name, command: command.collect(), times: Vec::new(), peak: 0.0 }
    };
    // What each of the two reads for the same listing: with the pods that findings need, and without.
    let (get, with_pods) = ("get services,endpointslices -A -o json", "get services,endpointslices,pods -A -o json");
    let mut commands = vec![
        command("portolan discover k8s -A --json", &portolan, "discover k8s -A --json"),
        command("kubectl get, with pods", &kubectl, with_pods),
        command("kubectl get, with pods in one piece", &kubectl, &format!("{with_pods} --chunk-size=0")),
        command("portolan, without pods (-o name)", &portolan, "discover k8s -A -o name"),
        command("kubectl get", &kubectl, get),
        command("kubectl get, in one piece", &kubectl, &format!("{get} --chunk-size=0")),
    ];
    if let Some(before) = machine::before() {
        commands.push(command("portolan before", &before, "discover k8s -A --json"));
        commands.push(command("portolan before, -o name", &before, "discover k8s -A -o name"));
    }
    commands
}

/// The number of endpoints in the listing.
fn endpoints(home: &TempDir, measured: &Contender) -> usize {
    let out =
        output(Command::new(&measured.command[0]).args(&measured.command[1..]).env_clear().env("HOME", home.path()));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let Ok(answer) = serde_json::from_slice::<Value>(&out.stdout) else {
        let names = String::from_utf8_lossy(&out.stdout).lines().count();
        assert_eq!(names, SERVICES, "{}", measured.name);
        return ENDPOINTS;
    };
    answer["items"].as_array().unwrap().iter().map(|item| item["endpoints"].as_array().map_or(0, Vec::len)).sum()
}

/// Milliseconds and megabytes of a whole process whose output goes nowhere.
fn run(home: &TempDir, measured: &Contender) -> (f64, f64) {
    let file = home.path().join("peak");
    let mut command = tool("time");
    command.args(["-q", "-f", "%M", "-o"]).arg(&file).args(&measured.command);
    command
        .env_clear()
        .env("HOME", home.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let begin = Instant::now();
    assert!(command.status().unwrap().success(), "{}", measured.name);
    let time = begin.elapsed().as_secs_f64() * 1e3;
    let kilobytes: f64 = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    (time, kilobytes / 1024.0)
}

fn report(all: &mut [Contender], runs: usize) -> String {
    let mut text = machine::describe("A Kubernetes cluster listed", &[]);
    let version = output(tool("kubectl").args(["version", "--client"]));
    let _ =
        writeln!(text, "kubectl   {}", String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or("unknown"));
    let _ = writeln!(
        text,
        "\n{SERVICES} services with {ENDPOINTS} endpoints; all answers were counted before any was timed"
    );
    let _ =
        writeln!(text, "{:<36}{:>10}{:>10}{:>10}{:>10}", "median of whole processes", "ms", "min", "max", "peak MB");
    for measured in all {
        measured.times.sort_by(f64::total_cmp);
        let (times, peak) = (&measured.times, measured.peak);
        let (median, least, most) = (times[times.len() / 2], times[0], times[times.len() - 1]);
        let _ = writeln!(text, "{:<36}{median:>10.0}{least:>10.0}{most:>10.0}{peak:>10.1}", measured.name);
    }
    let _ = writeln!(text, "{runs} rounds");
    text
}
