//! Finds out what speaks at a port: few connections, one deadline, and every answer is looked at by every protocol.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::Probes;
use super::line::{PortSession, PortTarget};
use super::plan::{Intensity, steps};
use super::search::Search;
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::{ConnectionError, Deadline};

/// Why a port was not identified at all, not even as something unknown.
#[derive(Debug)]
pub(crate) enum SkipReason {
    /// Asking could do harm there.
    Spared,
    /// There was no connection: nobody is there any more.
    Gone,
    /// This machine could not ask.
    Local(io::Error),
}

/// The fact that a conversation did not end in order, and how it did: `timeout`, `reset`, `too-long` or `closed`.
pub(super) const ENDED: &str = "ended";
/// The fact that not every connection was answered, or not in the same way.
pub(crate) const UNSTABLE: &str = "unstable";
/// How long to wait for descriptors, ports or memory of our own, and how often to look.
const SHORTAGE: Duration = Duration::from_secs(30);
const SHORTAGE_STEP: Duration = Duration::from_millis(50);
/// So much of a first line is shown of what nobody knew.
const MAX_LINE: usize = 256;

/// Asks the TCP port `asked` what speaks there. What nobody knew has no protocol, and says how it ended.
///
/// # Errors
/// When it was not asked.
pub(crate) async fn identify(asked: PortTarget, probes: Probes, intensity: Intensity) -> Result<Identity, SkipReason> {
    let port = asked.address.port();
    if intensity.spares(port) {
        return Err(SkipReason::Spared);
    }
    let patience = Deadline::after(SHORTAGE);
    loop {
        let line = PortSession::new(asked.clone(), probes, Deadline::after(intensity.time()), intensity.connections());
        let mut search = Search::new(&line, intensity);
        let found =
            line.deadline.bound(search.layer(asked.clone(), &[], steps(probes, port, intensity, false), None)).await;
        match (found, search.failed.take()) {
            (Ok(Some(found)), _) => return Ok(search.finish(found).await),
            (_, Some(ConnectionError::Local(error))) if search.said.is_empty() => {
                // Others will have finished soon; what is forbidden stays forbidden.
                if patience.is_over() || error.kind() == io::ErrorKind::PermissionDenied {
                    return Err(SkipReason::Local(error));
                }
                sleep(SHORTAGE_STEP).await;
            }
            (_, Some(_)) if !line.was_connected() => return Err(SkipReason::Gone),
            (_, error) => {
                let unstable = search.unsteady && !search.said.is_empty();
                let identity = unknown(&search.said, error.as_ref());
                return Ok(identity.fact_if(UNSTABLE, unstable.then_some(true)));
            }
        }
    }
}

/// What somebody said whom nobody knew.
pub(super) fn unknown(said: &[u8], failed: Option<&ConnectionError>) -> Identity {
    let line = said.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let banner = (!line.is_empty()).then(|| Untrusted::from_bytes(&line[..line.len().min(MAX_LINE)]));
    Identity { banner, ..Identity::default() }.fact(ENDED, failed.map_or("timeout", ended))
}

/// How a conversation ended that failed, in a word.
pub(super) fn ended(failed: &ConnectionError) -> &'static str {
    match failed {
        ConnectionError::TimedOut => "timeout",
        ConnectionError::Reset => "reset",
        ConnectionError::TooLong => "too-long",
        _ => "closed",
    }
}
