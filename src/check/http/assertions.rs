//! Assertions about an HTTP response: its body, headers and JSON values.

use serde_json::Value;

use super::reply::HttpReply;
use crate::model::CheckSpec;

/// The assertions of `spec` that do not hold.
pub(super) fn failed_assertions(spec: &CheckSpec, reply: &HttpReply) -> Vec<String> {
    let mut failed = Vec::new();
    if let Some(pattern) = &spec.expect_body
        && !pattern.is_match(&String::from_utf8_lossy(&reply.body))
    {
        failed.push(format!("the body does not match {}", pattern.as_str()));
    }

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

    if !spec.expect_json.is_empty() {
        failed.extend(failed_json_assertions(spec, &reply.body));
    }
    failed
}

fn failed_json_assertions(spec: &CheckSpec, body: &[u8]) -> Vec<String> {
    // serde_json limits nesting to 128 levels.
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return vec!["the body is not JSON".to_owned()];
    };

    let failed = spec.expect_json.iter().filter_map(|expected| match document.pointer(&expected.pointer) {
        Some(value) if *value == expected.value => None,
        Some(value) => {
            let value: String = value.to_string().chars().take(80).collect();
            Some(format!("{} is {value}, not {}", expected.pointer, expected.value))
        }
        None => Some(format!("the body has no {}", expected.pointer)),
    });
    failed.collect()
}
