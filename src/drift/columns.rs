//! The columns of a comparison.

use std::fmt::{self, Display, Write};

use jiff::Timestamp;

use crate::model::{Column, ColumnVisibility, DriftDetail, DriftState};

macro_rules! columns {
    ($($name:literal, $shown:ident, $cut:literal, |$service:ident, $detail:ident, $out:ident| $cell:expr;)*) => {
        pub(crate) const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            shown: ColumnVisibility::$shown,
            cut: $cut,
            label: false,
            cell: |$service, _endpoint, $out| match $service.detail.downcast_ref::<DriftDetail>() {
                Some($detail) => $cell,
                None => Ok(()),
            },
            number: None,
        },)*];
    };
}

columns! {
    "finding", Asked, false, |service, detail, out| match service.findings.first() {
        Some(finding) => out.write_str(finding.kind().map_or("", |kind| kind.code)),
        None => out.write_str(state(detail.state)),
    };
    "problem", Asked, true, |service, detail, out| match service.findings.first() {
        Some(finding) => write!(out, "{}", finding.text),
        None => option(detail.reason.as_ref(), out),
    };
    "host", WhereFilled, false, |_service, detail, out| option(detail.host.as_ref(), out);
    "holder", WhereFilled, true, |_service, detail, out| option(detail.holder.as_ref(), out);
    "since", WhereFilled, false, |_service, detail, out| option(detail.since.map(whole_seconds), out);
    "command", WhereFilled, true, |_service, detail, out| option(detail.command.as_ref(), out);
    "registry", Wide, false, |_service, detail, out| option(detail.registry.as_ref(), out);
    "instance", Wide, true, |_service, detail, out| option(detail.instance.as_ref(), out);
    "registered", Wide, false, |_service, detail, out| out.write_str(detail.registered.as_str());
    "listening", Wide, false, |_service, detail, out| out.write_str(detail.listening.as_str());
    "replying", Wide, false, |_service, detail, out| out.write_str(detail.replying.as_str());
}

fn option(value: Option<impl Display>, out: &mut dyn Write) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}

fn state(state: DriftState) -> &'static str {
    match state {
        DriftState::Differs => "differs",
        DriftState::Agrees => "agrees",
        DriftState::CannotTell => "cannot tell",
    }
}

/// Seconds are enough for people.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_seconds() {
        let time: Timestamp = "2026-11-29T08:44:02.123456Z".parse().unwrap();
        assert_eq!(whole_seconds(time).to_string(), "2026-11-29T08:44:02Z");
        assert_eq!(state(DriftState::CannotTell), "cannot tell");
    }
}
