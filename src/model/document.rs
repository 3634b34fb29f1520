//! Reads what this program writes as JSON: a document, or a service a line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use super::{Completeness, Filters, FindingKind, Listing, ParseError, PartialError, Service};
use crate::clean::escaped;

/// The schema of every document. Fields are only ever added; a change of meaning makes it `/v2`.
pub(crate) const SCHEMA: &str = "portolan/v1";

const HINT: &str = "give it what `portolan discover SOURCE --json` or -o ndjson writes";

impl Listing {
    /// Reads the output of `--json` (one document) or `-o ndjson` (one service per line, and an optional last line that says
    /// whether the listing is complete).
    ///
    /// The text may come from any program: each text in it is escaped on its way to a terminal. Details are kept as they
    /// are, as [`RawDetail`](super::RawDetail).
    ///
    /// ```
    /// let text = br#"{"id":"a","source":"harbours","endpoints":[],"detail":{"berths":12}}"#;
    /// let listing = portolan::Listing::from_json(text)?;
    /// assert_eq!(listing.services[0].source, "harbours");
    /// assert_eq!(serde_json::to_value(&listing.services[0]).unwrap()["detail"]["berths"], 12);
    /// # Ok::<(), portolan::model::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// A text in neither format: the message has the line, or the number of the item.
    pub fn from_json(text: &[u8]) -> Result<Self, ParseError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);

        if is_document(text) {
            serde_json::from_slice(text).map_err(|error| ParseError::new(cause("it", &error), HINT))
        } else {
            lines(text)
        }
    }
}

impl<D> Service<D> {
    /// Gives findings that were read from JSON their kinds, if this program knows the same ones.
    pub(crate) fn resolve_findings<I: Iterator<Item = &'static FindingKind>>(&mut self, known: impl Fn() -> I) {
        self.findings.iter_mut().for_each(|finding| finding.resolve(known()));
    }

    /// Removes the results of checks: health describes the moment of the check, on the machine that made it.
    pub(crate) fn clear_health(&mut self) {
        self.health = None;
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.health = None);
    }
}

/// Whether the text is one document. The first line of a document over several lines is cut off; a service is a complete
/// line.
fn is_document(text: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        items: Option<IgnoredAny>,
    }

    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    match lines.next().map(serde_json::from_slice::<Head>) {
        Some(Ok(head)) => head.items.is_some(),
        Some(Err(error)) => error.is_eof() && lines.next().is_some(),
        None => false,
    }
}

/// The last line of a listing.
#[derive(serde::Deserialize)]
struct EndLine {
    r#type: String,
    complete: Option<bool>,
    #[serde(default)]
    errors: Vec<PartialError>,
    #[serde(default)]
    limits: Vec<PartialError>,
}

fn lines(text: &[u8]) -> Result<Listing, ParseError> {
    let mut listing = Listing::default();

    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Service>(line) {
            Ok(service) => listing.services.push(service),
            Err(error) => match serde_json::from_slice::<EndLine>(line) {
                Ok(end) if end.r#type == "end" => {
                    listing.errors.extend(end.errors);
                    listing.limits.extend(end.limits);
                    if end.complete == Some(false) {
                        listing.completeness = Completeness::Incomplete;
                    }
                }
                _ => return Err(ParseError::new(cause(&format!("line {}", at + 1), &error), HINT)),
            },
        }
    }
    Ok(listing)
}

/// Why a text cannot be read. serde_json appends its own position, which is line 1 for each line by itself.
fn cause(what: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);

    let cause = if !error.is_data() {
        format!("{what} is not JSON: {message}")
    } else if what == "it" {
        message.to_owned()
    } else {
        format!("{what} is not a service: {message}")
    };
    escaped(&cause).into_owned()
}

impl<'de, D: Deserialize<'de>> Deserialize<'de> for Listing<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        #[derive(serde::Deserialize)]
        struct Fields<D> {
            #[serde(default, rename = "schema", deserialize_with = "known_schema")]
            _schema: (),
            items: Items<D>,
            complete: Option<bool>,
            #[serde(default)]
            errors: Vec<PartialError>,
            #[serde(default)]
            limits: Vec<PartialError>,
            #[serde(default)]
            filters: Filters,
        }

        let Fields { items, complete, errors, limits, filters, .. } = Fields::deserialize(deserializer)?;
        let completeness = if complete == Some(false) { Completeness::Incomplete } else { Completeness::Complete };

        Ok(Self { services: items.0, completeness, errors, limits, filters })
    }
}

fn known_schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        SCHEMA => Ok(()),
        _ => Err(D::Error::custom("its schema is not portolan/v1")),
    }
}

/// The items of a document. An error names the item by its number.
struct Items<D>(Vec<Service<D>>);

impl<'de, D: Deserialize<'de>> Deserialize<'de> for Items<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        deserializer.deserialize_seq(ItemsVisitor(std::marker::PhantomData))
    }
}

struct ItemsVisitor<D>(std::marker::PhantomData<D>);

impl<'de, D: Deserialize<'de>> Visitor<'de> for ItemsVisitor<D> {
    type Value = Items<D>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of services")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<D>, A::Error> {
        let mut items = Vec::new();
        loop {
            match seq.next_element() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Items(items)),
                Err(error) => {
                    let error = error.to_string();
                    let error = error.split(" at line ").next().unwrap_or(&error);
                    return Err(A::Error::custom(format!("item {} is not a service: {error}", items.len() + 1)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RawDetail;

    const ITEM: &str = r#"{"id":"local/tcp/127.0.0.1:80","name":"web","namespace":null,"source":"harbours","endpoints":[{"address":"127.0.0.1","port":80,"interface":null,"transport":"tcp","ready":true,"service_guess":"http"}],"detail":{"a":1.5,"b":[]}}"#;

    fn read(text: &str) -> Result<(usize, bool), String> {
        let listing = Listing::from_json(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok((listing.services.len(), listing.completeness == Completeness::Complete))
    }

    #[test]
    fn documents_and_lines_are_read() {
        let document = format!(r#"{{"schema":"portolan/v1","items":[{ITEM},{ITEM}],"complete":false}}"#);
        assert_eq!(read(&document), Ok((2, false)));
        assert_eq!(read(&format!("\u{feff}{document}\n")), Ok((2, false)));
        assert_eq!(read(&document.replace(":[{", ":[\n{").replace("},{", "},\n{")), Ok((2, false)));
        assert_eq!(
            read(&format!("{ITEM}\n\n{ITEM}\r\n{}\n", r#"{"type":"end","complete":false,"errors":[]}"#)),
            Ok((2, false))
        );
        assert_eq!(read(&format!("{ITEM}\n{ITEM}")), Ok((2, true)));
        assert_eq!(read(""), Ok((0, true)), "a listing without services has no lines");
        assert_eq!(read(r#"{"items":[]}"#), Ok((0, true)));
    }

    #[test]
    fn a_document_keeps_what_this_program_does_not_know() {
        let error = r#"{"what":"list pods","why":"refused","hint":"ask"}"#;
        let text =
            format!(r#"{{"schema":"portolan/v1","items":[{ITEM}],"complete":false,"errors":[{error}],"limits":[]}}"#);
        let listing = Listing::from_json(text.as_bytes()).unwrap();

        assert_eq!(listing.services[0].source, "harbours");
        assert!(listing.services[0].detail.downcast_ref::<RawDetail>().is_some());
        assert_eq!(listing.errors[0].operation, "list pods");
        assert_eq!(serde_json::to_string(&listing.services[0]).unwrap(), ITEM);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let refused = |text: &str| read(text).unwrap_err();
        assert_eq!(refused("{}"), "line 1 is not a service: missing field `id`");
        assert_eq!(refused("x"), "line 1 is not JSON: expected value");
        assert!(refused(&format!("{ITEM}\n[]")).starts_with("line 2 is not a service: "));
        assert!(refused(&format!("{ITEM}\n{{\"id\":")).starts_with("line 2 is not JSON: EOF"));
        assert_eq!(refused(&ITEM.replace("80,\"inter", "0,\"inter")), "line 1 is not a service: port 0 is not a port");
        let second = format!(r#"{{"schema":"portolan/v1","items":[{ITEM},{{}}],"complete":true}}"#);
        assert_eq!(refused(&second), "item 2 is not a service: missing field `id`");
        let other = r#"{"schema":"portolan/v2","items":[],"complete":true}"#;
        assert_eq!(refused(other), "its schema is not portolan/v1");
        for text in ["[]", "1", "null", "{\"id\":1}", "{\"items\":1}", "{\n\"items\":[", "\u{0}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
