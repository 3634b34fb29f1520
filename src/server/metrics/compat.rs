//! `--compat-metrics`: six figures once more, under the names `service_discovery_*` that older dashboards read. Some of these
//! names break the rules of Prometheus (a gauge with `_total`, a counter without), which is why they are off by default.

use std::fmt::{self, Write};

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::encode::{count_of, gauge};
use super::{Gauges, Metrics, requests};

/// How often an instance was named first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct PickCount {
    pub(in crate::server) service: String,
    pub(in crate::server) instance: String,
    pub(in crate::server) count: u64,
}

/// The figures that the encoder can write.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, metrics: &Metrics, gauges: Gauges) -> fmt::Result {
    // A registration is what these names call a service.
    let registered: u64 = gauges.instances.iter().sum();
    let [healthy, ..] = gauges.instances;
    gauge(encoder, "service_discovery_services_total", "Registered instances", registered)?;
    gauge(encoder, "service_discovery_healthy_services", "Healthy instances", healthy)?;

    let help = "Finished checks by kind and result";
    let name = "service_discovery_health_checks";
    let mut checks = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (kind, result, count) in metrics.checks.finished() {
        count_of(&mut checks, &vec![("kind", kind), ("result", result)], count)?;
    }
    let names = ["service_discovery_requests", "service_discovery_request_duration_seconds"];
    requests::encode(encoder, &metrics.routes, names)
}

/// The counter whose name has no `_total`, which the encoder would add.
pub(super) fn write_picks(text: &mut String, picks: &[PickCount]) -> fmt::Result {
    let name = "service_discovery_load_balancer_requests";
    writeln!(text, "# HELP {name} Replies of discover by the instance that they named first")?;
    writeln!(text, "# TYPE {name} counter")?;
    for PickCount { service, instance, count } in picks {
        writeln!(text, "{name}{{service=\"{}\",instance=\"{}\"}} {count}", escaped(service), escaped(instance))?;
    }
    Ok(())
}

/// A value of a label, as the text format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_label() {
        let picks = [PickCount { service: "a\"} 9\nb\\".to_owned(), instance: "i".to_owned(), count: 3 }];
        let mut text = String::new();
        write_picks(&mut text, &picks).unwrap();
        let last = "service_discovery_load_balancer_requests{service=\"a\\\"} 9\\nb\\\\\",instance=\"i\"} 3";
        assert_eq!(text.lines().last(), Some(last));
    }
}
