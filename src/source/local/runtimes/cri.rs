//! The Container Runtime Interface of Kubernetes, which containerd and CRI-O have: `ListContainers` over gRPC.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bytes::Bytes;
use http::Request;

use super::protobuf::{fields, text};
use super::{MAX_REPLY_BYTES, NamedContainer, left, too_long};
use crate::net::http::h2_exchange;
use crate::net::{ConnectionError, Deadline, runtime};

const LIST: &str = "http://localhost/runtime.v1.RuntimeService/ListContainers";
/// A message without fields: a flag for compression and a length come before it.
const EMPTY_MESSAGE: &[u8] = b"\0\0\0\0\0";
const FRAME_HEADER: usize = 5;
/// The gRPC status of a containerd without this interface, such as Docker's.
const UNIMPLEMENTED: &str = "12";

pub(super) fn containers(stream: UnixStream, deadline: Instant) -> io::Result<Vec<NamedContainer>> {
    let request = Request::post(LIST).header("content-type", "application/grpc").header("te", "trailers");
    let request = request.body(Bytes::from_static(EMPTY_MESSAGE)).map_err(io::Error::other)?;
    let left = left(deadline)?;

    // This thread serves only this request, so it is no thread of another runtime.
    let runtime = runtime(0).map_err(|error| io::Error::other(error.to_string()))?;
    let reply = runtime.block_on(async {
        let deadline = Deadline::after(left);
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let reply = h2_exchange(stream, request, MAX_REPLY_BYTES, deadline).await;
        reply.map_err(|error| match error {
            ConnectionError::TimedOut => io::Error::from(io::ErrorKind::TimedOut),
            other => io::Error::other(other),
        })
    })?;

    let status = reply.trailers.as_ref().and_then(|fields| fields.get("grpc-status"));
    match status.or(reply.fields.get("grpc-status")).and_then(|status| status.to_str().ok()) {
        Some("0") if reply.whole => Ok(parse(&reply.body)),
        Some("0") => Err(too_long()),
        Some(UNIMPLEMENTED) => Ok(Vec::new()),
        Some(code) => Err(io::Error::other(format!("it refuses the request with gRPC status {code}"))),
        None => Err(io::Error::other("its reply is not gRPC")),
    }
}

/// A `ListContainersResponse`.
fn parse(body: &[u8]) -> Vec<NamedContainer> {
    let message = body.get(FRAME_HEADER..).unwrap_or_default();
    fields(message).filter(|(number, _)| *number == 1).map(|(_, container)| parse_container(container)).collect()
}

/// A `Container`: its id, metadata with a name, an image, and labels with the pod's name.
fn parse_container(container: &[u8]) -> NamedContainer {
    let part = |wanted: u64| fields(container).find(|(number, _)| *number == wanted).map_or(&[][..], |(_, part)| part);
    let label = |wanted: &str| {
        let mut labels = fields(container).filter(|(number, _)| *number == 8).map(|(_, label)| label);
        labels.find(|label| text(label, 1) == wanted).map(|label| text(label, 2)).unwrap_or_default()
    };

    let own = text(part(3), 1);
    let (namespace, pod) = (label("io.kubernetes.pod.namespace"), label("io.kubernetes.pod.name"));
    let name = if pod.is_empty() { own } else { format!("{namespace}/{pod}/{own}") };
    NamedContainer { id: text(container, 1), name, image: text(part(4), 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn a_container_is_named_with_its_pod() {
        let label = |name: &[u8], value: &[u8]| field(8, &[field(1, name), field(2, value)].concat());
        let container = [
            field(1, b"3f4e"),
            field(3, &field(1, b"nginx")),
            field(4, &field(1, b"docker.io/library/nginx:1.29")),
            label(b"io.kubernetes.pod.name", b"web-0"),
            label(b"io.kubernetes.pod.namespace", b"shop"),
        ];
        let body = [b"\0\0\0\0\0".to_vec(), field(1, &container.concat())].concat();
        let expected = NamedContainer {
            id: "3f4e".into(),
            name: "shop/web-0/nginx".into(),
            image: "docker.io/library/nginx:1.29".into(),
        };
        assert_eq!(parse(&body), [expected]);
    }
}
