//! Tests of services files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use super::entries::{ENDPOINT_KEYS, FILE_KEYS, SERVICE_KEYS};
use super::options::OPTION_KEYS;
use super::*;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "TOKEN" => Some("s3cret".into()),
        "HOST" => Some("10.0.0.9".into()),
        _ => None,
    }
}

fn read_text(text: &str, syntax: Syntax) -> Result<Vec<Service<DeclaredDetail>>> {
    parse_text(text, syntax)?.all()
}

fn parse_text(text: &str, syntax: Syntax) -> Result<ServicesFile> {
    parse(text, syntax, "s", Context { folder: Path::new("/etc/portolan"), variable: Some(variable) })
}

/// The error and the hint of a file that both syntaxes refuse at the same place of their text.
fn refused(text: &str, syntax: Syntax) -> (String, String) {
    let error = read_text(text, syntax).expect_err(text);
    (error.to_string(), error.hint().to_owned())
}

const TOML: &str = r#"
[defaults]
timeout = 2
labels = { team = "shop", tier = 1 }
header = "Authorization: Bearer ${TOKEN}"

[[service]]
name = "a"
endpoints = "${HOST}:80"
expect-status = 200
header = ["X-A: b"]
min-score = 90
labels = { tier = "2" }

[[service]]
name = "b"
endpoints = ["https://10.0.0.1/x?token=${TOKEN}", { address = "https://web.test/x?token=${TOKEN}", weight = 9 }]
timeout = "500ms"
script = ["./check.sh", 5]
ask = { expect-status = [200, "3xx"], goal = "10ms" }
"#;

const YAML: &str = r#"
defaults:
  timeout: 2
  labels: {team: shop, tier: 1}
  header: "Authorization: Bearer ${TOKEN}"
service:
- name: a
  endpoints: "${HOST}:80"
  expect-status: 200
  header: ["X-A: b"]
  min-score: 90
  labels: {tier: "2"}
- name: b
  endpoints: ["https://10.0.0.1/x?token=${TOKEN}", {address: "https://web.test/x?token=${TOKEN}", weight: 9}]
  timeout: 500ms
  script: [./check.sh, 5]
  ask: {expect-status: [200, 3xx], goal: 10ms}
"#;

/// H9: one text for a list, numbers for statuses, variables, defaults, labels and URLs, in both syntaxes alike.
#[test]
fn files_are_read_as_people_write_them() {
    for (text, syntax) in [(TOML, Syntax::Toml), (YAML, Syntax::Yaml)] {
        let services = read_text(text, syntax).unwrap_or_else(|error| panic!("{syntax:?}: {error}"));
        let [a, b] = &services[..] else { panic!("two services") };

        assert_eq!((a.id.to_string().as_str(), a.endpoints[0].to_string().as_str()), ("file/a", "10.0.0.9:80"));
        let spec = &a.detail.ask;
        let headers: Vec<_> = spec.header.iter().map(|header| (header.name.as_str(), header.value.as_str())).collect();
        assert_eq!(headers, [("x-a", "b"), ("authorization", "Bearer s3cret")]);
        assert!(
            spec.expect_status.as_ref().unwrap().contains(200) && !spec.expect_status.as_ref().unwrap().contains(204)
        );
        assert_eq!((spec.limits.timeout, spec.limits.min_score), (Some(Duration::from_secs(2)), Some(90)));
        let labels: Vec<_> = a.detail.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["team=shop", "tier=2"]);

        let endpoints: Vec<_> = b.endpoints.iter().map(|at| (at.to_string(), at.weight)).collect();
        assert_eq!(endpoints, [("10.0.0.1:443".to_owned(), None), ("web.test:443".to_owned(), Some(9))]);
        let spec = &b.detail.ask;
        assert_eq!(b.detail.protocol.as_deref(), Some("https"));
        assert_eq!(spec.path.as_ref().unwrap().as_str(), "/x?token=s3cret");
        assert_eq!(spec.path.as_ref().unwrap().shown(), "/x?token=***");
        assert_eq!(spec.limits.timeout, Some(Duration::from_millis(500)));
        assert_eq!(spec.script, ["/etc/portolan/./check.sh", "5"]);
        assert!(!format!("{services:?}").contains("s3cret\"") || !format!("{:?}", spec.header).contains("s3cret"));
    }
}

/// H9: an error names the line, the service, the key and the remedy.
#[test]
fn an_error_names_its_place() {
    let service = "[[service]]\nname = 'a'\nendpoints = ['db:1']\n";
    for (more, place, why, hint) in [
        ("pth = '/x'\n", "4:1", "pth: there is no key 'pth'", "did you mean path?"),
        ("url = 'https://a'\n", "4:1", "url: there is no key 'url'", "did you mean endpoints?"),
        (
            "ask = { expect-sttus = 200 }\n",
            "4:9",
            "ask.expect-sttus: there is no key 'expect-sttus'",
            "did you mean expect-status?",
        ),
        (
            "expect-status = 900\n",
            "4:1",
            "expect-status: it is not a list of HTTP statuses from 100 to 599",
            "write statuses as",
        ),
        ("header = 'x'\n", "4:1", "header: it has no colon", "write it as 'Name: value'"),
        (
            "header = { a = 'b' }\n",
            "4:1",
            "header: it takes a list of texts, not a table",
            "write one text in quotes, or",
        ),
        ("expect-body = '('\n", "4:1", "expect-body: it is not a regular expression: unclosed group", "see the syntax"),
        ("timeout = 'soon'\n", "4:1", "timeout: it is not a duration", "write one as 500ms"),
        ("samples = 0\n", "4:1", "samples: it is not a number from 1 to 1000", "write a number"),
        ("follow = 'yes'\n", "4:1", "follow: it takes true or false, not a text", "write true or false"),
        ("check = 'htp'\n", "4:1", "check: there is no 'htp'", "the values are dns, tcp"),
        ("path = '/${NONE}'\n", "4:1", "path: the variable NONE is not set", "set it, or write ${NONE:-default}"),
        (
            "ca = 'none.pem'\n",
            "4:1",
            "ca: cannot read '/etc/portolan/none.pem': No such file or directory",
            "a relative path",
        ),
        ("check = 'tcp'\nno-check = 'tcp'\n", "5:1", "no-check: it has the check tcp in both", "leave one of them out"),
    ] {
        let (error, given) = refused(&format!("{service}{more}"), Syntax::Toml);
        let expected = format!("cannot use s:{place}: service 'a': {why}");
        assert!(error.starts_with(&expected) && given.starts_with(hint), "{error}\n{given}\nexpected {expected}");
    }

    for (text, expected) in [
        ("[[service]]\nendpoints = []\n", "cannot use s:1:1: service[0]: it has no name"),
        ("[[service]]\nname = 'a'\n", "service 'a': it has no endpoints"),
        (
            "[[service]]\nname = 'a'\nendpoints = ['a']\n",
            "cannot use s:3:14: service 'a': endpoints[0]: 'a': the port is missing",
        ),
        (
            "[[service]]\nname = 'a'\nendpoint = ['a:1']\n",
            "cannot use s:3:1: service 'a': endpoint: there is no key 'endpoint'",
        ),
        ("[[services]]\nname = 'a'\n", "there is no key 'services'"),
        ("service = 5\n", "cannot use s:1:1: service: it takes services, not a number"),
        ("defaults = { tmeout = 1 }\nservice = []\n", "cannot use s:1:14: defaults.tmeout: there is no key 'tmeout'"),
        ("a = 1\na = 2\n", "cannot use s:2:1: duplicate key"),
        (
            "[[service]]\nname = 'a'\nendpoints = []\n[[service]]\nname = 'a'\nendpoints = []\n",
            "another service has the same name",
        ),
        (
            "[[service]]\nname = 'a'\nendpoints = ['http://h/a', 'http://h/b']\n",
            "its URLs have different protocols, paths or",
        ),
        (
            "[[service]]\nname = 'a'\nendpoints = 'postgres://u:s3cret@h:x/'\n",
            "'postgres://***@h:x/': the port is not a number",
        ),
    ] {
        let (error, _) = refused(text, Syntax::Toml);
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }

    let text = "service:\n- name: a\n  endpoints: [db:1]\n  ask:\n    expect-sttus: 200\n";
    let (error, hint) = refused(text, Syntax::Yaml);
    assert!(error.starts_with("cannot use s:5:5: service 'a': ask.expect-sttus: there is no key"), "{error}");
    assert_eq!(hint, "did you mean expect-status?");
    let (error, _) = refused("service:\n- name: a\n  endpoints: [db:1]\n  name: b\n", Syntax::Yaml);
    assert!(error.contains("the key 'name' is there twice") && error.starts_with("cannot use s:"), "{error}");
}

/// The JSON Schema for editors knows exactly the keys that the parser takes, and each of its examples is a valid value.
#[test]
fn the_schema_and_the_parser_agree() {
    fn keys(properties: &Value) -> BTreeSet<&str> {
        properties["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    let schema: Value = serde_json::from_str(include_str!("../../../docs/services-file.schema.json")).unwrap();

    let options: BTreeSet<&str> = OPTION_KEYS.into_iter().collect();
    assert_eq!(keys(&schema), FILE_KEYS.into_iter().collect());
    assert_eq!(keys(&schema["$defs"]["options"]), options);
    assert_eq!(keys(&schema["$defs"]["service"]), &options | &SERVICE_KEYS.into_iter().collect());
    assert_eq!(keys(&schema["$defs"]["endpoint"]["anyOf"][1]), ENDPOINT_KEYS.into_iter().collect());

    for (key, property) in schema["$defs"]["options"]["properties"].as_object().unwrap() {
        let examples = property["examples"].as_array().unwrap_or_else(|| panic!("{key} has no examples"));
        assert!(!examples.is_empty() && property["description"].is_string(), "{key}");
        for example in examples {
            let service = serde_json::json!({"name": "a", "endpoints": "db:1", key: example});
            let text = serde_json::json!({"defaults": {key: example}, "service": [service]}).to_string();
            // A JSON document is a YAML document.
            if let Err(error) = read_text(&text, Syntax::Yaml) {
                assert!(
                    matches!(key.as_str(), "ca" | "cert" | "key") && error.to_string().contains("No such file"),
                    "{key}: {error}"
                );
            }
        }
    }
    let text = include_str!("../../../docs/services-file.md");
    for key in &options {
        assert!(text.contains(&format!("`{key}`")), "docs/services-file.md names {key}");
    }
}

const UNSET: &str = r#"
[defaults]
header = ["X-Token: ${API_TOKEN}"]
timeout = "${LIMIT}"
ask = { body = "${BODY}", samples = 2 }

[[service]]
name = "web"
endpoints = "http://${WEB_HOST}/x?key=${API_KEY}"
timeout = "1s"

[[service]]
name = "db"
namespace = "shop"
endpoints = ["postgresql://db/shop", "postgresql://db2/shop"]
timeout = "1s"
path = "/$${NONE}${NONE:-}"

[[service]]
name = "api"
endpoints = [{ address = "api:80" }]
"#;

/// The variables that are named for services of these names.
fn missing(names: &[&str]) -> String {
    let file = parse_text(UNSET, Syntax::Toml).unwrap();
    let checked = file.check_variables(|name, namespace| {
        assert_eq!(namespace, None, "the service db needs no variable");
        names.contains(&name)
    });
    checked.map_or_else(|error| format!("{error} | {}", error.hint()), |()| "none".to_owned())
}

/// One error names all variables that are not set, of the services that are meant.
#[test]
fn all_unset_variables_are_named_at_once() {
    assert_eq!(missing(&["db"]), "none");
    assert_eq!(
        missing(&["api"]),
        "cannot use s:5:9: these variables are not set: BODY (defaults.ask.body), API_TOKEN (defaults.header), \
         LIMIT (defaults.timeout) | set them, or write defaults, as in ${BODY:-default}"
    );
    let of_web = missing(&["web"]);
    assert!(of_web.contains("WEB_HOST (service 'web': endpoints), API_KEY (service 'web': endpoints)"), "{of_web}");
    assert!(!of_web.contains("LIMIT"), "its own timeout replaces the default: {of_web}");

    let file = parse_text(UNSET, Syntax::Toml).unwrap();
    let [db] = &file.services[..] else { panic!("{file:?}") };
    assert_eq!((db.detail.ask.limits.samples, db.detail.ask.limits.timeout), (Some(2), Some(Duration::from_secs(1))));
    assert!(file.all().is_err());
}
