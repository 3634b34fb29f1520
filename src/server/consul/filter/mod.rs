//! Filter expressions as Consul's API takes them (bexpr): parsed once, and then asked of each item.

mod parse;
mod schema;
mod tokens;

use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use super::error::{ConsulError, ConsulResult};

pub(super) use self::schema::{CHECK, HEALTH_ENTRY, NODE, SERVICE, SERVICE_NODE, Schema};

/// The longest expression.
const MAX_BYTES: usize = 8 * 1024;

/// A parsed expression.
#[derive(Debug)]
pub(super) struct FilterExpression(Expression);

#[derive(Debug)]
enum Expression {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Match(Match),
}

/// A question about one field.
#[derive(Debug)]
struct Match {
    /// The names of the fields on the way to it.
    path: Vec<String>,
    operator: Operator,
    /// Whether the answer is turned round.
    is_negated: bool,
}

#[derive(Debug)]
enum Operator {
    Equal(String),
    /// The field holds the value: a list has it, a map has it as a key, a text has it as a part.
    Contains(String),
    Empty,
    Matches(Regex),
}

impl FilterExpression {
    /// Reads an expression. `schema`: the fields that it may name.
    ///
    /// # Errors
    /// It is none, or names a field that is not there.
    pub(super) fn parse(text: &str, schema: Schema) -> ConsulResult<Self> {
        let parsed = if text.len() > MAX_BYTES {
            Err(format!("it is longer than {MAX_BYTES} bytes"))
        } else {
            parse::expression(text, schema)
        };
        parsed
            .map(Self)
            .map_err(|why| ConsulError::internal(format!("Failed to create boolean expression evaluator: {why}")))
    }

    /// Whether an item is wanted.
    pub(super) fn accepts(&self, item: &impl Serialize) -> bool {
        // Items are texts, numbers, and lists and maps of them.
        serde_json::to_value(item).is_ok_and(|item| self.0.holds(&item))
    }
}

/// Those of some items that a filter accepts.
pub(super) fn filtered<T: Serialize>(items: Vec<T>, filter: Option<&FilterExpression>) -> Vec<T> {
    match filter {
        Some(filter) => items.into_iter().filter(|item| filter.accepts(item)).collect(),
        None => items,
    }
}

impl Expression {
    fn holds(&self, item: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Match(question) => question.any(item, &question.path) != question.is_negated,
        }
    }
}

impl Match {
    /// Whether it is true of the field, or of any of the fields: a list on the way is all of its items.
    fn any(&self, value: &Value, path: &[String]) -> bool {
        let Some((name, rest)) = path.split_first() else { return self.operator.holds(value) };
        match value {
            Value::Array(items) => items.iter().any(|item| self.any(item, path)),
            Value::Object(fields) => match fields.get(name) {
                Some(field) => self.any(field, rest),
                // A key that a map does not have is empty, and nothing else.
                None => matches!(self.operator, Operator::Empty),
            },
            _ => matches!(self.operator, Operator::Empty),
        }
    }
}

impl Operator {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Equal(wanted), value) => is(value, wanted),
            (Self::Contains(wanted), Value::Array(items)) => items.iter().any(|item| is(item, wanted)),
            (Self::Contains(wanted), Value::Object(fields)) => fields.contains_key(wanted),
            (Self::Contains(wanted), Value::String(text)) => text.contains(wanted),
            (Self::Empty, Value::Array(items)) => items.is_empty(),
            (Self::Empty, Value::Object(fields)) => fields.is_empty(),
            (Self::Empty, Value::Null) => true,
            (Self::Matches(regex), Value::String(text)) => regex.is_match(text),
            (Self::Matches(regex), Value::Array(items)) => {
                items.iter().any(|item| item.as_str().is_some_and(|text| regex.is_match(text)))
            }
            _ => false,
        }
    }
}

/// Whether a value is written so.
fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(truth) => super::go::parse_bool(wanted) == Some(*truth),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> Result<bool, String> {
        let item = json!({
            "Node": { "Node": "n1", "Meta": { "zone": "a", "a b": "c" } },
            "Service": { "Service": "web", "Port": 80, "Tags": ["blue", "v1"], "Meta": {}, "EnableTagOverride": false },
            "Checks": [{ "Status": "passing", "Output": "" }, { "Status": "critical", "Output": "x" }],
        });
        let filter = FilterExpression::parse(text, HEALTH_ENTRY).map_err(|error| error.text)?;
        Ok(filter.accepts(&item))
    }

    #[test]
    fn expressions_are_asked_of_an_item() {
        for (text, truth) in [
            ("Service.Service == web", true),
            ("Service.Service==\"web\"", true),
            ("Service.Service != `web`", false),
            ("Service.Port == 80", true),
            ("Service.EnableTagOverride == false", true),
            ("blue in Service.Tags", true),
            ("\"red\" not in Service.Tags", true),
            ("Service.Tags contains v1", true),
            ("Service.Tags not contains v1", false),
            ("zone in Node.Meta", true),
            ("Service.Meta is empty", true),
            ("Service.Tags is not empty", true),
            ("Node.Meta.zone == a", true),
            ("Node.Meta[\"a b\"] == c", true),
            ("Node.Meta.none == a", false),
            ("Node.Meta.none != a", true),
            ("Service.Service matches \"^w.b$\"", true),
            ("Service.Service not matches \"x\"", true),
            ("Checks.Status == critical", true),
            ("Checks.Status == warning", false),
            ("not Service.Port == 80", false),
            ("Service.Port == 80 and Node.Node == n2", false),
            ("Service.Port == 80 or Node.Node == n2", true),
            ("Node.Node == n2 and Node.Node == n1 or Service.Port == 80", true),
            ("Node.Node == n2 and (Node.Node == n1 or Service.Port == 80)", false),
            ("  ( Service.Port==80 )  ", true),
            ("not (Service.Port == 80 and not Node.Node == n2)", false),
        ] {
            assert_eq!(holds(text), Ok(truth), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "it is empty"),
            ("Service", "after Service"),
            ("Nope == x", "Selector \"Nope\" is not valid"),
            ("Service.Nope == x", "Selector \"Service.Nope\" is not valid"),
            ("Service.Port == x", "is not a number"),
            ("Service.Port is empty", "cannot be empty"),
            ("Service.Service is empty", "cannot be empty"),
            ("Service.Port matches \"8\"", "cannot be matched"),
            ("Service.Service matches \"(\"", "regular expression"),
            ("(Service.Port == 80", "expected )"),
            ("Service.Port == 80 Service", "expected the end"),
            ("Service.Service == \"web", "quotation mark"),
            ("Service.Tags == blue", "cannot be compared"),
        ] {
            let error = holds(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let deep = format!("{}Service.Port == 80{}", "(".repeat(500), ")".repeat(500));
        assert!(holds(&deep).unwrap_err().contains("nested"));
        assert!(holds(&"not ".repeat(900)).unwrap_err().contains("nested"));
    }
}
