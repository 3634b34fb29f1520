//! Real servers from Debian's packages, in a scene of their own: whatever ports they open, nothing else is there, and all
//! their processes end with the scene.
//!
//! `servers/NAME.sh` starts one in the foreground; it gets its folder D, which has a certificate, its address A, its port
//! P, and its KIND where one script starts several.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::HANG;
use super::process::{output, tool};
use super::scene::{Isolation, Scene, needs_root};

/// A kind of server, and the truth about what speaks there.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// The script that starts it.
    script: &'static str,
    /// The package whose version it has.
    package: &'static str,
    pub transport: &'static str,
    /// The port it usually has.
    pub port: u16,
    pub protocol: &'static str,
    /// The product it names, if it does.
    pub product: Option<&'static str>,
    /// Whether it reveals its version without a login.
    pub tells_version: bool,
    /// Whether it speaks TLS, at once or when asked to.
    pub tls: bool,
}

impl Kind {
    /// The kind of that name, where the usual port of another is its own.
    pub fn at_port_of(name: &str, other: &str) -> &'static Self {
        let find = |name: &str| KINDS.iter().find(|kind| kind.name == name).unwrap_or_else(|| panic!("no kind {name}"));
        Box::leak(Box::new(Self { port: find(other).port, ..*find(name) }))
    }
}

/// A row of the table: `name script package transport/port protocol product`, `+` where the version is revealed, `tls`.
macro_rules! kinds {
    ($($name:literal $script:literal $package:literal $transport:ident/$port:literal $protocol:literal $product:expr, $version:literal $tls:literal;)*) => {
        &[$(Kind {
            name: $name,
            script: $script,
            package: $package,
            transport: stringify!($transport),
            port: $port,
            protocol: $protocol,
            product: $product,
            tells_version: $version,
            tls: $tls,
        }),*]
    };
}

/// All of them. Columns: name, script, package, usual port, protocol, product; whether it tells its version, and speaks TLS.
#[rustfmt::skip]
pub const KINDS: &[Kind] = kinds! {
    "bind" "bind" "bind9" tcp/53 "dns" Some("BIND"), true false;
    "bind-udp" "bind" "bind9" udp/53 "dns" Some("BIND"), true false;
    "chrony" "chrony" "chrony" udp/123 "ntp" None, false false;
    "cups" "cups" "cups-daemon" tcp/631 "http" Some("CUPS"), true false;
    "dnsmasq" "dnsmasq" "dnsmasq-base" tcp/53 "dns" Some("dnsmasq"), true false;
    "etcd" "etcd" "etcd-server" tcp/2379 "etcd" Some("etcd"), true false;
    "haproxy" "haproxy" "haproxy" tcp/8080 "http" None, false false;
    "imap" "dovecot" "dovecot-imapd" tcp/143 "imap" Some("Dovecot"), false true;
    "imaps" "dovecot" "dovecot-imapd" tcp/993 "imap" Some("Dovecot"), false true;
    "kamailio" "kamailio" "kamailio" tcp/5060 "sip" Some("kamailio"), true false;
    "knot" "knot" "knot" tcp/53 "dns" Some("Knot DNS"), true false;
    "mariadb" "mariadb" "mariadb-server-core" tcp/3306 "mysql" Some("MariaDB"), true true;
    "memcached" "memcached" "memcached" tcp/11211 "memcached" Some("memcached"), true false;
    "mosquitto" "mosquitto" "mosquitto" tcp/1883 "mqtt" Some("mosquitto"), true false;
    "mosquitto-tls" "mosquitto" "mosquitto" tcp/8883 "mqtt" Some("mosquitto"), true true;
    "nats" "nats" "nats-server" tcp/4222 "nats" Some("nats-server"), true false;
    "nginx" "nginx" "nginx-light" tcp/80 "http" Some("nginx"), true false;
    "nginx-tls" "nginx" "nginx-light" tcp/443 "http" Some("nginx"), true true;
    "node-exporter" "node-exporter" "prometheus-node-exporter" tcp/9100 "prometheus-exporter" Some("node_exporter"), true false;
    "pop3" "dovecot" "dovecot-pop3d" tcp/110 "pop3" Some("Dovecot"), false true;
    "pop3s" "dovecot" "dovecot-pop3d" tcp/995 "pop3" Some("Dovecot"), false true;
    "postfix" "postfix" "postfix" tcp/25 "smtp" Some("Postfix"), true true;
    "postgresql" "postgresql" "postgresql-15" tcp/5432 "postgresql" Some("PostgreSQL"), false true;
    "prometheus" "prometheus" "prometheus" tcp/9090 "prometheus" Some("Prometheus"), true false;
    "rabbitmq" "rabbitmq" "rabbitmq-server" tcp/5672 "amqp" Some("RabbitMQ"), true false;
    "redis" "redis" "redis-server" tcp/6379 "redis" Some("Redis"), true false;
    "redis-password" "redis" "redis-server" tcp/6379 "redis" None, false false;
    "redis-tls" "redis" "redis-server" tcp/6380 "redis" Some("Redis"), true true;
    "samba" "samba" "samba" tcp/445 "smb" None, false false;
    "slapd" "slapd" "slapd" tcp/389 "ldap" Some("OpenLDAP"), false true;
    "snmpd" "snmpd" "snmpd" udp/161 "snmp" Some("Net-SNMP"), false false;
    "ssh" "ssh" "openssh-server" tcp/22 "ssh" Some("OpenSSH"), true false;
    "telnetd" "telnetd" "inetutils-telnetd" tcp/23 "telnet" None, false false;
    "unbound" "unbound" "unbound" tcp/53 "dns" Some("unbound"), true false;
    "vnc" "vnc" "tigervnc-standalone-server" tcp/5900 "vnc" None, false false;
    "vsftpd" "vsftpd" "vsftpd" tcp/21 "ftp" Some("vsFTPd"), true true;
    "xrdp" "xrdp" "xrdp" tcp/3389 "rdp" None, false true;
    "zookeeper" "zookeeper" "zookeeper" tcp/2181 "zookeeper" Some("ZooKeeper"), true false;
};

/// A server that runs.
pub struct Server {
    pub kind: &'static Kind,
    pub address: SocketAddr,
    /// The version upstream gave it, as its package says: `7.0.15` of `5:7.0.15-1~deb12u6`.
    pub version: String,
    child: Child,
}

/// Servers that run in one scene.
pub struct Servers {
    pub all: Vec<Server>,
    scene: Scene,
}

impl Servers {
    /// Starts all of these kinds at once, each at an address of its own and its usual port plus `shift`, and returns
    /// when all of them listen.
    pub fn start(kinds: impl IntoIterator<Item = &'static Kind>, shift: u16) -> Self {
        needs_root("servers change to users of their own");
        let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
        // Files of their own in /run, and low ports for those that give up being root first.
        scene.sh("mount -t tmpfs none /run; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start");
        let key = rcgen::generate_simple_self_signed(["test.local".to_owned()]).expect("a certificate");
        let pem = (key.cert.pem(), key.signing_key.serialize_pem());
        let start = |(number, kind): (usize, &'static Kind)| {
            let octet = u8::try_from(number + 1).expect("fewer than 255 kinds");
            let address = SocketAddr::from((Ipv4Addr::new(127, 1, 0, octet), kind.port + shift));
            let dir = scene.dir().join(kind.name);
            fs::create_dir(&dir).expect("a folder for the server");
            fs::write(dir.join("cert.pem"), &pem.0).expect("the certificate is written");
            fs::write(dir.join("key.pem"), &pem.1).expect("the key is written");
            let child = spawn(&scene, kind, address, &dir);
            Server { kind, address, version: upstream(kind.package), child }
        };
        let all: Vec<Server> = kinds.into_iter().enumerate().map(start).collect();
        let mut servers = Self { all, scene };
        servers.wait();
        servers
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> &Server {
        self.all.iter().find(|server| server.kind.name == name).unwrap_or_else(|| panic!("no {name} was started"))
    }

    /// The network namespace that they run in.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Waits until all of them listen, without connecting: the kernel lists their sockets.
    fn wait(&mut self) {
        let begin = Instant::now();
        loop {
            let listening = listening(self.scene.pid());
            let missing = |server: &&mut Server| !listening.contains(&key(server.kind.transport, server.address));
            let missing: Vec<&mut Server> = self.all.iter_mut().filter(missing).collect();
            if missing.is_empty() {
                return;
            }
            for server in missing {
                let (name, log) = (server.kind.name, self.scene.dir().join(server.kind.name).join("log"));
                let said = || fs::read_to_string(&log).unwrap_or_default();
                let ended = server.child.try_wait().expect("it is our child");
                assert!(ended.is_none(), "{name} ended ({ended:?}): {}", said());
                assert!(begin.elapsed() < HANG, "{name} does not listen at {}: {}", server.address, said());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its process group of namespaces ends with the scene; this only keeps it from waiting for servers to say goodbye.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(scene: &Scene, kind: &Kind, address: SocketAddr, dir: &Path) -> Child {
    // Some bind only to what an interface has.
    scene.sh(&format!("ip address add {}/8 dev lo", address.ip()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/servers").join(kind.script);
    let mut command = scene.command("sh");
    command.arg("-e").arg(script.with_extension("sh")).current_dir(dir);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
        .env("D", dir)
        .env("A", address.ip().to_string())
        .env("P", address.port().to_string())
        .env("KIND", kind.name);
    let log = File::create(dir.join("log")).expect("a log");
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    command.spawn().expect("nsenter starts")
}

/// The version that upstream gave to what is in a package.
fn upstream(package: &str) -> String {
    let said = output(tool("dpkg-query").args(["-W", "-f", "${Version}", package]));
    assert!(said.status.success(), "{package} is not installed: apt-get install {package}, or run tests/run");
    let version = String::from_utf8(said.stdout).expect("UTF-8");
    let version = version.split_once(':').map_or(version.as_str(), |(_, version)| version);
    version.split(['-', '+', '~']).next().expect("a version").to_owned()
}

/// What `/proc/net` shows of a socket that listens: its transport, and the end of its address.
fn key(transport: &str, address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("servers have addresses of IPv4") };
    format!("{transport} {:08X}:{:04X}", u32::from(*address.ip()).swap_bytes(), address.port())
}

/// Everything that listens in the network namespace of a process.
fn listening(pid: u32) -> Vec<String> {
    let mut found = Vec::new();
    for (transport, file, state) in
        [("tcp", "tcp", "0A"), ("tcp", "tcp6", "0A"), ("udp", "udp", "07"), ("udp", "udp6", "07")]
    {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // An IPv4 address that an IPv6 socket listens at ends like one of IPv4.
            if fields[3] == state && fields[1].len() >= 13 {
                found.push(format!("{transport} {}", &fields[1][fields[1].len() - 13..]));
            }
        }
    }
    found
}
