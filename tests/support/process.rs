//! Starting programs, reading their output, and never waiting for ever.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::HANG;

/// A command for a tool of the operating system; names its package if it is missing.
pub fn tool(name: &str) -> Command {
    let package = match name {
        "unshare" | "nsenter" | "setpriv" => "util-linux",
        "mount" | "umount" => "mount",
        "ip" | "ss" => "iproute2",
        "promtool" => "prometheus",
        "systemd-analyze" => "systemd",
        "mkfs.ext4" => "e2fsprogs",
        "nft" => "nftables",
        "kubectl" => "kubernetes-client",
        "script" => "bsdutils",
        "netstat" => "net-tools",
        "dpkg-query" => "dpkg",
        "go" => "golang-go",
        other => other,
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());

    Command::new(found.unwrap_or_else(|| panic!("`{name}` is not installed: apt-get install {package}")))
}

/// The lines that a program prints, as they come.
pub struct Lines {
    lines: Receiver<String>,
    end: Instant,
}

impl Lines {
    pub fn of(child: &mut Child) -> Self {
        Self::read(child.stdout.take().expect("standard output is piped"))
    }

    pub fn read(out: impl Read + Send + 'static) -> Self {
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                if line.is_err() || line.is_ok_and(|line| send.send(line).is_err()) {
                    break;
                }
            }
        });
        Self { lines, end: Instant::now() + 10 * HANG }
    }

    /// The next line; `None` when there will be none. A program that goes on printing is not waited for without end either.
    pub fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => {
                assert!(Instant::now() < self.end, "the program prints lines without end, such as {line:?}");
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line came"),
        }
    }

    /// All further lines, until the program closes its output.
    pub fn rest(self) -> impl Iterator<Item = String> {
        self.lines.into_iter()
    }

    /// All lines up to `last`, without it.
    pub fn until(&self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let next = self.lines.recv_timeout(HANG);
            let line = next.unwrap_or_else(|e| panic!("no {last:?} came ({e}), only {lines:?}"));
            if line == last {
                return lines;
            }
            lines.push(line);
        }
    }
}

/// Waits for a program that is about to end; one that hangs is killed and `None`.
pub fn finish(mut child: Child) -> Option<ExitStatus> {
    let pid = child.id();
    let (send, receive) = channel();
    let waiting = thread::spawn(move || {
        let _ = send.send(child.wait().ok());
    });
    let status = receive.recv_timeout(HANG).ok().flatten();
    if status.is_none() {
        kill(pid, Signal::KILL);
    }
    let _ = waiting.join();
    status
}

/// Runs a program to its end, with nothing on its standard input.
pub fn output(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    hear(child.unwrap_or_else(|e| panic!("cannot start {command:?}: {e}")), &format!("{command:?}"))
}

/// Makes a file that this process wrote a program.
///
/// It becomes a copy that another program writes: while this process has a file open for writing, a program that another test
/// starts inherits it for a moment, and the file cannot be run ("text file busy").
pub fn make_program(file: &Path) {
    let script = r#"cp "$0" "$0.copy" && chmod 755 "$0.copy" && mv "$0.copy" "$0""#;
    let made = output(tool("sh").args(["-c", script]).arg(file));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Collects the output of a running program until it ends.
pub fn hear(mut child: Child, what: &str) -> Output {
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let read = |from: &mut dyn Read| {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    };
    let stdout = thread::spawn(move || read(&mut out));
    let stderr = thread::spawn(move || read(&mut err));

    let status = finish(child);
    let (stdout, stderr) = (stdout.join().expect("reads"), stderr.join().expect("reads"));
    let status = status.unwrap_or_else(|| panic!("{what} hung; it said {}", String::from_utf8_lossy(&stderr)));
    Output { status, stdout, stderr }
}

/// Sends a signal to a process that this test started and has not waited for.
pub fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A program that is ended at once with its owner, however that goes.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that holds this socket. One of the test's own would have more holders: until it runs its program, a child that
/// another test has just started holds whatever its parent does.
pub fn hold(socket: OwnedFd) -> Ended {
    Ended(tool("sleep").arg("600").stdin(socket).spawn().expect("sleep starts"))
}

/// A folder of the test's own that every user may enter, gone with its last owner.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("portolan-test-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // A test that was killed had the id of this process.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot make {}: {error}", path.display()),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
