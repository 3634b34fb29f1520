//! What is served over HTTP and is known by its pages.

use super::{Page, consul, docker, elasticsearch, etcd, kubelet, kubernetes, prometheus, websocket};
use crate::model::Identity;

/// An application with an interface of its own over HTTP.
pub(super) trait Application: Sync {
    /// Whether the front page looks as if it were this, so that its own question is worth asking.
    fn suspects(&self, front: &Page) -> bool;

    /// What it is known by.
    fn question(&self) -> PageRequest;

    /// Knows it by a page: its own, the front page, or another's, which often does as well.
    fn recognise(&self, page: &Page) -> Option<Identity>;
}

/// A request beyond the front page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest {
    pub(super) target: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
}

impl PageRequest {
    /// A page.
    pub(super) const fn page(target: &'static str) -> Self {
        Self { target, fields: &[] }
    }
}

/// The applications that there are; those that know themselves for certain come first.
pub(super) static APPLICATIONS: &[&dyn Application] = &[
    &elasticsearch::Elasticsearch,
    &docker::Docker,
    &kubernetes::Kubernetes,
    &kubelet::Kubelet,
    &consul::Consul,
    &prometheus::Prometheus,
    &prometheus::Exporter,
    &etcd::Etcd,
    &websocket::WebSocket,
];

/// A text in a document, by its path.
pub(super) fn at<'v>(value: &'v serde_json::Value, path: &str) -> Option<&'v str> {
    value.pointer(path)?.as_str()
}

#[cfg(test)]
pub(super) fn page(target: &'static str, text: &str) -> Page {
    Page { target, ..Page::from_start(text.as_bytes()).unwrap() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_application_takes_whatever_pages_come(fields: Vec<u8>, body: Vec<u8>, json in "\\{\"[a-z]{1,9}\":[\\[\\{\"0-9a-z]{0,20}") {
            for body in [body, json.into_bytes()] {
                let bytes = [&b"HTTP/1.1 404 Not Found\r\n"[..], &fields, b"\r\n\r\n", &body].concat();
                let Some(page) = Page::from_start(&bytes) else { continue };
                for application in APPLICATIONS {
                    let _ = application.suspects(&page);
                    let _ = application.recognise(&page);
                }
            }
        }
    }
}
