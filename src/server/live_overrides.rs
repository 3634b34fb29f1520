//! Settings of the server that are set through a configuration of its own: it applies at once, and lasts.

use std::time::Duration;

use serde_json::Value;
use tracing::{error, info};

use super::settings::LiveSettings;
use super::shared::App;
use super::strategy::Strategy;
use crate::model::json_fields::{JsonFields, object_of};
use crate::model::{ParseError, Problem};
use crate::registry::{ConfigEntry, ConfigValue};

/// The name of the configuration that holds settings of the server.
pub(super) const SERVER_CONFIG: &str = "portolan";

/// What such a configuration may set: the keys that a changed settings file changes at once, under the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LiveOverrides {
    default_strategy: Option<Strategy>,
    heartbeat_interval: Option<Duration>,
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    /// `debug`
    log_level: Option<&'static str>,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The most connections that a setting can allow.
const MAX_CONNECTIONS: u64 = 1_000_000;

impl LiveOverrides {
    /// The settings in a configuration.
    ///
    /// # Errors
    /// It is not JSON, or has a field that cannot be changed while the server runs.
    pub(super) fn parse(value: &ConfigValue) -> Result<Self, Problem> {
        let ConfigValue::Json(text) = value else {
            let hint = "send it as JSON, as in {\"load_balancer\": {\"default_strategy\": \"random\"}}";
            return Err(Problem::new("value", "the settings of the server are not a text", hint));
        };
        let mut overrides = Self::default();
        let mut fields = JsonFields::parse(text.as_bytes())?;
        fields.read(&["load_balancer"], |value| object_of(value, |fields| overrides.take_balancer(fields)))?;
        fields.read(&["monitoring"], |value| object_of(value, |fields| overrides.take_monitoring(fields)))?;

        fields.read(&["registry"], |value| object_of(value, |fields| overrides.take_registry(fields)))?;
        fields.read(&["server"], |value| object_of(value, |fields| overrides.take_server(fields)))?;
        fields.finish()?;
        Ok(overrides)
    }

    fn take_balancer(&mut self, mut fields: JsonFields) -> Result<(), Problem> {
        self.default_strategy = fields.read(&["default_strategy"], |value| strategy_of(&value))?;
        fields.finish()
    }

    fn take_monitoring(&mut self, mut fields: JsonFields) -> Result<(), Problem> {
        fields.read(&["logging"], |value| {
            object_of(value, |mut fields| {
                self.log_level = fields.read(&["level"], |value| level_of(&value))?;
                fields.finish()
            })
        })?;
        fields.finish()
    }

    fn take_registry(&mut self, mut fields: JsonFields) -> Result<(), Problem> {
        fields.read(&["registration"], |value| {
            object_of(value, |mut fields| {
                self.heartbeat_interval = fields.duration(&["heartbeat_interval"])?;
                fields.finish()
            })
        })?;
        fields.finish()
    }

    fn take_server(&mut self, mut fields: JsonFields) -> Result<(), Problem> {
        fields.read(&["limits"], |value| {
            object_of(value, |mut fields| {
                self.connections = limit(&mut fields, "connections")?;
                self.connections_per_address = limit(&mut fields, "connections_per_address")?;
                fields.finish()
            })
        })?;
        fields.finish()
    }

    /// Those of the settings file, except for what is set here.
    pub(super) fn over(&self, base: LiveSettings) -> LiveSettings {
        LiveSettings {
            default_strategy: self.default_strategy.unwrap_or(base.default_strategy),
            heartbeat_interval: self.heartbeat_interval.unwrap_or(base.heartbeat_interval),
            connections: self.connections.unwrap_or(base.connections),
            connections_per_address: self.connections_per_address.unwrap_or(base.connections_per_address),
        }
    }
}

fn limit(fields: &mut JsonFields, name: &'static str) -> Result<Option<usize>, Problem> {
    let number = fields.number(&[name], 1, MAX_CONNECTIONS)?;
    Ok(number.and_then(|number| usize::try_from(number).ok()))
}

fn strategy_of(value: &Value) -> Result<Strategy, Problem> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|error: ParseError| Problem::new("", error.to_string(), error.hint()))
}

fn level_of(value: &Value) -> Result<&'static str, Problem> {
    let wanted = value.as_str().unwrap_or_default().to_ascii_lowercase();
    let known = LEVELS.into_iter().find(|level| *level == wanted);
    known.ok_or_else(|| Problem::new("", "it is not a log level", format!("write one of {}", LEVELS.join(", "))))
}

/// Puts the settings of the file in force, with what the server's own configuration says over them.
pub(super) fn apply(app: &App, base: LiveSettings) {
    let view = app.unscoped_view();
    let value = view.snapshot.config(SERVER_CONFIG).and_then(|entry| current(entry));
    let overrides = match value.as_ref().map(LiveOverrides::parse) {
        None => LiveOverrides::default(),
        Some(Ok(overrides)) => overrides,
        Some(Err(problem)) => {
            // It was written by another version: refused otherwise.
            error!(hint = problem.hint, "the configuration {SERVER_CONFIG} cannot be used: {problem}");
            LiveOverrides::default()
        }
    };

    let live = overrides.over(base);
    app.gate.set_limits(live.connections, live.connections_per_address);
    if **app.live.load() != live {
        app.live.store(std::sync::Arc::new(live));
        info!(strategy = %live.default_strategy, connections = live.connections, "settings in force");
    }
    app.log.set_override(overrides.log_level);
}

fn current(entry: &ConfigEntry) -> Option<ConfigValue> {
    entry.current()?.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ServerSettings;

    fn parse(text: &str) -> Result<LiveOverrides, Problem> {
        LiveOverrides::parse(&ConfigValue::Json(text.into()))
    }

    #[test]
    fn what_is_set_lies_over_the_file_and_the_rest_stays() {
        let text = r#"{"load_balancer": {"default_strategy": "rr"}, "monitoring": {"logging": {"level": "DEBUG"}},
            "registry": {"registration": {"heartbeat_interval": "5s"}}, "server": {"limits": {"connections": 7}}}"#;
        let overrides = parse(text).unwrap();
        let base = LiveSettings { default_strategy: Strategy::Random, ..ServerSettings::default().live() };
        let live = overrides.over(base);
        assert_eq!((live.default_strategy, live.connections), (Strategy::RoundRobin, 7));
        assert_eq!(live.heartbeat_interval, Duration::from_secs(5));
        assert_eq!(live.connections_per_address, base.connections_per_address);
        assert_eq!(overrides.log_level, Some("debug"));
        assert_eq!(parse("{}").unwrap().over(base), base);
    }

    #[test]
    fn what_cannot_change_while_the_server_runs_is_refused_with_its_field() {
        for (text, field) in [
            (r#"{"server": {"port": 1}}"#, "server.port"),
            (r#"{"load_balancer": {"default_strategy": "best"}}"#, "load_balancer.default_strategy"),
            (r#"{"monitoring": {"logging": {"level": "loud"}}}"#, "monitoring.logging.level"),
            (r#"{"server": {"limits": {"connections": 0}}}"#, "server.limits.connections"),
        ] {
            assert_eq!(parse(text).unwrap_err().field, field, "{text}");
        }
        assert!(parse("[]").is_err());
        assert!(LiveOverrides::parse(&ConfigValue::Text("{}".into())).is_err());
    }
}
