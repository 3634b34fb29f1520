//! Assertions about an HTTP response: its body, headers and JSON values.

use serde::de::IgnoredAny;
use serde_json::{Number, Value};

use super::MAX_BODY_BYTES;
use super::body::{self, BodyError, BodyText};
use super::reply::{BodyEnd, HttpReply};
use crate::check::target::{CheckResult, LocalFailure};
use crate::model::{CheckSpec, JsonAssertion};

/// The assertions of `spec` that do not hold.
///
/// # Errors
/// If portolan's own limits keep it from judging the body.
pub(super) fn failed_assertions(spec: &CheckSpec, reply: &HttpReply) -> CheckResult<Vec<String>> {
    let mut failed = Vec::new();
    for header in &spec.expect_header {
        let mut values = reply.values(&header.name).peekable();
        let present = values.peek().is_some();
        match &header.pattern {
            _ if !present => failed.push(format!("the header {} is missing", header.name)),
            Some(pattern) if !values.any(|value| pattern.is_match(&String::from_utf8_lossy(value))) => {
                failed.push(format!("the header {} does not match {}", header.name, pattern.as_str()));
            }
            _ => {}
        }
    }

    if has_body_assertion(spec) {
        match text_of(reply) {
            Ok(body) => failed.extend(failed_body_assertions(spec, reply.end, &body)?),
            Err(error @ BodyError::Broken(_)) => failed.push(error.to_string()),
            Err(error @ BodyError::Unsupported(_)) => return Err(LocalFailure(error.to_string())),
        }
    }
    Ok(failed)
}

/// Whether the reply has to be more than one with an expected status.
pub(super) fn has_assertion(spec: &CheckSpec) -> bool {
    has_body_assertion(spec) || !spec.expect_header.is_empty()
}

/// Whether the body decides about an assertion.
pub(super) fn has_body_assertion(spec: &CheckSpec) -> bool {
    spec.expect_body.is_some() || !spec.expect_json.is_empty()
}

/// The text of the body.
///
/// # Errors
/// If it cannot be expanded.
pub(super) fn text_of(reply: &HttpReply) -> Result<BodyText, BodyError> {
    let (codings, kind) = (reply.codings(), reply.value("content-type"));
    let is_partial = reply.end != BodyEnd::Whole;
    let mut body = body::text(&reply.body, &codings, kind, MAX_BODY_BYTES, is_partial)?;
    body.is_cut |= reply.end == BodyEnd::Limit;
    Ok(body)
}

fn failed_body_assertions(spec: &CheckSpec, end: BodyEnd, body: &BodyText) -> CheckResult<Vec<String>> {
    let mut failed = Vec::new();
    if let Some(pattern) = &spec.expect_body
        && !pattern.is_match(&body.text)
    {
        if body.is_cut {
            return Err(LocalFailure(format!("the first 8 MiB of the body do not match {}", pattern.as_str())));
        }
        failed.push(match end {
            BodyEnd::Open => format!("no event matches {} in time", pattern.as_str()),
            _ => format!("the body does not match {}", pattern.as_str()),
        });
    }

    if !spec.expect_json.is_empty() {
        if body.is_cut {
            return Err(LocalFailure("the JSON body is longer than 8 MiB, which is portolan's limit".to_owned()));
        }
        failed.extend(failed_json_assertions(&spec.expect_json, &body.text)?);
    }
    Ok(failed)
}

fn failed_json_assertions(assertions: &[JsonAssertion], body: &str) -> CheckResult<Vec<String>> {
    let Ok(document) = serde_json::from_str::<Value>(body) else {
        // serde_json limits nesting to 128 levels and numbers to 64 bits, but not in what it ignores.
        return match serde_json::from_str::<IgnoredAny>(body) {
            Ok(_) => Err(LocalFailure("the JSON body exceeds portolan's limits of depth or numbers".to_owned())),
            Err(_) => Ok(vec!["the body is not JSON".to_owned()]),
        };
    };

    let failed = assertions.iter().filter_map(|expected| match document.pointer(&expected.pointer) {
        Some(value) if is_equal(value, &expected.value) => None,
        Some(value) => {
            let value: String = value.to_string().chars().take(80).collect();
            Some(format!("{} is {value}, not {}", expected.pointer, expected.value))
        }
        None => Some(format!("the body has no {}", expected.pointer)),
    });
    Ok(failed.collect())
}

/// Whether two JSON values are equal; numbers by their value, so that 1 is 1.0.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => is_same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn is_same_number(a: &Number, b: &Number) -> bool {
    // Integers are compared exactly: not all of them are floating-point numbers.
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fails, or the local failure.
    fn failed(spec: &CheckSpec, body: &str, end: BodyEnd) -> Result<Vec<String>, String> {
        let reply = HttpReply { code: 200, fields: Vec::new(), body: body.into(), end, stream_began: None };
        failed_assertions(spec, &reply).map_err(|LocalFailure(cause)| cause)
    }

    #[test]
    fn json_numbers_are_compared_by_value() {
        for (assertion, body, holds) in [
            ("/n=1", r#"{"n":1.0}"#, true),
            ("/n=1.0", r#"{"n":1}"#, true),
            ("/n=100", r#"{"n":1e2}"#, true),
            ("/n=-0", r#"{"n":0}"#, true),
            ("/n=1", r#"{"n":1.5}"#, false),
            ("/n=1", r#"{"n":"1"}"#, false),
            ("/n=1", r#"{"n":true}"#, false),
            ("/n=[1,{\"a\":2.0}]", r#"{"n":[1.0,{"a":2}]}"#, true),
            ("/n=[1]", r#"{"n":[1,2]}"#, false),
            ("/n=9007199254740993", r#"{"n":9007199254740992}"#, false),
            ("/n=18446744073709551615", r#"{"n":18446744073709551615}"#, true),
            ("/n=ok", "\u{feff}{\"n\":\"ok\"}", true),
        ] {
            let spec = CheckSpec { expect_json: vec![assertion.parse().unwrap()], ..CheckSpec::default() };
            let failed = failed(&spec, body, BodyEnd::Whole).unwrap();
            assert_eq!(failed.is_empty(), holds, "{assertion} {body}: {failed:?}");
        }
    }

    /// What `bytes` are in gzip.
    #[cfg(feature = "bodies")]
    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;

        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    #[cfg(feature = "bodies")]
    fn every_coding_of_a_body_is_undone() {
        let spec = CheckSpec { expect_body: "^ok$".parse().ok(), ..CheckSpec::default() };
        let (once, twice) = (gzip(b"ok"), gzip(&gzip(b"ok")));
        for (fields, body) in [
            (&[("content-encoding", "gzip")][..], &once),
            (&[("content-encoding", "gzip, gzip")], &twice),
            (&[("content-encoding", "gzip"), ("content-encoding", "gzip")], &twice),
            (&[("transfer-encoding", "gzip, chunked")], &once),
            (&[("transfer-encoding", "gzip"), ("transfer-encoding", "Chunked")], &once),
            (&[("transfer-encoding", "gzip, chunked"), ("content-encoding", "x-gzip")], &twice),
        ] {
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            let reply = HttpReply { code: 200, fields, body: body.clone(), end: BodyEnd::Whole, stream_began: None };
            assert_eq!(failed_assertions(&spec, &reply).ok(), Some(Vec::new()), "{:?}", reply.fields);
        }
    }

    #[test]
    fn our_own_limit_is_no_fault_of_the_peer() {
        let json = CheckSpec { expect_json: vec!["/n=1".parse().unwrap()], ..CheckSpec::default() };
        let text = CheckSpec { expect_body: "end".parse().ok(), ..CheckSpec::default() };
        assert!(failed(&json, "{", BodyEnd::Limit).unwrap_err().contains("portolan's limit"));
        let deep = format!("{{\"n\":1,\"deep\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        for body in [deep.as_str(), r#"{"n":1,"large":1e400}"#] {
            assert!(failed(&json, body, BodyEnd::Whole).unwrap_err().contains("portolan's limits"), "{body}");
        }
        for body in [&deep[..deep.len() - 2], r#"{"n":1,"large":1e}"#, "", "NaN"] {
            assert_eq!(failed(&json, body, BodyEnd::Whole), Ok(vec!["the body is not JSON".to_owned()]), "{body}");
        }
        assert!(failed(&text, "begin", BodyEnd::Limit).unwrap_err().contains("8 MiB"));
        assert_eq!(failed(&text, "the end", BodyEnd::Limit), Ok(Vec::new()));
        assert_eq!(failed(&text, "begin", BodyEnd::Open), Ok(vec!["no event matches end in time".to_owned()]));
    }
}
