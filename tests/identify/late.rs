//! Servers that greet late, that send back what they receive, or whose greeting has a clock.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::own::{Peer, Peers, identified, mute, run};
use crate::support::TempDir;

/// Greets after a pause, and turns away clients that send something before.
async fn strict(mut stream: TcpStream, pause: Duration, greeting: &'static [u8], early: Arc<AtomicUsize>) {
    let mut byte = [0; 1024];
    if let Ok(read) = tokio::time::timeout(pause, stream.read(&mut byte)).await {
        if read.is_ok_and(|read| read > 0) {
            early.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"554 not accepting messages\r\n").await;
        }
        return;
    }

    let _ = stream.write_all(greeting).await;
    while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
        let _ = stream.write_all(b"500 5.5.1 what?\r\n").await;
    }
}

/// Such a server, and how many of its clients were too early.
fn greeter(peers: &Peers, pause: u64, greeting: &'static [u8]) -> (Peer, Arc<AtomicUsize>) {
    let early = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&early);
    let peer = peers.serve(move |stream| strict(stream, Duration::from_millis(pause), greeting, Arc::clone(&count)));
    (peer, early)
}

/// Sendmail's `greet_pause`: with --intensity all portolan waits first, so that one connection is enough.
#[test]
fn a_server_that_greets_late_is_awaited_before_anything_is_sent() {
    let peers = Peers::new();
    let (peer, early) = greeter(&peers, 2000, b"220 mx.test ESMTP Sendmail 8.17.1; x\r\n");
    let service = identified(&peer, &["--intensity", "all"]);
    assert_eq!((&service["protocol"], &service["product"]), (&"smtp".into(), &"Sendmail".into()), "{service}");
    // Two connections by the scan itself, if the port is one that the kernel gives to clients.
    assert!(peer.accepted() <= 3 && early.load(Ordering::SeqCst) == 0, "{} connections", peer.accepted());
}

/// Other ports get an HTTP request soon, and a second connection that stays silent.
#[test]
fn a_late_greeting_is_recognised_though_others_turn_away_who_is_early() {
    let peers = Peers::new();
    let (ftp, _) = greeter(&peers, 3000, b"220 (vsFTPd 3.0.3)\r\n");
    let (slow, _) = greeter(&peers, 3500, b"SSH-2.0-OpenSSH_9.2p1\r\n");
    assert_eq!(identified(&ftp, &[])["protocol"], "ftp");
    assert_eq!(identified(&slow, &[])["version"], "9.2p1");
    let short = identified(&slow, &["--identify-timeout", "1s"]);
    assert!(short["protocol"].is_null(), "{short}");
}

#[test]
fn a_server_that_sends_back_what_it_receives_is_an_echo() {
    let peers = Peers::new();
    let echo = |mut stream: TcpStream| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    };
    // At a port that suggests nothing, and at ports whose protocols have a request of their own.
    let places = [([127, 0, 0, 1], 0), ([127, 3, 0, 9], 445), ([127, 3, 0, 9], 443), ([127, 3, 0, 9], 389)];
    for at in places {
        let peer = peers.serve_at(at.into(), echo);
        assert_eq!(identified(&peer, &[])["protocol"], "echo", "{at:?}");
    }
}

/// Every datagram that portolan sends, whatever its protocol, is no proof when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_udp_port_that_sends_back_what_it_receives_is_an_echo() {
    let mut addresses = Vec::new();
    for port in [28007, 53, 123, 161, 443, 5060] {
        let socket = UdpSocket::bind(("127.3.0.8", port)).await.unwrap();
        addresses.push(port.to_string());
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let _ = socket.send_to(&buffer[..length], from).await;
            }
        });
    }
    let ports = format!("U:{}", addresses.join(","));
    let arguments = ["scan", "127.3.0.8", "-p", &ports, "--identify", "--json"].map(str::to_owned);
    let output = tokio::task::spawn_blocking(move || run(&arguments.each_ref().map(String::as_str))).await.unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), addresses.len());
    assert!(items.iter().all(|item| item["endpoints"][0]["service"]["protocol"] == "echo"), "{document}");
}

/// The time of day in a greeting, and a session in a redirect, are no change of the service.
#[test]
fn a_clock_in_a_reply_is_no_change() {
    let peers = Peers::new();
    let count = Arc::new(AtomicUsize::new(10));
    let clock = Arc::clone(&count);
    let daytime = peers.serve(move |mut stream| {
        let second = clock.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = stream.write_all(format!("Sun Nov 29 16:02:{second} 2026 ready\r\n").as_bytes()).await;
            mute(stream).await;
        }
    });
    let session = Arc::clone(&count);
    let web = peers.serve(move |mut stream| {
        let id = session.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = stream.read(&mut [0; 2048]).await;
            let page = format!("HTTP/1.1 302 Found\r\nLocation: /login?state={id}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(page.as_bytes()).await;
        }
    });

    let dir = TempDir::new();
    let file = dir.path().join("before.json");
    let ports = format!("{},{}", daytime.address.port(), web.address.port());
    let output = format!("json={}", file.display());
    let before = run(&["scan", "127.0.0.1", "-p", &ports, "--identify", "-o", &output]);
    assert_eq!(before.status.code(), Some(0));
    let again =
        run(&["scan", "127.0.0.1", "-p", &ports, "--identify", "--fail-changed", "--diff", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!((again.status.code(), said.as_str()), (Some(0), ""), "{}", String::from_utf8_lossy(&again.stderr));
}

/// Two names of one address: each is identified with its own name, in HTTP's `Host`.
#[test]
fn each_name_of_an_address_is_identified_as_itself() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut head = vec![0; 2048];
        let Ok(length) = stream.read(&mut head).await else { return };
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or("none").to_owned();
        let body = format!("<title>{}</title>", host.split(':').next().unwrap());
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(page.as_bytes()).await;
    });
    let document = scan_names(&["a.test", "b.test"], peer.address.port());
    let items = document["items"].as_array().unwrap().iter();
    let titles: Vec<&str> =
        items.map(|item| item["endpoints"][0]["service"]["facts"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["a.test", "b.test"], "{document}");
}

/// Two names of one address are the same ones in any order, and what was not asked for is no difference.
#[test]
fn names_of_an_address_are_compared_by_name() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut head = vec![0; 2048];
        let Ok(length) = stream.read(&mut head).await else { return };
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or("none").to_owned();
        let body = format!("<title>{}</title>", host.split(':').next().unwrap());
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(page.as_bytes()).await;
    });
    let port = peer.address.port();
    let (dir, names) = (TempDir::new(), ["a.test", "b.test"]);
    let file = dir.path().join("before.json");
    std::fs::write(&file, scan_names(&names, port).to_string()).unwrap();

    for (targets, ignored) in [
        (&["b.test", "a.test"][..], None),
        (&["a.test"], Some("1 item of the earlier result not covered by this run; ignored")),
        (&["127.0.0.1"], Some("2 items of the earlier result not covered by this run; ignored")),
    ] {
        let mut command = scan_with_names(&dir, &names, targets, port);
        let output = command.arg("--fail-changed").arg("--diff").arg(&file).output().unwrap();
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), &*text), (Some(0), ""), "{targets:?}: {said}");
        assert!(ignored.is_none_or(|ignored| said.contains(ignored)), "{targets:?}: {said}");
        assert_eq!(ignored.is_none(), !said.contains("earlier result not covered"), "{targets:?}: {said}");
    }

    // The address by itself has a page of its own.
    let output = scan_with_names(&dir, &names, &["127.0.0.1", "a.test"], port).arg("--json").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = document["items"].as_array().unwrap().iter();
    let titles: Vec<&Value> = items.map(|item| &item["endpoints"][0]["service"]["facts"]["title"]).collect();
    assert_eq!(titles, ["127.0.0.1", "a.test"], "{document}");

    drop(peers);
    let mut command = scan_with_names(&dir, &names, &["127.0.0.1"], port);
    let output = command.arg("--fail-changed").arg("--diff").arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = format!("- tcp 127.0.0.1:{port}\n- tcp 127.0.0.1:{port}/b.test\n");
    assert_eq!((output.status.code(), &*text), (Some(1), &*expected), "a closed port is closed at all of its names");
}

/// Scans and identifies a port of this host by names that lead to it.
pub(crate) fn scan_names(names: &[&str], port: u16) -> Value {
    let output = scan_with_names(&TempDir::new(), names, names, port).arg("--json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The same of these targets, where the names lead to 127.0.0.1.
fn scan_with_names(dir: &TempDir, names: &[&str], targets: &[&str], port: u16) -> Command {
    let hosts = dir.path().join("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 {}\n", names.join(" "))).unwrap();
    let mount = format!("mount --bind {} /etc/hosts && exec \"$@\"", hosts.display());
    let mut command = crate::support::tool("unshare");
    command.args(["-m", "sh", "-c", &mount, "sh"]).arg(env!("CARGO_BIN_EXE_portolan"));
    command.arg("scan").args(targets).args(["-p", &port.to_string(), "--identify"]);
    command
}

/// A slow server writes its greeting in parts: what is cut off within a line, or within a reply of several lines, goes on.
#[test]
fn a_greeting_in_parts_is_awaited() {
    let peers = Peers::new();
    let in_parts = |parts: &'static [&'static str]| {
        peers.serve(move |mut stream| async move {
            for part in parts {
                let _ = stream.write_all(part.as_bytes()).await;
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
            let mut byte = [0; 1024];
            while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"500 5.5.1 what?\r\n").await;
            }
        })
    };
    for (parts, protocol) in [
        (&["22", "0 mx.test ESMTP Postfix\r\n"][..], "smtp"),
        (&["220-mx.test\r\n", "220 ESMTP Postfix\r\n"], "smtp"),
        (&["220-Welcome\r\n", "220-to\r\n", "220 (vsFTPd 3.0.3)\r\n"], "ftp"),
        (&["SSH-2.0-Open", "SSH_9.2p1\r\n"], "ssh"),
    ] {
        assert_eq!(identified(&in_parts(parts), &[])["protocol"], protocol, "{parts:?}");
    }
}

/// What servers say to a client that they turn away at once.
#[test]
fn a_server_that_turns_clients_away_is_known_by_its_words() {
    let peers = Peers::new();
    for (greeting, protocol) in [
        ("421 4.7.0 mx.test Too many connections, try again later\r\n", "smtp"),
        ("554 5.7.1 You are not allowed to connect.\r\n", "smtp"),
        ("521 mx.test does not accept mail\r\n", "smtp"),
        ("421 There are too many connected users, please try later.\r\n", "ftp"),
        ("530 Sorry, the maximum number of clients (50) are already connected.\r\n", "ftp"),
        ("-ERR [SYS/TEMP] Server too busy\r\n", "pop3"),
        ("-ERR max number of clients reached\r\n", "redis"),
        ("ERROR Too many open connections\r\n", "memcached"),
        ("ERROR :Closing Link: 127.0.0.1 (Too many host connections)\r\n", "irc"),
        ("Exceeded MaxStartups\r\n", "ssh"),
    ] {
        let peer = peers.serve(move |mut stream| async move {
            let _ = stream.write_all(greeting.as_bytes()).await;
        });
        assert_eq!(identified(&peer, &[])["protocol"], protocol, "{greeting}");
    }
}
