//! A scan that is watched: asked again and again.

use std::time::Duration;

use tokio::time::sleep;

use super::Scan;
use crate::error::Result;
use crate::model::{Completeness, PartialError, UpdateSink};
use crate::source::ListContext;
use crate::source::watch::PolledListing;

/// Scans every `interval` from the end of an listing. What no longer answers is gone; but where this machine no longer
/// reaches anything, what was found stays until it does again.
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
        what: "reach any of the targets".to_owned(),
        why: "no way leads there, or no host shows itself".to_owned(),
        hint: "look at this machine's network".to_owned(),
    }
}
