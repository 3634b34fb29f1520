//! The definitions of services and checks that Consul's agent takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::checks::state_of;
use super::connect::ConnectGiven;
use super::decode::BodyFields;
use super::error::{ConsulError, ConsulResult};
use super::go::positive;
use super::ids::registry_id;
use super::services::CONSUL;
use super::targets::{self, CheckPlace, OwnPlace};
use crate::clean::clean;
use crate::model::{
    Address, CatalogCheck, CatalogEntry, CheckDefinition, CheckKind, HealthState, HostPort, Registration,
    TaggedAddress, default_check_id,
};
use crate::server::own_node::OwnNode;

/// The shortest interval of a check: Consul raises a shorter one too.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_hours(24);
/// The shortest time until a critical service is removed: Consul raises a shorter one too.
const MIN_REMOVAL: Duration = Duration::from_mins(1);
/// What Consul allows of metadata.
const MAX_META_KEY_BYTES: usize = 128;
const MAX_META_VALUE_BYTES: usize = 512;

/// A check as it was given.
#[derive(Debug, Default)]
pub(super) struct CheckGiven {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) notes: String,
    pub(super) status: String,
    pub(super) service_id: String,
    http: String,
    tcp: String,
    grpc: String,
    grpc_tls: bool,
    method: String,
    has_script: bool,
    has_alias: bool,
    has_request: bool,
    interval: i64,
    timeout: i64,
    ttl: i64,
    removal: i64,
    successes: i64,
    failures: i64,
}

impl CheckGiven {
    /// Takes the fields of a check. `id`: the name of the field that has its id.
    pub(super) fn take(fields: &mut BodyFields, id: &'static str) -> Result<Self, String> {
        let script = fields.texts("ScriptArgs")?.len() + fields.texts("Args")?.len();
        let docker = fields.text("DockerContainerID")?;
        fields.text("Shell")?;
        fields.flag("TLSSkipVerify")?;
        fields.number("OutputMaxSize")?;
        let alias = [fields.text("AliasNode")?, fields.text("AliasService")?];
        let headers = fields.map("Header")?;
        let body = fields.text("Body")?;

        Ok(Self {
            id: fields.text(id)?,
            name: fields.text("Name")?,
            notes: fields.text("Notes")?,
            status: fields.text("Status")?,
            service_id: fields.text("ServiceID")?,
            http: fields.text("HTTP")?,
            tcp: fields.text("TCP")?,
            grpc: fields.text("GRPC")?,
            grpc_tls: fields.flag("GRPCUseTLS")?,
            method: fields.text("Method")?,
            has_script: script > 0 || !docker.is_empty(),
            has_alias: alias.iter().any(|text| !text.is_empty()),
            has_request: !headers.is_empty() || !body.is_empty(),
            interval: fields.duration("Interval")?,
            timeout: fields.duration("Timeout")?,
            ttl: fields.duration("TTL")?,
            removal: fields.duration("DeregisterCriticalServiceAfter")?,
            successes: fields.number("SuccessBeforePassing")?.unwrap_or(0),
            failures: fields.number("FailuresBeforeCritical")?.unwrap_or(0),
        })
    }

    /// The first reason for which Consul refuses it, in its words.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_polled = self.has_script || [&self.http, &self.tcp, &self.grpc].iter().any(|text| !text.is_empty());
        if self.interval > 0 && self.ttl > 0 {
            return Some("Interval and TTL cannot both be specified");
        }
        if is_polled && self.interval <= 0 {
            return Some("Interval must be > 0 for Script, HTTP, or TCP checks");
        }
        (!is_polled && !self.has_alias && self.ttl <= 0).then_some("TTL must be > 0 for TTL checks")
    }

    /// The first thing that is asked for and does not exist here.
    fn unsupported(&self) -> Option<ConsulError> {
        if self.has_script {
            let text = "Scripts are disabled on this agent from remote calls: a registration cannot run a program on the server";
            return Some(ConsulError::internal(text));
        }
        let text = if self.has_alias {
            "Invalid check: alias checks are not supported; register a check of the service itself"
        } else if self.has_request {
            "Invalid check: Header and Body are not supported; check a path that needs neither"
        } else {
            return None;
        };
        Some(ConsulError::bad_request(text))
    }

    /// How long the service may be critical until it is removed.
    fn removal(&self) -> Option<Duration> {
        positive(self.removal).map(|removal| removal.max(MIN_REMOVAL))
    }

    /// The check, as the registry knows it.
    ///
    /// # Errors
    /// It asks for something that does not exist here.
    pub(super) fn build(
        self,
        id: String,
        name: String,
        own: OwnPlace<'_>,
    ) -> ConsulResult<(CheckDefinition, CatalogCheck)> {
        if let Some(error) = self.unsupported() {
            return Err(error);
        }
        let place = self.place(own).map_err(|why| ConsulError::bad_request(format!("Invalid check: {why}")))?;
        let interval = match (&place.kind, positive(self.ttl)) {
            (CheckKind::Ttl, Some(ttl)) => ttl.max(MIN_INTERVAL),
            _ => positive(self.interval).unwrap_or(MIN_INTERVAL).clamp(MIN_INTERVAL, MAX_INTERVAL),
        };
        let timeout = positive(self.timeout).map(|timeout| timeout.clamp(Duration::from_millis(10), interval));

        let definition = CheckDefinition { timeout, ..CheckDefinition::new(place.kind.clone()) };
        let definition = definition.named(name).every(interval);
        let definition = definition.thresholds(threshold(self.failures), threshold(self.successes));
        let check = CatalogCheck {
            id,
            initial: state_of(&self.status).unwrap_or(HealthState::Unhealthy),
            output: String::new(),
            notes: self.notes,
            port: place.port,
            tls: place.tls,
            kind: place.kind.as_str().to_owned(),
            definition: None,
        };
        Ok((definition, check))
    }

    fn place(&self, own: OwnPlace<'_>) -> Result<CheckPlace, String> {
        if !self.grpc.is_empty() {
            targets::grpc(&self.grpc, self.grpc_tls, own)
        } else if !self.http.is_empty() {
            targets::http(&self.http, &self.method, own)
        } else if !self.tcp.is_empty() {
            targets::tcp(&self.tcp, own)
        } else {
            Ok(CheckPlace { kind: CheckKind::Ttl, port: None, tls: false })
        }
    }
}

/// What a definition of a service and a registration in the catalog have in common.
#[derive(Debug, Default)]
pub(super) struct ServiceGiven {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) address: String,
    pub(super) tagged_addresses: BTreeMap<String, TaggedAddress>,
    pub(super) meta: BTreeMap<String, String>,
    port: i64,
    weights: Option<(i64, i64)>,
    enable_tag_override: bool,
    connect: ConnectGiven,
}

impl ServiceGiven {
    /// Takes the fields of a service. `name`: the field that has its name.
    pub(super) fn take(fields: &mut BodyFields, name: &'static str) -> Result<Self, String> {
        let weights = fields.object("Weights")?.map(|mut weights| {
            let both = (weights.number("Passing")?.unwrap_or(0), weights.number("Warning")?.unwrap_or(0));
            weights.finish()?;
            Ok::<_, String>(both)
        });

        Ok(Self {
            connect: ConnectGiven::take(fields)?,
            id: fields.text("ID")?,
            name: fields.text(name)?,
            tags: fields.texts("Tags")?,
            address: fields.text("Address")?,
            tagged_addresses: tagged_addresses(fields.map("TaggedAddresses")?)?,
            meta: fields.text_map("Meta")?,
            port: fields.number("Port")?.unwrap_or(0),
            weights: weights.transpose()?,
            enable_tag_override: fields.flag("EnableTagOverride")?,
        })
    }

    /// Why an agent refuses it: without Connect, the proxy would carry no traffic.
    pub(super) fn problem_for_agent(&self) -> Option<String> {
        self.problem().or_else(|| self.connect.problem_for_agent())
    }

    /// Why the catalog refuses it: it keeps what programs register of a proxy.
    pub(super) fn problem_for_catalog(&self) -> Option<String> {
        self.problem().or_else(|| self.connect.problem_for_catalog(self.port))
    }

    /// Why Consul refuses it, in its words.
    fn problem(&self) -> Option<String> {
        if self.name.eq_ignore_ascii_case(CONSUL) {
            return Some("Invalid service name: consul is the name of this server itself".to_owned());
        }
        if is_wildcard(&self.address) {
            return Some(
                "Invalid service address: it is the wildcard address, which no client can connect to".to_owned(),
            );
        }
        if let Some(problem) = self.weights.and_then(weights_problem) {
            return Some(format!("Invalid Weights: {problem}"));
        }
        if let Some(problem) = meta_problem(&self.meta) {
            return Some(format!("Invalid Service Meta: {problem}"));
        }
        let is_port = (0..=65_535).contains(&self.port);
        (!is_port).then(|| format!("Invalid port {}: it is not between 0 and 65535", self.port))
    }

    /// The same with the usual weights, if it has others than Consul allows: its catalog takes them so, and its Go client
    /// sends zeros there.
    pub(super) fn with_valid_weights(mut self) -> Self {
        self.weights = self.weights.filter(|weights| weights_problem(*weights).is_none());
        self
    }

    /// The id: the name, unless another one is given.
    pub(super) fn id_or_name(&self) -> String {
        if self.id.is_empty() { self.name.clone() } else { self.id.clone() }
    }

    /// The registration of an instance on a node with this address; `node` is `None` for the node of this server.
    pub(super) fn registration(&self, own: &OwnNode, node: Option<&str>, node_address: &str) -> Registration {
        let id = self.id_or_name();
        let (passing, warning) = self.weights.unwrap_or((1, 1));
        let mut registration = without_place(&self.name).ttl(Duration::ZERO).weight(weight_of(passing));

        registration.id = Some(registry_id(node, &id));
        registration.address = if self.address.is_empty() { node_address.to_owned() } else { self.address.clone() };
        registration.port = u16::try_from(self.port).unwrap_or(0);
        registration.tags.clone_from(&self.tags);
        registration.metadata = self.meta.clone().into();
        registration.node = Some(node.unwrap_or(&own.name).to_owned());
        registration.catalog = Some(Box::new(CatalogEntry {
            id,
            address: self.address.clone(),
            tagged_addresses: self.tagged_addresses.clone(),
            warning_weight: weight_of(warning),
            enable_tag_override: self.enable_tag_override,
            kind: self.connect.kind.clone(),
            proxy: self.connect.proxy.clone(),
            is_native: self.connect.is_native,
            ..CatalogEntry::default()
        }));
        with_known_meta(registration)
    }
}

/// How many results in a row change the state of a check, in the range that the registry takes.
fn threshold(number: i64) -> u32 {
    u32::try_from(number.clamp(1, 100)).unwrap_or(1)
}

fn weight_of(number: i64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// A registration whose address and port are still to be set.
pub(super) fn without_place(name: &str) -> Registration {
    let address = Address::Name(String::new().into());
    Registration::new(name, HostPort { address, interface: None, port: None })
}

/// The wildcard addresses of both families.
pub(super) fn is_wildcard(address: &str) -> bool {
    address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Takes the version, the protocol and the zone from the metadata, as other clients find them there, where they are valid.
fn with_known_meta(registration: Registration) -> Registration {
    let mut known = registration;
    for (key, set) in META_FIELDS {
        let Some(value) = known.metadata.get(key).cloned() else { continue };
        let before = known.clone();
        set(&mut known, value);
        if known.problem().is_some() && before.problem().is_none() {
            known = before;
        }
    }
    known
}

type SetField = fn(&mut Registration, String);
const META_FIELDS: [(&str, SetField); 3] = [
    ("version", |registration, value| registration.version = Some(value)),
    ("protocol", |registration, value| registration.protocol = Some(value)),
    ("zone", |registration, value| registration.zone = Some(value)),
];

/// What is wrong with weights, in Consul's words.
fn weights_problem((passing, warning): (i64, i64)) -> Option<&'static str> {
    match (passing, warning) {
        (..1, _) => Some("Passing must be greater than 0"),
        (_, ..0) => Some("Warning must be greater or equal than 0"),
        (65_536.., _) | (_, 65_536..) => Some("DNS Weight must be between 0 and 65535"),
        _ => None,
    }
}

fn tagged_addresses(given: Map<String, Value>) -> Result<BTreeMap<String, TaggedAddress>, String> {
    let addresses = given.into_iter().map(|(tag, value)| {
        let address = tagged_address(&tag, value)?;
        Ok((tag, address))
    });
    addresses.collect()
}

fn tagged_address(tag: &str, value: Value) -> Result<TaggedAddress, String> {
    let mut fields = BodyFields::of(value)?;
    let address = fields.text("Address")?;
    let port = fields.number("Port")?.unwrap_or(0);
    fields.finish()?;

    let port = u16::try_from(port).map_err(|_| format!("the port of the address {} is not a port", clean(tag)))?;
    Ok(TaggedAddress { address, port })
}

fn is_meta_key(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Why Consul refuses metadata, in its words.
pub(crate) fn meta_problem(meta: &BTreeMap<String, String>) -> Option<String> {
    meta.iter().find_map(|(key, value)| {
        let why = if key.is_empty() {
            "Key cannot be blank"
        } else if !is_meta_key(key) {
            "Key contains invalid characters"
        } else if key.len() > MAX_META_KEY_BYTES {
            "Key is too long (limit: 128 characters)"
        } else if key.starts_with("consul-") {
            "Key prefix 'consul-' is reserved for internal use"
        } else if value.len() > MAX_META_VALUE_BYTES {
            "Value is too long (limit: 512 characters)"
        } else {
            return None;
        };
        Some(format!("Couldn't load metadata pair ('{}', '{}'): {why}", clean(key), clean(value)))
    })
}

/// Reads the definition of a service with its checks, as `agent/service/register` takes it.
///
/// # Errors
/// It cannot be used.
pub(super) fn service_definition(mut fields: BodyFields, own: &OwnNode) -> ConsulResult<Registration> {
    let (service, checks) = take_service(&mut fields)
        .and_then(|taken| fields.finish().map(|()| taken))
        .map_err(|why| super::decode::failed(&why))?;
    if service.name.is_empty() {
        return Err(ConsulError::bad_request("Missing service name"));
    }
    if let Some(problem) = service.problem_for_agent() {
        return Err(ConsulError::bad_request(problem));
    }
    if let Some(problem) = checks.iter().find_map(CheckGiven::problem) {
        return Err(ConsulError::bad_request(format!("Invalid check: {problem}")));
    }
    if checks.iter().any(|check| !check.status.is_empty() && state_of(&check.status).is_none()) {
        return Err(ConsulError::bad_request("Status for checks must 'passing', 'warning', 'critical'"));
    }

    let mut registration = service.registration(own, None, &own.address);
    add_default_addresses(&mut registration);
    registration.deregister_after = checks.iter().filter_map(CheckGiven::removal).min();
    let (id, count) = (service.id_or_name(), checks.len());
    for (at, check) in checks.into_iter().enumerate() {
        let check_id = if check.id.is_empty() { default_check_id(&id, at, count) } else { check.id.clone() };
        let name = if check.name.is_empty() { format!("Service '{}' check", service.name) } else { check.name.clone() };
        let address = registration.address.clone();
        let place = OwnPlace { address: &address, port: registration.port };
        let (definition, catalog) = check.build(check_id, name, place)?;
        registration.checks.push(definition);
        if let Some(entry) = &mut registration.catalog {
            entry.checks.push(catalog);
        }
    }
    Ok(registration)
}

fn take_service(fields: &mut BodyFields) -> Result<(ServiceGiven, Vec<CheckGiven>), String> {
    fields.text("Token")?;
    let one = fields.object("Check")?.filter(|check| !check.is_empty());
    let list = fields.list("Checks")?;
    let service = ServiceGiven::take(fields, "Name")?;

    let list = list.into_iter().map(BodyFields::of);
    let checks = one.map(Ok).into_iter().chain(list).map(|check| {
        let mut check = check?;
        let given = CheckGiven::take(&mut check, "CheckID")?;
        for proxied in ["ProxyHTTP", "ProxyGRPC"] {
            check.text(proxied)?;
        }
        check.finish()?;
        Ok(given)
    });
    Ok((service, checks.collect::<Result<_, String>>()?))
}

/// An agent tags an IP address as the one in the local network and beyond.
fn add_default_addresses(registration: &mut Registration) {
    let Some(entry) = &mut registration.catalog else { return };
    let Ok(ip) = entry.address.parse::<std::net::IpAddr>() else { return };
    let tags = if ip.is_ipv4() { ["lan_ipv4", "wan_ipv4"] } else { ["lan_ipv6", "wan_ipv6"] };
    for tag in tags {
        let address = TaggedAddress { address: entry.address.clone(), port: registration.port };
        entry.tagged_addresses.entry(tag.to_owned()).or_insert(address);
    }
}
