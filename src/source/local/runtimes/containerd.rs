//! containerd's own containers, as `nerdctl` makes them (`containerd.services.containers.v1`, containers.proto). Those of pods are
//! in another namespace of containerd, and the Container Runtime Interface describes them better.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::NamedContainer;
use super::cri::label;
use super::grpc::call;
use super::protobuf::{fields, text};

const LIST: &str = "containerd.services.containers.v1.Containers/List";
/// The namespace that programs use by default.
const NAMESPACE: (&str, &str) = ("containerd-namespace", "default");
const NAME: &str = "nerdctl/name";

pub(super) fn containers(stream: UnixStream, deadline: Instant) -> io::Result<Vec<NamedContainer>> {
    Ok(call(stream, LIST, &[NAMESPACE], deadline)?.map(|response| parse(&response)).unwrap_or_default())
}

/// A `ListContainersResponse`.
fn parse(response: &[u8]) -> Vec<NamedContainer> {
    fields(response).filter(|(number, _)| *number == 1).map(|(_, container)| parse_container(container)).collect()
}

/// A `Container`: its id, its labels and its image. Without a label, the id is its name.
fn parse_container(container: &[u8]) -> NamedContainer {
    let id = text(container, 1);
    NamedContainer { name: label(container, 2, NAME).unwrap_or_else(|| id.clone()), image: text(container, 3), id }
}
