//! Accepts connections until the server stops.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::connection::{self, ConnectionContext};
use super::gate::Full;
use crate::engine::Shutdown;
use crate::error::plain;

/// The pause after a failed accept, doubled each time.
const MIN_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What a client reads if there is no room for its connection.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
connection: close\r\ncontent-length: 105\r\n\r\n\
{\"error\":{\"code\":\"too_many_connections\",\"message\":\"the server has no room for another connection now\"}}\r\n";

/// Accepts until the server stops. No error ends the loop: a machine that is out of descriptors has some again later.
pub(super) async fn accept_until_stopped(listener: &TcpListener, context: Arc<ConnectionContext>, shutdown: Shutdown) {
    let mut pause = MIN_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.stopping() => break,
            accepted = listener.accept() => accepted,
        };

        match accepted {
            Ok((stream, peer)) => {
                pause = MIN_PAUSE;
                admit(stream, peer, &context, &shutdown);
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                warn!(error = plain(&error), "cannot accept connections; trying again");
                context.metrics.accept_failed();
                tokio::select! {
                    () = shutdown.stopping() => break,
                    () = sleep(pause) => {}
                }
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }

    // The kernel has completed these handshakes already. Closing the listener would reset them.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        admit(stream, peer, &context, &shutdown);
    }
}

/// Whether only one connection failed, before it was accepted.
fn is_of_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

fn admit(stream: TcpStream, peer: SocketAddr, context: &Arc<ConnectionContext>, shutdown: &Shutdown) {
    match context.gate.enter(peer.ip()) {
        Ok((permit, evicted)) => {
            context.metrics.connections_evicted(evicted);
            let context = Arc::clone(context);
            shutdown.spawn(connection::serve(stream, peer, permit, context, shutdown.clone()));
        }
        Err(full) => {
            context.metrics.connection_refused(full);
            let limit = match full {
                Full::Server => "connections",
                Full::Address => "connections per address",
            };
            debug!(%peer, limit, "connection refused");
            // The buffer of a new connection is empty, so this never waits.
            let _ = stream.try_write(FULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_for_a_full_server_is_whole() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
