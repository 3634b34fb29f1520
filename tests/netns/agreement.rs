//! The same rows and pids as `ss`, where `ss` is right.

use std::collections::BTreeSet;

use crate::support::{Fixture, Scene, Truth, assert_same, output, tool};

const LISTENERS: &str = "tcp=127.0.0.1:8001,conns=2,queued=1 tcp=0.0.0.0:8002 tcp=[::1]:8001 tcp=[::]:8003,dual \
     tcp=[::]:8002,v6only udp=127.0.0.1:8001 udp=[::]:8003,dual udp=[::]:8002,v6only udp=0.0.0.0:8002 \
     tcp=127.0.0.1:8004,device=lo udp=0.0.0.0:8005,device=lo udp=127.0.0.1:8006,peer=127.0.0.1:8001 \
     tcp=0.0.0.0:8007,reuseport repeat=3 [ tcp=0.0.0.0:8007,reuseport ] repeat=2 share [ name=x ] \
     give=tcp:127.0.0.1:8008 [ name=taker ] [ leave tcp=127.0.0.1:8009 share [ name=heir ] ] repeat=10 [ many=5@{i} ]";

/// What `ss` lists in the scene, in the words of the truth.
fn by_ss(scene: &Scene, flags: &str) -> Truth {
    let out = output(scene.command(tool("ss").get_program()).args(["-H", flags]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut truth = Truth::default();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (host, port) = fields[4].rsplit_once(':').unwrap();
        let (host, device) = host.split_once('%').map_or((host, String::new()), |(h, d)| (h, format!("%{d}")));
        // `ss` writes `*` for a dual-stack wildcard, and leaves the brackets of an address away where a `%` follows.
        let host = if host == "*" { "[::]" } else { host };
        let pids = line.split("pid=").skip(1).map(|rest| rest.split(',').next().unwrap().parse::<u32>().unwrap());
        truth.0.entry(format!("{} {host}:{port}{device}", fields[0])).or_default().extend(pids);
    }
    truth
}

fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    (scene, fixture)
}

#[test]
fn rows_agree_with_ss() {
    let (scene, _fixture) = scene();
    let ss: BTreeSet<String> = by_ss(&scene, "-tuln").0.into_keys().collect();
    let said: BTreeSet<String> = scene.portolan().list().keys().into_iter().collect();
    assert_eq!(said, ss);
}

#[test]
fn processes_agree_with_ss() {
    let (scene, fixture) = scene();
    let ss = by_ss(&scene, "-tulpn");
    assert_same(&scene.portolan().list().truth(), &ss);
    // Guards against both agreeing on a wrong result.
    assert_same(&ss, &fixture.truth.only(&["tcp", "udp"]));
}

#[test]
fn one_port_agrees_with_ss() {
    let (scene, _fixture) = scene();
    let ss = by_ss(&scene, "-tulpn").filter(|what| what.split('%').next().unwrap().ends_with(":8002"));
    assert_eq!(ss.0.len(), 4);
    assert_same(&scene.portolan().args("-p 8002").list().truth(), &ss);
}
