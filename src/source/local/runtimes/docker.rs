//! Docker's API, which podman has too: the list of running containers over HTTP.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde::Deserialize;

use super::{MAX_REPLY_BYTES, NamedContainer, left, too_long};

/// HTTP/1.0, so that the body is what comes until the end.
const REQUEST: &[u8] = b"GET /containers/json HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";

/// One of the list; other fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerEntry {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: Option<String>,
}

pub(super) fn containers(mut stream: UnixStream, deadline: Instant) -> io::Result<Vec<NamedContainer>> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(REQUEST)?;

    let (mut reply, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => reply.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if reply.len() > MAX_REPLY_BYTES {
            return Err(too_long());
        }
    }
    parse(&reply)
}

fn parse(reply: &[u8]) -> io::Result<Vec<NamedContainer>> {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = end.and_then(|end| reply.split_at_checked(end + 4)).unwrap_or_default();
    let mut words = head.split(|byte| *byte == b' ' || *byte == b'\r');
    match (words.next(), words.next()) {
        (Some(b"HTTP/1.0" | b"HTTP/1.1"), Some(b"200")) => {}
        (Some(b"HTTP/1.0" | b"HTTP/1.1"), Some(_)) => return Err(io::Error::other("it refuses the request")),
        _ => return Err(io::Error::other("its reply is not HTTP")),
    }

    let listed: Vec<ContainerEntry> =
        serde_json::from_slice(body).map_err(|_| io::Error::other("its reply is not a list of containers"))?;
    Ok(listed.into_iter().map(NamedContainer::from).collect())
}

impl From<ContainerEntry> for NamedContainer {
    fn from(listed: ContainerEntry) -> Self {
        // Links add names with two slashes: `/other/alias`.
        let names = listed.names.unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|name| name.strip_prefix('/').unwrap_or(name)).collect();
        let name = names.iter().find(|name| !name.contains('/')).or(names.first());
        Self {
            id: listed.id,
            name: name.map(|name| (*name).to_owned()).unwrap_or_default(),
            image: listed.image.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_own_name_is_taken() {
        let reply = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\
            [{\"Id\":\"ab\",\"Names\":[\"/web/db\",\"/db\"],\"Image\":\"postgres:17\",\"State\":\"running\"},{\"Id\":\"cd\"}]";
        let containers = parse(reply).unwrap();
        assert_eq!((containers[0].name.as_str(), containers[0].image.as_str()), ("db", "postgres:17"));
        assert_eq!((containers[1].id.as_str(), containers[1].name.as_str()), ("cd", ""));
    }

    #[test]
    fn other_replies_are_errors() {
        for reply in [&b""[..], b"SSH-2.0-x\r\n\r\n", b"HTTP/1.0 403 Forbidden\r\n\r\n[]", b"HTTP/1.0 200 OK\r\n\r\n{}"]
        {
            assert!(parse(reply).is_err(), "{reply:?}");
        }
    }
}
