//! Who a request comes from.

use jiff::Timestamp;

use super::{Permissions, Scope};

/// Who a request comes from, and what that permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Caller {
    /// For logs: `key 3f2a… (ci)`, `token alice`.
    pub(super) name: String,
    /// The id of the API key, if it came with one.
    pub(super) key_id: Option<String>,
    /// What it may do.
    pub(super) permissions: Permissions,
    /// To which services.
    pub(super) scope: Scope,
    /// When this ends by itself.
    pub(super) expires: Option<Timestamp>,
}

impl Caller {
    /// Every caller of a server without authentication.
    pub(super) fn anyone() -> Self {
        Self {
            name: "anyone".to_owned(),
            key_id: None,
            permissions: Permissions::ALL,
            scope: Scope::default(),
            expires: None,
        }
    }
}
