//! One call to an endpoint.

use std::sync::Arc;
use std::time::Duration;

use super::ejection::EjectionEvent;
use super::members::Member;
use crate::engine::CallOutcome;
use crate::model::Endpoint;

/// An endpoint that was picked for a call. Reports how the call went: the balancer counts calls in flight, and an endpoint
/// whose calls fail is left out for a while.
///
/// Dropped without an outcome, it counts as a call that says nothing about the endpoint.
#[derive(Debug)]
#[must_use = "a dropped call counts as ended, with an unknown outcome"]
pub struct Call {
    member: Arc<Member>,
    /// When it started, where latency is measured.
    started: Duration,
    flags: CallFlags,
    outcome: CallOutcome,
}

/// What is special about a pick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallFlags {
    /// The call tries an endpoint that was left out.
    pub(super) is_trial: bool,
    pub(super) is_stale: bool,
    pub(super) is_fallback: bool,
}

impl Call {
    #[inline]
    pub(super) fn start(member: Arc<Member>, flags: CallFlags) -> Self {
        let started = if member.measures_latency { member.clock.now() } else { Duration::ZERO };
        if member.counts_calls {
            member.load.begin();
        }
        Self { member, started, flags, outcome: CallOutcome::Local }
    }

    /// Where to send the call. It prints as `192.0.2.7:8080` or `[2001:db8::7]:8080`.
    pub fn endpoint(&self) -> &Endpoint {
        &self.member.endpoint
    }

    /// Whether the registry is unreachable, and this endpoint is from its last reply.
    pub fn is_stale(&self) -> bool {
        self.flags.is_stale
    }

    /// Whether no endpoint is healthy, and [`AllUnhealthy`](super::AllUnhealthy) chose this one.
    pub fn is_fallback(&self) -> bool {
        self.flags.is_fallback
    }

    /// Whether the call tries an endpoint whose last calls failed.
    pub fn is_trial(&self) -> bool {
        self.flags.is_trial
    }

    /// Ends the call: whether the endpoint replied as it should.
    pub fn done(self, is_ok: bool) {
        self.end(if is_ok { CallOutcome::Success } else { CallOutcome::Failure });
    }

    /// Ends the call. [`CallOutcome::Local`] says nothing about the endpoint.
    pub fn end(mut self, outcome: CallOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let member = &*self.member;
        if member.counts_calls {
            member.load.end();
        }

        match self.outcome {
            CallOutcome::Success => {
                if member.measures_latency {
                    let now = member.clock.now();
                    member.load.record(now.saturating_sub(self.started), now);
                }
                member.succeeded();
            }
            CallOutcome::Failure => member.report(EjectionEvent::Failure),
            CallOutcome::Local if self.flags.is_trial => member.report(EjectionEvent::TrialAbandoned),
            CallOutcome::Local => {}
        }
    }
}
