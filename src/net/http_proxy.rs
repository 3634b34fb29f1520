//! HTTP checks through a proxy (the Kubernetes API server), for endpoints that are unreachable from here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};

use super::{ConnectionError, Deadline};
use crate::model::{Endpoint, Service};

/// A proxy that sends HTTP requests in this host's place.
pub(crate) trait HttpProxy: fmt::Debug + Send + Sync {
    /// The path of an endpoint on the proxy.
    ///
    /// # Errors
    /// Why the proxy cannot reach it.
    fn place(&self, service: &Service, endpoint: &Endpoint) -> Result<String, &'static str>;

    /// Connects to the proxy. A failure is reported by each later request.
    fn connect(&self) -> ProxyConnect<'_>;

    /// Sends a request to an endpoint and keeps at most `most` bytes of the reply's body.
    ///
    /// The error is `Local` if the proxy could not send the request: that says nothing about the peer.
    fn ask<'a>(&'a self, place: &'a str, request: Request<Bytes>, most: usize, deadline: Deadline) -> ProxyFuture<'a>;
}

/// The result of [`HttpProxy::connect`].
pub(crate) type ProxyConnect<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The result of [`HttpProxy::ask`].
pub(crate) type ProxyFuture<'a> = Pin<Box<dyn Future<Output = Result<ViaAnswer, ConnectionError>> + Send + 'a>>;

/// A peer's reply, as the proxy returned it.
#[derive(Clone, Debug)]
pub(crate) struct ViaAnswer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    /// The body, up to its limit.
    pub(crate) body: Vec<u8>,
}

/// How a check reaches its endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) enum Route {
    /// By direct connections.
    #[default]
    Direct,
    /// Through a proxy, at this path.
    Through(Arc<dyn HttpProxy>, String),
    /// Unreachable, and why.
    Closed(&'static str),
}

impl Route {
    /// The route to an endpoint of a service, through `via` if there is a proxy.
    pub(crate) fn of(via: Option<&Arc<dyn HttpProxy>>, service: &Service, endpoint: &Endpoint) -> Self {
        match via.map(|via| (via, via.place(service, endpoint))) {
            // The same address here is another host.
            None if service.detail.netns().is_some() => {
                Self::Closed("it is in another network namespace (run portolan there: nsenter --net)")
            }
            None => Self::Direct,
            Some((via, Ok(place))) => Self::Through(Arc::clone(via), place),
            Some((_, Err(why))) => Self::Closed(why),
        }
    }
}
