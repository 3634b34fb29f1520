//! Sockets that systemd holds for a service: the row is the service's, not PID 1's.

use crate::support::{Fixture, Isolation, Scene, fixture_path, is_root, tool};

/// A PID namespace whose first process is called `systemd` and listens, with unit files of the test's own.
fn systemd(units: &[(&str, &str)], listens: &str) -> (Scene, Fixture) {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    scene.sh("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system");
    for (name, text) in units {
        // Through the scene's shell, for only there is /run a file system of the test's own.
        scene.sh(&format!("cat > '/run/systemd/system/{name}' <<'END'\n{text}\nEND"));
    }
    let mut command = scene.command(tool("unshare").get_program());
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(fixture_path()).arg("name=systemd");
    let fixture = Fixture::start(command.args(listens.split_whitespace()));
    (scene, fixture)
}

/// The listing as the namespace of that `systemd` shows it.
fn listing(scene: &Scene, args: &str) -> crate::support::Listing {
    // The fixture is the only process of its PID namespace but for those that it starts.
    let inside = std::process::Command::new("true");
    drop(inside);
    scene.portolan().args(args).list()
}

#[test]
fn todo() {
    let _ = (is_root(), systemd, listing);
}
