//! What only a registry of portolan's own can do: configurations with versions, the strategy of a service, splitting its
//! traffic, and reports of agents (`fleet`).

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clean::clean;
use crate::error::Result;
use crate::model::VersionRequirement;
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryRequest, path_segment};

/// A server that `portolan serve` runs.
#[derive(Clone, Debug)]
pub struct RegistryServer {
    http: RegistryHttp,
    namespace: Option<String>,
}

/// A version of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConfigItem {
    /// The name of the configuration.
    pub name: String,
    /// The number of the version, from 1 on.
    pub version: u64,
    /// The index of the change that made it.
    pub index: u64,
    /// When it was made.
    pub updated_at: String,
    /// Whether the configuration was deleted with it.
    pub deleted: bool,
    /// `json` or `text`.
    pub format: Option<String>,
    /// The length of its value.
    pub bytes: Option<u64>,
    /// The version whose value it took over.
    pub rollback_of: Option<u64>,
    /// Who made it.
    pub author: Option<String>,
    /// The value. Lists leave it out.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// The value of a configuration to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigContent {
    /// JSON.
    Json(String),
    /// Any other text.
    Text(String),
}

/// The difference of two versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConfigDiff {
    /// The name of the configuration.
    pub name: String,
    /// The older version.
    pub from: u64,
    /// The newer version.
    pub to: u64,
    /// Every line, with a space, `-` or `+` before it. Empty if the values are the same.
    pub diff: String,
}

/// The instances that calls are moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrafficTarget {
    /// Instances of this version, or of this range of versions.
    Version(VersionRequirement),
    /// Instances with this tag.
    Tag(String),
}

/// What a shift is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftOptions {
    /// The instances that calls are moved to.
    pub to: TrafficTarget,
    /// The percentages of the steps, rising.
    pub steps: Vec<u8>,
    /// How long each step lasts.
    pub every: Duration,
    /// The score below which everything goes back.
    pub abort_below: Option<u8>,
}

/// What is done with a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftAction {
    /// It stays at its step.
    Pause,
    /// It goes on; its step lasts its whole time again.
    Resume,
    /// It ends with the weights from before.
    Abort,
    /// It ends with all calls at its instances.
    Finish,
}

/// How a service splits its traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TrafficState {
    /// The name of the service.
    pub service_name: String,
    /// Its namespace.
    pub namespace: String,
    /// The strategy of clients that ask for none, if the service has one of its own.
    pub strategy: Option<String>,
    /// The instances that get all calls, except for what a shift moves.
    pub switched_to: Option<TrafficTarget>,
    /// The shift that runs, or the last one that did.
    pub shift: Option<ShiftState>,
    /// The instances.
    pub instances: Vec<TrafficShare>,
}

/// Where a shift is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShiftState {
    /// The instances that calls are moved to.
    pub to: TrafficTarget,
    /// The percentages of the steps.
    pub steps: Vec<u8>,
    /// How long each step lasts: seconds, or a text with a unit.
    #[serde(default)]
    pub every: Value,
    /// The score below which everything goes back.
    #[serde(default)]
    pub abort_below: Option<u8>,
    /// The number of its step, from 1 on.
    pub step: u64,
    /// The percentage that it moves now.
    #[serde(default)]
    pub percent: Option<u8>,
    /// `running`, `paused`, `finished` or `aborted`.
    pub phase: String,
    /// Why it ended.
    #[serde(default)]
    pub reason: Option<String>,
    /// The score of its instances; `None` if it is not known.
    #[serde(default)]
    pub score: Option<u8>,
}

/// An instance and its share of the calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TrafficShare {
    /// Its id.
    pub id: String,
    /// Its address and port.
    pub address: String,
    /// Its version.
    pub version: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its health.
    pub health: String,
    /// Whether it takes calls.
    pub usable: bool,
    /// Its weight without a split.
    pub own_weight: u16,
    /// Its weight in force.
    pub weight: u16,
    /// The percentage of the calls that this makes; `None` if it takes none.
    pub percent: Option<f64>,
}

/// How a server chooses among the instances of a service, for clients that ask for no strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BalancingState {
    /// The name of the service.
    pub service_name: String,
    /// Its namespace.
    pub namespace: String,
    /// The name of the strategy.
    #[serde(rename = "default_strategy")]
    pub strategy: String,
    /// Whether it was set for this service; otherwise the settings of the server choose it.
    pub is_own: bool,
    /// How often an instance was named first.
    pub requests: u64,
    /// How many of these named an instance that is gone.
    pub gone: u64,
    /// The instances.
    pub instances: Vec<InstancePicks>,
}

/// How often an instance was named first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct InstancePicks {
    /// Its id.
    pub id: String,
    /// Its address, without the port.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its weight in force.
    pub weight: u16,
    /// Whether it is healthy.
    pub healthy: bool,
    /// How often it was named first.
    pub picks: u64,
}

/// `{"data":…}`
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// `{"configs":[…]}`
#[derive(Deserialize)]
struct ConfigList {
    configs: Vec<ConfigItem>,
}

/// `{"versions":[…]}`
#[derive(Deserialize)]
struct ConfigHistory {
    versions: Vec<ConfigItem>,
}

impl RegistryServer {
    /// The server behind this client. `namespace`: of services that are named without one.
    pub(super) fn new(http: RegistryHttp, namespace: Option<String>) -> Self {
        Self { http, namespace }
    }

    /// All configurations, without their values.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn configs(&self) -> Result<Vec<ConfigItem>> {
        let request = RegistryRequest::get("/api/v1/config");
        let list: ConfigList = self.send(&request, "list the configurations".to_owned()).await?;
        Ok(list.configs)
    }

    /// A configuration; an older version of it if that is given.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such configuration or version.
    pub async fn config(&self, name: &str, version: Option<u64>) -> Result<ConfigItem> {
        let request = RegistryRequest::get(config_path(name, ""));
        let request = match version {
            Some(version) => request.query("version", version.to_string()),
            None => request,
        };
        self.send(&request, format!("read the configuration {}", clean(name))).await
    }

    /// Waits until a configuration has another index than this one, at most for this time, and reads it. `None`: there is no
    /// such configuration then.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn changed_config(&self, name: &str, index: u64, wait: Duration) -> Result<Option<ConfigItem>> {
        let request = RegistryRequest::get(config_path(name, "")).query("index", index.to_string());
        let request = request.query("wait", format!("{}ms", wait.as_millis())).waiting(wait);
        match self.reply(&request).await {
            Ok(item) => Ok(Some(item)),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(refused(failure).into_error(format!("wait for the configuration {}", clean(name)))),
        }
    }

    /// Writes a configuration. `expected`: only if this is the current version; 0 means that there is none.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as when another version is current.
    pub async fn put_config(&self, name: &str, content: ConfigContent, expected: Option<u64>) -> Result<ConfigItem> {
        let request = with_expected(RegistryRequest::new(Method::PUT, config_path(name, "")), expected);
        let request = match content {
            ConfigContent::Json(text) => request.body(typed("application/json"), text.into_bytes()),
            ConfigContent::Text(text) => request.body(typed("text/plain; charset=utf-8"), text.into_bytes()),
        };
        self.send(&request, format!("write the configuration {}", clean(name))).await
    }

    /// Deletes a configuration. Its versions stay for a while.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such configuration.
    pub async fn delete_config(&self, name: &str, expected: Option<u64>) -> Result<()> {
        let request = with_expected(RegistryRequest::new(Method::DELETE, config_path(name, "")), expected);
        let sent = self.http.send(&request).await;
        sent.map(drop)
            .map_err(|failure| refused(failure).into_error(format!("delete the configuration {}", clean(name))))
    }

    /// The versions of a configuration that are kept, the newest first, without their values.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such configuration.
    pub async fn config_history(&self, name: &str) -> Result<Vec<ConfigItem>> {
        let request = RegistryRequest::get(config_path(name, "/history"));
        let history: ConfigHistory =
            self.send(&request, format!("read the versions of the configuration {}", clean(name))).await?;
        Ok(history.versions)
    }

    /// The difference of two versions: without them, of the newest and the one before.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such configuration or version.
    pub async fn config_diff(&self, name: &str, from: Option<u64>, to: Option<u64>) -> Result<ConfigDiff> {
        let mut request = RegistryRequest::get(config_path(name, "/diff"));
        for (parameter, version) in [("from", from), ("to", to)] {
            if let Some(version) = version {
                request = request.query(parameter, version.to_string());
            }
        }
        self.send(&request, format!("compare versions of the configuration {}", clean(name))).await
    }

    /// Makes an older version the newest.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such configuration or version.
    pub async fn roll_back_config(&self, name: &str, version: u64, expected: Option<u64>) -> Result<ConfigItem> {
        let request = RegistryRequest::post(config_path(name, "/rollback")).json(&json!({ "version": version }));
        self.send(&with_expected(request, expected), format!("roll back the configuration {}", clean(name))).await
    }

    /// How a service, `web` or `shop/web`, splits its traffic.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such service.
    pub async fn traffic(&self, service: &str) -> Result<TrafficState> {
        let request = self.service_request(Method::GET, service, "traffic");
        self.send(&request, format!("read the traffic of {}", clean(service))).await
    }

    /// Sends all calls of a service to some of its instances, in one change.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as without such an instance.
    pub async fn switch_traffic(&self, service: &str, to: &TrafficTarget) -> Result<TrafficState> {
        let request = self.service_request(Method::PUT, service, "traffic").json(&json!({ "to": to }));
        self.send(&request, format!("switch the traffic of {}", clean(service))).await
    }

    /// Gives all instances of a service their own weights again.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as while a shift runs.
    pub async fn reset_traffic(&self, service: &str) -> Result<TrafficState> {
        let request = self.service_request(Method::DELETE, service, "traffic");
        self.send(&request, format!("reset the traffic of {}", clean(service))).await
    }

    /// Starts to move calls of a service to some of its instances, step by step.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as while another shift runs.
    pub async fn start_shift(&self, service: &str, options: &ShiftOptions) -> Result<TrafficState> {
        let body = json!({
            "to": options.to, "steps": options.steps, "every": format!("{}ms", options.every.as_millis()),
            "abort_below": options.abort_below,
        });
        let request = self.service_request(Method::POST, service, "shift").json(&body);
        self.send(&request, format!("shift the traffic of {}", clean(service))).await
    }

    /// Pauses, resumes, aborts or finishes a shift.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses, as without a shift.
    pub async fn control_shift(&self, service: &str, action: ShiftAction) -> Result<TrafficState> {
        let request = self.service_request(Method::PUT, service, "shift").json(&json!({ "action": action }));
        self.send(&request, format!("change the shift of {}", clean(service))).await
    }

    /// How the server chooses among the instances of a service, `web` or `shop/web`, and how often it named which first.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such service.
    pub async fn balancing(&self, service: &str) -> Result<BalancingState> {
        let request = self.named_request(Method::GET, "load-balancer", service, "/stats");
        self.send(&request, format!("read the balancing of {}", clean(service))).await
    }

    /// Sets the strategy of a service; with `None` the settings of the server choose it again.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such service or strategy.
    pub async fn set_strategy(&self, service: &str, strategy: Option<&str>) -> Result<()> {
        let method = if strategy.is_some() { Method::PUT } else { Method::DELETE };
        let request = self.named_request(method, "load-balancer", service, "");
        let request = match strategy {
            Some(strategy) => request.json(&json!({ "strategy": strategy })),
            None => request,
        };
        self.send::<Value>(&request, format!("set the strategy of {}", clean(service))).await.map(drop)
    }

    /// Sets the counts of a service to zero.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no such service.
    pub async fn reset_picks(&self, service: &str) -> Result<()> {
        let request = self.named_request(Method::DELETE, "load-balancer", service, "/stats");
        let sent = self.http.send(&request).await.map(drop);
        sent.map_err(|failure| refused(failure).into_error(format!("reset the counts of {}", clean(service))))
    }

    /// The request about the traffic of a service.
    fn service_request(&self, method: Method, service: &str, part: &str) -> RegistryRequest {
        self.named_request(method, "services", service, &format!("/{part}"))
    }

    /// A request about a service, which may have its namespace before it.
    fn named_request(&self, method: Method, kind: &str, service: &str, part: &str) -> RegistryRequest {
        let (namespace, name) = match service.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (self.namespace.as_deref(), service),
        };
        let path = format!("/api/v1/{kind}/{}{part}", path_segment(name).unwrap_or_default());
        let request = RegistryRequest::new(method, path);
        match namespace {
            Some(namespace) => request.query("namespace", namespace),
            None => request,
        }
    }

    pub(super) fn http(&self) -> &RegistryHttp {
        &self.http
    }

    /// Of services that are named without one.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) async fn send<T: DeserializeOwned>(&self, request: &RegistryRequest, what: String) -> Result<T> {
        self.reply(request).await.map_err(|failure| refused(failure).into_error(what))
    }

    async fn reply<T: DeserializeOwned>(&self, request: &RegistryRequest) -> std::result::Result<T, RegistryFailure> {
        let reply = self.http.send(request).await?;
        Ok(reply.json::<Envelope<T>>()?.data)
    }
}

/// The server understood, and does not do it: there is no such thing, or it is not as the request expects.
pub(super) fn refused(failure: RegistryFailure) -> RegistryFailure {
    if matches!(failure.status(), Some(400..=499)) { failure.into_refusal() } else { failure }
}

fn config_path(name: &str, part: &str) -> String {
    format!("/api/v1/config/{}{part}", path_segment(name).unwrap_or_default())
}

fn typed(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn with_expected(request: RegistryRequest, expected: Option<u64>) -> RegistryRequest {
    match expected {
        Some(expected) => request.query("cas", expected.to_string()),
        None => request,
    }
}
