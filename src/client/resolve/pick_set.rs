//! The endpoints that calls go to, between two changes. It never changes; only its next trial moves.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::call::CallFlags;
use super::counts::{EndpointCounts, PickError};
use super::members::Member;
use crate::balance::{PickKey, Picker};
use crate::model::{Endpoint, PartialError};

/// Whether a registry has replied.
#[derive(Clone, Debug, Default)]
pub(super) enum SetStatus {
    /// Not yet.
    #[default]
    NotReady,
    /// It cannot be reached, and never replied.
    Unavailable(Arc<PartialError>),
    /// It has.
    Ready,
}

/// A set of endpoints.
#[derive(Debug, Default)]
pub(super) struct PickSet {
    pub(super) status: SetStatus,
    /// Why the registry is unreachable now.
    pub(super) stale: Option<Arc<PartialError>>,
    pub(super) counts: EndpointCounts,
    /// Whether none is healthy, and others are used instead.
    pub(super) is_fallback: bool,
    pub(super) picker: Option<Box<dyn Picker>>,
    /// Those that the picker was made for.
    pub(super) members: Box<[Arc<Member>]>,
    /// Those that get no calls, because their calls failed.
    pub(super) left_out: Box<[Arc<Member>]>,
    /// When the first of these is tried again, in nanoseconds of the clock; `u64::MAX` if none is.
    pub(super) next_trial: AtomicU64,
    /// All that match version, tags and metadata, healthy or not.
    pub(super) matching: Vec<Arc<Endpoint>>,
}

impl PickSet {
    /// The next endpoint, by balancing.
    #[inline]
    pub(super) fn pick(&self, key: PickKey<'_>) -> Option<&Arc<Member>> {
        self.members.get(self.picker.as_ref()?.pick(key)?)
    }

    pub(super) fn flags(&self) -> CallFlags {
        CallFlags { is_trial: false, is_stale: self.stale.is_some(), is_fallback: self.is_fallback }
    }

    /// Whether the registry has replied.
    pub(super) fn readiness(&self, service: &Arc<str>) -> Result<(), PickError> {
        let service = Arc::clone(service);
        match &self.status {
            SetStatus::NotReady => Err(PickError::NotReady { service }),
            SetStatus::Unavailable(error) => Err(PickError::Unavailable { service, error: Arc::clone(error) }),
            SetStatus::Ready => Ok(()),
        }
    }

    /// Why there is none.
    #[cold]
    pub(super) fn error(&self, service: &Arc<str>) -> PickError {
        self.readiness(service).err().unwrap_or_else(|| PickError::NoEndpoint {
            service: Arc::clone(service),
            counts: self.counts,
            is_stale: self.stale.is_some(),
        })
    }
}
