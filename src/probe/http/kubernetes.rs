//! The Kubernetes API server: rejects unauthenticated requests with a `Status`, but usually shows its version
//! (Kubernetes' documentation, "API discovery roles": `system:public-info-viewer`).

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct Kubernetes;

impl Kubernetes {
    fn is_status(page: &HttpPage) -> bool {
        page.json().is_some_and(|json| at(&json, "/kind") == Some("Status") && at(&json, "/apiVersion") == Some("v1"))
    }
}

impl Application for Kubernetes {
    fn suspects(&self, front: &HttpPage) -> bool {
        Self::is_status(front) || front.field("x-kubernetes-pf-flowschema-uid").is_some() || front.holds("\"/apis\"")
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/version")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let identity = Identity::of("kubernetes").product("Kubernetes");
        let json = page.json()?;
        if let (Some(version), Some(_)) = (at(&json, "/gitVersion"), at(&json, "/gitCommit")) {
            let platform = at(&json, "/platform").map(str::to_owned);
            return Some(identity.version(version.trim_start_matches('v')).fact_if("platform", platform));
        }

        // The version needs authentication too. On the front page, a `Status` only leads to the version request.
        (page.path == "/version" && Self::is_status(page)).then(|| identity.fact("auth_required", true))
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn a_refusal_leads_to_the_version() {
        let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}"#;
        let refusal = format!("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{status}");
        assert!(Kubernetes.suspects(&page("/", &refusal)));
        assert!(Kubernetes.recognise(&page("/", &refusal)).is_none());
        assert!(Kubernetes.recognise(&page("/version", &refusal)).is_some());
        let version =
            r#"{"major":"1","minor":"32","gitVersion":"v1.32.13","gitCommit":"abc","platform":"linux/amd64"}"#;
        let identity = Kubernetes.recognise(&page("/version", &format!("HTTP/1.1 200 OK\r\n\r\n{version}"))).unwrap();
        assert_eq!(identity.version, Some("1.32.13".into()));
    }
}
