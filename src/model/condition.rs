//! Conditions on events: `type=added and item.endpoints[].port=5432`.

use std::str::FromStr;

use serde_json::Value;

use super::{BodyAssertion, ParseError};
use crate::error::nearest;

/// A condition on an event: comparisons of its fields, joined by `and`.
///
/// A field is named by its path in the JSON of the event, as [`changed_fields`](super::changed_fields) names them; `[]` stands
/// for any index and may be omitted. A value may be quoted. An event without the field never matches,
/// not even with `!=`.
///
/// ```
/// use portolan::model::Condition;
///
/// let condition: Condition = "type=added and item.endpoints[].port>=8000".parse()?;
/// assert!(condition.holds(&serde_json::json!({"type": "added", "item": {"endpoints": [{"port": 80}, {"port": 8080}]}})));
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Condition(Vec<Comparison>);

#[derive(Clone, Debug)]
struct Comparison {
    path: Vec<PathStep>,
    test: Test,
}

#[derive(Clone, Debug)]
enum PathStep {
    Field(String),
    Index(usize),
    /// Each of a list, or each field of an object.
    Any,
}

#[derive(Clone, Debug)]
enum Test {
    /// `=`: one of the values is this.
    Is(String),
    /// `!=`: there is one, and none of them is.
    IsNot(String),
    /// `~`: one of them matches.
    Matches(BodyAssertion),
    /// `<`, `<=`, `>`, `>=`: one of them is a number for which that holds.
    Number(&'static str, f64),
}

/// Longer ones first: `<=` begins with `<`.
const OPERATORS: [&str; 8] = ["!=", "<=", ">=", "==", "=", "<", ">", "~"];
/// The fields of an event.
const FIELDS: [&str; 12] = [
    "index",
    "type",
    "time",
    "source",
    "item",
    "changed",
    "was",
    "services",
    "duration_ms",
    "age_ms",
    "error",
    "missed",
];
/// The fields of a service.
const ITEM: [&str; 8] = ["id", "name", "namespace", "source", "endpoints", "health", "findings", "detail"];
/// The fields of an endpoint.
const ENDPOINT: [&str; 10] =
    ["address", "port", "interface", "transport", "ready", "service_guess", "service", "weight", "instance", "health"];
/// The event types.
const TYPES: [&str; 7] = ["added", "updated", "removed", "synced", "stale", "lagged", "error"];
const HINT: &str = "write it as in 'type=added and item.endpoints[].port=5432'; the comparisons are = != < <= > >= ~";

impl Condition {
    /// Whether the JSON of an event meets the condition.
    pub fn holds(&self, event: &Value) -> bool {
        self.0.iter().all(|comparison| comparison.holds(event))
    }
}

impl Comparison {
    fn holds(&self, event: &Value) -> bool {
        let mut values = Vec::new();
        follow(event, &self.path, &mut values);
        match &self.test {
            Test::Is(text) => values.iter().any(|value| is(value, text)),
            Test::IsNot(text) => !values.is_empty() && !values.iter().any(|value| is(value, text)),
            Test::Matches(pattern) => values.iter().any(|value| match value {
                Value::String(text) => pattern.is_match(text),
                Value::Number(number) => pattern.is_match(&number.to_string()),
                _ => false,
            }),
            Test::Number(operator, bound) => {
                values.iter().filter_map(|value| value.as_f64()).any(|number| match *operator {
                    "<" => number < *bound,
                    "<=" => number <= *bound,
                    ">" => number > *bound,
                    _ => number >= *bound,
                })
            }
        }
    }
}

/// The values that a path leads to.
fn follow<'v>(value: &'v Value, path: &[PathStep], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = path.split_first() else { return found.push(value) };
    match (step, value) {
        (PathStep::Any, Value::Array(items)) => items.iter().for_each(|item| follow(item, rest, found)),
        (PathStep::Any, Value::Object(fields)) => fields.values().for_each(|field| follow(field, rest, found)),
        (PathStep::Index(at), Value::Array(items)) => {
            items.iter().skip(*at).take(1).for_each(|item| follow(item, rest, found));
        }
        (PathStep::Field(name), Value::Object(fields)) => {
            fields.get(name).into_iter().for_each(|field| follow(field, rest, found));
        }
        // As if `[]` stood before it.
        (PathStep::Field(_), Value::Array(items)) => items.iter().for_each(|item| follow(item, path, found)),
        _ => {}
    }
}

/// Whether a value equals the operand: texts literally, numbers by value.
fn is(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Number(number) => {
            // Both come from the shortest text of their number.
            number.to_string() == text || number.as_f64().is_some_and(|number| text.parse() == Ok(number))
        }
        Value::Bool(yes) => text.parse() == Ok(*yes),
        Value::Null => text == "null",
        Value::Array(_) | Value::Object(_) => false,
    }
}

impl FromStr for Condition {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut comparisons = Vec::new();
        let mut rest = text;
        loop {
            let (comparison, after) = comparison(rest)?;
            comparisons.push(comparison);
            let after = after.trim_start();
            if after.is_empty() {
                return Ok(Self(comparisons));
            }
            let next = after.strip_prefix("and").filter(|next| next.starts_with(char::is_whitespace));
            rest = next.ok_or_else(|| {
                ParseError::new(
                    "only `and` joins comparisons",
                    "for `or`, give the option again; quote a value with blanks",
                )
            })?;
        }
    }
}

/// The comparison at the beginning of a text, and what comes after it.
fn comparison(text: &str) -> Result<(Comparison, &str), ParseError> {
    let text = text.trim_start();
    let end = text.find(|c: char| c.is_whitespace() || "=!<>~".contains(c)).unwrap_or(text.len());
    let (path, rest) = (path(&text[..end])?, text[end..].trim_start());
    let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
    let operator = operator.ok_or_else(|| ParseError::new("it compares with nothing", HINT))?;
    let (value, rest) = value(rest[operator.len()..].trim_start())?;
    let test = match operator {
        "=" | "==" | "!="
            if matches!(&path[..], [PathStep::Field(only)] if only == "type") && !TYPES.contains(&value) =>
        {
            return Err(unknown("an event has no type", value, &TYPES));
        }
        "=" | "==" => Test::Is(value.to_owned()),
        "!=" => Test::IsNot(value.to_owned()),
        "~" => Test::Matches(value.parse()?),
        operator => {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            let why = format!("`{operator}` compares numbers");
            Test::Number(operator, number.ok_or_else(|| ParseError::new(why, HINT))?)
        }
    };

    Ok((Comparison { path, test }, rest))
}

/// A value in quotes, or up to a blank, and what comes after it.
fn value(text: &str) -> Result<(&str, &str), ParseError> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).ok_or_else(|| ParseError::new("a quote is not closed", "close it"));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    if end == 0 {
        return Err(ParseError::new("a value is missing", "write '' for an empty one"));
    }
    Ok(text.split_at(end))
}

fn bad_path(text: &str, why: &str) -> ParseError {
    ParseError::new(format!("'{text}' is not a field of an event: {why}"), HINT)
}

/// Parses `item.endpoints[0].port`.
fn path(text: &str) -> Result<Vec<PathStep>, ParseError> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() {
            return Err(bad_path(text, "a name is missing"));
        }
        steps.push(PathStep::Field(name.to_owned()));
        while !indexes.is_empty() {
            let inside = indexes.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let (index, rest) = inside.ok_or_else(|| bad_path(text, "a bracket is not closed"))?;
            steps.push(match index {
                "" => PathStep::Any,
                digits => PathStep::Index(digits.parse().map_err(|_| bad_path(text, "an index is not a number"))?),
            });
            indexes = rest;
        }
    }
    let mut names =
        steps.iter().filter_map(|step| if let PathStep::Field(name) = step { Some(name.as_str()) } else { None });
    let levels = [("an event", &FIELDS[..], "item"), ("an item", &ITEM, "endpoints"), ("an endpoint", &ENDPOINT, "")];
    for (whose, known, deeper) in levels {
        match names.next() {
            Some(name) if !known.contains(&name) => {
                return Err(unknown(&format!("{whose} has no field"), name, known));
            }
            Some(name) if name == deeper => {}
            _ => break,
        }
    }

    Ok(steps)
}

fn unknown(what: &str, word: &str, known: &[&str]) -> ParseError {
    let hint = match nearest(word, known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there is {}", known.join(", ")),
    };
    ParseError::new(format!("{what} '{word}'"), hint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::{Address, DeclaredDetail, Endpoint, Service, Transport};

    fn holds(condition: &str) -> bool {
        let event = json!({
            "index": 4, "type": "updated", "source": "local", "changed": ["endpoints[0].ready"],
            "was": {"score": 60},
            "item": {"name": "my web", "namespace": null, "endpoints": [
                {"port": 80, "ready": true, "health": {"score": 92}}, {"port": 8080, "ready": false}]},
        });
        condition.parse::<Condition>().unwrap_or_else(|e| panic!("{condition}: {e}")).holds(&event)
    }

    #[test]
    fn fields_are_compared() {
        for condition in [
            "type=updated",
            "type = updated and index=4 and index=4.0 and index!=5",
            "item.name='my web' and item.name=\"my web\" and item.name~'^my'",
            "item.endpoints[].port=8080 and item.endpoints[0].port<8080",
            "item.endpoints[1].ready=false and item.namespace=null",
            "item.endpoints[].health.score>=92 and item.endpoints[].health.score<93",
            "changed[]=endpoints[0].ready",
            "item.endpoints.port=80 and item.endpoints.health.score=92",
            "type==updated and index == 4",
            "item.endpoints[].port~'^80'",
            "was.score>50",
            "item.name!=and",
        ] {
            assert!(holds(condition), "{condition}");
        }
        for condition in [
            "type=added",
            "type=updated and index>4",
            "item.endpoints[].port!=80",
            "item.endpoints[2].port>0",
            "item.detail.nothing=x",
            "item.health.state!=healthy",
            "missed!=1",
            "item.name<5",
            "missed=1",
            "type~'^dated'",
        ] {
            assert!(!holds(condition), "{condition}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, why) in [
            ("", "'' is not a field of an event: a name is missing"),
            ("type", "it compares with nothing"),
            ("type=", "a value is missing"),
            ("type='x", "a quote is not closed"),
            ("type=added or type=removed", "only `and` joins comparisons"),
            ("type=added andtype=added", "only `and` joins comparisons"),
            ("type=added and", "only `and` joins comparisons"),
            ("type=added and ", "'' is not a field of an event: a name is missing"),
            ("item.endpoints[.port=1", "'item.endpoints[.port' is not a field of an event: a bracket is not closed"),
            ("item..port=1", "'item..port' is not a field of an event: a name is missing"),
            ("item.endpoints[x]=1", "'item.endpoints[x]' is not a field of an event: an index is not a number"),
            ("index<soon", "`<` compares numbers"),
            ("index<nan", "`<` compares numbers"),
            ("tpye=added", "an event has no field 'tpye'"),
            ("item.nmae=x", "an item has no field 'nmae'"),
            ("item.endpoints[0].prot=80", "an endpoint has no field 'prot'"),
            ("type=add", "an event has no type 'add'"),
            ("type~'('", "it is not a regular expression: unclosed group"),
        ] {
            assert_eq!(text.parse::<Condition>().unwrap_err().to_string(), why, "{text}");
        }
        assert_eq!("tpye=added".parse::<Condition>().unwrap_err().hint(), "did you mean type?");
    }

    /// This match is exhaustive: a new field does not compile until it is listed above too.
    #[test]
    fn the_fields_are_those_of_the_types() {
        let detail = DeclaredDetail { from: "".into(), ..DeclaredDetail::default() };
        let service = Service::new(String::new(), "", Vec::new(), detail);
        let Service { id: _, name: _, namespace: _, source: _, endpoints: _, health: _, findings: _, detail: _ } =
            service;
        let Endpoint {
            address: _,
            port: _,
            interface: _,
            transport: _,
            ready: _,
            port_service: _,
            identity: _,
            weight: _,
            instance: _,
            health: _,
        } = Endpoint::new(Address::Name("".into()), None, Transport::Tcp);
        for word in TYPES {
            assert!(format!("type={word}").parse::<Condition>().is_ok());
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_panics(text in "[a-z.\\[\\]=!<>~'\" 0-9é]{0,40}", any in ".{0,40}") {
            for text in [format!("item{text}"), text, any] {
                if let Ok(condition) = text.parse::<Condition>() {
                    condition.holds(&json!({"item": [1, {"a": "b"}]}));
                }
            }
        }
    }
}
