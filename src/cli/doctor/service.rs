//! Three recipes for one service: is it registered, why are its checks failing, and which instances get calls.

use std::time::Duration;

use super::diagnosis::{Diagnosis, counted};
use crate::clean::clean;
use crate::client::{HealthRequest, InstanceHealth, Registry};
use crate::error::{Error, Result, nearest};
use crate::model::{Endpoint, HealthState, Listing, Service};
use crate::source::collect;

/// The most instances that get a line of their own.
const MAX_LISTED: usize = 10;

/// Follows the recipes.
pub(super) async fn diagnose(registry: &Registry, name: &str, limit: Duration) -> Vec<Diagnosis> {
    let listing = match within(limit, registry.services_named(name)).await {
        Ok(listing) => listing,
        Err(error) => return vec![Diagnosis::unknown("registered", error.to_string(), error.hint())],
    };
    let endpoints: Vec<&Endpoint> = listing.services.iter().flat_map(|service| &service.endpoints).collect();
    if endpoints.is_empty() {
        return vec![absent(registry, name, limit).await];
    }

    let registered = format!("{} has {}", clean(name), counted(endpoints.len(), "instance"));
    let mut found = vec![Diagnosis::ok("registered", registered)];
    found.extend(checks(registry, name, limit).await);
    found.push(calls(&endpoints));
    found
}

/// What is said of a service whose registry could not be asked.
pub(super) fn without_registry(name: &str) -> Diagnosis {
    let text = format!("whether {} is registered is unknown: the registry cannot be read", clean(name));
    Diagnosis::unknown("registered", text, "fix what the line `registry` reports first")
}

async fn within<T>(limit: Duration, request: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, request).await.unwrap_or_else(|_| {
        Err(Error::TimedOut {
            what: "ask the registry".to_owned(),
            why: format!("it did not reply within {} s", limit.as_secs_f64()),
            hint: "wait longer with --timeout".to_owned(),
        })
    })
}

/// A service that is not registered, with the name that may be meant.
async fn absent(registry: &Registry, name: &str, limit: Duration) -> Diagnosis {
    let all = match registry.source() {
        Ok(source) => within(limit, collect(&*source)).await.ok(),
        Err(_) => None,
    };
    let names = all.as_ref().map(names).unwrap_or_default();
    let near = nearest(name, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    let hint = format!(
        "{near}its program must register it and send heartbeats: `portolan register {name} --port PORT` does both; the log \
         of the server names refused registrations"
    );
    Diagnosis::fail("registered", format!("no service has the name {}", clean(name)), hint)
}

fn names(listing: &Listing) -> Vec<String> {
    let names = listing.services.iter().filter_map(|service: &Service| service.name.as_ref());
    names.map(|name| name.as_raw().to_owned()).collect()
}

/// Why the checks of instances fail.
async fn checks(registry: &Registry, name: &str, limit: Duration) -> Vec<Diagnosis> {
    let label = "checks";
    let report = match within(limit, registry.health(HealthRequest::Show(name))).await {
        Ok(Some(report)) => report,
        Ok(None) => return vec![Diagnosis::unknown(label, "the registry has no results of its checks", "")],
        Err(error) => return vec![Diagnosis::unknown(label, error.to_string(), error.hint())],
    };
    let count = report.instances.len();

    let bad: Vec<&InstanceHealth> = report.instances.iter().filter(|one| one.health != HealthState::Healthy).collect();
    if bad.is_empty() {
        let text = if count == 1 {
            "the instance is healthy".to_owned()
        } else {
            format!("all {count} instances are healthy")
        };
        return vec![Diagnosis::ok(label, text)];
    }
    bad.iter().take(MAX_LISTED).map(|instance| instance_line(instance)).collect()
}

fn instance_line(instance: &InstanceHealth) -> Diagnosis {
    let host =
        if instance.address.contains(':') { format!("[{}]", instance.address) } else { instance.address.clone() };
    let reasons =
        if instance.reasons.is_empty() { "no reason is known".to_owned() } else { instance.reasons.join("; ") };
    let text = format!("{host}:{} is {}: {reasons}", instance.port, instance.health.as_str());
    // An address and a port alone would only be connected to.
    let hint = format!(
        "`portolan health show {}` has the findings; `portolan validate URL`, with the path of its check, repeats it from here",
        instance.id
    );

    match instance.health {
        HealthState::Unhealthy => Diagnosis::fail("checks", text, hint),
        HealthState::Unknown => Diagnosis::unknown("checks", text, hint),
        HealthState::Degraded | HealthState::Healthy => Diagnosis::warn("checks", text, hint),
    }
}

/// Which instances get calls.
fn calls(endpoints: &[&Endpoint]) -> Diagnosis {
    let (all, label) = (endpoints.len(), "calls");
    let usable: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.is_usable()).collect();
    if usable.is_empty() {
        let hint =
            "fix what the checks above report, or end the maintenance with `portolan services update --status up`";
        return Diagnosis::fail(label, "no instance gets calls", hint);
    }
    if usable.iter().all(|endpoint| endpoint.weight == Some(0)) {
        let hint = "raise a weight with `portolan services update --weight`";
        return Diagnosis::warn(label, "every instance that may get calls has the weight 0", hint);
    }

    let verb = if usable.len() == 1 { "gets" } else { "get" };
    let text = format!("{} of {} {verb} calls", usable.len(), counted(all, "instance"));
    if usable.len() == all {
        return Diagnosis::ok(label, text);
    }
    Diagnosis::warn(
        label,
        text,
        "the others are unhealthy, draining or in maintenance: `portolan services list` shows it",
    )
}
