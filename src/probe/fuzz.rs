//! Entry points of the fuzz targets for probes and TLS. Requires `--cfg fuzzing`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::session::PortSession;
use super::{MAX_BYTES, PROBES, PortTarget, Probes, Talk};
use crate::model::{TlsFacts, Transport};
use crate::net::{self, Connection, Deadline, StartTls, TunnelProxy};

/// Longer than any conversation here.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A peer that sends fixed bytes in small chunks and ignores what it receives.
struct Script {
    bytes: Vec<u8>,
    at: usize,
    chunk: usize,
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.chunk.min(into.remaining()).min(self.bytes.len() - self.at);
        into.put_slice(&self.bytes[self.at..self.at + length]);
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

pub(crate) fn peer(bytes: &[u8], chunk: u8) -> Connection {
    let script = Script { bytes: bytes.to_vec(), at: 0, chunk: usize::from(chunk).max(1) * 8 };
    Connection::new(script, Deadline::after(TIMEOUT), MAX_BYTES)
}

/// Runs the probe of one of `protocols` against a peer that sends `input`, and lets it examine `input` as a reply to any
/// request. The first three bytes choose the protocol, the options and the chunk size.
pub fn speak(protocols: &[&str], input: &[u8]) {
    let Some(([choice, options, chunk], bytes)) = input.split_first_chunk() else { return };
    let protocol = protocols[usize::from(*choice) % protocols.len()];
    let Some(probe) = PROBES.iter().find(|probe| probe.protocol() == protocol) else { return };

    let transport = if options & 1 == 0 { Transport::Tcp } else { Transport::Udp };
    let mut target = PortTarget::new(([127, 0, 0, 1], 1).into(), transport);
    if options & 2 != 0 {
        let alpn = (options & 4 != 0).then(|| "h2".into());
        target.tls = Some(Arc::new(TlsFacts { alpn, ..TlsFacts::default() }));
    }

    let reply_to = PROBES.get(usize::from(options >> 3)).map(|probe| probe.protocol());
    let _ = probe.recognise(&target.received(bytes, reply_to, options & 4 != 0));
    // The session allows no real connections.
    let _ = block_on(async {
        let session = PortSession::new(target.clone(), Probes::built_in(), Deadline::after(TIMEOUT), 0);
        let _ = probe.speak(&mut Talk::new(&session, &target, peer(bytes, *chunk), &[], TIMEOUT)).await;
    });
}

/// Asks a proxy that sends `input` to connect. The first two bytes choose its protocol, whether there is a password, and the
/// chunk size.
pub fn tunnel(input: &[u8]) {
    let Some(([choice, chunk], bytes)) = input.split_first_chunk() else { return };
    let urls = ["socks5://h", "socks5://user:password@h", "http://h", "http://user:password@h"];
    let address = ([127, 0, 0, 1], 1).into();
    let Ok(url) = urls[usize::from(*choice) % urls.len()].parse() else { return };

    let proxy = TunnelProxy { url, address };
    let _ = block_on(async { proxy.ask(&mut peer(bytes, *chunk), address).await });
}

/// Parses `input` as a certificate, or requests STARTTLS from a peer that sends it.
pub fn handshake(input: &[u8]) {
    let Some(([choice, chunk], bytes)) = input.split_first_chunk() else { return };
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

    match kinds.get(usize::from(*choice)) {
        Some(kind) => drop(block_on(async { net::start_tls(*kind, &mut peer(bytes, *chunk)).await })),
        None => drop(net::certificate(bytes)),
    }
}
