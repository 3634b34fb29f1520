//! What a server says when it is asked in its own protocol whether it is well. Nothing is logged into, nothing changed.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peers_fault};
use super::{findings, scale};
use crate::model::{Finding, Group};
use crate::net::{Connection, ConnectionError, Deadline};

findings! { Group::App;
    UNWELL = "protocol-unwell", cap 30, "Asked in its own protocol, the server says that it is not well, or nothing of sense.",
        "look at the service's own log";
}

/// What asking showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// `redis`, `postgresql`.
    pub(crate) protocol: String,
    /// How long the answer took, in microseconds.
    pub(crate) us: u64,
    pub(crate) answer: ProtocolOutcome,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProtocolOutcome {
    /// It is well.
    Well,
    /// It is not; the text is what it says.
    Unwell(String),
    /// Nothing.
    TimedOut,
}

/// How a protocol is asked whether its server is well.
pub(super) struct Dialog {
    pub(super) word: &'static str,
    /// What the server says first, where it does.
    greeting: Option<&'static [u8]>,
    /// What it is asked, where the greeting is not enough.
    question: Option<&'static [u8]>,
    /// What answers of a server that is well begin with; one that only wants a password is well.
    well: &'static [&'static [u8]],
}

const fn manners(
    word: &'static str,
    greeting: Option<&'static [u8]>,
    question: Option<&'static [u8]>,
    well: &'static [&'static [u8]],
) -> Dialog {
    Dialog { word, greeting, question, well }
}

/// Protocols whose question and answer are lines.
pub(super) const MANNERS: [Dialog; 9] = [
    manners("redis", None, Some(b"PING\r\n"), &[b"+PONG", b"-NOAUTH", b"-NOPERM", b"-DENIED"]),
    manners("memcached", None, Some(b"version\r\n"), &[b"VERSION "]),
    manners("smtp", Some(b"220"), Some(b"NOOP\r\n"), &[b"250"]),
    manners("ftp", Some(b"220"), Some(b"NOOP\r\n"), &[b"200", b"530"]),
    manners("imap", Some(b"* "), Some(b"a NOOP\r\n"), &[b"a OK"]),
    manners("pop3", Some(b"+OK"), None, &[]),
    manners("ssh", Some(b"SSH-"), None, &[]),
    manners("nats", Some(b"INFO "), Some(b"PING\r\n"), &[b"PONG", b"-ERR 'Authorization"]),
    // Since 3.5.3 it only says "srvr" unless told otherwise (4lw.commands.whitelist); that it says so shows that it works.
    manners("zookeeper", None, Some(b"ruok"), &[b"imok", b"ruok is not executed"]),
];

/// PostgreSQL's StartupMessage 3.0 of a user called portolan, as `pg_isready` sends one; no password follows.
const POSTGRESQL: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0portolan\0\0";
/// Its code for a server that starts up, shuts down or recovers (cannot_connect_now).
const POSTGRESQL_NOT_NOW: &[u8] = b"C57P03\0";
/// The most that is read of a greeting or an answer.
const MAX_BYTES: usize = 8 << 10;

/// Whether there is a question for that protocol.
pub(crate) fn is_known(protocol: &str) -> bool {
    matches!(protocol, "postgresql" | "mysql") || MANNERS.iter().any(|manners| manners.word == protocol)
}

/// Asks once.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let protocol = aim.protocol.clone().unwrap_or_default();
    let begun = Instant::now();
    let asked = async {
        let deadline = Deadline::after(kit.timeout);
        let line = aim.line(&[], deadline).await?;
        // What asked for TLS has heard the greeting, which is not said again inside.
        let greeted = matches!(aim.layer, Layer::StartTls(_));
        ask(&protocol, greeted, &mut Connection::new(line.stream, deadline, MAX_BYTES)).await
    };
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(error) => match peers_fault(error)? {
            ConnectionError::TimedOut => ProtocolOutcome::TimedOut,
            error => ProtocolOutcome::Unwell(error.to_string()),
        },
    };
    Ok(Observation { protocol, us: scale::micros(begun.elapsed()), answer })
}

pub(super) async fn ask(
    protocol: &str,
    greeted: bool,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    let mut answer = Vec::new();
    match MANNERS.iter().find(|manners| manners.word == protocol) {
        Some(manners) => return ask_in_lines(manners, greeted, peer).await,
        None if protocol == "postgresql" => {
            peer.write(POSTGRESQL).await?;
            peer.fill(&mut answer, 1).await?;
            if answer.first() == Some(&b'E') {
                let whole =
                    |bytes: &[u8]| bytes.ends_with(b"\0\0") || bytes.windows(7).any(|part| part == POSTGRESQL_NOT_NOW);
                peer.read_until(&mut answer, MAX_BYTES, whole).await?;
            }
            Ok(match answer.first() {
                Some(b'E') if answer.windows(7).any(|part| part == POSTGRESQL_NOT_NOW) => {
                    ProtocolOutcome::Unwell("it does not take connections now".to_owned())
                }
                // What it asks for, or refuses the user with, shows that it works.
                Some(b'R' | b'E') => ProtocolOutcome::Well,
                _ => ProtocolOutcome::Unwell(format!("answers {}", shown(&answer))),
            })
        }
        None if greeted => Ok(ProtocolOutcome::Well),
        None => {
            // MySQL's and MariaDB's greeting: a packet of protocol 10, or an error.
            peer.fill(&mut answer, 5).await?;
            Ok(match answer.get(4) {
                Some(10) => ProtocolOutcome::Well,
                Some(0xff) => {
                    ProtocolOutcome::Unwell(format!("refuses: {}", shown(answer.get(7..).unwrap_or_default())))
                }
                _ => ProtocolOutcome::Unwell(format!("answers {}", shown(&answer))),
            })
        }
    }
}

async fn ask_in_lines(
    manners: &Dialog,
    greeted: bool,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    let line = |bytes: &[u8]| bytes.contains(&b'\n');
    if let Some(wanted) = manners.greeting.filter(|_| !greeted) {
        let mut greeting = Vec::new();
        peer.read_until(&mut greeting, MAX_BYTES, line).await?;
        if !greeting.starts_with(wanted) {
            return Ok(ProtocolOutcome::Unwell(format!("greets with {}", shown(&greeting))));
        }
    }
    let Some(question) = manners.question else { return Ok(ProtocolOutcome::Well) };
    peer.write(question).await?;
    let mut answer = Vec::new();
    // ZooKeeper's answer is no line, and the end of the connection.
    peer.read_until(&mut answer, MAX_BYTES, |bytes| line(bytes) || bytes == b"imok").await?;
    let well = manners.well.iter().any(|word| answer.starts_with(word));
    Ok(if well { ProtocolOutcome::Well } else { ProtocolOutcome::Unwell(format!("answers {}", shown(&answer))) })
}

/// The first line of an answer, as far as anybody would read it.
fn shown(answer: &[u8]) -> String {
    let line = answer.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() {
        "nothing".to_owned()
    } else {
        String::from_utf8_lossy(&line[..line.len().min(100)]).into_owned()
    }
}

impl Observation {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let protocol = &self.protocol;
        let finding = match &self.answer {
            ProtocolOutcome::Well => None,
            ProtocolOutcome::Unwell(what) => Some(Finding::new(&UNWELL, format!("{protocol}: {what}"))),
            ProtocolOutcome::TimedOut => Some(Finding::new(&UNWELL, format!("{protocol}: no answer in time"))),
        };
        finding.into_iter().collect()
    }

    /// Whether no answer came at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answer == ProtocolOutcome::TimedOut
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}
