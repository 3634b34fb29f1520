//! What access control and observation cost a reader.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use crate::Options;
use crate::json_http::send;
use crate::load::{median, wrk_with};
use crate::servers::{Server, instance};
use crate::support::{TempDir, output, portolan_path};

const DISCOVER: &str = "/api/v1/discover?service_name=web";
/// The least that is to be left of the rate without them.
const GOAL: f64 = 0.85;

/// A key that may do everything, in this file.
fn key(file: &str) -> String {
    let mut command = Command::new(portolan_path());
    command.args(["key", "create", "--name", "bench", "--role", "admin", "--keys-file", file]).env_clear();
    let made = output(&mut command);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("a key is text").trim().to_owned()
}

/// `discover` with authentication, audit log, metrics and limits, beside the same without any of them.
pub fn of_everything(options: &Options) -> String {
    let folders = [TempDir::new(), TempDir::new()];
    let keys_file = folders[0].path().join("keys.json").display().to_string();
    let header = format!("Authorization: Bearer {}", key(&keys_file));
    // Limits that are counted and never reached.
    let limits = ["REQUESTS_PER_SECOND_PER_KEY", "REQUESTS_PER_SECOND_PER_ADDRESS"];
    let limits = limits.map(|name| format!("PORTOLAN__SERVER__LIMITS__{name}"));
    let guarded = Server::portolan(
        folders[0].path(),
        &[],
        &[("PORTOLAN__AUTH__KEYS_FILE", &keys_file), (&limits[0], "1000000"), (&limits[1], "1000000")],
    );
    let off = ["MONITORING__METRICS__ENABLED", "MONITORING__AUDIT__ENABLED"].map(|name| format!("PORTOLAN__{name}"));
    let open = Server::portolan(
        folders[1].path(),
        &[],
        &[(&off[0], "false"), (&off[1], "false"), (&limits[0], "0"), (&limits[1], "0")],
    );

    let mut text = String::new();
    let mut registered = 0;
    for instances in [1, 10] {
        for number in registered..instances {
            let body = json!({ "operations": [{ "register": instance("web", number, false) }] }).to_string();
            register(&guarded, &body, &header);
            send(open.address, "POST", "/api/v1/bulk", &serde_json::from_str(&body).expect("it is JSON"));
        }
        registered = instances;

        let mut rounds: Vec<[f64; 2]> = Vec::new();
        for _ in 0..options.runs {
            rounds.push([
                wrk_with(guarded.address, DISCOVER, Some(&header), options.seconds),
                wrk_with(open.address, DISCOVER, None, options.seconds),
            ]);
        }
        let rate = |at: usize| median(rounds.iter().map(|round| round[at]).collect());
        let ratio = median(rounds.iter().map(|round| round[0] / round[1]).collect());
        let (with, without) = (rate(0), rate(1));
        let _ = writeln!(
            text,
            "{instances} instances: {with:>8.0}/s with them, {without:>8.0}/s without: {ratio:.2} of it   goal {GOAL}"
        );
    }
    text
}

/// Registers with a key, by curl: the small client of these benches sends none.
fn register(server: &Server, body: &str, header: &str) {
    let url = format!("http://{}/api/v1/bulk", server.address);
    let mut command = crate::support::tool("curl");
    command.args(["-sf", "-X", "POST", "-H", "Content-Type: application/json", "-d", body]);
    let sent = output(command.args(["-H", header]).arg(url));
    let reply = String::from_utf8_lossy(&sent.stdout).into_owned();
    assert!(sent.status.success() && !reply.contains("\"error\""), "{reply}");
}
