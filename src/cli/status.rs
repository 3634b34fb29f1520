//! `portolan status`: what a registry server says of itself.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::registry::RegistryOptions;
use super::{Global, stdout};
use crate::clean::clean;
use crate::client::{CertificateStatus, ClusterMember, ImportStatus, ServerStatus};
use crate::error::Result;
use crate::model::SCHEMA;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  portolan status               the registry on this machine
  portolan status --server http://registry:7440 --json
  portolan status && ./deploy   only if it is ready";

/// Show the state of a registry that `portolan serve` runs: version, store, index, counts, uptime
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. The server answers from memory and keeps no cache: cache_entries is
/// always 0.
///
/// Exits with 1 if the server is not ready.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Serialize)]
struct StatusDocument<'s> {
    schema: &'static str,
    status: &'s ServerStatus,
}

impl Status {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan status")?;
        self.registry.run(async |registry| {
            let status = registry.status().await?;
            stdout::with_stdout(None, |out| {
                if json {
                    output::write_value(out, &StatusDocument { schema: SCHEMA, status: &status })
                } else {
                    write_text(out, &status)
                }
            })?;
            Ok(if status.ready { Exit::Done } else { Exit::ConditionFailed })
        })
    }
}

fn write_text(out: &mut (dyn Write + Send), status: &ServerStatus) -> io::Result<()> {
    let ready = if status.ready { "ready" } else { "not ready" };
    writeln!(out, "portolan {} is {}, {ready}", clean(&status.version), clean(&status.status))?;

    let store = if status.store.healthy { "" } else { ", which did not keep the last write" };
    let (health, rules) = (status.health, status.registration);
    let lines = [
        ("node", format!("{} of cluster {}", clean(&status.node), clean(&status.cluster))),
        ("uptime", uptime(status.uptime_seconds)),
        ("store", format!("{}{store}", clean(&status.store.kind))),
        ("index", format!("{}, history {}", status.index, clean(&status.epoch))),
        ("services", status.services.to_string()),
        (
            "instances",
            format!(
                "{}: {} healthy, {} degraded, {} unhealthy, {} unknown",
                status.instances, health.healthy, health.degraded, health.unhealthy, health.unknown
            ),
        ),
        ("protected services", status.protected_services.to_string()),
        ("connections", status.connections.to_string()),
        ("event streams", format!("{}, events kept: {}", status.event_streams, status.kept_events)),
        ("queued writes", status.queued_writes.to_string()),
        (
            "leases",
            format!(
                "{} s, renewed every {} s, {} s of grace",
                rules.default_ttl, rules.heartbeat_interval, rules.grace_period
            ),
        ),
        ("off", clean(&status.off.join(", "))),
    ];
    let certificate = status.certificate.as_ref().map(|certificate| ("certificate", certificate_text(certificate)));
    lines.iter().chain(&certificate).try_for_each(|(label, value)| writeln!(out, "  {label:<18}  {value}"))?;
    status.servers.iter().try_for_each(|server| {
        writeln!(out, "  {:<18}  {}", format!("server {}", clean(&server.node)), server_text(server))
    })?;
    status.imports.iter().try_for_each(|import| {
        writeln!(out, "  {:<18}  {}", format!("import {}", clean(&import.name)), import_text(import))
    })
}

/// `expires 2027-03-01T00:00:00Z, in 33 d 4 h 0 min 0 s`.
fn certificate_text(certificate: &CertificateStatus) -> String {
    let expires = clean(&certificate.expires);
    match u64::try_from(certificate.expires_in_seconds) {
        Ok(seconds) => format!("expires {expires}, in {}", uptime(seconds)),
        Err(_) => format!("expired {expires}"),
    }
}

/// `stale for 12 s: 3 instances of consul://10.0.0.5:8500, cannot list the services: connection refused`.
fn import_text(import: &ImportStatus) -> String {
    let age = import.age_seconds.filter(|_| import.state == "stale");
    let age = age.map_or_else(String::new, |age| format!(" for {age:.0} s"));
    let noun = if import.instances == 1 { "instance" } else { "instances" };
    let parts = [
        Some(format!("{}{age}: {} {noun} of {}", clean(&import.state), import.instances, clean(&import.place))),
        (import.held > 0).then(|| format!("{} no longer listed", import.held)),
        (import.skipped > 0).then(|| format!("{} cannot be imported", import.skipped)),
        (import.faults > 1).then(|| format!("{} parts cannot be read", import.faults)),
        import.error.as_deref().map(clean),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `health checks: 12, changes behind: 0`.
fn server_text(server: &ClusterMember) -> String {
    let checks = server.checks.map_or_else(|| "off".to_owned(), |count| count.to_string());
    format!("health checks: {checks}, changes behind: {}", server.behind)
}

/// `2 d 3 h 4 min 5 s`, from the first unit that is not 0 on.
fn uptime(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let parts: Vec<String> = parts.iter().skip(first).map(|(count, unit)| format!("{count} {unit}")).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_begins_with_its_largest_unit() {
        let texts = [0, 59, 3_600, 183_845].map(uptime);
        assert_eq!(texts, ["0 s", "59 s", "1 h 0 min 0 s", "2 d 3 h 4 min 5 s"]);
    }
}
