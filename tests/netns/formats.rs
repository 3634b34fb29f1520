//! Every format, read by an independent parser, gives the same facts.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Fixture, Listing, Row, Scene};

/// Rows with every kind of fact, hostile texts among them.
const LISTENERS: &str = "name=a%22b%0a%27#%20c tcp=127.0.0.1:5432,conns=2,queued=1,backlog=9 tcp=[::]:8003,dual \
     tcp=[::]:8002,v6only udp=0.0.0.0:53 udp=[::1]:8005 tcp=127.0.0.1:8004,device=lo repeat=2 share [ name=caf%e9 ] \
     [ name=%1b[2J%e2%80%ae tcp=127.0.0.1:8006 raw=yes ] [ name=-%20: tcp=127.0.0.1:8007 ] \
     [ name=null tcp=127.0.0.1:8008 ] [ name=1e3 tcp=127.0.0.1:8009 ] [ name=%20x%20 tcp=127.0.0.1:8010 ]";

fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    (scene, fixture)
}

fn run(scene: &Scene, format: &str) -> String {
    let outcome = scene.portolan().args("-o").args(format).run();
    assert_eq!(outcome.code, Some(0), "{format}: {}", outcome.stderr);
    outcome.text().to_owned()
}

/// Takes out what changes from one run to the next.
fn settled(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "generated" | "memory_bytes" | "cpu_ms"));
            fields.values_mut().for_each(|field| *field = settled(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = settled(item.take())),
        _ => {}
    }
    value
}

fn json(scene: &Scene) -> Value {
    serde_json::from_str(&run(scene, "json")).unwrap()
}

#[test]
fn json_has_the_promised_shape() {
    let (scene, fixture) = scene();
    let document = json(&scene);
    let fields: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(fields.is_superset(&BTreeSet::from(["schema", "generated", "items", "complete", "errors"])), "{fields:?}");
    let generated: jiff::Timestamp = document["generated"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(generated).as_secs().abs() < 60);
    crate::support::assert_same(&Listing::new(&document).truth(), &fixture.truth);
    for item in document["items"].as_array().unwrap() {
        assert_eq!((&item["source"], &item["namespace"]), (&Value::from("local"), &Value::Null));
        assert_eq!(item["endpoints"][0]["ready"], true);
    }
}

#[test]
fn ndjson_is_the_items_one_by_one() {
    let (scene, _fixture) = scene();
    let lines: Vec<Value> = run(&scene, "ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(settled(lines.into()), settled(json(&scene)["items"].take()));
}

#[test]
fn yaml_is_the_same_document() {
    let (scene, _fixture) = scene();
    let document: Value = yaml_serde::from_str(&run(&scene, "yaml")).unwrap();
    assert_eq!(settled(document), settled(json(&scene)));
}

#[test]
fn csv_has_a_record_for_every_endpoint_and_the_same_facts() {
    let (scene, _fixture) = scene();
    let text = run(&scene, "csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    assert_eq!(heads.iter().collect::<BTreeSet<_>>().len(), heads.len(), "two columns have one name");
    let listing = Listing::new(&json(&scene));
    // The reader itself refuses records of another length than the heading.
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), listing.rows.len());
    for (record, row) in records.iter().zip(&listing.rows) {
        let cell = |name: &str| {
            let at = heads.iter().position(|head| head == name).unwrap_or_else(|| panic!("no column {name}"));
            record.get(at).unwrap()
        };
        let endpoint = &row.0["endpoints"][0];
        assert_eq!(cell("id"), row.id());
        assert_eq!(cell("address"), endpoint["address"]);
        assert_eq!(cell("port"), endpoint["port"].to_string());
        assert_eq!(cell("transport"), endpoint["transport"]);
        assert_eq!(cell("scope"), *row.detail("scope"));
        assert_eq!(cell("state"), *row.detail("state"));
        assert_eq!(cell("connections"), option(row.detail("connections")));
        assert_eq!(cell("interface"), option(row.endpoint("interface")));
        let pids = cell("pid").split(' ').next().unwrap();
        assert!(row.pids().contains(&pids.parse().unwrap()), "{pids} {:?}", row.pids());
    }
}

fn option(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn prometheus_sd_is_the_list_of_targets_that_its_documentation_asks_for() {
    let (scene, _fixture) = scene();
    let groups: Value = serde_json::from_str(&run(&scene, "prometheus-sd")).unwrap();
    let listing = Listing::new(&json(&scene));
    let mut targets = BTreeSet::new();
    for group in groups.as_array().unwrap() {
        for target in group["targets"].as_array().unwrap() {
            let target: std::net::SocketAddr = target.as_str().unwrap().parse().expect("ADDRESS:PORT");
            assert!(!target.ip().is_unspecified(), "Prometheus cannot scrape {target}");
            targets.insert((target.port(), group["labels"]["__meta_portolan_transport"].as_str().unwrap().to_owned()));
        }
        for (name, value) in group["labels"].as_object().unwrap() {
            assert!(name.starts_with("__meta_portolan_") && value.is_string(), "{name}: {value}");
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(name.chars().all(legal), "{name} is no label name");
        }
    }
    let endpoint = |row: &Row| {
        let endpoint = &row.0["endpoints"][0];
        let port = u16::try_from(endpoint["port"].as_u64().unwrap()).unwrap();
        (port, endpoint["transport"].as_str().unwrap().to_owned())
    };
    assert_eq!(targets, listing.rows.iter().map(endpoint).collect());
}

#[test]
fn names_are_the_ids() {
    let (scene, _fixture) = scene();
    let listing = Listing::new(&json(&scene));
    let ids: Vec<&str> = listing.rows.iter().map(Row::id).collect();
    assert_eq!(run(&scene, "name").lines().collect::<Vec<_>>(), ids);
}

#[test]
fn addresses_are_those_of_the_rows_each_once() {
    let (scene, _fixture) = scene();
    let listing = Listing::new(&json(&scene));
    let mut expected: Vec<String> = Vec::new();
    for key in listing.keys() {
        let address = key.split_once(' ').unwrap().1.to_owned();
        if !expected.contains(&address) {
            expected.push(address);
        }
    }
    assert_eq!(run(&scene, "address").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn tables_have_a_line_for_every_row_and_no_decoration_in_a_pipe() {
    let (scene, _fixture) = scene();
    let listing = Listing::new(&json(&scene));
    for format in ["table", "wide"] {
        let text = run(&scene, format);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), listing.rows.len() + 1, "{text}");
        for (line, row) in lines[1..].iter().zip(&listing.rows) {
            let endpoint = &row.0["endpoints"][0];
            assert!(line.contains(&format!(":{}", endpoint["port"])), "{line}");
            assert!(row.pids().iter().any(|pid| line.split(' ').any(|word| word == pid.to_string())), "{line}");
        }
        assert!(!text.contains(['│', '─', '|', '+', '\x1b']) || format == "wide" || text.contains(" +"), "{text}");
    }
}

#[test]
fn an_empty_listing_is_valid_in_every_format() {
    let scene = Scene::new();
    assert_eq!(json(&scene)["items"], Value::Array(Vec::new()));
    assert_eq!(run(&scene, "ndjson"), "");
    assert_eq!(run(&scene, "name"), "");
    let yaml: Value = yaml_serde::from_str(&run(&scene, "yaml")).unwrap();
    assert_eq!(settled(yaml), settled(json(&scene)));
    assert_eq!(serde_json::from_str::<Value>(&run(&scene, "prometheus-sd")).unwrap(), Value::Array(Vec::new()));
    assert_eq!(csv::Reader::from_reader(run(&scene, "csv").as_bytes()).records().count(), 0);
}
