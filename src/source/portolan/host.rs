//! What a registry has of one host: asked for again and again, and sent only if it has changed.

use std::sync::Arc;

use parking_lot::Mutex;

use super::api::{InstanceList, MAX_LIST_BYTES, read_list};
use super::{LIST, services};
use crate::error::Result;
use crate::model::{Column, Completeness, HostQuery, PartialError, Service};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryReply, RegistryRequest};
use crate::source::instance_columns::COLUMNS;
use crate::source::{ItemSink, ListContext, ListFuture, Source, with_runtime};

/// Lists the services of a registry that `portolan serve` runs, as far as their instances may be of one host.
///
/// While no instance of them changes, a listing costs a request and a reply without a body. The times of their leases are then
/// those of the last change.
#[derive(Clone, Debug)]
pub struct PortolanHost {
    http: RegistryHttp,
    namespace: Option<String>,
    host: HostQuery,
    last: Arc<Mutex<Option<KnownList>>>,
}

/// The last list.
#[derive(Clone, Debug)]
struct KnownList {
    tag: String,
    services: Arc<Vec<Service>>,
    errors: Vec<PartialError>,
}

const SERVICES_PATH: &str = "/api/v1/services";

impl PortolanHost {
    pub(crate) fn new(http: RegistryHttp, namespace: Option<String>) -> Self {
        Self { http, namespace, host: HostQuery::default(), last: Arc::default() }
    }

    /// The same registry and another host.
    pub(crate) fn of(&self, host: HostQuery) -> Self {
        Self { host, ..self.clone() }
    }

    async fn read(&self) -> Result<KnownList, RegistryFailure> {
        let known = self.last.lock().clone();
        let request = self.request().known_tag(known.as_ref().map(|known| known.tag.clone()));
        let reply = match self.http.send(&request).await {
            // A server of an older version cannot select them: more is compared than needed.
            Err(failure) if failure.status() == Some(400) => self.http.send(&whole_list()).await?,
            reply => reply?,
        };
        if reply.is_unchanged() {
            return known.ok_or_else(|| reply.malformed("it says that a list is unchanged, but never sent it"));
        }

        let list = self.known(&reply)?;
        *self.last.lock() = Some(list.clone()).filter(|list| !list.tag.is_empty());
        Ok(list)
    }

    fn known(&self, reply: &RegistryReply) -> Result<KnownList, RegistryFailure> {
        let InstanceList { instances, errors } = read_list(reply)?;
        let namespace = self.namespace.as_deref();
        let own = instances.into_iter().filter(|one| namespace.is_none_or(|namespace| namespace == one.namespace()));
        let tag = reply.header("etag").unwrap_or_default().to_owned();
        Ok(KnownList { tag, services: Arc::new(services(own).collect()), errors })
    }

    fn request(&self) -> RegistryRequest {
        let addresses: Vec<String> = self.host.addresses.iter().map(ToString::to_string).collect();
        let mut request = whole_list().query("host", self.host.names.join(","));
        if !addresses.is_empty() {
            request = request.query("address", addresses.join(","));
        }
        request
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let Some(read) = context.cancel.run_until_cancelled(self.read()).await else {
            return Ok(Completeness::Incomplete);
        };
        let list = read.map_err(|failure| failure.into_error(LIST))?;

        let is_complete = list.errors.is_empty();
        for error in list.errors {
            out.partial_error(error);
        }
        // After a `Break` there is nothing more to stop.
        let _ = list.services.iter().cloned().try_for_each(|service| out.service(service));
        Ok(if is_complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

fn whole_list() -> RegistryRequest {
    RegistryRequest::get(SERVICES_PATH).limit(MAX_LIST_BYTES)
}

impl Source for PortolanHost {
    fn name(&self) -> &'static str {
        "portolan"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(with_runtime(self.list_into(context, out)))
    }
}
