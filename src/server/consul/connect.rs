//! Connect as far as the catalog shows it: a service that speaks it itself, and a proxy that a program registered.

use serde_json::{Map, Value};

use super::decode::BodyFields;
use crate::clean::clean;

/// The one kind of proxy that the catalog keeps.
const CONNECT_PROXY: &str = "connect-proxy";
const NOT_SUPPORTED: &str = "proxies, gateways and sidecars of Connect are not supported";

/// What a registration says of Connect.
#[derive(Debug, Default)]
pub(super) struct ConnectGiven {
    /// Empty for a service that is not a proxy.
    pub(super) kind: String,
    /// The configuration of a proxy, with the names that Consul writes.
    pub(super) proxy: Option<Value>,
    /// Whether the service speaks Connect itself.
    pub(super) is_native: bool,
    /// Whether the agent is to register a proxy for the service.
    has_sidecar: bool,
}

/// What a field of a proxy holds.
#[derive(Clone, Copy)]
enum ProxyField {
    Text,
    Number,
    /// Anything: only the proxy reads it.
    Object,
    Upstreams,
    /// The same as above, which Consul writes even if they are empty: as an empty text, as null, and as an empty object.
    WrittenText,
    WrittenConfig,
    WrittenObject,
}

impl ProxyField {
    fn is_written_empty(self) -> bool {
        matches!(self, Self::WrittenText | Self::WrittenConfig | Self::WrittenObject)
    }
}

const PROXY_FIELDS: [(&str, ProxyField); 8] = [
    ("DestinationServiceName", ProxyField::Text),
    ("DestinationServiceID", ProxyField::Text),
    ("LocalServiceAddress", ProxyField::Text),
    ("LocalServicePort", ProxyField::Number),
    ("Config", ProxyField::Object),
    ("Upstreams", ProxyField::Upstreams),
    ("MeshGateway", ProxyField::WrittenObject),
    ("Expose", ProxyField::WrittenObject),
];

const UPSTREAM_FIELDS: [(&str, ProxyField); 8] = [
    ("DestinationType", ProxyField::Text),
    ("DestinationNamespace", ProxyField::Text),
    ("DestinationName", ProxyField::Text),
    ("Datacenter", ProxyField::WrittenText),
    ("LocalBindAddress", ProxyField::Text),
    ("LocalBindPort", ProxyField::Number),
    ("Config", ProxyField::WrittenConfig),
    ("MeshGateway", ProxyField::WrittenObject),
];

impl ConnectGiven {
    /// Takes what a service says of Connect. A client writes empty objects where it does not use it.
    pub(super) fn take(fields: &mut BodyFields) -> Result<Self, String> {
        let kind = fields.text("Kind")?;
        let proxy = fields.object("Proxy")?.map(|proxy| known_fields(proxy, &PROXY_FIELDS)).transpose()?;
        let mut given = Self { kind, proxy: proxy.filter(is_used), ..Self::default() };

        if let Some(mut connect) = fields.object("Connect")? {
            given.is_native = connect.flag("Native")?;
            given.has_sidecar = connect.take("SidecarService").is_some();
            connect.finish()?;
        }
        Ok(given)
    }

    /// Why an agent refuses it.
    pub(super) fn problem_for_agent(&self) -> Option<String> {
        let what = if !self.kind.is_empty() {
            clean(&self.kind)
        } else if self.has_sidecar {
            "Connect.SidecarService".to_owned()
        } else if self.proxy.is_some() {
            "Proxy".to_owned()
        } else {
            return None;
        };
        Some(format!("{what}: {NOT_SUPPORTED}"))
    }

    /// Why the catalog refuses it, in Consul's words. `port`: that of the service.
    pub(super) fn problem_for_catalog(&self, port: i64) -> Option<String> {
        if self.kind != CONNECT_PROXY || self.has_sidecar {
            return self.problem_for_agent();
        }
        let destination = self.proxy.as_ref().and_then(|proxy| proxy.get("DestinationServiceName"));
        let destination = destination.and_then(Value::as_str).unwrap_or_default();

        let problem = if destination.trim().is_empty() {
            "Proxy.DestinationServiceName must be non-empty for Connect proxy services"
        } else if port == 0 {
            "Port must be set for a Connect proxy"
        } else if self.is_native {
            "A Proxy cannot also be Connect Native, only typical services"
        } else {
            return self.upstream_problem();
        };
        Some(problem.to_owned())
    }

    fn upstream_problem(&self) -> Option<String> {
        let upstreams = self.proxy.as_ref()?.get("Upstreams")?.as_array()?;
        let required = [
            ("DestinationName", "upstream destination name cannot be empty"),
            ("LocalBindPort", "upstream local bind port cannot be zero"),
        ];
        let mut missing =
            required.iter().filter(|(name, _)| upstreams.iter().any(|upstream| upstream.get(name).is_none()));
        missing.next().map(|(_, problem)| (*problem).to_owned())
    }
}

/// The fields of a proxy or an upstream, by the names that Consul writes; empty ones are left out, as there.
///
/// # Errors
/// A field that does not exist, or holds something else.
fn known_fields(mut fields: BodyFields, known: &[(&'static str, ProxyField)]) -> Result<Value, String> {
    let mut object = Map::new();
    for &(name, field) in known {
        let value = match field {
            ProxyField::Text | ProxyField::WrittenText => Value::String(fields.text(name)?),
            ProxyField::Number => fields.number(name)?.filter(|number| *number != 0).map_or(Value::Null, Value::from),
            ProxyField::Object | ProxyField::WrittenObject => Value::Object(fields.map(name)?),
            ProxyField::WrittenConfig => Some(fields.map(name)?).filter(|config| !config.is_empty()).into(),
            ProxyField::Upstreams => Value::Array(upstreams(&mut fields, name)?),
        };
        if field.is_written_empty() || is_used(&value) {
            object.insert(name.to_owned(), value);
        }
    }

    fields.finish()?;
    Ok(Value::Object(object))
}

fn upstreams(fields: &mut BodyFields, name: &'static str) -> Result<Vec<Value>, String> {
    let items = fields.list(name)?.into_iter();
    items.map(|item| known_fields(BodyFields::of(item)?, &UPSTREAM_FIELDS)).collect()
}

/// Whether a value says anything.
fn is_used(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(is_used),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(body: Value) -> Result<ConnectGiven, String> {
        ConnectGiven::take(&mut BodyFields::of(body)?)
    }

    #[test]
    fn what_is_not_used_is_no_proxy() {
        for body in [
            json!({}),
            json!({ "Kind": "", "Proxy": {}, "Connect": {} }),
            json!({ "Proxy": { "MeshGateway": {}, "Expose": {} }, "Connect": { "Native": false, "SidecarService": null } }),
        ] {
            let given = given(body.clone()).unwrap();
            assert_eq!((given.problem_for_agent(), given.proxy.is_none()), (None, true), "{body}");
        }
        let native = given(json!({ "Connect": { "native": true } })).unwrap();
        assert_eq!((native.problem_for_agent(), native.problem_for_catalog(0), native.is_native), (None, None, true));
    }

    #[test]
    fn the_catalog_keeps_a_proxy_with_the_names_that_consul_writes() {
        let given = given(json!({ "kind": "connect-proxy", "proxy": { "destination_service_name": "web",
            "local_service_port": 8080, "config": { "own": [1] }, "expose": {}, "mesh_gateway": { "Mode": "local" },
            "upstreams": [{ "destination_name": "db", "local_bind_port": 9191, "mesh_gateway": {} }] } }))
        .unwrap();
        let wanted = json!({ "DestinationServiceName": "web", "LocalServicePort": 8080, "Config": { "own": [1] },
            "Upstreams": [{ "DestinationName": "db", "Datacenter": "", "LocalBindPort": 9191, "Config": null, "MeshGateway": {} }],
            "MeshGateway": { "Mode": "local" }, "Expose": {} });
        assert_eq!((&given.proxy, given.problem_for_catalog(80)), (&Some(wanted), None));
        assert!(given.problem_for_agent().unwrap().contains("not supported"));
    }

    #[expect(clippy::needless_pass_by_value, reason = "its callers build the value in place")]
    fn proxy(proxy: Value) -> Value {
        json!({ "Kind": "connect-proxy", "Proxy": proxy })
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (body, port, why) in [
            (json!({ "Kind": "mesh-gateway" }), 80, "mesh-gateway: proxies, gateways"),
            (json!({ "Connect": { "SidecarService": {} } }), 80, "Connect.SidecarService: "),
            (json!({ "Proxy": { "DestinationServiceName": "web" } }), 80, "Proxy: "),
            (proxy(json!({})), 80, "DestinationServiceName must be non-empty"),
            (proxy(json!({ "DestinationServiceName": "web" })), 0, "Port must be set"),
            (
                proxy(json!({ "DestinationServiceName": "web", "Upstreams": [{ "DestinationName": "db" }] })),
                80,
                "local bind port",
            ),
        ] {
            let problem = given(body.clone()).unwrap().problem_for_catalog(port);
            assert!(problem.as_deref().is_some_and(|text| text.contains(why)), "{body}: {problem:?}");
        }
        for body in [
            proxy(json!({ "LocalServicePort": "80" })),
            proxy(json!({ "Nope": 1 })),
            proxy(json!({ "Upstreams": [1] })),
            json!({ "Connect": { "Nope": 1 } }),
        ] {
            assert!(given(body.clone()).is_err(), "{body}");
        }
    }
}
