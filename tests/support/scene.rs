//! A network namespace, and what runs in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use super::listing::{Listing, Outcome, Truth};
use super::process::{Lines, TempDir, finish, hear, output, tool};
use super::{Cgroup, HANG};

/// An unprivileged user: the user `nobody`, by its number on Debian and most other systems.
pub const UNPRIVILEGED_UID: &str = "65534";

/// What a scene has of its own beside the network.
#[derive(Clone, Copy, Default)]
pub struct Isolation {
    /// Mounts.
    pub mounts: bool,
    /// Process ids, with a `/proc` that shows them; implies mounts.
    pub pids: bool,
}

/// A network namespace of the test's own with its loopback interface up, gone with its last process.
pub struct Scene {
    holder: Option<(Child, ChildStdin)>,
    /// A process in all namespaces of the scene.
    pid: u32,
    isolation: Isolation,
    dir: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self::isolated(Isolation::default())
    }

    pub fn isolated(isolation: Isolation) -> Self {
        Self::held_by(isolation, "echo up && exec cat", &[], "up").0
    }

    /// A scene with process ids of its own whose first process is the fixture, after a shell script has prepared it.
    pub fn of_fixture(prepare: &str, args: &str) -> (Self, Truth) {
        let program = fixture_path().to_str().expect("a path in UTF-8");
        let args: Vec<&str> = std::iter::once(program).chain(args.split_whitespace()).collect();
        let isolation = Isolation { pids: true, ..Isolation::default() };
        let (scene, lines) = Self::held_by(isolation, &format!("{prepare}\nexec \"$0\" \"$@\""), &args, "ready");
        (scene, Truth::parse(&lines))
    }

    /// A scene that lives as long as the shell script in it, and what that says up to the line `last`.
    fn held_by(isolation: Isolation, script: &str, args: &[&str], last: &str) -> (Self, Vec<String>) {
        let mut unshare = tool("unshare");
        unshare.arg("--net");
        if !is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        if isolation.mounts || isolation.pids {
            unshare.arg("--mount");
        }
        if isolation.pids {
            unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        }
        unshare.args(["sh", "-ec", &format!("ip link set lo up\n{script}")]).args(args);
        let mut holder = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare starts");
        let lines = Lines::of(&mut holder).until(last);
        let pid = if isolation.pids { only_child(holder.id()) } else { holder.id() };
        let stdin = holder.stdin.take().expect("standard input is piped");
        (Self { holder: Some((holder, stdin)), pid, isolation, dir: TempDir::new() }, lines)
    }

    /// The process that holds the scene's namespaces.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The inode that identifies the network namespace.
    pub fn netns(&self) -> u64 {
        let link = fs::read_link(format!("/proc/{}/ns/net", self.pid)).expect("the scene lives");
        let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("net:[INODE]")
    }

    /// A folder for files of the test, readable by every user.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A command inside the scene.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = tool("nsenter");
        command.args(["--target", &self.pid.to_string(), "--net"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        if self.isolation.mounts || self.isolation.pids {
            command.arg("--mount");
        }
        if self.isolation.pids {
            command.arg("--pid");
        }
        command.arg("--").arg(program);
        command
    }

    /// Runs a shell script inside the scene; it must succeed.
    pub fn sh(&self, script: &str) -> String {
        let out = output(self.command("sh").args(["-ec", script]));
        assert!(out.status.success(), "{script}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    }

    /// Starts the fixture with these arguments and waits until it is ready.
    pub fn fixture(&self, args: &str) -> Fixture {
        Fixture::start(self.command(fixture_path()).args(args.split_whitespace()))
    }

    /// The same inside a control group.
    pub fn fixture_in(&self, cgroup: &Cgroup, args: &str) -> Fixture {
        let inside = self.command(fixture_path());
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]).arg(cgroup.path());
        command.arg(inside.get_program()).args(inside.get_args());
        Fixture::start(command.args(args.split_whitespace()))
    }

    /// `portolan discover local` inside the scene.
    pub fn portolan(&self) -> Portolan<'_> {
        self.runs(&["discover", "local"])
    }

    /// `portolan discover file` inside the scene.
    pub fn file(&self) -> Portolan<'_> {
        self.runs(&["discover", "file"])
    }

    /// `portolan scan` inside the scene.
    pub fn scan(&self) -> Portolan<'_> {
        self.runs(&["scan"])
    }

    /// `portolan validate` inside the scene.
    pub fn validate(&self) -> Portolan<'_> {
        self.runs(&["validate"])
    }

    /// Any command of portolan inside the scene.
    pub fn runs(&self, words: &'static [&'static str]) -> Portolan<'_> {
        Portolan { scene: self, wrapper: Vec::new(), program: portolan_path(), words, args: Vec::new() }
    }

    /// Makes the path of TCP into this scene slow or lossy, as the fixture's `far` describes.
    pub fn far(&self, way: &str) -> Fixture {
        let queued =
            output(self.command(tool("iptables").get_program()).args(["-A", "INPUT", "-p", "tcp", "-j", "NFQUEUE"]));
        assert!(queued.status.success(), "iptables: {}", String::from_utf8_lossy(&queued.stderr));
        self.fixture(&format!("far={way}"))
    }

    /// Connects this scene with another by a pair of interfaces: 10.77.0.1 and fd77::1 here,
    /// 10.77.0.2 and fd77::2 there, interface `wire` at both ends.
    pub fn wire_to(&self, other: &Self) {
        needs_root("it links two network namespaces");
        self.sh(&format!("ip link add wire type veth peer name wire netns {}", other.pid));
        for (scene, number) in [(self, 1), (other, 2)] {
            scene.sh(&format!(
                "ip address add 10.77.0.{number}/24 dev wire
                 ip address add fd77::{number}/64 dev wire nodad
                 ip link set wire up"
            ));
        }
        // Both ends are up at once, but the kernel announces it a moment later: no first packet may be lost to that.
        self.sh("until ip link show wire | grep -q LOWER_UP; do :; done");
        other.sh("until ip link show wire | grep -q LOWER_UP; do :; done");
    }

    /// A copy of a program that every user may run: the build's own folder may be closed to them.
    pub fn public_copy(&self, program: &Path, name: &OsStr) -> PathBuf {
        let copy = self.dir().join(name);
        if !copy.exists() {
            // By a program of its own: a file that this process had open for writing while another test starts a
            // program could not be run ("text file busy").
            assert!(output(tool("cp").arg(program).arg(&copy)).status.success(), "the program is copied");
        }
        copy
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some((holder, stdin)) = self.holder.take() {
            drop(stdin);
            finish(holder);
        }
    }
}

/// Builds a run of portolan.
#[derive(Clone)]
pub struct Portolan<'a> {
    scene: &'a Scene,
    wrapper: Vec<OsString>,
    program: PathBuf,
    words: &'static [&'static str],
    args: Vec<OsString>,
}

impl Portolan<'_> {
    pub fn args(mut self, args: &str) -> Self {
        self.args.extend(args.split_whitespace().map(OsString::from));
        self
    }

    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Runs it under another program, which gets portolan's path and arguments at its end.
    pub fn under(mut self, name: &str, args: &[&str]) -> Self {
        self.wrapper.push(tool(name).get_program().into());
        self.wrapper.extend(args.iter().map(OsString::from));
        self
    }

    /// Runs it as a user without any rights.
    pub fn by_nobody(self) -> Self {
        self.by_nobody_with("--bounding-set=-all", &[])
    }

    /// Runs it as that user with these capabilities and no other, as `+chown,+kill`.
    pub fn by_nobody_with(mut self, bounding: &str, more: &[&str]) -> Self {
        needs_root("it runs portolan as another user");
        self.program = self.scene.public_copy(&self.program, "portolan".as_ref());
        let (user, group) = (format!("--reuid={UNPRIVILEGED_UID}"), format!("--regid={UNPRIVILEGED_UID}"));
        let args = [&[&*user, &*group, "--clear-groups"], more, &[bounding, "--"]].concat();
        self.under("setpriv", &args)
    }

    /// The command, for tests that start it themselves.
    pub fn command(&self) -> Command {
        let mut words = self.wrapper.iter().cloned().chain([self.program.clone().into()]);
        let mut command = self.scene.command(words.next().expect("portolan at least"));
        command.args(words).args(self.words).args(&self.args);
        // The environment of the person who runs the tests must not change the result.
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.scene.dir()).env("XDG_CONFIG_HOME", self.scene.dir());
        command
    }

    /// Starts it; its standard output and error can be read.
    pub fn spawn(&self) -> Child {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("portolan starts")
    }

    pub fn run(&self) -> Outcome {
        Outcome::new(hear(self.spawn(), &format!("portolan {:?}", self.args)))
    }

    /// Runs it with `--json`; it must succeed with everything there.
    pub fn list(self) -> Listing {
        self.arg("--json").run().listing()
    }
}

/// A program that listens, and the truth about it.
pub struct Fixture {
    child: Option<(Child, ChildStdin)>,
    pub truth: Truth,
}

impl Fixture {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the fixture starts");
        let truth = Truth::parse(&Lines::of(&mut child).until("ready"));
        let stdin = child.stdin.take().expect("standard input is piped");
        Self { child: Some((child, stdin)), truth }
    }

    /// Ends it and its workers, and returns when every socket is closed.
    pub fn end(mut self) {
        let (child, stdin) = self.child.take().expect("it runs");
        drop(stdin);
        assert!(finish(child).is_some_and(|status| status.success()), "the fixture failed, or hung for {HANG:?}");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some((child, stdin)) = self.child.take() {
            drop(stdin);
            finish(child);
        }
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Fails the test with a clear message when it runs without root.
pub fn needs_root(why: &str) {
    assert!(is_root(), "this test needs root: {why}");
}

pub fn portolan_path() -> PathBuf {
    env!("CARGO_BIN_EXE_portolan").into()
}

/// The fixture program.
pub fn fixture_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| super::examples::build(&["--example", "listeners"]).join("listeners"))
}

/// The first process that another has started.
pub fn only_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("the kernel lists children");
    children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("it has started one")
}
