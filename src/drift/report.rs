//! The findings of a look as an agent reports them: within the limits of a report.

use std::collections::BTreeSet;
use std::time::Duration;

use super::source::hides_owners;
use super::{DriftItem, DriftLook};
use crate::clean::{Untrusted, clean};
use crate::model::{
    DriftReport, MAX_REPORT_BYTES, MAX_REPORT_FINDINGS, MAX_REPORT_GAPS, MAX_REPORT_TEXT_BYTES, PartialError,
    ReportedFinding,
};

/// The report of an agent. `items` are confirmed, and `look` is the last one: what it could not read is a gap.
pub fn report_of(host: &str, interval: Duration, items: &[DriftItem], look: &DriftLook) -> DriftReport {
    let mut findings: Vec<ReportedFinding> = Vec::new();
    let (mut ids, mut bytes, mut omitted) = (BTreeSet::new(), 0, 0_usize);
    for finding in items.iter().filter_map(reported) {
        let fits = findings.len() < MAX_REPORT_FINDINGS && bytes + finding.bytes() <= MAX_REPORT_BYTES;
        if fits && ids.insert(finding.id.clone()) {
            bytes += finding.bytes();
            findings.push(finding);
        } else {
            omitted += 1;
        }
    }

    let mut gaps: Vec<String> = Vec::new();
    if omitted > 0 {
        gaps.push(format!("{omitted} findings do not fit a report"));
    }
    let unread = look.errors.iter().chain(look.limits.iter().filter(|_| hides_owners(items)));
    gaps.extend(unread.map(gap));
    gaps.truncate(MAX_REPORT_GAPS);
    DriftReport { host: host.to_owned(), interval, gaps, findings }
}

fn gap(error: &PartialError) -> String {
    bounded(&format!("cannot {}: {}", error.operation, error.cause))
}

/// The finding of an item, if it has one.
fn reported(item: &DriftItem) -> Option<ReportedFinding> {
    let finding = item.finding.as_ref()?;
    let mut reported = ReportedFinding::default();
    let prefix = format!("{}/", super::item::SOURCE);
    reported.id = bounded(item.id.strip_prefix(&prefix).unwrap_or(&item.id));
    reported.code.push_str(finding.code());
    reported.text = bounded(&finding.text.to_string());
    reported.service = raw(item.service.as_ref());
    reported.namespace = raw(item.namespace.as_ref());
    reported.instance = raw(item.detail.instance.as_ref());
    reported.address = item.endpoint.as_ref().map(|endpoint| bounded(&endpoint.to_string()));
    reported.registry = raw(item.detail.registry.as_ref());
    reported.holder = item.detail.holder.as_ref().map(|holder| bounded(&holder.to_string()));
    reported.command = raw(item.detail.command.as_ref());
    reported.since = item.detail.since;
    Some(reported)
}

/// A text of a report, if there is one.
fn raw(text: Option<&Untrusted>) -> Option<String> {
    text.map(|text| bounded(text.as_raw())).filter(|text| !text.is_empty())
}

/// A text that a report takes: without control characters, and not too long.
fn bounded(text: &str) -> String {
    let mut text = clean(text);
    text.truncate(text.floor_char_boundary(MAX_REPORT_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::compare;
    use crate::drift::tests::{input, listener, registered, reply};

    fn look(count: u16) -> DriftLook {
        let mut input = input();
        for at in 0..count {
            input.registries[0].endpoints.push(registered("web", &format!("w{at}"), "10.0.0.5", 1000 + at));
        }
        input.listeners.push(listener("10.0.0.5", 80, "\u{1b}[2Jevil"));
        reply(&mut input);
        DriftLook { input, errors: Vec::new(), limits: Vec::new() }
    }

    fn report(look: &DriftLook) -> DriftReport {
        report_of("web1", Duration::from_secs(10), &compare(&look.input), look)
    }

    #[test]
    fn a_report_has_every_finding_and_a_registry_takes_it() {
        let mut look = look(3);
        look.errors.push(PartialError { operation: "list".into(), cause: "refused\u{7}".into(), hint: String::new() });
        let report = report(&look);
        assert_eq!(report.problem(), None, "{report:?}");
        let codes: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        let counts = ["drift-not-listening", "drift-unregistered"]
            .map(|code| codes.iter().filter(|known| **known == code).count());
        assert_eq!(counts, [3, 1], "{codes:?}");
        let first = report.findings.iter().find(|finding| finding.instance.is_some()).unwrap();
        assert_eq!((first.service.as_deref(), first.address.as_deref()), (Some("web"), Some("10.0.0.5:1000")));
        assert!(first.id.starts_with("drift-not-listening/") && report.gaps.len() == 1);
        assert!(!serde_json::to_string(&report).unwrap().contains("\\u001b"));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let report = report(&look(700));
        assert_eq!(report.problem(), None);
        assert!(report.findings.len() <= MAX_REPORT_FINDINGS);
        assert_eq!(report.gaps, [format!("{} findings do not fit a report", 701 - report.findings.len())]);
    }
}
