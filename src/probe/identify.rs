//! Identifies the service on a TCP port: few connections, one deadline, and every probe examines every reply.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::Probes;
use super::ending::{UNSTABLE, unrecognised};
use super::plan::{PortBudget, steps};
use super::search::Search;
use super::session::{PortSession, PortTarget};
use crate::model::Identity;
use crate::net::{ConnectionError, Deadline};

/// Why a port has no identity, not even an unknown one.
#[derive(Debug)]
pub(crate) enum SkipReason {
    /// A probe could do harm there.
    Spared,
    /// No connection succeeded: the service is gone.
    Gone,
    /// This machine could not send probes.
    Local(io::Error),
}

/// How long to wait for free descriptors, ports or memory on this machine, and the interval between attempts.
const SHORTAGE_TIMEOUT: Duration = Duration::from_secs(30);
const SHORTAGE_INTERVAL: Duration = Duration::from_millis(50);

/// Identifies the service on a TCP port. An unrecognised service has no protocol, but the fact how it ended.
///
/// # Errors
/// If no probe was sent.
pub(crate) async fn identify(target: PortTarget, probes: Probes, budget: PortBudget) -> Result<Identity, SkipReason> {
    let (port, intensity) = (target.address.port(), budget.intensity);
    if intensity.spares(port) || steps(probes, port, intensity, false).is_empty() {
        return Err(SkipReason::Spared);
    }

    let shortage = Deadline::after(SHORTAGE_TIMEOUT);
    loop {
        let deadline = Deadline::after(budget.time_limit);
        let session = PortSession::new(target.clone(), probes, deadline, intensity.connections());
        let mut search = Search::new(&session, budget);
        let steps = steps(probes, port, intensity, false);
        let found = deadline.bound(search.layer(target.clone(), &[], steps, None)).await;

        match (found, search.error.take()) {
            (Ok(Some(found)), _) => return Ok(search.finish(found).await),
            (_, Some(ConnectionError::Local(error))) if search.unrecognised.is_empty() => {
                // Resources will be free again soon, but a missing permission stays missing.
                if shortage.is_over() || error.kind() == io::ErrorKind::PermissionDenied {
                    return Err(SkipReason::Local(error));
                }
                sleep(SHORTAGE_INTERVAL).await;
            }
            (_, Some(_)) if !session.was_connected() => return Err(SkipReason::Gone),
            (_, error) => {
                let unstable = search.unstable && !search.unrecognised.is_empty();
                let identity = unrecognised(&search.unrecognised, error.as_ref());
                return Ok(identity.fact_if(UNSTABLE, unstable.then_some(true)));
            }
        }
    }
}
