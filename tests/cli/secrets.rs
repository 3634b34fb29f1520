//! No secret of a command line, a file or the environment is in anything that portolan prints or writes. How each spelling
//! is masked, is tested beside the one function that does it.

use std::fs;
use std::path::Path;

use super::{Portolan, portolan};

/// A part of every secret here.
const MARK: &str = "QQ7";

/// Runs it, and reads everything it printed and wrote below its folder, except what the test put there.
#[track_caller]
fn shows_no_secret(mut portolan: Portolan, given: &[&str]) {
    let output = portolan.command.output().unwrap();
    let mut texts = vec![("stdout".to_owned(), output.stdout), ("stderr".to_owned(), output.stderr)];
    files(&portolan.directory, &mut texts);
    for (name, text) in texts {
        let text = String::from_utf8_lossy(&text);
        let is_given = given.iter().any(|given| name.ends_with(given));
        assert!(is_given || !text.contains(MARK), "{name} of {:?}:\n{text}", portolan.command);
    }
}

fn files(folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, texts);
        } else {
            texts.push((path.to_string_lossy().into_owned(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_validation_writes_none_into_any_file() {
    let run =
        portolan("validate --timeout 1s --retries 0 --evidence seen -o html=page -o junit=report -o csv=rows --json")
            .args(["--header", "Authorization: Bearer QQ7", "--header", "X-Api-Key: QQ7", "--body", "password=QQ7"])
            .args(["--method", "POST", "http://u:QQ7@127.0.0.1:1/x?token=QQ7&a=1", "http://:QQ7@127.0.0.1:1/"]);
    shows_no_secret(run, &[]);
}

#[test]
fn targets_are_shown_without_their_passwords() {
    let dsns = [
        "postgresql://u:QQ7@127.0.0.1:1/db",
        "mysql://u:QQ7/QQ7@127.0.0.1:1/db",
        "redis://:QQ7@127.0.0.1:1",
        "rediss://u:QQ7@127.0.0.1:1/0",
        "amqp://u:QQ7@127.0.0.1:1",
        "mongodb://u:QQ7@127.0.0.1:1/db",
        "nats://QQ7@127.0.0.1:1",
    ];
    shows_no_secret(portolan("wait --timeout 50ms").args(dsns), &[]);
    for dsn in ["postgresql://u:QQ7@[::1/db", "u:QQ7@127.0.0.1:1", "http://u:Q Q7/QQ7@h:x/", "nonsense://u:QQ7@h"] {
        for command in ["wait --timeout 50ms", "validate", "scan"] {
            shows_no_secret(portolan(command).args([dsn]), &[]);
        }
    }
    shows_no_secret(portolan("scan -p 1 -o nmap-xml http://u:QQ7@127.0.0.1:1/"), &[]);

    shows_no_secret(portolan("validate --header QQ7-without-a-colon 127.0.0.1:1"), &[]);
}

#[test]
fn registries_are_named_without_their_secrets() {
    for line in [
        "discover consul --address http://u:QQ7@127.0.0.1:1",
        "discover etcd --endpoint http://u:QQ7@127.0.0.1:1",
        "discover portolan --address http://u:QQ7@127.0.0.1:1",
        "resolve web --timeout 100ms --registry consul://u:QQ7@127.0.0.1:1",
        "services list --timeout 100ms --registry portolan://127.0.0.1:1/?token=QQ7",
        "export nginx web --timeout 100ms --registry consul://u:QQ7@127.0.0.1:1",
        "drift consul://u:QQ7@127.0.0.1:1",
        "register --name web --port 1 --timeout 100ms --registry consul://u:QQ7@127.0.0.1:x",
        "local --watch --lines --count 1 --for 50ms --webhook ftp://u:QQ7@127.0.0.1/x",
    ] {
        let run =
            portolan(line).env("CONSUL_HTTP_TOKEN", "QQ7").env("ETCD_PASSWORD", "QQ7").env("PORTOLAN_TOKEN", "QQ7");
        shows_no_secret(run, &[]);
    }
}

#[test]
fn files_and_variables_are_quoted_without_their_secrets() {
    let settings =
        "[validate]\nheader = [\"Authorization: Bearer QQ7\"]\n[discover]\nwebhook = \"https://u:QQ7@h/x\"\n";
    for line in ["config show", "config show --json"] {
        shows_no_secret(portolan("--config c.toml").args(line.split(' ')).file("c.toml", settings), &["c.toml"]);
    }
    let wrong = "[validate]\nheader = [\"QQ7 is no header\"]\n";
    shows_no_secret(portolan("--config c.toml validate 127.0.0.1:1").file("c.toml", wrong), &["c.toml"]);

    let services = "[[service]]\nname = \"db\"\nendpoints = [\"postgresql://u:QQ7@127.0.0.1:1/db\", \"u:QQ7@h:x\"]\n";
    shows_no_secret(portolan("validate s.toml").file("s.toml", services), &["s.toml"]);
    shows_no_secret(
        portolan("discover file s.toml --json").file("s.toml", services.replace(", \"u:QQ7@h:x\"", "")),
        &["s.toml"],
    );

    for (name, value) in [
        ("DATABASE_URL", "postgresql://u:QQ7@127.0.0.1:x/db"),
        ("PORTOLAN__AUTH__JWT_SECRET", "QQ7"),
        ("JWT_SECRET", "QQ7"),
    ] {
        shows_no_secret(portolan("serve --check").env(name, value), &[]);
    }
}
