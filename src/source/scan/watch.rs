//! A scan that is watched: asked again and again.

use std::time::Duration;

use tokio::time::sleep;

use super::Scan;
use crate::error::Result;
use crate::model::{Completeness, PartialError, UpdateSink};
use crate::source::watch::PolledListing;

/// Scans every `interval` from the end of an answer. What no longer answers is gone; but where this machine no longer
/// reaches anything, what was found stays until it does again.
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
        operation: "reach any of the targets".to_owned(),
        cause: "no way leads there, or no host shows itself".to_owned(),
        hint: "look at this machine's network".to_owned(),
    }
}
