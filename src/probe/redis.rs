//! Redis and what speaks its protocol (RESP, redis.io/docs/reference/protocol-spec): speaks when it is spoken to.

use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Redis;

/// Asks who it is, without a password: at worst it says that one is needed.
const HELLO: &[u8] = b"INFO server\r\n";
/// The section is about 1 KiB in Redis 7.
const MAX_BYTES: usize = 8 * 1024;

impl Probe for Redis {
    fn word(&self) -> &'static str {
        "redis"
    }

    fn ports(&self) -> &'static [u16] {
        &[6379, 6380, 26379]
    }

    fn likelihood(&self) -> u8 {
        // It hangs up on HTTP for its `Host:`, and its answer is lost with that.
        8
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(HELLO.to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        if said.bytes.starts_with(b"$") {
            return info(said.bytes).or_else(|| said.ended.then(|| cut_info(said.bytes)).flatten());
        }
        let line = said.line()?;
        let needs_password = line.starts_with(b"-NOAUTH ");
        let denied = line.starts_with(b"-DENIED Redis is running in protected mode");
        // Its answers to INFO without the right to it, and to GET with the wrong number of arguments.
        let known = needs_password
            || denied
            || line.starts_with(b"-ERR wrong number of arguments for 'get' command")
            || line.starts_with(b"-NOPERM ");
        known.then(|| {
            Identity::of("redis")
                .fact("auth_required", needs_password)
                .fact_if("protected_mode", denied.then_some(true))
        })
    }

    fn longest(&self) -> usize {
        MAX_BYTES
    }
}

/// The answer to INFO: a bulk string of lines `name:value`.
fn info(bytes: &[u8]) -> Option<Identity> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let length: usize = std::str::from_utf8(&bytes[1..end]).ok()?.trim_end().parse().ok()?;
    let text = bytes.get(end + 1..)?.get(..length)?;
    of_section(text)
}

fn cut_info(bytes: &[u8]) -> Option<Identity> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    of_section(&bytes[end + 1..])
}

fn of_section(text: &[u8]) -> Option<Identity> {
    let value = |name: &str| {
        let mut lines = text.split(|byte| *byte == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
        Some(Untrusted::from_bytes(line.trim_ascii_end()))
    };
    let version = value("redis_version")?;
    // Valkey and KeyDB keep Redis' field and add their own.
    let (product, version) = match value("valkey_version") {
        Some(own) => ("Valkey", own),
        None => ("Redis", version),
    };
    let identity = Identity::of("redis").product(product).version(version).fact("auth_required", false);
    let identity = identity.fact_if("mode", value("redis_mode")).fact_if("os", value("os"));
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Transport;

    fn told(bytes: &[u8], ended: bool) -> Option<Identity> {
        let said = ServerBytes { bytes, transport: Transport::Tcp, to: Some("redis"), ended };
        Redis.recognise(&said)
    }

    #[test]
    fn a_section_is_read_when_it_is_whole() {
        let section = b"$55\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n";
        let identity = told(section, false).unwrap();
        assert_eq!(identity.version, Some("7.0.15".into()));
        assert_eq!(identity.facts.get("mode"), Some(&"standalone".into()));
        assert_eq!(told(&section[..30], false), None);
        assert_eq!(told(b"$-1\r\n", true), None);
    }

    #[test]
    fn refusals_are_its_own_words() {
        let identity = told(b"-NOAUTH Authentication required.\r\n", false).unwrap();
        assert_eq!(identity.facts.get("auth_required"), Some(&true.into()));
        assert_eq!(told(b"-ERR unknown\r\n", true), None);
        assert_eq!(told(b"+OK\r\n", true), None);
    }
}
