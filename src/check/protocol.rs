//! Whether a server reports that it is healthy in its own protocol. The check never logs in and changes nothing.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peer_failure};
use super::{BuiltInCheck, findings, scale};
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

/// The result of a health check in the server's own protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProtocolOutcome {
    #[serde(rename = "well")]
    Healthy,
    /// Unhealthy, for this reason.
    #[serde(rename = "unwell")]
    Unhealthy(String),
    TimedOut,
}

/// The health check of a line-based protocol.
pub(super) struct Dialog {
    pub(super) protocol: &'static str,
    /// The start of the server's greeting, if it greets.
    greeting: Option<&'static [u8]>,
    /// The request, unless the greeting is enough.
    request: Option<&'static [u8]>,
    /// How replies of a healthy server start. A server that only wants a password is healthy.
    healthy: &'static [&'static [u8]],
}

const fn dialog(
    protocol: &'static str,
    greeting: Option<&'static [u8]>,
    request: Option<&'static [u8]>,
    healthy: &'static [&'static [u8]],
) -> Dialog {
    Dialog { protocol, greeting, request, healthy }
}

/// The line-based protocols.
pub(super) const DIALOGS: [Dialog; 9] = [
    dialog("redis", None, Some(b"PING\r\n"), &[b"+PONG", b"-NOAUTH", b"-NOPERM", b"-DENIED"]),
    dialog("memcached", None, Some(b"version\r\n"), &[b"VERSION "]),
    dialog("smtp", Some(b"220"), Some(b"NOOP\r\n"), &[b"250"]),
    dialog("ftp", Some(b"220"), Some(b"NOOP\r\n"), &[b"200", b"530"]),
    dialog("imap", Some(b"* "), Some(b"a NOOP\r\n"), &[b"a OK"]),
    dialog("pop3", Some(b"+OK"), None, &[]),
    dialog("ssh", Some(b"SSH-"), None, &[]),
    dialog("nats", Some(b"INFO "), Some(b"PING\r\n"), &[b"PONG", b"-ERR 'Authorization"]),
    // Since 3.5.3 only "srvr" is allowed by default (4lw.commands.whitelist); the refusal shows that the server works.
    dialog("zookeeper", None, Some(b"ruok"), &[b"imok", b"ruok is not executed"]),
];

/// PostgreSQL's StartupMessage 3.0 for the user portolan, as `pg_isready` sends it; no password follows.
const POSTGRESQL: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0portolan\0\0";
/// PostgreSQL's error code while the server starts up, shuts down or recovers (cannot_connect_now).
const POSTGRESQL_NOT_NOW: &[u8] = b"C57P03\0";
/// Limit for a greeting or a reply.
const MAX_BYTES: usize = 8 << 10;

/// Whether this check supports the protocol.
pub(crate) fn is_known(protocol: &str) -> bool {
    matches!(protocol, "postgresql" | "mysql") || DIALOGS.iter().any(|dialog| dialog.protocol == protocol)
}

impl BuiltInCheck for ProtocolObservation {
    /// Runs the dialog once.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let protocol = target.protocol.clone().unwrap_or_default();
        let start = Instant::now();

        let outcome = match open_and_converse(target, &protocol, Deadline::after(context.timeout)).await {
            Ok(outcome) => outcome,
            Err(error) => match peer_failure(error)? {
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
    converse(protocol, greeted, &mut Connection::new(connection.stream, deadline, MAX_BYTES)).await
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
    let mut reply = Vec::new();
    peer.write(POSTGRESQL).await?;
    peer.fill(&mut reply, 1).await?;
    if reply.first() == Some(&b'E') {
        peer.read_until(&mut reply, MAX_BYTES, |bytes| bytes.ends_with(b"\0\0") || refuses_for_now(bytes)).await?;
    }

    Ok(match reply.first() {
        Some(b'E') if refuses_for_now(&reply) => {
            ProtocolOutcome::Unhealthy("it does not accept connections now".to_owned())
        }
        // An authentication request or any other error shows that the server works.
        Some(b'R' | b'E') => ProtocolOutcome::Healthy,
        _ => ProtocolOutcome::Unhealthy(format!("replies {}", first_line(&reply))),
    })
}

fn refuses_for_now(reply: &[u8]) -> bool {
    reply.windows(POSTGRESQL_NOT_NOW.len()).any(|window| window == POSTGRESQL_NOT_NOW)
}

/// The greeting of MySQL and MariaDB is a packet of protocol 10 or an error.
async fn read_mysql_greeting(peer: &mut Connection) -> Result<ProtocolOutcome, ConnectionError> {
    let mut greeting = Vec::new();
    peer.fill(&mut greeting, 5).await?;

    Ok(match greeting.get(4) {
        Some(10) => ProtocolOutcome::Healthy,
        Some(0xff) => {
            let message = first_line(greeting.get(7..).unwrap_or_default());
            ProtocolOutcome::Unhealthy(format!("refuses: {message}"))
        }
        _ => ProtocolOutcome::Unhealthy(format!("replies {}", first_line(&greeting))),
    })
}

async fn converse_in_lines(
    dialog: &Dialog,
    greeted: bool,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    if let Some(expected) = dialog.greeting.filter(|_| !greeted) {
        let mut greeting = Vec::new();
        peer.read_until(&mut greeting, MAX_BYTES, |bytes| bytes.contains(&b'\n')).await?;
        if !greeting.starts_with(expected) {
            return Ok(ProtocolOutcome::Unhealthy(format!("greets with {}", first_line(&greeting))));
        }
    }

    let Some(request) = dialog.request else { return Ok(ProtocolOutcome::Healthy) };
    peer.write(request).await?;
    let mut reply = Vec::new();
    // ZooKeeper's reply has no line end.
    peer.read_until(&mut reply, MAX_BYTES, |bytes| bytes.contains(&b'\n') || bytes == b"imok").await?;

    let healthy = dialog.healthy.iter().any(|start| reply.starts_with(start));
    Ok(if healthy {
        ProtocolOutcome::Healthy
    } else {
        ProtocolOutcome::Unhealthy(format!("replies {}", first_line(&reply)))
    })
}

/// The first line of a reply, at most 100 bytes.
fn first_line(reply: &[u8]) -> String {
    let line = reply.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() {
        "nothing".to_owned()
    } else {
        String::from_utf8_lossy(&line[..line.len().min(100)]).into_owned()
    }
}
