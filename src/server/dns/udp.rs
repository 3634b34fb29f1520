//! Queries over UDP, on threads of their own: however many strangers send, requests of the other APIs and heartbeats go on.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, warn};

use super::DnsContext;
use super::answer::{DnsOutcome, Transport};
use super::protocol::{MAX_REQUEST_BYTES, MAX_UDP_REPLY};
use super::shuffle::Shuffle;
use crate::engine::Shutdown;
use crate::error::plain;
use crate::net::runtime;

/// The most queries that are answered before other tasks have their turn, and the time after which no other one is begun.
const MAX_BATCH: usize = 64;
const MAX_BATCH_TIME: Duration = Duration::from_millis(1);
/// The most threads. Each is woken for every query while it waits.
const MAX_THREADS: usize = 4;
/// The pause after an error that is not one of a single client.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers queries until the server stops. The threads share the sockets; the kernel gives each query to one.
pub(super) fn start(sockets: Vec<UdpSocket>, context: &Arc<DnsContext>, shutdown: &Shutdown) {
    let count = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let sockets: io::Result<Vec<StdSocket>> = sockets.into_iter().map(UdpSocket::into_std).collect();

    let started = sockets.map_err(|error| plain(&error)).and_then(|sockets| {
        for _ in 0..count {
            let own: io::Result<Vec<StdSocket>> = sockets.iter().map(StdSocket::try_clone).collect();
            start_thread(own.map_err(|error| plain(&error))?, Arc::clone(context), shutdown.clone())?;
        }
        Ok(())
    });
    if let Err(why) = started {
        error!(why, "a thread for DNS over UDP cannot start");
    }
}

fn start_thread(sockets: Vec<StdSocket>, context: Arc<DnsContext>, shutdown: Shutdown) -> Result<(), String> {
    let runtime = runtime(0).map_err(|error| error.to_string())?;
    let tracked = shutdown.track();

    let started = thread::Builder::new().name("dns-udp".to_owned()).spawn(move || {
        // The tree counts the thread until it ends.
        let _tracked = tracked;
        runtime.block_on(async {
            let mut loops = JoinSet::new();
            for socket in sockets {
                match UdpSocket::from_std(socket) {
                    Ok(socket) => drop(loops.spawn(serve(socket, Arc::clone(&context), shutdown.clone()))),
                    Err(error) => error!(error = plain(&error), "a socket of DNS over UDP cannot be read"),
                }
            }

            while loops.join_next().await.is_some() {}
        });
    });
    started.map(drop).map_err(|error| plain(&error))
}

/// Answers the queries of a socket until the server stops.
async fn serve(socket: UdpSocket, context: Arc<DnsContext>, shutdown: Shutdown) {
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

/// What is left of a batch.
#[derive(Debug)]
struct QueryBatch {
    queries: usize,
    end: u64,
}

impl QueryBatch {
    /// A batch that begins at `now`, in nanoseconds.
    fn at(now: u64) -> Self {
        let time = u64::try_from(MAX_BATCH_TIME.as_nanos()).unwrap_or(u64::MAX);
        Self { queries: MAX_BATCH, end: now.saturating_add(time) }
    }

    /// Whether another query may be answered. The first always may.
    fn takes_another(&mut self, now: u64) -> bool {
        let has_room = self.queries == MAX_BATCH || self.queries > 0 && now < self.end;
        self.queries = self.queries.saturating_sub(1);
        has_room
    }
}

struct UdpLoop {
    socket: UdpSocket,
    context: Arc<DnsContext>,
    shuffle: Shuffle,
    message: Vec<u8>,
    reply: Vec<u8>,
}

impl UdpLoop {
    /// Answers the queries that wait.
    fn answer_batch(&mut self) -> io::Result<()> {
        let mut batch = QueryBatch::at(self.context.clock.nanos());
        while batch.takes_another(self.context.clock.nanos()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_after_a_number_of_queries_and_after_a_time() {
        let mut quick = QueryBatch::at(5);
        assert_eq!((0..200).filter(|_| quick.takes_another(6)).count(), MAX_BATCH);

        let mut slow = QueryBatch::at(5);
        let late = 5 + u64::try_from(MAX_BATCH_TIME.as_nanos()).unwrap();
        assert_eq!([5, late - 1, late, late].map(|now| slow.takes_another(now)), [true, true, false, false]);
        assert!(QueryBatch::at(5).takes_another(late), "a batch has a query at least");
    }
}
