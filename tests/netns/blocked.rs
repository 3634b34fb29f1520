//! A process that is blocked in the kernel, with the lock of its memory held, because a file system does not reply any more.
//! Reading its command line never returns.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Ended, HANG, Isolation, Lines, Scene, finish, kill, needs_root};

/// A file system (FUSE) with one file, which never replies to a read. Its arguments are the place and the number of mount(2).
const DEAD: &str = r#"
$| = 1;
open(my $dev, '+<', '/dev/fuse') or die "no /dev/fuse: $!";
my ($source, $type, $data) = ('dead', 'fuse', 'fd=' . fileno($dev) . ',rootmode=40000,user_id=0,group_id=0');
syscall($ARGV[1] + 0, $source, $ARGV[0], $type, 0, $data) == 0 or die "mount: $!";
print "mounted\n";
sub attributes { pack('Q6 L10', $_[0], 4096, 8, 0, 0, 0, 0, 0, 0, $_[1], 1, 0, 0, 0, 4096, 0) }
while (sysread($dev, my $in, 135168)) {
  my ($length, $operation, $unique, $node) = unpack('L L Q Q', $in);
  my $out;
  if ($operation == 26) { $out = pack('L4 S2 L2 S2 L7', 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, (0) x 7) } # INIT
  elsif ($operation == 1) { $out = pack('Q4 L2', 2, 0, 100, 100, 0, 0) . attributes(2, 0100644) } # LOOKUP
  elsif ($operation == 3) { $out = pack('Q L2', 100, 0, 0) . attributes($node, $node == 1 ? 040755 : 0100644) } # GETATTR
  elsif ($operation == 14) { $out = pack('Q L2', 1, 0, 0) } # OPEN
  elsif ($operation == 15) { print "read\n"; next } # READ
  else { syswrite($dev, pack('L l Q', 16, -38, $unique)); next }
  syswrite($dev, pack('L l Q', 16 + length($out), 0, $unique) . $out);
}
"#;

/// Maps the file, listens, prints where it is mapped, and changes its memory after a line on its standard input.
const VICTIM: &str = r#"
use Socket; $| = 1;
open(my $file, '<', "$ARGV[0]/x") or die "open: $!";
my $at = syscall($ARGV[1] + 0, 0, 4096, 1, 1, fileno($file), 0);
socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(7001, inet_aton('127.0.0.1'))) && listen(S, 5) or die "listen: $!";
print "$at\n";
<STDIN>;
syscall($ARGV[1] + 0, 0, 4096, 1, 34, -1, 0);
sleep 1000;
"#;

/// Reads the memory of a process, which takes the lock of that memory until the file system replies.
const READER: &str = r#"open(M, '<', "/proc/$ARGV[0]/mem") or die; sysseek(M, $ARGV[1], 0); sysread(M, $_, 1)"#;

/// The numbers of mount(2) and mmap(2).
const CALLS: [&str; 2] = if cfg!(target_arch = "aarch64") { ["40", "222"] } else { ["165", "9"] };

/// The blocked process; all ends with the file system.
struct Blocked {
    _server: Ended,
    victim: Ended,
    _reader: Ended,
    _stdin: ChildStdin,
}

fn perl(scene: &Scene, script: &str, args: &[&str]) -> Command {
    let mut perl = scene.command("perl");
    perl.args(["-e", script]).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    perl
}

fn blocked(scene: &Scene) -> Blocked {
    let place: PathBuf = scene.dir().join("dead");
    fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();

    let mut server = perl(scene, DEAD, &[place, CALLS[0]]).spawn().unwrap();
    let said = Lines::of(&mut server);
    let server = Ended(server);
    said.until("mounted");

    let mut victim = perl(scene, VICTIM, &[place, CALLS[1]]).spawn().unwrap();
    let mut stdin = victim.stdin.take().unwrap();
    let at = Lines::of(&mut victim).next().unwrap();
    let pid = victim.id().to_string();
    let victim = Ended(victim);

    let reader = Ended(perl(scene, READER, &[&pid, &at]).spawn().unwrap());
    said.until("read");
    stdin.write_all(b"\n").unwrap();
    let begun = Instant::now();
    let is_blocked = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") D ");
    while !is_blocked() {
        assert!(begun.elapsed() < HANG, "it is not blocked");
    }
    Blocked { _server: server, victim, _reader: reader, _stdin: stdin }
}

#[test]
fn a_blocked_process_delays_no_output() {
    needs_root("it mounts a file system");
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    let blocked = blocked(&scene);
    let _fixture = scene.fixture("tcp=127.0.0.1:7002");

    for args in ["", "-o wide", "--json", "-o csv", "-o yaml", "--process perl", "--watch --json --until type=synced"] {
        let outcome = scene.portolan().args(args).run();
        let expected = if args == "--process perl" { 3 } else { 0 };
        assert_eq!(outcome.code, Some(expected), "{args}: {}", outcome.stderr);
        assert!(outcome.text().contains("7001"), "{args}: {}", outcome.text());
        assert!(args.contains("perl") || outcome.text().contains("7002"), "{args}: {}", outcome.text());
    }

    let wide = scene.portolan().args("-o wide").run();
    assert!(wide.text().contains("unknown (the process is blocked)"), "{}", wide.text());
    assert!(wide.stderr.contains("cannot read the command lines of 1 process"), "{}", wide.stderr);
    let listing = scene.portolan().list();
    let process = &listing.row("tcp 127.0.0.1:7001").detail("processes")[0];
    assert_eq!((&process["pid"], &process["name"]), (&json!(blocked.victim.0.id()), &json!("perl")));
    assert_eq!((&process["command"], &process["unread"]), (&json!(null), &json!(["command"])));
    assert!(process["exe"].is_string(), "{process}");
    let other = &listing.row("tcp 127.0.0.1:7002").detail("processes")[0];
    assert!(other["command"].is_string() && other["unread"].is_null(), "{other}");

    // A signal ends it at any moment.
    for _ in 0..5 {
        let child = scene.portolan().args("--json").spawn();
        kill(child.id(), Signal::INT);
        assert!(finish(child).is_some(), "it hangs");
    }
}
