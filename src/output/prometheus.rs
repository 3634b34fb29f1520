//! Health in the Prometheus text format 0.0.4, for the node exporter's textfile collector and push gateways.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::clean::clean;
use crate::model::{Completeness, Service};

pub(super) struct Prometheus<'w> {
    out: &'w mut (dyn Write + Send),
    samples: [String; FAMILIES.len()],
    /// The series that have a sample.
    series: HashSet<String>,
}

/// Metrics and their help texts. All samples of a metric are written together.
const FAMILIES: [(&str, &str); 6] = [
    ("portolan_endpoint_health_score", "Health score of an endpoint, 0 to 100; absent if no check could run."),
    ("portolan_endpoint_health_uncapped_score", "The score if no finding set a cap."),
    ("portolan_endpoint_health_complete", "Whether every requested check could run."),
    ("portolan_endpoint_finding_points", "Points that a finding deducts."),
    ("portolan_service_health_score", "Health score of a service, from its endpoints, 0 to 100."),
    ("portolan_listing_complete", "Whether the listing is complete."),
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

impl Format for Prometheus<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        let (id, source) = (service.id.to_string(), clean(&service.source));
        let name = service.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let of_service = [("id", id.as_str()), ("name", &name), ("source", &source)];

        for endpoint in &service.endpoints {
            let Some(health) = &endpoint.health else { continue };
            let at = endpoint.to_string();
            let port_name = endpoint.instance.as_deref().and_then(|instance| instance.port_name.as_ref());
            let port_name = port_name.map(ToString::to_string);
            let port_name = port_name.as_deref().map(|name| ("port_name", name));
            let labels: Vec<_> = of_service.into_iter().chain([("endpoint", at.as_str())]).chain(port_name).collect();
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
