//! Checks that a program adds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::LocalFailure;
use crate::model::{Endpoint, Finding};

/// A check that a program adds. It runs after the built-in ones.
///
/// It returns one finding per problem, and none for a healthy endpoint. A peer that does not reply is a finding. `Err` means
/// that the check could not run on this side: it makes the health incomplete and never counts against the peer.
pub trait Check: Send + Sync {
    /// The name of the check in the coverage of a health, in lower case, such as `tcp`.
    fn name(&self) -> &'static str;

    /// Checks an endpoint once. The validator adds the timeout.
    ///
    /// # Errors
    /// If the check could not run on this side.
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> CheckFuture<'a>;
}

/// The future that [`Check::check`] returns.
pub type CheckFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<Finding>, LocalFailure>> + Send + 'a>>;

/// The checks that a program added.
#[derive(Clone, Default)]
pub(crate) struct CustomChecks(pub(crate) Vec<Arc<dyn Check>>);

impl fmt::Debug for CustomChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|check| check.name())).finish()
    }
}
