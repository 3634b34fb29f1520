//! Replies of line-based protocols: which line decides, and where a reply ends.

/// The line that decides, if `bytes` hold the whole reply.
pub(super) type ReplyReader = fn(&[u8]) -> Option<&[u8]>;

/// The first line.
pub(super) fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).next()
}

/// The last line of a reply with a code. All lines before it have a hyphen behind the code (RFC 5321, 4.2.1), or are free
/// text in FTP (RFC 959, 4.2).
pub(super) fn coded(bytes: &[u8]) -> Option<&[u8]> {
    coded_replies(bytes).next()
}

/// The last line of the first reply with a code that is final: `120` announces another one (RFC 959, 5.4).
pub(super) fn coded_final(bytes: &[u8]) -> Option<&[u8]> {
    coded_replies(bytes).find(|line| !line.starts_with(b"1"))
}

/// The last line of each whole reply. A line without a code is one by itself.
fn coded_replies(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut open: Option<&[u8]> = None;
    lines(bytes).filter(move |line| {
        let code = open.or_else(|| line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit)));
        let is_last = code.is_none_or(|code| line.starts_with(code) && matches!(line.get(3), None | Some(b' ')));
        open = code.filter(|_| !is_last);
        is_last
    })
}

/// IMAP's reply to the command `a`: the server may send untagged lines first (RFC 9051, 2.2.2).
pub(super) fn tagged(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).find(|line| !line.starts_with(b"* "))
}

/// SSH's version: the server may send other lines first (RFC 4253, 4.2).
pub(super) fn ssh_version(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).find(|line| line.starts_with(b"SSH-"))
}

/// NATS's reply to PING: INFO and acknowledgements may come first.
pub(super) fn nats(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).find(|line| !starts_with(line, b"INFO ") && !starts_with(line, b"+OK"))
}

/// Whether a line starts with a word, in capitals or not: IMAP and NATS make no difference.
pub(super) fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// ZooKeeper's reply, which has no line end.
pub(super) fn zookeeper(bytes: &[u8]) -> Option<&[u8]> {
    if bytes == b"imok" { Some(bytes) } else { first_line(bytes) }
}

/// The complete lines, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let complete = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    complete.map(|line| line.strip_suffix(b"\r\n").unwrap_or(&line[..line.len() - 1]))
}

/// A text from a peer without line ends, at most 100 bytes.
pub(super) fn quoted(reply: &[u8]) -> String {
    let line = reply.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() {
        "nothing".to_owned()
    } else {
        String::from_utf8_lossy(&line[..line.len().min(100)]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_its_deciding_line() {
        for (read, bytes, expected) in [
            (coded as ReplyReader, "220 ok\r\n", Some("220 ok")),
            (coded, "220\r\n", Some("220")),
            (coded, "220-a\r\n220-b\r\n", None),
            (coded, "220-a\r\n220-b\r\n220 c\r\n", Some("220 c")),
            (coded, "220-a\r\n 230 b\r\n221 c\r\n220 d\r\n", Some("220 d")),
            (coded, "220-a\r\n220 b", None),
            (coded, "421-a\n421 b\n", Some("421 b")),
            (coded, "SSH-2.0-x\r\n", Some("SSH-2.0-x")),
            (coded_final, "120 in 1 minute\r\n", None),
            (coded_final, "120-in\r\n120 1 minute\r\n220-a\r\n220 b\r\n", Some("220 b")),
            (coded_final, "421 too many\r\n", Some("421 too many")),
            (tagged, "* 3 EXISTS\r\n* OK x\r\n", None),
            (tagged, "* 3 EXISTS\r\na OK done\r\n", Some("a OK done")),
            (ssh_version, "Welcome\r\nto us\r\n", None),
            (ssh_version, "Welcome\r\nSSH-2.0-x\r\n", Some("SSH-2.0-x")),
            (nats, "+OK\r\nINFO {}\r\nPONG\r\n", Some("PONG")),
            (nats, "info {}\r\n", None),
            (zookeeper, "imok", Some("imok")),
            (zookeeper, "im", None),
            (first_line, "", None),
        ] {
            assert_eq!(read(bytes.as_bytes()), expected.map(str::as_bytes), "{bytes:?}");
        }
    }
}
