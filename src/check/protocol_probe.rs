//! The protocols whose health shows in a reply to the request that identifies them: the first one of a client, which changes
//! nothing.

use super::protocol_outcome::ProtocolOutcome;
use super::protocol_reply::quoted;
use super::target::CheckTarget;
use crate::model::Transport;
use crate::net::{Connection, ConnectionError};
use crate::probe::{PortTarget, Probe, probe_of};

/// The protocols. Others greet, have a dialog of their own in [`protocol`](super::protocol), or a check.
const PROTOCOLS: [&str; 8] = ["amqp", "cassandra", "kafka", "ldap", "mongodb", "mqtt", "mssql", "rdp"];

/// The probe of a protocol that is checked so.
pub(super) fn find(protocol: &str) -> Option<&'static dyn Probe> {
    PROTOCOLS.contains(&protocol).then(|| probe_of(protocol)).flatten()
}

/// Sends the request of the protocol, and reads until the reply is known to be one of it.
pub(super) async fn converse(
    probe: &dyn Probe,
    target: &CheckTarget,
    peer: &mut Connection,
) -> Result<ProtocolOutcome, ConnectionError> {
    let port = PortTarget { host: target.name.clone(), ..PortTarget::new(target.address, Transport::Tcp) };
    let hello = probe.hello(&port).unwrap_or_default();
    peer.write(&hello).await?;

    let mut reply = Vec::new();
    loop {
        let is_ended = peer.read(&mut reply).await? == 0;
        // What sends a request back speaks nothing.
        let recognised = probe.recognise(&port.received(&reply, Some(probe.protocol()), is_ended));
        match recognised.filter(|_| reply != hello) {
            Some(identity) if identity.protocol() == probe.protocol() => {
                let cause = probe.unavailable(&reply).map(|cause| quoted(cause.as_bytes()));
                return Ok(cause.map_or(ProtocolOutcome::Healthy, ProtocolOutcome::Unhealthy));
            }
            Some(identity) => return Ok(ProtocolOutcome::Unhealthy(format!("replies in {}", identity.protocol()))),
            None if is_ended && reply.is_empty() => return Err(ConnectionError::Closed),
            None if is_ended || reply == hello => {
                return Ok(ProtocolOutcome::Unhealthy(format!("replies {}", quoted(&reply))));
            }
            None => {}
        }
    }
}
