//! Queries over UDP.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::sleep;
use tracing::warn;

use super::DnsContext;
use super::answer::{DnsOutcome, Transport};
use super::protocol::{MAX_REQUEST_BYTES, MAX_UDP_REPLY};
use super::shuffle::Shuffle;
use crate::engine::Shutdown;
use crate::error::plain;

/// The most queries that are answered before other tasks have their turn.
const MAX_BATCH: usize = 64;
/// The pause after an error that is not one of a single client.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers queries until the server stops. Several loops can share a socket; the kernel gives each query to one.
pub(super) async fn serve(socket: Arc<UdpSocket>, context: Arc<DnsContext>, shutdown: Shutdown) {
    let mut loop_state = UdpLoop {
        socket,
        context,
        shuffle: Shuffle::new(),
        // One byte more shows that a message is too long.
        message: vec![0; MAX_REQUEST_BYTES + 1],
        reply: Vec::with_capacity(usize::from(MAX_UDP_REPLY)),
    };
    loop {
        let readable = tokio::select! {
            biased;
            () = shutdown.stopping() => return,
            readable = loop_state.socket.readable() => readable,
        };
        match readable.and_then(|()| loop_state.answer_batch()) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => {
                warn!(error = plain(&error), "cannot receive DNS queries; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

struct UdpLoop {
    socket: Arc<UdpSocket>,
    context: Arc<DnsContext>,
    shuffle: Shuffle,
    message: Vec<u8>,
    reply: Vec<u8>,
}

impl UdpLoop {
    /// Answers the queries that wait.
    fn answer_batch(&mut self) -> io::Result<()> {
        for _ in 0..MAX_BATCH {
            match self.socket.try_recv_from(&mut self.message) {
                Ok((length, peer)) => self.answer(length, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn answer(&mut self, length: usize, peer: SocketAddr) {
        let Self { context, message, reply, .. } = self;
        let counters = &context.app.metrics.dns;
        let transport = Transport::udp(peer.ip());
        counters.query(transport);
        let message = &message[..length];

        let answered = if length > MAX_REQUEST_BYTES {
            DnsOutcome::Ignored
        } else if context.is_limited(peer.ip()).is_some() {
            counters.limited();
            // A real client repeats its query over TCP; a forged address gets no more bytes than were sent.
            context.responder.refer_to_tcp(message, reply)
        } else {
            let view = context.app.unscoped.load();
            context.responder.answer(message, transport, &view, &mut self.shuffle, reply)
        };
        counters.answered(answered);

        // A full buffer means that the network takes no more: the client repeats its query.
        if answered != DnsOutcome::Ignored && self.socket.try_send_to(reply, peer).is_err() {
            counters.not_sent();
        }
    }
}
