//! Late greetings: some servers greet only after seconds, and turn away clients that send something earlier (Sendmail's
//! `greet_pause`, Postfix's postscreen). So a connection of its own stays silent, while probes run over others.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use super::{Match, Search, StepResult, WAIT};
use crate::net::Connection;
use crate::probe::plan::PlanStep;
use crate::probe::session::{PortSession, PortTarget, Talk};
use crate::probe::words::is_error;

/// A port that is identified sooner gets no silent connection. Most are: a greeting or a reply to HTTP takes a round trip.
const SILENT_AFTER: Duration = Duration::from_millis(400);

/// How often a conversation in progress is looked at.
const CONVERSATION_INTERVAL: Duration = Duration::from_millis(50);

/// A connection and the greeting that arrived over it.
type GreetedConnection = (Connection, Vec<u8>);

impl Search<'_> {
    /// Runs `steps`, and recognises the server by a greeting that arrives meanwhile. Without any reply, or where the server
    /// turned a probe away, waits for a greeting until the port's time is over.
    pub(super) async fn run_beside_late_greeting(
        &mut self,
        target: &PortTarget,
        alpn: &[&[u8]],
        steps: Vec<PlanStep>,
        first: Option<Connection>,
    ) -> Option<Match> {
        let session = self.session;
        let patience = steps.first().and_then(|step| self.patience(*step)).unwrap_or_default();
        let mut late = pin!(late_greeting(session, target, alpn, patience + SILENT_AFTER));
        let mut pending = true;

        let mut greeted = {
            let mut steps = pin!(self.run_steps(target, alpn, steps, first));
            loop {
                tokio::select! {
                    biased;
                    found = &mut steps => match found {
                        Some(found) => return Some(found),
                        None => break None,
                    },
                    greeted = &mut late, if pending => match greeted {
                        Some(greeted) => break Some(greeted),
                        None => pending = false,
                    },
                }
            }
        };

        let may_greet = self.unrecognised.is_empty() || is_error(&self.unrecognised);
        if greeted.is_none() && pending && may_greet && session.was_connected() {
            greeted = late.await;
        }

        let (peer, greeting) = greeted?;
        let mut talk = Talk::new(session, target, peer, alpn, WAIT);
        match self.examine_greeting(&mut talk, greeting).await {
            StepResult::Identified(found) => Some(*found),
            StepResult::Inconclusive | StepResult::UnknownGreeting => None,
        }
    }
}

/// The greeting of a server over a connection on which nothing is sent; `None` if the server ends it.
async fn late_greeting(
    session: &PortSession,
    target: &PortTarget,
    alpn: &[&[u8]],
    after: Duration,
) -> Option<GreetedConnection> {
    sleep(after).await;
    // A server that talks already needs no second connection for it.
    while session.is_in_conversation() {
        sleep(CONVERSATION_INTERVAL).await;
    }

    let wait = session.deadline.left();
    let mut peer = session.open_uncounted(wait).await.ok()?;
    if target.tls.is_some() {
        peer = session.secure(peer, alpn, wait).await.ok()?.0;
    }

    let mut greeting = Vec::new();
    let read = peer.read(&mut greeting).await.ok()?;
    (read > 0 && !is_complaint(&greeting)).then_some((peer, greeting))
}

/// Whether a server of another kind ran out of patience: HTTP's 408 (RFC 9110, 15.5.9), and a TLS alert.
fn is_complaint(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/") || bytes.starts_with(b"\x15\x03")
}
