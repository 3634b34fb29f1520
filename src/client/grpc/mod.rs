//! gRPC over a resolver: a channel that sends each call to an endpoint that is picked for it.

mod body;
mod connections;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, request};
use http_body_util::{BodyExt, Collected, Full, Limited};
use tonic::body::Body;
use tonic::codegen::Body as _;
use tonic::transport::ClientTlsConfig;
use tonic::{Code, Status};
use tower::Service;

use self::body::CallBody;
use self::connections::{CallSecurity, Connections};
use super::resolve::{Call, PickError, Resolver};
use crate::clean::clean;
use crate::error::{Error, Result};

/// A channel for the clients that tonic generates: `UsersClient::new(registry.grpc("discovery:///user-service")?)`. Clones
/// share their connections.
///
/// Every call goes to an endpoint of the resolver's present set, over one connection per endpoint. An endpoint that leaves the
/// set gets no more calls; those in flight end undisturbed.
///
/// Endpoints on loopback addresses are called without TLS. For others, call [`tls`](Self::tls), or
/// [`plaintext`](Self::plaintext).
#[derive(Clone, Debug)]
pub struct GrpcChannel {
    resolver: Resolver,
    connections: Arc<Connections>,
    is_idempotent: bool,
    security: CallSecurity,
}

/// The largest request and reply of an idempotent call, which is held in memory.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// How often an idempotent call is tried.
const MAX_ATTEMPTS: usize = 5;
/// How often the balancer is asked for an endpoint that has not been tried yet.
const MAX_PICKS: usize = 8;

impl GrpcChannel {
    /// A channel over a resolver of one's own.
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver, connections: Arc::default(), is_idempotent: false, security: CallSecurity::LocalOnly }
    }

    /// The same channel for unary calls that may be repeated: if a connection fails, or an endpoint is unavailable, the call
    /// goes to another one. Requests and replies are held in memory, up to 4 MiB each.
    #[must_use]
    pub fn idempotent(self) -> Self {
        Self { is_idempotent: true, ..self }
    }

    /// The same channel, which calls endpoints on other machines without TLS too.
    #[must_use]
    pub fn plaintext(self) -> Self {
        Self { security: CallSecurity::Plaintext, ..self }
    }

    /// The same channel, which calls every endpoint with TLS, also on this machine. The certificate of an endpoint must be
    /// valid for its address, or for the `domain_name` of `config`.
    #[must_use]
    pub fn tls(self, config: ClientTlsConfig) -> Self {
        // The connections made so far are not encrypted.
        Self { security: CallSecurity::Tls(Box::new(config)), connections: Arc::default(), ..self }
    }

    /// The resolver that picks its endpoints.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// One attempt, and the call that it was.
    async fn attempt(&self, call: &Call, request: Request<Body>) -> Result<Response<Body>, Status> {
        let mut channel = self.connections.to(call.endpoint(), &self.security, &self.resolver)?;
        let ready = std::future::poll_fn(|context| channel.poll_ready(context)).await;
        ready.map_err(|error| Status::from_error(Box::new(error)))?;
        channel.call(request).await.map_err(|error| Status::from_error(Box::new(error)))
    }

    /// A call of any kind: its reply is a stream, and the call ends with it.
    async fn call_once(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let call = self.resolver.pick(()).await.map_err(|error| unpicked(&error))?;
        match self.attempt(&call, request).await {
            Ok(response) => {
                let is_over = is_unavailable(response.headers());
                let (head, body) = response.into_parts();
                if is_over || body.is_end_stream() {
                    call.done(!is_over);
                    return Ok(Response::from_parts(head, body));
                }
                Ok(Response::from_parts(head, Body::new(CallBody::new(body, call))))
            }
            Err(status) => {
                call.done(false);
                Err(status)
            }
        }
    }

    /// A unary call that may be repeated.
    async fn call_idempotent(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let message = Limited::new(body, MAX_MESSAGE_BYTES).collect().await.map_err(Status::from_error)?.to_bytes();

        let mut tried: Vec<String> = Vec::new();
        loop {
            let call = self.pick_untried(&tried).await?;
            tried.push(call.endpoint().to_string());
            let result = match self.attempt(&call, repeated(&head, &message)).await {
                Ok(response) => whole(response).await,
                Err(status) => Err(status),
            };

            let is_last = tried.len() == MAX_ATTEMPTS;
            match result {
                Ok((response, true)) if is_last => return Ok(response),
                Err(status) if is_last => return Err(status),
                Ok((response, false)) => {
                    call.done(true);
                    return Ok(response);
                }
                Ok((_, true)) | Err(_) => call.done(false),
            }
        }
    }

    /// Picks an endpoint, if possible one that this call has not been sent to.
    async fn pick_untried(&self, tried: &[String]) -> Result<Call, Status> {
        let mut call = self.resolver.pick(()).await.map_err(|error| unpicked(&error))?;
        for _ in 1..MAX_PICKS {
            let place = call.endpoint().to_string();
            if !tried.contains(&place) {
                break;
            }
            call = self.resolver.pick(()).await.map_err(|error| unpicked(&error))?;
        }
        Ok(call)
    }
}

impl Service<Request<Body>> for GrpcChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.clone();
        if self.is_idempotent {
            Box::pin(channel.call_idempotent(request))
        } else {
            Box::pin(channel.call_once(request))
        }
    }
}

/// The service of a target: `discovery:///user-service`, or its name alone.
///
/// # Errors
/// If it has another scheme, or names no service.
pub(super) fn service_of(target: &str) -> Result<&str> {
    let name = match target.split_once("://") {
        Some(("discovery", rest)) => rest.strip_prefix('/'),
        Some(_) => None,
        None => Some(target),
    };
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        let what = format!("gRPC target '{}'", clean(target));
        Error::usage(what, "it does not name a service", "write discovery:///NAME")
    })
}

/// The same request once more.
fn repeated(head: &request::Parts, message: &Bytes) -> Request<Body> {
    Request::from_parts(head.clone(), Body::new(Full::new(message.clone())))
}

/// Reads a reply to its end, and whether it says that the endpoint is unavailable.
async fn whole(response: Response<Body>) -> Result<(Response<Body>, bool), Status> {
    let (head, body) = response.into_parts();
    let body: Collected<Bytes> = Limited::new(body, MAX_MESSAGE_BYTES).collect().await.map_err(Status::from_error)?;

    let is_over = is_unavailable(&head.headers) || body.trailers().is_some_and(is_unavailable);
    Ok((Response::from_parts(head, Body::new(body)), is_over))
}

/// Whether trailers, or the headers of a reply without a body, say that the endpoint is unavailable. Any other status is a
/// reply.
fn is_unavailable(headers: &http::HeaderMap) -> bool {
    Status::from_header_map(headers).is_some_and(|status| status.code() == Code::Unavailable)
}

/// No endpoint: another attempt may find one.
fn unpicked(error: &PickError) -> Status {
    Status::unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H18: the targets of other gRPC libraries.
    #[test]
    fn targets_name_a_service() {
        for (target, name) in [
            ("discovery:///user-service", Some("user-service")),
            ("discovery:///shop/cart", Some("shop/cart")),
            ("user-service", Some("user-service")),
            ("discovery:///", None),
            ("discovery://user-service", None),
            ("dns:///user-service", None),
            ("", None),
        ] {
            assert_eq!(service_of(target).ok(), name, "{target}");
        }
    }
}
