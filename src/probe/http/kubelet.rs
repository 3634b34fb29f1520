//! A kubelet rejects unauthenticated requests without naming itself, but its certificate identifies it: self-made and
//! issued by `NODE-ca@SECONDS` (client-go, `util/cert`), or of the group `system:nodes` (Kubernetes' documentation,
//! "Kubelet serving certificates").

use super::application::{Application, PageRequest};
use super::page::HttpPage;
use crate::model::{Certificate, Identity};

pub(super) struct Kubelet;

impl Application for Kubelet {
    fn suspects(&self, _front: &HttpPage) -> bool {
        false
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let certificate = page.tls.as_ref()?.certificates.first()?;
        let node = node(certificate)?;
        let refused = page.head.status == 401 && page.body.starts_with(b"Unauthorized");

        (refused || page.is_gos_not_found())
            .then(|| Identity::of("kubelet").product("Kubelet").fact("node", node).fact("auth_required", refused))
    }
}

/// The node name in a kubelet's certificate.
fn node(certificate: &Certificate) -> Option<String> {
    let own = certificate.common_name.as_ref()?.as_raw();
    if let Some(node) = own.strip_prefix("system:node:") {
        return certificate.subject.as_raw().contains("O=system:nodes").then(|| node.to_owned());
    }

    let (issuer, time) = certificate.issuer.as_raw().strip_prefix("CN=")?.rsplit_once("-ca@")?;
    let digits = time.bytes().all(|byte| byte.is_ascii_digit());
    (digits && own.strip_prefix(issuer)?.starts_with('@')).then(|| issuer.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::application::page;
    use super::*;
    use crate::model::{Digest, PublicKey, TlsFacts};

    fn certificate(name: &str, subject: &str, issuer: &str) -> Certificate {
        Certificate {
            subject: subject.into(),
            common_name: Some(name.into()),
            issuer: issuer.into(),
            names: vec![],
            name_count: 0,
            not_before: None,
            not_after: None,
            key: PublicKey { kind: "RSA".into(), bits: None },
            signature_algorithm: "".into(),
            sha256: Digest([0; 32]),
            serial: "".into(),
            self_issued: false,
            authority: false,
        }
    }

    #[test]
    fn its_certificate_identifies_it() {
        assert_eq!(node(&certificate("n1@1700000000", "CN=n1@1700000000", "CN=n1-ca@1700000000")), Some("n1".into()));
        let signed = certificate("system:node:n2", "O=system:nodes, CN=system:node:n2", "CN=kubernetes");
        assert_eq!(node(&signed), Some("n2".into()));
        assert_eq!(node(&certificate("example.org", "CN=example.org", "CN=Some CA")), None);

        let tls = Some(Arc::new(TlsFacts { certificates: vec![signed], ..TlsFacts::default() }));
        let refusal = HttpPage { tls, ..page("/", "HTTP/1.1 401 Unauthorized\r\n\r\nUnauthorized") };
        assert!(Kubelet.recognise(&refusal).is_some());
        assert!(Kubelet.recognise(&HttpPage { tls: None, ..refusal }).is_none());
    }
}
