//! URLs and variables of registries.

use std::ffi::OsString;

use super::*;

fn error_of(url: &str) -> Error {
    open(url, None).err().unwrap_or_else(|| panic!("{url} is accepted"))
}

#[test]
fn an_unknown_provider_lists_the_known_ones() {
    let error = error_of("consull://127.0.0.1:8500");
    assert!(error.to_string().starts_with("cannot use registry 'consull://127.0.0.1:8500': there is no such provider"));
    for example in EXAMPLES {
        assert!(error.hint().contains(example), "{}", error.hint());
    }
    for url in ["", "web", "://x", "10.0.0.1:80"] {
        let error = error_of(url).to_string();
        assert!(error.contains("no scheme") || error.contains("no such provider"), "{url}: {error}");
    }
}

/// TLS as other programs write it.
#[cfg(feature = "consul")]
#[test]
fn a_scheme_with_tls_is_explained() {
    for url in ["consuls://127.0.0.1:8501", "consul+https://127.0.0.1:8501", "consul+tls://127.0.0.1:8501"] {
        assert_eq!(error_of(url).hint(), "write consul://127.0.0.1:8501?tls=true", "{url}");
    }
    assert!(open("consul://127.0.0.1:8501?tls=true", None).is_ok());
}

/// Secrets are never shown, and never taken from a URL.
#[test]
fn a_password_in_a_url_is_refused_and_not_shown() {
    let error = error_of("etcd://root:s3cret@127.0.0.1:2379/x?token=s3cret");
    assert!(error.to_string().contains("must not contain a password"), "{error}");
    assert!(!format!("{error} {} {error:?}", error.hint()).contains("s3cret"), "{error:?}");
}

#[test]
fn an_unknown_parameter_is_refused() {
    let error = error_of("file:services.toml?dc=eu");
    assert_eq!(error.to_string(), "cannot use registry 'file:services.toml?dc=eu': it has no parameter 'dc'");
    assert!(error_of("file:").to_string().ends_with("the file is missing"));
    assert_eq!(error_of("dir/services.toml").hint(), "write file:dir/services.toml");
}

/// What a program can only read refuses a registration, and says what can.
#[tokio::test]
async fn a_file_cannot_register_anything() {
    let provider = open("file:services.toml", None).unwrap();
    let registration = Registration::new("web", "10.0.0.1:80".parse().unwrap());
    let error = provider.register(&registration).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot use file to register web: it can only be read");
    assert!(error.hint().contains("consul://"), "{}", error.hint());
}

/// A variable of one environment.
macro_rules! environment {
    ($($name:literal = $value:literal),*) => {
        |name: &str| -> Option<OsString> {
            match name {
                $($name => Some(OsString::from($value)),)*
                _ => None,
            }
        }
    };
}

/// H6 to H8, D12, C24: the variables choose and configure; what is wrong is named with the list.
#[test]
fn the_environment_chooses_and_configures_a_registry() {
    let chosen = settings(environment!(
        "DISCOVERY_PROVIDER" = "static",
        "DISCOVERY_FILE" = "s.toml",
        "DISCOVERY_SERVICE_NAME" = "user-service",
        "DISCOVERY_BALANCER" = "least_connections",
        "DISCOVERY_CACHE_TTL" = "3s",
        "DISCOVERY_HEALTH_CHECK" = "false"
    ))
    .unwrap();
    assert_eq!((chosen.provider.name(), chosen.only_healthy), ("file", false));
    assert_eq!(
        (chosen.service_name.as_deref(), chosen.cache_ttl),
        (Some("user-service"), Some(Duration::from_secs(3)))
    );
    assert_eq!(chosen.balancer.unwrap().name(), "least_connections");

    let found = settings(environment!("DISCOVERY_FILE" = "s.toml")).unwrap();
    assert_eq!((found.provider.name(), found.only_healthy), ("file", true), "a variable of a provider chooses it");
    assert!(found.balancer.is_none() && found.cache_ttl.is_none() && found.service_name.is_none());
    let both =
        environment!("CONSUL_HTTP_ADDR" = "http://127.0.0.1:8500", "PORTOLAN_REGISTRY" = "http://127.0.0.1:7440");
    assert_eq!(settings(both).unwrap().provider.name(), "portolan", "the other one is there for Consul's programs");
    let url = settings(environment!("DISCOVERY_PROVIDER" = "file:s.toml")).unwrap();
    assert_eq!(url.provider.name(), "file");

    let cases: [(Variable, &str, &str); 5] = [
        (environment!("DISCOVERY_PROVIDER" = "zookeeper"), "cannot use DISCOVERY_PROVIDER='zookeeper'", "consul, etcd"),
        (environment!("DISCOVERY_PROVIDER" = ""), "cannot use DISCOVERY_PROVIDER: it is not set", "consul, etcd"),
        (
            environment!("DISCOVERY_FILE" = "s", "DISCOVERY_BALANCER" = "best"),
            "cannot use DISCOVERY_BALANCER='best'",
            "round_robin",
        ),
        (
            environment!("DISCOVERY_FILE" = "s", "DISCOVERY_CACHE_TTL" = "soon"),
            "cannot use DISCOVERY_CACHE_TTL='soon'",
            "10s",
        ),
        (
            environment!("DISCOVERY_FILE" = "s", "DISCOVERY_HEALTH_CHECK" = "maybe"),
            "cannot use DISCOVERY_HEALTH_CHECK='maybe'",
            "true or false",
        ),
    ];
    for (variable, text, hint) in cases {
        let error = settings(variable).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        assert!(error.hint().contains(hint), "{}", error.hint());
    }
}
