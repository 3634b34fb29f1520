//! Consul answers a token that may read nothing with an empty list. This tells that apart from a catalog without services.

use super::api::{Catalog, ConsulApi};
use super::environment::TOKEN_HINT;
use crate::error::{Error, Result};
use crate::model::{Completeness, PartialError};
use crate::source::ItemSink;

/// The service that every server of Consul registers for itself.
pub(super) const CONSUL: &str = "consul";
const HIDDEN: &str = "ACLs are enabled, and Consul hides the services that the token may not read";

/// Whether Consul may hide services from this token.
pub(super) async fn may_hide(api: &ConsulApi, catalog: &Catalog) -> bool {
    catalog.is_filtered || (!catalog.services.contains_key(CONSUL) && api.has_acls().await != Some(false))
}

/// Reports that services may be hidden. `has_services`: whether the listing has any nevertheless.
///
/// # Errors
/// All services are hidden.
pub(super) fn report(catalog: &Catalog, has_services: bool, out: &mut dyn ItemSink) -> Result<Completeness> {
    if catalog.services.is_empty() {
        return Err(refused());
    }
    if has_services {
        // A token for some services is usual, and these are all of them.
        out.note("Consul lists only the services that this token may read".to_owned());
        return Ok(Completeness::Complete);
    }

    out.partial_error(PartialError::from(&refused()));
    Ok(Completeness::Incomplete)
}

/// The error that all services are hidden.
pub(super) fn refused() -> Error {
    let (what, why, hint) = (super::LIST.to_owned(), HIDDEN.to_owned(), TOKEN_HINT.to_owned());
    Error::Refused { what, why, hint }
}
