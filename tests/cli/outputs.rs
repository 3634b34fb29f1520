//! `-o FORMAT=FILE`: whole files or none, and problems with them are found before the source is read.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::holders::Holder;
use super::{Portolan, portolan, with_settings};

/// A listener, and a scan that finds it.
fn scan(more: &str) -> (TcpListener, Portolan) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, portolan(&format!("scan 127.0.0.1 -p {port} {more}")))
}

fn names(portolan: &Portolan) -> Vec<String> {
    let names = fs::read_dir(&portolan.directory).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_format_has_its_file_and_standard_output_its_own() {
    let (listener, mut portolan) = scan("-o csv -o json=a.json -o ndjson=b -o=name=c --output table=d --output=csv=e");
    let output = portolan.command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let read = |name: &str| fs::read_to_string(portolan.path(name)).unwrap();
    let address = listener.local_addr().unwrap();
    let document: Value = serde_json::from_str(&read("a.json")).unwrap();
    assert_eq!(
        (&document["complete"], &document["items"][0]["endpoints"][0]["port"]),
        (&true.into(), &address.port().into())
    );
    assert_eq!(serde_json::from_str::<Value>(&read("b")).unwrap()["id"], document["items"][0]["id"]);
    assert_eq!(read("c"), format!("scan/tcp/{address}\n"));
    assert!(read("d").lines().nth(1).unwrap().contains(&address.to_string()), "{}", read("d"));
    let columns = |text: &str| text.lines().next().unwrap().split(',').count();
    assert_eq!((columns(&read("e")), read("e").lines().count()), (columns(str::from_utf8(&output.stdout).unwrap()), 2));
    assert_eq!(names(&portolan), ["a.json", "b", "c", "d", "e"], "no draft is left");
}

#[test]
fn files_leave_standard_output_as_it_was() {
    let (_listener, portolan) = scan("-o name=ids --json");
    assert!(portolan.run().stdout.starts_with("{\"schema\""));
    let (_listener, portolan) = scan("-o name=ids -o json=-");
    assert!(portolan.run().stdout.starts_with("{\"schema\""));
    let ran = with_settings("output = \"csv\"", "discover local -p 1 -o name=ids").run();
    assert!(ran.stdout.starts_with("id,transport"), "{ran:?}");
    let ran = with_settings("output = [\"csv\", \"json=x\"]", "discover local -p 1 --json").run();
    assert!(ran.stdout.starts_with("{\"schema\""), "{ran:?}");
}

/// The table on standard output needs fewer details of each service than the file.
#[test]
fn the_deepest_format_says_how_much_is_read() {
    let holder = Holder::new();
    let mut portolan = portolan(&format!("discover local -p {} -o name -o json=x", holder.port()));
    assert_eq!(portolan.command.output().unwrap().status.code(), Some(0));
    let document: Value = serde_json::from_str(&fs::read_to_string(portolan.path("x")).unwrap()).unwrap();
    let process = &document["items"][0]["detail"]["processes"][0];
    assert_eq!(process["pid"], holder.pid());
    assert!(process["memory_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn an_unwritable_file_is_found_before_the_source_is_read() {
    let refuses = |portolan: Portolan, error: &str, hint: &str| {
        // No name is resolved either: that would be an error of its own.
        portolan.args(["scan", "a.invalid"]).refuses(&format!("--output{error}"), hint);
    };
    refuses(
        portolan("-o json=gone/x"),
        " 'json=gone/x': its directory does not exist",
        "create the directory first, or name another file",
    );
    refuses(
        portolan("-o json="),
        " 'json=': the file name is missing",
        "write it after the =, as in -o json=result.json",
    );
    refuses(portolan("-o csv=."), " 'csv=.': Is a directory", "name another file");
    refuses(
        portolan("-o csv=x -o json=./x"),
        " 'json=./x': two formats cannot share one file",
        "give each a file of its own",
    );
    refuses(
        portolan("-o csv -o json"),
        ": standard output takes one format, and there are two",
        "write the others to files, as in -o csv=FILE",
    );
    refuses(
        portolan("-o json=/dev/full"),
        " 'json=/dev/full': No space left on device",
        "free some space or write somewhere else",
    );
    portolan("scan a.invalid -o jsn=x")
        .refuses("--output 'jsn': there is no such value", &format!("did you mean 'json'? {}", super::usage::FORMATS));
    portolan("ports -o json=x")
        .refuses("--output: portolan ports writes to standard output only", "leave it out, and redirect the output");
}

#[test]
fn a_refused_or_failed_run_leaves_what_stood_there() {
    let portolan = portolan("scan 300.1.1.1 -o json=x").file("x", "old");
    let mut portolan = portolan;
    assert_eq!(portolan.command.output().unwrap().status.code(), Some(2));
    assert_eq!(
        (names(&portolan), fs::read_to_string(portolan.path("x")).unwrap()),
        (vec!["x".to_owned()], "old".to_owned())
    );
}

#[test]
fn a_file_without_permission_is_reported() {
    // Root may write anything; an unprivileged user may not write into root's directory.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut portolan = portolan("").file("x", "old");
    fs::set_permissions(&portolan.directory, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = portolan.public_copy();
    for file in ["x", "new"] {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        let output =
            command.args(["scan", "a.invalid", "-o", &format!("json={file}")]).current_dir(&portolan.directory);
        let ran = super::RunOutput::from(output.output().unwrap());
        let expected = format!(
            "error: cannot use --output 'json={file}': Permission denied\n\
             hint: name a file in a directory that you can write to\n"
        );
        assert_eq!((ran.code, ran.stderr), (Some(2), expected));
    }
    portolan = portolan.file("x", "old");
    assert_eq!(names(&portolan), ["portolan", "x"]);
}

/// The temporary file reaches the size limit: as if the disk filled up in the middle, for that file only.
#[test]
fn a_disk_that_fills_costs_its_own_file_only() {
    let portolan = portolan("").file("x", "old");
    let line = "ulimit -f 1; trap '' XFSZ; \"$P\" ports --json >/dev/null; \
                \"$P\" discover local -p 1-65535 -o json=x -o name=y 2>err >/dev/null; echo $?";
    let listeners: Vec<_> = (0..40).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "-c", line]).current_dir(&portolan.directory).env("P", env!("CARGO_BIN_EXE_portolan"));
    let ran = super::RunOutput::from(command.output().unwrap());
    drop(listeners);
    let err = fs::read_to_string(portolan.path("err")).unwrap();
    assert_eq!((ran.stdout.as_str(), err.contains("error: cannot write 'x': File too large")), ("3\n", true), "{err}");
    assert_eq!(fs::read_to_string(portolan.path("x")).unwrap(), "old");
    assert!(names(&portolan).iter().all(|name| !name.starts_with('.')), "a draft is left");
}

#[test]
fn a_reader_that_leaves_costs_no_file() {
    let (_listener, portolan) = scan("");
    let line = "\"$P\" discover local -p 1-65535 -o ndjson -o json=x | true; echo ${PIPESTATUS[0]}";
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "-c", line]).current_dir(&portolan.directory).env("P", env!("CARGO_BIN_EXE_portolan"));
    assert_eq!(super::RunOutput::from(command.output().unwrap()).stdout, "0\n");
    let document: Value = serde_json::from_str(&fs::read_to_string(portolan.path("x")).unwrap()).unwrap();
    assert_eq!(document["complete"], true);
    assert!(!document["items"].as_array().unwrap().is_empty());
}

#[test]
fn links_and_devices_are_written_through() {
    let (_listener, mut portolan) = scan("-o json=link -o csv=/dev/null -o name=/dev/null");
    fs::write(portolan.path("x"), "old").unwrap();
    symlink("x", portolan.path("link")).unwrap();
    assert_eq!(portolan.command.output().unwrap().status.code(), Some(0));
    assert!(portolan.path("link").is_symlink());
    assert!(fs::read_to_string(portolan.path("x")).unwrap().starts_with("{\"schema\""));
}

/// Guards: a name in a services file reached the terminal raw through the id, and made JUnit XML unreadable.
#[test]
fn hostile_names_of_a_services_file_are_escaped_in_every_text_format() {
    let file = "[[service]]\nname = \"a\\u001b]0;pwn\\u0007\\u202e\\ufffeb\"\nendpoints = [\"127.0.0.1:1\"]\n";
    for format in ["name", "table", "wide", "csv", "yaml", "json", "ndjson", "junit", "nmap-xml", "explain"] {
        let ran = portolan(&format!("discover file services.toml -o {format}")).file("services.toml", file).run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{fffe}']), "{format}: {ran:?}");
    }
}
