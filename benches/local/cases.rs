//! The four machines, and the commands that run on each.

use std::fs::File;
use std::process::Command;

use rustix::fs::Advice;

use crate::machine;
use crate::support::{Fixture, Scene, assert_same, output, portolan_path, tool};

/// A machine to list.
pub struct Case {
    pub letter: char,
    pub about: &'static str,
    /// The arguments of the fixture.
    pub fixture: &'static str,
    /// A port with a listener, for the search by port.
    pub port: u16,
    /// The share of `ss -tulpn`'s time that portolan may take.
    pub goal: f64,
    /// The memory that it may take, in MB.
    pub memory_goal: f64,
}

pub const CASES: &[Case] = &[
    Case {
        letter: 'A',
        about: "10 listeners, little else",
        fixture: "many=10@0",
        port: 20_003,
        goal: 1.0,
        memory_goal: 6.0,
    },
    Case {
        letter: 'B',
        about: "2,000 processes with a listener and 19 descriptors each",
        fixture: "repeat=2000 [ many=1@{i} fds=19 ]",
        port: 20_003,
        goal: 0.45,
        memory_goal: 8.0,
    },
    Case {
        letter: 'C',
        about: "20,000 listeners and 20,000 connections in 4 processes",
        fixture: "repeat=4 [ many=5000@{i},conns=1 ]",
        port: 20_003,
        goal: 0.25,
        memory_goal: 14.0,
    },
    Case {
        letter: 'D',
        about: "1,000 processes with 20 descriptors and 5 with 19,900, each big one's listener its last",
        fixture: "repeat=1000 [ fds=20 ] repeat=5 [ fds=19900 many=1@{i} ]",
        port: 20_003,
        goal: 0.5,
        memory_goal: 8.0,
    },
];

/// The commands that show what a settings file costs.
pub const PLAIN_START: &str = "portolan ports 80";
pub const SET_START: &str = "portolan ports 80, settings";
pub const SET_LISTING: &str = "portolan discover local, settings";

pub const FACTS_FLOOR: &str = "floor in C, facts of JSON";

/// A command that is measured.
pub struct Contender {
    pub name: String,
    pub argv: Vec<String>,
    /// The index of the command it is compared with.
    pub against: Option<usize>,
}

/// Stops unless portolan lists every socket with every process and nothing else, for all and for one
/// port. Returns what was compared.
pub fn check(case: &Case, scene: &Scene, fixture: &Fixture) -> String {
    assert_same(&scene.portolan().list().truth(), &fixture.truth);
    let port = format!(":{}", case.port);
    let one = fixture.truth.filter(|what| what.ends_with(&port));
    assert!(!one.0.is_empty(), "no listener at {}", case.port);
    assert_same(&scene.portolan().args("-p").args(&case.port.to_string()).list().truth(), &one);
    // The plain table, which is what is measured, has the same rows.
    let table = scene.portolan().run();
    assert_eq!(table.text().lines().count(), fixture.truth.0.len() + 1, "{}", table.stderr);
    let (rows, pids) = (fixture.truth.0.len(), fixture.truth.pids().len());
    format!("{rows} rows of {pids} processes, {} at port {}", one.0.len(), case.port)
}

pub fn commands(case: &Case, scene: &Scene) -> Vec<Contender> {
    let (portolan, floor) = (installed(scene), floor(scene));
    let path = |name: &str| tool(name).get_program().to_str().expect("a path in UTF-8").to_owned();
    let command = |name: &str, against: Option<usize>, program: &str, args: &[&str]| Contender {
        name: name.to_owned(),
        argv: std::iter::once(program).chain(args.iter().copied()).map(str::to_owned).collect(),
        against,
    };
    let port = case.port.to_string();
    let mut commands = vec![
        command("ss -tulpn", None, &path("ss"), &["-tulpn"]),
        command("portolan discover local", Some(0), &portolan, &["discover", "local"]),
        command("lsof -nP -i", Some(0), &path("lsof"), &["-nP", "-i"]),
        command("netstat -tulpn", Some(0), &path("netstat"), &["-tulpn"]),
        command("floor in C, 1 thread", Some(0), &floor, &["1"]),
        command("floor in C, 2 threads", Some(0), &floor, &["2"]),
        command("portolan discover local -o json", Some(0), &portolan, &["discover", "local", "-o", "json"]),
        command("ss -tulpn 'sport = :PORT'", None, &path("ss"), &["-tulpn", &format!("sport = :{port}")]),
        command("portolan discover local -p PORT", Some(7), &portolan, &["discover", "local", "-p", &port]),
    ];
    if let Some(before) = machine::before() {
        commands.push(command("before", Some(1), &before, &["discover", "local"]));
        commands.push(command("before, -o json", Some(6), &before, &["discover", "local", "-o", "json"]));
        commands.push(command("before, --version", None, &before, &["--version"]));
    }
    if case.letter == 'B' {
        commands.push(command(FACTS_FLOOR, Some(0), &floor, &["2", "facts"]));
    }
    if case.letter == 'A' {
        commands.push(command("portolan --version", Some(0), &portolan, &["--version"]));
        let settings = settings_file(scene);
        commands.push(command(PLAIN_START, None, &portolan, &["ports", "80"]));
        commands.push(command(SET_START, None, &portolan, &["ports", "80", "--config", &settings]));
        commands.push(command(SET_LISTING, None, &portolan, &["discover", "local", "--config", &settings]));
    }
    commands
}

/// A settings file of one line.
fn settings_file(scene: &Scene) -> String {
    let path = scene.dir().join("settings.toml");
    std::fs::write(&path, "color = \"never\"\n").expect("it can be written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// portolan as an installed program, like the others: copied to its place, and read from the disk. A program that a
/// linker has just written is in memory in single pages, and starts a sixth slower.
fn installed(scene: &Scene) -> String {
    let program = scene.dir().join("portolan");
    std::fs::copy(portolan_path(), &program).expect("it can be copied");
    let file = File::open(&program).and_then(|file| file.sync_all().map(|()| file)).expect("it reaches the disk");
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("the kernel takes advice");
    program.to_str().expect("a path in UTF-8").to_owned()
}

fn floor(scene: &Scene) -> String {
    let program = scene.dir().join("floor");
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-pthread", "-o"]).arg(&program);
    compile.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/floor.c"));
    let out = output(&mut compile);
    assert!(out.status.success(), "cc: {}", String::from_utf8_lossy(&out.stderr));
    program.to_str().expect("a path in UTF-8").to_owned()
}
