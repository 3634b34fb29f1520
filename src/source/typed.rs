//! Sources with one type of detail.

use std::future::Future;

use super::{Source, collect};
use crate::error::Result;
use crate::model::{Detail, Listing};

/// A source whose services all have the same type of detail, so that a program gets them typed.
///
/// [`client::watch_typed`](crate::client::watch_typed) watches it typed. Options that list something else, such as the
/// connections of [`Local`](super::Local) or the pods of a cluster, need the erased form: [`collect`] and
/// [`client::watch`](crate::client::watch).
pub trait TypedSource: Source {
    /// The facts that only this source knows of a service.
    type Detail: Detail + Clone;

    /// Lists everything that the source knows, typed; see [`Listing::typed`].
    ///
    /// # Errors
    /// As [`Source::list`].
    fn typed_listing(&self) -> impl Future<Output = Result<Listing<Self::Detail>>> + Send
    where
        Self: Sized,
    {
        async { Ok(collect(self).await?.typed()) }
    }
}
