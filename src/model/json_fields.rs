//! The fields of a JSON object, taken one by one, with errors that name the field.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::unique_json::{UniqueValue, twice};
use super::{Problem, parse_duration};
use crate::clean::clean;
use crate::error::nearest;

/// The longest duration, as in [`parse_duration`].
const MAX_DURATION: Duration = Duration::from_hours(365 * 24);

/// The fields of an object that were not taken yet.
pub(crate) struct JsonFields {
    /// A list, because it is short: a map would take longer to fill than all its fields take to be found.
    fields: Vec<(String, Value)>,
    /// The names that were asked for; they are what a typo is compared with.
    known: Vec<&'static str>,
}

/// An object whose keys all differ, at any depth: a second value for a field is an error, not the one that counts.
struct UniqueObject(Vec<(String, Value)>);

/// The most fields of an object. The largest that is read has about forty.
const MAX_FIELDS: usize = 256;

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = UniqueObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<UniqueObject, A::Error> {
                let mut fields: Vec<(String, Value)> = Vec::with_capacity(16);
                while let Some(key) = entries.next_key::<String>()? {
                    if fields.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(twice(&key)));
                    }
                    if fields.len() == MAX_FIELDS {
                        return Err(A::Error::custom(format!("it has more than {MAX_FIELDS} fields")));
                    }
                    let UniqueValue(value) = entries.next_value()?;
                    fields.push((key, value));
                }
                Ok(UniqueObject(fields))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl JsonFields {
    /// Reads a document that is one object.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, Problem> {
        let read = serde_json::from_slice::<UniqueObject>(document);
        let UniqueObject(fields) = read.map_err(|error| {
            Problem::new(
                "",
                format!("it is not a JSON object: {error}"),
                "send an object with a name, an address and a port",
            )
        })?;

        Ok(Self { fields, known: Vec::new() })
    }

    /// The fields of the object that a deserializer holds.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UniqueObject::deserialize(deserializer).map(|UniqueObject(fields)| Self { fields, known: Vec::new() })
    }

    /// No fields.
    pub(crate) fn empty() -> Self {
        Self { fields: Vec::new(), known: Vec::new() }
    }

    /// The fields of a value, which must be an object.
    fn of(value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(fields) => Ok(Self { fields: fields.into_iter().collect(), known: Vec::new() }),
            other => Err(unexpected(&other, "an object")),
        }
    }

    /// Takes a field by one of its names. `null` counts as absent.
    fn take(&mut self, names: &[&'static str]) -> Result<Option<(&'static str, Value)>, Problem> {
        self.known.extend(names);
        let mut taken: Option<(&'static str, Value)> = None;

        for &name in names {
            let Some(value) = self.remove(name) else { continue };
            if let Some((first, _)) = &taken {
                let message = format!("it means the same as {first}, which is there too");
                return Err(Problem::new(name, message, format!("leave out {name}")));
            }
            taken = Some((name, value));
        }

        Ok(taken.filter(|(_, value)| !value.is_null()))
    }

    /// Takes a field and reads its value.
    pub(crate) fn read<T>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(Value) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        let Some((name, value)) = self.take(names)? else { return Ok(None) };

        read(value).map(Some).map_err(|problem| problem.within(name))
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, names: &[&'static str]) -> Result<Option<String>, Problem> {
        self.read(names, text_of)
    }

    /// Takes a truth value.
    pub(crate) fn flag(&mut self, names: &[&'static str]) -> Result<Option<bool>, Problem> {
        self.read(names, |value| value.as_bool().ok_or_else(|| unexpected(&value, "true or false")))
    }

    /// Takes a whole number from `min` to `max`.
    pub(crate) fn number(&mut self, names: &[&'static str], min: u64, max: u64) -> Result<Option<u64>, Problem> {
        self.read(names, |value| {
            let number = value.as_u64().or_else(|| whole(&value)).filter(|number| (min..=max).contains(number));
            number.ok_or_else(|| unexpected(&value, &format!("a whole number from {min} to {max}")))
        })
    }

    /// Takes a duration: whole seconds or fractions of them, or a text with units as in `30s`. Zero is allowed.
    pub(crate) fn duration(&mut self, names: &[&'static str]) -> Result<Option<Duration>, Problem> {
        self.read(names, |value| duration_of(&value))
    }

    /// Takes a list of texts; absent is empty.
    pub(crate) fn texts(&mut self, names: &[&'static str]) -> Result<Vec<String>, Problem> {
        let texts = self.list(names, text_of)?;
        Ok(texts.unwrap_or_default())
    }

    /// Takes a list.
    pub(crate) fn list<T>(
        &mut self,
        names: &[&'static str],
        read: impl Fn(Value) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Problem> {
        self.read(names, |value| {
            let Value::Array(items) = value else { return Err(unexpected(&value, "a list")) };
            let items = items.into_iter().enumerate();
            let read = items.map(|(at, item)| read(item).map_err(|problem| problem.within(&at.to_string())));
            let mut list: Vec<T> = read.collect::<Result<_, _>>()?;
            // The list stands where the larger values stood, and a registry keeps it.
            list.shrink_to_fit();
            Ok(list)
        })
    }

    /// Takes an object of texts; absent is empty.
    pub(crate) fn map(&mut self, names: &[&'static str]) -> Result<BTreeMap<String, String>, Problem> {
        let map = self.read(names, |value| {
            let Value::Object(entries) = value else { return Err(unexpected(&value, "an object of texts")) };
            let entries = entries.into_iter();
            entries
                .map(|(key, value)| Ok((key.clone(), text_of(value).map_err(|problem| problem.within(&key))?)))
                .collect()
        })?;

        Ok(map.unwrap_or_default())
    }

    /// Takes a field as it is; null if it is absent.
    pub(crate) fn value(&mut self, name: &str) -> Value {
        self.remove(name).unwrap_or(Value::Null)
    }

    /// What is left, as an object.
    pub(crate) fn rest(self) -> Value {
        Value::Object(self.fields.into_iter().collect())
    }

    /// Whether a field is left.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.swap_remove(at).1)
    }

    /// Leaves out fields that are not needed.
    pub(crate) fn drop_all(&mut self, names: &[&str]) {
        for name in names {
            self.remove(name);
        }
    }

    /// Refuses what is left: a field that does not exist.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some((unknown, _)) = self.fields.first() else { return Ok(()) };
        let hint = match nearest(unknown, &self.known) {
            // `nearest` compares `adress` with `health-check` as well as with `health_check`.
            Some(name) => format!("did you mean {name}?"),
            None => format!("the fields are {}", self.known.join(", ")),
        };

        Err(Problem::new(clean(unknown), "there is no such field", hint))
    }
}

/// Reads a field of an object, with errors that name the field inside of it.
pub(crate) fn object_of<T>(value: Value, read: impl FnOnce(JsonFields) -> Result<T, Problem>) -> Result<T, Problem> {
    read(JsonFields::of(value)?)
}

fn text_of(value: Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(unexpected(&other, "a text")),
    }
}

/// The whole number that a number such as `2.0` is, which JSON Schema counts as an integer.
fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    format!("{number:.0}").parse().ok()
}

fn duration_of(value: &Value) -> Result<Duration, Problem> {
    let duration = match value {
        Value::Number(number) => number.as_f64().and_then(|seconds| match number.as_u64() {
            Some(whole) => Some(Duration::from_secs(whole)),
            None => Duration::try_from_secs_f64(seconds).ok(),
        }),
        Value::String(text) if matches!(text.as_str(), "0" | "0s" | "0ms") => Some(Duration::ZERO),
        Value::String(text) => parse_duration(text).ok(),
        _ => None,
    };

    duration
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| unexpected(value, "a duration such as 30 (seconds) or \"30s\""))
}

/// A value of another kind than expected.
fn unexpected(value: &Value, expected: &str) -> Problem {
    let shown: String = value.to_string().chars().take(40).collect();

    Problem::new("", format!("{} is not {expected}", clean(&shown)), format!("write {expected}"))
}

/// Writes a duration as [`json_duration`] does.
pub(crate) fn serialize_duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    json_duration(*duration).serialize(serializer)
}

/// A duration as it is written: whole seconds as a number, anything finer as a text with its unit.
pub(crate) fn json_duration(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        return Value::from(duration.as_secs());
    }
    let (nanos, micros) = (duration.as_nanos(), duration.as_micros());
    if !nanos.is_multiple_of(1_000) {
        Value::from(format!("{nanos}ns"))
    } else if !micros.is_multiple_of(1_000) {
        Value::from(format!("{micros}us"))
    } else {
        Value::from(format!("{}ms", duration.as_millis()))
    }
}
