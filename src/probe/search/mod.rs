//! The search for what speaks at a port: step by step, each over a connection of its own, until somebody knows an answer.

mod secure;

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::identify::{ENDED, UNSTABLE, ended};
use super::line::{PortSession, PortTarget, Talk};
use super::plan::{Intensity, PlanStep};
use super::{MAX_BANNER, Probe, ServerBytes};
use crate::model::Identity;
use crate::net::{Connection, ConnectionError};

/// A conversation over one connection takes no longer than this; what has its usual port gets this much.
const WAIT: Duration = Duration::from_secs(2);
/// So much is given to a question that nothing hints at, by how long it took to connect: whoever does not understand it
/// hangs up or stays silent.
const LONG_SHOT: RangeInclusive<Duration> = Duration::from_millis(400)..=Duration::from_secs(1);
const LONG_SHOT_CONNECTS: u32 = 50;
/// Servers that greet do so at once, a round trip aside. A later greeting is heard as well: as an answer to HTTP.
const GREETING: Duration = Duration::from_millis(120);

/// What was found, and by whom.
pub(super) struct Match {
    pub(super) identity: Identity,
    probe: Option<&'static dyn Probe>,
}

impl StepResult {
    fn known(found: Match) -> Self {
        Self::Known(Box::new(found))
    }
}

/// The search at one port.
pub(super) struct Search<'l> {
    line: &'l PortSession,
    intensity: Intensity,
    /// The first that was said which nobody knew.
    pub(super) said: Vec<u8>,
    /// How the last conversation failed.
    pub(super) failed: Option<ConnectionError>,
    /// A connection was refused or reset before anything was asked, or was answered as another was not.
    pub(super) unsteady: bool,
    /// How long a long shot may take.
    long_shot: Duration,
}

/// What is known after a step.
enum StepResult {
    Known(Box<Match>),
    /// Nothing yet.
    Open,
    /// It greeted in a way that nobody knows: it would not understand the other questions either.
    Stranger,
}

impl<'l> Search<'l> {
    pub(super) fn new(line: &'l PortSession, intensity: Intensity) -> Self {
        Self { line, intensity, said: Vec::new(), failed: None, unsteady: false, long_shot: *LONG_SHOT.end() }
    }

    /// Goes through `steps` on one layer: in the clear, or inside TLS. `first` is a connection that is there already.
    pub(super) fn layer<'s>(
        &'s mut self,
        asked: PortTarget,
        alpn: &'s [&'s [u8]],
        steps: Vec<PlanStep>,
        mut first: Option<Connection>,
    ) -> Pin<Box<dyn Future<Output = Option<Match>> + Send + 's>> {
        Box::pin(async move {
            // Up to and with the listening.
            let sure = 1 + steps.iter().position(|step| matches!(step, PlanStep::Listen)).unwrap_or(0);
            for (number, step) in steps.into_iter().enumerate() {
                if first.is_none() && self.line.is_over() {
                    break;
                }
                let wait = if number < sure { WAIT } else { self.long_shot };
                let began = Instant::now();
                let opened = match first.take() {
                    Some(peer) => Ok(peer),
                    None => self.open(&asked, alpn, wait).await,
                };
                let peer = match opened {
                    Ok(peer) => peer,
                    Err(error) => {
                        let hopeless = !self.line.was_connected() || matches!(error, ConnectionError::Local(_));
                        // A handshake may be broken off for what was asked in it.
                        let unasked = asked.inside.is_none() && matches!(error, ConnectionError::Reset);
                        self.unsteady |= unasked || matches!(error, ConnectionError::Refused);
                        self.failed = Some(error);
                        if hopeless {
                            break;
                        }
                        continue;
                    }
                };
                if asked.inside.is_none() {
                    let connects = began.elapsed() * LONG_SHOT_CONNECTS;
                    self.long_shot = connects.clamp(*LONG_SHOT.start(), *LONG_SHOT.end());
                }
                let after = match step {
                    PlanStep::Tls => self.inside(&asked, peer, wait).await,
                    PlanStep::Speak(probe) => {
                        let mut talk = Talk::new(self.line, &asked, peer, alpn, wait);
                        self.speak(&mut talk, probe).await
                    }
                    PlanStep::Listen => {
                        let mut talk = Talk::new(self.line, &asked, peer, alpn, wait);
                        self.listen(&mut talk, GREETING + began.elapsed() * 2).await
                    }
                };
                match after {
                    StepResult::Known(found) => return Some(*found),
                    StepResult::Open => {}
                    StepResult::Stranger if self.intensity == Intensity::All => {}
                    StepResult::Stranger => break,
                }
            }
            None
        })
    }

    async fn open(&self, asked: &PortTarget, alpn: &[&[u8]], wait: Duration) -> Result<Connection, ConnectionError> {
        let peer = self.line.open(wait).await?;
        match asked.inside {
            None => Ok(peer),
            Some(_) => Ok(self.line.secure(peer, alpn, wait).await.map_err(|failed| failed.error)?.0),
        }
    }

    /// Speaks a protocol; if it is another one, lets the others look at what was heard.
    async fn speak(&mut self, talk: &mut Talk<'_>, probe: &'static dyn Probe) -> StepResult {
        let heard = talk.peer.heard();
        let mut broken = None;
        match probe.speak(talk).await {
            Ok(Some(identity)) => return StepResult::known(Match { identity, probe: Some(probe) }),
            Ok(None) => {}
            Err(error) => {
                broken = Some(ended(&error));
                self.failed = Some(error);
            }
        }
        let to = probe.hello(talk.asked()).map(|_| probe.word());
        match (self.offer(talk, heard.take(), to, Some(probe.word())).await, broken) {
            // It was heard well enough to be known, and no further.
            (StepResult::Known(found), Some(how)) if found.probe.is_some_and(|known| known.word() == probe.word()) => {
                StepResult::known(Match { identity: found.identity.fact(ENDED, how), ..*found })
            }
            (after, _) => after,
        }
    }

    /// Waits for a greeting; if none comes, asks for HTTP.
    async fn listen(&mut self, talk: &mut Talk<'_>, patience: Duration) -> StepResult {
        let mut greeting = Vec::new();
        match timeout(patience, talk.peer.read(&mut greeting)).await {
            Err(_) => match self.line.probes.get("http") {
                Some(http) => return self.speak(talk, http).await,
                None => return StepResult::Open,
            },
            Ok(Ok(0)) => {
                self.failed = Some(ConnectionError::Closed);
                return StepResult::Open;
            }
            Ok(Err(error)) => {
                self.unsteady |= matches!(error, ConnectionError::Reset);
                self.failed = Some(error);
                return StepResult::Open;
            }
            Ok(Ok(_)) => {}
        }
        let mut whole = false;
        loop {
            let said = talk.asked().said(&greeting, None, whole);
            if let Some((probe, identity)) = self.known(said) {
                // It goes on from its greeting, over the same connection.
                talk.peer.unread(greeting);
                let more = probe.speak(talk).await.ok().flatten();
                return StepResult::known(Match { identity: more.unwrap_or(identity), probe: Some(probe) });
            }
            if whole {
                break;
            }
            let more = match greeting.len() {
                MAX_BANNER.. => Err(ConnectionError::TooLong),
                _ => talk.more(&mut greeting).await,
            };
            whole = !matches!(more, Ok(true));
            if let Err(error) = more {
                self.failed = Some(error);
            }
        }
        self.remember(greeting);
        StepResult::Stranger
    }

    /// Lets every protocol look at an answer to somebody's question.
    async fn offer(
        &mut self,
        talk: &Talk<'_>,
        heard: Vec<u8>,
        to: Option<&'static str>,
        but: Option<&'static str>,
    ) -> StepResult {
        let said = talk.asked().said(&heard, to, true);
        let known = self.known(said);
        // What came after a question may be a greeting that took its time: it comes again without a question then.
        let sure = known.is_some();
        let Some((probe, identity)) = known.or_else(|| self.known(ServerBytes { to: None, ..said })) else {
            self.remember(heard);
            return StepResult::Open;
        };
        if but == Some(probe.word()) {
            return StepResult::known(Match { identity, probe: Some(probe) });
        }
        // Its own words may bring more to light than an answer to somebody else's.
        let more = self.once_more(talk.again().await, probe).await;
        match more.or(sure.then_some(identity)) {
            Some(identity) => StepResult::known(Match { identity, probe: Some(probe) }),
            None => {
                self.remember(heard);
                StepResult::Open
            }
        }
    }

    /// Speaks the protocol of somebody who was known by what they said to another's question.
    async fn once_more(
        &mut self,
        talk: Result<Talk<'_>, ConnectionError>,
        probe: &'static dyn Probe,
    ) -> Option<Identity> {
        let mut talk = match talk {
            Ok(talk) => talk,
            Err(error) => {
                self.unsteady |= matches!(error, ConnectionError::Refused);
                return None;
            }
        };
        let heard = talk.peer.heard();
        let more = probe.speak(&mut talk).await.ok().flatten();
        if more.is_none() {
            let (heard, to) = (heard.take(), probe.hello(talk.asked()).map(|_| probe.word()));
            let said = talk.asked().said(&heard, to, true);
            let other = self.known(said).or_else(|| self.known(ServerBytes { to: None, ..said }));
            self.unsteady |= other.is_some_and(|(other, _)| other.word() != probe.word());
        }
        more
    }

    /// Who knows what was said.
    fn known(&self, said: ServerBytes<'_>) -> Option<(&'static dyn Probe, Identity)> {
        if said.bytes.is_empty() {
            return None;
        }
        self.line.probes.iter().find_map(|probe| probe.recognise(&said).map(|identity| (probe, identity)))
    }

    fn remember(&mut self, said: Vec<u8>) {
        if self.said.is_empty() {
            self.said = said;
        }
    }

    /// What can be found out now that the protocol is known: how it goes over to TLS.
    pub(super) async fn finish(&self, found: Match) -> Identity {
        let identity = found.identity.fact_if(UNSTABLE, self.unsteady.then_some(true));
        let kind = found.probe.and_then(Probe::starttls);
        let Some(kind) = kind.filter(|_| self.intensity != Intensity::Light && identity.tls.is_none()) else {
            return identity;
        };
        // One more connection in any case: it is known by now what the answer will be like.
        self.line.allow_one_more();
        match self.line.upgrade(kind, WAIT).await {
            Some(facts) => identity.tls(Some(facts)).fact("starttls", true),
            None => identity,
        }
    }
}
