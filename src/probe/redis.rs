//! Redis and compatible servers (RESP, redis.io/docs/reference/protocol-spec). They do not greet.

use super::words::{contains, exchange};
use super::{PortTarget, Probe, ProbeFuture, ServerBytes, Talk, send_hello};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::ConnectionError;

pub(super) struct Redis;

/// Requests server information without a password; the reply may be that one is required.
const HELLO: &[u8] = b"INFO server\r\n";
/// What a proxy of several servers replies to, which ends the connection at INFO (twemproxy's notes on Redis).
const PING: &[u8] = b"PING\r\n";
/// The codes with which servers refuse any command, or this one (Redis' server.c, cluster.c, script.c and sentinel.c).
const CODES: [&[u8]; 14] = [
    b"BUSY",
    b"CLUSTERDOWN",
    b"DENIED",
    b"IOERR",
    b"LOADING",
    b"MASTERDOWN",
    b"MISCONF",
    b"NOAUTH",
    b"NOPERM",
    b"NOREPLICAS",
    b"OOM",
    b"READONLY",
    b"TRYAGAIN",
    b"UNKILLABLE",
];
/// The section is about 1 KiB in Redis 7.
const MAX_BYTES: usize = 8 * 1024;

impl Probe for Redis {
    fn protocol(&self) -> &'static str {
        "redis"
    }

    fn ports(&self) -> &'static [u16] {
        &[6379, 6380, 26379, 22121]
    }

    fn likelihood(&self) -> u8 {
        // Redis closes the connection on an HTTP `Host:` header, and its reply is lost.
        8
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(HELLO.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.bytes.starts_with(b"$") {
            return info(received.bytes).or_else(|| received.ended.then(|| cut_info(received.bytes)).flatten());
        }

        let line = received.line()?;
        let needs_password = line.starts_with(b"-NOAUTH ");
        let denied = line.starts_with(b"-DENIED Redis is running in protected mode");
        let loading = line.starts_with(b"-LOADING ");
        // The replies to INFO without permission, and to GET with the wrong number of arguments.
        let recognised = needs_password
            || denied
            || line.starts_with(b"-ERR wrong number of arguments for 'get' command")
            || line.starts_with(b"-ERR max number of clients")
            || line.starts_with(b"-NOPERM ")
            || line.starts_with(b"-LOADING Redis is loading")
            || line.starts_with(b"-MASTERDOWN Link with MASTER")
            || line.starts_with(b"-BUSY Redis is busy")
            || contains(line, "with args beginning with:")
            || (received.reply_to == Some("redis") && is_error(line));
        recognised.then(|| {
            Identity::of("redis")
                .fact("auth_required", needs_password)
                .fact_if("protected_mode", denied.then_some(true))
                .fact_if("loading", loading.then_some(true))
        })
    }

    fn refusal(&self, reply: &[u8]) -> Option<Identity> {
        reply.starts_with(b"-ERR ").then(|| Identity::of("redis"))
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let received = talk.peer.received();
            let spoken = send_hello(self, talk).await;
            let has_ended = matches!(spoken, Ok(None) | Err(ConnectionError::Closed | ConnectionError::Reset));
            let is_usual = self.ports().contains(&talk.target().address.port());
            if !has_ended || !is_usual || !received.is_empty() {
                return spoken;
            }

            let mut talk = talk.again().await?;
            let reply = exchange(&mut talk, PING, |bytes| bytes.contains(&b'\n')).await?;
            Ok(reply.starts_with(b"+PONG\r\n").then(|| Identity::of("redis")))
        })
    }
}

/// Whether a line refuses the request for information, with a code of its own or because the server does not have it.
fn is_error(line: &[u8]) -> bool {
    let Some(error) = line.strip_prefix(b"-") else { return false };
    let code = error.split(|byte| *byte == b' ').next().unwrap_or_default();
    CODES.contains(&code)
        || error.starts_with(b"ERR unknown command")
        || error.starts_with(b"ERR operation not permitted")
}

/// Parses the reply to INFO: a bulk string of lines `name:value`.
fn info(bytes: &[u8]) -> Option<Identity> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let length: usize = std::str::from_utf8(&bytes[1..end]).ok()?.trim_end().parse().ok()?;
    let text = bytes.get(end + 1..)?.get(..length)?;
    parse_section(text)
}

fn cut_info(bytes: &[u8]) -> Option<Identity> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    parse_section(&bytes[end + 1..])
}

fn parse_section(text: &[u8]) -> Option<Identity> {
    let version = value(text, "redis_version")?;
    // Valkey and KeyDB keep Redis' field and add their own.
    let (product, version) = match value(text, "valkey_version") {
        Some(own) => ("Valkey", own),
        None => ("Redis", version),
    };

    let identity = Identity::of("redis")
        .product(product)
        .version(version)
        .fact("auth_required", false)
        .fact_if("mode", value(text, "redis_mode"))
        .fact_if("os", value(text, "os"));
    Some(identity)
}

/// The value in the line `name:value`.
fn value(text: &[u8], name: &str) -> Option<Untrusted> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
    Some(Untrusted::from_bytes(line.trim_ascii_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Transport;

    fn recognise(bytes: &[u8], ended: bool) -> Option<Identity> {
        Redis.recognise(&ServerBytes { bytes, transport: Transport::Tcp, reply_to: Some("redis"), ended })
    }

    #[test]
    fn a_complete_section_is_read() {
        let section = b"$55\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n";
        let identity = recognise(section, false).unwrap();
        assert_eq!(identity.version, Some("7.0.15".into()));
        assert_eq!(identity.facts.get("mode"), Some(&"standalone".into()));
        assert_eq!(recognise(&section[..30], false), None);
        assert_eq!(recognise(b"$-1\r\n", true), None);
    }

    #[test]
    fn refusals_are_recognised() {
        let identity = recognise(b"-NOAUTH Authentication required.\r\n", false).unwrap();
        assert_eq!(identity.facts.get("auth_required"), Some(&true.into()));
        assert!(recognise(b"-ERR max number of clients reached\r\n", true).is_some());
        for reply in [
            "-LOADING Valkey is loading the dataset in memory\r\n",
            "-MISCONF Redis is configured to save RDB snapshots\r\n",
            "-CLUSTERDOWN The cluster is down\r\n",
            "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            "-ERR unknown command 'INFO'\r\n",
            "-ERR operation not permitted\r\n",
        ] {
            assert!(recognise(reply.as_bytes(), true).is_some(), "{reply}");
            assert!(crate::probe::recognise_tcp(&Redis, reply.as_bytes(), None).is_none(), "{reply}");
        }
        let reply = b"-ERR unknown command 'GET', with args beginning with: '/' \r\n";
        assert!(crate::probe::recognise_tcp(&Redis, reply, Some("http")).is_some());
        assert_eq!(recognise(b"-ERR unknown\r\n", true), None);
        assert_eq!(recognise(b"-NEW error\r\n", true), None);
        assert_eq!(recognise(b"+OK\r\n", true), None);
    }
}
