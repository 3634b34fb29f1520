//! Services in the Prometheus text format.

use std::borrow::Borrow;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::catalog::Snapshot;
use crate::cli::validate::reload::ReloadStatus;
use crate::model::{Completeness, Filters, Listing, PartialError, Service};
use crate::output::{Footer, FormatName, RenderOptions};

/// The services of a watch, by their last results. Not complete until all of them were checked, and while the source is
/// unreachable.
pub(super) fn of_watch<S: Borrow<Service>>(snapshot: &Snapshot, services: &[S]) -> String {
    let errors = snapshot.stale().map_or(&[][..], std::slice::from_ref);
    let is_complete = snapshot.is_synced() && errors.is_empty();
    text(services, is_complete, errors)
}

/// What became of the last reading of the services files.
pub(super) fn of_reload(status: &ReloadStatus) -> String {
    let (is_successful, succeeded) = status.last();
    let mut text = String::new();
    let help = "Whether the services files could be read after their last change.";
    gauge(&mut text, "portolan_config_last_reload_successful", help, u8::from(is_successful));
    let help = "When the services files were last read successfully.";
    gauge(&mut text, "portolan_config_last_reload_success_timestamp_seconds", help, succeeded.as_second());
    text
}

/// The services of a probe.
pub(super) fn of_listing(listing: &Listing) -> String {
    text(&listing.services, listing.completeness == Completeness::Complete, &listing.errors)
}

fn text<S: Borrow<Service>>(services: &[S], is_complete: bool, errors: &[PartialError]) -> String {
    let now = Timestamp::now();
    let page =
        RenderOptions { columns: &[], identified: false, generated: now, width: None, color: false, links: false };
    let completeness = if is_complete { Completeness::Complete } else { Completeness::Incomplete };
    let filters = Filters::default();
    let footer = Footer { errors, ..Footer::new(now, completeness, &filters) };

    let mut content = Vec::new();
    let written = FormatName::Prometheus.open(&mut content, page).and_then(|mut format| {
        services.iter().try_for_each(|service| format.service(service.borrow()))?;
        format.end(&footer)
    });
    // Writing to memory cannot fail, and the format writes UTF-8.
    written.map(|()| String::from_utf8_lossy(&content).into_owned()).unwrap_or_default()
}

pub(super) fn gauge(text: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}
