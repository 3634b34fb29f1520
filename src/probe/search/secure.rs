//! The step in which hands are shaken: TLS, and the search inside it.

use std::sync::Arc;
use std::time::Duration;

use super::{Match, Search, StepResult};
use crate::model::{Identity, TlsFacts};
use crate::net::tls::HandshakeError;
use crate::net::{Connection, ConnectionError};
use crate::probe::identify::unknown;
use crate::probe::line::{ANY_ALPN, PortTarget, Talk};
use crate::probe::plan::{PlanStep, steps};

impl Search<'_> {
    /// Shakes hands, and finds out what is inside.
    pub(super) async fn inside(&mut self, asked: &PortTarget, peer: Connection, wait: Duration) -> StepResult {
        let port = asked.address.port();
        let probes = self.line.probes;
        let mut hinted = probes.iter().filter(|probe| probe.tls_ports().contains(&port));
        // A server of another kind may refuse whoever asks for HTTP.
        let alpn = if hinted.any(|probe| probe.word() != "http") { &[][..] } else { ANY_ALPN };
        let heard = peer.received();
        let (peer, facts, alpn) = match self.line.secure(peer, alpn, wait).await {
            Ok((peer, facts)) => (peer, facts, alpn),
            Err(failed) if wants_no_alpn(&failed) => match self.secured_without_alpn(wait).await {
                Ok((peer, facts)) => (peer, facts, &[][..]),
                Err(failed) => return self.no_handshake(asked, failed, heard.take(), wait).await,
            },
            Err(failed) => return self.no_handshake(asked, failed, heard.take(), wait).await,
        };
        // What was said in the clear says nothing of what is inside.
        self.said.clear();
        let mut inner = steps(probes, port, self.intensity, true);
        let inside = PortTarget { inside: Some(Arc::new(facts.clone())), ..asked.clone() };
        if let Some(http) = probes.get("http").filter(|_| inside.alpn().is_some()) {
            inner.insert(0, PlanStep::Speak(http));
        }
        let deadline = self.line.deadline;
        let found = deadline.bound(self.layer(inside, alpn, inner, Some(peer))).await.ok().flatten();
        let found = found.unwrap_or_else(|| Match { identity: self.only_tls(), probe: None });
        StepResult::known(Match { identity: found.identity.tls(Some(facts)), ..found })
    }

    async fn secured_without_alpn(&self, wait: Duration) -> Result<(Connection, TlsFacts), HandshakeError> {
        match self.line.open(wait).await {
            Ok(peer) => self.line.secure(peer, &[], wait).await,
            Err(error) => Err(HandshakeError { error, chain: Vec::new() }),
        }
    }

    /// TLS all the same, or an answer in the clear.
    async fn no_handshake(
        &mut self,
        asked: &PortTarget,
        failed: HandshakeError,
        heard: Vec<u8>,
        wait: Duration,
    ) -> StepResult {
        if failed.is_of_tls() {
            let identity = Identity::of("tls").tls(Some(failed.facts())).fact("handshake", failed.error.to_string());
            return StepResult::known(Match { identity, probe: None });
        }
        self.failed = Some(failed.error);
        let Some((probe, identity)) = self.known(asked.said(&heard, Some("tls"), true)) else {
            self.remember(heard);
            return StepResult::Open;
        };
        let line = self.line;
        let talk = line.open(wait).await.map(|peer| Talk::new(line, asked, peer, &[], wait));
        let more = self.once_more(talk, probe).await;
        StepResult::known(Match { identity: more.unwrap_or(identity), probe: Some(probe) })
    }

    /// TLS with something inside that nobody knew.
    fn only_tls(&mut self) -> Identity {
        let inner = unknown(&std::mem::take(&mut self.said), self.failed.as_ref());
        Identity { protocol: Some("tls".into()), facts: inner.facts, banner: inner.banner, ..Identity::default() }
    }
}

fn wants_no_alpn(failed: &HandshakeError) -> bool {
    matches!(&failed.error, ConnectionError::Tls(error)
        if matches!(**error, rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)))
}
