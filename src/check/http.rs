//! Whether HTTP is answered, with what was expected, and how fast.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, CheckTarget};
use super::{findings, request};
use crate::model::{Finding, FindingKind, Group, StatusRanges};

findings! { Group::App;
    INVALID = "http-invalid", cap 20, "What comes back is no HTTP answer, or it breaks off.",
        "look whether HTTP is spoken on that port, and TLS where it is not expected";
    TIMEOUT = "http-timeout", cap 20, "No whole answer comes in time.",
        "look at what the service waits for, or allow more time (--timeout)";
    SERVER_ERROR = "http-5xx", cap 30, "The server says that it failed.",
        "look at the service's own log";
    UNAVAILABLE = "http-unavailable", cap 40, "The server says that it is unavailable, and when to come back (503 with Retry-After).",
        "wait as long as it asks, or look for maintenance or overload";
    THROTTLED = "http-throttled", 15, cap 75, "The server says that too much is asked (429).",
        "ask less often, or raise the limit for this client";
    NOT_FOUND = "http-not-found", 15, cap 60, "Nothing is at the path that it is configured with (404, 410).",
        "look at the path, and at what the service serves";
    NO_ROOT = "http-no-root", 2, "Nothing is at /, which was only guessed.",
        "give a path that it serves (--path)";
    AUTH_REQUIRED = "http-auth-required", 2, "It is alive and wants credentials, of which none were given (401, 403).",
        "give credentials (--header), or a path that needs none";
    UNEXPECTED_STATUS = "http-unexpected-status", 20, cap 60, "The status is not among the expected ones.",
        "look why, or say what is expected (--expect-status)";
    ASSERTION_FAILED = "http-assertion-failed", cap 40, "The answer's body or header is not what it must be.",
        "look at the answer, and at what is asserted of it";
    REDIRECT_UNSAFE = "http-redirect-unsafe", 10, cap 75, "It redirects in a loop, or from https to http.",
        "mend the redirect";
    LATENCY_1X = "http-latency-1x", 3, "The answer takes longer than its goal.",
        "look at what the service waits for, or give a goal that fits it (--goal)";
    LATENCY_2X = "http-latency-2x", 7, "The answer takes more than twice its goal.",
        "look at what the service waits for, or give a goal that fits it (--goal)";
    LATENCY_4X = "http-latency-4x", 12, "The answer takes more than four times its goal.",
        "look at what the service waits for, or give a goal that fits it (--goal)";
}

/// What asking showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// What was asked: `GET /health`.
    pub(crate) asked: String,
    /// Whether nobody said which path to ask for.
    pub(crate) path_guessed: bool,
    /// Whether credentials went with it.
    pub(crate) credentials: bool,
    /// The statuses that are well.
    pub(crate) expected: StatusRanges,
    /// The longest that an answer should take, in microseconds.
    pub(crate) goal_us: u64,
    /// Each answer, in order.
    pub(crate) answers: Vec<HttpOutcome>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpOutcome {
    /// An answer of HTTP.
    HttpStatus(HttpStatus),
    /// Something else.
    Invalid(String),
    /// Nothing, or not all of it.
    TimedOut,
}

/// An answer of HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpStatus {
    pub(crate) code: u16,
    /// From the question to the end of what was read of the answer; of every one on the way, added up.
    pub(crate) took: Latency,
    /// Whether it says when to come back.
    #[serde(default)]
    pub(crate) retry_after: bool,
    /// What was asserted and does not hold.
    #[serde(default)]
    pub(crate) failed: Vec<String>,
    /// What is wrong with the way it redirects.
    #[serde(default)]
    pub(crate) unsafe_redirect: Option<String>,
}

/// Asks once.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let ask = &aim.ask;
    let answer = request::ask(aim, kit).await?;
    let path = ask.path.as_ref().map_or("/", |path| path.as_str());
    Ok(Observation {
        asked: format!("{} {path}", ask.method.as_ref().map_or("GET", |method| method.as_str())),
        path_guessed: ask.path.is_none(),
        credentials: ask.header.iter().any(|header| matches!(header.name.as_str(), "authorization" | "cookie")),
        expected: ask.expect_status.clone().unwrap_or_default(),
        goal_us: aim.goals.answer_us,
        answers: vec![answer],
    })
}

impl Observation {
    /// A finding is emitted if at least half of the answers show it: how steady it is, is for `stability` to say.
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let mut seen: BTreeMap<&str, (usize, Finding)> = BTreeMap::new();
        for finding in self.answers.iter().flat_map(|answer| self.judge_one(answer)) {
            seen.entry(finding.kind().map_or("", |kind| kind.code))
                .and_modify(|(count, _)| *count += 1)
                .or_insert((1, finding));
        }
        let often = seen.into_values().filter(|(count, _)| count * 2 >= self.answers.len()).map(|(_, finding)| finding);
        let slow = scale::latency([&LATENCY_1X, &LATENCY_2X, &LATENCY_4X], "answer", self.times(), self.goal_us);
        often.chain(slow).collect()
    }

    fn judge_one(&self, answer: &HttpOutcome) -> Vec<Finding> {
        let status = match answer {
            HttpOutcome::Invalid(why) => return vec![Finding::new(&INVALID, format!("{}: {why}", self.asked))],
            HttpOutcome::TimedOut => {
                return vec![Finding::new(&TIMEOUT, format!("{}: no whole answer in time", self.asked))];
            }
            HttpOutcome::HttpStatus(status) => status,
        };
        let mut found = Vec::new();
        if let Some(why) = &status.unsafe_redirect {
            found.push(Finding::new(&REDIRECT_UNSAFE, format!("{}: {why}", self.asked)));
        }
        match self.judge_status(status) {
            Some(kind) => found.push(Finding::new(kind, format!("{} answers {}", self.asked, status.code))),
            None if status.failed.is_empty() => {}
            None => found.push(Finding::new(&ASSERTION_FAILED, status.failed.join("; "))),
        }
        found
    }

    fn judge_status(&self, status: &HttpStatus) -> Option<&'static FindingKind> {
        match status.code {
            code if self.expected.contains(code) => None,
            401 | 403 if !self.credentials => Some(&AUTH_REQUIRED),
            404 | 410 if self.path_guessed => Some(&NO_ROOT),
            404 | 410 => Some(&NOT_FOUND),
            429 => Some(&THROTTLED),
            503 if status.retry_after => Some(&UNAVAILABLE),
            500..=599 => Some(&SERVER_ERROR),
            _ => Some(&UNEXPECTED_STATUS),
        }
    }

    /// Whether the last try got no answer at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answers.last() == Some(&HttpOutcome::TimedOut)
    }

    /// How long each answer took.
    pub(super) fn times(&self) -> impl Iterator<Item = Latency> + Clone {
        self.answers.iter().filter_map(|answer| match answer {
            HttpOutcome::HttpStatus(status) => Some(status.took),
            _ => None,
        })
    }

    /// Takes word of what this side was late by during the look.
    pub(super) fn set_late(&mut self, late_us: u64) {
        for answer in &mut self.answers {
            if let HttpOutcome::HttpStatus(status) = answer {
                status.took.set_late(late_us);
            }
        }
    }

    /// Takes in what was seen at a later look.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.answers.extend(later.answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn seen(answers: Vec<HttpOutcome>) -> Observation {
        let (asked, expected) = ("GET /".to_owned(), StatusRanges::default());
        Observation { asked, path_guessed: true, credentials: false, expected, goal_us: 200_000, answers }
    }

    fn status(code: u16) -> HttpOutcome {
        HttpOutcome::HttpStatus(HttpStatus { code, ..HttpStatus::default() })
    }

    fn judged(code: u16) -> Vec<&'static str> {
        codes(&seen(vec![status(code)]).judge())
    }

    #[test]
    fn a_status_by_its_meaning() {
        for code in [200, 204, 301, 304, 399] {
            assert_eq!(judged(code), [""; 0], "{code}");
        }
        assert_eq!(judged(401), ["http-auth-required"]);
        assert_eq!(judged(404), ["http-no-root"]);
        assert_eq!(judged(429), ["http-throttled"]);
        assert_eq!(judged(418), ["http-unexpected-status"]);
        assert_eq!(judged(199), ["http-unexpected-status"]);
        assert_eq!(judged(999), ["http-unexpected-status"]);
        assert_eq!(judged(500), ["http-5xx"]);
        assert_eq!(judged(503), ["http-5xx"]);
        let later = HttpOutcome::HttpStatus(HttpStatus { code: 503, retry_after: true, ..HttpStatus::default() });
        assert_eq!(codes(&seen(vec![later]).judge()), ["http-unavailable"]);
        let configured = Observation { path_guessed: false, credentials: true, ..seen(vec![status(404)]) };
        assert_eq!(codes(&configured.judge()), ["http-not-found"]);
        assert_eq!(
            codes(&Observation { answers: vec![status(403)], ..configured }.judge()),
            ["http-unexpected-status"]
        );
    }

    #[test]
    fn what_is_expected_is_judged_by_its_content() {
        let failed = vec!["the body has no match of OK".to_owned()];
        let answer = |code, failed: &[String]| {
            HttpOutcome::HttpStatus(HttpStatus { code, failed: failed.to_vec(), ..HttpStatus::default() })
        };
        assert_eq!(codes(&seen(vec![answer(200, &failed)]).judge()), ["http-assertion-failed"]);
        assert_eq!(codes(&seen(vec![answer(500, &failed)]).judge()), ["http-5xx"], "an error page's text says nothing");
    }

    #[test]
    fn a_rare_failure_is_for_stability_to_tell() {
        let answers = |bad: usize| (0..4).map(|n| status(if n < bad { 500 } else { 200 })).collect();
        assert_eq!(codes(&seen(answers(1)).judge()), [""; 0]);
        assert_eq!(codes(&seen(answers(2)).judge()), ["http-5xx"]);
        assert_eq!(codes(&seen(vec![HttpOutcome::TimedOut]).judge()), ["http-timeout"]);
        assert_eq!(codes(&seen(vec![HttpOutcome::Invalid("SSH-2.0".into())]).judge()), ["http-invalid"]);
    }
}
