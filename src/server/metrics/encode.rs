//! The shapes of metrics, as the encoder takes them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use crate::server::histogram::Times;

/// No metric has exemplars.
type NoExemplar<'e> = Option<&'e Exemplar<Labels<'e>, u64>>;
/// Names of labels with their values.
pub(super) type Labels<'l> = Vec<(&'l str, &'l str)>;

/// A gauge without labels.
pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl EncodeGaugeValue + Copy,
) -> fmt::Result {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

/// A counter without labels. The encoder adds `_total` to its name.
pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    count: impl EncodeCounterValue + Copy,
) -> fmt::Result {
    encoder.encode_descriptor(name, help, None, MetricType::Counter)?.encode_counter(&count, NoExemplar::None)
}

/// A counter or gauge with one label.
pub(super) fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let is_counter = matches!(kind, MetricType::Counter);
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (value, count) in values {
        let labels = vec![(label, *value)];
        if is_counter {
            count_of(&mut metric, &labels, *count)?;
        } else {
            metric.encode_family(&labels)?.encode_gauge(count)?;
        }
    }
    Ok(())
}

/// One counter of a family.
pub(super) fn count_of(metric: &mut MetricEncoder<'_>, labels: &Labels<'_>, count: u64) -> fmt::Result {
    metric.encode_family(labels)?.encode_counter(&count, NoExemplar::None)
}

/// A histogram without labels.
pub(super) fn histogram(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, times: &Times) -> fmt::Result {
    let (sum, buckets) = times.read();
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<Labels<'_>>(sum, count(&buckets), &buckets, None)
}

/// One histogram of a family; nothing if it has no values.
pub(super) fn histogram_of(metric: &mut MetricEncoder<'_>, labels: &Labels<'_>, times: &Times) -> fmt::Result {
    let (sum, buckets) = times.read();
    match count(&buckets) {
        0 => Ok(()),
        count => metric.encode_family(labels)?.encode_histogram::<Labels<'_>>(sum, count, &buckets, None),
    }
}

fn count(buckets: &[(f64, u64)]) -> u64 {
    buckets.iter().map(|(_, count)| count).sum()
}

/// The counts of this moment.
pub(super) fn values<const N: usize>(counts: &[AtomicU64; N]) -> [u64; N] {
    counts.each_ref().map(|count| count.load(Ordering::Relaxed))
}

/// Asserts at compile time that label sets are what the encoder takes.
const _: fn() = || {
    fn is_label_set<L: EncodeLabelSet>() {}
    is_label_set::<Labels<'static>>();
};
