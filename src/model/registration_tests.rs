//! Registrations and registered instances as JSON, and what is wrong with those that are refused.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The body of the registration that the manual shows.
const SAMPLE: &str = r#"{
  "name": "user-service",
  "version": "1.2.0",
  "address": "192.168.1.100",
  "port": 8080,
  "protocol": "http",
  "weight": 100,
  "ttl": 30,
  "health_check": {
    "check_type": "http",
    "interval": 30,
    "timeout": 5,
    "failure_threshold": 3,
    "success_threshold": 2,
    "config": {
      "type": "http",
      "path": "/health",
      "method": "GET",
      "expected_status": 200
    }
  },
  "metadata": {
    "environment": "production",
    "region": "us-west-2"
  }
}"#;

fn read(value: &Value) -> Result<Registration, Problem> {
    Registration::from_json(value.to_string().as_bytes())
}

/// The sample with a field set or, with null, left out.
fn sample_with(field: &str, value: Value) -> Value {
    let mut sample: Value = serde_json::from_str(SAMPLE).unwrap();
    sample[field] = value;
    sample
}

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

fn any_name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,8}([._-][a-z0-9]{1,4})?"
}

fn any_duration(least: Duration) -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        Just(None),
        (0..3_000_u64).prop_map(move |more| Some(least + Duration::from_secs(more))),
        (0..3_000_000_u64).prop_map(move |more| Some(least + Duration::from_millis(more))),
        (0..3_000_000_u64).prop_map(move |more| Some(least + Duration::from_nanos(more))),
    ]
}

fn any_check() -> impl Strategy<Value = CheckDefinition> {
    let statuses = prop::option::of(prop_oneof![Just("200"), Just("2xx,304")]);
    let kind = prop_oneof![
        (prop_oneof![Just("/"), Just("/health?full=1")], prop_oneof![Just("GET"), Just("HEAD")], statuses).prop_map(
            |(path, method, statuses)| CheckKind::Http {
                path: path.to_owned(),
                method: method.to_owned(),
                expected_status: statuses.map(|statuses| statuses.parse().unwrap()),
            }
        ),
        Just(CheckKind::Tcp),
        prop::option::of(any_name()).prop_map(|service| CheckKind::Grpc { service }),
        Just(CheckKind::Tls),
        Just(CheckKind::Dns),
        (0..PROTOCOLS.len()).prop_map(|at| CheckKind::Protocol(PROTOCOLS[at])),
        Just(CheckKind::Ttl),
    ];
    let thresholds = (prop::option::of(1..=100_u32), prop::option::of(1..=100_u32));

    (kind, prop::option::of(any_name()), any_duration(Duration::from_secs(1)), thresholds).prop_map(
        |(kind, name, interval, (failure_threshold, success_threshold))| CheckDefinition {
            name,
            interval,
            timeout: interval.map(|interval| interval / 2),
            failure_threshold,
            success_threshold,
            ..CheckDefinition::new(kind)
        },
    )
}

fn any_status() -> impl Strategy<Value = OperatorStatus> {
    prop_oneof![Just(OperatorStatus::Up), Just(OperatorStatus::Draining), Just(OperatorStatus::Maintenance)]
}

fn any_registration() -> impl Strategy<Value = Registration> {
    let place =
        prop_oneof![Just("10.0.0.5:80"), Just("[2001:db8::1]:443"), Just("[fe80::1%eth0]:80"), Just("db.example:1")];
    let names = prop::array::uniform4(prop::option::of(any_name()));
    let texts = (prop::collection::vec("\\PC{1,12}", 0..3), prop::collection::vec(any_name(), 0..3));
    let metadata = prop::collection::btree_map(any_name(), ".{0,20}", 0..3);
    let times = (any_duration(MIN_TTL), any_duration(MIN_DEREGISTER_AFTER));
    let numbers = (prop::option::of(any::<u16>()), any_status());
    let checks = prop::collection::vec(any_check(), 0..3);

    (place, any_name(), names, texts, metadata, times, numbers, checks).prop_map(
        |(
            place,
            name,
            [id, namespace, node, zone],
            (tags, capabilities),
            metadata,
            times,
            (weight, status),
            checks,
        )| {
            Registration {
                id,
                version: namespace.as_ref().map(|_| "1.2.0-rc.1".to_owned()),
                protocol: zone.as_ref().map(|_| "http".to_owned()),
                namespace,
                node,
                zone,
                tags: tags.into_iter().filter(|tag| !tag.contains(crate::clean::is_dangerous)).collect(),
                capabilities,
                metadata,
                ttl: times.0,
                deregister_after: times.1,
                weight,
                status,
                checks,
                ..Registration::new(name, place.parse().unwrap())
            }
        },
    )
}

fn any_state() -> impl Strategy<Value = HealthState> {
    (0..4_usize).prop_map(|at| HealthState::ALL[at])
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn any_note() -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::of(".{0,10}".prop_map(Arc::<str>::from))
}

fn any_instance() -> impl Strategy<Value = RegisteredInstance> {
    let check = (any_state(), any_note(), prop::option::of(any_time()));
    let report = prop::option::of((any_state(), any_note(), any_time()));
    let numbers = (any::<u64>(), any::<u64>(), any::<u16>(), any_state());
    let flags = prop::array::uniform5(any::<bool>());

    (any_registration(), prop::collection::vec(check, 2), report, numbers, flags, any_time()).prop_map(
        |(
            registration,
            checks,
            report,
            (generation, index, weight, health),
            [node_down, flapping, monitoring_stopped, protected, expired],
            at,
        )| {
            let registration = Registration { id: Some("the-id".to_owned()), weight: Some(weight), ..registration };
            let checks = checks.into_iter().take(registration.checks.len());
            RegisteredInstance {
                id: "the-id".into(),
                generation,
                index,
                status: registration.status,
                weight,
                own_weight: flapping.then_some(weight / 2),
                health,
                lease: registration.ttl.map(|ttl| RegisteredLease { ttl, expires: at, expired }),
                report: report.map(|(status, message, timestamp)| HealthReport { status, message, timestamp }),
                checks: checks.map(|(state, note, checked_at)| CheckState { state, note, checked_at }).collect(),
                node_down,
                flapping,
                monitoring_stopped,
                protected,
                registered_at: at,
                last_seen: at,
                registration: Arc::new(registration),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_registration_is_read_as_it_was_written(registration in any_registration()) {
        let written = serde_json::to_vec(&registration).unwrap();
        prop_assert_eq!(Registration::from_json(&written), Ok(registration.clone()));
        prop_assert_eq!(serde_json::from_slice::<Registration>(&written).unwrap(), registration);
    }

    #[test]
    fn every_registered_instance_is_read_as_it_was_written(mut instance in any_instance()) {
        // What is not spelled out in an answer has its default when it is read.
        if instance.registration.namespace.is_none() {
            let registration = Registration { namespace: Some("default".to_owned()), ..(*instance.registration).clone() };
            instance.registration = Arc::new(registration);
        }
        let written = serde_json::to_vec(&instance).unwrap();
        prop_assert_eq!(serde_json::from_slice::<RegisteredInstance>(&written).unwrap(), instance);
    }
}

/// An instance of `web` with this id, as a registry answers with it.
fn registered(id: &str, health: HealthState) -> RegisteredInstance {
    let registration = Registration::new("web", "[2001:db8::1]:443".parse().unwrap())
        .id(id)
        .version("1.2.0")
        .tag("api")
        .capability("search")
        .meta("team", "shop")
        .node("n1")
        .zone("a");

    RegisteredInstance {
        id: id.into(),
        generation: 3,
        index: 7,
        status: OperatorStatus::Up,
        weight: 100,
        own_weight: None,
        health,
        lease: Some(RegisteredLease { ttl: Duration::from_secs(30), expires: Timestamp::UNIX_EPOCH, expired: false }),
        report: None,
        checks: Vec::new(),
        node_down: false,
        flapping: false,
        monitoring_stopped: false,
        protected: false,
        registered_at: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
        registration: Arc::new(registration),
    }
}

#[test]
fn an_answer_has_the_fields_that_simple_clients_read() {
    let written = serde_json::to_value(registered("a", HealthState::Healthy)).unwrap();
    // The record of a cluster's registry, and the instance of a client library.
    let fields = [
        "id",
        "name",
        "version",
        "node_id",
        "address",
        "port",
        "health_endpoint",
        "health_status",
        "metadata",
        "tags",
        "registered_at",
        "last_health_check",
        "health_check_interval",
        "healthy",
        "weight",
        "namespace",
        "node",
        "zone",
        "status",
        "health",
        "generation",
        "index",
        "last_seen",
        "lease",
        "capabilities",
    ];
    for field in fields {
        assert!(written.get(field).is_some(), "{field} in {written}");
    }
    assert_eq!(written["lease"], json!({"ttl": 30, "expires": "1970-01-01T00:00:00Z"}));

    assert_eq!((&written["healthy"], &written["weight"]), (&json!(true), &json!(100)));
}

#[test]
fn instances_become_services_with_endpoints() {
    let mut other = registered("b", HealthState::Unhealthy);
    other.status = OperatorStatus::Maintenance;
    let services = registered_services("portolan", [other, registered("a", HealthState::Healthy)]);

    assert_eq!((services.len(), services[0].id.as_raw()), (1, "portolan/default/web"));
    let service = &services[0];
    assert_eq!((service.detail.instances, service.detail.usable), (2, 1));
    assert_eq!(service.detail.health, Some(HealthState::Degraded));

    let [first, second] = &service.endpoints[..] else { panic!("{service:?}") };
    assert_eq!((first.to_string().as_str(), first.ready, first.weight), ("[2001:db8::1]:443", true, Some(100)));
    let instance = first.instance.as_deref().unwrap();
    assert_eq!((instance.id.as_str(), instance.lifecycle), ("a", Lifecycle::Up));
    assert_eq!(instance.lease.unwrap().ttl, Duration::from_secs(30));
    assert_eq!((second.is_usable(), second.instance.as_deref().unwrap().lifecycle), (false, Lifecycle::Maintenance));
}

#[test]
fn a_query_sees_the_same_in_both_forms() {
    let instance = registered("a", HealthState::Healthy);
    let service = registered_services("portolan", [instance.clone()]).remove(0);
    let endpoint = ServiceEndpoint::all(&service).next().unwrap();

    for (parameter, value, is_match) in [
        ("name", "web", true),
        ("service_name", "db", false),
        ("namespace", "default", true),
        ("namespace", "shop", false),
        ("version", "1.2.0", true),
        ("version", "v1.2.0", true),
        ("version", "^1.1", true),
        ("version", "1.2.1", false),
        ("tag", "api", true),
        ("tag", "api,blue", false),
        ("capability", "search", true),
        ("capability", "sea", false),
        ("metadata", "team=shop", true),
        ("metadata.team", "sho", false),
        ("metadata", "region:eu", false),
        ("node_id", "n1", true),
        ("node", "n2", false),
        ("zone", "a", true),
        ("zone", "b", false),
        ("health", "healthy", true),
        ("health_status", "unhealthy", false),
    ] {
        let mut query = Query::default();
        assert_eq!(query.set_parameter(parameter, value), Ok(true), "{parameter}");
        assert_eq!(query.matches(&instance), is_match, "{query}");
        assert_eq!(query.matches(&endpoint), is_match, "{query} of an endpoint");

        let mut again = Query::default();
        for (name, value) in query.parameters() {
            again.set_parameter(&name, &value).unwrap();
        }
        assert_eq!(again, query, "its parameters say the same");
    }
}

#[test]
fn all_filters_must_match() {
    let instance = registered("a", HealthState::Healthy);
    let all = Query::named("web")
        .namespace("default")
        .version("~1.2".parse().unwrap())
        .tag("api")
        .capability("search")
        .metadata("team", "shop")
        .node("n1")
        .zone("a")
        .health(HealthState::Healthy)
        .usable();
    assert!(all.matches(&instance));
    assert!(!all.clone().tag("blue").matches(&instance));

    assert!(!all.matches(&registered("a", HealthState::Unhealthy)));
}

#[test]
fn an_explanation_names_the_filter_that_removed_the_last_candidate() {
    let mut odd = registered("c", HealthState::Healthy);
    odd.registration = Arc::new(Registration { version: Some("blue".to_owned()), ..(*odd.registration).clone() });
    let instances = [registered("a", HealthState::Healthy), registered("b", HealthState::Unhealthy), odd];

    let explain = |query: Query| query.explain(&instances);
    let nothing = explain(Query::named("web").version("^1.2".parse().unwrap()).tag("api").tag("blue").usable());
    assert_eq!(nothing.removed_last(), Some("tag blue"));
    assert_eq!(nothing.to_string(), "no instance: the filter 'tag blue' removed the last of 3");
    assert_eq!(nothing.unreadable_versions, ["blue"]);
    assert_eq!(
        serde_json::to_value(&nothing).unwrap()["steps"],
        json!([
            {"filter": "name web", "left": 3}, {"filter": "version ^1.2", "left": 2}, {"filter": "tag api", "left": 2},
            {"filter": "tag blue", "left": 0}, {"filter": "usable", "left": 0},
        ])
    );

    let some = explain(Query::named("web").usable());
    assert_eq!((some.removed_last(), some.to_string().as_str()), (None, "2 of 3 instances match"));
    assert_eq!(explain(Query::named("db")).removed_last(), Some("name db"));
    let none: [RegisteredInstance; 0] = [];
    assert_eq!(Query::named("web").explain(&none).to_string(), "no instance is registered");
}

#[test]
fn a_bad_parameter_is_refused_and_a_foreign_one_is_left_alone() {
    let mut query = Query::default();
    for (parameter, value) in [("version", ">="), ("health", "well"), ("metadata", "region")] {
        let problem = query.set_parameter(parameter, value).unwrap_err();
        assert_eq!(problem.field, parameter);
        assert!(!problem.hint.is_empty());
    }
    assert_eq!(query.set_parameter("limit", "5"), Ok(false));
    assert_eq!(query, Query::default());
}
