//! Services as another portolan told them, in JSON or NDJSON.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Address, Endpoint, Fact, Finding, Identity, RawDetail, Service, TlsFacts, Transport};
use crate::source::{source_findings, source_words};
use std::sync::Arc;

/// The services in a text: one document with `items`, or one service a line. A line that says that a listing was not
/// whole is counted.
///
/// # Errors
/// What is neither, with its line.
pub(super) fn services(text: &str) -> Result<(Vec<Service>, bool), String> {
    let text = text.trim_start_matches('\u{feff}');
    if let Ok(document) = serde_json::from_str::<Value>(text)
        && let Some(items) = document.get("items").and_then(Value::as_array)
    {
        let complete = document.get("complete") != Some(&Value::Bool(false));
        let service =
            |(at, item): (usize, &Value)| service(item).ok_or_else(|| format!("item {} is no service", at + 1));
        return Ok((items.iter().enumerate().map(service).collect::<Result<_, _>>()?, complete));
    }
    let (mut services, mut complete) = (Vec::new(), true);
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value =
            serde_json::from_str(line).map_err(|error| format!("line {} is no JSON: {error}", at + 1))?;
        if value.get("type").and_then(Value::as_str) == Some("end") {
            complete &= value.get("complete") != Some(&Value::Bool(false));
            continue;
        }
        services.push(service(&value).ok_or_else(|| format!("line {} is no service", at + 1))?);
    }
    Ok((services, complete))
}

/// A service as it was written down; `None` where that is none.
pub(super) fn service(value: &Value) -> Option<Service> {
    let endpoints = value.get("endpoints")?.as_array()?.iter().map(endpoint).collect::<Option<Vec<_>>>()?;
    let source = source_words().into_iter().find(|word| value.get("source").and_then(Value::as_str) == Some(word));
    let detail = value.get("detail").cloned().unwrap_or(Value::Null);
    let id = value.get("id")?.as_str()?.to_owned();
    let mut service = Service::new(id, source.unwrap_or("given"), endpoints, Arc::new(RawDetail(detail)) as _);
    service.name = text(value, "name").map(Into::into);
    service.namespace = text(value, "namespace").map(Into::into);
    service.findings =
        value.get("findings").and_then(Value::as_array).into_iter().flatten().filter_map(finding).collect();
    Some(service)
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

fn endpoint(value: &Value) -> Option<Endpoint> {
    let transport = match text(value, "transport")? {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "sctp" => Transport::Sctp,
        "unix" => Transport::Unix,
        _ => return None,
    };
    let address = text(value, "address")?;
    let address = match (address.parse::<IpAddr>(), transport) {
        (Ok(ip), _) => Address::Ip(ip),
        (Err(_), Transport::Unix) => Address::Unix(address.into()),
        (Err(_), _) => Address::Name(address.into()),
    };
    let port = match value.get("port") {
        None | Some(Value::Null) => None,
        Some(port) => Some(port.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)?),
    };
    Some(Endpoint {
        interface: text(value, "interface").map(Into::into),
        ready: value.get("ready") != Some(&Value::Bool(false)),
        weight: value.get("weight").and_then(Value::as_u64).and_then(|weight| u16::try_from(weight).ok()),
        identity: value.get("service").filter(|service| service.is_object()).map(|service| Box::new(identity(service))),
        ..Endpoint::new(address, port, transport)
    })
}

/// What was known of what speaks there. Of TLS that cannot be read, only that it is spoken.
fn identity(value: &Value) -> Identity {
    let facts = value.get("facts").and_then(Value::as_object).into_iter().flatten();
    let facts: BTreeMap<_, _> = facts.filter_map(|(name, value)| Some((name.clone().into(), fact(value)?))).collect();
    Identity {
        protocol: text(value, "protocol").map(|word| word.to_owned().into()),
        product: text(value, "product").map(Into::into),
        version: text(value, "version").map(Into::into),
        facts,
        tls: value.get("tls").filter(|tls| tls.is_object()).map(|tls| TlsFacts::deserialize(tls).unwrap_or_default()),
        banner: text(value, "banner").map(Into::into),
    }
}

fn fact(value: &Value) -> Option<Fact> {
    match value {
        Value::Bool(flag) => Some((*flag).into()),
        Value::Number(number) => number.as_i64().map(Into::into),
        Value::String(text) => Some(text.as_str().into()),
        Value::Array(list) => Some(Fact::List(list.iter().filter_map(fact).collect())),
        _ => None,
    }
}

fn finding(value: &Value) -> Option<Finding> {
    let code = text(value, "code")?;
    let kind = source_findings().find(|kind| kind.code == code)?;
    Some(Finding::new(kind, text(value, "text").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"id":"local/tcp/127.0.0.1:80","name":"web","source":"local","endpoints":[{"address":"127.0.0.1","port":80,"transport":"tcp","ready":true}],"detail":{"a":1}}"#;

    #[test]
    fn documents_and_lines_are_read() {
        let document = format!(r#"{{"schema":"portolan/v1","items":[{ITEM},{ITEM}],"complete":false}}"#);
        let (found, complete) = services(&document).unwrap();
        assert_eq!((found.len(), complete, found[0].source.as_str()), (2, false, "local"));
        let lines = format!("{ITEM}\n\n{ITEM}\n{}\n", r#"{"type":"end","complete":false,"errors":[]}"#);
        assert!(matches!(services(&lines), Ok((found, false)) if found.len() == 2));
        assert!(matches!(services(""), Ok((found, true)) if found.is_empty()));
    }

    #[test]
    fn what_is_none_is_told_with_its_place() {
        assert_eq!(services("{}").unwrap_err(), "line 1 is no service");
        assert_eq!(services(&format!("{ITEM}\n[]")).unwrap_err(), "line 2 is no service");
        assert!(services(&format!("{ITEM}\n{{\"id\":")).unwrap_err().starts_with("line 2 is no JSON"));
        let bad = ITEM.replace("80,\"transport\"", "80000,\"transport\"");
        assert_eq!(services(&bad).unwrap_err(), "line 1 is no service");
    }
}
