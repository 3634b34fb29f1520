//! The counts of callers, which all servers share: Redis has for each caller when its bucket is full again.
//!
//! A server counts for itself, and refuses by what it knows. Within some milliseconds it learns what the caller took
//! elsewhere, so that a caller gets its limit once, and not once from each server.

use std::time::Duration;

use redis::Script;
use redis::aio::MultiplexedConnection;

use crate::server::limits::RateLimits;

/// The most callers of one exchange.
const MAX_CALLERS: usize = 512;

/// The generic cell rate algorithm on Redis's own clock, in microseconds. Each caller has a key, and two arguments: the time
/// that its requests take from the bucket, and the time in which an empty bucket fills. The answer is for each the time in
/// which its bucket fills now.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fills = {}
for i, key in ipairs(KEYS) do
  local taken, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full_at = math.max(tonumber(redis.call('GET', key) or '') or now, now)
  full_at = math.min(full_at + taken, now + window)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 1)
  fills[i] = math.floor(full_at - now)
end
return fills";

/// The script.
pub(super) struct SharedRates(Script);

impl SharedRates {
    pub(super) fn new() -> Self {
        Self(Script::new(TAKE))
    }
}

/// Tells Redis what callers took here, and takes over what they took at all servers.
pub(super) async fn exchange(
    limits: &RateLimits,
    script: &SharedRates,
    connection: &mut MultiplexedConnection,
    prefix: &str,
) -> redis::RedisResult<()> {
    let counts = limits.take_counts(MAX_CALLERS);
    if counts.is_empty() {
        return Ok(());
    }
    let mut call = script.0.prepare_invoke();
    for count in &counts {
        call.key(format!("{prefix}{}", count.caller));
        call.arg(micros(count.taken())).arg(micros(count.window()));
    }

    let fills: Vec<u64> = call.invoke_async(connection).await?;
    for (count, fill) in counts.iter().zip(fills) {
        limits.take_over(count, Duration::from_micros(fill));
    }
    Ok(())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
