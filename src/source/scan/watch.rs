//! A watched scan: one scan per interval.

use std::time::Duration;

use tokio::time::sleep;

use super::Scan;
use crate::error::Result;
use crate::model::{Completeness, PartialError, UpdateSink};
use crate::source::ListContext;
use crate::source::watch::PolledListing;

/// Scans again `interval` after each scan. Services that no longer reply are removed; but while this machine reaches no
/// target at all, earlier results stay.
pub(super) async fn watch(scan: &Scan, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    let context = ListContext { detail_level: feed.detail_level(), ..ListContext::default() };
    let mut found = false;
    loop {
        let mut listing = PolledListing::default();
        let (completeness, reached) = scan.list_into(&context, &mut listing).await?;

        if found && !reached && completeness == Completeness::Complete {
            feed.mark_stale(unreached());
        } else {
            found = listing.has_any();
            feed.apply(listing.updates(completeness));
        }

        sleep(interval).await;
    }
}

fn unreached() -> PartialError {
    PartialError {
        operation: "reach any target".to_owned(),
        cause: "there is no route, or no host replies".to_owned(),
        hint: "check this machine's network".to_owned(),
    }
}
