//! Servers that greet after seconds, and ports that never do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cases::{Case, Contender};
use crate::support::{Scene, portolan_path, tool};

pub const CASE: Case =
    Case { letter: 'S', about: "40 servers that greet after 2 to 5 s, and 40 silent ports", shift: 0, goal: 1.0 / 3.0 };

/// A server that speaks first.
#[derive(Clone, Copy)]
struct Greeter {
    port: u16,
    protocol: &'static str,
    greeting: &'static [u8],
    /// To whatever is sent afterwards.
    reply: &'static [u8],
    /// Whether it turns away those that send something before the greeting.
    is_strict: bool,
}

const fn greeter(port: u16, protocol: &'static str, greeting: &'static [u8], reply: &'static [u8]) -> Greeter {
    Greeter { port, protocol, greeting, reply, is_strict: false }
}

const GREETERS: [Greeter; 10] = [
    Greeter {
        is_strict: true,
        ..greeter(25, "smtp", b"220 mx.test ESMTP Sendmail 8.17.1; x\r\n", b"500 5.5.1 what?\r\n")
    },
    Greeter {
        is_strict: true,
        ..greeter(2525, "smtp", b"220 mx.test ESMTP Postfix (Debian)\r\n", b"502 5.5.2 what?\r\n")
    },
    greeter(21, "ftp", b"220 (vsFTPd 3.0.3)\r\n", b"530 Please login with USER and PASS.\r\n"),
    greeter(22, "ssh", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b""),
    greeter(110, "pop3", b"+OK Dovecot (Debian) ready.\r\n", b"-ERR Unknown command.\r\n"),
    greeter(143, "imap", b"* OK [CAPABILITY IMAP4rev1 IDLE] Dovecot (Debian) ready.\r\n", b"* BAD what?\r\n"),
    greeter(119, "nntp", b"200 news.test InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n", b"500 What?\r\n"),
    greeter(5900, "vnc", b"RFB 003.008\n", b""),
    greeter(
        4190,
        "sieve",
        b"\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\nOK \"ready\"\r\n",
        b"NO \"what?\"\r\n",
    ),
    greeter(2222, "ssh", b"SSH-2.0-dropbear_2022.83\r\n", b""),
];
/// Four addresses, whose servers wait for 2, 3, 4 and 5 seconds.
const TARGETS: &str = "127.9.1.1-4";
const SILENT_PORTS: std::ops::RangeInclusive<u16> = 30_001..=30_010;

/// These servers in a network namespace of their own.
pub struct Stage {
    scene: Scene,
    /// The protocol at each address; `None` at a silent port.
    truth: BTreeMap<String, Option<&'static str>>,
}

impl Stage {
    pub fn new() -> Self {
        let scene = Scene::new();
        let namespace = File::open(format!("/proc/{}/ns/net", scene.pid())).expect("the scene lives");
        let entered = thread::spawn(move || {
            let inside = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
            inside.expect("this bench needs root: it enters a network namespace");
            listen()
        });
        Self { scene, truth: entered.join().expect("they listen") }
    }

    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Stops unless portolan identifies every greeter, and nothing at the silent ports.
    pub fn check(&self) -> String {
        let listing = self.scene.scan().args("--identify -p").arg(&ports()).arg(TARGETS).list();
        let protocol = |endpoint: &serde_json::Value| endpoint["service"]["protocol"].as_str().map(str::to_owned);
        let found: BTreeMap<String, Option<String>> = listing
            .rows
            .iter()
            .map(|row| &row.0["endpoints"][0])
            .map(|endpoint| {
                (format!("{}:{}", endpoint["address"].as_str().unwrap_or("-"), endpoint["port"]), protocol(endpoint))
            })
            .collect();
        let truth: BTreeMap<String, Option<String>> =
            self.truth.iter().map(|(place, protocol)| (place.clone(), protocol.map(str::to_owned))).collect();
        assert_eq!(found, truth, "portolan's answer is not right");
        format!("{} ports, each with its protocol or none", truth.len())
    }

    pub fn commands() -> Vec<Contender> {
        let portolan = portolan_path().to_str().expect("a path in UTF-8").to_owned();
        let nmap = tool("nmap").get_program().to_str().expect("a path in UTF-8").to_owned();
        let command = |name: &str, program: String, args: &str| Contender {
            name: name.to_owned(),
            argv: [program]
                .into_iter()
                .chain(args.split(' ').chain(["-p", &ports(), TARGETS]).map(str::to_owned))
                .collect(),
        };
        vec![
            command("portolan scan --identify", portolan, "scan -q --identify"),
            command("nmap -sT -sV", nmap, "-n -Pn -sT -sV -T4"),
        ]
    }
}

fn ports() -> String {
    let ports = GREETERS.iter().map(|greeter| greeter.port).chain(SILENT_PORTS);
    ports.map(|port| port.to_string()).collect::<Vec<_>>().join(",")
}

/// Opens all of them in the namespace of this thread; theirs end with this program.
fn listen() -> BTreeMap<String, Option<&'static str>> {
    let mut truth = BTreeMap::new();
    for host in 1..=4_u8 {
        let address = Ipv4Addr::new(127, 9, 1, host);
        for greeter in GREETERS {
            let pause = Duration::from_secs(u64::from(host) + 1);
            serve(address, greeter.port, move |stream| converse(stream, greeter, pause));
            truth.insert(format!("{address}:{}", greeter.port), Some(greeter.protocol));
        }
        for port in SILENT_PORTS {
            serve(address, port, |mut stream| until_the_end(&mut stream, b""));
            truth.insert(format!("{address}:{port}"), None);
        }
    }
    truth
}

fn serve(address: Ipv4Addr, port: u16, each: impl Fn(TcpStream) + Clone + Send + 'static) {
    let listener = TcpListener::bind((address, port)).expect("the address is free");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
}

fn converse(mut stream: TcpStream, greeter: Greeter, pause: Duration) {
    if greeter.is_strict {
        let _ = stream.set_read_timeout(Some(pause));
        match stream.read(&mut [0; 1024]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(1..) => {
                let _ = stream.write_all(b"554 5.5.1 You talk too soon\r\n");
                return;
            }
            _ => return,
        }
        let _ = stream.set_read_timeout(None);
    } else {
        thread::sleep(pause);
    }

    if stream.write_all(greeter.greeting).is_ok() {
        until_the_end(&mut stream, greeter.reply);
    }
}

/// Replies the same to whatever is sent, or nothing, until the other end closes.
fn until_the_end(stream: &mut TcpStream, reply: &[u8]) {
    let mut bytes = [0; 4096];
    while matches!(stream.read(&mut bytes), Ok(1..)) && stream.write_all(reply).is_ok() {}
}
