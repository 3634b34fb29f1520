//! The columns of a scanned port.

use crate::model::{Column, ColumnVisibility, ScanDetail};

macro_rules! column {
    ($name:literal, $shown:ident, |$detail:ident, $out:ident| $cell:expr) => {
        Column { number: None, ..column!($name, $shown, |$detail, $out| $cell, number $cell) }
    };
    ($name:literal, $shown:ident, |$detail:ident, $out:ident| $cell:expr, number $number:expr) => {
        Column {
            name: $name,
            shown: ColumnVisibility::$shown,
            cut: false,
            label: false,
            cell: |service, _, $out| match service.detail.downcast_ref::<ScanDetail>() {
                Some($detail) => $cell,
                None => Ok(()),
            },
            number: Some(|service, _, $out| match service.detail.downcast_ref::<ScanDetail>() {
                Some($detail) => $number,
                None => Ok(()),
            }),
        }
    };
}

const STATE: Column = column!("state", Always, |detail, out| out.write_str(detail.state.as_str()));
// In milliseconds.
const RTT: Column = column!(
    "rtt",
    Always,
    |detail, out| match detail.rtt {
        Some(rtt) => write!(out, "{}.{:03}ms", rtt.as_millis(), rtt.as_micros() % 1000),
        None => Ok(()),
    },
    number match detail.rtt {
        Some(rtt) => write!(out, "{}.{:03}", rtt.as_millis(), rtt.as_micros() % 1000),
        None => Ok(()),
    }
);
const ATTEMPTS: Column = column!("attempts", Wide, |detail, out| write!(out, "{}", detail.attempts));
const HOST: Column = column!("host", WhereFilled, |detail, out| match &detail.host {
    Some(host) => write!(out, "{host}"),
    None => Ok(()),
});

const REVERSE_NAME: Column = column!("reverse_name", WhereFilled, |detail, out| match &detail.reverse_name {
    Some(name) => write!(out, "{name}"),
    None => Ok(()),
});

const MAC: Column = column!("mac", Wide, |detail, out| match &detail.mac {
    Some(mac) => write!(out, "{mac}"),
    None => Ok(()),
});

const VENDOR: Column = column!("vendor", Wide, |detail, out| match &detail.vendor {
    Some(vendor) => write!(out, "{vendor}"),
    None => Ok(()),
});

macro_rules! reason {
    ($shown:ident) => {
        column!("reason", $shown, |detail, out| out.write_str(detail.reason.as_str()))
    };
}

/// The reason in wide tables only.
pub(super) const COLUMNS: &[Column] = &[STATE, RTT, reason!(Wide), ATTEMPTS, HOST, REVERSE_NAME, MAC, VENDOR];
/// The reason in every table.
pub(super) const COLUMNS_WITH_REASON: &[Column] =
    &[STATE, RTT, reason!(Always), ATTEMPTS, HOST, REVERSE_NAME, MAC, VENDOR];
