//! Consul, etcd and Knot DNS as programs that a test starts, stops, kills and starts again, each at an address of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{HANG, TempDir, kill, tool};

/// A program that serves at an address, with a folder of its own that outlives a restart.
pub struct Program {
    pub address: SocketAddr,
    pub dir: TempDir,
    command: fn(&Path, SocketAddr) -> Command,
    child: Option<Child>,
}

impl Program {
    /// Starts it and waits until it accepts connections.
    pub fn start(dir: TempDir, port: u16, command: fn(&Path, SocketAddr) -> Command) -> Self {
        let mut program = Self { address: SocketAddr::from((own_address(), port)), dir, command, child: None };
        program.restart();
        program
    }

    /// Starts it again, with what it kept.
    pub fn restart(&mut self) {
        let mut command = (self.command)(self.dir.path(), self.address);
        let log = File::create(self.dir.path().join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        self.child = Some(command.spawn().expect("setpriv starts"));

        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.as_mut().expect("started").try_wait().expect("our child");
            assert!(ended.is_none(), "it ended ({ended:?}): {}", self.log());
            assert!(begun.elapsed() < HANG, "it does not listen at {}: {}", self.address, self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A stopped process is killed too.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It keeps its connections, and answers nothing.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.child.as_ref().expect("it runs").id(), signal);
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address on loopback that no other server of these tests has.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + high % 100, low, number)
}

/// A program that ends with this test, however that goes.
fn program(path: &Path) -> Command {
    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(path).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

fn installed(name: &str) -> PathBuf {
    PathBuf::from(tool(name).get_program())
}

/// The token of [`consul_with_acls`] that may do everything.
pub const MASTER_TOKEN: &str = "5a0a4bd6-0000-4000-8000-000000000001";

const CONSUL_PORT: u16 = 28_500;

/// A server of Consul without ACLs.
pub fn consul() -> Program {
    Program::start(TempDir::new(), CONSUL_PORT, |dir, address| consul_command(dir, address, ""))
}

/// A server of Consul that denies everything by default.
pub fn consul_with_acls() -> Program {
    Program::start(TempDir::new(), CONSUL_PORT, |dir, address| {
        let acl = format!(
            "acl {{ enabled = true, default_policy = \"deny\", tokens {{ master = \"{MASTER_TOKEN}\", agent = \"{MASTER_TOKEN}\" }} }}"
        );
        consul_command(dir, address, &acl)
    })
}

fn consul_command(dir: &Path, address: SocketAddr, more: &str) -> Command {
    let (ip, dir) = (address.ip(), dir.display());
    let config = format!(
        "node_name = \"n1\"\ndata_dir = \"{dir}/data\"\nbind_addr = \"{ip}\"\nclient_addr = \"{ip}\"\nserver = true
bootstrap_expect = 1\ndisable_update_check = true\nleave_on_terminate = false\nlog_level = \"warn\"
node_meta {{ zone = \"a\" }}\naddresses {{ http = \"{ip} unix://{dir}/sock\" }}
ports {{ http = {http}, dns = {dns}, grpc = -1, https = -1, serf_lan = {serf}, serf_wan = -1, server = {rpc} }}
performance {{ raft_multiplier = 1 }}\n{more}\n",
        http = CONSUL_PORT,
        dns = CONSUL_PORT + 1,
        serf = CONSUL_PORT + 2,
        rpc = CONSUL_PORT + 3,
    );
    let file = PathBuf::from(format!("{dir}/config.hcl"));
    fs::write(&file, config).expect("the configuration is written");

    let mut command = program(&consul_path());
    command.args(["agent", "-config-file"]).arg(file);
    command
}

pub fn consul_path() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("tools");
    let path = tools.join("consul");
    assert!(path.is_file(), "consul is not installed: tests/support/get_consul {}", tools.display());
    path
}

/// A server of etcd.
pub fn etcd() -> Program {
    Program::start(TempDir::new(), 22_379, |dir, address| {
        let client = format!("http://{address}");
        let peer = format!("http://{}", SocketAddr::new(address.ip(), 22_380));
        let mut command = program(&installed("etcd"));
        command.arg("--data-dir").arg(dir.join("data"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"]);
        command
    })
}

/// A registry of portolan's own.
#[cfg(feature = "serve")]
pub fn portolan() -> Program {
    Program::start(TempDir::new(), 27_440, |dir, address| {
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_portolan")));
        // Nothing of it is reachable from elsewhere.
        command.arg("serve").arg("--data").arg(dir.join("registry.db")).args(["--listen", &address.to_string()]);
        command
    })
}

/// A registry of portolan's own that waits only for a second after the end of a lease.
#[cfg(feature = "serve")]
pub fn portolan_without_grace() -> Program {
    Program::start(TempDir::new(), 27_440, |dir, address| {
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_portolan")));
        command.arg("serve").arg("--data").arg(dir.join("registry.db")).args(["--listen", &address.to_string()]);
        command.env("PORTOLAN__REGISTRY__REGISTRATION__GRACE_PERIOD", "1");
        command
    })
}

/// A registry of portolan's own that speaks as Consul does.
#[cfg(feature = "serve")]
pub fn portolan_as_consul() -> Program {
    Program::start(TempDir::new(), CONSUL_PORT, |dir, address| {
        let rest = SocketAddr::new(address.ip(), 27_440).to_string();
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_portolan")));
        command.arg("serve").arg("--data").arg(dir.join("registry.db")).args(["--listen", &rest]);
        command.args(["--consul", &address.to_string(), "--node", "n1"]);
        command
    })
}

const DNS_PORT: u16 = 25_353;

/// A registry of portolan's own with DNS, at the same address and the port after that of REST.
#[cfg(feature = "serve")]
pub fn portolan_with_dns() -> Program {
    Program::start(TempDir::new(), 27_440, |dir, address| {
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_portolan")));
        command.arg("serve").arg("--data").arg(dir.join("registry.db")).args(["--listen", &address.to_string()]);
        command.args(["--dns", &dns_of(address).to_string()]);
        command
    })
}

/// Where a registry at this address serves DNS.
#[cfg(feature = "serve")]
pub fn dns_of(mut address: SocketAddr) -> SocketAddr {
    address.set_port(address.port() + 1);
    address
}

/// Knot DNS with the zone `test`, whose records the test writes.
pub fn knot() -> Program {
    let dir = TempDir::new();
    write_zone(dir.path(), "");

    Program::start(dir, DNS_PORT, |dir, address| {
        let (dir, ip) = (dir.display(), address.ip());
        let config = format!(
            "server:\n    listen: {ip}@{port}\n    rundir: {dir}\ndatabase:\n    storage: {dir}\nzone:\n  - domain: test\n    file: {dir}/zone
    zonefile-sync: -1\n    journal-content: none\nlog:\n  - target: stderr\n    any: info\n",
            port = address.port(),
        );
        let file = PathBuf::from(format!("{dir}/knot.conf"));
        fs::write(&file, config).expect("the configuration is written");
        let mut command = program(&installed("knotd"));
        command.arg("-c").arg(file);
        command
    })
}

/// Writes the zone `test` with these records, and a serial number above all before.
pub fn write_zone(dir: &Path, records: &str) {
    static SERIAL: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let zone = format!(
        "test. 0 SOA ns.test. root.test. {serial} 60 60 60 0\ntest. 0 NS ns.test.\nns.test. 0 A 127.0.0.9\n{records}"
    );
    fs::write(dir.join("zone"), zone).expect("the zone is written");
}
