//! `validate --watch --listen`: /metrics and /probe, asked by curl and by a real Prometheus.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::TempDir;
use crate::peer::{Peer, answer, closed_port};
use crate::support::{HANG, finish, kill, output, portolan_path, tool};

/// A program that is ended with the test.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            kill(child.id(), Signal::TERM);
            finish(child);
        }
    }
}

/// A watch that serves metrics.
struct Exporter {
    process: Running,
    lines: Receiver<String>,
    address: String,
    directory: TempDir,
}

impl Exporter {
    /// Watches the services of a file with this text.
    fn start(text: &str, options: &[&str]) -> Self {
        let directory = TempDir::new();
        let file = directory.path("services.toml");
        fs::write(&file, text).unwrap();

        let mut command = Command::new(portolan_path());
        command.env_clear().arg("validate").arg(&file).args(["--watch", "--json", "--interval", "100ms"]);
        command.args(["--no-check", "dns", "--timeout", "500ms", "--listen", "127.0.0.1:0"]).args(options);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let process = Running(Some(child));

        let (send, receive) = channel();
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let line = receive.recv_timeout(HANG).expect("it says where the metrics are");
        let url = line.strip_prefix("metrics at http://").and_then(|line| line.strip_suffix("/metrics"));
        let address = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { process, lines: receive, address, directory }
    }

    /// The next line on standard error.
    fn line(&self) -> String {
        self.lines.recv_timeout(HANG).expect("a line")
    }

    fn hang_up(&self) {
        kill(self.process.0.as_ref().unwrap().id(), Signal::HUP);
    }

    /// The status and the body of a reply.
    fn get(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}{path}", self.address))
    }

    /// The metrics as soon as they have this line.
    fn until(&self, wanted: &str) -> String {
        let begun = Instant::now();
        loop {
            let (status, text) = self.get("/metrics");
            assert_eq!(status, 200, "{text}");
            if text.contains(wanted) {
                return text;
            }
            assert!(begun.elapsed() < HANG, "no {wanted:?} in {text}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn get(url: &str) -> (u16, String) {
    let out = output(tool("curl").args([
        "-s",
        "-g",
        "-H",
        "X-Prometheus-Scrape-Timeout-Seconds: 20",
        "-w",
        "\n%{http_code}",
        url,
    ]));
    let text = String::from_utf8(out.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();

    (status.parse().unwrap(), body.to_owned())
}

fn service(name: &str, endpoint: &str, more: &str) -> String {
    format!("[[service]]\nname = '{name}'\nendpoints = ['{endpoint}']\nlabels = {{ team = 'shop' }}\n{more}\n")
}

/// The value of a sample without labels.
fn sample<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

#[test]
fn metrics_have_the_last_results_of_a_watch() {
    let (good, bad) = (Peer::http(|_| answer("200 OK", "", "ok")), Peer::http(|_| answer("503 No", "", "")));
    let text = service("up", &good.url("/"), "") + &service("down", &bad.url("/"), "");
    let exporter = Exporter::start(&text, &[]);

    let metrics = exporter.until("portolan_listing_complete 1");
    for wanted in [
        "portolan_service_health_score{id=\"file/up\",name=\"up\",source=\"file\",team=\"shop\"} 100",
        "portolan_service_health_score{id=\"file/down\",name=\"down\",source=\"file\",team=\"shop\"} 0",
        "code=\"http-5xx\"",
        "phase=\"first_byte\"",
    ] {
        assert!(metrics.contains(wanted), "{wanted}: {metrics}");
    }
    let status = |name: &str| {
        metrics.lines().any(|line| {
            line.starts_with("portolan_endpoint_http_status{") && line.contains(name) && line.ends_with(" 503")
        })
    };
    assert!(status("name=\"down\"") && !status("name=\"up\""), "{metrics}");

    assert_eq!(exporter.get("/nothing").0, 404);
    assert_eq!(exporter.get("/").0, 200);
    let promtool = tool("sh")
        .args(["-c", &format!("curl -s http://{}/metrics | promtool check metrics", exporter.address)])
        .output();
    let promtool = promtool.unwrap();
    assert!(promtool.status.success(), "{}", String::from_utf8_lossy(&promtool.stderr));
}

/// Only what the services file names, and with the options of its services as modules.
#[test]
fn a_probe_checks_the_targets_of_the_file_and_no_others() {
    let good = Peer::http(|head| answer(if head.contains("/health") { "200 OK" } else { "404 No" }, "", "ok"));
    let other = Peer::http(|_| answer("200 OK", "", "ok"));
    let closed = closed_port();
    let text = service("web", &good.url("/health"), "expect-body = 'ok'")
        + &service("strict", &good.url("/health"), "expect-body = 'perfect'")
        + &service("gone", &format!("tcp://{closed}"), "");
    let exporter = Exporter::start(&text, &[]);

    for (query, status, success) in [
        (format!("target={}", good.url("/health")), 200, Some("1")),
        (format!("target={}", good.target()), 200, Some("1")),
        ("target=web".to_owned(), 200, Some("1")),
        (format!("target={}&module=web", good.target()), 200, Some("1")),
        (format!("target={}&module=strict", good.target()), 200, Some("0")),
        ("target=gone".to_owned(), 200, Some("0")),
        ("target=gone&module=web&debug=true".to_owned(), 200, Some("0")),
        (String::new(), 400, None),
        ("target=".to_owned(), 400, None),
        (format!("target={}&module=nosuch", good.target()), 400, None),
        // Another path, another scheme and another port are not in the file.
        (format!("target={}", good.url("/secret")), 403, None),
        (format!("target=redis://{}", good.target()), 403, None),
        (format!("target={}", other.url("/")), 403, None),
        (format!("target={}&module=web", other.target()), 403, None),
        ("target=http://169.254.169.254/".to_owned(), 403, None),
    ] {
        let (came, text) = exporter.get(&format!("/probe?{query}"));
        assert_eq!((came, sample(&text, "probe_success")), (status, success), "{query}: {text}");
        assert_eq!(sample(&text, "probe_duration_seconds").is_some(), status == 200, "{query}: {text}");
    }
    assert_eq!(other.accepted(), 0, "nothing contacts what the file does not name");
    let (_, text) = exporter.get("/probe?target=web");
    assert_eq!(sample(&text, "probe_http_status_code"), Some("200"), "{text}");
    assert!(
        exporter
            .get(&format!("/probe?target={}&module=nosuch", good.target()))
            .1
            .contains("the modules are web, strict, gone")
    );
}

/// Any target, except where a request must not reach; what cannot be judged is no failure of the target.
#[test]
fn any_target_has_its_limits() {
    let (good, silent) =
        (Peer::http(|_| answer("200 OK", "", "ok")), Peer::serving(|_| thread::sleep(Duration::from_mins(1))));
    let text = service("module", &good.url("/"), "protocol = 'http'")
        + &service("scripted", &good.url("/"), "script = ['true']")
        + &service("slow", &format!("http://{}/", silent.address), "timeout = 60");
    let exporter = Exporter::start(&text, &["--allow-any-target"]);
    let other = Peer::http(|_| answer("200 OK", "", "ok"));

    for (target, status, success) in [
        (other.url("/x"), 200, Some("1")),
        (format!("{}&module=module", other.target()), 200, Some("1")),
        (format!("{}&module=scripted", other.target()), 403, None),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), 503, None),
        ("http://[::ffff:169.254.169.254]/".to_owned(), 503, None),
        ("100.100.100.200:80".to_owned(), 503, None),
        ("[fe80::1%25lo]:80".to_owned(), 503, None),
        ("nosuch".to_owned(), 400, None),
    ] {
        let (came, text) = exporter.get(&format!("/probe?target={target}"));
        assert_eq!((came, sample(&text, "probe_success")), (status, success), "{target}: {text}");
    }

    // Its own time limit is longer than the scrape's: the run ended first, which says nothing about the target.
    let out = output(
        tool("curl")
            .args(["-s", "-w", "\n%{http_code}", "-H", "X-Prometheus-Scrape-Timeout-Seconds: 1"])
            .arg(format!("http://{}/probe?target=slow", exporter.address)),
    );
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.ends_with("\n503") && text.contains("the run's deadline passed"), "{text}");
}

#[test]
fn where_it_cannot_listen_the_watch_does_not_begin() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = crate::portolan(["validate", "127.0.0.1:1", "--watch", "--listen", &address]);
    assert!(ran.code == Some(3) && ran.stderr.starts_with(&format!("error: cannot listen at {address}: ")), "{ran:?}");
    for bad in ["9115", "nohost:1", "127.0.0.1"] {
        let ran = crate::portolan(["validate", "127.0.0.1:1", "--watch", "--listen", bad]);
        assert_eq!(ran.code, Some(2), "{bad}: {ran:?}");
    }
    let alone = crate::portolan(["validate", "127.0.0.1:1", "--listen", "127.0.0.1:0"]);
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

/// A real Prometheus scrapes both, with the settings that users of blackbox_exporter have.
#[test]
fn a_real_prometheus_scrapes_metrics_and_probes() {
    let (good, bad) = (Peer::http(|_| answer("200 OK", "", "ok")), closed_port());
    let text = service("web", &good.url("/"), "") + &service("gone", &format!("http://{bad}/"), "");
    let exporter = Exporter::start(&text, &[]);
    let settings = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
         - job_name: watch\n  static_configs: [{{targets: ['{0}']}}]\n\
         - job_name: probe\n  metrics_path: /probe\n  params: {{module: [web]}}\n\
         \x20 static_configs: [{{targets: ['{1}', '{bad}', 'forbidden.test:1']}}]\n\
         \x20 relabel_configs:\n  - {{source_labels: [__address__], target_label: __param_target}}\n\
         \x20 - {{source_labels: [__param_target], target_label: instance}}\n  - {{target_label: __address__, replacement: '{0}'}}\n",
        exporter.address,
        good.target(),
    );
    let file = exporter.directory.path("prometheus.yml");
    fs::write(&file, settings).unwrap();
    let at = closed_port();
    let mut command = tool("prometheus");
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.tsdb.path={}", exporter.directory.path("data").display()));
    command.arg(format!("--web.listen-address={at}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _prometheus = Running(Some(command.spawn().unwrap()));

    for (query, wanted) in [
        (format!("probe_success{{instance=\"{}\"}}", good.target()), "1"),
        (format!("probe_success{{instance=\"{bad}\"}}"), "0"),
        ("up{instance=\"forbidden.test:1\"}".to_owned(), "0"),
        ("up{job=\"watch\"}".to_owned(), "1"),
        ("portolan_service_health_score{job=\"watch\",name=\"web\",team=\"shop\"}".to_owned(), "100"),
        ("portolan_service_health_score{job=\"watch\",name=\"gone\"}".to_owned(), "0"),
    ] {
        let begun = Instant::now();
        loop {
            let value = query_value(&at.to_string(), &query);
            if value.as_deref() == Some(wanted) {
                break;
            }
            assert!(begun.elapsed() < HANG, "{query}: {value:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The value of the only series that a query finds.
fn query_value(prometheus: &str, query: &str) -> Option<String> {
    let url = format!("http://{prometheus}/api/v1/query");
    let out = output(tool("curl").args(["-s", "-G", "--data-urlencode"]).arg(format!("query={query}")).arg(url));
    let document: Value = serde_json::from_slice(&out.stdout).ok()?;
    document["data"]["result"][0]["value"][1].as_str().map(ToOwned::to_owned)
}

/// The file of a watch has the figures of the last check, not of the last change, and is never half of one.
#[test]
fn a_file_of_metrics_follows_each_result() {
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let served = std::sync::Arc::clone(&count);
    // Only the status changes, not the health.
    let peer = Peer::http(move |_| {
        let number = served.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        answer(if number < 2 { "200 OK" } else { "204 No Content" }, "", "")
    });
    let directory = TempDir::new();
    let path = directory.path("health.prom");
    let mut command = Command::new(portolan_path());
    command.env_clear().args(["validate", &peer.url("/"), "--watch", "--json", "--interval", "100ms", "-o"]);
    command.arg(format!("prometheus={}", path.display())).stdin(Stdio::null()).stdout(Stdio::null());
    let _watch = Running(Some(command.spawn().unwrap()));

    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n') && text.contains("portolan_listing_complete 1"), "{text}");
        if text.lines().any(|line| line.starts_with("portolan_endpoint_http_status{") && line.ends_with(" 204")) {
            return;
        }
        assert!(begun.elapsed() < HANG, "{text}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A changed services file is taken up, on SIGHUP too; one that is invalid changes nothing, and the metrics say so.
#[test]
fn a_changed_services_file_is_taken_up() {
    let good = Peer::http(|_| answer("200 OK", "", "ok"));
    let exporter = Exporter::start(&service("first", &good.url("/"), ""), &[]);
    let file = exporter.directory.path("services.toml");
    let score = |name: &str| format!("portolan_service_health_score{{id=\"file/{name}\"");
    let ok = "\nportolan_config_last_reload_successful 1\n";
    assert!(exporter.until(&score("first")).contains(ok));

    fs::write(&file, service("first", &good.url("/"), "") + &service("second", &good.url("/"), "")).unwrap();
    let both = exporter.until(&score("second"));
    assert!(both.contains(&score("first")) && both.contains(ok), "{both}");
    assert_eq!(exporter.get("/probe?target=second").0, 200);

    fs::write(&file, "[[service]]\nname = 'first'\nendpoints = 7\n").unwrap();
    let kept = exporter.until("\nportolan_config_last_reload_successful 0\n");
    assert!(kept.contains(&score("first")) && kept.contains(&score("second")), "{kept}");
    let line = exporter.line();
    assert!(line.starts_with("read ") && line.ends_with(" again: 2 services"), "{line}");
    let line = exporter.line();
    assert!(line.starts_with("error: ") && line.ends_with("; the previous 2 services stay in use"), "{line}");
    assert_eq!(exporter.get("/probe?target=second").0, 200);

    // A signal has the file read again, also where it did not change; without its handler it would end the process.
    fs::write(&file, service("third", &good.url("/"), "")).unwrap();
    exporter.hang_up();
    let third = exporter.until(&score("third"));
    assert!(third.contains(ok), "{third}");
    exporter.hang_up();
    let lines: Vec<String> = std::iter::repeat_with(|| exporter.line()).take(2).collect();
    assert!(lines.iter().any(|line| line.ends_with(" again: 1 service")), "{lines:?}");
    assert!(!exporter.until(ok).contains(&score("first")), "it left the file");
    assert_eq!(exporter.get("/probe?target=first").0, 400, "a name that no service has");
}
