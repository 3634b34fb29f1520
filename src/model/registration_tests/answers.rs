//! Registered instances: as an answer, as services, and in queries.

use super::*;

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
        status_reason: None,
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
        "ttl",
        "capabilities",
    ];
    for field in fields {
        assert!(written.get(field).is_some(), "{field} in {written}");
    }
    assert_eq!(written["lease"], json!({"ttl": 30, "expires": "1970-01-01T00:00:00Z"}));
    assert_eq!(written["ttl"], 30, "what is in force, where the registration sets none");

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
