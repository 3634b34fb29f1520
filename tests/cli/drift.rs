//! `portolan drift` without a registry server: its errors, and a services file as registry.

use std::net::TcpListener;

use super::{Portolan, portolan};

#[test]
fn dns_alone_knows_no_names() {
    portolan("drift dns://127.0.0.1/example.com").refuses(
        "registry 'dns://127.0.0.1/example.com': portolan looks up the names of other registries in DNS, and no other registry is given",
        "add a registry, or --file with the services",
    );
}

#[test]
fn mistakes_are_refused_before_anything_is_compared() {
    let allow =
        portolan("drift file:services.toml --allow drift.allow").file("drift.allow", "22\n\nproces sshd # no\n");
    let ran = allow.run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr.starts_with(
            "error: cannot use settings drift.allow:3: 'proces sshd': there is no rule proces\nhint: write ports"
        ),
        "{}",
        ran.stderr
    );

    for (words, error, hint) in [
        ("drift nonsense", "'nonsense': it has no scheme", "consul://"),
        (
            "drift consul: --fail-on not-listenin",
            "no finding has the code 'not-listenin'",
            "did you mean drift-not-listening?",
        ),
        ("drift consul: --yes", "--fix is missing", ""),
        ("drift consul: --fix --watch", "--watch", ""),
        ("drift file:services.toml --fix --json", "--json: --fix prints commands", "leave one of them out"),
        ("drift file:services.toml --allow missing", "read missing", "name a text file with --allow"),
        ("drift --fleet consul:", "agents of consul", "--registry portolan://127.0.0.1:7440"),
        ("drift --fleet portolan: consul:", "--fleet reads the reports of one server", "name one"),
        ("drift --fleet --fix", "--fix", ""),
        ("agent --registry consul:", "it accepts no reports from agents", "portolan://127.0.0.1:7440"),
        ("agent --registry portolan: --interval 10ms", "not between 1 s and 1 h", "10s"),
        ("agent --registry portolan: --host a/b", "is not a name", "ASCII letters"),
        ("agent --registry portolan: --rules missing", "missing", ""),
        ("agent --json", "portolan agent prints no list", "--fleet --json"),
    ] {
        let ran = portolan(words).run();
        assert!(ran.code == Some(2) || words.ends_with("missing"), "{words}: {ran:?}");
        assert!(ran.stderr.contains(error) && ran.stderr.contains(hint), "{words}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{words}");
    }
}

/// A services file that declares a listener and a port that nothing holds.
fn with_services(words: &str, live: u16, dead: u16) -> Portolan {
    let services = format!(
        "[[service]]\nname = \"live\"\nendpoints = [\"127.0.0.1:{live}\"]\n[[service]]\nname = \"dead\"\nendpoints = [\"127.0.0.1:{dead}\"]\n"
    );
    portolan(words).file("services.toml", services)
}

#[test]
fn a_services_file_is_a_registry() {
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let live_port = live.local_addr().unwrap().port();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_port = dead.local_addr().unwrap().port();
    drop(dead);

    // Other tests of this machine listen on loopback too.
    let ran = with_services("drift --file services.toml --fail-on not-listening", live_port, dead_port).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let line = ran.stdout.lines().find(|line| line.contains("drift-not-listening")).unwrap();
    assert!(line.contains(&format!("127.0.0.1:{dead_port} is registered, but nothing listens there")), "{line}");
    assert!(!ran.stdout.lines().any(|line| line.contains(&format!("127.0.0.1:{live_port} "))), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 address: registry and machine agree"), "{}", ran.stderr);

    for (fail_on, code) in [("none", 0), ("duplicate,stale", 0), ("drift-not-listening", 1)] {
        let words = format!("drift --file services.toml --fail-on {fail_on}");
        assert_eq!(with_services(&words, live_port, dead_port).run().code, Some(code), "{fail_on}");
    }
    let words = "drift --file services.toml --group-by finding --counts --no-headers";
    let ran = with_services(words, live_port, dead_port).run();
    assert!(ran.stdout.lines().any(|line| line.trim() == "1  drift-not-listening"), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);

    let ran = with_services("drift --file services.toml --fix --fail-on none", live_port, dead_port).run();
    let comment = format!("# drift-not-listening: 127.0.0.1:{dead_port} is registered, but nothing listens there\n");
    assert!(ran.stdout.contains(&comment), "{}", ran.stdout);
}

#[test]
fn a_registry_that_is_down_leaves_the_others() {
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let live_port = live.local_addr().unwrap().port();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_port = dead.local_addr().unwrap().port();
    drop(dead);

    // Nothing answers at the port of the registry either.
    let words = format!("drift etcd://127.0.0.1:{dead_port} --file services.toml");
    let ran = with_services(&words, live_port, dead_port).run();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("drift-not-listening"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("drift-unregistered"), "{}", ran.stdout);
    assert!(ran.stderr.contains("(etcd): ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
}
