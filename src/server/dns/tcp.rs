//! Queries over TCP: each after its length, any number on one connection.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::DnsContext;
use super::answer::{DnsOutcome, Transport};
use super::protocol::MAX_REQUEST_BYTES;
use super::shuffle::Shuffle;
use crate::engine::Shutdown;
use crate::error::plain;
use crate::server::gate::OpenConnection;

/// The pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a connection may be idle between queries (RFC 7766, section 6.2.3, asks for some seconds).
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the rest of a query may take, and a reply that the client does not read.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts connections until the server stops.
pub(super) async fn serve(listener: TcpListener, context: Arc<DnsContext>, shutdown: Shutdown) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match context.gate.enter(peer.ip()) {
                Ok((permit, _)) => {
                    let known = Arc::clone(permit.connection());
                    let connection = connection(stream, known, peer.ip(), Arc::clone(&context), shutdown.clone());
                    shutdown.spawn(async move {
                        tokio::select! {
                            () = connection => {}
                            // The server is full: the connection that is quiet for longest gives way.
                            () = permit.evicted() => {}
                        }
                    });
                }
                Err(_) => {
                    debug!(%peer, "connection to DNS refused");
                    context.app.metrics.dns.connection_refused();
                }
            },
            Err(error) => {
                warn!(error = plain(&error), "cannot accept connections to DNS; trying again");
                context.app.metrics.accept_failed();
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers one query after the other until the client leaves, is idle or too slow, or the server stops.
async fn connection(
    mut stream: TcpStream,
    known: Arc<OpenConnection>,
    peer: IpAddr,
    context: Arc<DnsContext>,
    shutdown: Shutdown,
) {
    let _ = stream.set_nodelay(true);
    let (mut message, mut reply) = (Vec::new(), Vec::new());
    let mut shuffle = Shuffle::new();
    loop {
        let length = tokio::select! {
            biased;
            () = shutdown.stopping() => return,
            length = timeout(IDLE_TIMEOUT, stream.read_u16()) => length,
        };
        let Ok(Ok(length)) = length else { return };
        let length = usize::from(length);
        if length > MAX_REQUEST_BYTES {
            return;
        }
        message.resize(length, 0);
        if !matches!(timeout(MESSAGE_TIMEOUT, stream.read_exact(&mut message)).await, Ok(Ok(_))) {
            return;
        }

        while let Some(wait) = context.is_limited(peer) {
            context.app.metrics.dns.limited();
            // The client is read no faster than it may ask.
            tokio::select! {
                () = shutdown.stopping() => return,
                () = sleep(wait) => {}
            }
        }
        known.activity.end_answer();
        let answered = answer(&context, &message, &mut shuffle, &mut reply);
        if answered == DnsOutcome::Ignored {
            return;
        }
        if !matches!(timeout(MESSAGE_TIMEOUT, send(&mut stream, &reply)).await, Ok(Ok(()))) {
            context.app.metrics.dns.not_sent();
            return;
        }
    }
}

fn answer(context: &DnsContext, message: &[u8], shuffle: &mut Shuffle, reply: &mut Vec<u8>) -> DnsOutcome {
    let counters = &context.app.metrics.dns;
    counters.query(Transport::Tcp);
    let view = context.app.unscoped.load();
    let answered = context.responder.answer(message, Transport::Tcp, &view, shuffle, reply);
    counters.answered(answered);
    answered
}

/// The length and the reply in one piece (RFC 7766, section 8).
async fn send(stream: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
    let length = u16::try_from(reply.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = Vec::with_capacity(reply.len() + 2);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(reply);
    stream.write_all(&bytes).await
}
