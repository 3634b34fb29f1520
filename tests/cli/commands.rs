//! The commands that need nothing but portolan itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::portolan;

#[test]
fn ports_lists_every_name() {
    let ran = portolan("ports").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let mut lines = ran.stdout.lines();
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), ["PORT", "NAME", "ABOUT"]);

    let rows: Vec<(u16, String)> = lines
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned())
        })
        .collect();
    let known: Vec<_> = portolan::model::PORT_NAMES.iter().map(|known| (known.port, known.name.to_owned())).collect();

    assert_eq!(rows, known);
}

#[test]
fn ports_are_found_by_number_and_by_word() {
    let rows = |words: &str| portolan(words).run().stdout.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows("ports 22"), ["22    ssh   Secure Shell"]);
    assert_eq!(rows("ports 22,5432").len(), 2);
    assert_eq!(rows("ports SSH"), rows("ports ssh"));
    assert!(rows("ports postgres").iter().any(|row| row.starts_with("5432 ")));
    assert!(rows("ports nothing-like-it").is_empty());
    assert_eq!(portolan("ports nothing-like-it").run().code, Some(0));
}

#[test]
fn ports_as_json() {
    let ran = portolan("ports --json").run();
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["schema"], "portolan/v1");
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), portolan::model::PORT_NAMES.len());
    assert_eq!(items[0], serde_json::json!({"port": 7, "name": "echo", "about": "Echo"}));
}

#[test]
fn man_replaces_whole_pages_and_leaves_nothing_else() {
    let pages = portolan("man pages");
    let directory = pages.path("pages");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("portolan.1"), "old").unwrap();
    let mut command = pages;
    let output = command.command.output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut names: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "portolan-agent.1",
            "portolan-audit-verify.1",
            "portolan-audit.1",
            "portolan-bench.1",
            "portolan-completions.1",
            "portolan-config-delete.1",
            "portolan-config-diff.1",
            "portolan-config-get.1",
            "portolan-config-history.1",
            "portolan-config-list.1",
            "portolan-config-put.1",
            "portolan-config-rollback.1",
            "portolan-config-show.1",
            "portolan-config.1",
            "portolan-db-backup.1",
            "portolan-db-copy.1",
            "portolan-db-migrate.1",
            "portolan-db-status.1",
            "portolan-db.1",
            "portolan-deregister.1",
            "portolan-discover-consul.1",
            "portolan-discover-dns.1",
            "portolan-discover-etcd.1",
            "portolan-discover-file.1",
            "portolan-discover-k8s.1",
            "portolan-discover-local.1",
            "portolan-discover-portolan.1",
            "portolan-discover-scan.1",
            "portolan-discover.1",
            "portolan-doctor.1",
            "portolan-drift.1",
            "portolan-explain.1",
            "portolan-export.1",
            "portolan-free-port.1",
            "portolan-health-check.1",
            "portolan-health-show.1",
            "portolan-health.1",
            "portolan-key-create.1",
            "portolan-key-list.1",
            "portolan-key-revoke.1",
            "portolan-key.1",
            "portolan-kill.1",
            "portolan-local.1",
            "portolan-man.1",
            "portolan-ports.1",
            "portolan-register.1",
            "portolan-resolve.1",
            "portolan-scan.1",
            "portolan-score.1",
            "portolan-serve.1",
            "portolan-services-balance.1",
            "portolan-services-get.1",
            "portolan-services-list.1",
            "portolan-services-shift.1",
            "portolan-services-switch.1",
            "portolan-services-update.1",
            "portolan-services.1",
            "portolan-status.1",
            "portolan-sync.1",
            "portolan-validate.1",
            "portolan-wait.1",
            "portolan-who.1",
            "portolan.1"
        ]
    );
    let page = fs::read_to_string(directory.join("portolan.1")).unwrap();

    for section in ["NAME", "SYNOPSIS", "\"EXIT STATUS\"", "SETTINGS", "ENVIRONMENT", "FILES"] {
        assert!(page.contains(&format!("\n.SH {section}\n")), "{section}");
    }
}

#[test]
fn man_refuses_what_is_no_directory() {
    let hint = "create the directory first, or name another";
    portolan("man gone").refuses("'gone': there is no such directory", hint);
    portolan("man file").file("file", "").refuses("'file': it is not a directory", hint);
}

#[test]
fn man_that_cannot_write_leaves_no_draft() {
    // A directory where the page should be: the temporary file is written, and cannot be renamed. Permissions would not
    // stop root.
    let mut blocked = portolan("man .");
    fs::create_dir(blocked.path("portolan.1")).unwrap();
    fs::set_permissions(blocked.path("portolan.1"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = blocked.command.output().unwrap();

    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot write ./portolan.1: Is a directory\nhint: check the directory's permissions and free space\n"
    );
    let left: Vec<_> = fs::read_dir(&blocked.directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();

    assert_eq!(left, ["portolan.1"]);
}

#[test]
fn nothing_of_the_users_settings_gets_into_what_is_generated() {
    let plain = portolan("completions bash").run();
    let set = portolan("completions bash").env("PORTOLAN_OUTPUT", "yaml").env("PORTOLAN_QUIET", "1").run();
    assert_eq!(plain, set);
    assert!(!plain.stdout.contains("--no-quiet"));
}
