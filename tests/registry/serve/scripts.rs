//! Programs of the server's settings that judge instances: what they judge, and which are refused.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::Server;
use super::monitor::{Target, http_check, reach};
use super::server::folder;
use crate::support::{make_program, needs_root, output, portolan_path, tool};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    make_program(path);
}

/// A program of the server's own settings judges the instances of its service, with their address; none is run for a client.
#[test]
fn a_script_of_the_settings_judges_the_instances_of_a_service() {
    let (folder, target) = (folder(), Target::new(2));
    let (script, verdict) = (folder.path().join("check"), folder.path().join("verdict"));
    let environment = folder.path().join("environment");
    let text = format!(
        "env > {0}.new\nmv {0}.new {0}\necho \"$PORTOLAN_TARGET_PORT $1\"\nread code < {1}\nexit $code\n",
        environment.display(),
        verdict.display()
    );
    write_program(&script, &text);
    fs::write(&verdict, "2\n").unwrap();
    let config = folder.path().join("checks.yaml");
    let settings = format!("registry:\n  health_checks:\n    scripts: [\"web={} deep\"]\n", script.display());
    fs::write(&config, settings).unwrap();
    let secrets = [
        ("PGPASSWORD", "canary"),
        ("PORTOLAN_TOKEN", "canary"),
        ("NOTIFY_SOCKET", "/canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=canary"),
    ];
    let plain = [("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")];
    let args = [OsStr::new("--data"), OsStr::new(":memory:"), OsStr::new("--config"), config.as_os_str()];
    let server = Server::with_variables(args, &[&secrets[..], &plain].concat());

    server.register(&target.registration("judged", &http_check()));
    let health = reach(&server, "judged", "unhealthy");
    let expected = format!("{} deep", target.address.port());
    assert!(health.to_string().contains("script-failed") && health.to_string().contains(&expected), "{health}");
    fs::write(&verdict, "0\n").unwrap();
    reach(&server, "judged", "healthy");
    // The environment of the server holds its secrets.
    let known = fs::read_to_string(&environment).unwrap();
    assert!(!known.contains("canary"), "{known}");
    for line in ["PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "PORTOLAN_TARGET_ADDRESS=127.0.0.1"] {
        assert!(known.lines().any(|known| known == line), "{line}: {known}");
    }

    let own = json!([{ "check_type": "script", "config": { "command": [script.to_str().unwrap()] } }]);
    let refused = server.post("/api/v1/services", &target.registration("own", &own));
    assert_eq!(refused.status, 400, "{}", refused.text());
}

/// The exit code of `serve --check` with this program, and what it prints.
fn check(folder: &Path, program: &Path) -> (Option<i32>, String) {
    let file = folder.join("serve.yaml");
    let settings = format!("registry:\n  health_checks:\n    scripts: [\"web={}\"]\n", program.display());
    fs::write(&file, settings).unwrap();
    let mut command = Command::new(portolan_path());
    command.args(["serve", "--check", "--data", ":memory:", "--config"]).arg(&file).env_clear();
    let checked = output(&mut command);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    (checked.status.code(), said)
}

const STRANGER: u32 = 12_345;

/// Whether a user without any permission of its own puts another program in this place.
fn is_replaced(program: &Path) -> bool {
    let attack = format!(
        "p={}; echo 'exit 0' > $p || {{ mv $p $p.old && echo 'exit 0' > $p; }} || {{ cd / && d=${{p%/*}} && mv $d $d.old && mkdir $d && echo 'exit 0' > $p; }}",
        program.display()
    );
    let mut command = tool("setpriv");
    command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups", "--", "/bin/sh", "-c", &attack]);
    output(&mut command);
    fs::read_to_string(program).unwrap() == "exit 0\n"
}

/// Row N17: a program that another user can replace would run with the permissions of the server.
#[test]
fn a_program_that_other_users_can_replace_is_refused() {
    needs_root("it gives files to another user");
    for (name, mode) in [("a/bin", 0o777), ("a", 0o777), ("a/bin/check", 0o757)] {
        let folder = folder();
        let program = folder.path().join("a/bin/check");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        write_program(&program, "exit 1\n");
        let (code, said) = check(folder.path(), &program);
        assert_eq!(code, Some(0), "{said}");
        assert!(!is_replaced(&program), "it is safe");

        let place = folder.path().join(name);
        set_mode(&place, mode);
        let (code, said) = check(folder.path(), &program);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(said.contains("registry.health_checks.scripts") && said.contains("serve.yaml:3"), "{said}");
        assert!(said.contains(&format!("other users can write {} (mode {mode:04o})", place.display())), "{said}");
        assert!(said.contains(&format!("hint: chmod go-w {}", place.display())), "{said}");
        assert!(is_replaced(&program), "{name}: the refusal is not in vain");
    }
}

#[test]
fn a_program_of_another_user_is_refused() {
    needs_root("it gives files to another user");
    for name in ["a/check", "a"] {
        let folder = folder();
        let program = folder.path().join("a/check");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        write_program(&program, "exit 1\n");
        chown(folder.path().join(name), Some(STRANGER), None).unwrap();
        let (code, said) = check(folder.path(), &program);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(said.contains("belongs to the user 12345") && said.contains("hint: chown root"), "{said}");
        assert!(is_replaced(&program), "{name}: the refusal is not in vain");
    }
}
