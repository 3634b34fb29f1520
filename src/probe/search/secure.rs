//! The TLS step: the handshake, and the search inside TLS.

use std::sync::Arc;
use std::time::Duration;

use super::{Match, Search, StepResult};
use crate::model::{Identity, TlsFacts};
use crate::net::tls::HandshakeError;
use crate::net::{Connection, ConnectionError};
use crate::probe::ending::{ECHO, unrecognised};
use crate::probe::plan::{PlanStep, steps};
use crate::probe::session::{ANY_ALPN, PortTarget, Talk};

impl Search<'_> {
    /// Performs the handshake and identifies the protocol inside.
    pub(super) async fn inside_tls(&mut self, target: &PortTarget, peer: Connection, wait: Duration) -> StepResult {
        let port = target.address.port();
        let probes = self.session.probes;
        let mut suggested = probes.iter().filter(|probe| probe.tls_ports().contains(&port));
        // Servers of other protocols may refuse an ALPN offer of HTTP.
        let alpn = if suggested.any(|probe| probe.protocol() != "http") { &[][..] } else { ANY_ALPN };

        let (received, exchange) = (peer.received(), peer.exchange());
        let (peer, facts, alpn) = match self.session.secure(peer, alpn, wait).await {
            Ok((peer, facts)) => (peer, facts, alpn),
            Err(failed) if refuses_alpn(&failed) => match self.secure_without_alpn(wait).await {
                Ok((peer, facts)) => (peer, facts, &[][..]),
                Err(failed) => return self.no_handshake(target, failed, received.take(), wait).await,
            },
            Err(_) if exchange.is_echo() => return StepResult::identified(Identity::of(ECHO), None),
            Err(failed) => return self.no_handshake(target, failed, received.take(), wait).await,
        };

        // Replies in plain text say nothing about the protocol inside.
        self.unrecognised.clear();
        let mut steps = steps(probes, port, self.budget.intensity, true);
        let inside = PortTarget { tls: Some(Arc::new(facts.clone())), ..target.clone() };
        if let Some(http) = probes.get("http").filter(|_| inside.alpn().is_some()) {
            steps.insert(0, PlanStep::Speak(http));
        }

        let deadline = self.session.deadline;
        let found = deadline.bound(self.layer(inside, alpn, steps, Some(peer))).await.ok().flatten();
        let found = found.unwrap_or_else(|| Match { identity: self.only_tls(), probe: None });
        StepResult::identified(found.identity.tls(Some(facts)), found.probe)
    }

    async fn secure_without_alpn(&self, wait: Duration) -> Result<(Connection, TlsFacts), HandshakeError> {
        match self.session.open(wait).await {
            Ok(peer) => self.session.secure(peer, &[], wait).await,
            Err(error) => Err(HandshakeError::before(error)),
        }
    }

    /// The result of a failed handshake: the server speaks TLS nevertheless, or replied in plain text.
    async fn no_handshake(
        &mut self,
        target: &PortTarget,
        failed: HandshakeError,
        bytes: Vec<u8>,
        wait: Duration,
    ) -> StepResult {
        if failed.is_of_tls() {
            let identity = Identity::of("tls").tls(Some(failed.facts())).fact("handshake", failed.error.to_string());
            return StepResult::identified(identity, None);
        }

        self.error = Some(failed.error);
        let Some((probe, identity)) = self.recognise(target.received(&bytes, Some("tls"), true)) else {
            self.remember(bytes);
            return StepResult::Inconclusive;
        };

        let session = self.session;
        let talk = session.open(wait).await.map(|peer| Talk::new(session, target, peer, &[], wait));
        let details = self.speak_again(talk, probe).await;
        StepResult::identified(details.unwrap_or(identity), Some(probe))
    }

    /// TLS around a protocol that no probe recognises.
    fn only_tls(&mut self) -> Identity {
        let inner = unrecognised(&std::mem::take(&mut self.unrecognised), self.error.as_ref());
        Identity { protocol: Some("tls".into()), facts: inner.facts, banner: inner.banner, ..Identity::default() }
    }
}

fn refuses_alpn(failed: &HandshakeError) -> bool {
    matches!(&failed.error, ConnectionError::Tls(error)
        if matches!(**error, rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)))
}
