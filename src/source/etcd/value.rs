//! The value of a key: a registration as JSON, as several programs write it, or plain `host:port`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::clean::Untrusted;
use crate::model::{Address, Endpoint, HostPort, Instance, Lifecycle, ServiceUrl, Transport, UrlPlace};

/// A registered instance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EtcdRegistration {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) endpoint: Endpoint,
}

/// The fields of a registration, by the names that programs give them. Others are ignored: the keys belong to others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ValueFields {
    #[serde(alias = "ID", alias = "Id")]
    id: Option<String>,
    #[serde(alias = "Name", alias = "service", alias = "Service", alias = "service_name")]
    name: Option<String>,
    #[serde(alias = "Namespace")]
    namespace: Option<String>,
    #[serde(alias = "Version")]
    version: Option<String>,
    #[serde(alias = "Address", alias = "addr", alias = "Addr", alias = "host", alias = "Host", alias = "ip")]
    address: Option<String>,
    #[serde(alias = "Port")]
    port: Option<u16>,
    #[serde(alias = "Protocol")]
    protocol: Option<String>,
    #[serde(alias = "Weight")]
    weight: Option<i64>,
    #[serde(alias = "Tags")]
    tags: Option<Vec<String>>,
    #[serde(alias = "Metadata", alias = "meta", alias = "Meta")]
    metadata: Option<Value>,
    #[serde(alias = "Healthy")]
    healthy: Option<bool>,
    #[serde(alias = "Status")]
    status: Option<String>,
    #[serde(alias = "node_id", alias = "Node")]
    node: Option<String>,
    #[serde(alias = "Zone")]
    zone: Option<String>,
}

/// Reads a value. `key` is the key without its prefix: `NAME/ID`, `NAMESPACE/NAME/ID` or `NAME`.
///
/// # Errors
/// Why it is not a registration.
pub(super) fn read(key: &str, value: &[u8]) -> Result<EtcdRegistration, String> {
    let text = std::str::from_utf8(value).map_err(|_| "the value is not text".to_owned())?.trim();
    let fields = if text.starts_with('{') {
        serde_json::from_str::<ValueFields>(text)
            .map_err(|error| format!("the value is not a registration: {error}"))?
    } else {
        if text.is_empty() {
            return Err("the value is empty".to_owned());
        }
        ValueFields { address: Some(text.trim_matches('"').to_owned()), ..ValueFields::default() }
    };
    registered(key, fields)
}

fn registered(key: &str, fields: ValueFields) -> Result<EtcdRegistration, String> {
    let address = fields.address.as_deref().filter(|address| !address.is_empty());
    let address = address.ok_or_else(|| "the value has no address".to_owned())?;
    let mut endpoint = endpoint(address, fields.port)?;
    let (name, namespace) = names(key, &fields)?;

    let lifecycle = match fields.status.as_deref() {
        Some("maintenance") => Lifecycle::Maintenance,
        Some("draining") => Lifecycle::Draining,
        _ => Lifecycle::Up,
    };
    let healthy = fields.healthy != Some(false);
    let instance = Instance {
        id: fields.id.filter(|id| !id.is_empty()).unwrap_or_else(|| key.to_owned()),
        serving: healthy,
        lifecycle,
        protocol: fields.protocol.filter(|protocol| protocol != "tcp").map(Into::into),
        node: fields.node.map(Into::into),
        zone: fields.zone.map(Into::into),
        version: fields.version.filter(|version| !version.is_empty()).map(Into::into),
        tags: fields.tags.unwrap_or_default().into_iter().map(Into::into).collect(),
        metadata: metadata(fields.metadata),
        ..Instance::default()
    };
    endpoint.ready = healthy && lifecycle.takes_calls();
    endpoint.weight = fields.weight.map(|weight| u16::try_from(weight.max(0)).unwrap_or(u16::MAX));
    endpoint.instance = Some(Box::new(instance));
    Ok(EtcdRegistration { name, namespace, endpoint })
}

fn endpoint(address: &str, port: Option<u16>) -> Result<Endpoint, String> {
    if let Some(port) = port.filter(|port| *port > 0) {
        let bare = address.trim_matches(['[', ']']);
        let address = match bare.parse() {
            Ok(ip) => Address::Ip(ip),
            Err(_) if is_name(bare) => Address::Name(bare.into()),
            Err(_) => return Err(unusable(address, "it is neither an address nor a host name")),
        };
        return Ok(Endpoint::new(address, Some(port), Transport::Tcp));
    }

    if ServiceUrl::is_meant(address) {
        let url = address.parse::<ServiceUrl>().map_err(|error| unusable(address, &error.to_string()))?;
        return match url.place {
            UrlPlace::Hosts(hosts) => {
                hosts.into_iter().next().map(HostPort::endpoint).ok_or_else(|| unusable(address, "it has no host"))
            }
            UrlPlace::Socket(_) => Err(unusable(address, "it is a Unix-domain socket")),
        };
    }
    address.parse::<HostPort>().map(HostPort::endpoint).map_err(|error| unusable(address, &error.to_string()))
}

fn unusable(address: &str, why: &str) -> String {
    format!("the address '{address}': {why}")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// The name and the namespace: of the value, or else of the key.
fn names(key: &str, fields: &ValueFields) -> Result<(String, Option<String>), String> {
    let key = key.trim_matches('/');
    let (path, _) = key.rsplit_once('/').unwrap_or((key, ""));
    let (of_path, last) = path.rsplit_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name));

    let given = fields.name.as_deref().filter(|name| !name.is_empty());
    let namespace = fields.namespace.as_deref().or(if given.is_some() { None } else { of_path });
    let namespace = namespace.filter(|namespace| !namespace.is_empty() && *namespace != "default");
    match given.unwrap_or(last) {
        "" => Err("neither the key nor the value has a name".to_owned()),
        name => Ok((name.to_owned(), namespace.map(str::to_owned))),
    }
}

/// The metadata: a map; anything else that a program writes there is kept under one key.
fn metadata(value: Option<Value>) -> BTreeMap<Untrusted, Untrusted> {
    match value {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(map)) => map.into_iter().map(|(key, value)| (key.into(), text(value))).collect(),
        Some(other) => BTreeMap::from([("metadata".into(), text(other))]),
    }
}

fn text(value: Value) -> Untrusted {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &str, value: &str) -> String {
        match read(key, value.as_bytes()) {
            Ok(EtcdRegistration { name, namespace, endpoint }) => {
                let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
                format!("{namespace}{name} {endpoint} {}", endpoint.instance.as_deref().unwrap().id)
            }
            Err(why) => why,
        }
    }

    #[test]
    fn registrations_are_read_as_programs_write_them() {
        for (key, value, expected) in [
            ("web/1", "10.0.0.1:80", "web 10.0.0.1:80 web/1"),
            ("web/1", "\"[::1]:80\"\n", "web [::1]:80 web/1"),
            ("web", "http://web.example:8080/x", "web web.example:8080 web"),
            ("shop/web/1", "a:1", "shop/web a:1 shop/web/1"),
            // Another program's instance, with the names of Go's fields.
            (
                "x",
                r#"{"ID":"u1","Name":"user","Version":"1.2","Address":"::1","Port":80,"Tags":null,"Healthy":true,"Weight":3}"#,
                "user [::1]:80 u1",
            ),
            (
                "user/u1",
                r#"{"id":"u1","name":"user","namespace":"default","address":"h","port":1,"ttl":"30s"}"#,
                "user h:1 u1",
            ),
            // The names of etcd's own client library.
            ("grpc/1", r#"{"Op":0,"Addr":"10.0.0.1:50051","Metadata":null}"#, "grpc 10.0.0.1:50051 grpc/1"),
            ("web/1", "", "the value is empty"),
            ("web/1", "{}", "the value has no address"),
            ("web/1", "hello", "the address 'hello': the port is missing"),
            ("", "h:1", "neither the key nor the value has a name"),
        ] {
            assert_eq!(shown(key, value), expected, "{key} {value}");
        }
        let error = shown("web/1", r#"{"address":"h","port":99999}"#);
        assert!(error.starts_with("the value is not a registration: invalid value: integer `99999`"), "{error}");
        assert_eq!(read("a", b"\xff").unwrap_err(), "the value is not text");
    }

    #[test]
    fn an_unhealthy_or_resting_instance_is_not_ready() {
        for (field, ready, lifecycle) in [
            (r#""Healthy":false"#, false, Lifecycle::Up),
            (r#""status":"maintenance""#, false, Lifecycle::Maintenance),
            (r#""status":"draining""#, false, Lifecycle::Draining),
            (r#""status":"up","metadata":{"n":1}"#, true, Lifecycle::Up),
        ] {
            let value = format!(r#"{{"address":"h:1",{field}}}"#);
            let endpoint = read("a/1", value.as_bytes()).unwrap().endpoint;
            assert_eq!((endpoint.ready, endpoint.instance.unwrap().lifecycle), (ready, lifecycle), "{field}");
        }
    }
}
