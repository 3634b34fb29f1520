//! What `packaging/build` makes of the program that these tests have built.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The standard output of a program, which must succeed.
#[track_caller]
fn output(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let (said, failed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{program} {args:?}: {said}\n{failed}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("portolan-packages-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The only file with this end.
    #[track_caller]
    fn file(&self, end: &str) -> String {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = names.filter(|name| name.ends_with(end));
        names.next().unwrap_or_else(|| panic!("there is no {end}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One test, because making the packages takes most of the time.
#[test]
fn packages_are_whole_and_can_be_installed() {
    let folder = Folder::new();
    let out = folder.0.to_string_lossy().into_owned();
    let build = root().join("packaging/build");
    let mut command = Command::new(build);
    command.args(["--binary", env!("CARGO_BIN_EXE_portolan"), "--out", &out]).env("XZ_LEVEL", "0");
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    output("sha256sum", &["--check", "--strict", "--quiet", "SHA256SUMS"], &folder.0);
    let sums = fs::read_to_string(folder.0.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), fs::read_dir(&folder.0).unwrap().count() - 1, "every file has a sum: {sums}");

    let sources = folder.file("-src.tar.gz");
    let listed = output("tar", &["--list", "--file", &sources], &folder.0);
    for file in ["Cargo.toml", "man/portolan.1", "completions/_portolan", "packaging/build"] {
        assert!(listed.lines().any(|line| line.ends_with(&format!("/{file}"))), "{file}");
    }

    tarball(&folder);
    debian_package(&folder);
    bill_of_materials(&folder);
}

/// The tarball holds the program with its manual and its completions.
fn tarball(folder: &Folder) {
    let name = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = name.into_iter().find(|name| name.ends_with(".tar.gz") && !name.contains("-src")).unwrap();
    output("tar", &["--extract", "--file", &name], &folder.0);
    let top = folder.0.join(name.trim_end_matches(".tar.gz"));
    for file in ["bin/portolan", "share/man/man1/portolan-wait.1", "share/zsh/site-functions/_portolan", "LICENSE-MIT"]
    {
        assert!(top.join(file).exists(), "{file}");
    }
    let version = output(&top.join("bin/portolan").to_string_lossy(), &["-V"], &folder.0);
    assert_eq!(version, format!("portolan {}\n", env!("CARGO_PKG_VERSION")));
    fs::remove_dir_all(top).unwrap();
}

/// What lintian finds in a package that is not of a distribution, and of a program that holds its libraries.
const ACCEPTED_TAGS: [&str; 7] = [
    "initial-upload-closes-no-bugs",
    "unstripped-binary-or-object",
    "bogus-mail-host",
    "bogus-mail-host-in-debian-changelog",
    "embedded-library",
    "statically-linked-binary",
    "no-manual-page",
];

/// The package satisfies lintian, and dpkg installs and removes it below a root of its own.
fn debian_package(folder: &Folder) {
    let package = folder.file(".deb");
    let accepted = ACCEPTED_TAGS.join(",");
    let tags = output("lintian", &["--fail-on", "error,warning", "--suppress-tags", &accepted, &package], &folder.0);
    assert!(!tags.contains("E: ") && !tags.contains("W: "), "{tags}");

    let machine = folder.0.join("machine");
    for path in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
        fs::create_dir_all(machine.join(path)).unwrap();
    }
    fs::write(machine.join("var/lib/dpkg/status"), "").unwrap();
    let admin = format!("--admindir={}", machine.join("var/lib/dpkg").display());
    let instdir = format!("--instdir={}", machine.display());
    // Its dependencies are those of this machine, not of the empty one.
    let force = "--force-not-root,depends,script-chrootless,bad-path";
    let log = format!("--log={}", machine.join("dpkg.log").display());
    output("dpkg", &[&admin, &instdir, force, &log, "--install", &package], &folder.0);
    assert!(machine.join("usr/bin/portolan").exists());
    assert!(machine.join("usr/share/man/man1/portolan.1.gz").exists());
    service(&machine);

    output("dpkg", &[&admin, &instdir, force, &log, "--remove", "portolan"], &folder.0);
    assert!(!machine.join("usr/bin/portolan").exists() && !machine.join("usr/share/doc/portolan").exists());
    fs::remove_dir_all(machine).unwrap();
}

/// The package has made the user of the service, which may read its settings, and no other user may.
fn service(machine: &Path) {
    for unit in ["portolan.service", "portolan.socket", "portolan-agent.service"] {
        assert!(machine.join("lib/systemd/system").join(unit).exists(), "{unit}");
    }
    let groups = fs::read_to_string(machine.join("etc/group")).unwrap();
    let group = groups.lines().find_map(|line| line.strip_prefix("portolan:x:")).unwrap();
    let group: u32 = group.split(':').next().unwrap().parse().unwrap();
    let settings = fs::metadata(machine.join("etc/portolan/serve.yaml")).unwrap();
    assert_eq!((settings.gid(), settings.mode() & 0o777), (group, 0o640));
    assert_eq!(fs::metadata(machine.join("var/lib/portolan")).unwrap().mode() & 0o777, 0o700);
}

/// The bill names every package of the program with its checksum, and nothing that only tests need.
fn bill_of_materials(folder: &Folder) {
    let bill = fs::read(folder.0.join(folder.file(".cdx.json"))).unwrap();
    let bill: Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));

    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.is_superset(&BTreeSet::from(["clap", "rustls", "tokio"])));
    assert!(names.is_disjoint(&BTreeSet::from(["proptest", "rcgen", "tonic-health"])), "only tests need these");

    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    for component in components {
        let is_it = |package: &&toml::Value| {
            package["name"].as_str() == component["name"].as_str()
                && package["version"].as_str() == component["version"].as_str()
        };
        let package = lock["package"].as_array().unwrap().iter().find(is_it).unwrap_or_else(|| panic!("{component}"));
        let sum = package.get("checksum").and_then(toml::Value::as_str);
        assert_eq!(component["hashes"][0]["content"].as_str(), sum, "{}", component["name"]);
        assert!(component["licenses"][0]["expression"].is_string(), "{}", component["name"]);
    }

    let known: BTreeSet<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    for dependency in bill["dependencies"].as_array().unwrap() {
        for on in dependency["dependsOn"].as_array().unwrap() {
            assert!(known.contains(on.as_str().unwrap()), "{on}");
        }
    }
}
