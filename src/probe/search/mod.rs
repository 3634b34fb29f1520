//! The search for the protocol of one port: step by step, one connection each, until a probe recognises a reply.

mod late;
mod secure;

use std::future::Future;
use std::ops::{ControlFlow, RangeInclusive};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::ending::{ECHO, ENDED, UNSTABLE, ending};
use super::plan::{Intensity, PlanStep, PortBudget, is_suggested};
use super::session::{PortSession, PortTarget, Talk};
use super::words::is_error;
use super::{MAX_BANNER, Probe, ServerBytes};
use crate::model::Identity;
use crate::net::{Connection, ConnectionError};

/// Time limit for a conversation over one connection, for probes that the port number suggests.
const WAIT: Duration = Duration::from_secs(2);
/// Time limit for other probes, in multiples of the connect time: a server that does not understand the request closes the
/// connection or stays silent.
const LONG_SHOT: RangeInclusive<Duration> = Duration::from_millis(400)..=Duration::from_secs(1);
const LONG_SHOT_CONNECTS: u32 = 50;
/// Most servers that greet do so at once, apart from the round trip. `late` waits for the others.
const GREETING: Duration = Duration::from_millis(120);

/// An identity and the probe that recognised it.
pub(super) struct Match {
    pub(super) identity: Identity,
    probe: Option<&'static dyn Probe>,
}

/// The search on one port.
pub(super) struct Search<'l> {
    session: &'l PortSession,
    budget: PortBudget,
    /// The first reply that no probe recognised.
    pub(super) unrecognised: Vec<u8>,
    /// The error of the last failed conversation.
    pub(super) error: Option<ConnectionError>,
    /// A connection was refused or reset before any request, or got another reply than the one before.
    pub(super) unstable: bool,
    /// The current time limit for probes that the port number does not suggest.
    long_shot: Duration,
}

/// The result of a step.
enum StepResult {
    Identified(Box<Match>),
    Inconclusive,
    /// The server greets in an unknown protocol, or turns away clients that send something before its greeting. It would not
    /// understand the other probes either.
    UnknownGreeting,
}

/// Whether a greeting of text stops within a line, or within a reply of several lines (RFC 5321, 4.2.1): a server that is slow
/// to write has more to say.
fn is_unfinished(greeting: &[u8]) -> bool {
    let is_text = greeting.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let Some(lines) = greeting.strip_suffix(b"\n") else { return is_text };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    is_text && matches!(last, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', b'-', ..])
}

impl StepResult {
    fn identified(identity: Identity, probe: Option<&'static dyn Probe>) -> Self {
        Self::Identified(Box::new(Match { identity, probe }))
    }
}

impl<'l> Search<'l> {
    pub(super) fn new(session: &'l PortSession, budget: PortBudget) -> Self {
        let long_shot = *LONG_SHOT.end();
        Self { session, budget, unrecognised: Vec::new(), error: None, unstable: false, long_shot }
    }

    /// Runs `steps` in plain text or inside TLS. `first` is an open connection for the first step. Boxed, because the TLS
    /// step recurses.
    pub(super) fn layer<'s>(
        &'s mut self,
        target: PortTarget,
        alpn: &'s [&'s [u8]],
        steps: Vec<PlanStep>,
        first: Option<Connection>,
    ) -> Pin<Box<dyn Future<Output = Option<Match>> + Send + 's>> {
        Box::pin(async move { self.run_beside_late_greeting(&target, alpn, steps, first).await })
    }

    async fn run_steps(
        &mut self,
        target: &PortTarget,
        alpn: &[&[u8]],
        steps: Vec<PlanStep>,
        mut first: Option<Connection>,
    ) -> Option<Match> {
        // The steps up to and including `Listen` have the full time.
        let full_time = 1 + steps.iter().position(|step| matches!(step, PlanStep::Listen)).unwrap_or(0);
        for (number, step) in steps.into_iter().enumerate() {
            if first.is_none() && self.session.is_over() {
                break;
            }

            let patience = self.patience(step);
            let wait = match patience {
                Some(patience) => patience + WAIT,
                None if number < full_time => WAIT,
                None => self.long_shot,
            };
            let start = Instant::now();
            let opened = match first.take() {
                Some(peer) => Ok(peer),
                None => self.open(target, alpn, wait).await,
            };
            let peer = match opened {
                Ok(peer) => peer,
                Err(error) => match self.record_connect_failure(target, error) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(()) => break,
                },
            };

            let connect_time = start.elapsed();
            let greeting_wait = patience.unwrap_or_else(|| GREETING + connect_time * 2);
            if target.tls.is_none() {
                self.long_shot = (connect_time * LONG_SHOT_CONNECTS).clamp(*LONG_SHOT.start(), *LONG_SHOT.end());
            }

            self.session.set_current(Some(peer.received()));
            let result = self.run_step(step, target, alpn, peer, wait, greeting_wait).await;
            self.session.set_current(None);

            match result {
                StepResult::Identified(found) => return Some(*found),
                StepResult::Inconclusive => {}
                StepResult::UnknownGreeting if self.budget.intensity == Intensity::All => {}
                StepResult::UnknownGreeting => break,
            }
        }
        None
    }

    async fn run_step(
        &mut self,
        step: PlanStep,
        target: &PortTarget,
        alpn: &[&[u8]],
        peer: Connection,
        wait: Duration,
        greeting_wait: Duration,
    ) -> StepResult {
        match step {
            PlanStep::Tls => self.inside_tls(target, peer, wait).await,
            PlanStep::Speak(probe) => {
                let mut talk = Talk::new(self.session, target, peer, alpn, wait);
                self.speak(&mut talk, probe).await
            }
            PlanStep::Listen => {
                let mut talk = Talk::new(self.session, target, peer, alpn, wait);
                self.listen(&mut talk, greeting_wait).await
            }
        }
    }

    /// How long a step waits for a greeting before it sends anything, if longer than others.
    fn patience(&self, step: PlanStep) -> Option<Duration> {
        match step {
            PlanStep::Speak(probe) if probe.greets_late() => Some(self.budget.patience()),
            PlanStep::Listen if self.budget.intensity == Intensity::All => Some(self.budget.patience()),
            PlanStep::Speak(_) | PlanStep::Listen | PlanStep::Tls => None,
        }
    }

    /// Records a failed connection. Breaks if further attempts are pointless.
    fn record_connect_failure(&mut self, target: &PortTarget, error: ConnectionError) -> ControlFlow<()> {
        let hopeless = !self.session.was_connected() || matches!(error, ConnectionError::Local(_));
        // Inside TLS, a reset may be a reaction to the handshake.
        let reset_unprovoked = target.tls.is_none() && matches!(error, ConnectionError::Reset);
        self.unstable |= reset_unprovoked || matches!(error, ConnectionError::Refused);
        self.error = Some(error);
        if hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    async fn open(&self, target: &PortTarget, alpn: &[&[u8]], wait: Duration) -> Result<Connection, ConnectionError> {
        let peer = self.session.open(wait).await?;
        match target.tls {
            None => Ok(peer),
            Some(_) => Ok(self.session.secure(peer, alpn, wait).await.map_err(|failed| failed.error)?.0),
        }
    }

    /// Runs a probe. If it does not recognise the server, the other probes examine the reply.
    async fn speak(&mut self, talk: &mut Talk<'_>, probe: &'static dyn Probe) -> StepResult {
        let (received, exchange) = (talk.peer.received(), talk.peer.exchange());
        let mut ended = None;
        let spoken = probe.speak(talk).await;
        // A reply that begins with the request and goes on may be one of the protocol: ZooKeeper's refusal of a command.
        let is_recognised = matches!(spoken, Ok(Some(_)));
        if exchange.is_echo() && !(is_recognised && exchange.has_longer_reply()) {
            return StepResult::identified(Identity::of(ECHO), None);
        }

        match spoken {
            Ok(Some(identity)) => return StepResult::identified(identity, Some(probe)),
            Ok(None) => {}
            Err(error) => {
                ended = Some(ending(&error));
                self.error = Some(error);
            }
        }

        let reply_to = probe.hello(talk.target()).map(|_| probe.protocol());
        let bytes = received.take();
        let refusal = is_suggested(probe, talk.target().address.port(), talk.target().tls.is_some())
            .then(|| probe.refusal(&bytes))
            .flatten();
        match (self.examine(talk, bytes, reply_to, Some(probe.protocol())).await, ended) {
            // The server sent enough to recognise it, but the conversation broke off.
            (StepResult::Identified(found), Some(ended))
                if found.probe.is_some_and(|known| known.protocol() == probe.protocol()) =>
            {
                StepResult::identified(found.identity.fact(ENDED, ended), found.probe)
            }
            (StepResult::Identified(found), _) => StepResult::Identified(found),
            (result, _) => refusal.map_or(result, |identity| StepResult::identified(identity, Some(probe))),
        }
    }

    /// Waits for a greeting; if none comes, sends an HTTP request.
    async fn listen(&mut self, talk: &mut Talk<'_>, wait: Duration) -> StepResult {
        let mut greeting = Vec::new();
        match timeout(wait, talk.peer.read(&mut greeting)).await {
            Err(_) => match self.session.probes.get("http") {
                Some(http) => return self.speak(talk, http).await,
                None => return StepResult::Inconclusive,
            },
            Ok(Ok(0)) => {
                self.error = Some(ConnectionError::Closed);
                return StepResult::Inconclusive;
            }
            Ok(Err(error)) => {
                self.unstable |= matches!(error, ConnectionError::Reset);
                self.error = Some(error);
                return StepResult::Inconclusive;
            }
            Ok(Ok(_)) => {}
        }

        self.examine_greeting(talk, greeting).await
    }

    /// Reads on until a probe recognises the greeting or no more bytes come.
    async fn examine_greeting(&mut self, talk: &mut Talk<'_>, mut greeting: Vec<u8>) -> StepResult {
        let mut ended = false;
        loop {
            let received = talk.target().received(&greeting, None, ended);
            if let Some((probe, identity)) = self.recognise(received) {
                // The probe continues over the same connection, starting with the greeting.
                talk.peer.unread(greeting);
                let details = probe.speak(talk).await.ok().flatten();
                return StepResult::identified(details.unwrap_or(identity), Some(probe));
            }
            if ended {
                break;
            }

            let more = match greeting.len() {
                MAX_BANNER.. => Err(ConnectionError::TooLong),
                _ if is_unfinished(&greeting) => talk.more_within(WAIT, &mut greeting).await,
                _ => talk.more(&mut greeting).await,
            };
            ended = !matches!(more, Ok(true));
            if let Err(error) = more {
                self.error = Some(error);
            }
        }

        if let Some(found) = self.speak_to_greeter(talk, &greeting).await {
            return StepResult::Identified(Box::new(found));
        }
        self.remember(greeting);
        StepResult::UnknownGreeting
    }

    /// Runs the probes whose servers may send this greeting, which says nothing of the protocol: `220 ready`.
    async fn speak_to_greeter(&self, talk: &Talk<'_>, greeting: &[u8]) -> Option<Match> {
        for probe in self.session.probes.iter().filter(|probe| probe.may_greet(greeting)) {
            let mut talk = talk.again().await.ok()?;
            if let Ok(Some(identity)) = probe.speak(&mut talk).await {
                return Some(Match { identity, probe: Some(probe) });
            }
        }
        None
    }

    /// Lets every probe examine a reply to the request of `reply_to`. `tried` has already run on this connection.
    async fn examine(
        &mut self,
        talk: &Talk<'_>,
        bytes: Vec<u8>,
        reply_to: Option<&'static str>,
        tried: Option<&'static str>,
    ) -> StepResult {
        let received = talk.target().received(&bytes, reply_to, true);
        let recognised = self.recognise(received);
        // The bytes may also be a late greeting, which will come again without a request.
        let certain = recognised.is_some();
        let recognised = recognised.or_else(|| self.recognise(ServerBytes { reply_to: None, ..received }));

        let Some((probe, identity)) = recognised else {
            let result = if is_error(&bytes) { StepResult::UnknownGreeting } else { StepResult::Inconclusive };
            self.remember(bytes);
            return result;
        };

        if tried == Some(probe.protocol()) {
            return StepResult::identified(identity, Some(probe));
        }

        // The probe's own request may reveal more than this reply.
        let details = self.speak_again(talk.again().await, probe).await;
        match details.or(certain.then_some(identity)) {
            Some(identity) => StepResult::identified(identity, Some(probe)),
            None => {
                self.remember(bytes);
                StepResult::Inconclusive
            }
        }
    }

    /// Runs a probe that recognised a reply to another probe's request.
    async fn speak_again(
        &mut self,
        talk: Result<Talk<'_>, ConnectionError>,
        probe: &'static dyn Probe,
    ) -> Option<Identity> {
        let mut talk = match talk {
            Ok(talk) => talk,
            Err(error) => {
                self.unstable |= matches!(error, ConnectionError::Refused);
                return None;
            }
        };

        let received = talk.peer.received();
        let identity = probe.speak(&mut talk).await.ok().flatten();
        if identity.is_none() {
            let (bytes, reply_to) = (received.take(), probe.hello(talk.target()).map(|_| probe.protocol()));
            let received = talk.target().received(&bytes, reply_to, true);
            let other = self.recognise(received).or_else(|| self.recognise(ServerBytes { reply_to: None, ..received }));
            self.unstable |= other.is_some_and(|(other, _)| other.protocol() != probe.protocol());
        }

        identity
    }

    /// The first probe that recognises the bytes.
    fn recognise(&self, received: ServerBytes<'_>) -> Option<(&'static dyn Probe, Identity)> {
        if received.bytes.is_empty() {
            return None;
        }
        let mut probes = self.session.probes.iter();
        probes.find_map(|probe| probe.recognise(&received).map(|identity| (probe, identity)))
    }

    fn remember(&mut self, bytes: Vec<u8>) {
        if self.unrecognised.is_empty() {
            self.unrecognised = bytes;
        }
    }

    /// Completes an identity: upgrades to TLS if the protocol supports STARTTLS.
    pub(super) async fn finish(&self, found: Match) -> Identity {
        let identity = found.identity.fact_if(UNSTABLE, self.unstable.then_some(true));
        let kind = found.probe.filter(|probe| probe.may_upgrade(&identity)).and_then(Probe::starttls);
        let Some(kind) = kind.filter(|_| self.budget.intensity != Intensity::Light && identity.tls.is_none()) else {
            return identity;
        };

        // Always one more connection: the protocol is known, so it will be short.
        self.session.allow_one_more();
        match self.session.upgrade(kind, WAIT).await {
            Some(facts) => identity.tls(Some(facts)).fact("starttls", true),
            None => identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_unfinished;

    #[test]
    fn text_that_stops_within_a_line_is_unfinished() {
        for text in ["22", "220 mail.example.org ESM", "220-mail.example.org\r\n", "220-a\r\n220-b\r\n", "login: "] {
            assert!(is_unfinished(text.as_bytes()), "{text:?}");
        }
        for bytes in
            [&b"220 mail.example.org ESMTP\r\n"[..], b"220-a\r\n220 b\r\n", b"+OK\r\n", b"\x0a5.5.5-10.6\0", b"\n"]
        {
            assert!(!is_unfinished(bytes), "{bytes:?}");
        }
    }
}
