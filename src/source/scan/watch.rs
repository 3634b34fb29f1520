//! A watched scan: one scan per interval.

use std::time::Duration;

use tokio::time::sleep;

use super::Scan;
use crate::error::Result;
use crate::model::{Completeness, PartialError, UpdateSink};
use crate::source::watch::PolledListing;

/// Scans again `interval` after each scan. Services that no longer reply are removed; but while this machine reaches no
/// target at all, earlier results stay.
pub(super) async fn watch(scan: &Scan, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    let mut found = false;
    loop {
        let mut answer = PolledListing::new(feed.depth());

        let (completeness, reached) = scan.list_into(&mut answer).await?;
        if found && !reached && completeness == Completeness::Complete {
            feed.fail(unreached());
        } else {
            found = answer.has_any();
            feed.take(answer.updates(completeness));
        }

        sleep(interval).await;
    }
}

fn unreached() -> PartialError {
    PartialError {
        what: "reach any target".to_owned(),
        why: "there is no route, or no host replies".to_owned(),
        hint: "check this machine's network".to_owned(),
    }
}
