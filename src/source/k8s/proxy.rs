//! The API server's proxy, which asks HTTP of pods and services for whoever cannot reach them.

use std::io;
use std::pin::pin;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

use super::access::{Access, Accesses, SILENT, answers};
use super::failure::ApiFailure;
use super::{K8s, K8sVia};
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, K8sDetail, K8sPort, Service, Transport};
use crate::net::{ConnectionError, Deadline, HttpProxy, ProxyConnect, ProxyFuture, ViaAnswer};

/// The proxy of a cluster's API server.
pub(super) struct ApiProxy {
    accesses: Accesses,
}

impl K8s {
    /// Who asks endpoints in this host's place, where that is wanted.
    pub(crate) fn via(&self) -> Option<std::sync::Arc<dyn HttpProxy>> {
        let K8sVia::ApiProxy = self.via?;
        Some(std::sync::Arc::new(ApiProxy { accesses: Accesses::new(self.clone()) }))
    }
}

impl std::fmt::Debug for ApiProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiProxy")
    }
}

impl HttpProxy for ApiProxy {
    fn place(&self, service: &Service, endpoint: &Endpoint) -> Result<String, &'static str> {
        let (Some(namespace), Some(name)) = (&service.namespace, &service.name) else { return Err(NOT_OF_IT) };
        let (Some(instance), Address::Ip(_)) = (&endpoint.instance, &endpoint.address) else { return Err(NOT_OF_IT) };
        let Some(port) = endpoint.port.filter(|_| endpoint.transport == Transport::Tcp) else {
            return Err("only HTTP over TCP passes the API server's proxy");
        };
        let detail = service.detail.downcast_ref::<K8sDetail>();
        let of_service = detail.and_then(|detail| detail.ports.iter().find(|port| port.name == instance.port_name));
        let named = instance.port_name.as_ref().map(Untrusted::as_raw);
        let scheme = if is_tls(of_service, named, port) { "https:" } else { "" };
        let place = match (&instance.pod, of_service) {
            (Some(pod), _) => ["pods", namespace.as_raw(), pod.as_raw(), &port.to_string()].map(str::to_owned),
            (None, Some(of_service)) => {
                let port = named.map_or_else(|| of_service.port.to_string(), str::to_owned);
                ["services", namespace.as_raw(), name.as_raw(), &port].map(str::to_owned)
            }
            (None, None) => return Err("it has no pod, and no port of its service leads there"),
        };
        if !place.iter().all(|part| is_name(part)) {
            return Err("its name is none that Kubernetes would take");
        }
        let [kind, namespace, name, port] = place;
        Ok(format!("/api/v1/namespaces/{namespace}/{kind}/{scheme}{name}:{port}/proxy"))
    }

    fn connect(&self) -> ProxyConnect<'_> {
        // Why there is none is told whoever asks.
        Box::pin(async { drop(self.accesses.get().await) })
    }

    fn ask<'a>(&'a self, place: &'a str, request: Request<()>, most: usize, deadline: Deadline) -> ProxyFuture<'a> {
        Box::pin(async move {
            // What it takes to get as far as the API server says nothing of the peer.
            let access = deadline.bound(self.accesses.get()).await;
            let access = access.map_err(|_| local("it is not connected to yet"))?;
            let client = access.client.as_ref().map_err(|why| local(why))?;
            wait_for(self.exchange(&access, client, place, request, most), client, deadline).await
        })
    }
}

/// Waits for what was asked. Silence, and an answer that breaks off, may be the peer's doing or the API server's: that one is
/// asked something of its own then, in what is left of the time.
async fn wait_for(
    asked: impl Future<Output = Result<ViaAnswer, ConnectionError>>,
    client: &Client,
    deadline: Deadline,
) -> Result<ViaAnswer, ConnectionError> {
    let mut asked = pin!(asked);
    let answer = match deadline.within(deadline.left() / 2).bound(asked.as_mut()).await {
        Ok(answer) => answer,
        Err(_) => tokio::select! {
            biased;
            answer = deadline.bound(asked.as_mut()) => answer.unwrap_or_else(|_| Err(local(SILENT))),
            there = answers(client, deadline) => match there {
                Ok(()) => return deadline.bound(asked).await.unwrap_or(Err(ConnectionError::TimedOut)),
                Err(why) => Err(local(&why)),
            },
        },
    };
    match answer {
        Err(ConnectionError::Closed) => {
            let there = answers(client, deadline).await;
            Err(there.map_or_else(|why| local(&why), |()| ConnectionError::Closed))
        }
        answer => answer,
    }
}

const NOT_OF_IT: &str = "the API server's proxy leads to pods and services only";

/// What may stand in a path as it is.
pub(super) fn is_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_of_name)
}

/// Whether TLS is spoken at a port: as its owner says, else by its name, else by its number.
fn is_tls(of_service: Option<&K8sPort>, name: Option<&str>, number: u16) -> bool {
    match (of_service.and_then(|port| port.app_protocol.as_ref()), name) {
        (Some(word), _) => matches!(word.as_raw(), "https" | "kubernetes.io/wss"),
        (None, Some(name)) if name.starts_with("http") => name.starts_with("https"),
        _ => matches!(number, 443 | 8443),
    }
}

impl ApiProxy {
    async fn exchange(
        &self,
        access: &Access,
        client: &Client,
        place: &str,
        request: Request<()>,
        most: usize,
    ) -> Result<ViaAnswer, ConnectionError> {
        let (mut parts, ()) = request.into_parts();
        let path = format!("{place}{}", parts.uri);
        parts.uri = path.parse().map_err(|_| ConnectionError::Declined("cannot be asked for that path"))?;
        let answer = client.send(Request::from_parts(parts, Body::empty())).await;
        let (head, mut body) = answer.map_err(|error| local(&ApiFailure::of_client(&error).why()))?.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ConnectionError::Closed)?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data[..data.len().min(most - bytes.len())]);
                if bytes.len() >= most {
                    break;
                }
            }
        }
        if head.status == StatusCode::TOO_MANY_REQUESTS && bytes.starts_with(BUSY) {
            return Err(local("the server is busy (429)"));
        }
        // What the server says itself it says in its own form; a service that does so too is taken for it.
        let own =
            serde_json::from_slice::<StatusObject>(&bytes).ok().filter(|own| own.kind == "Status" && own.code >= 400);
        let own = own.filter(|own| own.code == head.status.as_u16());
        if own.as_ref().is_some_and(|own| own.code == 401) {
            self.accesses.refused(access);
        }
        match own {
            Some(own) => Err(refusal(&own.message)),
            None => Ok(ViaAnswer { status: head.status.as_u16(), fields: head.headers, body: bytes }),
        }
    }
}

/// How what guards the API server from too many requests begins, which is not in the server's own form (Kubernetes, "API
/// Priority and Fairness").
const BUSY: &[u8] = b"Too many requests, please try again later.";

/// A `Status` object.
#[derive(Deserialize)]
struct StatusObject {
    kind: String,
    code: u16,
    #[serde(default)]
    message: String,
}

fn local(why: &str) -> ConnectionError {
    ConnectionError::Local(io::Error::other(format!("the API server's proxy: {why}")))
}

/// What it means that the API server did not hand the question on, or got no answer to it. Of the peer it speaks only where
/// it says that it could not reach it (Kubernetes, apimachinery's `util/proxy`).
fn refusal(message: &str) -> ConnectionError {
    let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if said(&["no endpoints available for service"]) {
        ConnectionError::Declined("has no ready endpoint")
    } else if !said(&["error trying to reach service"]) {
        local(&clean(message))
    } else if said(&["connection refused"]) {
        ConnectionError::Refused
    } else if said(&["timeout", "deadline exceeded"]) {
        ConnectionError::TimedOut
    } else if said(&["no route to host", "network is unreachable"]) {
        ConnectionError::Unreachable
    } else if said(&["connection reset", "EOF"]) {
        ConnectionError::Reset
    } else if said(&["malformed HTTP", "server gave HTTP response"]) {
        ConnectionError::Garbled("is no HTTP")
    } else {
        ConnectionError::Declined("is not reached by the API server either")
    }
}
