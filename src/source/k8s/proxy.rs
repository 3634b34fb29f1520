//! The API server's proxy: sends HTTP to pods and services that are unreachable from here.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

use super::access::{Access, AccessCache, NO_REPLY, check_server};
use super::failure::ApiFailure;
use super::object_key::is_name;
use super::{K8s, K8sVia};
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, K8sDetail, K8sPort, Service, Transport};
use crate::net::{ConnectionError, Deadline, HttpProxy, ProxyConnect, ProxyFuture, ViaAnswer};

/// The proxy of a cluster's API server.
pub(super) struct ApiProxy {
    access: AccessCache,
}

impl K8s {
    /// The proxy for checks, if `--via` selects one.
    pub(crate) fn via(&self) -> Option<std::sync::Arc<dyn HttpProxy>> {
        let K8sVia::ApiProxy = self.via?;
        Some(std::sync::Arc::new(ApiProxy { access: AccessCache::new(self.clone()) }))
    }
}

impl std::fmt::Debug for ApiProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiProxy")
    }
}

impl HttpProxy for ApiProxy {
    fn place(&self, service: &Service, endpoint: &Endpoint) -> Result<String, &'static str> {
        let (Some(namespace), Some(name)) = (&service.namespace, &service.name) else { return Err(NOT_PROXIED) };
        let (Some(instance), Address::Ip(_)) = (&endpoint.instance, &endpoint.address) else { return Err(NOT_PROXIED) };
        let Some(port) = endpoint.port.filter(|_| endpoint.transport == Transport::Tcp) else {
            return Err("the API server's proxy supports only HTTP over TCP");
        };

        let detail = service.detail.downcast_ref::<K8sDetail>();
        let service_port = detail.and_then(|detail| detail.ports.iter().find(|port| port.name == instance.port_name));
        let port_name = instance.port_name.as_ref().map(Untrusted::as_raw);
        let scheme = if is_tls(service_port, port_name, port) { "https:" } else { "" };

        let (kind, name, port) = match (&instance.pod, service_port) {
            (Some(pod), _) => ("pods", pod.as_raw(), port.to_string()),
            (None, Some(service_port)) => {
                ("services", name.as_raw(), port_name.map_or_else(|| service_port.port.to_string(), str::to_owned))
            }
            (None, None) => return Err("the endpoint has no pod, and no port of its service maps to it"),
        };
        let namespace = namespace.as_raw();
        if ![namespace, name, &port].iter().all(|part| is_name(part)) {
            return Err("its name is not a valid Kubernetes name");
        }
        Ok(format!("/api/v1/namespaces/{namespace}/{kind}/{scheme}{name}:{port}/proxy"))
    }

    fn connect(&self) -> ProxyConnect<'_> {
        // A failure is reported by the first request.
        Box::pin(async { drop(self.access.get().await) })
    }

    fn ask<'a>(&'a self, place: &'a str, request: Request<Bytes>, max: usize, deadline: Deadline) -> ProxyFuture<'a> {
        Box::pin(async move {
            // The time to connect to the API server says nothing about the peer.
            let access = deadline.bound(self.access.get()).await;
            let access = access.map_err(|_| local("not connected yet"))?;
            let client = access.client.as_ref().map_err(|why| local(why))?;
            wait_for(self.exchange(&access, client, place, request, max), client, deadline).await
        })
    }
}

/// Waits for the reply. Silence, and a reply that breaks off, may come from the peer or from the API server: in the remaining
/// time a request to the API server itself decides.
async fn wait_for(
    exchange: impl Future<Output = Result<ViaAnswer, ConnectionError>>,
    client: &Client,
    deadline: Deadline,
) -> Result<ViaAnswer, ConnectionError> {
    let mut exchange = pin!(exchange);
    let reply = match deadline.within(deadline.left() / 2).bound(exchange.as_mut()).await {
        Ok(reply) => reply,
        Err(_) => tokio::select! {
            biased;
            reply = deadline.bound(exchange.as_mut()) => reply.unwrap_or_else(|_| Err(local(NO_REPLY))),
            server = check_server(client, deadline) => match server {
                Ok(()) => return deadline.bound(exchange).await.unwrap_or(Err(ConnectionError::TimedOut)),
                Err(why) => Err(local(&why)),
            },
        },
    };

    match reply {
        Err(ConnectionError::Closed) => {
            let server = check_server(client, deadline).await;
            Err(server.map_or_else(|why| local(&why), |()| ConnectionError::Closed))
        }
        reply => reply,
    }
}

const NOT_PROXIED: &str = "the API server's proxy reaches pods and services only";

/// Whether a port uses TLS: by appProtocol, else by its name, else by its number.
fn is_tls(service_port: Option<&K8sPort>, name: Option<&str>, number: u16) -> bool {
    match (service_port.and_then(|port| port.app_protocol.as_ref()), name) {
        (Some(protocol), _) => matches!(protocol.as_raw(), "https" | "kubernetes.io/wss"),
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
        request: Request<Bytes>,
        max: usize,
    ) -> Result<ViaAnswer, ConnectionError> {
        let (mut parts, content) = request.into_parts();
        let path = format!("{place}{}", parts.uri);
        parts.uri = path.parse().map_err(|_| ConnectionError::Declined("cannot serve that path"))?;

        let reply = client.send(Request::from_parts(parts, Body::from(content))).await;
        let (head, mut body) = reply.map_err(|error| local(&ApiFailure::of_client(&error).why()))?.into_parts();
        let mut bytes = Vec::new();

        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ConnectionError::Closed)?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data[..data.len().min(max - bytes.len())]);
                if bytes.len() >= max {
                    break;
                }
            }
        }

        if head.status == StatusCode::TOO_MANY_REQUESTS && bytes.starts_with(BUSY) {
            return Err(local("the server is busy (429)"));
        }

        // The server's own errors are `Status` objects; a service that replies with one is mistaken for the server.
        let status = serde_json::from_slice::<StatusObject>(&bytes).ok();
        let own = status.filter(|own| own.kind == "Status" && own.code >= 400 && own.code == head.status.as_u16());
        let Some(own) = own else {
            return Ok(ViaAnswer { status: head.status.as_u16(), fields: head.headers, body: bytes });
        };

        if own.code == 401 {
            self.access.reject(access);
        }

        Err(proxy_error(&own.message))
    }
}

/// The start of the reply of API Priority and Fairness, which is not a `Status` object (Kubernetes, "API Priority and
/// Fairness").
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

/// The meaning of an error of the proxy. It says something about the peer only if the API server could not reach the peer
/// (Kubernetes, apimachinery's `util/proxy`).
fn proxy_error(message: &str) -> ConnectionError {
    if contains(message, &["no endpoints available for service"]) {
        ConnectionError::Declined("has no ready endpoint")
    } else if !contains(message, &["error trying to reach service"]) {
        local(&clean(message))
    } else if contains(message, &["connection refused"]) {
        ConnectionError::Refused
    } else if contains(message, &["timeout", "deadline exceeded"]) {
        ConnectionError::TimedOut
    } else if contains(message, &["no route to host", "network is unreachable"]) {
        ConnectionError::Unreachable
    } else if contains(message, &["connection reset", "EOF"]) {
        ConnectionError::Reset
    } else if contains(message, &["malformed HTTP", "server gave HTTP response"]) {
        ConnectionError::Garbled("does not reply in HTTP")
    } else {
        ConnectionError::Declined("is unreachable from the API server too")
    }
}

fn contains(message: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| message.contains(text))
}
