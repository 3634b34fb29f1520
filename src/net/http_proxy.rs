//! A dialer for who cannot be dialled: somebody who asks HTTP of a peer in this host's place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, Request};

use super::{ConnectionError, Deadline};
use crate::model::{Endpoint, Service};

/// Somebody who asks HTTP in this host's place.
pub(crate) trait HttpProxy: fmt::Debug + Send + Sync {
    /// Where an endpoint of a service is, for whoever asks in its place.
    ///
    /// # Errors
    /// Why it cannot be asked that way.
    fn place(&self, service: &Service, endpoint: &Endpoint) -> Result<String, &'static str>;

    /// Gets ready to ask, for as long as that takes. What keeps it from that is what each question comes to.
    fn connect(&self) -> ProxyConnect<'_>;

    /// Asks at a place for the path that the request names, and keeps at most `most` bytes of the answer's body.
    ///
    /// The error is `Local` where whoever asks in its place does not get so far as to ask: that says nothing of the peer.
    fn ask<'a>(&'a self, place: &'a str, request: Request<()>, most: usize, deadline: Deadline) -> ProxyFuture<'a>;
}

/// What [`HttpProxy::connect`] returns.
pub(crate) type ProxyConnect<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What [`HttpProxy::ask`] returns.
pub(crate) type ProxyFuture<'a> = Pin<Box<dyn Future<Output = Result<ViaAnswer, ConnectionError>> + Send + 'a>>;

/// A peer's answer, as it was handed on.
#[derive(Clone, Debug)]
pub(crate) struct ViaAnswer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    /// As far as it is kept.
    pub(crate) body: Vec<u8>,
}

/// How a look gets to its endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) enum Route {
    /// By connections of this host's own.
    #[default]
    Direct,
    /// Through somebody who asks HTTP, at this place.
    Through(Arc<dyn HttpProxy>, String),
    /// Not at all, and why.
    Closed(&'static str),
}

impl Route {
    /// The way to an endpoint of a service, for who asks by `via` if there is somebody.
    pub(crate) fn of(via: Option<&Arc<dyn HttpProxy>>, service: &Service, endpoint: &Endpoint) -> Self {
        match via.map(|via| (via, via.place(service, endpoint))) {
            // The same address here is somebody else.
            None if service.detail.netns().is_some() => {
                Self::Closed("it is in another network namespace (run portolan there: nsenter --net)")
            }
            None => Self::Direct,
            Some((via, Ok(place))) => Self::Through(Arc::clone(via), place),
            Some((_, Err(why))) => Self::Closed(why),
        }
    }
}
