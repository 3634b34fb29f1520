//! Credentials from a program: only with permission, once, and never beyond the deadline.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, test_kill_process};

use crate::double::{Double, Resource};
use crate::objects::{namespace, service, slice};
use crate::portolan::Portolan;
use crate::support::{hear, kill, make_program};

const ANSWER: &str = "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
                      \"status\":{\"token\":\"a-token-of-the-test\"}}'";

fn cluster() -> Double {
    let double = Double::start();
    double.store().put(Resource::NAMESPACES, namespace("shop"));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    double.store().put(Resource::SLICES, slice("shop", "web", "a", 1, 1));
    double
}

/// portolan with credentials from a shell script of these lines, and where the script is.
fn with(double: &Double, script: &str) -> (Portolan, PathBuf) {
    let portolan = Portolan::without_kubeconfig().file("credentials", format!("#!/bin/sh\n{script}\n"));
    let program = portolan.path("credentials");
    make_program(&program);
    let text = double.kubeconfig().exec(program.to_str().unwrap()).text();
    (portolan.file("config", text).args("-n shop --kubeconfig config"), program)
}

/// Whether the process whose id a script wrote is gone.
fn is_gone(file: &std::path::Path) -> bool {
    let number = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    // A process that was not waited for still exists, but does nothing any more.
    let ended = |pid| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(Pid::from_raw(number).unwrap()).is_err() || ended(number)
}

#[track_caller]
fn until_gone(file: &std::path::Path) {
    let begun = std::time::Instant::now();
    while !is_gone(file) {
        assert!(begun.elapsed() < crate::support::HANG, "it goes on");
        std::thread::yield_now();
    }
}

#[test]
fn it_runs_once_with_the_request_in_its_environment() {
    let double = cluster();
    let (portolan, _) = with(&double, &format!("echo \"$KUBERNETES_EXEC_INFO\" >> asked\n{ANSWER}"));
    let (child, home) = portolan.args("--allow-exec -o name").start();
    let out = hear(child, "portolan");
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "k8s/shop/web\n", "{}", String::from_utf8_lossy(&out.stderr));
    let asked = fs::read_to_string(home.path().join("asked")).unwrap();
    let request = "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false}}\n";
    assert_eq!(asked, request);
}

#[test]
fn it_may_speak_yaml_and_give_a_certificate() {
    let double = cluster();
    let admin = double.authority().client("admin");
    let indented = |pem: &str| format!("    {}\n", pem.trim().replace('\n', "\n    "));
    let yaml = format!(
        "cat <<END\nkind: ExecCredential\nstatus:\n  clientCertificateData: |\n{}  clientKeyData: |\n{}END",
        indented(&admin.certificate),
        indented(&admin.key)
    );
    assert_eq!(with(&double, &yaml).0.args("--allow-exec").services().len(), 1);
}

#[test]
fn a_program_with_a_long_error_output_is_read_to_its_end() {
    let double = cluster();
    let (portolan, _) = with(&double, &format!("head -c 300000 /dev/zero | tr '\\0' x >&2 || exit 1\n{ANSWER}"));
    assert_eq!(portolan.args("--allow-exec").services().len(), 1);
}

#[test]
fn a_hanging_program_is_killed_with_its_children() {
    let double = cluster();
    let (portolan, program) =
        with(&double, "echo 'open https://login.example' >&2\nsleep 1000 &\necho $! > child\nsleep 1000");
    let (child, home) = portolan.args("--allow-exec --deadline 1s").start();
    let out = hear(child, "portolan");
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert_eq!(
        said,
        format!(
            "error: cannot get credentials from the program '{0}': it did not end in time; its error output: open https://login.example\n\
             hint: run '{0}' as the kubeconfig does, and read its output\n",
            program.display()
        )
    );
    until_gone(&home.path().join("child"));
}

#[test]
fn it_ends_on_a_signal() {
    let double = cluster();
    let (portolan, _) = with(&double, "sleep 1000 &\necho $! > started; mv started child\nwait");
    let (child, home) = portolan.args("--allow-exec --json --deadline 1h").start();
    let file = home.path().join("child");
    let begun = std::time::Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < crate::support::HANG, "it does not start");
        std::thread::yield_now();
    }
    kill(child.id(), Signal::INT);
    let out = hear(child, "portolan");
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    until_gone(&file);
}

#[test]
fn a_failing_or_useless_program_is_reported() {
    let double = cluster();
    let fails = |script: &str, why: &str| {
        let (portolan, program) = with(&double, script);
        let error = format!("get credentials from the program '{}': {why}", program.display());
        let hint = format!("run '{}' as the kubeconfig does, and read its output", program.display());
        portolan.args("--allow-exec").fails(3, &error, &hint);
    };
    fails("echo; echo 'no session' >&2; exit 4", "it failed (exit status: 4); its error output: no session");
    fails("printf '\\033[31mred' >&2; exit 1", "it failed (exit status: 1); its error output: \\u{1b}[31mred");
    fails("echo hello", "its output is not an ExecCredential");
    fails("echo '{\"status\": {}}'", "its output contains neither a token nor a certificate");
    fails("exec head -c 100000000 /dev/zero", "its output is not an ExecCredential");
    let (portolan, program) = with(&double, "");
    fs::remove_file(&program).unwrap();
    let hint = format!("run '{}' as the kubeconfig does, and read its output", program.display());
    let error = format!("use the program '{}': No such file or directory", program.display());
    portolan.args("--allow-exec").fails(2, &error, &hint);
}
