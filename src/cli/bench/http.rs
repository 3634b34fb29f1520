//! A blocking HTTP connection: nothing stands between the time of a request and its first byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::target::LoadTarget;

/// A connection that is kept open, and opened again after a failure.
#[derive(Debug)]
pub(super) struct HttpConnection<'t> {
    target: &'t LoadTarget,
    timeout: Duration,
    stream: Option<TcpStream>,
    /// What was received of the present reply.
    received: Vec<u8>,
    /// A body that came in chunks, as a whole.
    joined: Vec<u8>,
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HttpReply<'b> {
    pub(super) status: u16,
    /// The index of the registry.
    pub(super) index: Option<u64>,
    pub(super) body: &'b [u8],
}

/// The head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReplyHead {
    status: u16,
    index: Option<u64>,
    bytes: usize,
    length: BodyLength,
    closes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyLength {
    Known(usize),
    Chunked,
    UntilClosed,
}

/// The largest reply that is read.
const MAX_REPLY_BYTES: usize = 256 << 20;
const MAX_HEADERS: usize = 64;
const READ_BYTES: usize = 64 << 10;

impl<'t> HttpConnection<'t> {
    /// A connection that is opened by its first request. `timeout` limits each read and write.
    pub(super) fn new(target: &'t LoadTarget, timeout: Duration) -> Self {
        Self { target, timeout, stream: None, received: Vec::new(), joined: Vec::new() }
    }

    /// Sends a request and reads its reply.
    ///
    /// # Errors
    /// No connection, no whole reply in time, or one that is not HTTP.
    pub(super) fn exchange(&mut self, request: &[u8]) -> io::Result<HttpReply<'_>> {
        let is_kept = self.stream.is_some();
        let head = match self.try_exchange(request) {
            // A server may close an idle connection while the request is on its way.
            Err(error) if is_kept && self.received.is_empty() && is_closed(&error) => self.try_exchange(request),
            head => head,
        };
        let head = head.inspect_err(|_| self.stream = None)?;
        if head.closes {
            self.stream = None;
        }

        Ok(head.reply(&self.received, &self.joined))
    }

    fn try_exchange(&mut self, request: &[u8]) -> io::Result<ReplyHead> {
        self.received.clear();
        self.send(request)?;
        let head = loop {
            self.read_more()?;
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
        };
        self.read_body(&head)?;
        Ok(head)
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.target.address, self.timeout)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(self.timeout))?;
            stream.set_write_timeout(Some(self.timeout))?;
            self.stream = Some(stream);
        }
        match &mut self.stream {
            Some(stream) => stream.write_all(request).inspect_err(|_| self.stream = None),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn read_body(&mut self, head: &ReplyHead) -> io::Result<()> {
        while !head.is_whole(&self.received, &mut self.joined)? {
            match self.read_more() {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && head.length == BodyLength::UntilClosed => {
                    break;
                }
                read => read?,
            }
        }
        Ok(())
    }

    /// Receives at least a byte.
    fn read_more(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        let old = self.received.len();
        if old > MAX_REPLY_BYTES {
            return Err(io::Error::other("the reply is larger than 256 MiB"));
        }
        self.received.resize(old + READ_BYTES, 0);
        let read = stream.read(self.received.get_mut(old..).unwrap_or_default());
        self.received.truncate(old + read.as_ref().ok().copied().unwrap_or(0));

        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            // What a read timeout of a socket is called.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
            Err(error) => Err(error),
        }
    }
}

impl ReplyHead {
    /// Whether the body of a reply with this head is there; one in chunks is `joined`. What ends with its connection never is.
    fn is_whole(&self, received: &[u8], joined: &mut Vec<u8>) -> io::Result<bool> {
        match self.length {
            BodyLength::Known(length) => Ok(received.len() >= self.bytes.saturating_add(length)),
            BodyLength::Chunked => {
                joined.clear();
                join_chunks(received.get(self.bytes..).unwrap_or_default(), joined)
            }
            BodyLength::UntilClosed => Ok(false),
        }
    }

    fn reply<'b>(&self, received: &'b [u8], joined: &'b [u8]) -> HttpReply<'b> {
        let body = match self.length {
            BodyLength::Chunked => joined,
            _ => received.get(self.bytes..).unwrap_or_default(),
        };
        HttpReply { status: self.status, index: self.index, body }
    }
}

/// The reply in what was received; `None` if it is not whole yet. `joined` is room for a body that came in chunks.
///
/// # Errors
/// It is not HTTP.
pub(super) fn parse_reply<'b>(received: &'b [u8], joined: &'b mut Vec<u8>) -> io::Result<Option<HttpReply<'b>>> {
    let Some(head) = parse_head(received)? else { return Ok(None) };
    let is_whole = head.is_whole(received, joined)?;
    Ok(is_whole.then(|| head.reply(received, joined)))
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// The head of a reply; `None` if it is not whole yet.
fn parse_head(bytes: &[u8]) -> io::Result<Option<ReplyHead>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| io::Error::other(format!("the reply is not HTTP: {error}")))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };

    let status = response.code.unwrap_or(0);
    let mut head = ReplyHead { status, index: None, bytes: length, length: BodyLength::UntilClosed, closes: false };
    if matches!(status, 100..200 | 204 | 304) {
        head.length = BodyLength::Known(0);
    }
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().map_or(head.length, BodyLength::Known),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => head.length = BodyLength::Chunked,
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            "x-portolan-index" | "x-consul-index" => head.index = value.parse().ok(),
            _ => {}
        }
    }
    Ok(Some(head))
}

/// Joins the chunks of a body. Returns whether it is whole.
fn join_chunks(mut bytes: &[u8], joined: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(false) };
        let (line, rest) = bytes.split_at(end);
        let digits = std::str::from_utf8(line).unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(|_| io::Error::other("a chunk has no length"))?;
        if length > MAX_REPLY_BYTES {
            return Err(io::Error::other("the reply is larger than 256 MiB"));
        }

        let Some(chunk) = rest.get(2..2 + length) else { return Ok(false) };
        let Some(rest) = rest.get(2 + length + 2..) else { return Ok(false) };
        if length == 0 {
            return Ok(true);
        }
        joined.extend_from_slice(chunk);
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_how_the_body_ends() {
        let head =
            parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Consul-Index: 7\r\n\r\nhello").unwrap().unwrap();
        assert_eq!((head.status, head.index, head.length), (200, Some(7), BodyLength::Known(5)));
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nContent-").unwrap(), None);
        assert_eq!(parse_head(b"HTTP/1.1 204 No\r\n\r\n").unwrap().unwrap().length, BodyLength::Known(0));
        let head =
            parse_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n").unwrap().unwrap();
        assert!(head.closes && head.length == BodyLength::Chunked);
        assert!(parse_head(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_are_joined_when_all_are_there() {
        let whole = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert!(!join_chunks(&whole[..end], &mut Vec::new()).unwrap(), "{end}");
        }
        let mut joined = Vec::new();
        assert!(join_chunks(whole, &mut joined).unwrap());
        assert_eq!(joined, b"abcde");
        assert!(join_chunks(b"zz\r\n", &mut Vec::new()).is_err());
    }
}
