//! The Container Runtime Interface of Kubernetes, which containerd and CRI-O have (`k8s.io/cri-api`, api.proto).

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::NamedContainer;
use super::grpc::call;
use super::protobuf::{fields, text};

const LIST: &str = "runtime.v1.RuntimeService/ListContainers";

/// The containers of pods; none from a containerd without this interface, such as Docker's.
pub(super) fn containers(stream: UnixStream, deadline: Instant) -> io::Result<Vec<NamedContainer>> {
    Ok(call(stream, LIST, &[], deadline)?.map(|response| parse(&response)).unwrap_or_default())
}

/// A `ListContainersResponse`.
fn parse(response: &[u8]) -> Vec<NamedContainer> {
    fields(response).filter(|(number, _)| *number == 1).map(|(_, container)| parse_container(container)).collect()
}

/// A `Container`: its id, metadata with a name, an image, and labels with the pod's name.
fn parse_container(container: &[u8]) -> NamedContainer {
    let part = |wanted: u64| fields(container).find(|(number, _)| *number == wanted).map_or(&[][..], |(_, part)| part);
    let label = |wanted: &str| label(container, 8, wanted).unwrap_or_default();

    let own = text(part(3), 1);
    let (namespace, pod) = (label("io.kubernetes.pod.namespace"), label("io.kubernetes.pod.name"));
    let name = if pod.is_empty() { own } else { format!("{namespace}/{pod}/{own}") };
    NamedContainer { id: text(container, 1), name, image: text(part(4), 1) }
}

/// The value of a label; `field`: the number of the field with labels.
pub(super) fn label(container: &[u8], field: u64, wanted: &str) -> Option<String> {
    let mut labels = fields(container).filter(|(number, _)| *number == field).map(|(_, label)| label);
    labels.find(|label| text(label, 1) == wanted).map(|label| text(label, 2))
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
        let named = |container: &[u8]| {
            let NamedContainer { id, name, image } = parse_container(container);
            (id, name, image)
        };
        let image = "docker.io/library/nginx:1.29".to_owned();

        assert_eq!(named(&container.concat()), ("3f4e".to_owned(), "shop/web-0/nginx".to_owned(), image.clone()));
        assert_eq!(named(&container[..3].concat()), ("3f4e".to_owned(), "nginx".to_owned(), image));
        assert_eq!(named(b""), (String::new(), String::new(), String::new()));
    }
}
