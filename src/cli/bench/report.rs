//! What a run measured, as text, JSON or CSV.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::latencies::LatencyFigures;

/// What a run measured. Times of the settings are in milliseconds, those of the figures in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct BenchReport {
    pub(super) schema: &'static str,
    pub(super) scenario: &'static str,
    pub(super) server: String,
    /// `open` or `closed`.
    pub(super) r#loop: &'static str,
    /// Requests a second that were planned; `None` in a closed loop.
    pub(super) rate: Option<u32>,
    pub(super) warm_up_ms: u64,
    pub(super) duration_ms: u64,
    pub(super) connections: usize,
    pub(super) instances: u64,
    pub(super) watchers: usize,
    /// Requests that were to be measured.
    pub(super) planned: Option<u64>,
    /// Requests that got the right reply.
    pub(super) answered: u64,
    pub(super) failed: u64,
    /// Requests that were planned and not sent, because the server did not keep up, or after a signal.
    pub(super) unsent: u64,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) answered_per_second: f64,
    /// From the planned time to the end of the reply; in a closed loop from the time of sending.
    pub(super) latency: LatencyFigures,
    /// From the planned time to the time of sending.
    pub(super) send_delay: LatencyFigures,
    /// From the planned time of a write to the first and the last watcher that learned of it.
    pub(super) first_watcher: Option<LatencyFigures>,
    pub(super) last_watcher: Option<LatencyFigures>,
}

/// A row of CSV.
#[derive(Serialize)]
struct CsvRow<'r> {
    scenario: &'r str,
    server: &'r str,
    r#loop: &'r str,
    rate: Option<u32>,
    warm_up_ms: u64,
    duration_ms: u64,
    connections: usize,
    instances: u64,
    watchers: usize,
    answered: u64,
    failed: u64,
    unsent: u64,
    answered_per_second: f64,
    mean_us: f64,
    p50_us: f64,
    p90_us: f64,
    p95_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    send_delay_p99_us: f64,
    last_watcher_p50_us: Option<f64>,
    last_watcher_p99_us: Option<f64>,
}

impl BenchReport {
    /// Whether every planned request got the right reply.
    pub(super) fn is_complete(&self) -> bool {
        self.failed == 0 && self.unsent == 0
    }

    pub(super) fn write_csv(&self, out: &mut (dyn Write + Send)) -> io::Result<()> {
        let LatencyFigures { mean_us, p50_us, p90_us, p95_us, p99_us, p999_us, max_us, count: _ } = self.latency;
        let mut writer = csv::Writer::from_writer(out);
        writer.serialize(CsvRow {
            scenario: self.scenario,
            server: &self.server,
            r#loop: self.r#loop,
            rate: self.rate,
            warm_up_ms: self.warm_up_ms,
            duration_ms: self.duration_ms,
            connections: self.connections,
            instances: self.instances,
            watchers: self.watchers,
            answered: self.answered,
            failed: self.failed,
            unsent: self.unsent,
            answered_per_second: self.answered_per_second,
            mean_us,
            p50_us,
            p90_us,
            p95_us,
            p99_us,
            p999_us,
            max_us,
            send_delay_p99_us: self.send_delay.p99_us,
            last_watcher_p50_us: self.last_watcher.map(|figures| figures.p50_us),
            last_watcher_p99_us: self.last_watcher.map(|figures| figures.p99_us),
        })?;
        writer.flush()
    }

    pub(super) fn write_text(&self, out: &mut (dyn Write + Send)) -> io::Result<()> {
        let pace = match self.rate {
            Some(rate) => format!("open loop, {rate} requests/s"),
            None => "closed loop: a server that stalls delays the next request, which no latency shows".to_owned(),
        };
        writeln!(out, "{} at {}, {pace}", self.scenario, self.server)?;
        writeln!(
            out,
            "  {} connections, {} s after {} s of warm-up",
            self.connections,
            seconds(self.duration_ms),
            seconds(self.warm_up_ms)
        )?;

        let unsent = if self.unsent > 0 { format!(", {} not sent", self.unsent) } else { String::new() };
        let rate = format!("{:.1}/s", self.answered_per_second);
        writeln!(out, "  {:<14} {}, {rate}; {} failed{unsent}", "answered", self.answered, self.failed)?;
        for (reason, count) in &self.errors {
            writeln!(out, "  {:<14} {count} x {reason}", "failure")?;
        }
        write_figures(out, "latency", &self.latency)?;
        write_figures(out, "send delay", &self.send_delay)?;
        let watchers = [("first watcher", self.first_watcher), ("last watcher", self.last_watcher)];
        watchers.iter().filter_map(|(label, figures)| Some((label, figures.as_ref()?))).try_for_each(
            |(label, figures)| {
                let label = if self.watchers == 1 { "watcher" } else { label };
                write_figures(out, label, figures)
            },
        )
    }
}

fn write_figures(out: &mut (dyn Write + Send), label: &str, figures: &LatencyFigures) -> io::Result<()> {
    if figures.count == 0 {
        return writeln!(out, "  {label:<14} nothing was measured");
    }
    let texts = [
        ("p50", figures.p50_us),
        ("p90", figures.p90_us),
        ("p95", figures.p95_us),
        ("p99", figures.p99_us),
        ("p99.9", figures.p999_us),
        ("max", figures.max_us),
    ];
    let texts: Vec<String> = texts.iter().map(|(name, micros)| format!("{name} {:.2}", micros / 1e3)).collect();
    writeln!(out, "  {label:<14} {} ms", texts.join("  "))
}

fn seconds(millis: u64) -> String {
    format!("{}", std::time::Duration::from_millis(millis).as_secs_f64())
}
