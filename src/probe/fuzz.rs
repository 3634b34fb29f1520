//! What the fuzz targets call: everything that reads a peer's bytes, with a peer that says what the fuzzer thinks of.
//! Only there with `--cfg fuzzing`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::line::PortSession;
use super::{MAX_BYTES, PROBES, PortTarget, Probes, Talk};
use crate::model::{TlsFacts, Transport};
use crate::net::{self, Connection, Deadline, StartTls};

/// Longer than anything here takes.
const TIME: Duration = Duration::from_mins(1);

/// A peer that says what is written down, a few bytes at a time, and does not listen.
struct Script {
    said: Vec<u8>,
    at: usize,
    at_once: usize,
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.at_once.min(into.remaining()).min(self.said.len() - self.at);
        into.put_slice(&self.said[self.at..self.at + length]);
        self.at += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

thread_local! {
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

pub(crate) fn block_on<F: Future>(work: F) -> Option<F::Output> {
    RUNTIME.with(|runtime| runtime.as_ref().map(|runtime| runtime.block_on(work)))
}

pub(crate) fn peer(said: &[u8], at_once: u8) -> Connection {
    let script = Script { said: said.to_vec(), at: 0, at_once: usize::from(at_once).max(1) * 8 };
    Connection::new(script, Deadline::after(TIME), MAX_BYTES)
}

/// Speaks one of these protocols with a peer that says `input`, and lets the protocol look at `input` as an answer to
/// anybody's question. The first three bytes choose which, how, and how much comes at once.
pub fn speak(words: &[&str], input: &[u8]) {
    let Some(([which, how, at_once], said)) = input.split_first_chunk() else { return };
    let word = words[usize::from(*which) % words.len()];
    let Some(probe) = PROBES.iter().find(|probe| probe.word() == word) else { return };
    let transport = if how & 1 == 0 { Transport::Tcp } else { Transport::Udp };
    let mut asked = PortTarget::new(([127, 0, 0, 1], 1).into(), transport);
    if how & 2 != 0 {
        let alpn = (how & 4 != 0).then(|| "h2".into());
        asked.inside = Some(Arc::new(TlsFacts { alpn, ..TlsFacts::default() }));
    }
    let to = PROBES.get(usize::from(how >> 3)).map(|probe| probe.word());
    let _ = probe.recognise(&asked.said(said, to, how & 4 != 0));
    // No more connections than this one, which is none.
    let _ = block_on(async {
        let line = PortSession::new(asked.clone(), Probes::built_in(), Deadline::after(TIME), 0);
        let _ = probe.speak(&mut Talk::new(&line, &asked, peer(said, *at_once), &[], TIME)).await;
    });
}

/// Reads `input` as a certificate, or asks a peer that says it for TLS.
pub fn handshake(input: &[u8]) {
    let Some(([which, at_once], said)) = input.split_first_chunk() else { return };
    let kinds = [
        StartTls::Smtp,
        StartTls::Imap,
        StartTls::Pop3,
        StartTls::Ftp,
        StartTls::Ldap,
        StartTls::Postgresql,
        StartTls::Mysql,
        StartTls::Rdp,
    ];
    match kinds.get(usize::from(*which)) {
        Some(kind) => drop(block_on(async { net::start_tls(*kind, &mut peer(said, *at_once)).await })),
        None => drop(net::certificate(said)),
    }
}
