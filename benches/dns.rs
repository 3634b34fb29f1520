//! DNS of `portolan serve` beside Consul's, by dnsperf, in one run.
//!
//! `cargo bench --bench dns` builds and runs it (`-- --help` tells the options); benches/README.md says more. Needs Debian's
//! `dnsperf bind9-dnsutils curl`, and Consul in `target/tools` (`tests/support/get_consul target/tools`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]

#[path = "local/machine.rs"]
mod machine;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Ended, HANG, TempDir, output, portolan_path, tool};

const HELP: &str = "cargo bench --bench dns -- [--seconds N] [--runs N] [--save]

  --seconds N   how long each server is asked each time (default 5)
  --runs N      how often (default 3); the servers take turns
  --save        also write benches/runs/DATE-dns.txt
";

/// A service of each size.
const SIZES: [u32; 3] = [1, 10, 100];
/// What is asked: the type, and whether the client takes large replies.
const KINDS: [(&str, bool); 2] = [("A", false), ("SRV", true)];
/// What dnsperf asks at most: portolan limits the queries of one address unless its settings lift that limit.
const SETTINGS: &str = "server:\n  dns:\n    queries_per_second: 0\n    domain: consul\n";

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut seconds, mut runs, mut save) = (5, 3, false);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse().ok()).filter(|&n: &u32| n > 0).expect("a number");
        match word.as_str() {
            "--bench" => {}
            "--seconds" => seconds = number(),
            "--runs" => runs = number(),
            "--save" => save = true,
            _ => return print!("{HELP}"),
        }
    }

    let mut text = machine::describe("DNS of a registry", &[("dnsperf", "-h"), ("dig", "-v")]);
    text.push_str(&compare(seconds, runs));
    print!("{text}");
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-dns.txt", machine::today()));
        fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }
}

/// A server with its services.
struct Contender {
    name: &'static str,
    dns: SocketAddr,
    _server: Ended,
}

/// Queries per second, and the average latency in milliseconds.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    latency: f64,
}

fn compare(seconds: u32, runs: u32) -> String {
    let home = TempDir::new();
    let contenders = [portolan(&home), consul(&home)];
    let mut text = format!(
        "\n{:<18}{:>14}{:>14}{:>9}{:>14}{:>14}\n",
        "question", "portolan q/s", "consul q/s", "ratio", "portolan ms", "consul ms"
    );
    for size in SIZES {
        for (kind, is_large) in KINDS {
            let name = format!("web{size}.service.consul");
            for contender in &contenders {
                check(contender, &name, kind, size);
            }
            let questions = home.path().join("questions");
            fs::write(&questions, format!("{name} {kind}\n")).unwrap();

            let mut all: [Vec<Figures>; 2] = Default::default();
            for _ in 0..runs {
                for (contender, figures) in contenders.iter().zip(&mut all) {
                    figures.push(measure(contender.dns, &questions, is_large, seconds));
                }
            }
            let [own, other] = all.map(|mut figures| {
                figures.sort_by(|a, b| a.rate.total_cmp(&b.rate));
                figures[figures.len() / 2]
            });
            let question = format!("{kind}, {size} instances");
            let ratio = own.rate / other.rate;
            let _ = writeln!(
                text,
                "{question:<18}{:>14.0}{:>14.0}{ratio:>9.1}{:>14.2}{:>14.2}",
                own.rate, other.rate, own.latency, other.latency
            );
        }
    }
    text.push_str("goals: 50,000 q/s, less than 2 ms on average (A, 1 instance)\n");
    text
}

/// Every instance is answered over TCP. A wrong server is not timed.
fn check(contender: &Contender, name: &str, kind: &str, size: u32) {
    let mut command = tool("dig");
    command.arg(format!("@{}", contender.dns.ip())).args(["-p", &contender.dns.port().to_string()]);
    let out = output(command.args(["+tcp", "+short", name, kind]));
    let answers = String::from_utf8(out.stdout).unwrap().lines().count();
    assert_eq!(answers, size as usize, "{} answers {name} {kind} with {answers}", contender.name);
}

fn measure(dns: SocketAddr, questions: &Path, is_large: bool, seconds: u32) -> Figures {
    let mut command = tool("dnsperf");
    command.args(["-s", &dns.ip().to_string(), "-p", &dns.port().to_string(), "-l", &seconds.to_string()]);
    command.args(["-c", "8", "-q", "100", "-d"]).arg(questions);
    if is_large {
        command.args(["-e", "-b", "1024"]);
    }
    let out = output(&mut command);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(number(&text, "Queries lost:") < number(&text, "Queries completed:") / 1_000.0, "{text}");
    Figures { rate: number(&text, "Queries per second:"), latency: number(&text, "Average Latency (s):") * 1_000.0 }
}

/// The number behind a label in what dnsperf says.
fn number(text: &str, label: &str) -> f64 {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
    let first = line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok());
    first.unwrap_or_else(|| panic!("dnsperf does not say '{label}': {text}"))
}

fn portolan(home: &TempDir) -> Contender {
    let (http, dns) = (free(), free());
    let settings = home.path().join("serve.yaml");
    fs::write(&settings, SETTINGS).unwrap();
    let mut command = Command::new(portolan_path());
    command.args(["serve", "--data", ":memory:", "--listen", &http.to_string(), "--dns", &dns.to_string()]);
    command.arg("--config").arg(settings);
    let server = start(&mut command, http);
    for size in SIZES {
        for address in addresses(size) {
            let body = format!(r#"{{"name":"web{size}","address":"{address}","port":8080,"ttl":0}}"#);
            curl(&["-X", "POST", "-H", "Content-Type: application/json", "-d", &body], http, "/api/v1/services");
        }
    }
    Contender { name: "portolan", dns, _server: server }
}

fn consul(home: &TempDir) -> Contender {
    let (http, dns) = (free(), free());
    let tools = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("tools/consul");
    let mut command = Command::new(&tools);
    command.args(["agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-log-level", "err"]);
    for (option, port) in [("-http-port", http.port()), ("-dns-port", dns.port()), ("-grpc-port", 0)] {
        command.args([option, &port.to_string()]);
    }
    for option in ["-serf-lan-port", "-server-port"] {
        command.args([option, &free().port().to_string()]);
    }
    command.args(["-serf-wan-port", "-1"]).current_dir(home.path());
    let server = start(&mut command, http);
    for size in SIZES {
        for address in addresses(size) {
            let body =
                format!(r#"{{"ID":"web{size}-{address}","Name":"web{size}","Address":"{address}","Port":8080}}"#);
            curl(&["-X", "PUT", "-d", &body], http, "/v1/agent/service/register");
        }
    }
    Contender { name: "consul", dns, _server: server }
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(|at| Ipv4Addr::from_bits(0x0a00_0001 + at))
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(command: &mut Command, http: SocketAddr) -> Ended {
    let child: Child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Ended(child);
    let begun = Instant::now();
    while TcpStream::connect(http).is_err() {
        assert!(begun.elapsed() < HANG, "it does not listen on {http}");
        sleep(Duration::from_millis(50));
    }
    server
}

/// A server that has just started may refuse for a moment.
fn curl(args: &[&str], http: SocketAddr, path: &str) {
    let out = output(
        tool("curl")
            .args(["-sSf", "--retry", "20", "--retry-all-errors", "--retry-delay", "1"])
            .args(args)
            .arg(format!("http://{http}{path}")),
    );
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
