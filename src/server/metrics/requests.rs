//! Requests by route, method and status.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::encode::{count_of, histogram_of};
use crate::server::histogram::Times;

/// The methods that are counted apart; others share the last place.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "other"];
/// The statuses that are counted apart; others share the last place.
const STATUSES: [u16; 17] = [200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 429, 500, 503, 507];

/// The requests of one route.
#[derive(Debug)]
pub(in crate::server) struct RouteStats {
    path: &'static str,
    counts: [[AtomicU64; STATUSES.len() + 1]; METHODS.len()],
    times: [Times; METHODS.len()],
}

impl RouteStats {
    pub(super) fn new(path: &'static str) -> Self {
        Self { path, counts: Default::default(), times: Default::default() }
    }

    /// The path of the route.
    pub(in crate::server) fn path(&self) -> &'static str {
        self.path
    }

    /// Counts a request and the time that its answer took.
    pub(in crate::server) fn add(&self, method: &Method, status: StatusCode, time: Duration) {
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len());
        self.counts[method][status].fetch_add(1, Ordering::Relaxed);
        self.times[method].add(time);
    }
}

/// The requests of all routes, as counters and as histograms of their times.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    routes: &[Arc<RouteStats>],
    names: [&'static str; 2],
) -> fmt::Result {
    let [requests, duration] = names;
    let help = "Requests by route, method and status";
    let mut counters = encoder.encode_descriptor(requests, help, None, MetricType::Counter)?;
    for route in routes {
        for (method, counts) in METHODS.iter().zip(&route.counts) {
            for (at, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count == 0 {
                    continue;
                }
                let status = STATUSES.get(at).map_or_else(|| "other".to_owned(), u16::to_string);
                let labels = vec![("route", route.path), ("method", *method), ("status", status.as_str())];
                count_of(&mut counters, &labels, count)?;
            }
        }
    }

    let help = "Time from the head of a request to the head of its reply";
    let mut histograms = encoder.encode_descriptor(duration, help, None, MetricType::Histogram)?;
    for route in routes {
        for (method, times) in METHODS.iter().zip(&route.times) {
            histogram_of(&mut histograms, &vec![("route", route.path), ("method", *method)], times)?;
        }
    }
    Ok(())
}
