//! `static:?web=10.0.0.1:80,10.0.0.2:80`: services in the URL itself. Nothing can register there.

use std::sync::Arc;
use std::time::Duration;

use super::Provider;
use super::url::RegistryUrl;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{Column, Completeness, Endpoint, HostPort, RawDetail, Service, Update, UpdateSink};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture};

/// Services that never change.
#[derive(Clone, Debug)]
struct InlineServices(Arc<[Service]>);

/// Each parameter is a service with its endpoints.
pub(super) fn open(url: &RegistryUrl) -> Result<Arc<dyn Provider>> {
    let services = url.parameters.iter().map(|(name, places)| service(url, name, places));
    Ok(Arc::new(InlineServices(services.collect::<Result<_>>()?)))
}

fn service(url: &RegistryUrl, name: &str, places: &str) -> Result<Service> {
    if name.is_empty() {
        return Err(invalid(url, "a service has no name"));
    }

    let endpoints = places.split(',').filter(|place| !place.is_empty()).map(|place| {
        let place: HostPort = place.parse().map_err(|error| invalid(url, format!("'{}': {error}", clean(place))))?;
        Ok(place.endpoint())
    });
    let endpoints = endpoints.collect::<Result<Vec<Endpoint>>>()?;
    let detail = RawDetail(serde_json::Value::Null);
    let service = Service::new(format!("static/{name}"), "static", endpoints, detail);
    Ok(Service { name: Some(name.into()), ..service }.erase())
}

fn invalid(url: &RegistryUrl, why: impl Into<String>) -> Error {
    Error::usage(format!("registry '{}'", url.shown()), why, "write static:?NAME=HOST:PORT,HOST:PORT")
}

impl Provider for InlineServices {
    fn name(&self) -> &'static str {
        "static"
    }

    fn source(&self, _service: &str) -> Result<Arc<dyn Source>> {
        self.all_services()
    }

    fn all_services(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Source for InlineServices {
    fn name(&self) -> &'static str {
        "static"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async {
            let _ = self.0.iter().try_for_each(|service| out.service(service.clone()));
            Ok(Completeness::Complete)
        })
    }

    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async {
            feed.apply(vec![Update::Reset(self.0.to_vec())]);
            std::future::pending().await
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::client::Registry;

    #[tokio::test]
    async fn services_in_a_url_are_resolved() {
        let registry = Registry::open("static:?web=127.0.0.1:80,[::1]:81&cart=carts.test:9").unwrap();
        let resolver = registry.resolve("web").start().unwrap();
        let first = resolver.pick(()).await.unwrap().endpoint().to_string();
        let second = resolver.pick(()).await.unwrap().endpoint().to_string();
        let mut both = [first, second];
        both.sort();
        assert_eq!(both, ["127.0.0.1:80", "[::1]:81"]);
        assert_eq!(registry.discover("cart").await.unwrap()[0].to_string(), "carts.test:9");
        let missing = registry.resolve("mail").start().unwrap().pick(()).await.unwrap_err();
        assert_eq!(missing.to_string(), "no endpoint of mail: 0 registered, 0 usable");
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (url, why) in [
            ("static:?web=127.0.0.1:port", "'127.0.0.1:port'"),
            ("static:?=127.0.0.1:80", "a service has no name"),
            ("static:services.toml?web=127.0.0.1:80", "it has no parameter 'web'"),
            ("static:", "the file is missing"),
        ] {
            let error = Registry::open(url).unwrap_err();
            assert!(error.to_string().contains(why), "{url}: {error}");
        }
    }
}
