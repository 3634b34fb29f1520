//! A Redis of the test's own, on a free port of 127.0.0.1, which keeps nothing.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::Signal;

use crate::serve::wait_until;
use crate::support::{finish, kill, output, tool};

/// A Redis. It ends with its owner.
pub struct Redis {
    pub port: u16,
    /// The port for connections with TLS, if there is one, and what its files begin with.
    secure_port: Option<u16>,
    certificate: Option<PathBuf>,
    /// What it asks its clients for.
    password: Option<String>,
    server: Option<Child>,
}

impl Redis {
    /// A place for one, where nothing runs yet.
    pub fn absent() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, secure_port: None, certificate: None, password: None, server: None }
    }

    pub fn start() -> Self {
        let mut redis = Self::absent();
        redis.begin();
        redis
    }

    /// Starts it, again if it was killed.
    pub fn begin(&mut self) {
        let port = self.port.to_string();
        let mut command = tool("setpriv");
        // It ends when the thread ends that started it: a test's thread lives as long as its Redis.
        // The second address is one that a test can cut off.
        command.args(["--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "127.0.0.3", "--port", &port]);
        command.args(["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]);

        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        if let (Some(port), Some(file)) = (self.secure_port, &self.certificate) {
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(file.with_extension("crt"));
            command.arg("--tls-key-file").arg(file.with_extension("key"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().unwrap());

        wait_until(|| self.try_ask(&["PING"]).as_deref() == Some("PONG"));
    }

    /// Starts one that takes connections with TLS at its port, and others at another one for the tests' own commands.
    pub fn start_with_tls(folder: &Path) -> Self {
        let mut redis = Self::absent();
        redis.secure_port = Some(Self::absent().port);
        redis.certificate = Some(folder.join("server"));
        redis.begin();
        redis
    }

    /// Starts one that lets no client in without a password.
    pub fn start_with_password(password: &str) -> Self {
        let mut redis = Self::absent();
        redis.password = Some(password.to_owned());
        redis.begin();
        redis
    }

    pub fn url(&self) -> String {
        if let Some(port) = self.secure_port {
            return format!("rediss://127.0.0.1:{port}/3");
        }

        format!("redis://127.0.0.1:{}/3", self.port)
    }

    /// What it answers to a command.
    pub fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).unwrap_or_else(|| panic!("redis-cli {words:?} failed"))
    }

    fn try_ask(&self, words: &[&str]) -> Option<String> {
        self.try_ask_database(3, words)
    }

    /// What it answers to a command about another of its databases.
    pub fn ask_database(&self, number: u8, words: &[&str]) -> String {
        self.try_ask_database(number, words).unwrap_or_else(|| panic!("redis-cli -n {number} {words:?} failed"))
    }

    fn try_ask_database(&self, number: u8, words: &[&str]) -> Option<String> {
        let mut command: Command = tool("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-n", &number.to_string()]).args(words);
        if let Some(password) = &self.password {
            command.env("REDISCLI_AUTH", password);
        }
        let ran = output(&mut command);
        ran.status.success().then(|| String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    }

    /// Stops it where it is: connections stay open, and nothing replies.
    pub fn pause(&self) {
        kill(self.server.as_ref().unwrap().id(), Signal::STOP);
    }

    pub fn resume(&self) {
        kill(self.server.as_ref().unwrap().id(), Signal::CONT);
    }

    pub fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            kill(server.id(), Signal::KILL);
            // A panic of the test must not become a second one.
            if !thread::panicking() {
                let _ = finish(server);
            }
        }
    }
}
