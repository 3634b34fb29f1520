//! What the body of a reply says about its service.

use serde_json::Value;

use super::assertions::text_of;
use super::reply::{BodyEnd, HttpReply};
use crate::clean::{MASK, redacted};
use crate::model::CheckSpec;

/// The most characters of a body that are shown.
const MAX_EXCERPT_CHARS: usize = 200;
/// How many characters are read for an excerpt: blanks and line ends become one blank each.
const MAX_READ_CHARS: usize = 2_000;
/// Shorter words of a header are no secrets.
const MIN_SECRET_BYTES: usize = 4;
/// A health page is shorter.
const MAX_STATUS_BYTES: usize = 64 << 10;
/// The values of `status` that mean a failure: of Spring and MicroProfile, of ASP.NET, and of health+json
/// (draft-inadarei-api-health-check).
const FAILURES: [&str; 9] =
    ["down", "out_of_service", "unhealthy", "fail", "failed", "failing", "failure", "error", "critical"];

/// The beginning of a body that people can read, in one line and without secrets. Pages for browsers say little. A server may repeat
/// the request, so what the user sent is masked, or nothing is quoted.
pub(super) fn excerpt(reply: &HttpReply, spec: &CheckSpec) -> Option<String> {
    let kind = media_type(reply);
    let may_repeat_secrets =
        spec.body.is_some() || spec.path.as_ref().is_some_and(|path| path.shown() != path.as_str());
    if may_repeat_secrets || (!is_json(&kind) && kind != "text/plain") {
        return None;
    }

    let body = text_of(reply).ok()?.text;
    let read: String = body.chars().take(MAX_READ_CHARS).collect();
    let line = read.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = spec.header.iter().fold(line, |line, header| without_words(line, &header.value));
    let line = redacted(&line);
    let shown: String = line.chars().take(MAX_EXCERPT_CHARS).collect();
    match shown.len() {
        0 => None,
        length if length < line.len() => Some(format!("{shown}…")),
        _ => Some(shown),
    }
}

/// A text without the words of a header's value.
fn without_words(text: String, value: &str) -> String {
    let words = value.split_whitespace().filter(|word| word.len() >= MIN_SECRET_BYTES);
    words.fold(text, |text, word| text.replace(word, MASK))
}

/// The `status` of a JSON object, if it means that the service is not well.
pub(super) fn failed_status(reply: &HttpReply) -> Option<String> {
    let is_short = reply.end == BodyEnd::Whole && reply.body.len() <= MAX_STATUS_BYTES;
    if !is_short || !is_json(&media_type(reply)) {
        return None;
    }

    let body: Value = serde_json::from_str(&text_of(reply).ok()?.text).ok()?;
    let status = body.get("status")?.as_str()?;
    let is_failure = FAILURES.contains(&status.to_ascii_lowercase().as_str());
    is_failure.then(|| status.to_owned())
}

/// The media type of the body, in lower case and without parameters.
fn media_type(reply: &HttpReply) -> String {
    let value = reply.value("content-type").split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(value.trim_ascii()).to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(kind: &str, body: &str) -> HttpReply {
        let fields = vec![("content-type".to_owned(), kind.as_bytes().to_vec())];
        HttpReply { code: 200, fields, body: body.into(), end: BodyEnd::Whole, stream_began: None }
    }

    #[test]
    fn a_status_that_means_a_failure_is_found() {
        for (kind, body, status) in [
            ("application/json", r#"{"status":"DOWN"}"#, Some("DOWN")),
            ("Application/JSON; charset=utf-8", r#"{"a":1,"status":"error"}"#, Some("error")),
            ("application/health+json", r#"{"status":"fail"}"#, Some("fail")),
            ("application/json", r#"{"status":"UP","error":"x"}"#, None),
            ("application/json", r#"{"status":500}"#, None),
            ("application/json", r#"[{"status":"DOWN"}]"#, None),
            ("application/json", r#"{"status":"DOWN""#, None),
            ("text/plain", r#"{"status":"DOWN"}"#, None),
            ("", r#"{"status":"DOWN"}"#, None),
        ] {
            assert_eq!(failed_status(&reply(kind, body)).as_deref(), status, "{kind} {body}");
        }
        let cut = HttpReply { end: BodyEnd::Limit, ..reply("application/json", r#"{"status":"DOWN"}"#) };
        assert_eq!(failed_status(&cut), None);
    }

    #[test]
    fn an_excerpt_is_one_line_for_people() {
        for (kind, body, shown) in [
            ("application/json", "{\n  \"db\":\t\"ECONNREFUSED\"\n}", Some(r#"{ "db": "ECONNREFUSED" }"#)),
            ("text/plain", "Unhealthy", Some("Unhealthy")),
            ("text/plain", " \n", None),
            ("text/html", "<h1>503</h1>", None),
            ("application/json", r#"{"token":"s3cret-value"}"#, Some(r#"{"token":***}"#)),
        ] {
            assert_eq!(excerpt(&reply(kind, body), &CheckSpec::default()).as_deref(), shown, "{kind} {body}");
        }
        let long = excerpt(&reply("text/plain", &"é".repeat(3_000)), &CheckSpec::default()).unwrap();
        assert_eq!(long, format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn what_the_user_sent_is_not_quoted() {
        let plain = reply("text/plain", "no user for Bearer t0p-s3cret");
        let header = "Authorization: Bearer t0p-s3cret".parse().unwrap();
        let spec = CheckSpec { header: vec![header], ..CheckSpec::default() };
        assert_eq!(excerpt(&plain, &spec).as_deref(), Some("no user for *** ***"));

        let body = CheckSpec { body: "t0p-s3cret".parse().ok(), ..CheckSpec::default() };
        let path = CheckSpec { path: "/x?token=t0p-s3cret".parse().ok(), ..CheckSpec::default() };
        assert_eq!([excerpt(&plain, &body), excerpt(&plain, &path)], [None, None]);
    }
}
