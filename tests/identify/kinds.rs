//! Greetings and refusals that are known though they are not the usual ones.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::own::{Peers, identified, mute, run};

async fn says(mut stream: TcpStream, text: &'static [u8]) {
    let _ = stream.write_all(text).await;
    mute(stream).await;
}

#[test]
fn unusual_greetings_are_known() {
    let peers = Peers::new();
    let cases: [(&'static [u8], &str); 4] = [
        // RFC 4253, 4.2: lines before the version.
        (b"Authorized use only.\r\nSSH-2.0-OpenSSH_9.2p1\r\n", "ssh"),
        // RFC 5321, 3.1: a server that takes no mail, and one that is busy.
        (b"554 mail.test ESMTP not accepting messages\r\n", "smtp"),
        (b"421 mail.test ESMTP too many connections\r\n", "smtp"),
        (b"421-mail.test ESMTP\r\n421 try again later\r\n", "smtp"),
    ];
    for (greeting, protocol) in cases {
        let peer = peers.serve(move |stream| says(stream, greeting));
        let service = identified(&peer, &[]);
        assert_eq!(service["protocol"], protocol, "{}: {service}", String::from_utf8_lossy(greeting));
    }
}

#[test]
fn a_redis_that_loads_its_data_is_known() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut request = [0; 1024];
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            let _ = stream.write_all(b"-LOADING Redis is loading the dataset in memory\r\n").await;
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!((&service["protocol"], &service["facts"]["loading"]), (&"redis".into(), &true.into()), "{service}");
}

/// A server that greets, and replies to requests by how they begin; it ends the connection if it has no replies.
#[derive(Clone, Copy)]
struct Script {
    greeting: &'static [u8],
    replies: &'static [(&'static [u8], &'static [u8])],
    protocol: &'static str,
}

async fn play(mut stream: TcpStream, script: Script) {
    let _ = stream.write_all(script.greeting).await;
    let mut request = [0; 1024];
    while !script.replies.is_empty() {
        let Ok(length @ 1..) = stream.read(&mut request).await else { return };
        let reply = script.replies.iter().find(|(begin, _)| request[..length].starts_with(begin));
        let Some((_, reply)) = reply else { return };
        let _ = stream.write_all(reply).await;
    }
}

/// Identifies servers in one scan, and compares each with its script.
fn compare(address: &str, servers: &[(u16, Script)]) {
    let ports: Vec<String> = servers.iter().map(|(port, _)| port.to_string()).collect();
    let output = run(&["scan", address, "-p", &ports.join(","), "--identify", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let endpoints: Vec<&Value> =
        document["items"].as_array().unwrap().iter().map(|item| &item["endpoints"][0]).collect();

    for (port, script) in servers {
        let endpoint = endpoints.iter().find(|endpoint| endpoint["port"] == *port);
        let protocol = endpoint.map(|endpoint| endpoint["service"]["protocol"].clone());
        let greeting = String::from_utf8_lossy(script.greeting);
        assert_eq!(protocol, Some(script.protocol.into()), "{greeting:?} at {port}: {document}");
    }
}

/// Greetings that say nothing, which the reply to a request of their protocol explains, and errors in place of a greeting.
#[test]
fn servers_on_any_port_are_known_by_what_they_reply() {
    let peers = Peers::new();
    let says = |greeting, protocol| Script { greeting, replies: &[], protocol };
    let scripts = [
        Script {
            greeting: b"220 mx1.example.org ready\r\n",
            replies: &[(b"EHLO", b"250 mx1.example.org\r\n"), (b"QUIT", b"221 bye\r\n"), (b"", b"500 5.5.1 what\r\n")],
            protocol: "smtp",
        },
        Script {
            greeting: b"220 swiftpost.example.org ready\r\n",
            replies: &[(b"EHLO", b"250 ok\r\n"), (b"", b"500 what\r\n")],
            protocol: "smtp",
        },
        Script {
            greeting: b"220 Welcome.\r\n",
            replies: &[(b"FEAT", b"211-Features:\r\n UTF8\r\n211 End\r\n"), (b"", b"500 what\r\n")],
            protocol: "ftp",
        },
        Script {
            greeting: b"220 Welcome to the archive\r\n",
            replies: &[(b"QUIT", b"221 Goodbye.\r\n"), (b"", b"530 Please login with USER and PASS.\r\n")],
            protocol: "ftp",
        },
        Script {
            greeting: b"220 foo Dovecot ready.\r\n",
            replies: &[(b"LHLO", b"250 ok\r\n"), (b"", b"500 5.5.1 Unknown command\r\n")],
            protocol: "lmtp",
        },
        Script {
            greeting: b"201 a.example.org ready (no posts)\r\n",
            replies: &[(b"CAPA", b"101 Capability list:\r\nVERSION 2\r\nREADER\r\n.\r\n"), (b"", b"500 what\r\n")],
            protocol: "nntp",
        },
        says(b"550 5.7.1 Client host blocked using zen\r\n", "smtp"),
        says(b"421 unable to read controls (#4.3.0)\r\n", "smtp"),
        says(b"500 OOPS: vsftpd: refusing to run with writable root inside chroot()\r\n", "ftp"),
        says(b"421 4.3.2 foo LMTP Too many connections\r\n", "lmtp"),
        says(b"* ok imap4rev1 ready\r\n", "imap"),
        says(b"* BAD internal server error\r\n", "imap"),
        says(b"-ERR too many connections\r\n", "pop3"),
        says(b"-ERR 'Authorization Violation'\r\n", "nats"),
        says(b":irc.example.net 020 * :Please wait while we process your connection.\r\n", "irc"),
        says(b"@ERROR: max connections (5) reached -- try again later\n", "rsync"),
        says(b"( failure ( ( 170001 22:Authorization failed. 0: 0 ) ) ) ", "svn"),
        says(b"BYE \"Too many connections\"\r\n", "sieve"),
        says(b"502 You have no permission to talk. Goodbye.\r\n", "nntp"),
    ];

    let running = scripts.map(|script| (peers.serve(move |stream| play(stream, script)), script));
    let servers: Vec<(u16, Script)> = running.iter().map(|(peer, script)| (peer.address.port(), *script)).collect();
    compare("127.0.0.1", &servers);
}

/// What several protocols may send is an error of the protocol that the port suggests, and that was asked there.
#[test]
fn an_error_on_the_usual_port_is_of_its_protocol() {
    let peers = Peers::new();
    let says = |port, greeting, protocol| (port, Script { greeting, replies: &[], protocol });
    let servers = [
        says(25, b"550 Go away\r\n", "smtp"),
        says(21, b"421 Service not available, closing control connection\r\n", "ftp"),
        says(110, b"-ERR unknown command\r\n", "pop3"),
        says(4222, b"-ERR 'Authorization Violation'\r\n", "nats"),
        (
            5432,
            Script {
                greeting: b"",
                replies: &[(b"", b"Ecould not fork new process for connection: Cannot allocate memory\n\0")],
                protocol: "postgresql",
            },
        ),
        (6379, Script { greeting: b"", replies: &[(b"PING", b"+PONG\r\n")], protocol: "redis" }),
        (1883, Script { greeting: b"", replies: &[(b"\x10", b"\x20\x03\x00\x84\x00")], protocol: "mqtt" }),
    ];

    let address = std::net::Ipv4Addr::new(127, 3, 0, 33);
    let running =
        servers.map(|(port, script)| peers.serve_at((address, port).into(), move |stream| play(stream, script)));
    compare("127.3.0.33", &servers);
    drop(running);
}

/// A reply to the datagram of one protocol; silence to any other.
fn replies(port: u16, datagram: &[u8]) -> Option<Vec<u8>> {
    match port {
        // RFC 3948, 2.2: four zeros before the message, and RFC 7296, 2.5: the reply to a version that is too high.
        4500 => {
            let cookie = datagram.strip_prefix(&[0; 4])?.get(..8)?;
            let rest = b"\0\0\0\0\0\0\0\0\x29\x20\x22\x20\0\0\0\0\0\0\0\x24\0\0\0\x08\0\0\0\x05";
            Some([&[0; 4], cookie, rest].concat())
        }
        // RFC 6886, 3.2.
        5351 => (datagram == [0, 0]).then(|| b"\0\x80\0\0\0\0\x10\0\xc0\0\x02\x01".to_vec()),
        27015 => {
            datagram.starts_with(b"\xff\xff\xff\xffTSource").then(|| b"\xff\xff\xff\xffA\x01\x02\x03\x04".to_vec())
        }
        64738 => {
            let numbers = b"\0\0\0\x01\0\0\0\x64\0\x01\x19\x40";
            Some([b"\0\x01\x05\0", datagram.get(4..12)?, numbers].concat())
        }
        _ => None,
    }
}

#[test]
fn datagrams_are_those_of_their_ports() {
    let servers = [(4500, "ike"), (5351, "nat-pmp"), (27015, "a2s"), (64738, "mumble")];
    let address = std::net::Ipv4Addr::new(127, 3, 0, 34);
    for (port, _) in servers {
        let socket = std::net::UdpSocket::bind((address, port)).unwrap();
        // The thread ends with the test program.
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                if let Some(reply) = replies(port, &datagram[..length]) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
    }

    let ports: Vec<String> = servers.iter().map(|(port, _)| port.to_string()).collect();
    let output = run(&["scan", "127.3.0.34", "--udp", "-p", &ports.join(","), "--identify", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let found: Vec<(u64, &str)> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["endpoints"][0])
        .map(|endpoint| (endpoint["port"].as_u64().unwrap(), endpoint["service"]["protocol"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(found, servers.map(|(port, protocol)| (u64::from(port), protocol)), "{document}");
}
