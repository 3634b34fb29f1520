//! A route: its path, its methods, and the permission that each of them needs.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use crate::server::access::Permission;
use crate::server::shared::App;

/// A route. A method cannot be added without saying what it needs.
pub(super) struct ApiRoute<'p> {
    pub(super) path: &'p str,
    /// Its name in metrics and logs.
    pub(super) name: &'static str,
    pub(super) methods: MethodRouter<App>,
    /// `None`: anyone may call it, also without a key.
    pub(super) rules: Vec<(Method, Option<Permission>)>,
}

impl<'p> ApiRoute<'p> {
    /// A route with the name of its path.
    pub(super) fn new(path: &'static str) -> Self {
        Self::named(path, path)
    }

    /// A route whose path can be set.
    pub(super) fn named(path: &'p str, name: &'static str) -> Self {
        Self { path, name, methods: MethodRouter::new(), rules: Vec::new() }
    }

    pub(super) fn get<H: Handler<T, App>, T: 'static>(self, needs: impl Into<Option<Permission>>, handler: H) -> Self {
        self.on(Method::GET, MethodFilter::GET, needs.into(), handler)
    }

    pub(super) fn post<H: Handler<T, App>, T: 'static>(self, needs: impl Into<Option<Permission>>, handler: H) -> Self {
        self.on(Method::POST, MethodFilter::POST, needs.into(), handler)
    }

    pub(super) fn put<H: Handler<T, App>, T: 'static>(self, needs: impl Into<Option<Permission>>, handler: H) -> Self {
        self.on(Method::PUT, MethodFilter::PUT, needs.into(), handler)
    }

    pub(super) fn delete<H: Handler<T, App>, T: 'static>(
        self,
        needs: impl Into<Option<Permission>>,
        handler: H,
    ) -> Self {
        self.on(Method::DELETE, MethodFilter::DELETE, needs.into(), handler)
    }

    fn on<H: Handler<T, App>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        needs: Option<Permission>,
        handler: H,
    ) -> Self {
        self.methods = self.methods.on(filter, handler);
        self.rules.push((method, needs));
        self
    }
}
