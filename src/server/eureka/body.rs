//! The body of a registration: JSON, or XML.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Map, Value, json};

use super::instance::{EUREKA_KEY, registry_id};
use super::status::InstanceStatus;
use super::xml;
use crate::clean::clean;
use crate::model::{Address, HostPort, MAX_TTL, MIN_DEREGISTER_AFTER, MIN_TTL, Problem, Registration};
use crate::server::api_error::ApiResult;
use crate::server::authorized::Access;
use crate::server::body::read_document;

/// How long a registration lasts that names no duration, as in Eureka.
const DEFAULT_LEASE: Duration = Duration::from_secs(90);
/// What a document holds.
const HINT: &str = "send {\"instance\": {…}}, or <instance> as XML";
/// The texts that only Eureka knows of an instance.
const TEXTS: [&str; 11] = [
    "instanceId",
    "hostName",
    "ipAddr",
    "appGroupName",
    "asgName",
    "homePageUrl",
    "statusPageUrl",
    "healthCheckUrl",
    "secureHealthCheckUrl",
    "vipAddress",
    "secureVipAddress",
];

/// Reads the fields of an instance.
///
/// # Errors
/// A body that is too long or too slow, or neither JSON nor XML with an instance.
pub(super) async fn read(access: &Access, request: Request<Body>) -> ApiResult<Map<String, Value>> {
    let app = access.app();
    let (bytes, is_xml) =
        read_document(request, app.settings.size_limits.body_bytes, app.settings.time_limits.body).await?;
    Ok(instance(&bytes, is_xml)?)
}

/// The fields of the instance in a document.
pub(super) fn instance(bytes: &[u8], is_xml: bool) -> Result<Map<String, Value>, Problem> {
    let document = if is_xml { xml::read(bytes) } else { serde_json::from_slice(bytes).map_err(|e| e.to_string()) };
    let document = document.map_err(|why| Problem::new("", clean(&why), HINT))?;
    match document {
        Value::Object(mut fields) => match fields.shift_remove("instance") {
            Some(Value::Object(instance)) => Ok(instance),
            _ => Err(Problem::new("instance", "it is missing", HINT)),
        },
        _ => Err(Problem::new("", "it is not an object", HINT)),
    }
}

/// The registration of an instance of `app`, and the status that it reports.
///
/// # Errors
/// The first field that cannot be used.
pub(super) fn registration(app: &str, fields: &Map<String, Value>) -> Result<(Registration, InstanceStatus), Problem> {
    let named = text(fields, "app").unwrap_or_else(|| app.to_owned());
    if !named.eq_ignore_ascii_case(app) {
        let message = format!("it is {}, and the path has {}", clean(&named), clean(app));
        return Err(Problem::new("app", message, "write the same name in both"));
    }
    let status = text(fields, "status").unwrap_or_else(|| "UP".to_owned());
    let Some(status) = InstanceStatus::of_name(&status) else {
        let hint = "write UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN";
        return Err(Problem::new("status", format!("{} is not a status", clean(&status)), hint));
    };

    let host_name = text(fields, "hostName");
    let address =
        text(fields, "ipAddr").filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()).or_else(|| host_name.clone());
    let Some(address) = address else {
        return Err(Problem::new("ipAddr", "neither it nor hostName is there", "give the address of the instance"));
    };
    let (port, secure) = (port(fields, "port")?, port(fields, "securePort")?);
    let (number, is_secure) = match (&port, &secure) {
        (Some((number, true)), _) => (*number, false),
        (_, Some((number, true))) => (*number, true),
        (Some((number, _)), _) => (*number, false),
        _ => return Err(Problem::new("port", "it is missing", "write {\"$\": 8080, \"@enabled\": true}")),
    };

    let id = text(fields, "instanceId").or_else(|| text(fields, "id")).or_else(|| host_name.clone());
    let id = id.unwrap_or_else(|| address.clone());
    let mut own: BTreeMap<&'static str, Value> =
        TEXTS.iter().filter_map(|name| Some((*name, json!(text(fields, name)?)))).collect();
    own.insert("instanceId", json!(id));
    own.extend(
        fields.get("dataCenterInfo").filter(|info| info.is_object()).map(|info| ("dataCenterInfo", info.clone())),
    );
    own.extend(fields.get("countryId").filter(|id| id.is_number()).map(|id| ("countryId", id.clone())));
    own.extend(whole(fields.get("lastDirtyTimestamp")).map(|time| ("lastDirtyTimestamp", json!(time))));
    let (other, names) =
        if is_secure { (&port, ("port", "portEnabled")) } else { (&secure, ("securePort", "securePortEnabled")) };
    if let Some((number, is_enabled)) = other {
        own.extend([(names.0, json!(number)), (names.1, json!(is_enabled))]);
    }

    let lease = fields.get("leaseInfo").and_then(Value::as_object);
    own.extend(seconds(lease, "renewalIntervalInSecs").map(|time| ("renewalIntervalInSecs", json!(time))));
    let ttl = seconds(lease, "durationInSecs").map_or(DEFAULT_LEASE, Duration::from_secs).clamp(MIN_TTL, MAX_TTL);

    let place = HostPort {
        address: address.parse().map_or_else(|_| Address::Name(address.as_str().into()), Address::Ip),
        interface: None,
        port: Some(number),
    };
    let mut registration = Registration::new(app.to_lowercase(), place)
        .id(registry_id(app, &id))
        .protocol(if is_secure { "https" } else { "http" })
        .ttl(ttl)
        // Eureka removes what does not renew its lease.
        .deregister_after(ttl.max(MIN_DEREGISTER_AFTER));
    registration.set_metadata(metadata(fields)?);
    registration.metadata.insert(EUREKA_KEY.to_owned(), json!(own).to_string());
    match registration.problem() {
        Some(problem) => Err(problem),
        None => Ok((registration, status)),
    }
}

/// The error for metadata that has the key of ours.
pub(super) fn reserved() -> Problem {
    Problem::new("metadata", format!("{EUREKA_KEY} is the server's own key"), "use another key")
}

/// The metadata. Keys that begin with `@` are Java's.
fn metadata(fields: &Map<String, Value>) -> Result<BTreeMap<String, String>, Problem> {
    let entries = fields.get("metadata").and_then(Value::as_object).into_iter().flatten();
    let mut metadata = BTreeMap::new();
    for (key, value) in entries.filter(|(key, value)| !key.starts_with('@') && !value.is_null()) {
        if key == EUREKA_KEY {
            return Err(reserved());
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        metadata.insert(key.clone(), value);
    }
    Ok(metadata)
}

/// A text that is not empty.
fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A whole number, also as a text.
fn whole(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A number of seconds of a lease.
fn seconds(lease: Option<&Map<String, Value>>, name: &str) -> Option<u64> {
    whole(lease?.get(name)).and_then(|time| u64::try_from(time).ok())
}

/// A port, and whether it is enabled: `{"$": 8080, "@enabled": "true"}`, or the number alone.
fn port(fields: &Map<String, Value>, name: &'static str) -> Result<Option<(u16, bool)>, Problem> {
    let Some(value) = fields.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let (number, enabled) = match value {
        Value::Object(parts) => (whole(parts.get("$")), parts.get("@enabled")),
        other => (whole(Some(other)), None),
    };
    let is_enabled =
        enabled.is_none_or(|enabled| enabled.as_bool().unwrap_or_else(|| enabled.as_str() == Some("true")));

    match number.and_then(|number| u16::try_from(number).ok()) {
        Some(0) => Ok(None),
        Some(number) => Ok(Some((number, is_enabled))),
        None => Err(Problem::new(name, "it is not a port", "write {\"$\": 8080, \"@enabled\": true}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(instance: Value) -> Result<(Registration, InstanceStatus), String> {
        let Value::Object(fields) = instance else { unreachable!("it is an object") };
        registration("WEB", &fields).map_err(|problem| problem.to_string())
    }

    #[test]
    fn an_instance_becomes_a_registration() {
        let (registration, status) = read(json!({
            "instanceId": "h1:web:8443", "hostName": "h1", "app": "web", "ipAddr": "10.0.0.1", "status": "STARTING",
            "port": { "$": 8080, "@enabled": "false" }, "securePort": { "$": "8443", "@enabled": "true" },
            "leaseInfo": { "durationInSecs": 20 }, "metadata": { "zone": "a", "n": 1, "@class": "java.util.Map" },
        }))
        .unwrap();
        assert_eq!(
            (registration.place(), registration.protocol.as_deref()),
            ("10.0.0.1:8443".to_owned(), Some("https"))
        );
        assert_eq!((registration.id.as_deref(), registration.name.as_str()), (Some("WEB:h1:web:8443"), "web"));
        assert_eq!((registration.ttl, status), (Some(Duration::from_secs(20)), InstanceStatus::Starting));

        assert_eq!((registration.zone.as_deref(), registration.metadata.get("n").unwrap().as_str()), (Some("a"), "1"));
        let own: Value = serde_json::from_str(registration.metadata.get(EUREKA_KEY).unwrap()).unwrap();
        assert_eq!((&own["port"], &own["portEnabled"]), (&json!(8080), &json!(false)));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let good = json!({ "app": "WEB", "ipAddr": "10.0.0.1", "port": 80 });
        assert!(read(good.clone()).is_ok());

        for (field, value, why) in [
            ("app", json!("other"), "app: it is other, and the path has WEB"),
            ("status", json!("GREEN"), "status: GREEN is not a status"),
            ("port", json!(70_000), "port: it is not a port"),
            ("port", json!(0), "port: it is missing"),
            ("ipAddr", json!("a b"), "ipAddr: neither it nor hostName is there"),
            ("metadata", json!({ EUREKA_KEY: "x" }), "metadata: eureka_instance is the server's own key"),
        ] {
            let mut instance = good.clone();
            instance[field] = value;
            assert_eq!(read(instance).unwrap_err(), why);
        }
    }
}
