//! `portolan sync` between real registries: a first copy, a second one that changes nothing, and a watch.

use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::serve::{Server, wait_until};
use crate::sources::json_http::send;
use crate::sources::programs::{consul, etcd};
use crate::support::{finish, hear, kill, output, portolan_path};

/// What a run of `portolan sync` left behind.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(portolan_path());
    command.arg("sync").args(words).env_clear().env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::null());
    command
}

fn sync(words: &[&str]) -> Ran {
    let child = command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = hear(child, "portolan sync");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn in_consul(server: std::net::SocketAddr, id: &str, port: u16, tags: &[&str]) {
    let body = json!({ "ID": id, "Name": "web", "Address": "10.0.0.1", "Port": port, "Tags": tags,
        "Meta": { "region": "eu" }, "Weights": { "Passing": 3, "Warning": 1 } });
    send(server, "PUT", "/v1/agent/service/register", None, &body);
}

/// Waits until the catalog has this number of instances, the first with this tag: an agent writes its changes there a moment after
/// it has replied.
fn wait_for_catalog(server: std::net::SocketAddr, tag_of_first: &str, count: usize) {
    let address = format!("http://{server}");
    wait_until(|| {
        let mut discover = Command::new(portolan_path());
        discover.args(["discover", "consul", "web", "--json", "--address", &address]).env_clear();
        let listed = output(discover.env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::null())).stdout;
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        let endpoints: Vec<&Value> =
            listed["items"].as_array().unwrap().iter().flat_map(|item| item["endpoints"].as_array().unwrap()).collect();
        let first = endpoints.iter().find(|endpoint| endpoint["port"] == 1);
        endpoints.len() == count && first.is_some_and(|first| first["instance"]["tags"] == json!([tag_of_first]))
    });
}

fn ports(server: &Server) -> Vec<u64> {
    let mut ports: Vec<u64> =
        server.discover("service_name=web").iter().map(|instance| instance["port"].as_u64().unwrap()).collect();
    ports.sort_unstable();
    ports
}

#[test]
fn consul_is_copied_once_and_then_only_its_changes() {
    let (original, target) = (consul(), Server::in_memory());
    let (from, to) = (format!("consul://{}", original.address), format!("portolan://{}", target.address));
    for port in 1..=10 {
        in_consul(original.address, &format!("w{port}"), port, &["blue"]);
    }
    target.register(&json!({ "name": "web", "address": "10.0.0.9", "port": 99, "ttl": 0 }).to_string());
    wait_for_catalog(original.address, "blue", 10);

    let planned = sync(&[&from, &to, "--dry-run"]);
    assert_eq!((planned.code, ports(&target)), (Some(0), vec![99]), "{}", planned.stderr);
    assert!(planned.stdout.contains("+ web 10.0.0.1:1\n"), "{}", planned.stdout);
    assert!(planned.stdout.ends_with("10 to add, 0 to change, 0 to remove, 0 unchanged\n"), "{}", planned.stdout);

    let first = sync(&[&from, &to]);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), "10 added, 0 changed, 0 removed\n"));
    let copy = target.discover("service_name=web").into_iter().find(|instance| instance["port"] == 1).unwrap();
    assert_eq!((&copy["tags"], &copy["weight"]), (&json!(["blue"]), &json!(3)), "{copy}");
    assert_eq!((&copy["metadata"]["region"], &copy["metadata"]["synced_from"]), (&json!("eu"), &json!("consul")));

    let second = sync(&[&from, &to]);
    assert!(second.stdout.ends_with("0 to add, 0 to change, 0 to remove, 10 unchanged\n"), "{}", second.stdout);

    in_consul(original.address, "w1", 1, &["green"]);
    send(original.address, "PUT", "/v1/agent/service/deregister/w2", None, &Value::Null);
    wait_for_catalog(original.address, "green", 9);
    let third = sync(&[&from, &to]);
    assert_eq!(third.stderr, "0 added, 1 changed, 1 removed\n");
    assert_eq!(ports(&target), [1, 3, 4, 5, 6, 7, 8, 9, 10, 99]);

    // The rest at once is more than a fifth.
    for port in 3..=10 {
        send(original.address, "PUT", &format!("/v1/agent/service/deregister/w{port}"), None, &Value::Null);
    }
    wait_for_catalog(original.address, "green", 1);
    let refused = sync(&[&from, &to]);
    assert_eq!((refused.code, ports(&target).len()), (Some(1), 10));
    assert!(refused.stderr.contains("89 % of the copies") && refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(sync(&[&from, &to, "--yes"]).code, Some(0));
    assert_eq!(ports(&target), [1, 99], "what others registered stays");
}

#[test]
fn etcd_is_a_target_too_and_a_registry_that_is_down_changes_nothing() {
    let (target, original) = (etcd(), Server::in_memory());
    let (from, to) = (format!("portolan://{}", original.address), format!("etcd://{}", target.address));
    for port in [1, 2] {
        original.register(&json!({ "name": "web", "address": "10.0.0.1", "port": port, "ttl": 0 }).to_string());
    }
    assert_eq!(sync(&[&from, &to]).stderr, "2 added, 0 changed, 0 removed\n");
    let again = sync(&[&from, &to, "--json"]);
    let plan: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&plan["unchanged"], &plan["add"]), (&json!(2), &json!([])), "{plan}");

    original.kill();
    let down = sync(&[&from, &to]);
    assert!(down.code.is_some_and(|code| code != 0) && down.stderr.contains("\nhint: "), "{}", down.stderr);
    let same = sync(&[&to, &to]);
    assert_eq!(same.code, Some(2));
    assert!(same.stderr.contains("the same registry"), "{}", same.stderr);
}

/// Ends the program at the end of a test, also of one that fails.
struct Watching(Option<Child>);

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_watch_copies_each_change() {
    let (original, target) = (consul(), Server::in_memory());
    let (from, to) = (format!("consul://{}", original.address), format!("portolan://{}", target.address));
    in_consul(original.address, "w1", 1, &[]);
    let child = command(&[&from, &to, "--watch", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut watching = Watching(Some(child));
    wait_until(|| ports(&target) == [1]);
    in_consul(original.address, "w2", 2, &[]);
    wait_until(|| ports(&target) == [1, 2]);
    send(original.address, "PUT", "/v1/agent/service/deregister/w1", None, &Value::Null);
    wait_until(|| ports(&target) == [2]);

    let child = watching.0.take().unwrap();
    kill(child.id(), Signal::INT);
    assert_eq!(finish(child).and_then(|status| status.code()), Some(0), "Ctrl-C is how a watch ends");
}
