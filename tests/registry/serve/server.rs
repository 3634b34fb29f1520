//! A server of the test's own, on a free port of 127.0.0.1, and a small client.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{HANG, Lines, TempDir, finish, kill, portolan_path, tool};

/// A running server. It is killed with its owner, unless it was stopped.
pub struct Server {
    child: Option<Child>,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn index(&self) -> u64 {
        self.header("x-portolan-index").unwrap_or_else(|| panic!("no index: {}", self.head)).parse().unwrap()
    }
}

impl Server {
    /// A server that keeps everything in memory.
    pub fn in_memory() -> Self {
        Self::with(["--data", ":memory:"])
    }

    pub fn on_file(file: &Path) -> Self {
        Self::with([OsStr::new("--data"), file.as_os_str()])
    }

    /// A server with these options, on a free port unless they name an address.
    pub fn with(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::try_with(args).unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// A server that keeps everything in memory and runs the checks of registrations, with these lines of settings below
    /// `registry`.
    pub fn with_checks(folder: &Path, settings: &str) -> Self {
        let file = folder.join("checks.yaml");
        std::fs::write(&file, format!("registry:\n  health_checks:\n    enabled: true\n{settings}")).unwrap();
        Self::with_settings(&file)
    }

    /// A server that keeps everything in memory, with the settings of a file.
    pub fn with_settings(file: &Path) -> Self {
        let args = [OsStr::new("--data"), OsStr::new(":memory:"), OsStr::new("--config"), file.as_os_str()];
        Self::start(args, &[]).unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// The same as [`with`](Self::with); what it said if it ended instead.
    pub fn try_with(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Self, String> {
        // Tests register addresses of other machines: nothing may be sent there.
        Self::start(args, &[("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false")])
    }

    /// A server with variables of the environment.
    pub fn with_environment(args: impl IntoIterator<Item = impl AsRef<OsStr>>, env: &[(&str, &str)]) -> Self {
        Self::start(args, env).unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// A server that keeps to what a program before it says, such as `prlimit`.
    pub fn under(program: &[&str], args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let env = [("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false")];
        let mut command = Command::new(tool(program[0]).get_program());
        command.args(&program[1..]).arg(portolan_path());
        Self::start_as(command, args, &env).unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>, env: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_as(Command::new(portolan_path()), args, env)
    }

    fn start_as(
        mut command: Command,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: &[(&str, &str)],
    ) -> Result<Self, String> {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        command.arg("serve").args(&args).env_clear().envs(env.iter().copied());
        if !args.iter().any(|arg| arg == "--listen") {
            command.args(["--port", "0"]);
        }
        Self::from_command(command)
    }

    /// A server with these options and variables, which runs the checks of registrations.
    pub fn with_variables(args: impl IntoIterator<Item = impl AsRef<OsStr>>, env: &[(&str, &str)]) -> Self {
        Self::start(args, env).unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// A server that a command starts, in the same process; what it said if it ended instead.
    pub fn from_command(mut command: Command) -> Result<Self, String> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = Lines::read(child.stderr.take().unwrap());

        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else {
                let _ = child.wait();
                return Err(said);
            };
            let _ = writeln!(said, "{line}");
            let address = ["listens on http://", "listens on https://", "\"listen\":\"http://"]
                .into_iter()
                .find_map(|before| line.split_once(before));
            if let Some((_, address)) = address {
                break address.split([' ', '"']).next().unwrap().parse().unwrap();
            }
        };

        let log = Arc::new(Mutex::new(said));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.rest() {
                let _ = writeln!(kept.lock().unwrap(), "{line}");
            }
        });
        Ok(Self { child: Some(child), address, log })
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to stop, and waits until it did.
    pub fn stop(mut self) -> ExitStatus {
        kill(self.pid(), Signal::TERM);
        finish(self.child.take().unwrap()).expect("it stops")
    }

    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, Some(body))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n");
        if let Some(body) = body {
            let length = body.len();
            let _ = write!(request, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        } else {
            request.push_str("\r\n");
        }
        exchange(self.address, request.as_bytes())
    }

    /// Registers an instance and returns it.
    pub fn register(&self, body: &str) -> Value {
        let reply = self.post("/api/v1/services", body);
        assert!(matches!(reply.status, 200 | 201), "{} {}", reply.status, reply.text());
        reply.json()["data"].clone()
    }

    /// The names or ports of what `discover` answers with.
    pub fn discover(&self, query: &str) -> Vec<Value> {
        let reply = self.get(&format!("/api/v1/discover?{query}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["data"]["services"].as_array().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends bytes on a connection of their own, and reads the answer until its end.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    // A server may reset a connection whose request it did not read.
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes)
}

/// An answer from all bytes of a connection.
pub fn parse(bytes: &[u8]) -> Reply {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Reply { status: 0, head: String::from_utf8_lossy(bytes).into_owned(), body: Vec::new() };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut reply = Reply { status, head, body: bytes[end + 4..].to_vec() };
    if reply.header("transfer-encoding") == Some("chunked") {
        reply.body = joined(&reply.body);
    }
    reply
}

/// A chunked body as a whole. It must end properly.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n").expect("a chunk has a length");
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 4 + length..];
    }
}

/// A folder for a database.
pub fn folder() -> TempDir {
    TempDir::new()
}

/// Polls until something is so.
#[track_caller]
pub fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + HANG;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never became so");
        thread::sleep(Duration::from_millis(20));
    }
}
