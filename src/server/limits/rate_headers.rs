//! The header fields that tell a client its limit: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::token_bucket::{Rate, TokenGrant};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How much of a limit is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct RateState {
    pub(super) policy: &'static str,
    pub(super) rate: Rate,
    pub(super) taken: TokenGrant,
}

impl RateState {
    /// Whether a client should know: it has used half of its limit.
    pub(in crate::server) fn is_news(&self) -> bool {
        self.taken.remaining < self.rate.burst() / 2
    }

    /// How many more requests may be sent at once.
    pub(in crate::server) fn remaining(&self) -> u32 {
        self.taken.remaining
    }

    /// Adds the header fields of an answer. `q` is the quota, `w` the seconds in which it comes back, `r` what is left of it, and
    /// `t` the seconds until all of it is there again.
    pub(in crate::server) fn add_to(&self, headers: &mut HeaderMap) {
        let Self { policy, rate, taken } = self;
        let policy_text = format!("\"{policy}\";q={};w={}", rate.burst(), seconds(rate.window()));
        let state_text = format!("\"{policy}\";r={};t={}", taken.remaining, seconds(taken.full_in));
        let retry = taken.wait.map(|wait| seconds(wait).to_string());

        let fields = [(RATE_LIMIT_POLICY, Some(policy_text)), (RATE_LIMIT, Some(state_text)), (RETRY_AFTER, retry)];
        for (name, text) in fields {
            // Names of policies and numbers are visible characters.
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whole seconds, at least one: a client that waits so long waits long enough.
fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::limits::token_bucket::TokenBucket;

    #[test]
    fn the_fields_say_what_is_left_and_when_to_come_back() {
        let rate = Rate::per_second(2, Duration::from_secs(5)).unwrap();
        let mut bucket = TokenBucket::default();
        let mut seen = Vec::new();
        for _ in 0..11 {
            let (after, taken) = bucket.take(rate, Duration::ZERO, 1);
            bucket = after;
            let mut headers = HeaderMap::new();
            let state = RateState { policy: "requests-per-key", rate, taken };
            state.add_to(&mut headers);
            seen.push((state.is_news(), headers));
        }

        assert_eq!(seen[0].1[RATE_LIMIT_POLICY], "\"requests-per-key\";q=10;w=5");
        assert_eq!(seen[0].1[RATE_LIMIT], "\"requests-per-key\";r=9;t=1");
        assert!(!seen[0].1.contains_key(RETRY_AFTER) && !seen[0].0 && seen[9].0);
        assert_eq!(seen[10].1[RATE_LIMIT], "\"requests-per-key\";r=0;t=5");
        assert_eq!(seen[10].1[RETRY_AFTER], "1");
    }
}
