//! Who a request comes from.

use jiff::Timestamp;

use super::{Permissions, Scope};

/// Who a request comes from, and what that permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Caller {
    /// For logs: `key 3f2a… (ci)`, `token alice`.
    pub(in crate::server) name: String,
    /// The id of the API key, if it came with one.
    pub(in crate::server) key_id: Option<String>,
    /// The `kid` of the key that signed its token, if it came with one that names a key.
    pub(in crate::server) token_key: Option<String>,
    /// What it may do.
    pub(in crate::server) permissions: Permissions,
    /// To which services.
    pub(in crate::server) scope: Scope,
    /// When this ends by itself.
    pub(in crate::server) expires: Option<Timestamp>,
}

impl Caller {
    /// Every caller of a server without authentication.
    pub(in crate::server) fn anyone() -> Self {
        Self {
            name: "anyone".to_owned(),
            key_id: None,
            token_key: None,
            permissions: Permissions::ALL,
            scope: Scope::default(),
            expires: None,
        }
    }
}
