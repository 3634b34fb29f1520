//! The machine and the versions behind the figures.

use std::fmt::Write as _;
use std::fs;

use crate::support::{output, portolan_path, tool};

pub fn today() -> String {
    jiff::Timestamp::now().to_string()[..10].to_owned()
}

/// What was measured (`title`), where, and the versions of the peers: a program and the option that tells it.
pub fn describe(title: &str, peers: &[(&str, &str)]) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split(": ").nth(1).unwrap_or("unknown").to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = memory.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let bytes = fs::metadata(portolan_path()).map_or(0, |meta| meta.len());
    let binary_mb = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6;

    let mut text = format!("{title}, {}\n", jiff::Timestamp::now().to_string().get(..16).unwrap_or_default());
    let _ = writeln!(text, "machine   {}, {cores} cores, {} GB", field("model name"), kilobytes / 1_000_000);
    let _ = writeln!(text, "kernel    {}", kernel.trim());
    // Figures of a busy machine are worth little: the load shows it.
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let _ = writeln!(text, "load      {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    let _ = writeln!(text, "portolan  {} ({:.2} MB on disk)", env!("CARGO_PKG_VERSION"), binary_mb);
    for &(name, flag) in peers {
        let out = output(tool(name).arg(flag));
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        let version = said.lines().map(str::trim).find(|line| line.contains(|c: char| c.is_ascii_digit()));
        let _ = writeln!(text, "{name:<9} {}", version.unwrap_or("unknown"));
    }
    text
}

/// Another build of portolan that is measured in the same rounds, named by `PORTOLAN_BEFORE`: whether this one became slower.
#[allow(dead_code)]
pub fn before() -> Option<String> {
    std::env::var("PORTOLAN_BEFORE").ok().filter(|path| !path.is_empty())
}
