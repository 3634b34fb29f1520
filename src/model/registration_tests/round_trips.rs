//! Everything that is written is read back.

use super::*;

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
                metadata: metadata.into(),
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
                status_reason: protected.then(|| "patch day \"1\"".into()),
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
