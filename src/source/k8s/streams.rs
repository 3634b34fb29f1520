//! Opens the streams of a watch, over a few shared connections.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use k8s_openapi::api::core::v1::{Endpoints, Namespace, Service};
use kube::api::Api as KubeApi;
use kube::{Client, Config};

use super::K8s;
use super::failure::ApiFailure;
use super::pods::Pod;
use super::shared_client::{shared_client, speaks_http2};
use super::slices::Slice;
use super::watch_scope::{Object, ObjectKind, StreamId};
use super::watcher::{StreamEvent, StreamEvents, WatchOptions, follow};

/// A stream, and its event.
pub(super) type StreamUpdate = (StreamId, StreamEvent);
pub(super) type Streams = SelectAll<BoxStream<'static, StreamUpdate>>;

/// The scopes that share a connection: with their three streams each, they stay below the 100 streams that every server with
/// HTTP/2 allows (RFC 9113, section 6.5.2).
const SCOPES_PER_CONNECTION: usize = 30;

/// Opens streams with the same credentials.
pub(super) struct StreamOpener<'o> {
    options: &'o K8s,
    config: Config,
    is_http2: bool,
    clients: Vec<Client>,
}

impl<'o> StreamOpener<'o> {
    pub(super) async fn new(options: &'o K8s, config: Config) -> Self {
        let is_http2 = speaks_http2(&config, options.timeout).await;
        Self { options, config, is_http2, clients: Vec::new() }
    }

    /// The stream of the objects of a kind, in the scope with this index.
    pub(super) fn open(
        &mut self,
        (index, kind): (usize, ObjectKind),
        namespace: Option<&str>,
        is_without_slices: bool,
    ) -> BoxStream<'static, StreamUpdate> {
        let id = StreamId::Objects(index, kind);
        let client = match self.client(index / SCOPES_PER_CONNECTION) {
            Ok(client) => client,
            Err(failure) => return failed(id, failure),
        };

        let all = WatchOptions { labels: None, fields: self.options.selector_of_all(), timeout: self.options.timeout };
        let events = match kind {
            ObjectKind::Services => {
                let (labels, fields) = (self.options.selector.clone(), self.options.selector_of_services());
                let selected = WatchOptions { labels, fields, ..all };
                follow(scoped::<Service>(client, namespace), selected, |one| Object::Service(Box::new(one)))
            }
            ObjectKind::Endpoints if is_without_slices => {
                follow(scoped::<Endpoints>(client, namespace), all, Object::Endpoints)
            }
            ObjectKind::Endpoints => follow(scoped::<Slice>(client, namespace), all, Object::Slice),
            ObjectKind::Pods => follow(scoped::<Pod>(client, namespace), all, |pod| Object::Pod(Box::new(pod))),
        };
        numbered(id, events)
    }

    /// The stream of the cluster's namespaces.
    pub(super) fn open_namespaces(&mut self) -> BoxStream<'static, StreamUpdate> {
        match self.client(0) {
            Ok(client) => {
                let options = WatchOptions { labels: None, fields: None, timeout: self.options.timeout };
                let events = follow(KubeApi::<Namespace>::all(client), options, |one| Object::Namespace(Box::new(one)));
                numbered(StreamId::Namespaces, events)
            }
            Err(failure) => failed(StreamId::Namespaces, failure),
        }
    }

    fn client(&mut self, number: usize) -> Result<Client, ApiFailure> {
        while self.clients.len() <= number {
            let client = shared_client(&self.config, self.options.timeout, self.is_http2);
            self.clients.push(client.map_err(|error| ApiFailure::Malformed(error.to_string()))?);
        }
        Ok(self.clients[number].clone())
    }
}

fn scoped<K>(client: Client, namespace: Option<&str>) -> KubeApi<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => KubeApi::namespaced(client, namespace),
        None => KubeApi::all(client),
    }
}

fn numbered(id: StreamId, events: StreamEvents) -> BoxStream<'static, StreamUpdate> {
    events.map(move |event| (id, event)).boxed()
}

/// A stream that only fails.
fn failed(id: StreamId, failure: ApiFailure) -> BoxStream<'static, StreamUpdate> {
    stream::iter([(id, StreamEvent::Failed(failure))]).chain(stream::pending()).boxed()
}
