//! Authentication and authorization.

use std::collections::{BTreeMap, BTreeSet};

use rustls::pki_types::{CertificateDer, UnixTime};

use super::Shared;
use super::connection::verifier;

/// The token of the administrator.
pub const TOKEN: &str = "a-token-of-the-test";

/// The known users, and the permissions of each.
pub struct Access {
    tokens: BTreeMap<String, String>,
    rights: BTreeMap<String, Rights>,
}

/// What a user may list and watch.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Everything, everywhere.
    pub all: bool,
    /// These resources in these namespaces, `*` for every resource.
    pub namespaces: BTreeSet<(String, String)>,
    /// These resources of the whole cluster.
    pub cluster: BTreeSet<String>,
}

impl Default for Access {
    fn default() -> Self {
        let all = Rights { all: true, ..Rights::default() };
        let admin = "admin".to_owned();
        Self { tokens: BTreeMap::from([(TOKEN.to_owned(), admin.clone())]), rights: BTreeMap::from([(admin, all)]) }
    }
}

impl Rights {
    pub fn in_namespace(mut self, resource: &str, namespace: &str) -> Self {
        self.namespaces.insert((resource.to_owned(), namespace.to_owned()));
        self
    }

    pub fn in_cluster(mut self, resource: &str) -> Self {
        self.cluster.insert(resource.to_owned());
        self
    }
}

impl Access {
    /// Adds a user with a token, and with a certificate of that name.
    pub fn user(&mut self, name: &str, token: &str, rights: Rights) {
        self.tokens.insert(token.to_owned(), name.to_owned());
        self.rights.insert(name.to_owned(), rights);
    }

    /// Revokes the old tokens.
    pub fn rotate_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The user of a request. `Err`: its credentials are invalid.
    pub fn who(&self, token: Option<&str>, name: Option<&str>) -> Result<String, ()> {
        match (token, name) {
            (Some(token), _) => self.tokens.get(token).cloned().ok_or(()),
            (None, Some(name)) => Ok(name.to_owned()),
            (None, None) => Ok("system:anonymous".to_owned()),
        }
    }

    pub fn may(&self, user: &str, resource: &str, namespace: Option<&str>) -> bool {
        let Some(rights) = self.rights.get(user) else { return false };
        let in_namespace = |word: &str| {
            namespace.is_some_and(|namespace| rights.namespaces.contains(&(word.to_owned(), namespace.to_owned())))
        };
        rights.all || rights.cluster.contains(resource) || in_namespace(resource) || in_namespace("*")
    }
}

/// The name in a valid certificate of our authority.
pub fn name_of(shared: &Shared, certificate: &CertificateDer<'_>) -> Result<String, ()> {
    verifier(shared).verify_client_cert(certificate, &[], UnixTime::now()).map_err(|_| ())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| ())?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    name.ok_or(())
}
