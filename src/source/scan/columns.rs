//! What formats made of rows show of a scanned port.

use crate::model::{Column, ScanDetail};

macro_rules! column {
    ($name:literal, wide: $wide:expr, |$detail:ident, $out:ident| $cell:expr) => {
        Column {
            name: $name,
            wide: $wide,
            cut: false,
            label: false,
            cell: |service, $out| match service.detail.downcast_ref::<ScanDetail>() {
                Some($detail) => $cell,
                None => Ok(()),
            },
        }
    };
}

const STATE: Column = column!("state", wide: false, |detail, out| out.write_str(detail.state.as_str()));
const RTT: Column = column!("rtt", wide: false, |detail, out| match detail.rtt {
    Some(rtt) => write!(out, "{}.{:03}ms", rtt.as_millis(), rtt.as_micros() % 1000),
    None => Ok(()),
});
const ATTEMPTS: Column = column!("attempts", wide: true, |detail, out| write!(out, "{}", detail.attempts));
const HOST: Column = column!("host", wide: true, |detail, out| match &detail.host {
    Some(host) => write!(out, "{host}"),
    None => Ok(()),
});

macro_rules! reason {
    (wide: $wide:expr) => {
        column!("reason", wide: $wide, |detail, out| out.write_str(detail.reason.as_str()))
    };
}

/// The reason in wide formats only.
pub(super) const COLUMNS: &[Column] = &[STATE, RTT, reason!(wide: true), ATTEMPTS, HOST];
/// The reason in every table.
pub(super) const COLUMNS_WITH_REASON: &[Column] = &[STATE, RTT, reason!(wide: false), ATTEMPTS, HOST];
