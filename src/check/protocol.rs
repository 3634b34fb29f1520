//! Whether a server reports that it is healthy in its own protocol. The check never logs in and changes nothing.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::protocol_outcome::ProtocolOutcome;
use super::protocol_reply::{
    ReplyReader, coded, coded_final, first_line, nats, quoted, ssh_version, starts_with, tagged, zookeeper,
};
use super::target::{CheckContext, CheckResult, CheckTarget, Layer};
use super::tls::peer_failure_or_limit;
use super::{BuiltInCheck, findings, protocol_probe, scale};
use crate::model::{Figures, Finding, Group};
use crate::net::{Connection, ConnectionError, Deadline};

findings! { Group::App;
    UNWELL = "protocol-unwell", cap 30, "The server reports in its own protocol that it is unhealthy, or its reply is invalid.",
        "check the service's log";
}

/// Evidence of a health check in the server's own protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtocolObservation {
    /// `redis`, `postgresql`.
    pub(crate) protocol: String,
    /// The response time, in microseconds.
    pub(crate) us: u64,
    #[serde(rename = "answer")]
    pub(crate) outcome: ProtocolOutcome,
}

/// The health check of a line-based protocol.
pub(super) struct Dialog {
    pub(super) protocol: &'static str,
    /// The server's greeting, if it greets.
    greeting: Option<ExpectedReply>,
    /// The request and its reply, unless the greeting is enough.
    request: Option<(&'static [u8], ExpectedReply)>,
}

/// A reply of a healthy server: how it is read, and how its deciding line starts.
struct ExpectedReply {
    read: ReplyReader,
    starts: &'static [&'static [u8]],
}

const fn expected(read: ReplyReader, starts: &'static [&'static [u8]]) -> ExpectedReply {
    ExpectedReply { read, starts }
}

const fn dialog(
    protocol: &'static str,
    greeting: Option<ExpectedReply>,
    request: Option<(&'static [u8], ExpectedReply)>,
) -> Dialog {
    Dialog { protocol, greeting, request }
}

/// The line-based protocols. A server that only wants a password, an account or a login first is healthy.
pub(super) static DIALOGS: [Dialog; 9] = [
    dialog("redis", None, Some((b"PING\r\n", expected(first_line, &REDIS_WELL)))),
    dialog(
        "memcached",
        None,
        Some((b"version\r\n", expected(first_line, &[b"VERSION ", b"CLIENT_ERROR unauthenticated"]))),
    ),
    dialog(
        "smtp",
        Some(expected(coded, &[b"220"])),
        Some((b"NOOP\r\n", expected(coded, &[b"250", b"502", b"503", b"530"]))),
    ),
    dialog(
        "ftp",
        Some(expected(coded_final, &[b"220"])),
        Some((b"NOOP\r\n", expected(coded, &[b"2", b"33", b"50", b"53"]))),
    ),
    dialog(
        "imap",
        Some(expected(first_line, &[b"* OK", b"* PREAUTH"])),
        Some((b"a NOOP\r\n", expected(tagged, &[b"a OK"]))),
    ),
    dialog("pop3", Some(expected(first_line, &[b"+OK"])), None),
    dialog("ssh", Some(expected(ssh_version, &[b"SSH-"])), None),
    dialog("nats", Some(expected(first_line, &[b"INFO "])), Some((b"PING\r\n", expected(nats, &NATS_WELL)))),
    // Since 3.5.3 only "srvr" is allowed by default (4lw.commands.whitelist); the refusal shows that the server works.
    dialog("zookeeper", None, Some((b"ruok", expected(zookeeper, &[b"imok", b"ruok is not executed"])))),
];

/// Redis's replies to PING; before 6.0 it asked for a password in other words.
const REDIS_WELL: [&[u8]; 5] = [b"+PONG", b"-NOAUTH", b"-NOPERM", b"-DENIED", b"-ERR operation not permitted"];
const NATS_WELL: [&[u8]; 4] =
    [b"PONG", b"-ERR 'Authorization", b"-ERR 'Authentication Timeout'", b"-ERR 'Secure Connection"];
/// MySQL's refusals of this host or this login: it is blocked, unknown, or has no password.
const MYSQL_REFUSALS: [u16; 4] = [1129, 1130, 1045, 1698];

/// PostgreSQL's StartupMessage 3.0 for the user portolan, as `pg_isready` sends it; no password follows.
const POSTGRESQL: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0portolan\0\0";
/// PostgreSQL's errors, or their classes, that a healthy server does not reply with: a proxy that does not reach its server,
/// too few resources, shutdown or startup, and errors of its system or of itself (its manual, appendix A). Any other refuses
/// only this login.
const POSTGRESQL_UNHEALTHY: [&str; 9] = ["08000", "08001", "08003", "08006", "53", "57", "58", "F0", "XX"];
/// How much of a conversation is read. The longest replies are lists of a cluster's members, of some 20 KiB.
const MAX_BYTES: usize = 64 << 10;

/// Whether this check supports the protocol.
pub(crate) fn is_known(protocol: &str) -> bool {
    has_dialog(protocol) || protocol_probe::find(protocol).is_some()
}

/// Whether this check has a dialog of its own for the protocol, so that the usual port of it is enough to begin one.
pub(crate) fn has_dialog(protocol: &str) -> bool {
    matches!(protocol, "postgresql" | "mysql") || DIALOGS.iter().any(|dialog| dialog.protocol == protocol)
}

impl BuiltInCheck for ProtocolObservation {
    /// Runs the dialog once.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let protocol = target.protocol.clone().unwrap_or_default();
        let start = Instant::now();

        let outcome = match open_and_converse(target, &protocol, Deadline::after(context.timeout)).await {
            Ok(outcome) => outcome,
            Err(error) => match peer_failure_or_limit(error, target, context).await? {
                ConnectionError::TimedOut => ProtocolOutcome::TimedOut,
                error => ProtocolOutcome::Unhealthy(error.to_string()),
            },
        };

        Ok(Self { protocol, us: scale::micros(start.elapsed()), outcome })
    }

    fn findings(&self) -> Vec<Finding> {
        let protocol = &self.protocol;
        let finding = match &self.outcome {
            ProtocolOutcome::Healthy => None,
            ProtocolOutcome::Unhealthy(cause) => Some(Finding::new(&UNWELL, format!("{protocol}: {cause}"))),
            ProtocolOutcome::TimedOut => Some(Finding::new(&UNWELL, format!("{protocol}: no reply in time"))),
        };

        finding.into_iter().collect()
    }

    fn is_silent(&self) -> bool {
        self.outcome == ProtocolOutcome::TimedOut
    }

    /// The time of the dialog includes that of its connection.
    fn add_figures(&self, figures: &mut Figures) {
        let before = figures.latency_us.name.unwrap_or(0);
        figures.latency_us.total = Some(self.us.saturating_add(before));
    }
}

async fn open_and_converse(
    target: &CheckTarget,
    protocol: &str,
    deadline: Deadline,
) -> Result<ProtocolOutcome, ConnectionError> {
    let connection = target.open(&[], deadline).await?;
    // STARTTLS consumes the greeting, and servers do not repeat it inside TLS.
    let greeted = matches!(target.layer, Layer::StartTls(_));
    let mut peer = Connection::new(connection.stream, deadline, MAX_BYTES);
    match protocol_probe::find(protocol) {
        Some(probe) => protocol_probe::converse(probe, target, &mut peer).await,
        None => converse(protocol, greeted, &mut peer).await,
    }
}

pub(super) async fn converse(
    protocol: &str,
    greeted: bool,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    match DIALOGS.iter().find(|dialog| dialog.protocol == protocol) {
        Some(dialog) => converse_in_lines(dialog, greeted, peer).await,
        None if protocol == "postgresql" => start_postgresql(peer).await,
        None if greeted => Ok(ProtocolOutcome::Healthy),
        None => read_mysql_greeting(peer).await,
    }
}

async fn start_postgresql(peer: &mut Connection) -> Result<ProtocolOutcome, ConnectionError> {
    const HEADER_BYTES: usize = 5;

    let mut reply = Vec::new();
    peer.write(POSTGRESQL).await?;
    peer.fill(&mut reply, 1).await?;
    match reply.first() {
        // An authentication request.
        Some(b'R') => return Ok(ProtocolOutcome::Healthy),
        Some(b'E') => {}
        _ => return Ok(ProtocolOutcome::Unhealthy(format!("replies {}", quoted(&reply)))),
    }

    peer.read_until(&mut reply, HEADER_BYTES, |bytes| bytes.len() >= HEADER_BYTES).await?;
    let length = reply.get(1..HEADER_BYTES).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if (4..MAX_BYTES).contains(&length) {
        peer.read_until(&mut reply, MAX_BYTES, |bytes| bytes.len() > length).await?;
        Ok(postgresql_error(reply.get(HEADER_BYTES..).unwrap_or_default()))
    } else {
        // A server that cannot start a process for the connection sends a bare text.
        peer.read_until(&mut reply, MAX_BYTES, |bytes| bytes.contains(&0)).await?;
        let text = reply.split(|byte| *byte == 0).next().and_then(|text| text.get(1..)).unwrap_or_default();
        Ok(ProtocolOutcome::Unhealthy(format!("refuses: {}", quoted(text))))
    }
}

/// Rates the fields of an ErrorResponse: each begins with its type and ends with a zero byte.
fn postgresql_error(fields: &[u8]) -> ProtocolOutcome {
    let field = |kind: u8| fields.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(&[kind]));
    let code = quoted(field(b'C').unwrap_or_default());
    if POSTGRESQL_UNHEALTHY.iter().any(|class| code.starts_with(class)) {
        ProtocolOutcome::Unhealthy(format!("refuses: {code} {}", quoted(field(b'M').unwrap_or_default())))
    } else {
        ProtocolOutcome::Healthy
    }
}

/// The greeting of MySQL and MariaDB is a packet of protocol 10 or an error.
async fn read_mysql_greeting(peer: &mut Connection) -> Result<ProtocolOutcome, ConnectionError> {
    let mut greeting = Vec::new();
    peer.fill(&mut greeting, 5).await?;
    let length = usize::from(u16::from_le_bytes([greeting[0], greeting[1]])).min(MAX_BYTES) + 4;

    Ok(match greeting[4] {
        10 => ProtocolOutcome::Healthy,
        0xff => {
            peer.read_until(&mut greeting, length, |bytes| bytes.len() >= length).await?;
            mysql_error(&greeting[5..])
        }
        _ => ProtocolOutcome::Unhealthy(format!("replies {}", quoted(&greeting))),
    })
}

/// Rates the code and the text of an error packet; newer servers put the SQL state in between.
fn mysql_error(packet: &[u8]) -> ProtocolOutcome {
    let Some((code, text)) = packet.split_first_chunk().map(|(code, text)| (u16::from_le_bytes(*code), text)) else {
        return ProtocolOutcome::Unhealthy(format!("refuses: {}", quoted(packet)));
    };
    if MYSQL_REFUSALS.contains(&code) {
        return ProtocolOutcome::Healthy;
    }

    let text = if text.starts_with(b"#") { text.get(6..).unwrap_or_default() } else { text };
    ProtocolOutcome::Unhealthy(format!("refuses: {code} {}", quoted(text)))
}

async fn converse_in_lines(
    dialog: &Dialog,
    greeted: bool,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    if let Some(greeting) = dialog.greeting.as_ref().filter(|_| !greeted) {
        match read_reply(greeting, peer).await? {
            Err(other) => return Ok(ProtocolOutcome::Unhealthy(format!("greets with {other}"))),
            // It accepts nothing more in clear text.
            Ok(line) if requires_tls(&line) => return Ok(ProtocolOutcome::Healthy),
            Ok(_) => {}
        }
    }

    let Some((request, reply)) = &dialog.request else { return Ok(ProtocolOutcome::Healthy) };
    peer.write(request).await?;
    Ok(match read_reply(reply, peer).await? {
        Ok(_) => ProtocolOutcome::Healthy,
        Err(other) => ProtocolOutcome::Unhealthy(format!("replies {other}")),
    })
}

/// Whether this is the INFO of a NATS server that begins TLS next.
fn requires_tls(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Info {
        tls_required: bool,
    }

    let info = starts_with(line, b"INFO ").then(|| line.get(5..)).flatten();
    info.and_then(|json| serde_json::from_slice(json).ok()).is_some_and(|info: Info| info.tls_required)
}

/// Reads a whole reply. Returns the line that decides, or what the server replies instead of the expected reply.
async fn read_reply(
    expected: &ExpectedReply,
    peer: &mut Connection,
) -> Result<Result<Vec<u8>, String>, ConnectionError> {
    let mut reply = Vec::new();
    let read = peer.read_until(&mut reply, MAX_BYTES, |bytes| (expected.read)(bytes).is_some()).await;
    match read {
        // Something else was said before the silence.
        Err(ConnectionError::TimedOut) if !reply.is_empty() => {}
        read => drop(read?),
    }

    let line = (expected.read)(&reply);
    Ok(match line.filter(|line| expected.starts.iter().any(|start| starts_with(line, start))) {
        Some(line) => Ok(line.to_vec()),
        None => Err(quoted(line.unwrap_or(&reply))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresql_refuses_logins_while_healthy() {
        for (code, message, healthy) in [
            ("28000", "no pg_hba.conf entry", true),
            ("28P01", "password authentication failed", true),
            ("3D000", "database does not exist", true),
            ("08P01", "no such user", true),
            ("08004", "rejected", true),
            ("08006", "no connection to the server", false),
            ("53300", "sorry, too many clients already", false),
            ("53200", "out of memory", false),
            ("57P01", "terminating connection due to administrator command", false),
            ("57P03", "the database system is starting up", false),
            ("58000", "could not read file", false),
            ("XX000", "internal error", false),
        ] {
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0Fa.c\0\0");
            let expected = if healthy {
                ProtocolOutcome::Healthy
            } else {
                ProtocolOutcome::Unhealthy(format!("refuses: {code} {message}"))
            };
            assert_eq!(postgresql_error(fields.as_bytes()), expected, "{code}");
        }
    }

    #[test]
    fn mysql_says_why_it_refuses() {
        for (packet, cause) in [
            (&b"\x10\x04Too many connections"[..], Some("1040 Too many connections")),
            (b"\x1d\x04#08S01Server shutdown in progress", Some("1053 Server shutdown in progress")),
            (b"\x10", Some("\u{10}")),
            (b"\x69\x04#HY000Host is blocked", None),
            (b"\x6a\x04Host is not allowed to connect", None),
        ] {
            let expected =
                cause.map_or(ProtocolOutcome::Healthy, |cause| ProtocolOutcome::Unhealthy(format!("refuses: {cause}")));
            assert_eq!(mysql_error(packet), expected);
        }
    }

    #[test]
    fn nats_says_whether_tls_comes_next() {
        assert!(requires_tls(br#"INFO {"version":"2.10", "tls_required": true, "port":4222}"#));
        assert!(requires_tls(br#"info {"tls_required":true}"#));
        for other in [&br#"INFO {"tls_required":false}"#[..], b"INFO {}", b"INFO", b"220 {\"tls_required\":true}"] {
            assert!(!requires_tls(other));
        }
    }
}
