//! Who holds a port, a free one, and ending its process.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use super::portolan;

/// A process named `sleep` that holds a listener, and its port. It ends when this is dropped.
///
/// A listener of this process would have more holders: until it runs its program, a child that another test has just started
/// holds whatever its parent does.
pub(super) struct Holder(Child, u16);

impl Holder {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let child = Command::new("sleep").arg("600").stdin(OwnedFd::from(listener)).spawn().unwrap();
        Self(child, port)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn port(&self) -> u16 {
        self.1
    }
}

/// A process that holds two listeners, and their ports in order.
pub(super) fn two_listeners() -> (Holder, [u16; 2]) {
    let [first, second] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut ports = [&first, &second].map(|listener| listener.local_addr().unwrap().port());
    ports.sort_unstable();
    let child = Command::new("sleep").arg("600").stdin(OwnedFd::from(first)).stdout(OwnedFd::from(second)).spawn();
    (Holder(child.unwrap(), ports[0]), ports)
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_names_the_process_its_command_line_and_its_parents() {
    let holder = Holder::new();
    let (pid, port) = (holder.0.id(), holder.1);

    let ran = portolan(&format!("who :{port}")).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with(&format!("sleep listens on tcp 127.0.0.1:{port}\n")), "{}", ran.stdout);
    // A process that even root may not read, as on some hosts, might hold it too; then the line goes on.
    for line in [
        format!("  process     sleep (pid {pid})"),
        "  command     sleep 600".to_owned(),
        format!("  directory   {}", std::env::current_dir().unwrap().display()),
    ] {
        assert!(ran.stdout.lines().any(|one| one.starts_with(&line)), "{line}: {}", ran.stdout);
    }
    let parent = format!("(pid {})", std::process::id());
    assert!(ran.stdout.lines().any(|line| line.starts_with("  parents ") && line.contains(&parent)), "{}", ran.stdout);

    assert_eq!(portolan(&format!("who --pid {port}")).run().stdout, format!("{pid}\n"));
    let json = portolan(&format!("who {port} --json")).run().stdout;
    assert!(json.contains(&format!("\"pid\":{pid}")), "{json}");
}

#[test]
fn who_fails_where_nothing_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = portolan(&format!("who {port}")).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(ran.stderr, format!("nothing listens on port {port}\n"));

    for words in [port.to_string(), format!("local {port}")] {
        let listed = portolan(&words).run();
        assert_eq!((listed.code, listed.stdout.as_str()), (Some(0), ""), "{words}");
        assert!(listed.stderr.starts_with(&format!("nothing listens on port {port}\n")), "{}", listed.stderr);
    }
    assert_eq!(portolan(&format!("who {port} --json")).run().code, Some(1));

    portolan(&format!("who {port} --pid --json"))
        .refuses("--pid: it prints process ids only", "leave it or --output out");
}

#[test]
fn a_port_alone_lists_what_listens_there() {
    let holder = Holder::new();
    let port = holder.1;
    let whole = portolan(&format!("discover local -p {port}")).run();
    for line in [format!("{port}"), format!(":{port}"), format!("local {port}"), format!("local :{port}")] {
        let ran = portolan(&line).run();
        assert_eq!((ran.code, &ran.stdout), (Some(0), &whole.stdout), "{line}: {}", ran.stderr);
    }
    assert!(portolan(&format!("{port} --json")).run().stdout.starts_with("{\"schema\":\"portolan/v1\""));
    portolan("local 80 -p 81").refuses("[PORT]: it cannot be combined with --ports", "leave one of them out");
}

#[test]
fn kill_ends_the_named_process_only_after_a_yes() {
    let mut holder = Holder::new();
    let (pid, port) = (holder.0.id(), holder.1);

    let asked = portolan(&format!("kill {port}")).run();
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        asked.stderr,
        format!(
            "error: cannot end the process on port {port}: it was not confirmed\n\
             hint: answer y at the terminal, or add --yes\n"
        )
    );
    assert!(holder.0.try_wait().unwrap().is_none(), "it still runs");

    let killed = portolan(&format!("kill :{port} --yes --timeout 60s")).run();
    assert_eq!((killed.code, killed.stderr.as_str()), (Some(0), &*format!("sleep (pid {pid}) ended\n")));
    assert_eq!(holder.0.wait().unwrap().signal(), Some(15));

    let again = portolan(&format!("kill {port} --yes")).run();
    assert_eq!((again.code, again.stderr), (Some(1), format!("nothing listens on TCP port {port}\n")));
}

/// Two processes share a listener, and neither started the other.
#[test]
fn kill_ends_none_of_several_unrelated_processes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let holders = [listener.try_clone().unwrap(), listener]
        .map(|listener| Holder(Command::new("sleep").arg("600").stdin(OwnedFd::from(listener)).spawn().unwrap(), port));

    let ran = portolan(&format!("kill {port} --yes")).run();
    let [first, second] = holders.each_ref().map(|holder| holder.0.id());
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains(&format!(
            "sleep (pid {first}), sleep (pid {second}) hold it, and none of them started the others"
        )),
        "{}",
        ran.stderr
    );
    let mut holders = holders;
    for holder in &mut holders {
        assert!(holder.0.try_wait().unwrap().is_none(), "it still runs");
    }

    let ran = portolan(&format!("kill {port} --all --yes --timeout 60s")).run();
    assert_eq!((ran.code, ran.stderr), (Some(0), format!("sleep (pid {first}) ended\nsleep (pid {second}) ended\n")));
    assert!(holders.iter_mut().all(|holder| holder.0.wait().unwrap().signal() == Some(15)));
}

/// A server that reloads on SIGHUP goes on, so nothing waits for its end.
#[test]
fn kill_does_not_wait_after_a_hangup() {
    let holder = Holder::new();
    let (pid, port) = (holder.0.id(), holder.1);
    let ran = portolan(&format!("kill {port} --yes --signal hup")).run();
    assert_eq!((ran.code, ran.stderr), (Some(0), format!("sent SIGHUP to sleep (pid {pid})\n")));
}

#[test]
fn who_names_each_port_that_nothing_holds() {
    let holder = Holder::new();
    let free = {
        let unused = TcpListener::bind("127.0.0.1:0").unwrap();
        unused.local_addr().unwrap().port()
    };
    for between in [' ', ','] {
        let ran = portolan(&format!("who {}{between}{free}", holder.1)).run();
        assert_eq!(ran.code, Some(1));
        assert!(ran.stdout.contains(&format!("listens on tcp 127.0.0.1:{}", holder.1)), "{}", ran.stdout);
        assert!(ran.stderr.ends_with(&format!("nothing listens on port {free}\n")), "{}", ran.stderr);
    }
}

/// A format of a setting is meant for commands that have one; options on the command line prevail over it.
#[test]
fn a_default_format_breaks_no_script() {
    let holder = Holder::new();
    let (pid, port) = (holder.0.id(), holder.1);
    let run = |line: String| portolan(&line).env("PORTOLAN_OUTPUT", "json").run();
    assert_eq!(run(format!("who {port} --pid")).stdout, format!("{pid}\n"));
    assert!(run("free-port".to_owned()).stdout.trim_end().parse::<u16>().is_ok());
    assert_eq!(run(format!("local {port} --columns pid --no-headers")).stdout.trim_end(), pid.to_string());
    assert_eq!(run(format!("kill {port} --yes --timeout 60s")).code, Some(0));
    portolan("free-port --json").refuses("--json: portolan free-port prints a number", "leave it out");
}

#[test]
fn kill_takes_one_port_and_never_itself() {
    portolan("kill 80-90").refuses("PORT '80-90': it is more than one port", "give one port");
    portolan("kill 80 -9")
        .refuses("'-9': portolan kill has no such option", "portolan's equivalent of kill's -9: --signal kill");
}

#[test]
fn a_free_port_is_printed_alone() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let ran = portolan("free-port").run();
    let found: u16 = ran.stdout.trim_end().parse().unwrap();
    assert!(ran.code == Some(0) && found != port, "{}", ran.stdout);

    let none = portolan(&format!("free-port {port}")).run();
    assert_eq!((none.code, none.stdout.as_str()), (Some(1), ""));
    assert!(none.stderr.starts_with(&format!("error: no port of {port} is free: in use\n")), "{}", none.stderr);
    portolan("free-port --json").refuses("--json: portolan free-port prints a number", "leave it out");
}

/// What ss, lsof, netstat and nmap print of a socket finds it, and so does the URL of its server.
#[test]
fn a_socket_is_found_as_other_tools_write_it() {
    let holder = Holder::new();
    let (pid, port) = (holder.0.id(), holder.1);
    let words = ["127.0.0.1:N", "*:N", "0.0.0.0:N", "localhost:N", "N/tcp", "tcp/N", "tcp:N", "TCP@127.0.0.1:N", "T:N"];
    for word in words.iter().chain(&["http://127.0.0.1:N/", "https://u@localhost:N/path?a=1"]) {
        let word = word.replace('N', &port.to_string());
        let ran = portolan(&format!("who --pid {word}")).run();
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("{pid}\n")), "{word}: {}", ran.stderr);
        let listed = portolan(&format!("local {word} --json")).run();
        assert!(listed.stdout.contains(&format!("\"pid\":{pid}")), "{word}: {}", listed.stdout);
    }

    for word in ["udp/N", "[::1]:N", "127.0.0.2:N"].map(|word| word.replace('N', &port.to_string())) {
        let ran = portolan(&format!("who {word}")).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{word}");
        assert_eq!(ran.stderr, format!("nothing listens on {word}\n"));
        let listed = portolan(&format!("local {word}")).run();
        assert!(listed.stderr.starts_with(&format!("nothing listens on {word}\n")), "{}", listed.stderr);
    }

    portolan(&format!("kill udp/{port} --yes")).refuses(
        &format!("PORT 'udp/{port}': it is a UDP socket"),
        "`portolan who --pid udp/PORT` prints its process id",
    );
    let refused = portolan(&format!("kill 127.0.0.2:{port} --yes")).run();
    assert_eq!((refused.code, refused.stderr), (Some(1), format!("nothing listens on TCP 127.0.0.2:{port}\n")));
    let killed = portolan(&format!("kill 127.0.0.1:{port} --yes")).run();
    assert_eq!((killed.code, killed.stderr), (Some(0), format!("sleep (pid {pid}) ended\n")));
}

/// Two programs listen on one port at different addresses, and have nothing to do with each other.
#[test]
fn kill_ends_one_program_of_a_port_only_by_its_address() {
    let first = Holder::new();
    let listener = TcpListener::bind(("127.0.0.2", first.1)).unwrap();
    let second = Holder(Command::new("sleep").arg("600").stdin(OwnedFd::from(listener)).spawn().unwrap(), first.1);
    let (one, other, port) = (first.0.id(), second.0.id(), first.1);

    let refused = portolan(&format!("kill {port} --yes")).run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for part in [
        "several programs hold it",
        &format!("sleep (pid {one}) on tcp 127.0.0.1:{port}"),
        &format!("sleep (pid {other}) on tcp 127.0.0.2:{port}"),
        "`portolan kill 127.0.0.1:8080`",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }

    let killed = portolan(&format!("kill 127.0.0.2:{port} --yes")).run();
    assert_eq!((killed.code, killed.stderr), (Some(0), format!("sleep (pid {other}) ended\n")));
    assert_eq!(portolan(&format!("who --pid {port}")).run().stdout, format!("{one}\n"));
}
