//! Real servers of protocols that are known at their usual ports, all in one network namespace.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::support::{HANG, Isolation, Scene, needs_root};

/// A server: the package it is from, where it listens, what it is, and how it is started in its folder `$D`.
struct Service {
    package: &'static str,
    port: &'static str,
    protocol: &'static str,
    product: Option<&'static str>,
    script: &'static str,
}

const fn service(
    package: &'static str,
    port: &'static str,
    protocol: &'static str,
    product: Option<&'static str>,
    script: &'static str,
) -> Service {
    Service { package, port, protocol, product, script }
}

/// HTTP/2 without TLS is at an odd port, and so is SMB 1, which is known at its own.
const SERVICES: &[Service] = &[
    service("rsync", "T:873", "rsync", None, "touch c; exec rsync --daemon --no-detach --address=127.0.0.1 --config=c"),
    service("rpcbind", "T:111", "rpcbind", None, "mkdir -p /run/rpcbind; exec rpcbind -f"),
    service("rpcbind", "U:111", "rpcbind", None, "exec sleep 600"),
    service(
        "memcached",
        "U:11211",
        "memcached",
        Some("memcached"),
        "exec memcached -l 127.0.0.1 -p 0 -U 11211 -u memcache",
    ),
    service(
        "coturn",
        "U:3478",
        "stun",
        Some("Coturn"),
        "exec turnserver -n -L 127.0.0.1 -p 3478 --no-tls --no-dtls --no-cli --no-auth --log-file=stdout --pidfile=$D/pid",
    ),
    service(
        "tigervnc-standalone-server",
        "T:6001",
        "x11",
        Some("The X.Org Foundation"),
        "exec Xtigervnc :1 -listen tcp -nolisten unix -rfbport -1 -rfbunixpath $D/vnc -SecurityTypes None -geometry 64x64 -ac -nolock",
    ),
    service("microsocks", "T:1080", "socks", None, "exec microsocks -i 127.0.0.1 -p 1080"),
    service(
        "prosody",
        "T:5222",
        "xmpp",
        None,
        "mkdir data; echo \"interfaces = { '127.0.0.1' }; c2s_ports = { 5222 }; modules_disabled = { 's2s' }
run_as_root = true; data_path = '$D/data'; pidfile = '$D/pid'; log = { info = '*console' }
VirtualHost 'localhost'\" >c.lua; exec prosody --config $D/c.lua -F",
    ),
    service(
        "ngircd",
        "T:6667",
        "irc",
        None,
        "printf '[Global]\\nName = irc.test.local\\nListen = 127.0.0.1\\nPorts = 6667\\n[Options]\\nIdent = no\\nPAM = no\\nDNS = no\\n' >c; exec ngircd -n -f $D/c",
    ),
    service(
        "python3-pymodbus",
        "T:502",
        "modbus",
        Some("Wharf Crane"),
        "exec /usr/bin/python3 -c \"from pymodbus.datastore import ModbusServerContext as C, ModbusSlaveContext as S
from pymodbus.device import ModbusDeviceIdentification as I
from pymodbus.server import StartTcpServer
StartTcpServer(context=C(slaves=S(), single=True), identity=I(info={0: 'Wharf', 1: 'Crane', 2: '2.1'}), address=('127.0.0.1', 502))\"",
    ),
    service(
        "dnsmasq-base",
        "U:69",
        "tftp",
        None,
        "exec dnsmasq -k -C /dev/null -p 0 -a 127.0.0.1 -z -h -R -u root --pid-file= --enable-tftp --tftp-root=$D",
    ),
    service("inetutils-inetd", "U:7", "echo", None, INETD),
    service("inetutils-inetd", "U:13", "daytime", None, "exec sleep 600"),
    service("inetutils-inetd", "U:19", "chargen", None, "exec sleep 600"),
    service("inetutils-inetd", "U:37", "time", None, "exec sleep 600"),
    service(
        "chrony",
        "U:323",
        "chrony",
        Some("chrony"),
        "mkdir -p /run/chrony; printf 'port 0\\ncmdport 323\\nbindcmdaddress 127.0.0.1\\nbindcmdaddress /\\npidfile %s/pid\\n' $D >c
exec chronyd -x -d -U -u root -f $D/c",
    ),
    service(
        "consul",
        "U:8301",
        "memberlist",
        None,
        "exec $TOOLS/consul agent -dev -node n1 -bind 127.0.0.1 -client 127.0.0.1 -hcl 'disable_update_check = true'",
    ),
    service("subversion", "T:3690", "svn", None, "exec svnserve -d --foreground --listen-host 127.0.0.1 -r $D"),
    service("git", "T:9418", "git", None, "exec git daemon --listen=127.0.0.1 --base-path=$D"),
    service("dovecot-managesieved", "T:4190", "sieve", Some("Dovecot (Debian) Pigeonhole"), DOVECOT),
    service("dovecot-lmtpd", "T:24", "lmtp", Some("Dovecot"), "exec sleep 600"),
    service("nghttp2-server", "T:28085", "http", None, "exec nghttpd --no-tls -a 127.0.0.1 -d $D 28085"),
    service(
        "samba",
        "T:445",
        "smb",
        None,
        "mkdir p l s c; echo \"[global]
bind interfaces only = yes
interfaces = 127.0.0.1/8
private dir = $D/p
lock directory = $D/l
state directory = $D/s
cache directory = $D/c
pid directory = $D
ncalrpc dir = $D/n
log file = $D/samba.log
disable spoolss = yes
load printers = no
printing = bsd
server min protocol = NT1
server max protocol = NT1\" >smb.conf; exec smbd -F --no-process-group -s smb.conf -p 445",
    ),
];

/// The small services that it has built in.
const INETD: &str =
    "for name in echo daytime chargen time; do echo \"127.0.0.1:$name dgram udp wait root internal\"; done >c
exec inetutils-inetd -d $D/c";

/// Both of Dovecot's.
const DOVECOT: &str = "echo \"protocols = sieve lmtp
base_dir = $D/run
state_dir = $D/state
log_path = /dev/stderr
listen = 127.0.0.1
ssl = no
mail_location = maildir:$D/mail
passdb {
  driver = static
  args = password=secret
}
service managesieve-login {
  inet_listener sieve {
    port = 4190
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
}\" >c; exec dovecot -F -c $D/c";

fn port(service: &Service) -> u64 {
    service.port[2..].parse().expect("a port")
}

fn transport(service: &Service) -> &'static str {
    if service.port.starts_with('U') { "udp" } else { "tcp" }
}

/// They end with their namespace of processes; this spares the wait for their farewells.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(scene: &Scene) -> Running {
    // tests/support/get_consul puts it there.
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let start = |(number, service): (usize, &Service)| {
        let dir = scene.dir().join(number.to_string());
        fs::create_dir(&dir).expect("a folder for the server");
        let log = fs::File::create(dir.join("log")).expect("a log");
        let mut command = scene.command("sh");
        command.args(["-e", "-c", &format!("cd $D; {}", service.script)]).env("D", &dir).env("TOOLS", &tools);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        command.spawn().expect("a shell")
    };
    Running(SERVICES.iter().enumerate().map(start).collect())
}

/// What a scan says of each, once all of them are open.
fn identified(scene: &Scene) -> Vec<Value> {
    let ports: Vec<&str> = SERVICES.iter().map(|service| service.port).collect();
    let begin = Instant::now();
    loop {
        let open = scene.scan().args("127.0.0.1 --json -p").arg(&ports.join(",")).run();
        let open = open.document()["items"].as_array().expect("items").clone();
        if open.len() == SERVICES.len() {
            break;
        }
        let missing = || {
            let absent = |service: &Service| !open.iter().any(|item| item["endpoints"][0]["port"] == port(service));
            let log = |number: usize| fs::read_to_string(scene.dir().join(number.to_string()).join("log"));
            let silent = SERVICES.iter().enumerate().filter(|(_, service)| absent(service));
            silent.map(|(number, service)| format!("{}: {:?}", service.package, log(number))).collect::<Vec<_>>()
        };
        assert!(begin.elapsed() < HANG, "not open (apt-get install them, or run tests/run): {:#?}", missing());
    }

    let found = scene.scan().args("127.0.0.1 --identify --json -p").arg(&ports.join(",")).run();
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    found.document()["items"].as_array().expect("items").clone()
}

#[test]
fn these_are_named_too() {
    needs_root("servers change to users of their own");
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    scene.sh("mount -t tmpfs none /run; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; ip link set lo up");
    let _running = start(&scene);
    let items = identified(&scene);

    let mut wrong = Vec::new();
    for service in SERVICES {
        let is_its =
            |endpoint: &Value| endpoint["port"] == port(service) && endpoint["transport"] == transport(service);
        let endpoint = items.iter().map(|item| &item["endpoints"][0]).find(|endpoint| is_its(endpoint));
        let said = &endpoint.expect("it is open")["service"];
        let product = service.product.is_none_or(|product| said["product"] == product);
        if said["protocol"] != service.protocol || !product {
            wrong.push(format!("{} {}: {said}", service.package, service.port));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let service = |port: u64| {
        let item = items.iter().find(|item| item["endpoints"][0]["port"] == port);
        item.expect("it is open")["endpoints"][0]["service"].clone()
    };
    assert_eq!(service(445)["facts"]["dialect"], "1.0", "SMB 1 alone");
    assert_eq!(service(28085)["facts"]["http_version"], "2", "HTTP/2 without TLS");
}
