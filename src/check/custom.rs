//! Checks of a program's own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::LocalFailure;
use crate::model::{Endpoint, Finding};

/// A check of a program's own, which runs after the built-in ones.
///
/// It reports what it found wrong with the endpoint, and nothing where the endpoint is healthy. A peer that does not reply
/// is a finding. `Err` is for what this side could not do: it makes the health incomplete and never counts against the
/// peer.
pub trait Check: Send + Sync {
    /// Its word in the coverage of a health: lower case, as in `tcp`.
    fn name(&self) -> &'static str;

    /// Checks an endpoint once. The validator adds the timeout.
    ///
    /// # Errors
    /// Only what failed on this side.
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> CheckFuture<'a>;
}

/// What [`Check::check`] returns.
pub type CheckFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<Finding>, LocalFailure>> + Send + 'a>>;

/// The checks that a program added.
#[derive(Clone, Default)]
pub(crate) struct CustomChecks(pub(crate) Vec<Arc<dyn Check>>);

impl fmt::Debug for CustomChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|check| check.name())).finish()
    }
}
