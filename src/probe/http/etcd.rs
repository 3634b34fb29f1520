//! The etcd client API (its documentation, "Monitoring": `GET /version`).

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct Etcd;

impl Application for Etcd {
    fn suspects(&self, front: &HttpPage) -> bool {
        // It has no front page.
        front.is_gos_not_found() || matches!(front.port, 2379 | 2380)
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/version")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let json = page.json()?;
        let (server, cluster) = (at(&json, "/etcdserver")?, at(&json, "/etcdcluster")?);
        Some(Identity::of("etcd").product("etcd").version(server).fact("cluster_version", cluster))
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_version_page_is_recognised() {
        let json = r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#;
        let identity = Etcd.recognise(&page("/version", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.protocol(), identity.version.clone()), ("etcd", Some("3.4.23".into())));
        assert!(Etcd.suspects(&page("/", "HTTP/1.1 404 Not Found\r\n\r\n404 page not found\n")));
    }
}
