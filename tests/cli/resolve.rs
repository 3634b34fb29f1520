//! `portolan resolve` over a services file: what it prints, and how it ends.

use serde_json::Value;

use super::{Portolan, portolan};

const SERVICES: &str = r#"
[[service]]
name = "cart"
endpoints = ["10.0.0.1:80", "[2001:db8::2]:80", { address = "10.0.0.3:80", weight = 0 }]

[[service]]
name = "empty"
endpoints = []
"#;

/// `portolan resolve WORDS` beside a services file.
fn resolve(words: &str) -> Portolan {
    portolan(&format!("resolve {words} --registry file:services.toml")).file("services.toml", SERVICES)
}

/// H3, H10, C2: each in turn, IPv6 in brackets; a weight of 0 gets no calls.
#[test]
fn picks_are_printed_one_per_line() {
    let ran = resolve("cart --count 4").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines[0], lines[1]), (lines[2], lines[3]), "in turn");
    lines.sort_unstable();
    assert_eq!(lines, ["10.0.0.1:80", "10.0.0.1:80", "[2001:db8::2]:80", "[2001:db8::2]:80"]);

    let sticky = resolve("cart --count 5 --lb consistent-hash --key user-42").run().stdout;
    let places: std::collections::BTreeSet<&str> = sticky.lines().collect();
    assert_eq!((sticky.lines().count(), places.len()), (5, 1), "the same key, the same endpoint");
    assert_eq!(resolve("cart --lb maglev --key user-42").run().stdout, format!("{}\n", sticky.lines().next().unwrap()));
}

/// Exit code 1 with the counts; the document has them too.
#[test]
fn no_endpoint_is_exit_code_1_with_the_counts() {
    for (words, counts, hint) in [
        ("missing", "0 registered, 0 usable", "`portolan services list` shows the names of services"),
        ("crt", "0 registered, 0 usable", "did you mean cart? `portolan services list` shows the names of services"),
        ("cart --version 1.2.0", "3 registered, 0 of that version, 0 usable", "request another version, as in ^1.2"),
        (
            "cart --tag api",
            "3 registered, 0 with the tags, 0 usable",
            "an instance must have all of the tags; leave one out",
        ),
    ] {
        let name = words.split(' ').next().unwrap();
        let ran = resolve(words).run();
        let expected = format!("error: cannot find an endpoint of {name}: {counts}\nhint: {hint}\n");
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (Some(1), "", expected), "{words}");
    }

    let ran = resolve("cart --meta region=eu --json").run();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &document["items"]), (Some(1), &Value::Array(Vec::new())));
    assert_eq!(document["counts"]["named"], 3);
    assert_eq!(document["counts"]["matching_metadata"], 0);
}

#[test]
fn the_document_and_the_explanation_say_what_was_picked_among() {
    let ran = resolve("cart --json --explain").run();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "cart: 3 registered, 3 usable\n"));
    assert_eq!(document["schema"], "portolan/v1");
    assert_eq!((&document["service"], &document["stale"]), (&Value::from("cart"), &Value::Null));
    assert_eq!(document["items"][0]["port"], 80);
    assert_eq!(resolve("cart --explain --quiet").run().stderr, "");
}

/// H6, H8: what is wrong is named, with what is possible, and nothing is done.
#[test]
fn invalid_choices_are_exit_code_2() {
    for (words, error, hint) in [
        ("cart --lb best", "--lb", "round_robin, weighted_round_robin, random"),
        ("cart --key user-42", "cannot use --key 'user-42': only consistent_hash and ip_hash pick by a key", "--lb"),
        ("cart --lb ip_hash", "cannot use --lb ip_hash: it picks by a key", "add --key"),
        ("cart --version ^", "cannot use version '^'", "1.2.0"),
        ("cart --meta region", "--meta", "write KEY=VALUE"),
        ("cart --count 0", "--count", ""),
    ] {
        let ran = resolve(words).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{words}: {ran:?}");
        assert!(ran.stderr.contains(error) && ran.stderr.contains(hint), "{words}: {}", ran.stderr);
    }

    for (url, hint) in [
        ("portolan", "hint: write portolan: with a colon"),
        ("10.0.0.5:7440", "hint: write a URL such as portolan://127.0.0.1:7440"),
        ("localhost:7440", "hint: write portolan://localhost:7440 for `portolan serve`"),
    ] {
        let ran = portolan(&format!("resolve cart --registry {url}")).run();
        assert!(ran.code == Some(2) && ran.stderr.contains(hint), "{url}: {}", ran.stderr);
    }
    let ran = portolan("resolve cart --registry zookeeper://127.0.0.1").run();
    assert!(ran.stderr.contains("there is no such provider") && ran.stderr.contains("file:"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(2));
}

/// The environment chooses the registry and the strategy, as for the library.
#[test]
fn the_environment_names_the_registry() {
    let ran = resolve("cart").env("DISCOVERY_BALANCER", "best").run();
    assert!(ran.stderr.starts_with("error: cannot use DISCOVERY_BALANCER='best'"), "beside a URL too: {ran:?}");

    for (strategy, code) in [("random", 0), ("best", 2)] {
        let ran = portolan("resolve cart")
            .file("services.toml", SERVICES)
            .env("DISCOVERY_PROVIDER", "static")
            .env("DISCOVERY_FILE", "services.toml")
            .env("DISCOVERY_BALANCER", strategy)
            .run();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let is_named = ran.stderr.starts_with("error: cannot use DISCOVERY_BALANCER='best'");
        assert_eq!(is_named, code == 2, "{}", ran.stderr);
    }
}

/// A file that is not there is an error at once, not a wait.
#[test]
fn a_registry_that_cannot_be_read_is_an_error() {
    let ran = portolan("resolve cart --registry file:missing.toml").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    assert!(ran.stderr.contains("missing.toml"), "{}", ran.stderr);
}
