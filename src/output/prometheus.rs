//! Health in the Prometheus text format 0.0.4, for the node exporter's textfile collector and push gateways.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::clean::clean;
use crate::model::{Completeness, DriftDetail, Figures, Service};

pub(super) struct Prometheus<'w> {
    out: &'w mut (dyn Write + Send),
    samples: [String; FAMILIES.len()],
    /// The series that have a sample.
    series: HashSet<String>,
}

/// Metrics and their help texts. All samples of a metric are written together.
const FAMILIES: [(&str, &str); 10] = [
    ("portolan_endpoint_health_score", "Health score of an endpoint, 0 to 100; absent if no check could run."),
    ("portolan_endpoint_health_uncapped_score", "The score if no finding set a cap."),
    ("portolan_endpoint_health_complete", "Whether every requested check could run."),
    ("portolan_endpoint_finding_points", "Points that a finding deducts."),
    ("portolan_service_health_score", "Health score of a service, from its endpoints, 0 to 100."),
    ("portolan_listing_complete", "Whether the listing is complete."),
    ("portolan_endpoint_latency_seconds", "Median latency of a phase: name, connect, tls, first_byte, total."),
    ("portolan_endpoint_http_status", "Status of the last HTTP reply."),
    ("portolan_endpoint_certificate_days", "Whole days until the certificate expires; negative if it has expired."),
    ("portolan_drift", "A difference between a registry and this machine; 1 while it lasts."),
];

impl<'w> Prometheus<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), _page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, samples: Default::default(), series: HashSet::new() })
    }

    /// Writes a sample, unless its series has one: Prometheus refuses the second.
    fn sample(&mut self, family: usize, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let (samples, mut text) = (&mut self.samples[family], FAMILIES[family].0.to_owned());
        for (at, (label, value)) in labels.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{label}=\"", if at == 0 { '{' } else { ',' });
            for c in value.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    c => text.push(c),
                }
            }
            text.push('"');
        }

        text.push_str(if labels.is_empty() { "" } else { "}" });
        if self.series.insert(text.clone()) {
            let _ = writeln!(samples, "{text} {value}");
        }
    }
}

impl Prometheus<'_> {
    /// The finding of an item that compares a registry with this machine.
    fn drift(&mut self, service: &Service, detail: &DriftDetail) {
        let Some(finding) = service.findings.first() else { return };
        let name = service.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let place = service.endpoints.first().map(ToString::to_string).unwrap_or_default();
        let texts = [&detail.registry, &detail.instance];
        let [registry, instance] = texts.map(|text| text.as_ref().map(ToString::to_string).unwrap_or_default());

        let code = clean(finding.code());
        let labels = [
            ("code", code.as_str()),
            ("name", &name),
            ("endpoint", &place),
            ("registry", &registry),
            ("instance_id", &instance),
        ];
        self.sample(9, &labels, 1);
    }

    fn figures(&mut self, labels: &[(&str, &str)], figures: &Figures) {
        for (phase, us) in figures.latency_us.phases() {
            if let Some(us) = us {
                let labels: Vec<_> = labels.iter().copied().chain([("phase", phase)]).collect();
                self.sample(6, &labels, format_args!("{}.{:06}", us / 1_000_000, us % 1_000_000));
            }
        }
        if let Some(status) = figures.http_status {
            self.sample(7, labels, status);
        }
        if let Some(days) = figures.certificate_days {
            self.sample(8, labels, days);
        }
    }
}

/// The labels that the user gave the service, with names that Prometheus takes and that are not portolan's own.
fn labels(service: &Service) -> Vec<(String, String)> {
    const OWN: [&str; 7] = ["id", "name", "source", "endpoint", "port_name", "code", "phase"];
    let mut labels: Vec<(String, String)> = Vec::new();

    for (name, value) in service.detail.labels().into_iter().flatten() {
        let mut name: String = name.as_raw().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let is_reserved = name.starts_with("__") || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit());
        if is_reserved || OWN.contains(&name.as_str()) {
            name.insert_str(0, "label_");
        }
        if labels.iter().all(|(other, _)| *other != name) {
            labels.push((name, value.to_string()));
        }
    }
    labels
}

impl Format for Prometheus<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        let (id, source) = (service.id.to_string(), clean(&service.source));
        let name = service.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut of_service = vec![("id", id.as_str()), ("name", &name), ("source", &source)];
        let given: Vec<(String, String)> = labels(service);
        of_service.extend(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));

        if let Some(detail) = service.detail.downcast_ref() {
            self.drift(service, detail);
        }
        for endpoint in &service.endpoints {
            let Some(health) = &endpoint.health else { continue };
            let at = endpoint.to_string();
            let port_name = endpoint.instance.as_deref().and_then(|instance| instance.port_name.as_ref());
            let port_name = port_name.map(ToString::to_string);
            let mut labels = of_service.clone();
            labels.push(("endpoint", at.as_str()));
            labels.extend(port_name.as_deref().map(|name| ("port_name", name)));
            if let (Some(score), Some(uncapped)) = (health.score, health.uncapped) {
                self.sample(0, &labels, score);
                self.sample(1, &labels, uncapped);
            }

            self.sample(2, &labels, u8::from(health.complete));
            for finding in &health.findings {
                let code = clean(finding.code());
                let labels: Vec<_> = labels.iter().copied().chain([("code", code.as_str())]).collect();
                self.sample(3, &labels, finding.points());
            }
            self.figures(&labels, &health.figures);
        }

        if let Some(score) = service.health.as_deref().and_then(|health| health.score) {
            self.sample(4, &of_service, score);
        }
        Ok(())
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        self.sample(5, &[], u8::from(end.completeness == Completeness::Complete));

        for ((name, help), samples) in FAMILIES.iter().zip(&self.samples).filter(|(_, samples)| !samples.is_empty()) {
            write!(self.out, "# HELP {name} {help}\n# TYPE {name} gauge\n{samples}")?;
        }
        Ok(())
    }
}
