//! What is read, and what is wrong with what is refused.

use super::*;

#[test]
fn the_sample_is_read_and_written_as_it_is() {
    let registration = Registration::from_json(SAMPLE.as_bytes()).unwrap();
    let seconds = Duration::from_secs;

    assert_eq!((registration.ttl, registration.weight), (Some(seconds(30)), Some(100)));
    let check = &registration.checks[0];
    assert_eq!((check.interval, check.timeout), (Some(seconds(30)), Some(seconds(5))));
    assert_eq!((check.failure_threshold, check.success_threshold), (Some(3), Some(2)));
    let CheckKind::Http { path, method, expected_status } = &check.kind else { panic!("{check:?}") };
    assert_eq!((path.as_str(), method.as_str()), ("/health", "GET"));
    assert_eq!(expected_status.as_ref().unwrap().to_string(), "200");

    let written: Value = serde_json::to_value(&registration).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(SAMPLE).unwrap());
}

#[test]
fn names_of_other_registries_mean_the_same() {
    let registration = read(&json!({
        "id": "web-api-1", "service_name": "web-api", "version": "1.0.0", "node_id": "worker-1", "host": "192.168.1.100",
        "port": 8080, "health_endpoint": "/health", "health_check_interval": "10s", "ttl": "1m", "tags": ["api", "web"],
        "capabilities": ["search"], "metadata": {"team": "platform"}, "zone": "a", "status": "healthy",
        "deregister_after": "10m",
    }))
    .unwrap();

    let expected = Registration::new("web-api", "192.168.1.100:8080".parse().unwrap())
        .id("web-api-1")
        .version("1.0.0")
        .node("worker-1")
        .zone("a")
        .ttl(Duration::from_mins(1))
        .deregister_after(Duration::from_mins(10))
        .tag("api")
        .tag("web")
        .capability("search")
        .meta("team", "platform")
        .check(CheckDefinition::http("/health").every(Duration::from_secs(10)));
    assert_eq!(registration, expected);
}

#[test]
fn a_new_registration_has_the_servers_defaults() {
    let registration = Registration::new("web", "[::1]:80".parse().unwrap());
    assert_eq!(serde_json::to_value(&registration).unwrap(), json!({"name": "web", "address": "::1", "port": 80}));
    assert_eq!(registration.place(), "[::1]:80");
    assert_eq!(Registration::new("web", "/run/x.sock".parse().unwrap()).problem().unwrap().field, "address");
}

#[test]
fn durations_are_seconds_or_have_a_unit() {
    for (written, millis) in [
        (json!(30), 30_000),
        (json!("30s"), 30_000),
        (json!("30"), 30_000),
        (json!(1.5), 1_500),
        (json!("1m30s"), 90_000),
    ] {
        let registration = read(&sample_with("ttl", written.clone())).unwrap();
        assert_eq!(registration.ttl, Some(Duration::from_millis(millis)), "{written}");
    }
    for written in [json!(0), json!("0"), json!("0s")] {
        assert_eq!(read(&sample_with("ttl", written)).unwrap().ttl, Some(Duration::ZERO));
    }

    assert_eq!(read(&sample_with("ttl", Value::Null)).unwrap().ttl, None);
}

/// The sample with a field of its check.
fn check(field: &str, value: Value) -> Value {
    let mut sample: Value = serde_json::from_str(SAMPLE).unwrap();
    sample["health_check"][field] = value;
    sample
}

/// The sample with another request of its check.
fn config(config: Value) -> Value {
    check("config", config)
}

fn long(length: usize) -> Value {
    Value::from("x".repeat(length))
}

fn many(count: usize) -> Value {
    Value::from(vec!["x"; count])
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn each_bad_field_is_named_with_a_reason_and_a_hint() {
    let cases = [
        (sample_with("name", Value::Null), "name", "it is missing"),
        (sample_with("name", json!("")), "name", "it is empty"),
        (sample_with("name", json!("../etc")), "name", "'../etc' is not a name"),
        (sample_with("name", json!("a b")), "name", "'a b' is not a name"),
        (sample_with("name", json!("web\u{202e}")), "name", "'web\\u{202e}' is not a name"),
        (sample_with("name", long(129)), "name", "it has 129 bytes, at most 128 are allowed"),
        (
            sample_with("name", json!("6f2d3b0e-0b0c-4c39-9d6c-7e1f6f5f7a11")),
            "name",
            "it is a UUID, which would be taken for an id",
        ),
        (sample_with("name", json!(5)), "name", "5 is not a text"),
        (sample_with("namespace", json!("a/b")), "namespace", "'a/b' is not a name"),
        (sample_with("id", json!("")), "id", "'' is not an id"),
        (sample_with("id", json!("a/b")), "id", "'a/b' is not an id"),
        (sample_with("version", json!("1 2")), "version", "'1 2' is not a version"),
        (sample_with("address", Value::Null), "address", "it is missing"),
        (
            sample_with("address", json!("0.0.0.0")),
            "address",
            "it is the wildcard address, which no client can connect to",
        ),
        (sample_with("address", json!("::")), "address", "it is the wildcard address, which no client can connect to"),
        (sample_with("address", json!("224.0.0.1")), "address", "it is a multicast or broadcast address"),
        (
            sample_with("address", json!("fe80::1")),
            "address",
            "a link-local address needs its interface, as in fe80::1%eth0",
        ),
        (sample_with("address", json!("db:80")), "address", "'db:80': it is neither an address nor a host name"),
        (sample_with("address", json!("300.1.1.1")), "address", "'300.1.1.1': it is not an IPv4 address"),
        (sample_with("port", json!(0)), "port", "0 is not a whole number from 1 to 65535"),
        (sample_with("port", json!(65_536)), "port", "65536 is not a whole number from 1 to 65535"),
        (sample_with("port", json!("80")), "port", "\"80\" is not a whole number from 1 to 65535"),
        (sample_with("port", json!(80.5)), "port", "80.5 is not a whole number from 1 to 65535"),
        (sample_with("protocol", json!("HTTP")), "protocol", "'HTTP' is not a protocol"),
        (sample_with("weight", json!(-1)), "weight", "-1 is not a whole number from 0 to 65535"),
        (sample_with("ttl", json!(-5)), "ttl", "-5 is not a duration such as 30 (seconds) or \"30s\""),
        (sample_with("ttl", json!("soon")), "ttl", "\"soon\" is not a duration such as 30 (seconds) or \"30s\""),
        (sample_with("ttl", json!("500ms")), "ttl", "it is not between 1 second and 24 hours"),
        (sample_with("ttl", json!(90_000)), "ttl", "it is not between 1 second and 24 hours"),
        (sample_with("deregister_after", json!(59)), "deregister_after", "it is not between 1 minute and 1 year"),
        (sample_with("tags", json!("api")), "tags", "\"api\" is not a list"),
        (sample_with("tags", json!(["a", 1])), "tags.1", "1 is not a text"),
        (sample_with("tags", json!([""])), "tags", "'' is empty, longer than 128 bytes or has control characters"),
        (sample_with("tags", many(65)), "tags", "there are 65, at most 64 are allowed"),
        (
            sample_with("capabilities", json!(["\n"])),
            "capabilities",
            "'\\n' is empty, longer than 128 bytes or has control characters",
        ),
        (sample_with("metadata", json!({"a": 1})), "metadata.a", "1 is not a text"),
        (
            sample_with("metadata", json!({"a": "x".repeat(16 * 1024)})),
            "metadata",
            "it has 16385 bytes, at most 16384 are allowed",
        ),
        (
            sample_with("metadata", json!({"": "x"})),
            "metadata",
            "the key '' is empty, longer than 128 bytes or has control characters",
        ),
        (sample_with("node", json!(".")), "node", "'.' is not a name"),
        (sample_with("status", json!("down")), "status", "\"down\" is not a status"),
        (sample_with("nmae", json!("x")), "nmae", "there is no such field"),
        (sample_with("service_name", json!("x")), "service_name", "it means the same as name, which is there too"),
        (sample_with("health_status", json!("healthy")), "health_status", "the registry decides this field"),
        (sample_with("health_endpoint", json!("http://x/")), "health_endpoint", "it is not the path of an HTTP check"),
        (check("interval", json!(0)), "health_check.interval", "it is not between 1 second and 24 hours"),
        (check("timeout", json!(31)), "health_check.timeout", "it is longer than the interval of the check"),
        (
            check("failure_threshold", json!(0)),
            "health_check.failure_threshold",
            "0 is not a whole number from 1 to 100",
        ),
        (check("check_type", json!("tcp")), "health_check.config.type", "it differs from check_type, which is tcp"),
        (check("intervall", json!(3)), "health_check.intervall", "there is no such field"),
        (config(json!({"type": "http", "path": "health"})), "health_check.config.path", "it is not a valid HTTP path"),
        (
            config(json!({"type": "http", "expected_status": 99})),
            "health_check.config.expected_status",
            "it is not a list of HTTP statuses from 100 to 599",
        ),
        (config(json!({"type": "http", "paht": "/"})), "health_check.config.paht", "there is no such field"),
        (
            sample_with("health_check", json!({"check_type": "ping"})),
            "health_check.check_type",
            "there is no such check",
        ),
        (sample_with("health_check", json!({})), "health_check.check_type", "it is missing"),
        (
            sample_with("health_check", json!({"check_type": "script", "config": {"command": ["rm"]}})),
            "health_check.check_type",
            "a registration cannot run a program on the server",
        ),
        (sample_with("health_checks", json!([{"check_type": "tcp"}, 3])), "health_checks.1", "3 is not an object"),
    ];

    for (body, field, message) in cases {
        let problem = read(&body).expect_err(field);
        assert_eq!((problem.field.as_str(), problem.message.as_str()), (field, message));
        assert!(!problem.hint.is_empty(), "{field}: {message}");
    }
}

#[test]
fn what_is_not_an_object_is_refused_as_a_whole() {
    for body in ["", "[]", "null", "{", "{\"name\": \"a\", \"name\": \"b\"}", "\u{0}", &"[".repeat(100_000)] {
        let problem = Registration::from_json(body.as_bytes()).expect_err(body);
        assert_eq!(problem.field, "", "{problem}");
        assert!(problem.message.starts_with("it is not a JSON object: "), "{problem}");
    }
}

#[test]
fn an_interval_without_a_check_is_not_ignored() {
    let body = json!({"name": "web", "address": "::1", "port": 80, "health_check_interval": 10});
    assert_eq!(read(&body).unwrap_err().message, "the registration has no health check");
}

#[test]
fn every_protocol_can_be_registered_with_its_check() {
    for (protocol, check) in [
        ("http", CheckDefinition::http("/health")),
        ("https", CheckDefinition::tls()),
        ("grpc", CheckDefinition::grpc()),
        ("tcp", CheckDefinition::tcp()),
    ] {
        let registration = Registration::new("a", "db:1".parse().unwrap()).protocol(protocol).check(check);
        assert_eq!(read(&serde_json::to_value(&registration).unwrap()), Ok(registration));
    }
}
