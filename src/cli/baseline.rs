//! `--diff FILE`: what an earlier answer said.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result, plain};
use crate::net::read_file;

/// An earlier answer, as a JSON document or line by line.
pub(super) struct Baseline {
    pub(super) items: Vec<Value>,
    /// Whether it said that it was whole.
    pub(super) complete: bool,
}

/// No answer is larger that anybody compares.
const LARGEST: usize = 1 << 30;

impl Baseline {
    /// Reads it.
    ///
    /// # Errors
    /// Where it cannot be read, or not before `cancel` or `until`; where it is no answer of that source.
    pub(super) fn read(path: &Path, source: &str, cancel: &Cancel, until: Option<Instant>) -> Result<Self> {
        let refused =
            |why: String, hint: &str| Error::usage(format!("--diff '{}'", clean(&path.to_string_lossy())), why, hint);
        let bytes = read_file(path, LARGEST, cancel, until)
            .map_err(|error| refused(plain(&error), "name what an earlier run wrote with -o json=FILE"))?;
        let text = String::from_utf8_lossy(&bytes);
        let previous = document(&text).or_else(|| lines(&text)).ok_or_else(|| {
            refused("it is no answer of portolan's".to_owned(), "name what an earlier run wrote with -o json=FILE")
        })?;
        let other = previous.items.iter().find(|item| item["source"] != source);
        if let Some(other) = other.and_then(|item| item["source"].as_str()) {
            let hint = format!("compare with an answer of {source}");
            return Err(refused(format!("it is an answer of {}", clean(other)), &hint));
        }
        Ok(previous)
    }
}

fn document(text: &str) -> Option<Baseline> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    if document["schema"] != "portolan/v1" {
        return None;
    }
    let complete = document["complete"].as_bool()?;
    let Value::Array(items) = document["items"].take() else { return None };
    items.iter().all(is_item).then_some(Baseline { items, complete })
}

fn lines(text: &str) -> Option<Baseline> {
    let mut previous = Baseline { items: Vec::new(), complete: true };
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).ok()?;
        if line["type"] == "end" {
            previous.complete = line["complete"].as_bool()?;
        } else if is_item(&line) {
            previous.items.push(line);
        } else {
            return None;
        }
    }
    Some(previous)
}

fn is_item(item: &Value) -> bool {
    item["id"].is_string() && item["source"].is_string() && item["endpoints"].is_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lines_are_read_and_nothing_else() {
        let item = r#"{"id":"scan/tcp/10.0.0.1:22","source":"scan","endpoints":[]}"#;
        let read = |text: &str| document(text).or_else(|| lines(text)).map(|old| (old.items.len(), old.complete));
        assert_eq!(read(&format!(r#"{{"schema":"portolan/v1","items":[{item}],"complete":false}}"#)), Some((1, false)));
        assert_eq!(read(&format!("{item}\n{item}\n")), Some((2, true)));
        assert_eq!(read(&format!("{item}\n{{\"type\":\"end\",\"complete\":false}}\n")), Some((1, false)));
        assert_eq!(read(""), Some((0, true)), "an answer without anything has no line");
        for text in ["{}", "[]", "1", "x", "{\"id\":1}", r#"{"schema":"portolan/v2","items":[],"complete":true}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
