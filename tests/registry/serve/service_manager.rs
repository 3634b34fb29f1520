//! What systemd reads of the server, and the sockets that it passes.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use rustix::process::Signal;

use super::Server;
use super::server::folder;
use crate::support::{HANG, kill, output, portolan_path, tool};

/// The next message of the server, without those of the watchdog if they are not wanted.
#[track_caller]
fn message(socket: &UnixDatagram, wanted: &str) -> String {
    let mut buffer = [0; 1_024];
    loop {
        let length = socket.recv(&mut buffer).expect("the server notifies");
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        if text.starts_with(wanted) {
            return text;
        }
        assert_eq!(text, "WATCHDOG=1", "while waiting for {wanted}");
    }
}

#[test]
fn the_service_manager_is_notified_of_each_state() {
    let dir = folder();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let server = Server::with_variables(["--data", ":memory:"], &env);

    assert_eq!(message(&socket, "READY=1"), "READY=1\nSTATUS=taking requests");
    message(&socket, "WATCHDOG=1");
    message(&socket, "WATCHDOG=1");
    kill(server.pid(), Signal::HUP);
    let reloading = message(&socket, "RELOADING=1");
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(micros.parse::<u64>().unwrap() > 0, "{reloading}");
    message(&socket, "READY=1");
    kill(server.pid(), Signal::TERM);
    message(&socket, "STOPPING=1");
    assert!(server.stop().success());
}

#[test]
fn an_abstract_socket_is_notified_and_a_watchdog_of_another_process_is_not_fed() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("portolan-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    let notify = format!("@{name}");
    let env = [("NOTIFY_SOCKET", notify.as_str()), ("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1")];
    let server = Server::with_variables(["--data", ":memory:"], &env);
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"READY=1"));
    kill(server.pid(), Signal::TERM);
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"STOPPING=1", "nothing came between");
    assert!(server.stop().success());
}

/// Listens on an address, and becomes a program that gets the socket as systemd passes it.
const PASS: &str = "
import os, socket, sys
passed = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
passed.bind((sys.argv[1], 0))
passed.listen()
os.dup2(passed.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
";

fn passing(address: &str, name: &str, args: &[&str]) -> Command {
    let mut command = tool("python3");
    command.args(["-c", PASS, address, name]).arg(portolan_path()).arg("serve").args(args);
    command.env("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false");
    command
}

#[test]
fn a_socket_that_was_passed_is_served() {
    let server = Server::from_command(passing("127.0.0.1", "http", &["--data", ":memory:"])).unwrap();
    assert_ne!(server.address.port(), 7_440);
    assert_eq!(server.get("/health").status, 200);
    // The settings name another address, which stays free.
    assert!(server.stop().success());
}

#[test]
fn a_socket_is_as_open_as_an_address() {
    let refused = output(&mut passing("0.0.0.0", "portolan.socket", &["--data", ":memory:"]));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("without authentication") && said.contains("LISTEN_FDS"), "{said}");

    let unknown = output(&mut passing("127.0.0.1", "dns", &["--data", ":memory:"]));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(2), "{said}");
    assert!(said.contains("nothing is served under this name") && said.contains("FileDescriptorName"), "{said}");
}
