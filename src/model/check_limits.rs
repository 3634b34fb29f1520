//! How often, how long and against what a service is checked, where that differs from the run's own options.

use std::path::PathBuf;
use std::time::Duration;

use super::Digest;

/// The limits, the trust and the thresholds of one service. What is unset is as for the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckLimits {
    /// The timeout of one attempt.
    pub timeout: Option<Duration>,
    /// The interval between two checks of an endpoint in a watch.
    pub interval: Option<Duration>,
    /// The number of retries after no reply.
    pub retries: Option<u32>,
    /// The number of samples of each endpoint.
    pub samples: Option<u32>,
    /// The file with the trusted certificates.
    pub ca: Option<PathBuf>,
    /// The fingerprints of the trusted certificates; with them, no other is trusted.
    pub pin: Vec<Digest>,
    /// Codes of findings that do not count.
    pub ignore: Vec<String>,
    /// The score that the service must reach.
    pub min_score: Option<u8>,
    /// How many better results in a row confirm a recovery.
    pub rise: Option<u32>,
    /// How many worse results in a row confirm a failure.
    pub fall: Option<u32>,
}

impl CheckLimits {
    /// Fills unset limits from `other`.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self {
            timeout: self.timeout.or(other.timeout),
            interval: self.interval.or(other.interval),
            retries: self.retries.or(other.retries),
            samples: self.samples.or(other.samples),
            ca: self.ca.clone().or_else(|| other.ca.clone()),
            pin: if self.pin.is_empty() { other.pin.clone() } else { self.pin.clone() },
            ignore: self.ignore.iter().chain(&other.ignore).cloned().collect(),
            min_score: self.min_score.or(other.min_score),
            rise: self.rise.or(other.rise),
            fall: self.fall.or(other.fall),
        }
    }

    /// Whether the service has a trust of its own.
    pub(crate) fn has_own_trust(&self) -> bool {
        self.ca.is_some() || !self.pin.is_empty()
    }
}
