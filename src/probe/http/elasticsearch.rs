//! Elasticsearch and OpenSearch, recognised by their front page (Elasticsearch's reference, "Root API").

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct Elasticsearch;

impl Application for Elasticsearch {
    fn suspects(&self, _front: &HttpPage) -> bool {
        false
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let json = page.json()?;
        let opensearch = at(&json, "/version/distribution") == Some("opensearch");
        let (protocol, product) =
            if opensearch { ("opensearch", "OpenSearch") } else { ("elasticsearch", "Elasticsearch") };
        let identity = Identity::of(protocol).product(product);

        if let (Some(version), Some(_)) = (at(&json, "/version/number"), at(&json, "/version/lucene_version")) {
            let cluster = at(&json, "/cluster_name").map(str::to_owned);
            let node = at(&json, "/name").map(str::to_owned);
            let identity = identity.version(version).fact("auth_required", false);
            return Some(identity.fact_if("cluster", cluster).fact_if("node", node));
        }

        // Without permission, the error has this type.
        let denied = page.head.status == 401 && at(&json, "/error/type") == Some("security_exception");
        denied.then(|| identity.fact("auth_required", true))
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_front_page_is_recognised() {
        let json = r#"{"name":"n1","cluster_name":"c","version":{"number":"7.17.9","lucene_version":"8.11.1"},"tagline":"You Know, for Search"}"#;
        let identity = Elasticsearch.recognise(&page("/", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.protocol(), identity.version.clone()), ("elasticsearch", Some("7.17.9".into())));
        let json = r#"{"version":{"distribution":"opensearch","number":"2.11.0","lucene_version":"9.7.0"}}"#;
        let identity = Elasticsearch.recognise(&page("/", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.protocol(), identity.version.clone()), ("opensearch", Some("2.11.0".into())));
        assert!(Elasticsearch.recognise(&page("/", "HTTP/1.1 200 OK\r\n\r\n{\"version\":\"1\"}")).is_none());
    }
}
