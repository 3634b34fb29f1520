//! Label and field selectors.

use serde_json::Value;

/// One requirement on one label.
#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// The restrictions of a list.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    /// `metadata.name`, `metadata.namespace`: path, value, and whether it must be equal.
    fields: Vec<(String, String, bool)>,
}

impl Selector {
    /// Parses both kinds; `Err` holds the API's message.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, String> {
        let labels = split(labels).into_iter().map(|text| requirement(&text)).collect::<Result<_, _>>()?;
        let fields = split(fields).into_iter().map(|text| field(&text)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    pub fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|value| values.iter().all(|one| one != value)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        }) && self.fields.iter().all(|(path, value, equal)| {
            let pointer = format!("/{}", path.replace('.', "/"));
            (object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default() == value) == *equal
        })
    }
}

/// The parts between commas outside of brackets.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    if parts == [""] { Vec::new() } else { parts.into_iter().map(|part| part.trim().to_owned()).collect() }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let refuse = || Err(format!("unable to parse requirement: found '{text}', expected: identifier"));
    let is_key = |key: &str| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
    };
    let list = |text: &str| {
        text.trim()
            .strip_prefix('(')?
            .strip_suffix(')')
            .map(|text| text.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
    };
    let (key, requirement) = if let Some((key, values)) = text.split_once(" notin ") {
        let Some(values) = list(values) else { return refuse() };
        (key, Requirement::NotIn(key.trim().to_owned(), values))
    } else if let Some((key, values)) = text.split_once(" in ") {
        let Some(values) = list(values) else { return refuse() };
        (key, Requirement::In(key.trim().to_owned(), values))
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()]))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Requirement::Absent(key.trim().to_owned()))
    } else {
        (text, Requirement::Exists(text.trim().to_owned()))
    };
    if is_key(key.trim()) { Ok(requirement) } else { refuse() }
}

fn field(text: &str) -> Result<(String, String, bool), String> {
    let (path, value, equal) = if let Some((path, value)) = text.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (path, value, true)
    } else {
        return Err(format!("invalid selector: '{text}'; can't understand '{text}'"));
    };
    match path {
        "metadata.name" | "metadata.namespace" => Ok((path.to_owned(), value.to_owned(), equal)),
        _ => Err(format!("field label not supported: {path}")),
    }
}
