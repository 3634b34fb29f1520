//! `Status` objects, the API's errors.

use serde_json::{Value, json};

/// A `Status` object.
pub fn status(code: u16, reason: &str, message: &str) -> Value {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code,
    });
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    status
}

/// The `Status` of a list whose token expired; the token in it continues with the current objects.
pub fn expired_token(next: &str) -> Value {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                   list without the continue parameter, or use the continue token in this response to retrieve the \
                   remainder of the results.";
    let mut status = status(410, "Expired", message);
    status["metadata"]["continue"] = json!(next);
    status
}

/// The `Status` of a list that asks for a version which is not there yet.
pub fn version_too_large(asked: u64, current: u64) -> Value {
    let mut status = status(504, "Timeout", &format!("Too large resource version: {asked}, current: {current}"));
    status["details"] = json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
               "retryAfterSeconds": 1});
    status
}
