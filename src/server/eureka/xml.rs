//! Eureka's XML: the same documents as its JSON. A key that begins with `@` is an attribute, `$` the text beside it.

use std::io;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

use crate::output::XmlWriter;

/// The deepest nesting of elements that is read.
const MAX_DEPTH: usize = 16;
/// The most elements that are read.
const MAX_ELEMENTS: usize = 4_096;

/// A document with this root.
pub(super) fn write(name: &str, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = XmlWriter::new(&mut bytes).and_then(|mut writer| element(&mut writer, name, value));
    bytes
}

/// Writes an element with its children.
pub(super) fn element(writer: &mut XmlWriter<'_>, name: &str, value: &Value) -> io::Result<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| element(writer, name, item)),
        Value::Object(fields) => {
            let texts: Vec<(&str, String)> = fields
                .iter()
                .filter_map(|(key, value)| {
                    // Written as it is, so that one which is not a name could end the element.
                    let name = key.strip_prefix('@').filter(|name| is_xml_name(name))?;
                    Some((name, plain(value)))
                })
                .collect();
            let attributes: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
            writer.open(name, &attributes)?;
            for (key, value) in fields.iter().filter(|(key, _)| !key.starts_with('@')) {
                match key.as_str() {
                    "$" => writer.text(&plain(value))?,
                    key if is_xml_name(key) => element(writer, key, value)?,
                    // A key of the metadata that XML cannot write.
                    _ => {}
                }
            }
            writer.close(name)
        }
        value => {
            writer.open(name, &[])?;
            writer.text(&plain(value))?;
            writer.close(name)
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether XML can write it as the name of an element or an attribute.
fn is_xml_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Reads a document as an object with its root. Elements that occur more than once are a list.
///
/// # Errors
/// Why it cannot be read, on one line.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![OpenElement::default()];
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                elements += 1;
                check_size(elements, open.len())?;
                open.push(OpenElement::new(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                check_size(elements, open.len())?;
                let element = OpenElement::new(&start)?;
                parent(&mut open)?.add(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or("it ends an element that it did not begin")?;
                parent(&mut open)?.add(element);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| error.to_string())?;
                parent(&mut open)?.text.push_str(&text);
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|error| error.to_string())?;
                parent(&mut open)?.text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| error.to_string())?;
                let text =
                    quick_xml::escape::unescape(&format!("&{name};")).map_err(|error| error.to_string())?.into_owned();
                parent(&mut open)?.text.push_str(&text);
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }

    match (open.pop(), open.is_empty()) {
        (Some(root), true) => Ok(Value::Object(root.fields)),
        _ => Err("it ends within an element".to_owned()),
    }
}

/// # Errors
/// There are more elements than are read, or more in each other.
fn check_size(elements: usize, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH || elements > MAX_ELEMENTS {
        return Err(format!("it has more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} in each other"));
    }
    Ok(())
}

fn parent(open: &mut [OpenElement]) -> Result<&mut OpenElement, String> {
    open.last_mut().ok_or_else(|| "it ends an element that it did not begin".to_owned())
}

/// An element that has begun.
#[derive(Default)]
struct OpenElement {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

impl OpenElement {
    fn new(start: &BytesStart<'_>) -> Result<Self, String> {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        let mut fields = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let key = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
            let raw = std::str::from_utf8(&attribute.value).map_err(|error| error.to_string())?;
            let value = quick_xml::escape::unescape(raw).map_err(|error| error.to_string())?.into_owned();
            fields.insert(format!("@{key}"), Value::String(value));
        }
        Ok(Self { name, fields, text: String::new() })
    }

    fn add(&mut self, element: Self) {
        let name = element.name.clone();
        let value = element.into_value();
        match self.fields.get_mut(&name) {
            None => drop(self.fields.insert(name, value)),
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }

    fn into_value(mut self) -> Value {
        let text = self.text.trim();
        if self.fields.is_empty() {
            return Value::String(text.to_owned());
        }
        if !text.is_empty() {
            self.fields.insert("$".to_owned(), Value::String(text.to_owned()));
        }
        Value::Object(self.fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_read_back() {
        let value = json!({
            "name": "WEB",
            "instance": [
                { "hostName": "a & <b>", "port": { "@enabled": "true", "$": "80" }, "metadata": { "k": "v" } },
                { "hostName": "c", "port": { "@enabled": "false", "$": "81" }, "metadata": { "k": "" } },
            ],
        });
        let text = write("application", &value);
        assert_eq!(read(&text), Ok(json!({ "application": value })), "{}", String::from_utf8_lossy(&text));
    }

    /// Clients choose the keys of their metadata and of the data center.
    #[test]
    fn a_key_that_is_not_a_name_adds_nothing_to_the_document() {
        for key in ["@a></metadata><forged>", "@x><y", "@", "@a b", "@a=\"", "@1", "@x:y", "@a/", "x><y", "", "a b"] {
            let value = json!({ "metadata": { (key): "<v>\"", "good": "v", "@class": "a\"><b" } });
            let text = write("instance", &value);
            let expected = json!({ "instance": { "metadata": { "good": "v", "@class": "a\"><b" } } });
            assert_eq!(read(&text), Ok(expected), "{key}: {}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn what_would_take_too_much_is_refused() {
        for (bad, why) in [
            ("<a><b></a>".to_owned(), "expected `</b>`"),
            ("<a>".to_owned(), "it ends within an element"),
            ("</a>".to_owned(), "close"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned(), "it has a document type"),
            ("<a>&b;</a>".to_owned(), "b"),
            ("<a>".repeat(100), "more than 16 in each other"),
            (format!("<a>{}</a>", "<b/>".repeat(5_000)), "more than 4096 elements"),
            ("\u{feff}<a".to_owned(), ""),
        ] {
            let error = read(bad.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }

        assert!(read(b"\xff<a/>").is_err());
    }
}
