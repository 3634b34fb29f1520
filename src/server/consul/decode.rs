//! Bodies as Go reads them: the case of a key does not matter, nor do underscores in it, and an unknown key is an error.

use std::collections::BTreeMap;

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::error::{ConsulError, ConsulResult};
use super::go;
use crate::clean::clean;
use crate::error::nearest;
use crate::server::access::Access;

/// An object of which fields are taken one by one.
#[derive(Debug)]
pub(super) struct BodyFields {
    fields: Map<String, Value>,
    known: Vec<&'static str>,
}

/// Reads the body of a request, which is one object. Its content type does not matter: Consul's clients send any, and a
/// page of another site cannot send PUT.
///
/// # Errors
/// It is too long, too slow, or no object.
pub(super) async fn read(access: &Access, body: Body) -> ConsulResult<BodyFields> {
    let max = access.app().settings.size_limits.body_bytes;
    let read = timeout(access.app().settings.time_limits.body, Limited::new(body, max).collect()).await;
    let bytes = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("Request body too large: at most {max} bytes are read (server.limits.body_bytes)");
            return Err(ConsulError::new(http::StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(Err(_)) => return Err(failed("the body ended early")),
        Err(_) => return Err(ConsulError::new(http::StatusCode::REQUEST_TIMEOUT, "the body was not complete in time")),
    };
    if bytes.trim_ascii().is_empty() {
        return Err(failed("EOF: the body is empty"));
    }

    let value: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&error.to_string()))?;
    BodyFields::of(value).map_err(|why| failed(&why))
}

/// 400 for a body.
pub(super) fn failed(why: &str) -> ConsulError {
    ConsulError::bad_request(format!("Request decode failed: {why}"))
}

fn normalized(key: &str) -> String {
    key.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

fn unexpected<T>(name: &str, value: &Value, wanted: &str) -> Result<T, String> {
    let shown: String = value.to_string().chars().take(40).collect();
    Err(format!("{name} is {wanted}, not {}", clean(&shown)))
}

impl BodyFields {
    /// The fields of a value.
    pub(super) fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self { fields, known: Vec::new() }),
            other => unexpected("it", &other, "an object"),
        }
    }

    /// Takes a field. `null` counts as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let wanted = normalized(name);
        let mut taken = None;
        while let Some(key) = self.fields.keys().find(|key| normalized(key) == wanted).cloned() {
            taken = self.fields.shift_remove(&key).filter(|value| !value.is_null()).or(taken);
        }
        taken
    }

    /// Takes a text; absent is empty.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, String> {
        match self.take(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(other) => unexpected(name, &other, "a text"),
        }
    }

    /// Takes a truth value; absent is false.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, String> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(truth),
            Some(other) => unexpected(name, &other, "true or false"),
        }
    }

    /// Takes a whole number.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<i64>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => unexpected(name, &value, "a whole number"),
            },
        }
    }

    /// Takes a duration in nanoseconds: a text with units, or a number of nanoseconds. Absent is 0.
    pub(super) fn duration(&mut self, name: &'static str) -> Result<i64, String> {
        match self.take(name) {
            None => Ok(0),
            Some(Value::String(text)) => go::parse_duration(&text)
                .ok_or_else(|| format!("{name}: time: invalid duration \"{}\" (write 10s or 5m)", clean(&text))),
            Some(value) => match value.as_i64() {
                Some(nanos) => Ok(nanos),
                None => unexpected(name, &value, "a duration such as \"10s\""),
            },
        }
    }

    /// Takes a list of texts; absent is empty.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, String> {
        let items = self.list(name)?;
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            other => unexpected(name, &other, "a list of texts"),
        });
        texts.collect()
    }

    /// Takes a list; absent is empty.
    pub(super) fn list(&mut self, name: &'static str) -> Result<Vec<Value>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => unexpected(name, &other, "a list"),
        }
    }

    /// Takes an object of any values; absent is empty.
    pub(super) fn map(&mut self, name: &'static str) -> Result<Map<String, Value>, String> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Value::Object(entries)) => Ok(entries),
            Some(other) => unexpected(name, &other, "an object"),
        }
    }

    /// Takes an object of texts; absent is empty.
    pub(super) fn text_map(&mut self, name: &'static str) -> Result<BTreeMap<String, String>, String> {
        let entries = self.map(name)?.into_iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            other => unexpected(name, &other, "an object of texts"),
        });
        entries.collect()
    }

    /// Takes an object; `None` if it is absent.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Self>, String> {
        self.take(name).map(|value| Self::of(value).map_err(|why| format!("{name}: {why}"))).transpose()
    }

    /// Whether it has no fields at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// A field that does not exist.
    pub(super) fn finish(self) -> Result<(), String> {
        let Some(unknown) = self.fields.keys().next() else { return Ok(()) };
        let lower: Vec<String> = self.known.iter().map(|known| known.to_ascii_lowercase()).collect();
        let near = nearest(&unknown.replace('_', ""), &lower.iter().map(String::as_str).collect::<Vec<_>>());
        let near = near.and_then(|near| lower.iter().position(|known| known == near)).and_then(|at| self.known.get(at));
        let near = near.map(|near| format!(" (did you mean {near}?)"));
        Err(format!("json: unknown field \"{}\"{}", clean(unknown), near.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_however_they_are_written() {
        for key in ["EnableTagOverride", "enabletagoverride", "enable_tag_override", "ENABLETAGOVERRIDE"] {
            let mut fields = BodyFields::of(json!({ key: true })).unwrap();
            assert_eq!(fields.flag("EnableTagOverride"), Ok(true), "{key}");
            assert_eq!(fields.finish(), Ok(()));
        }
        let mut fields = BodyFields::of(json!({ "Nme": "x", "Port": null })).unwrap();
        assert_eq!((fields.text("Name"), fields.number("Port")), (Ok(String::new()), Ok(None)));
        assert_eq!(fields.finish().unwrap_err(), "json: unknown field \"Nme\" (did you mean Name?)");
        let mut wrong = BodyFields::of(json!({ "Port": "80", "TTL": 5_000_000_000_i64, "Interval": "1" })).unwrap();
        assert_eq!(wrong.number("Port").unwrap_err(), "Port is a whole number, not \"80\"");
        assert_eq!(wrong.duration("TTL"), Ok(5_000_000_000));
        assert!(wrong.duration("Interval").is_err());
    }
}
