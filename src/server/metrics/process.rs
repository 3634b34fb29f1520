//! Figures of the server's process, with the names that Prometheus's own clients use.

use std::fmt;
use std::fs;

use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};

use super::encode::{counter, gauge};

/// What `/proc` says of this process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ProcessFigures {
    cpu_seconds: f64,
    threads: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
    /// Since the machine started, in seconds.
    started: f64,
}

/// Writes what can be read; a figure that cannot is left out.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the folder takes one itself.
        let open = open.count().saturating_sub(1) as u64;
        gauge(encoder, "process_open_fds", "Open file descriptors", open)?;
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        gauge(encoder, "process_max_fds", "Maximum number of open file descriptors", max)?;
    }

    let Some(figures) = figures() else { return Ok(()) };
    counter(encoder, "process_cpu_seconds", "Processor time, user and system", figures.cpu_seconds)?;
    gauge(encoder, "process_threads", "Threads", figures.threads)?;
    gauge(encoder, "process_virtual_memory_bytes", "Virtual memory", figures.virtual_bytes)?;
    gauge(encoder, "process_resident_memory_bytes", "Resident memory", figures.resident_bytes)?;
    match boot_time() {
        Some(boot) => {
            let help = "Start of the process, in seconds since 1970";
            gauge(encoder, "process_start_time_seconds", help, boot + figures.started)
        }
        None => Ok(()),
    }
}

/// The resident memory of this process, if it can be read.
pub(in crate::server) fn resident_bytes() -> Option<u64> {
    figures().map(|figures| figures.resident_bytes)
}

fn figures() -> Option<ProcessFigures> {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    parse(&stat, ticks, rustix::param::page_size() as u64)
}

/// When the machine started, in seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The figures of a line of `/proc/PID/stat` (proc(5)). The name of the process may hold blanks and parentheses.
fn parse(stat: &str, ticks: u64, page_bytes: u64) -> Option<ProcessFigures> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // The state, the third field, is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();

    Some(ProcessFigures {
        cpu_seconds: seconds(field(14)? + field(15)?, ticks),
        threads: field(20)?,
        started: seconds(field(22)?, ticks),
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * page_bytes,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a process does not run for 2^53 ticks")]
fn seconds(ticks: u64, per_second: u64) -> f64 {
    ticks as f64 / per_second as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_moves_no_field() {
        let stat =
            "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 9 0 1234 1000000 25 18446744073709551615";
        let wanted = ProcessFigures {
            cpu_seconds: 2.0,
            threads: 9,
            started: 12.34,
            virtual_bytes: 1_000_000,
            resident_bytes: 25 * 4_096,
        };
        assert_eq!(parse(stat, 100, 4_096), Some(wanted));
        assert_eq!(parse("7 (a) S 1", 100, 4_096), None);
    }
}
